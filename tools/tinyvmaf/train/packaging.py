"""A fitted model as a candidate: ONNX file, sidecar and card, with measured values and nothing written by hand."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf.model.contract import tier
from tinyvmaf.model.engines.choose import engines_of, exact_in_words
from tinyvmaf.model.registry import Entry, register
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.train.recipes import PROMISES, Recipe
from tinyvmaf.vmaf.teacher import Teacher

LICENCE: Final = "BSD-2-Clause-Patent"

MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "loso_frame_rmse_points": ("RMSE of frames, sources held out", "VMAF points"),
    "loso_frame_max_abs_error_points": ("max error of a frame, sources held out", "VMAF points"),
    "loso_frame_plcc": ("PLCC of frames, sources held out, mean of the sources", ""),
    "loso_frame_srocc": ("SROCC of frames, the same", ""),
    "loso_clip_rmse_points": ("RMSE of clips, sources held out", "VMAF points"),
    "loso_clip_plcc": ("PLCC of clips, sources held out, mean of the sources", ""),
    "loso_clip_srocc": ("SROCC of clips, the same", ""),
    "domain_worst_difference_points": (
        "worst difference from the teacher that a search of its domain found",
        "VMAF points",
    ),
    "golden_frame_max_abs_error_points": ("max error against libvmaf on a frame of the golden pairs", "VMAF points"),
    "golden_clip_max_abs_error_points": ("max error against libvmaf on a clip mean of the golden pairs", "VMAF points"),
}
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


def write_candidate(
    model: FoldModel,
    model_id: str,
    recipe: Recipe,
    teacher: Teacher,
    measured: Mapping[str, float],
    origin: Origin,
    *,
    folder: Path,
    judged: bool,
) -> Entry:
    """Write a model with sidecar and card into a folder, which becomes a registry of its own.

    Args:
        measured: what was measured of the model, by `MEANINGS`.
        judged: whether the recipe's folds are among that.
    """
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
    card = _card(model, model_id, recipe, teacher, measured, origin, judged=judged)
    return register(model_id, model.data, described, card, folder)


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
