"""What a registered model promises is what its recipe does, or tighter."""

import json
import shutil
from pathlib import Path

import pytest

from tinyvmaf.errors import RegistryError
from tinyvmaf.judge.registering import looser_promises, register_candidate
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.train.recipes import read_recipe

NANO = "tinyvmaf_nano"


@pytest.mark.parametrize(
    ("promised", "looser"),
    [
        ({}, []),
        ({"frame_rmse": 0.01, "frame_plcc": 0.999999}, []),
        ({"frame_rmse": 0.07}, ["promises frame_rmse 0.07, its recipe at most 0.06"]),
        ({"frame_plcc": 0.9}, ["promises frame_plcc 0.9, its recipe at least 0.99999"]),
        ({"frame_rmse": None}, ["promises frame_rmse nothing, its recipe at most 0.06"]),
    ],
)
def test_promises_are_held_against_the_recipe(promised: dict[str, float | None], looser: list[str]) -> None:
    recipe = read_recipe(NANO)
    whole = {name: value for name, value in {**(recipe.promises or {}), **promised}.items() if value is not None}
    assert looser_promises(whole, recipe) == looser


def test_a_model_that_promises_less_than_its_recipe_is_not_registered(tmp_path: Path) -> None:
    for suffix in ("onnx", "json", "md"):
        shutil.copy(registry.model_folder() / f"{NANO}.{suffix}", tmp_path)
    path = tmp_path / f"{NANO}.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["promised"]["worst_difference"] = 50
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RegistryError, match=r"its sidecar promises worst_difference 50, its recipe at most 0\.5"):
        register_candidate(Subject.at(path.with_suffix(".onnx")), tmp_path / "model")
    assert not (tmp_path / "model").exists()
