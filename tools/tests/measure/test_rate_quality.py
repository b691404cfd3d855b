"""BD-rate equals that of another implementation, keeps its laws, and is refused where it would say nothing."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.measure.rate_quality import BdRate, BdRateError, RateCurve, bd_rate, grouped

Points = tuple[Sequence[float], Sequence[float]]

# Bitrates in kbit/s and PSNR of the example of VCEG-M33's implementations; the others are VMAF.
FIRST = ([9487.76, 4593.60, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851])
SECOND = ([9787.80, 4469.00, 2451.52, 1356.24], [40.121, 38.651, 36.970, 34.987])
FIVE = ([400, 800, 1600, 3200, 6400], [61.2, 78.4, 88.1, 93.6, 96.2])
FOUR = ([300, 700, 1500, 2900], [64.0, 82.5, 91.7, 95.8])


@st.composite
def curves(draw: st.DrawFn, low: int = 0) -> RateCurve:
    """A rising curve of 4 to 9 points whose qualities are between `low` and 100."""
    steps = draw(st.lists(st.tuples(st.floats(1.01, 4.0), st.floats(0.1, 10.0)), min_size=4, max_size=9))
    rates, gains = np.array(steps).T
    bitrates = draw(st.floats(1e4, 1e6)) * np.cumprod(rates)
    return RateCurve.of("a", bitrates, low + (100 - low) * np.cumsum(gains) / gains.sum())


def rate(anchor: Points, test: Points) -> BdRate:
    return bd_rate(RateCurve.of("anchor", *anchor), RateCurve.of("test", *test))


@pytest.mark.parametrize(
    ("anchor", "test", "percent"),
    [(FIRST, SECOND, -4.417485350589045), (FIVE, FOUR, -33.49234252975787), (FOUR, FIVE, 50.3586260645904)],
)
def test_it_equals_another_implementation(anchor: Points, test: Points, percent: float) -> None:
    """`bd_rate(..., method="pchip", require_matching_points=False, min_overlap=0)` of bjontegaard 1.3.0 (PyPI)."""
    assert rate(anchor, test).percent == pytest.approx(percent, abs=1e-9)


@given(curves())
def test_a_curve_against_itself_is_0(curve: RateCurve) -> None:
    found = bd_rate(curve, curve)
    assert found.percent == 0.0
    assert found.share == 1.0
    assert (found.low, found.high) == (curve.qualities[0], curve.qualities[-1])


@given(curves(), st.floats(0.05, 20.0))
def test_every_bitrate_times_a_factor_is_that_factor(curve: RateCurve, factor: float) -> None:
    """Twice the bitrate for the same quality is +100 %."""
    more = RateCurve.of("b", curve.bitrates * factor, curve.qualities)
    assert bd_rate(curve, more).percent == pytest.approx(100 * (factor - 1), abs=1e-6)


@given(curves(), curves())
def test_the_other_way_round_it_is_the_inverse_ratio(one: RateCurve, other: RateCurve) -> None:
    there, back = bd_rate(one, other), bd_rate(other, one)
    assert (1 + there.percent / 100) * (1 + back.percent / 100) == pytest.approx(1.0, rel=1e-9)
    assert (there.low, there.high, there.share) == (back.low, back.high, back.share)


@given(curves(), curves(), st.floats(0.1, 10.0), st.floats(-50.0, 50.0))
def test_the_unit_of_quality_and_of_bitrate_does_not_matter(
    one: RateCurve, other: RateCurve, scale: float, by: float
) -> None:
    a, b = (RateCurve.of(c.name, c.bitrates * 1e-3, c.qualities * scale + by) for c in (one, other))
    assert bd_rate(a, b).percent == pytest.approx(bd_rate(one, other).percent, rel=1e-6, abs=1e-6)


@given(curves(), curves(), st.randoms(use_true_random=False))
def test_the_order_of_the_points_does_not_matter(one: RateCurve, other: RateCurve, random: Random) -> None:
    points = list(zip(other.bitrates, other.qualities, strict=True))
    random.shuffle(points)
    shuffled = RateCurve.of("b", *zip(*points, strict=True))
    assert bd_rate(one, shuffled).percent == bd_rate(one, other).percent


@given(curves(low=60), curves(low=40))
def test_a_test_that_is_cheaper_at_every_quality_is_below_0(one: RateCurve, other: RateCurve) -> None:
    cheapest = RateCurve.of("b", other.bitrates / other.bitrates[-1] * one.bitrates[0] / 2, other.qualities)
    assert bd_rate(one, cheapest).percent < 0


def test_it_says_how_much_of_the_curves_it_is_about() -> None:
    half = rate(FIVE, ([100, 200, 300, 400], [20.0, 40.0, 60.0, 70.0]))
    assert (half.low, half.high) == (61.2, 70.0)
    assert half.share == pytest.approx((70.0 - 61.2) / (96.2 - 20.0))


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (([1, 2, 3], [50.0, 60.0, 70.0]), "test has 3 points; BD-rate needs 4"),
        (([1, 2, 3, 4], [50.0, 60.0, 59.9, 70.0]), r"test does not rise: 0.003 kbit/s scores 59.9000, 0.002 kbit/s 60"),
        (([1, 2, 3, 4], [50.0, 60.0, 60.0, 70.0]), "test does not rise"),
        (([1, 2, 2, 4], [50.0, 60.0, 61.0, 70.0]), "test does not rise"),
        (([1, 2, 3, 4], [10.0, 20.0, 30.0, 61.1]), "anchor scores 61.20 to 96.20, test 10.00 to 61.10: they have no"),
        (([1, 2, 3, 4], [10.0, 20.0, 30.0, 61.2]), "no quality in common"),
        (([0, 2, 3, 4], [50.0, 60.0, 70.0, 80.0]), "is not a number"),
        (([1, 2, 3, 4], [50.0, 60.0, float("nan"), 80.0]), "is not a number"),
    ],
)
def test_what_has_no_bd_rate_is_refused(test: Points, message: str) -> None:
    with pytest.raises(BdRateError, match=message):
        rate(FIVE, test)
    if "anchor scores" not in message:
        with pytest.raises(BdRateError):
            rate(test, FIVE)


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["x264_400k.mp4", "x265_400k.mp4", "x264_800k.mp4"], {"x264_*k.mp4": (0, 2), "x265_400k.mp4": (1,)}),
        (["p4_crf30", "p4_crf40", "p6_crf30", "p6_crf40"], {"p4_crf*": (0, 1), "p6_crf*": (2, 3)}),
        (
            ["p4_crf30", "p4_crf40", "p4_crf50", "p6_crf30", "p6_crf40", "p6_crf50"],
            {"p4_crf*": (0, 1, 2), "p6_crf*": (3, 4, 5)},
        ),
        (["640x360_400k.mp4", "1280x720_1500k.mp4"], {"*x*_*k.mp4": (0, 1)}),
        (["a/1.mkv", "a/2.mkv", "b/1.mkv"], {"a/*.mkv": (0, 1), "b/1.mkv": (2,)}),
        (["av1 23.5", "av1 28", "vp9 28"], {"av1 *": (0, 1), "vp9 28": (2,)}),
        (["v2_30.mp4", "v2_40.mp4"], {"v2_*.mp4": (0, 1)}),
        ([], {}),
    ],
)
def test_names_that_differ_only_in_numbers_are_a_curve(names: list[str], groups: dict[str, tuple[int, ...]]) -> None:
    assert {one.name: one.members for one in grouped(names)} == groups


@given(st.lists(st.text(st.sampled_from("ab1290_x64.k"), max_size=9), max_size=12))
def test_every_name_is_in_one_group(names: list[str]) -> None:
    assert sorted(i for one in grouped(names) for i in one.members) == list(range(len(names)))
