"""Writes a model that takes pictures as a candidate: file, sidecar, card, and the files of its folds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tinyvmaf.files import write_atomic
from tinyvmaf.model.card import CardKind
from tinyvmaf.model.contract import tier
from tinyvmaf.model.engines.choose import engines_of, exact_in_words
from tinyvmaf.model.registry import register
from tinyvmaf.model.subject import Subject
from tinyvmaf.train.packaging import LICENCE, Origin
from tinyvmaf.train.pictures.recipe import PictureRecipe
from tinyvmaf.vmaf.teacher import Teacher

FOLDS: Final = "folds"
"""The folder beside the models with `ID/SOURCE.onnx`: the model that did not see SOURCE."""


def write_no_reference(
    data: bytes,
    folds: Mapping[str, bytes],
    recipe: PictureRecipe,
    teacher: Teacher,
    measured: Mapping[str, float],
    origin: Origin,
    *,
    kind: CardKind,
    folder: Path,
) -> Subject:
    """Write a model with sidecar and card, and its folds, into a folder, which becomes a registry.

    Args:
        folds: files by the source that each did not see.
        measured: of the folds, by the names that the card of its kind knows.
    """
    for source, fold in folds.items():
        write_atomic(folder / FOLDS / recipe.id / f"{source}.onnx", fold)
    described = {
        "kind": kind.name,
        "feature_order": [],
        "teacher": {"id": teacher.id, "sha256": teacher.sha256},
        "engines": engines_of(data),
        "training": {
            "recipe": recipe.id,
            "recipe_sha256": recipe.sha256,
            "seed": recipe.seed,
            "corpus_sha256": origin.corpus_sha256,
            "commit": origin.commit,
            **({"machine": origin.machine} if origin.machine else {}),
        },
        "measured": measured,
        "promised": {},
        "licence": LICENCE,
    }
    card = _card(data, recipe, teacher, measured, origin, kind)
    return register(recipe.id, data, described, card, folder)


def _card(
    data: bytes, recipe: PictureRecipe, teacher: Teacher, measured: Mapping[str, float], origin: Origin, kind: CardKind
) -> str:
    return f"""# {recipe.id}

{recipe.summary}.

| | |
|---|---|
| file | `{recipe.id}.onnx`, {len(data):,} bytes, tier {tier(len(data))}, opset 17 |
{kind.card.interface(())}
{exact_in_words(data)}| teacher | `{teacher.id}`, sha256 `{teacher.sha256}` |
| trained on | {origin.corpus} |

It estimates VMAF without seeing the reference. docs/no-reference.md says what that may be used for.

## Measured

By the models of its folds in `{FOLDS}/{recipe.id}`, each on the natural source that it did not see, with ONNX Runtime
on the CPU. `{origin.command}` measured this and wrote this card.

| | |
|---|---|
{kind.card.figures(measured)}

## Origin and licence

Made by the recipe `{recipe.id}`, seed {recipe.seed}. Licence: {LICENCE}. The model imitates `{teacher.id}`, published
by Netflix, Inc. under the same licence.
"""
