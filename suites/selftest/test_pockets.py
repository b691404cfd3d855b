"""A model that is off in a pocket of 0.01 of the domain in each feature is found, however its pocket is made."""

import json
from functools import partial

import numpy as np
import pytest

from tinyvmaf.files import home
from tinyvmaf.measure.search import hunt
from tinyvmaf.model import contract
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.vmaf.domain import Domain, worst_difference
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

from .pockets import WAYS, with_pocket

NANO = home() / "model/tinyvmaf_nano"
CENTRE = {"adm2": 0.93, "vif_scale0": 0.6, "vif_scale1": 0.7, "vif_scale2": 0.8, "vif_scale3": 0.85, "motion2": 5.1}
short = partial(hunt, samples=4000, starts=10, rounds=6)


def hidden(way: str, depth: float, size: float) -> tuple[bytes, tuple[str, ...]]:
    """nano with a pocket, and the order of its features."""
    features = tuple(json.loads(NANO.with_suffix(".json").read_text(encoding="utf-8"))["feature_order"])
    extent = np.array([30.0 if name == "motion2" else 1.3 for name in features])
    centre = np.array([CENTRE[name] for name in features])
    return with_pocket(NANO.with_suffix(".onnx").read_bytes(), way, centre, size * extent, depth), features


@pytest.mark.parametrize("way", WAYS)
def test_a_pocket_is_found(way: str, ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, DEFAULT)
    model, features = hidden(way, 20.0, 0.01)
    assert not contract.faults(model)
    found = short(model, OnnxRuntimeCpu(model).run, features, teacher)
    assert found.difference > 5.0, found.sentence
    np.testing.assert_allclose(found.row, [CENTRE[name] for name in teacher.feature_names], atol=0.015, rtol=0.06)


def test_samples_and_ascents_alone_do_not_find_it(ffmpeg: FFmpeg) -> None:
    """The search that fits use, which sees scores only."""
    teacher = load_built_in(ffmpeg, DEFAULT)
    model, features = hidden("tent", 95.0, 0.03)
    order = [teacher.feature_names.index(name) for name in features]
    run = OnnxRuntimeCpu(model).run
    found = worst_difference(
        lambda rows: run(rows[:, order]), teacher.predict, Domain(teacher.features), samples=20_000
    )
    assert found.differences[0] < 1.0
    assert short(model, run, features, teacher).difference > 40.0
