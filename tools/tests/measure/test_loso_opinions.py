"""Opinion models against their teacher and a cubic of it: by hand, and on sets whose truth is known."""

import json
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.measure.agreement import Interval, plcc, rmse_difference
from tinyvmaf.measure.loso import OpinionReport, opinion_report
from tinyvmaf.measure.loso.opinions import ClipScores, held_out_cubic

Array = NDArray[np.float64]
SOURCES = 12


class World:
    """Sources with clips of all qualities; viewers' opinions are a function of what they see, of the content, and of
    chance."""

    def __init__(self, seed: int, sources: int = SOURCES, clips: int = 20) -> None:
        rng = np.random.default_rng(seed)
        self.source = np.repeat([f"S{i:02}" for i in range(sources)], clips)
        self.clip = np.array([f"{s}_{i}" for i, s in enumerate(self.source)])
        self.teacher = rng.uniform(5.0, 98.0, len(self.clip))
        self.better_half = self.teacher + rng.uniform(0.0, 25.0, len(self.clip))
        self.unlike = np.repeat(rng.normal(0.0, 5.0, sources), clips) + rng.normal(0.0, 3.0, len(self.clip))
        self.rng = rng

    def judged(self, opinions: Array, got: Array) -> OpinionReport:
        scores = ClipScores(self.source, self.clip, opinions, got)
        means = dict(zip(self.clip.tolist(), self.teacher.tolist(), strict=True))
        report = opinion_report("m", "t", scores, means, (0.0, 100.0))
        assert report is not None
        return report

    def held_out(self, feature: Array, opinions: Array) -> Array:
        """A line of a feature, for each source fitted to the others."""
        out = np.empty_like(opinions)
        for name in set(self.source.tolist()):
            mine = self.source == name
            out[mine] = np.polyval(np.polyfit(feature[~mine], opinions[~mine], 1), feature[mine])
        return out


def cubic(x: Array) -> Array:
    return 5.0 + 130.0 * (x / 100) ** 2 - 50.0 * (x / 100) ** 3


# The cubic and the gate's interval, where the truth is known.


def test_the_cubic_is_fitted_to_the_other_sources() -> None:
    world = World(0, sources=3, clips=8)
    opinions = cubic(world.teacher) + world.unlike
    got = held_out_cubic(world.teacher, opinions, world.source)
    for name in ("S00", "S01", "S02"):
        mine = world.source == name
        expected = np.polyval(np.polyfit(world.teacher[~mine], opinions[~mine], 3), world.teacher[mine])
        np.testing.assert_allclose(got[mine], expected, atol=1e-7)


def test_the_cubic_itself_does_not_beat_the_cubic() -> None:
    world = World(1)
    opinions = cubic(world.teacher) + world.unlike
    report = world.judged(opinions, np.clip(held_out_cubic(world.teacher, opinions, world.source), 0, 100))
    assert report.less_cubic == Interval(0.0, 0.0)
    assert report.model == report.cubic


@pytest.mark.parametrize("seed", range(5))
def test_noise_does_not_beat_the_cubic_where_the_cubic_is_the_truth(seed: int) -> None:
    world = World(seed)
    opinions = cubic(world.teacher) + world.unlike
    truth = held_out_cubic(world.teacher, opinions, world.source)
    for noisy in (truth + world.rng.normal(0.0, 2.0, len(truth)), world.held_out(world.better_half, opinions)):
        assert world.judged(opinions, noisy).less_cubic.high > 0.0


@pytest.mark.parametrize("seed", range(5))
def test_another_pooling_beats_the_cubic_where_it_is_the_truth(seed: int) -> None:
    world = World(seed)
    opinions = 0.8 * world.better_half + 4.0 + world.unlike
    report = world.judged(opinions, world.held_out(world.better_half, opinions))
    assert report.less_cubic.high < -0.01
    assert report.model.over.rmse < report.cubic.over.rmse
    assert world.judged(opinions, world.teacher).less_cubic.high > 0.0


@pytest.mark.parametrize("sources", [6, 17])
def test_a_model_that_is_no_better_passes_rarely(sources: int) -> None:
    """Errors of both have the same size, source by source at random. 2.5 % should pass; over 2,000 draws 4.2 % do with
    6 sources and 3.7 % with 17. Plain percentiles would let 8.9 % and 5.0 % pass."""
    names = np.repeat([f"S{i}" for i in range(sources)], 10)
    passed = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        one, other = (
            np.repeat(rng.normal(0, 8, sources), 10) + rng.normal(0, 3, len(names)) for _ in ("model", "cubic")
        )
        passed += rmse_difference(names.tolist(), np.zeros(len(names)), one, other, resamples=1000).high < 0
    assert passed <= 0.05 * 300


