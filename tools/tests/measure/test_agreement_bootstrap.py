"""Intervals resample clips, not frames, and equal those of explicitly resampled arrays."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.measure.agreement import ConstantError, Interval, agreement, cluster_bootstrap
from tinyvmaf.measure.agreement.weighted import Errors, Moments, Ranks

Frames = tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]


def sample(seed: int, clips: int = 20, frames: int = 8, *, between: float = 3.0, within: float = 0.5) -> Frames:
    """Clips of different lengths whose frames share an error: clip `[N]`, expected, got; unbiased, ties at 100."""
    rng = np.random.default_rng(seed)
    clip = np.repeat(np.arange(clips), rng.integers(frames // 2, frames + frames // 2 + 1, clips))
    expected = np.minimum(rng.normal(75, 20, clips)[clip] + rng.normal(0, 2, clip.size), 100)
    got = expected + rng.normal(0, between, clips)[clip] + rng.normal(0, within, clip.size)
    return clip, expected, got


def labels(clip: NDArray[np.intp]) -> list[str]:
    return [f"clip{n:05}" for n in clip]


def width(interval: Interval) -> float:
    return interval.high - interval.low


@pytest.mark.parametrize(
    ("between", "within"), [(3.0, 0.5), (1e-3, 1e-3), (1e-6, 1e-6)], ids=["usual", "good", "rounding"]
)
@pytest.mark.parametrize("seed", range(3))
def test_weighted_measures_are_those_of_resampled_arrays(seed: int, between: float, within: float) -> None:
    """Down to 1 - PLCC = 1e-15, where sums of values that are not centred give noise."""
    clip, expected, got = sample(seed, between=between, within=within)
    draws = np.random.default_rng(seed).integers(0, 20, (25, 20))
    weights = np.array([np.bincount(draw, minlength=20) for draw in draws], dtype=np.float64)
    moments, ranks, errors = Moments(clip, expected, got), Ranks(clip, expected, got), Errors(clip, expected, got)
    found = zip(moments.plcc(weights), ranks.srocc(weights), errors.rmse(weights), errors.bias(weights), strict=True)
    assert moments.varying(weights).all()
    for draw, values in zip(draws, found, strict=True):
        rows = np.concatenate([np.flatnonzero(clip == n) for n in draw])
        direct = agreement(expected[rows], got[rows])
        assert values == pytest.approx((direct.plcc, direct.srocc, direct.rmse, direct.bias), abs=1e-12)
        assert 1 - values[0] == pytest.approx(1 - direct.plcc, rel=1e-4, abs=1e-15)


def test_a_high_level_costs_no_digits_of_the_spread() -> None:
    """Values are multiples of 1/1024, so that the shift is exact; a mean at this level has an ULP of 1e-9."""
    clip, expected, got = sample(3)
    expected, got = (np.round(values * 1024) / 1024 for values in (expected, got))
    weights = np.random.default_rng(0).multinomial(20, [1 / 20] * 20, size=25).astype(np.float64)
    low, high = (Moments(clip, expected + shift, got + shift).plcc(weights) for shift in (0, 2**23))
    assert high == pytest.approx(low, abs=1e-13)


def test_intervals_are_percentiles_of_resampled_arrays() -> None:
    clip, expected, got = sample(4)
    found = cluster_bootstrap(labels(clip), expected, got, resamples=100, seed=9, level=0.8)
    weights = np.random.default_rng(9).multinomial(20, [1 / 20] * 20, size=100)
    rows = [np.repeat(np.arange(clip.size), weight[clip]) for weight in weights]
    direct = [agreement(expected[row], got[row]) for row in rows]
    for name, interval in found.items():
        bounds = np.quantile([getattr(one, name) for one in direct], [0.1, 0.9])
        assert (interval.low, interval.high) == pytest.approx(tuple(bounds), abs=1e-12)


def test_intervals_hold_the_value_of_the_sample() -> None:
    clip, expected, got = sample(1, 40)
    found, whole = cluster_bootstrap(labels(clip), expected, got), agreement(expected, got)
    assert list(found) == ["plcc", "srocc", "rmse", "bias"]
    for name, interval in found.items():
        assert interval.low < getattr(whole, name) < interval.high


def test_a_higher_level_is_a_wider_interval() -> None:
    clip, expected, got = sample(2)
    narrow, wide = (cluster_bootstrap(labels(clip), expected, got, level=level) for level in (0.8, 0.99))
    assert all(wide[name].low < narrow[name].low < narrow[name].high < wide[name].high for name in wide)


def test_frames_of_a_clip_are_not_counted_as_news() -> None:
    """The 48 frames of a clip share its error: resampling frames gives an interval about 7 times too narrow."""
    clip, expected, got = sample(3, 30, 48)
    by_clip = cluster_bootstrap(labels(clip), expected, got, resamples=300)
    by_frame = cluster_bootstrap(labels(np.arange(clip.size)), expected, got, resamples=300)
    assert all(width(by_clip[name]) > 2 * width(by_frame[name]) for name in by_clip)
    assert width(by_clip["bias"]) > 4 * width(by_frame["bias"])


def test_intervals_by_clip_hold_the_truth_about_as_often_as_they_say() -> None:
    """The true bias is 0. With 30 clips a percentile interval of 95 % is known to be a little narrow."""
    by_clip = by_frame = 0
    for seed in range(60):
        clip, expected, got = sample(100 + seed, 30)
        one = cluster_bootstrap(labels(clip), expected, got, resamples=200)["bias"]
        two = cluster_bootstrap(labels(np.arange(clip.size)), expected, got, resamples=200)["bias"]
        by_clip += one.low <= 0 <= one.high
        by_frame += two.low <= 0 <= two.high
    assert 51 <= by_clip <= 60
    assert by_frame <= 45


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others() -> None:
    clip, expected, got = sample(5)
    first, again, other = (cluster_bootstrap(labels(clip), expected, got, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_order_of_rows_does_not_reach_the_last_bit() -> None:
    clip, expected, got = sample(6)
    order = np.random.default_rng(0).permutation(clip.size)
    given, shuffled = (
        cluster_bootstrap(labels(clip[rows]), expected[rows], got[rows]) for rows in (slice(None), order)
    )
    assert given == shuffled


def test_a_perfect_model_has_intervals_without_width() -> None:
    clip, expected, _ = sample(7)
    found = cluster_bootstrap(labels(clip), expected, expected)
    assert found["rmse"] == found["bias"] == Interval(0.0, 0.0)
    for name in ("plcc", "srocc"):
        assert (found[name].low, found[name].high) == pytest.approx((1, 1), abs=1e-12)
        assert found[name].high <= 1


def still(clips: int, moving: int) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Clips of a few frames, all but some saturated."""
    clip = np.repeat(np.arange(clips), 3)
    expected = np.where(clip < moving, 60.0 + np.arange(clip.size) % 3, 100.0)
    return labels(clip), expected, expected - np.arange(clip.size) % 2 / 10


