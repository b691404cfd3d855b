"""A comparison of nothing is no comparison, the worst row is the worst, and a new field shows everywhere."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge import outcomes
from tinyvmaf.judge.bounds import Bound, load_bounds
from tinyvmaf.judge.outcomes import AnyOutcome, Comparison, Limit, columns, compare, fields, hold

BOUNDS = load_bounds()
POINTS, LEAST, MOST = (BOUNDS.for_(name) for name in ("golden.near", "loso.plcc", "corpus.range_feature"))


def test_nan_is_the_worst_row_and_fails() -> None:
    outcome = compare(POINTS, "m", ["a", "b"], [1.0, 2.0], [1.1, float("nan")], reproduce="x")
    assert (outcome.failed, outcome.worst[0].label, outcome.max_difference) == (True, "b", None)
    held = hold(LEAST, "m", {"a": 0.1, "b": float("nan")}, reproduce="x")
    assert (held.failures, held.worst[0].label, held.worst_value) == (2, "b", None)


@pytest.mark.parametrize(
    ("labels", "expected", "got", "message"),
    [
        ([], [], [], "nothing to compare"),
        (["a"], [1.0], [1.0, 2.0], "1 values to compare"),
        (["a"], [float("nan")], [1.0], "an expected value is not finite"),
        (["a", "b"], [1.0], [1.0], "2 values"),
    ],
)
def test_a_comparison_of_nothing_could_not_run(
    labels: list[str], expected: list[float], got: list[float], message: str
) -> None:
    with pytest.raises(CouldNotRunError, match=message):
        compare(POINTS, "m", labels, expected, got, reproduce="x")


def test_a_limit_on_nothing_could_not_run() -> None:
    with pytest.raises(CouldNotRunError, match="nothing was measured"):
        hold(POINTS, "m", {}, reproduce="x")


def test_a_failure_says_everything_that_is_needed() -> None:
    labels = [f"frame {i}" for i in range(50)]
    outcome = compare(POINTS, "model on clip", labels, np.zeros(50), np.arange(50.0), reproduce="tox -e golden")
    text = outcome.explain()
    for words in (
        "model on clip",
        "46 of 50 values outside <= 3 VMAF points",
        "max |d| 49",
        "frame 49",
        "why this bound: a model that nobody has recorded",
        "source: as loso.frame_max_error",
        "bound from: gates.toml [golden.near]",
        "again: tox -e golden",
        "the worst 10 of 50",
    ):
        assert words in text
    assert len(text.splitlines()) < 20


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50), st.data())
def test_one_value_outside_fails_wherever_it_is(values: list[float], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(values) - 1))
    got = list(values)
    got[at] += 6.01
    labels = [str(i) for i in range(len(values))]
    outcome = compare(POINTS, "m", labels, values, got, reproduce="x")
    assert (outcome.failures, outcome.worst[0].label) == (1, str(at))
    assert not compare(POINTS, "m", labels, values, values, reproduce="x").failed


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=40), st.sampled_from([LEAST, MOST]))
def test_the_worst_rows_of_a_limit_are_those_nearest_to_the_wrong_side(values: list[float], bound: Bound) -> None:
    """A one-sided bound once listed the values furthest from it, so that the ten best stood as the ten worst."""
    outcome = hold(bound, "m", {str(n): value for n, value in enumerate(values)}, reproduce="x")
    worst = (min if bound.gate.direction == "at least" else max)(values)
    assert outcome.worst_value == worst
    margins = [row.margin for row in outcome.worst if row.margin is not None]
    assert margins == sorted(margins)
    assert [row.accepted for row in outcome.worst] == [margin >= 0 for margin in margins]


def test_a_passing_limit_lists_its_largest_value_first() -> None:
    outcome = hold(MOST, "corpus", {f"row {n}": value for n, value in enumerate([0.2, 1.0002, 0.9957])}, reproduce="x")
    assert [row.value for row in outcome.worst] == [1.0002, 0.9957, 0.2]
    assert "worst 1.0002" in outcome.headline()


@pytest.mark.parametrize(
    ("outcome", "up_to", "within"),
    [
        (hold(POINTS, "m", {"a": 7.0}, reproduce="x"), 7.5, True),
        (hold(POINTS, "m", {"a": 7.0}, reproduce="x"), 6.5, False),
        (hold(LEAST, "m", {"a": 0.9}, reproduce="x"), 0.8, True),
        (hold(LEAST, "m", {"a": 0.9}, reproduce="x"), 0.95, False),
        (hold(LEAST, "m", {"a": float("nan")}, reproduce="x"), 0.1, False),
        (compare(POINTS, "m", ["a"], [50.0], [57.0], reproduce="x"), 7.5, True),
        (compare(POINTS, "m", ["a"], [50.0], [57.0], reproduce="x"), 6.5, False),
    ],
)
def test_a_waiver_allows_no_more_than_it_says(outcome: outcomes.Outcome, up_to: float, within: bool) -> None:
    assert outcome.within(up_to) is within


@pytest.mark.parametrize(
    "outcome",
    [compare(POINTS, "m", ["a"], [1.0], [9.0], reproduce="x"), hold(LEAST, "m", {"a": float("inf")}, reproduce="x")],
)
def test_an_outcome_goes_through_json_unchanged(outcome: outcomes.Outcome) -> None:
    placed = outcome.placed(test="t", suite="golden", model="m")
    again = TypeAdapter(AnyOutcome).validate_json(placed.model_dump_json())
    assert json.loads(again.model_dump_json()) == json.loads(placed.model_dump_json())
    assert type(again) is type(outcome)


class Weighed(Limit):
    """A limit with one field more, and rows with one more."""

    weight: float = Field(default=2.5, title="weight", description="how much it counts")


def test_a_new_field_shows_in_every_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outcomes.TYPES, "limit", Weighed)
    held = hold(LEAST, "m", {"a": 0.9}, reproduce="x")
    outcome = Weighed(**held.model_dump())
    found: dict[str, Any] = outcome.model_dump(mode="json")
    assert found["weight"] == 2.5
    assert ("weight", "2.5") in fields(found)
    assert "weight: 2.5" in outcome.explain()
    assert "weight" in Weighed.model_json_schema()["properties"]


def test_rows_are_shown_under_their_titles() -> None:
    titles, cells = columns(compare(POINTS, "m", ["a"], [1.0], [9.0], reproduce="x").model_dump())
    assert titles == ["value", "expected", "got", "|d|", ""]
    assert cells == [["a", "1", "9", "8.00e+00", "<"]]
    assert columns(
        outcomes.Assertion(
            gate="g.x",
            metric="x",
            subject="s",
            count=1,
            failures=0,
            status="pass",
            reason="r",
            source="s",
            reproduce="x",
        ).model_dump()
    ) == ([], [])
    assert Comparison.row is not Limit.row
