"""Two implementations of a proof, in other arithmetic, find the same boxes proven."""

from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.measure.proof.boxes import BoxBounds, ProvableNetwork, first_boxes
from tinyvmaf.measure.proof.branching import Branching
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.provable import differences, provable
from tinyvmaf.measure.proof.second_opinion import SecondOpinion, random_proven_boxes
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, Teacher, load_built_in

MODEL = Path(__file__).parents[3] / "model"
BOUNDS = {"tinyvmaf_nano": 0.4, "tinyvmaf_exact": 0.4, "tinyvmaf_tiny": 0.2}


@pytest.fixture(scope="module")
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg, DEFAULT)


def network(name: str, teacher: Teacher) -> tuple[bytes, ProvableNetwork]:
    data = (MODEL / f"{name}.onnx").read_bytes()
    model = provable(data, teacher, teacher.feature_names)
    assert isinstance(model, ProvableNetwork)
    return data, model


@pytest.mark.parametrize("name", BOUNDS)
def test_boxes_that_are_proven_are_proven_again(name: str, teacher: Teacher) -> None:
    data, model = network(name, teacher)
    gaussians, domain = Gaussians(teacher), Domain(teacher.features)
    _, radius = first_boxes(domain, gaussians)
    apart = differences(data, teacher, teacher.feature_names)
    claim = Branching(model, gaussians, domain, radius, BOUNDS[name], apart)
    boxes = random_proven_boxes(claim, domain, gaussians, BOUNDS[name], 30, 5)[:3]
    assert len(boxes) == 3
    second, rng = SecondOpinion(model, gaussians), np.random.default_rng(3)
    for z, half in boxes:
        assert second.holds(z, half, BOUNDS[name], rng)


@pytest.mark.parametrize("name", BOUNDS)
def test_both_bounds_of_a_small_box_are_nearly_the_same(name: str, teacher: Teacher) -> None:
    """What is left of a small box is the difference at its centre and the floors: two ways to the same sum."""
    _, model = network(name, teacher)
    gaussians, domain = Gaussians(teacher), Domain(teacher.features)
    radius = np.full(6, 1e-3)
    z = gaussians.to_z(domain.sample(16, 2))
    found = BoxBounds(model, gaussians, radius, domain.bounds()[1]).bounds(z)
    first = np.maximum(found.above, found.below)
    second = SecondOpinion(model, gaussians)
    largest = np.array([float(second.largest(one, radius)[0].upper()) for one in z])
    np.testing.assert_allclose(largest, first, rtol=0.02, atol=2e-5)
    assert (first > 0.01).sum() > 4


def test_a_claim_that_is_wrong_is_not_found_true(teacher: Teacher) -> None:
    _, model = network("tinyvmaf_nano", teacher)
    gaussians = Gaussians(teacher)
    second = SecondOpinion(model, gaussians)
    row = np.array([0.7425, 0.40625, 0.455, 1.0291667, 1.0678571, 4.5])
    assert not second.holds(gaussians.to_z(row[None])[0], np.full(6, 1e-3), 0.001, np.random.default_rng(0))


def test_models_without_a_second_opinion_are_named(teacher: Teacher) -> None:
    _, model = network("tinyvmaf_nano", teacher)
    rounding = ProvableNetwork(model.network.__class__(**{**model.network.__dict__, "unit": 2.0**-24}))
    with pytest.raises(NoProofError, match="exact"):
        SecondOpinion(rounding, Gaussians(teacher))