def test_a_few_resamples_without_a_correlation_are_dropped() -> None:
    """(7/10)^10 = 3 % of the resamples hold none of the three clips that move."""
    clips, expected, got = still(10, 3)
    found = cluster_bootstrap(clips, expected, got, resamples=500)
    assert all(np.isfinite((one.low, one.high)).all() for one in found.values())


@pytest.mark.parametrize("swap", [False, True], ids=["expected", "got"])
def test_many_resamples_without_a_correlation_are_an_error(swap: bool) -> None:
    """(9/10)^10 = 35 % of the resamples lack the only clip that moves."""
    clips, expected, got = still(10, 1)
    with pytest.raises(ValueError, match=r"\d+ of 500 resamples of 10 clips are constant"):
        cluster_bootstrap(clips, *((got, expected) if swap else (expected, got)), resamples=500)


def test_a_resample_that_varies_by_rounding_alone_is_constant() -> None:
    clip = np.repeat(np.arange(3), 4)
    expected = np.where(clip == 0, np.arange(12.0), 93.3 + np.arange(12) % 2 * 1.5e-14)
    moments = Moments(clip, expected, np.arange(12.0))
    assert moments.varying(np.array([[1.0, 1, 1], [0, 1, 2], [0, 0, 3], [3, 0, 0]])).tolist() == [
        True,
        False,
        False,
        True,
    ]


def test_constant_values_have_no_interval() -> None:
    clip, expected, _ = sample(8)
    with pytest.raises(ConstantError, match="got"):
        cluster_bootstrap(labels(clip), expected, np.full(clip.size, 80.0))


@pytest.mark.parametrize(
    ("clips", "options", "message"),
    [
        (["a", "a", "b", "b"], {}, "three clips or more, not 2"),
        (["a", "b", "c"], {}, "3 labels for 4 values"),
        (["a", "b", "c", "d"], {"resamples": 0}, "resamples must be 1 or more"),
        (["a", "b", "c", "d"], {"level": 95.0}, "between 0 and 1"),
        (["a", "b", "c", "d"], {"level": float("nan")}, "between 0 and 1"),
    ],
)
def test_what_has_no_interval_is_said(clips: list[str], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster_bootstrap(clips, [1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 3.0], **options)
