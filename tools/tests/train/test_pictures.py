"""Models that take pictures: the network on its grid, its file, and its folds."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from tinyvmaf.data.pictures import SourceArrays, digest_of
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.model import engines
from tinyvmaf.model.certificate import certify
from tinyvmaf.train.pictures import PictureRecipe, read_picture_recipe
from tinyvmaf.train.pictures.examples import draw, levels
from tinyvmaf.train.pictures.export import no_reference_model
from tinyvmaf.train.pictures.fitting import fit_rest, fit_shared, loss
from tinyvmaf.train.pictures.folds import fold_model, without
from tinyvmaf.train.pictures.network import PictureNetwork
from tinyvmaf.train.pictures.recipe import Stage, Widths
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.pictures import pictures_of
from tinyvmaf.vmaf.teacher import load_teacher

WIDTHS = Widths(fine=3, coarse=2, second=3, third=4, last=4, hidden=3)
ENGINES = ("onnxruntime-cpu", "openvino-cpu", "opencv-dnn", "onnx-reference")


def source(seed: int, clips: int = 3) -> SourceArrays:
    rng = np.random.default_rng(seed)
    planes = rng.integers(0, 256, (clips, 2, 72, 96), dtype=np.uint8)
    scores = rng.uniform(0, 100, (clips, 2))
    ids = tuple(f"s{seed}_{i}" for i in range(clips))
    return SourceArrays(ids, "natural", planes, planes[0], scores, scores, scores.mean(1), scores.mean(1))


@pytest.fixture(scope="module")
def groups() -> dict[str, dict[str, SourceArrays]]:
    return {"photographs": {"A": source(0), "B": source(1)}, "natural": {"C": source(2), "D": source(3)}}


@pytest.fixture(scope="module")
def recipe() -> PictureRecipe:
    stage = Stage(on=("photographs",), steps=3, learning_rate=1e-3, sources=2, clips=2, crop=(64, 64), grid=False)
    last = stage.model_copy(update={"on": ("photographs", "natural"), "grid": True})
    return replace(read_picture_recipe("tinyvmaf_nr"), widths=WIDTHS, stages=(stage, last))


@pytest.fixture(scope="module")
def network(recipe: PictureRecipe, groups: dict[str, dict[str, SourceArrays]]) -> PictureNetwork:
    return fit_rest(fit_shared(recipe, groups), recipe, groups)


def samples(height: int, width: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(height * width)
    return np.stack([rng.integers(0, 256, (height, width)), np.zeros((height, width))]).astype(np.uint8)


def test_the_file_is_certified(network: PictureNetwork) -> None:
    assert certify(no_reference_model(network, "small")).certified


@pytest.mark.parametrize("size", [(64, 64), (65, 67), (130, 201)])
def test_every_engine_gives_the_bits_of_the_fit(network: PictureNetwork, size: tuple[int, int]) -> None:
    planes, data = samples(*size), no_reference_model(network, "small")
    with torch.no_grad():
        fitted = network(levels(planes)).clamp(0, 100).numpy()
    for engine in engines.all_engines():
        if engine.name in ENGINES:
            session = engine.load(data)
            assert np.array_equal(session.run_pictures(pictures_of(planes)).ravel(), fitted), engine.name
            session.close()


def test_filters_do_not_see_brightness(network: PictureNetwork) -> None:
    for name in ("fine", "coarse"):
        w, _ = network.real(name)
        assert w.sum((1, 2, 3)).abs().max() == 0


def test_the_same_recipe_gives_the_same_bytes(
    recipe: PictureRecipe, groups: dict[str, dict[str, SourceArrays]], network: PictureNetwork
) -> None:
    again = fit_rest(fit_shared(recipe, groups), recipe, groups)
    assert no_reference_model(again, "small") == no_reference_model(network, "small")


def test_a_network_beside_its_grid_is_no_file() -> None:
    with pytest.raises(ValueError, match="not on its grid"):
        no_reference_model(PictureNetwork(WIDTHS, 0), "small")


def test_a_sum_that_may_round_is_no_file(recipe: PictureRecipe, groups: dict[str, dict[str, SourceArrays]]) -> None:
    wide = fit_rest(fit_shared(recipe, groups), recipe, groups)
    wide.steps["hidden"] = wide.steps["hidden"] + 12
    wide.weights["hidden"].data.fill_(1.0)
    wide.biases["hidden"].data.fill_(2.0**20)
    with pytest.raises(ValueError, match="2\\^24"):
        no_reference_model(wide, "small")


def test_a_fold_says_what_it_saw(
    recipe: PictureRecipe, groups: dict[str, dict[str, SourceArrays]], ffmpeg: FFmpeg
) -> None:
    data = fold_model(fit_shared(recipe, groups), recipe, groups, load_teacher(ffmpeg, recipe.teacher), "C")
    said = {entry.key: entry.value for entry in onnx.load_model_from_string(data).metadata_props}
    assert (said["held_out"], json.loads(said["sources"])) == ("C", ["D"])
    assert json.loads(said["pictures"]) == [digest_of(groups["natural"]["D"])]


def test_the_shared_fit_never_sees_natural_pictures(
    recipe: PictureRecipe, groups: dict[str, dict[str, SourceArrays]]
) -> None:
    other = {**groups, "natural": {"C": source(7)}}
    first, second = fit_shared(recipe, groups), fit_shared(recipe, other)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_what_is_held_out_exists(groups: dict[str, dict[str, SourceArrays]]) -> None:
    assert sorted(without(groups, "C")["natural"]) == ["D"]
    with pytest.raises(ValueError, match="no natural source"):
        without(groups, "A")


def test_stages_of_photographs_come_first(recipe: PictureRecipe, groups: dict[str, dict[str, SourceArrays]]) -> None:
    with pytest.raises(TinyvmafError, match="come first"):
        fit_shared(replace(recipe, stages=recipe.stages[::-1]), groups)


def test_the_loss_sees_order(recipe: PictureRecipe, groups: dict[str, dict[str, SourceArrays]]) -> None:
    drawn = draw(groups, recipe.stages[0], np.random.default_rng(0))
    shifted, mixed = drawn.scores + 5, drawn.scores.flip(0)
    assert float(loss(drawn.scores, drawn, 0.5)) == 0
    assert float(loss(shifted, drawn, 0.5)) == float(loss(shifted, drawn, 0.0))
    assert float(loss(mixed, drawn, 0.5)) > float(loss(mixed, drawn, 0.0))


def test_a_missing_recipe_is_a_sentence() -> None:
    with pytest.raises(TinyvmafError, match="no recipe 'tinyvmaf_n'"):
        read_picture_recipe("tinyvmaf_n")
