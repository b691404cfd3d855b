"""A fitted model as a candidate: ONNX file, sidecar and card, with measured values and nothing written by hand."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf.contract import tier
from tinyvmaf.distil import Domain, worst_difference
from tinyvmaf.distil.search import Scores
from tinyvmaf.engines import OnnxRuntimeCpu
from tinyvmaf.engines.choose import engines_of, exact_in_words
from tinyvmaf.fit import PROMISES, Recipe
from tinyvmaf.golden import golden_errors
from tinyvmaf.loso import FoldModel, Report
from tinyvmaf.registry import Entry, register
from tinyvmaf.teacher import Teacher

LICENCE: Final = "BSD-2-Clause-Patent"
# Seeds of the final search: others than those that a fit uses, so that a student is not judged by what it was shown.
SEARCH_SEEDS: Final = (1001, 1002, 1003)

MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "loso_frame_rmse_points": ("RMSE of frames, sources held out", "VMAF points"),
    "loso_frame_max_abs_error_points": ("max error of a frame, sources held out", "VMAF points"),
    "loso_frame_plcc": ("PLCC of frames, sources held out, mean of the sources", ""),
    "loso_frame_srocc": ("SROCC of frames, the same", ""),
    "loso_clip_rmse_points": ("RMSE of clips, sources held out", "VMAF points"),
    "loso_clip_plcc": ("PLCC of clips, sources held out, mean of the sources", ""),
    "loso_clip_srocc": ("SROCC of clips, the same", ""),
    "domain_worst_difference_points": ("worst difference from the teacher that a search of its domain found",
                                       "VMAF points"),
    "golden_frame_max_abs_error_points": ("max error against libvmaf on a frame of the golden pairs", "VMAF points"),
    "golden_clip_max_abs_error_points": ("max error against libvmaf on a clip mean of the golden pairs",
                                         "VMAF points"),
}  # fmt: skip
"""What a measured value in a sidecar is, and its unit."""


@dataclass(frozen=True)
class Origin:
    """What a candidate was made with, beside its recipe."""

    corpus: str
    """In words: what the report judges by, and what it was trained on if the recipe sees clips."""
    corpus_sha256: str | None
    command: str
    """That made it."""
    commit: str | None
    """Of the code that fitted it."""


def search(model: Scores, teacher: Teacher) -> tuple[float, list[float]]:
    """The largest difference between a model and its teacher that a search of the domain finds, and the row."""
    found = [worst_difference(model, teacher.predict, Domain(teacher.features), seed=seed) for seed in SEARCH_SEEDS]
    worst = max(found, key=lambda one: float(one.differences[0]))
    return float(worst.differences[0]), worst.rows[0].tolist()


def measure(model: FoldModel, teacher: Teacher, report: Report | None, *, per_frame: bool) -> dict[str, float]:
    """What a sidecar says was measured, by `MEANINGS`; of a correlation three digits of what it lacks to 1.

    What is not finite, as a constant model's correlation, is left out: JSON has no word for it.
    """
    engine = OnnxRuntimeCpu(model.data)
    values: dict[str, float] = {}
    for reading in ("frame", "clip"):
        if report is None or reading not in report.pooled:
            continue
        values[f"loso_{reading}_rmse_points"] = report.pooled[reading].rmse
        if reading == "frame":
            values["loso_frame_max_abs_error_points"] = report.pooled[reading].max_error
        for metric in ("plcc", "srocc"):
            values[f"loso_{reading}_{metric}"] = report.mean(reading, metric)
    if per_frame:
        values["domain_worst_difference_points"] = search(engine.run, teacher)[0]
        values |= golden_errors(engine.run, teacher)
    return {name: _rounded(value, name.endswith("cc")) for name, value in values.items() if math.isfinite(value)}


def write_candidate(
    model: FoldModel,
    model_id: str,
    recipe: Recipe,
    teacher: Teacher,
    report: Report | None,
    origin: Origin,
    *,
    folder: Path,
) -> Entry:
    """Measure a model and write it with sidecar and card into a folder, which becomes a registry of its own.

    Args:
        report: of the recipe's folds; None if none was fitted.
    """
    measured = measure(model, teacher, report, per_frame=not recipe.architecture.per_clip)
    described = {
        "kind": "student",
        "feature_order": list(teacher.feature_names),
        "teacher": {"id": teacher.id, "sha256": teacher.sha256},
        "engines": engines_of(model.data),
        "training": {
            "recipe": recipe.id,
            "recipe_sha256": recipe.sha256,
            "seed": model.seed,
            "corpus_sha256": origin.corpus_sha256,
            "commit": origin.commit,
        },
        "measured": measured,
        "promised": dict(recipe.promises or {}),
        "licence": LICENCE,
    }
    card = _card(model, model_id, recipe, teacher, measured, origin, judged=report is not None)
    return register(model_id, model.data, described, card, folder)


def _rounded(value: float, correlation: bool) -> float:
    if correlation and 0.9 < value < 1.0:
        return 1.0 - float(f"{1.0 - value:.3g}")
    return float(f"{value:.3g}")


def _card(
    model: FoldModel,
    model_id: str,
    recipe: Recipe,
    teacher: Teacher,
    measured: Mapping[str, float],
    origin: Origin,
    *,
    judged: bool,
) -> str:
    inputs = ", ".join(f"`{name}`" for name in teacher.feature_names)
    size, numbers = len(model.data), recipe.architecture.parameters(len(teacher.features))
    figures = "\n".join(
        f"| {MEANINGS[name][0]} | {value:.10g} {MEANINGS[name][1]} |" for name, value in measured.items()
    )
    promises = "\n".join(
        f"| {PROMISES[name][0]} | {PROMISES[name][1]} {value:g} {PROMISES[name][2]} |"
        for name, value in (recipe.promises or {}).items()
    )
    seen = "samples of the teacher's domain; it has seen no clip of any corpus, so every source is held out"
    if recipe.sees_clips:
        seen = "the clips of a corpus"
        seen += ", a source held out at a time for the figures below and none for this file" if judged else ""
    where = [origin.corpus] if judged else []
    where += [] if recipe.architecture.per_clip else ["the teacher's domain (docs/students.md)"]
    how = f"""On {" and ".join(where)}, with ONNX Runtime on the CPU, by
`{origin.command}`, which wrote this card:

| | |
|---|---|
{figures}
"""
    nothing = f"Nothing: `{origin.command}`, which wrote this card, held no source out.\n"
    promised = f"""
## Promised

Bounds that this model holds itself to, beside those of gates.toml; `tox -e loso` judges it by them:

| | |
|---|---|
{promises}
"""
    return f"""# {model_id}

{recipe.summary}.

| | |
|---|---|
| file | `{model_id}.onnx`, {size:,} bytes, tier {tier(size)}, opset 17 |
| input | `features`, float32 `[N, {len(teacher.features)}]`: {inputs} |
| output | `score`, float32 `[N, 1]`, VMAF points, clipped as the teacher clips |
| inside | {recipe.arithmetic}, {numbers:,} fitted numbers |
{exact_in_words(model.data)}| teacher | `{teacher.id}`, sha256 `{teacher.sha256}` |
| trained on | {seen} |

## Measured

{how if figures else nothing}{promised if promises else ""}
## Origin and licence

Made by the recipe `{recipe.id}`, seed {model.seed}. {LICENCE}. It imitates Netflix's `{teacher.id}`, a model published
by Netflix, Inc. under the same licence.
"""