# By hand.


def test_figures_within_sources_forgive_what_is_wrong_with_a_whole_source() -> None:
    world = World(3)
    opinions = np.clip(world.teacher, 10, 90)
    offset = np.repeat(np.linspace(-20, 20, SOURCES), 20)
    report = world.judged(opinions, opinions + offset)
    assert report.model.rmse_within == pytest.approx(0.0, abs=1e-6)
    assert report.model.plcc_within == pytest.approx(1.0)
    assert report.model.over.rmse == pytest.approx(np.sqrt(np.mean(offset**2)))
    assert report.model.over.plcc == pytest.approx(plcc(opinions, opinions + offset))
    assert report.model.intervals["rmse"].low < report.model.over.rmse < report.model.intervals["rmse"].high
    assert report.as_it_is.over.rmse == pytest.approx(np.sqrt(np.mean((world.teacher - opinions) ** 2)))
    assert report.less_teacher.low > 0.0
    assert (report.clips, report.sources) == (240, 12)


def test_the_sentence_gives_model_cubic_and_interval() -> None:
    world = World(4)
    opinions = cubic(world.teacher) + world.unlike
    report = world.judged(opinions, opinions + 1.0)
    low, high = report.less_cubic.low, report.less_cubic.high
    assert report.comparison == (
        f"RMSE 1.00, of a cubic of t {report.cubic.over.rmse:.2f}, difference {1.0 - report.cubic.over.rmse:+.2f} "
        f"(95 % {low:+.2f} to {high:+.2f}, 12 sources)"
    )
    assert report.summary.startswith(f"m, opinions of 240 clips: {report.comparison}. Over sources: the model PLCC 1.0")


def test_the_report_is_json_even_if_a_model_is_constant() -> None:
    world = World(5)
    report = world.judged(cubic(world.teacher), np.full(len(world.clip), 50.0))
    written = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert written["model"]["over_sources"]["plcc"] is None
    assert written["model"]["within_sources"]["plcc"] is None
    assert written["less_cubic"] == [report.less_cubic.low, report.less_cubic.high]
    assert report.less_cubic.low > 0.0


def test_five_sources_are_too_few() -> None:
    world = World(6, sources=5)
    scores = ClipScores(world.source, world.clip, world.teacher, world.teacher)
    means: Mapping[str, float] = dict(zip(world.clip.tolist(), world.teacher.tolist(), strict=True))
    assert opinion_report("m", "t", scores, means, (0.0, 100.0)) is None


# The interval.


def test_the_interval_of_a_difference_is_wider_with_fewer_clusters_than_percentiles_are() -> None:
    rng = np.random.default_rng(0)
    names = np.repeat(list("abcdef"), 30)
    want, got, other = rng.normal(size=(3, 180))
    shift = np.repeat(rng.normal(size=6), 30)
    found = rmse_difference(names.tolist(), want, got, other + shift)
    plain = [
        np.sqrt(np.mean((got[i] - want[i]) ** 2)) - np.sqrt(np.mean((other[i] + shift[i] - want[i]) ** 2))
        for i in (
            np.concatenate([np.flatnonzero(names == n) for n in rng.choice(list("abcdef"), 6)]) for _ in range(4000)
        )
    ]
    low, high = np.quantile(plain, [0.025, 0.975])
    assert found.low < low
    assert found.high > high


def test_the_order_of_rows_and_the_names_of_clusters_change_nothing() -> None:
    rng = np.random.default_rng(1)
    names, values = np.repeat(list("abcd"), 5), rng.normal(size=(3, 20))
    order = rng.permutation(20)
    one = rmse_difference(names.tolist(), *values)
    other = rmse_difference(names[order].tolist(), *values[:, order])
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-12)
    turned = rmse_difference(names.tolist(), values[0], values[2], values[1])
    assert (turned.low, turned.high) == pytest.approx((-one.high, -one.low), abs=0.05)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: rmse_difference(["a", "b"], [1, 2, 3], [1, 2, 3], [1, 2, 3]), "2 labels for 3 values"),
        (lambda: rmse_difference(list("aabb"), [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]), "three or more, not 2"),
        (lambda: rmse_difference(list("abc"), [1, 2, 3], [1, 2, 3], [1, 2, np.nan]), "got value 2 is nan"),
        (lambda: rmse_difference(list("abc"), [1, 2, 3], [1, 2], [1, 2, 3]), "same shape"),
    ],
)
def test_what_has_no_interval_is_refused(call: Callable[[], Interval], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        call()
