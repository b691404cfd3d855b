"""Ratios of times: their interval, and the comparison with a bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.measure.latency.ratio import CONFIDENCE, Ratio, decide, ratio

TIMES = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=60)


@given(TIMES, st.floats(1e-3, 1e3))
def test_a_constant_factor_is_found_exactly(times: list[float], factor: float) -> None:
    found = ratio(np.array(times) * factor, times)
    assert found.value == pytest.approx(factor, rel=1e-12)


@given(TIMES, TIMES)
def test_the_interval_holds_the_median_and_turns_over_with_the_ratio(a: list[float], b: list[float]) -> None:
    passes = min(len(a), len(b))
    found, turned = ratio(a[:passes], b[:passes]), ratio(b[:passes], a[:passes])
    assert found.low <= found.value <= found.high
    assert found.passes == passes
    if passes > 7:
        assert turned.low == pytest.approx(1 / found.high)
        assert turned.high == pytest.approx(1 / found.low)


@pytest.mark.parametrize("passes", [8, 21, 63])
def test_the_interval_holds_the_true_median_as_often_as_it_says(passes: int) -> None:
    rng = np.random.default_rng(passes)
    missed = 0
    for _ in range(2000):
        found = ratio(np.exp(np.clip(rng.standard_cauchy(passes) * 0.1, -9, 9)), np.ones(passes))  # whose median is 1
        missed += not found.low <= 1.0 <= found.high
    assert missed <= 2000 * (1 - CONFIDENCE) * 2


@pytest.mark.parametrize("passes", range(1, 8))
def test_too_few_passes_say_nothing(passes: int) -> None:
    found = ratio(np.full(passes, 3.0), np.ones(passes))
    assert (found.value, found.low, found.high) == (3.0, 0.0, np.inf)
    assert decide(found, 1.0) == "unresolved"
    assert decide(found, 1e9) == "unresolved"


@pytest.mark.parametrize(
    ("times", "others"),
    [([], []), ([1.0], []), ([[1.0]], [[1.0]]), ([1.0], [0.0]), ([np.nan], [1.0]), ([1.0], [np.inf]), ([-1.0], [1.0])],
)
def test_times_that_are_none_are_refused(times: list[float], others: list[float]) -> None:
    with pytest.raises(ValueError, match="time"):
        ratio(times, others)


def test_a_bound_is_met_left_or_not_known() -> None:
    found = Ratio(1.05, 1.02, 1.08, 21)
    assert decide(found, 1.08) == "within"
    assert decide(found, 1.02) == "unresolved"
    assert decide(found, 1.019) == "over"
    assert str(found) == "1.050 [1.020, 1.080]"
