"""Change points: properties that hold for any series, detection, and false alarms."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinyvmaf.measure.latency_history import changes, steps
from tinyvmaf.measure.latency_history.changes import FEWEST, Change

Floats = NDArray[np.float64]

some_series = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=25)


def noisy(levels: list[float], lengths: list[int], noise: float, seed: int) -> Floats:
    """A series of levels, each with a number of runs, and relative normal noise."""
    rng = np.random.default_rng(seed)
    return np.repeat(levels, lengths) * (1 + noise * rng.normal(size=sum(lengths)))


def l1(values: Floats, bounds: list[int]) -> float:
    """The residual of a piecewise fit with these bounds."""
    return sum(float(np.abs(values[a:b] - np.median(values[a:b])).sum()) for a, b in pairwise(bounds))


def ways(n: int, pieces: int) -> list[list[int]]:
    """All ways to cut n values into pieces of three or more."""
    if pieces == 1:
        return [[0, n]] if n >= FEWEST else []
    return [[*head, n] for last in range(FEWEST, n - FEWEST + 1) for head in ways(last, pieces - 1)]


def test_nothing_has_no_steps() -> None:
    assert steps([]) == []
    assert changes([]) == []


def test_one_value_is_one_step() -> None:
    (step,) = steps([3.5])
    assert (step.start, step.stop, step.level, step.spread) == (0, 1, 3.5, 0.0)


def test_a_step_knows_its_place_level_and_spread() -> None:
    first, second = steps([1.0, 1.1, 0.9, 1.0, 2.0, 2.2, 2.0, 2.0])
    assert (first.start, first.stop, first.level) == (0, 4, 1.0)
    assert first.spread == pytest.approx(0.05)
    assert (second.start, second.stop, second.level) == (4, 8, 2.0)
    assert changes([1.0, 1.1, 0.9, 1.0, 2.0, 2.2, 2.0, 2.0]) == [Change(4, 1.0, 2.0)]


@pytest.mark.parametrize(("after", "factor", "mark"), [(1.123, 1.123, "+12.3 %"), (0.5, 0.5, "-50.0 %")])
def test_a_change_says_its_factor(after: float, factor: float, mark: str) -> None:
    change = Change(4, 1.0, after)
    assert change.factor == pytest.approx(factor)
    assert change.mark == mark


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 0.0, -1.0])
def test_a_value_that_is_no_time_is_an_error_that_says_which(bad: float) -> None:
    with pytest.raises(ValueError, match="value 1 of the series is"):
        steps([1.0, bad, 1.0])
    with pytest.raises(ValueError, match="value 1 of the series is"):
        changes([1.0, bad, 1.0])


def test_a_table_is_no_series() -> None:
    with pytest.raises(ValueError, match=r"a series has shape \[n\], not \[2, 1\]"):
        steps([[1.0], [2.0]])


@given(values=some_series)
def test_steps_follow_one_another_and_are_long_enough(values: list[float]) -> None:
    found = steps(values)
    assert [found[0].start, *(step.stop for step in found)] == [*(step.start for step in found), len(values)]
    assert len(found) == 1 or all(step.stop - step.start >= FEWEST for step in found)
    assert all(step.level == np.median(values[step.start : step.stop]) for step in found)


@settings(deadline=None)
@given(values=some_series, exponent=st.integers(-40, 40))
@example(values=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], exponent=3)
def test_scaling_scales_the_levels_and_moves_nothing(values: list[float], exponent: int) -> None:
    """By powers of two, which do not round; the next test uses any factor."""
    scale = 2.0**exponent
    expected = [(step.start, step.stop, step.level * scale, step.spread * scale) for step in steps(values)]
    scaled = steps(np.array(values) * scale)
    assert [(step.start, step.stop, step.level, step.spread) for step in scaled] == expected


@settings(deadline=None)
@given(scale=st.floats(1e-9, 1e9), seed=st.integers(0, 10**6))
def test_scaling_by_any_number_moves_no_change(scale: float, seed: int) -> None:
    """Also when several positions fit equally well: integer sums keep ties exact."""
    values = noisy([1.0, 1.05, 1.0], [9, 10, 11], 0.01, seed)
    plain, scaled = steps(values), steps(values * scale)
    assert [(step.start, step.stop) for step in scaled] == [(step.start, step.stop) for step in plain]
    assert [step.level for step in scaled] == pytest.approx([step.level * scale for step in plain], rel=1e-12)


@given(value=st.floats(1e-300, 1e300), n=st.integers(1, 80))
def test_a_constant_series_is_one_step(value: float, n: int) -> None:
    (step,) = steps([value] * n)
    assert step.level == pytest.approx(value)


@settings(deadline=None)
@given(
    before=st.integers(8, 20),
    after=st.integers(8, 20),
    factor=st.sampled_from([1.1, 1 / 1.1]),
    seed=st.integers(0, 10**6),
)
def test_a_clean_step_is_found_in_its_place(before: int, after: int, factor: float, seed: int) -> None:
    """Of 10 % in noise of 1 %; of 5,000 seeds, none failed."""
    (change,) = changes(noisy([5.0, 5.0 * factor], [before, after], 0.01, seed))
    assert abs(change.index - before) <= 1
    assert change.factor == pytest.approx(factor, rel=0.03)


@pytest.mark.parametrize(("step", "runs", "least"), [(1.1, 3, 1.0), (1.05, 5, 0.9)])
def test_a_new_level_shows_soon(step: float, runs: int, least: float) -> None:
    """The docstring of `changes` states it: after 20 runs, 10 % at the third run, 5 % at the fifth in 94 %."""
    found = sum(bool(changes(noisy([1.0, step], [20, runs], 0.01, seed))) for seed in range(200))
    assert found >= least * 200


def test_noise_alone_is_not_a_change() -> None:
    """The docstring of `changes` states the rate: none of 200."""
    noises = np.random.default_rng(0).uniform(0.01, 0.02, 200)
    alarms = [seed for seed, noise in enumerate(noises) if changes(noisy([1.0], [60], noise, seed))]
    assert alarms == []


@settings(deadline=None)
@given(at=st.integers(0, 39), factor=st.one_of(st.floats(0.01, 0.9), st.floats(1.1, 100.0)), seed=st.integers(0, 10**6))
@example(at=39, factor=100.0, seed=0)
@example(at=0, factor=100.0, seed=0)
def test_a_single_outlier_is_not_a_change(at: int, factor: float, seed: int) -> None:
    values = noisy([1.0], [40], 0.01, seed)
    values[at] *= factor
    assert changes(values) == []


def test_two_steps_are_found_and_a_way_back() -> None:
    found = changes(noisy([1.0, 1.2, 1.0], [15, 10, 15], 0.01, 1))
    assert [change.index for change in found] == [15, 25]
    assert [change.factor > 1 for change in found] == [True, False]


@settings(deadline=None, max_examples=60)
@given(values=st.lists(st.integers(1, 60).map(float), min_size=6, max_size=13))
def test_no_other_fit_is_better(values: list[float]) -> None:
    """Compares the formula of the module for all ways to cut the series."""
    series = np.array(values)
    n, floor = series.size, 1e-3 * float(np.median(series))

    def value(bounds: list[int]) -> float:
        return float(4 * np.log(n) / n * (len(bounds) - 1) + np.log(floor + l1(series, bounds) / n))

    got = value([0, *(step.stop for step in steps(series))])
    best = min(value(bounds) for k in range(1, n // FEWEST + 1) for bounds in ways(n, k))
    assert got == pytest.approx(best, abs=1e-9)


def test_values_of_any_size_are_taken() -> None:
    """The largest is 1e600 times the least: values below the grid become 0, which is not an error."""
    assert len(steps([1e-300] * 8 + [1e300] * 3)) == 2
    assert len(steps([5e-324] * 6)) == 1


def test_hundreds_of_runs_are_no_matter() -> None:
    found = changes(noisy([1.0, 0.9], [150, 150], 0.02, 0))
    assert [abs(change.index - 150) <= 1 for change in found] == [True]
