"""Correlations equal those of scipy; error, bias and slope show what correlations do not."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinyvmaf.measure.agreement import AgreementMetrics, ConstantError, agreement, clip_means, krocc, plcc, srocc

Correlation = Callable[[NDArray[np.float64], NDArray[np.float64]], float]

ALL = pytest.mark.parametrize("correlation", [plcc, srocc, krocc])
ORACLES: dict[Correlation, Any] = {
    plcc: lambda x, y: scipy.stats.pearsonr(x, y).statistic,
    srocc: lambda x, y: scipy.stats.spearmanr(x, y).statistic,
    krocc: lambda x, y: scipy.stats.kendalltau(x, y).statistic,
}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores with two decimals, so that some tie; neither series is constant."""
    rows = draw(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=3, max_size=40))
    expected, got = np.array(rows, dtype=np.float64).T / 100
    assume(np.ptp(expected) > 0 and np.ptp(got) > 0)
    return expected, got


def scores(seed: int, places: int | None = None, n: int = 500) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    expected = np.clip(rng.normal(75, 25, n), 0, 100)  # ties at 100, as real scores
    got = np.clip(expected + rng.normal(0, 8, n), 0, 100)
    return (expected, got) if places is None else (expected.round(places), got.round(places))


@ALL
@pytest.mark.parametrize("places", [None, 0, -1], ids=["saturated", "many-ties", "most-tie"])
@pytest.mark.parametrize("seed", range(3))
def test_correlations_are_those_of_scipy(correlation: Correlation, places: int | None, seed: int) -> None:
    expected, got = scores(seed, places)
    assert correlation(expected, got) == pytest.approx(ORACLES[correlation](expected, got), abs=1e-13)


