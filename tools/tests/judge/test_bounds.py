"""A bound holds what it says, a comparison of nothing is no comparison, and a failure explains itself."""

import unittest
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.judge.bounds import Gate, load_gates
from tinyvmaf.judge.outcomes import compare
from tinyvmaf.vmaf.pooling import pool

PLACES = Gate("g.places", "|d|", 4, "places", "because", "there")
POINTS = Gate("g.points", "|d|", 0.5, "VMAF points", "because", "there")


@given(st.floats(-100, 100), st.floats(-2e-4, 2e-4))
def test_places_is_unittests(a: float, d: float) -> None:
    try:
        unittest.TestCase().assertAlmostEqual(a, a + d, places=4)  # noqa: PT009
        close = True
    except AssertionError:
        close = False
    assert PLACES.accepts(a - (a + d)) is close


@pytest.mark.parametrize("gate", [PLACES, POINTS])
def test_what_is_not_finite_is_never_within_a_bound(gate: Gate) -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        assert not gate.accepts(value)


def test_nan_is_the_worst_row_and_fails() -> None:
    outcome = compare(POINTS, "m", ["a", "b"], [1.0, 2.0], [1.1, float("nan")], reproduce="x")
    assert outcome.failed
    assert outcome.worst[0].label == "b"


@pytest.mark.parametrize(
    ("labels", "expected", "got", "message"),
    [
        ([], [], [], "nothing to compare"),
        (["a"], [1.0], [1.0, 2.0], "1 values to compare"),
        (["a"], [float("nan")], [1.0], "an expected value is not finite"),
        (["a", "b"], [1.0], [1.0], "2 values"),
    ],
)
def test_a_comparison_of_nothing_could_not_run(labels, expected, got, message: str) -> None:
    with pytest.raises(CouldNotRunError, match=message):
        compare(POINTS, "m", labels, expected, got, reproduce="x")


def test_a_failure_says_everything_that_is_needed() -> None:
    outcome = compare(
        POINTS,
        "model on clip",
        [f"frame {i}" for i in range(50)],
        np.zeros(50),
        np.arange(50.0),
        reproduce="tox -e golden",
    )
    text = outcome.explain()
    for words in (
        "model on clip",
        "49 of 50 values outside <= 0.5 VMAF points",
        "max |d| 49",
        "frame 49",
        "because",
        "source: there",
        "again: tox -e golden",
        "the worst 10 of 50",
    ):
        assert words in text
    assert len(text.splitlines()) < 20


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.data())
def test_one_value_outside_fails_wherever_it_is(values: list[float], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(values) - 1))
    got = list(values)
    got[at] += 0.51
    labels = [str(i) for i in range(len(values))]
    outcome = compare(POINTS, "m", labels, values, got, reproduce="x")
    assert (outcome.failures, outcome.worst[0].label) == (1, str(at))
    assert not compare(POINTS, "m", labels, values, values, reproduce="x").failed


def test_every_bound_has_a_reason_and_a_source() -> None:
    for gate in load_gates().values():
        assert gate.reason, gate.name
        assert gate.source, gate.name


def test_golden_gates_look_at_no_fewer_places_than_the_publisher() -> None:
    for name, gate in load_gates().items():
        if gate.unit == "places":
            assert gate.value >= 4, name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[a.b]\nmetric = 'm'\n",
        "a = 3",
        "[a.b]\nmetric='m'\nvalue=-1\nunit='u'\nreason='r'\nsource='s'",
        "[a.b]\nmetric='m'\nvalue=nan\nunit='u'\nreason='r'\nsource='s'",
        "not toml at all",
    ],
)
def test_a_gates_file_that_is_none_could_not_run(text: str, tmp_path: Path) -> None:
    (tmp_path / "gates.toml").write_text(text, encoding="utf-8")
    if text:
        with pytest.raises(CouldNotRunError):
            load_gates(tmp_path / "gates.toml")
    else:
        assert not load_gates(tmp_path / "gates.toml")  # and each gate that looks for its bound fails


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_pooled_values_keep_their_order(values: list[float]) -> None:
    pooled = pool(np.array(values))
    slack = 1e-9
    assert pooled["min"] - slack <= pooled["harmonic_mean"] <= pooled["mean"] + slack
    assert pooled["mean"] <= pooled["max"] + slack


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_nothing_is_not_pooled(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value"):
        pool(np.array(values))


def test_a_home_without_gates_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    with pytest.raises(TinyvmafError, match=r"no gates\.toml in "):
        home()
