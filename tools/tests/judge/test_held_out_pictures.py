"""A fold that has seen its source is never taken for one that has not."""

import json
from types import SimpleNamespace
from typing import Any, cast

import onnx
import pytest
from onnx import helper

from tinyvmaf.judge.held_out_pictures import leak
from tinyvmaf.model.subject import Subject

RECIPE = "a" * 64
SAID = {
    "held_out": "China",
    "pictures": json.dumps(["11", "22"]),
    "recipe_sha256": RECIPE,
    "sources": json.dumps(["Bikes", "Flower"]),
}


def subject(recipe: str | None = RECIPE) -> Subject:
    training = None if recipe is None else SimpleNamespace(recipe_sha256=recipe)
    return cast(Subject, SimpleNamespace(training=training))


def model(**changed: str) -> bytes:
    file = onnx.ModelProto()
    helper.set_model_props(file, {name: value for name, value in {**SAID, **changed}.items() if value})
    return bytes(file.SerializeToString())


def test_a_fold_that_holds_its_source_out_passes() -> None:
    assert leak(model(), "China", "33", subject()) == ""


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"held_out": "Bikes"}, "holds out 'Bikes'"),
        ({"held_out": ""}, "holds out 'nothing'"),
        ({"recipe_sha256": "b" * 64}, "another recipe"),
        ({"sources": json.dumps(["Bikes", "China"])}, "saw the source"),
        ({"pictures": json.dumps(["11", "33"])}, "saw the source"),
        ({"pictures": json.dumps(["11"])}, "does not say"),
        ({"sources": "[]", "pictures": "[]"}, "does not say"),
        ({"sources": ""}, "does not say"),
        ({"pictures": "no list"}, "does not say"),
    ],
)
def test_any_other_fold_is_a_leak(changed: Any, why: str) -> None:
    assert why in leak(model(**changed), "China", "33", subject())


def test_a_model_that_names_no_training_has_no_folds() -> None:
    assert "another recipe" in leak(model(), "China", "33", subject(None))