@ALL
@given(pair=pairs())
def test_a_correlation_is_bounded_and_symmetric(
    correlation: Correlation, pair: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    expected, got = pair
    assert -1 <= correlation(expected, got) <= 1
    assert correlation(got, expected) == pytest.approx(correlation(expected, got), abs=1e-12)
    assert correlation(expected, -got) == pytest.approx(-correlation(expected, got), abs=1e-12)
    assert correlation(expected, expected) == pytest.approx(1, abs=1e-12)


@ALL
@given(pair=pairs(), random=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(
    correlation: Correlation, pair: tuple[NDArray[np.float64], NDArray[np.float64]], random: Random
) -> None:
    expected, got = pair
    order = random.sample(range(expected.size), expected.size)
    assert correlation(expected[order], got[order]) == pytest.approx(correlation(expected, got), abs=1e-12)


@given(pairs(), st.floats(0.1, 10), st.floats(-100, 100))
def test_plcc_does_not_see_a_positive_scale_and_an_offset(
    pair: tuple[NDArray[np.float64], NDArray[np.float64]], scale: float, offset: float
) -> None:
    expected, got = pair
    assert plcc(expected, scale * got + offset) == pytest.approx(plcc(expected, got), abs=1e-9)


@pytest.mark.parametrize("correlation", [srocc, krocc])
@given(pair=pairs())
def test_rank_correlations_do_not_see_a_monotone_map(
    correlation: Correlation, pair: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> None:
    expected, got = pair
    assert correlation(expected, np.exp(got / 20)) == pytest.approx(correlation(expected, got), abs=1e-12)


@given(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=30), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_plcc_never_passes_one_on_a_line(values: list[float], scale: float, offset: float) -> None:
    expected = np.array(values)
    try:
        assert abs(plcc(expected, scale * expected + offset)) <= 1
    except ConstantError:
        assume(False)


def test_plcc_tells_a_billionth_from_one() -> None:
    """The residual is orthogonal to the line, so that 1 - r is known without a correlation."""
    line = np.tile([-1.0, 1.0, 1.0, -1.0], 500)
    residual = np.tile([-1.0, -1.0, 1.0, 1.0], 500) * math.sqrt(2e-9)
    assert 1 - plcc(50 + 20 * line, 50 + 20 * (line + residual)) == pytest.approx(1e-9, rel=1e-5)


@pytest.mark.parametrize(("clips", "value"), [(7, 0.964), (8, 0.976)])
def test_one_swapped_pair_of_neighbours_costs_a_small_fold_this_much(clips: int, value: float) -> None:
    """1 - 6 * 2 / (n (n^2 - 1)): why a bound on a fold must say how many clips it has."""
    expected = np.arange(clips, dtype=np.float64)
    got = expected[[1, 0, *range(2, clips)]]
    assert round(srocc(expected, got), 3) == value


def test_ties_share_their_ranks() -> None:
    """Ranks 1, 2, 3.5, 3.5 against 1, 2, 3, 4: sqrt(0.9). Of 6 pairs 5 agree and 1 ties in one: tau-b 5 / sqrt(30)."""
    expected, got = np.array([20.0, 60.0, 100.0, 100.0]), np.array([25.0, 50.0, 97.0, 99.0])
    assert srocc(expected, got) == pytest.approx(math.sqrt(0.9), abs=1e-15)
    assert krocc(expected, got) == pytest.approx(5 / math.sqrt(30), abs=1e-15)


def test_an_offset_of_ten_points_shows_in_bias_alone() -> None:
    expected = np.linspace(20, 80, 50)
    found = agreement(expected, expected + 10.6)
    assert (found.plcc, found.srocc, found.krocc) == pytest.approx((1, 1, 1), abs=1e-12)
    assert (found.rmse, found.max_error, found.bias, found.slope) == pytest.approx((10.6, 10.6, 10.6, 1))


def test_a_halved_scale_shows_in_slope() -> None:
    expected = np.linspace(0, 100, 101)
    found = agreement(expected, 50 + (expected - 50) / 2)
    assert (found.plcc, found.bias, found.slope) == pytest.approx((1, 0, 0.5), abs=1e-12)
    assert found.max_error == 25


def test_agreement_is_its_parts() -> None:
    expected, got = scores(5)
    line = scipy.stats.linregress(expected, got)
    parts: dict[str, Any] = {
        "n": 500,
        "plcc": plcc(expected, got),
        "srocc": srocc(expected, got),
        "krocc": krocc(expected, got),
        "rmse": pytest.approx(np.sqrt(np.mean((got - expected) ** 2))),
        "max_error": np.abs(got - expected).max(),
        "bias": pytest.approx(np.mean(got - expected)),
        "slope": pytest.approx(line.slope),
    }
    assert agreement(expected, got) == AgreementMetrics(**parts)


CONSTANTS = pytest.mark.parametrize(
    "constant",
    [[93.0] * 5, [0.0] * 5, [0.1, 0.1, 0.1, 0.1, 0.1 + 1e-16], [93.0, 93.0, 93.0 + 2e-14, 93.0, 93.0]],
    ids=["exactly", "zero", "tenths", "by-rounding"],
)
VARYING = [10.0, 30.0, 20.0, 90.0, 100.0]


@pytest.mark.parametrize("function", [plcc, srocc, krocc, agreement])
@CONSTANTS
def test_constant_values_have_no_correlation(function: Callable[..., object], constant: list[float]) -> None:
    for which, pair in (("expected", (constant, VARYING)), ("got", (VARYING, constant))):
        with pytest.raises(ConstantError, match=f"the {which} values are constant") as caught:
            function(*pair)
        assert caught.value.which == which


@CONSTANTS
def test_a_constant_model_can_be_judged_and_passes_no_bound(constant: list[float]) -> None:
    found = agreement(VARYING, constant, constant_got="nan")
    assert all(math.isnan(value) for value in (found.plcc, found.srocc, found.krocc))
    assert found.bias == pytest.approx(constant[0] - 50)
    assert found.slope == pytest.approx(0, abs=1e-12)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["plcc"] is None


@CONSTANTS
def test_constant_data_is_never_the_fault_of_the_model(constant: list[float]) -> None:
    for got in (VARYING, constant):
        with pytest.raises(ConstantError, match="expected"):
            agreement(constant, got, constant_got="nan")


def test_as_dict_has_every_field() -> None:
    assert list(agreement(*scores(1)).as_dict()) == [
        "n",
        "plcc",
        "srocc",
        "krocc",
        "rmse",
        "max_error",
        "bias",
        "slope",
    ]


@pytest.mark.parametrize("function", [plcc, srocc, krocc, agreement])
@pytest.mark.parametrize(
    ("expected", "got", "message"),
    [
        ([1, 2], [1, 2], "three values or more, not 2"),
        ([], [], "not 0"),
        ([1, 2, 3], [1, 2, 3, 4], r"expected \[3\] and got \[4\]"),
        ([[1, 2, 3]], [[1, 2, 3]], "the same shape"),
        ([1, 2, 3], [1, math.nan, 3], "got value 1 is nan"),
        ([1, 2, math.inf], [1, 2, 3], "expected value 2 is inf"),
    ],
)
def test_what_cannot_be_compared_is_said(
    function: Callable[..., object], expected: list[float], got: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        function(expected, got)
    assert not isinstance(caught.value, ConstantError)


def test_clip_means_are_sorted_by_label() -> None:
    names, means = clip_means(["b", "a", "b", "c10", "c2"], [1, 5, 3, 7, 8])
    assert names == ["a", "b", "c10", "c2"]
    assert means.tolist() == [5, 2, 7, 8]


@pytest.mark.parametrize(("clips", "values"), [([], []), (["a"], [1.0, 2.0]), (["a"], [math.nan])])
def test_clip_means_take_a_finite_value_a_label(clips: list[str], values: list[float]) -> None:
    with pytest.raises(ValueError, match="one label per value"):
        clip_means(clips, values)


def test_scipy_is_not_imported_until_it_is_needed() -> None:
    """Importing scipy takes most of a second, too long for `tinyvmaf --help`."""
    code = "import sys, tinyvmaf.measure.agreement; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
