"""Entries of a recipe that do not go together."""

from collections.abc import Collection, Iterator

from tinyvmaf.train.recipes.recipe import Recipe
from tinyvmaf.train.students import ON_GRID


def contradiction(r: Recipe, written: Collection[str]) -> str | None:
    """The first entries that do not go together, or that would change nothing; None if all is well.

    Args:
        written: the names of the entries that the file has.
    """
    arch, optimiser, mos = r.architecture, r.optimiser.name, r.mos
    marquardt, on_frames = optimiser == "levenberg_marquardt", r.per == "frame"
    starts_in_domain = r.method == "B1f" or (r.method == "B3" and mos is not None and mos.start == "B1f")
    tuning = sorted(mos.model_fields_set & {"start", "steps", "learning_rate", "penalty"}) if mos else []
    pooled = arch.kind == "pooled"
    checks = (
        (r.needs_mos and mos is None, f"method {r.method} needs a table [mos] with its scale"),
        (not r.needs_mos and mos is not None, f"method {r.method} fits no opinions: remove [mos]"),
        (starts_in_domain and not r.samples, "B1f needs a table [domain] with the number of samples"),
        (not starts_in_domain and bool(r.samples), "nothing is fitted on the domain: remove [domain]"),
        (r.method == "B1f" and not on_frames, 'samples of the domain have no clips: remove per = "clip"'),
        (
            starts_in_domain and r.validation is not None,
            "samples of the domain have no source to validate on: remove [validation]",
        ),
        (arch.per_clip and on_frames, f'architecture {arch.name} needs per = "clip"'),
        (
            (pooled or arch.kind == "reweighted") != (optimiser == "least_squares"),
            f"architecture {arch.name} and optimiser {optimiser} do not go together",
        ),
        (optimiser != "adam" and r.validation is not None, f"{optimiser} has no early stop: remove [validation]"),
        (not on_frames and r.validation is not None, 'early stop is by frames: remove [validation] or per = "clip"'),
        (optimiser != "adam" and r.soft_labels_temperature is not None, f"{optimiser} has no soft labels"),
        (
            marquardt and not on_frames and not (r.method == "B3" and starts_in_domain),
            f"{optimiser} fits frames only",
        ),
        (marquardt and r.method == "B2", f"{optimiser} fits no opinions"),
        (marquardt and r.method == "B3" and not starts_in_domain, f"{optimiser} starts B3 in the domain only"),
        (marquardt and arch.kind == "attention", f"{optimiser} has no attention"),
        (arch.kind == "reweighted" and r.method in ("B1f", "B3"), f"{arch.name} starts as the teacher: B1 or B2"),
        (pooled and r.method != "B2", f"{arch.name} is of the teacher's scores, so it fits opinions alone: B2"),
        (
            not pooled and mos is not None and "pooling" in mos.model_fields_set,
            f"architecture {arch.name} has no pooling",
        ),
        (r.soft_labels_temperature is not None and r.method != "B1", "soft labels need method B1"),
        (
            r.grid is not None and not (r.method == "B1f" and marquardt),
            "[grid] needs method B1f and optimiser levenberg_marquardt",
        ),
        (
            r.grid is not None and arch.activation not in ON_GRID,
            f"architecture {arch.name} has no grid: only {' and '.join(ON_GRID)} units are exact on one",
        ),
        (
            r.grid is not None and arch.activation == "squared_relu" and r.grid.shift != 0,
            "a square is not shortened: value_bits of [grid] must be twice level_bits",
        ),
        (
            bool(r.optimiser.decay) and len(r.optimiser.decay) != len(arch.hidden) + 1,
            f"decay needs {len(arch.hidden) + 1} entries, one for each layer of {arch.name}",
        ),
        *_of_the_interval(r),
        (arch.dropout > 0 and optimiser != "adam", f"{optimiser} has no dropout"),
        (
            r.arithmetic == "float64" and arch.activation == "gelu",
            "ONNX Runtime has no Erf in float64, of which GELU is made: arithmetic must be float32",
        ),
        ("frames" in written and on_frames, 'frames needs per = "clip"'),
        (bool(tuning) and r.method == "B2", f"{', '.join(tuning)} of [mos] needs method B3"),
        (bool(r.optimiser.searches) and not r.samples, "searches needs a table [domain]"),
    )
    return next((text for wrong, text in checks if wrong), None)


def _of_the_interval(r: Recipe) -> Iterator[tuple[bool, str]]:
    only = sorted({"stddev_rmse", "interval_rmse"} & set(r.promises or ()))
    yield r.interval is None and bool(only), f"{', '.join(only)} of [promises] needs [interval]"
    if r.interval is None:
        return
    yield r.grid is None or r.arithmetic != "float32", "[interval] needs a [grid] in float32"
    for name, one in (("stddev", r.interval.stddev), ("low", r.interval.low), ("high", r.interval.high)):
        where, layers, how = f"[interval.{name}]", one.layers, one.optimiser
        yield (
            layers.activation != r.architecture.activation,
            f"{where}: its units must be as in {r.architecture.name}",
        )
        yield how.name != "levenberg_marquardt", f"{where}: the optimiser must be levenberg_marquardt"
        yield (
            bool(how.decay) and len(how.decay) != len(layers.hidden) + 1,
            f"{where}: decay needs {len(layers.hidden) + 1} entries, one for each layer of {layers.name}",
        )
        yield name == "stddev" and bool(how.searches), f"{where}: no search knows where the standard deviation is used"
    for arch in (r.architecture, r.interval.low.layers, r.interval.high.layers):
        yield len(arch.hidden) != 1, f"{arch.name}: beside [interval.stddev], each network has one hidden layer"
