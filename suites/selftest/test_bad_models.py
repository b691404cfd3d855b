"""Models that are wrong in one thing (bad_models.py): the gate of that thing fails, and says where and by how much."""

import re
from functools import cache

import pytest

from tinyvmaf.files import home

from .bad_models import GOOD, Bad, bad_models
from .in_process import InProcess

BAD = bad_models()
GROUPS = ("bias", "order", "resolution", "bands", "motion only", "rows like 4K")


@cache
def judge() -> InProcess:
    return InProcess(samples=10_000, starts=40)  # a quarter of what the gate takes


def mistake(bad: Bad) -> str:
    """In what the gates are wrong about a bad model; empty if they catch it as they should."""
    found = judge().outcomes(bad.model().SerializeToString(), bad.name)
    red = [found[gate] for gate in bad.gates if found[gate].failed]
    if not red:
        return f"{bad.name}: passes {', '.join(bad.gates)}; red: {[gate for gate, one in found.items() if one.failed]}"
    sentence = red[0].details
    if bad.says not in sentence or not re.search(r"\d", sentence):
        return f"{bad.name}: {bad.says!r} is not in {sentence!r}"
    return "" if all(one.details for one in found.values() if one.failed) else f"{bad.name}: red without a sentence"


def test_the_good_model_is_green_with_room() -> None:
    for gate, one in judge().outcomes((home() / f"model/{GOOD}.onnx").read_bytes(), GOOD).items():
        assert not one.failed, one.explain()
        assert one.worst_value is not None
        assert one.value is not None
        room = one.worst_value < one.value / 2 if one.direction == "at most" else one.worst_value > one.value
        assert room, f"{gate}: {one.worst_value} against {one.bound}"


@pytest.mark.parametrize("group", GROUPS)
def test_each_is_caught_by_the_gate_of_its_kind(group: str) -> None:
    mistakes = [mistake(one) for one in BAD if one.group == group]
    assert len(mistakes) > 20
    assert not any(mistakes), "\n".join(filter(None, mistakes))


def test_names_are_distinct_and_groups_are_tried() -> None:
    assert len({one.name for one in BAD}) == len(BAD)
    assert {one.group for one in BAD} == set(GROUPS)


RED = {
    "loso.bias": "0.7_too_high",
    "loso.rmse": "times_0.95",
    "loso.stretch": "times_0.95_about_50",
    "loso.frame_max_error": "5.8_too_low",
    "loso.top_max_error": "above_95_by_-5",
    "loso.clip_max_error": "1.5_too_low",
    "loso.band_srocc": "multiples_of_8",
    "loso.reversed": "falls_above_98_1.6",
    "loso.reversal": "falls_above_97_3.0",
    "loso.against": "falls_above_97_3.0",
    "loso.resolution": "multiples_of_0.25",
    "loso.identical": "identical_motion_6_within_1",
}
"""A model for each gate."""


@pytest.mark.parametrize("gate", RED)
def test_each_gate_is_red_for_one_of_them(gate: str) -> None:
    (bad,) = [one for one in BAD if one.name == RED[gate]]
    found = judge().outcomes(bad.model().SerializeToString(), bad.name)
    assert found.keys() == RED.keys()
    assert found[gate].failed
    assert found[gate].details
