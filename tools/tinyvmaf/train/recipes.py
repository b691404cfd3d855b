"""A recipe: everything that decides what a student becomes, as one TOML file. The same recipe gives the same file."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tinyvmaf.data.opinions import Opinions
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home, sha256
from tinyvmaf.train.students import ARCHITECTURES, ON_GRID, Architecture, Grid, StudentError, architecture
from tinyvmaf.vmaf.teacher import KNOWN

Method = Literal["B1", "B1f", "B2", "B3"]

PROMISES: Final[Mapping[str, tuple[str, str, str]]] = {
    "frame_rmse": ("RMSE of frames, held-out sources", "at most", "VMAF points"),
    "frame_max_error": ("largest error of a frame, held-out sources", "at most", "VMAF points"),
    "frame_plcc": ("PLCC of frames, held-out sources", "at least", ""),
    "worst_difference": ("largest difference from the teacher found in its domain", "at most", "VMAF points"),
}
"""What a recipe may promise: the metric in words, on which side of its bound it must lie, and its unit."""


class RecipeError(TinyvmafError):
    """A recipe is missing, is not TOML, or does not say what it must."""


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    properties = dict(required) | dict(optional or {})
    return {"type": "object", "required": list(required), "additionalProperties": False, "properties": properties}


_COUNT: Final = {"type": "integer", "minimum": 1}
_SEED: Final = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_POSITIVE: Final = {"type": "number", "exclusiveMinimum": 0}
_NOT_NEGATIVE: Final = {"type": "number", "minimum": 0}

_OPTIMISERS: Final[Mapping[str, dict[str, Any]]] = {
    "adam": _object(
        {"name": {}, "steps": _COUNT, "batch": _COUNT, "learning_rate": _POSITIVE},
        {"schedule": {"enum": ["cosine", "constant"]}, "weight_decay": _NOT_NEGATIVE},
    ),
    "levenberg_marquardt": _object(
        {"name": {}, "steps": _COUNT, "batch": _COUNT},
        {"searches": _COUNT, "decay": {"type": "array", "minItems": 1, "items": _NOT_NEGATIVE}},
    ),
    "least_squares": _object({"name": {}, "steps": _COUNT}),
}

RECIPE_SCHEMA: Final[dict[str, Any]] = _object(
    {
        "summary": {"type": "string", "minLength": 10},
        "teacher": {"enum": list(KNOWN)},
        "method": {"enum": ["B1", "B1f", "B2", "B3"]},
        "architecture": {"enum": list(ARCHITECTURES)},
        "seeds": {"type": "array", "minItems": 1, "uniqueItems": True, "items": _SEED},
        "optimiser": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"enum": list(_OPTIMISERS)}},
        },
    },
    {
        "per": {"enum": ["frame", "clip"]},
        "frames": _COUNT,
        "precision": {"enum": ["float32", "float64"]},
        "arithmetic": {"enum": ["float32", "float64"]},
        "soft_labels_temperature": _POSITIVE,
        "domain": _object({"samples": _COUNT}),
        "grid": _object({"input_bits": _COUNT, "level_bits": _COUNT, "value_bits": _COUNT}),
        "validation": _object({"every": _COUNT, "patience": _COUNT}),
        "mos": _object(
            {"scale": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number"}}},
            {
                "start": {"enum": ["B1", "B1f"]},
                "steps": _COUNT,
                "learning_rate": _POSITIVE,
                "penalty": _NOT_NEGATIVE,
            },
        ),
        "promises": {
            "type": "object",
            "additionalProperties": False,
            "properties": dict.fromkeys(PROMISES, _POSITIVE),
        },
    },
)
"""What a recipe may say; docs/students.md explains each entry."""


@dataclass(frozen=True)
class Optimiser:
    """How the parameters are found."""

    name: str
    """`adam` (all folds and seeds at once), `levenberg_marquardt` (one after another, few and large steps), or
    `least_squares` (SciPy's, for a handful of parameters)."""
    steps: int
    batch: int = 0
    """Rows a step; of a fit per clip, clips a step."""
    learning_rate: float = 0.0
    """Of Adam, at its highest."""
    schedule: str = "cosine"
    """`cosine`: down to 0 at the last step. `constant`."""
    weight_decay: float = 0.0
    searches: int = 0
    """Levenberg-Marquardt: how often an adversarial search adds what it finds to the rows."""
    decay: tuple[float, ...] = ()
    """Levenberg-Marquardt: a layer each, what the square of a weight adds to the mean of squares; none if empty."""


@dataclass(frozen=True)
class Mos:
    """How a student is fitted to opinions."""

    scale: tuple[float, float]
    """The opinions that stand for 0 and for 100 VMAF points; the first may be the larger (DMOS)."""
    start: Literal["B1", "B1f"] = "B1f"
    """B3: how it begins."""
    steps: int = 500
    learning_rate: float = 1e-3
    penalty: float = 0.1
    """B3: weight of the squared distance from the teacher, against that from the opinions."""

    def points(self, opinions: Any) -> Any:
        """Opinions in VMAF points."""
        worst, best = self.scale
        return 100.0 * (opinions - worst) / (best - worst)

    def in_points(self, opinions: Opinions) -> dict[str, tuple[float, float]]:
        """Opinions of clips in VMAF points, each with the weight that it had."""
        return {clip: (float(self.points(mos)), weight) for clip, (mos, weight) in opinions.items()}


@dataclass(frozen=True)
class Validation:
    """Early stop on a source of the training part, which is then not trained on."""

    every: int
    """Steps between looks."""
    patience: int
    """Looks without a better error until the fit stops."""


@dataclass(frozen=True)
class Recipe:
    """A recipe, as read."""

    id: str
    """The name of its file."""
    sha256: str
    """Of its content."""
    summary: str
    teacher: str
    method: Method
    """B1: distil on a corpus' teacher scores. B1f: distil on samples of the teacher's domain. B2: fit opinions.
    B3: B1 or B1f, then opinions."""
    architecture: Architecture
    seeds: tuple[int, ...]
    optimiser: Optimiser
    per: Literal["frame", "clip"] = "frame"
    """What is held against a target: each frame's score, or the mean over a clip."""
    frames: int = 16
    """Per clip: how many of its frames a step looks at."""
    precision: Literal["float32", "float64"] = "float32"
    """Of the fit."""
    arithmetic: Literal["float32", "float64"] = "float32"
    """Of the ONNX graph."""
    soft_labels_temperature: float | None = None
    """B1: in VMAF points; the loss is then the cross entropy of `sigmoid(score / temperature)`, both ways."""
    samples: int = 0
    """B1f: rows of the domain."""
    validation: Validation | None = None
    grid: Grid | None = None
    """The grid that the fitted student is put on."""
    mos: Mos | None = None
    promises: Mapping[str, float] | None = None
    """The bounds that a model by this recipe holds itself to, by `PROMISES`."""

    @property
    def sees_clips(self) -> bool:
        """Whether a corpus takes part in the fit; if none does, one fit serves every fold."""
        return self.method in ("B1", "B2", "B3")

    @property
    def needs_mos(self) -> bool:
        """Whether it takes a file of opinions."""
        return self.method in ("B2", "B3")


def recipe_folder() -> Path:
    """Where the recipes that come along lie."""
    return home() / "model" / "recipes"


def recipe_ids() -> list[str]:
    """The names of those recipes, sorted."""
    return sorted(path.stem for path in recipe_folder().glob("*.toml"))


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe: a path, or the name of one that comes along.

    Raises:
        RecipeError: there is none; lists those that come along.
    """
    path = Path(name)
    for candidate in (path, recipe_folder() / f"{name}.toml"):
        if candidate.suffix == ".toml" and candidate.is_file():
            return candidate
    raise RecipeError(f"no recipe {str(name)!r}", hint=f"a TOML file, or one of {', '.join(recipe_ids())}")


def read_recipe(name: str | Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: missing, not TOML, not by `RECIPE_SCHEMA`, or parts that do not go together; says which.
    """
    path = find_recipe(name)
    data = path.read_bytes()
    try:
        content = tomllib.loads(data.decode())
    except ValueError as error:
        raise RecipeError(f"{path}: {error}") from error
    _validate(content, RECIPE_SCHEMA, path, "")
    _validate(content["optimiser"], _OPTIMISERS[content["optimiser"]["name"]], path, "optimiser/")
    fields = content | {
        "architecture": architecture(content["architecture"]),
        "seeds": tuple(content["seeds"]),
        "optimiser": Optimiser(**content["optimiser"] | {"decay": tuple(content["optimiser"].get("decay", ()))}),
        "samples": content.pop("domain", {}).get("samples", 0),
        "grid": _grid(content, path) if "grid" in content else None,
        "validation": Validation(**content["validation"]) if "validation" in content else None,
        "mos": Mos(**content["mos"] | {"scale": tuple(content["mos"]["scale"])}) if "mos" in content else None,
    }
    fields.pop("domain", None)
    recipe = Recipe(id=path.stem, sha256=sha256(data), **fields)
    if wrong := _contradiction(recipe) or _idle(recipe, content):
        raise RecipeError(f"{path}: {wrong}")
    return recipe


def _grid(content: Mapping[str, Any], path: Path) -> Grid:
    bits = 53 if content.get("arithmetic") == "float64" else 24
    try:
        return Grid(**content["grid"], accumulator_bits=bits)
    except StudentError as error:
        raise RecipeError(f"{path}: grid: {error.message}", hint=error.hint) from error


def _contradiction(r: Recipe) -> str | None:
    kind, optimiser = r.architecture.kind, r.optimiser.name
    starts_in_domain = r.method == "B1f" or (r.method == "B3" and r.mos is not None and r.mos.start == "B1f")
    checks = (
        (r.needs_mos and r.mos is None, f"method {r.method} needs a table [mos] with its scale"),
        (not r.needs_mos and r.mos is not None, f"method {r.method} fits no opinions: [mos] has no place"),
        (r.mos is not None and r.mos.scale[0] == r.mos.scale[1], "both ends of the scale of [mos] are the same"),
        (starts_in_domain and not r.samples, "B1f needs a table [domain] with the number of samples"),
        (not starts_in_domain and bool(r.samples), "no fit on the domain: [domain] has no place"),
        (starts_in_domain and r.method == "B1f" and r.per == "clip", "samples of the domain have no clips"),
        (starts_in_domain and r.validation is not None, "samples of the domain have no source to validate on"),
        (r.architecture.per_clip and r.per != "clip", f'architecture {r.architecture.name} needs per = "clip"'),
        (
            (kind == "reweighted") != (optimiser == "least_squares"),
            f"architecture {r.architecture.name} and optimiser {optimiser} do not go together",
        ),
        (optimiser != "adam" and r.validation is not None, f"{optimiser} has no early stop"),
        (r.per == "clip" and r.validation is not None, "early stop is by frames: it has no place per clip"),
        (optimiser != "adam" and r.soft_labels_temperature is not None, f"{optimiser} knows no soft labels"),
        (
            optimiser == "levenberg_marquardt" and r.per == "clip" and not (r.method == "B3" and starts_in_domain),
            f"{optimiser} fits frames only",
        ),
        (optimiser == "levenberg_marquardt" and r.method == "B2", f"{optimiser} fits no opinions"),
        (
            optimiser == "levenberg_marquardt" and r.method == "B3" and not starts_in_domain,
            f"{optimiser} starts B3 in the domain only",
        ),
        (optimiser == "levenberg_marquardt" and kind == "attention", f"{optimiser} knows no attention"),
        (kind == "reweighted" and r.method in ("B1f", "B3"), f"{r.architecture.name} starts as the teacher: B1 or B2"),
        (r.soft_labels_temperature is not None and r.method != "B1", "soft labels are an option of B1"),
        (
            r.grid is not None and (r.method, optimiser) != ("B1f", "levenberg_marquardt"),
            "a student is put on a grid after a fit by levenberg_marquardt on samples of the domain: method B1f",
        ),
        (
            r.grid is not None and r.architecture.activation not in ON_GRID,
            f"architecture {r.architecture.name} has no grid: only {' and '.join(ON_GRID)} units are exact on one",
        ),
        (
            r.grid is not None and r.architecture.activation == "squared_relu" and r.grid.shift != 0,
            "a square is not shortened: value_bits of [grid] must be twice level_bits",
        ),
        (
            bool(r.optimiser.decay) and len(r.optimiser.decay) != len(r.architecture.hidden) + 1,
            f"decay needs {len(r.architecture.hidden) + 1} entries, one a layer of {r.architecture.name}",
        ),
        (r.architecture.dropout > 0 and optimiser != "adam", f"{optimiser} knows no dropout"),
        (
            r.arithmetic == "float64" and r.architecture.activation == "gelu",
            "ONNX Runtime has no Erf in float64, of which GELU is made: arithmetic must be float32",
        ),
    )
    return next((text for wrong, text in checks if wrong), None)


def _idle(r: Recipe, content: Mapping[str, Any]) -> str | None:
    """An entry that would change nothing: whoever wrote it expects otherwise."""
    tuning = sorted({"start", "steps", "learning_rate", "penalty"} & set(content.get("mos", {})))
    checks = (
        ("frames" in content and r.per == "frame", 'frames has no place without per = "clip"'),
        (bool(tuning) and r.method == "B2", f"{', '.join(tuning)} of [mos] belong to B3"),
        (bool(r.optimiser.searches) and not r.samples, "searches are of the domain: there is no [domain]"),
    )
    return next((text for wrong, text in checks if wrong), None)


def _validate(content: object, schema: dict[str, Any], path: Path, prefix: str) -> None:
    import jsonschema  # slow to import, and only who reads a recipe needs it

    # JSON takes 1.0 for an integer and has no nan or inf; TOML tells 1.0 from 1, and has both.
    draft = jsonschema.Draft202012Validator
    strict = draft.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: type(value) is int or (type(value) is float and math.isfinite(value)),
        }
    )
    validator = jsonschema.validators.extend(draft, type_checker=strict)(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(content))
    if error is not None:
        at = (prefix + "/".join(map(str, error.absolute_path))).rstrip("/") or "the top"
        raise RecipeError(f"{path}: at {at}: {error.message}")
