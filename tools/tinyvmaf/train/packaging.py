"""Write a fitted model as a candidate: ONNX file, sidecar and model card, all generated from measured values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf.model.card import CardKind
from tinyvmaf.model.contract import tier
from tinyvmaf.model.engines.choose import engines_of, exact_in_words
from tinyvmaf.model.registry import register
from tinyvmaf.model.subject import Subject
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.train.recipes import PROMISES, Recipe
from tinyvmaf.vmaf.teacher import NETFLIX, Teacher

LICENCE: Final = "BSD-2-Clause-Patent"


@dataclass(frozen=True)
class Origin:
    """Corpus, command and code that a candidate was made with."""

    corpus: str
    """In words: the corpus of the measurements, and of the training if the recipe sees clips."""
    corpus_sha256: str | None
    command: str
    """The command that made it."""
    commit: str | None
    """The commit of the code that fitted it."""
    machine: str | None = None
    """The machine that fitted it, as the sidecar names it."""


def write_candidate(
    model: FoldModel,
    model_id: str,
    recipe: Recipe,
    teacher: Teacher,
    measured: Mapping[str, float],
    origin: Origin,
    *,
    kind: CardKind,
    folder: Path,
    judged: bool,
) -> Subject:
    """Write a model with sidecar and card into a folder, which becomes a registry.

    Args:
        measured: the measured values, by the names that the card of its kind knows.
        kind: the model's kind.
        judged: whether leave-one-source-out was measured.
    """
    described = {
        "kind": kind.name,
        "feature_order": list(teacher.feature_names),
        "teacher": {"id": teacher.id, "sha256": teacher.sha256},
        "engines": engines_of(model.data),
        "training": {
            "recipe": recipe.id,
            "recipe_sha256": recipe.sha256,
            "seed": model.seed,
            "corpus_sha256": origin.corpus_sha256,
            "commit": origin.commit,
            **({"machine": origin.machine} if origin.machine else {}),
        },
        "measured": measured,
        "promised": dict(recipe.promises or {}),
        "licence": LICENCE,
    }
    card = _card(model, model_id, recipe, teacher, measured, origin, kind=kind, judged=judged)
    return register(model_id, model.data, described, card, folder)


def _card(
    model: FoldModel,
    model_id: str,
    recipe: Recipe,
    teacher: Teacher,
    measured: Mapping[str, float],
    origin: Origin,
    *,
    kind: CardKind,
    judged: bool,
) -> str:
    size, numbers = len(model.data), recipe.parameters(len(teacher.features))
    figures = kind.card.figures(measured)
    promises = "\n".join(
        f"| {PROMISES[name][0]} | {PROMISES[name][1]} {value:g} {PROMISES[name][2]} |"
        for name, value in (recipe.promises or {}).items()
    )
    seen = "samples of the teacher's domain; no clips, so every source is unseen"
    if recipe.sees_clips:
        seen = "the clips of a corpus"
        seen += "; this file on all sources, the models measured below on all sources but one" if judged else ""
    where = [origin.corpus] if judged else []
    where += [] if recipe.architecture.per_clip else ["the teacher's domain (docs/students.md)"]
    how = f"""On {" and ".join(where)}, with ONNX Runtime on the CPU.
`{origin.command}` measured this and wrote this card.

| | |
|---|---|
{figures}
"""
    nothing = f"Nothing: `{origin.command}`, which wrote this card, ran without leave-one-source-out.\n"
    promised = f"""
## Promised

Bounds that this model must keep in addition to those of gates.toml. `tox -e loso` checks them.

| | |
|---|---|
{promises}
"""
    owner = "published by\nNetflix, Inc. under the same licence"
    if teacher.id not in NETFLIX:
        owner = "which Netflix did\nnot publish: its own licence counts too"
    return f"""# {model_id}

{recipe.summary}.

| | |
|---|---|
| file | `{model_id}.onnx`, {size:,} bytes, tier {tier(size)}, opset 17 |
{kind.card.interface(teacher.feature_names)}
| inside | {recipe.arithmetic}, {numbers:,} fitted numbers |
{exact_in_words(model.data)}| teacher | `{teacher.id}`, sha256 `{teacher.sha256}` |
| trained on | {seen} |

## Measured

{how if figures else nothing}{promised if promises else ""}
## Origin and licence

Made by the recipe `{recipe.id}`, seed {model.seed}. Licence: {LICENCE}. The model imitates `{teacher.id}`, {owner}.
"""
