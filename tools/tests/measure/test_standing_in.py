"""Errors by band, order, direction and fineness: against slow definitions, and on hand-made rows."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tinyvmaf.files import home
from tinyvmaf.measure.agreement import srocc
from tinyvmaf.measure.standing_in import (
    BANDS,
    LEAST_ROWS,
    Scored,
    against,
    errors,
    probes_of,
    rank_correlations,
    reversals,
    scores_a_point,
    worst_rows,
)
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_scores
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

Floats = NDArray[np.float64]
SCORES = st.one_of(st.floats(0.0, 100.0), st.integers(0, 20).map(lambda n: n * 5.0))  # ties, and ends of bands
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=40).map(lambda rows: np.array(rows).T)


def scored(expected: Floats, got: Floats, clip: list[str] | None = None) -> Scored:
    return Scored("rows", expected, got, lambda row: f"row {row}", None if clip is None else np.array(clip))


@given(PAIRS, st.sampled_from([0.5, 1.0, 5.0, 7.3]))
def test_reversals_are_those_of_all_pairs(scores: Floats, gap: float) -> None:
    expected, got = scores
    pairs = [(i, j) for i, j in product(range(len(got)), repeat=2) if expected[i] <= expected[j] - gap]
    found = reversals(expected, got, gap)
    widths = [got[i] - got[j] for i, j in pairs]
    assert found.pairs == len(pairs)
    assert found.share == (sum(width > 0 for width in widths) / len(pairs) if pairs else 0.0)
    assert found.widest == max([0.0, *widths])
    if found.widest:
        assert expected[found.worse] <= expected[found.better] - gap
        assert got[found.worse] - got[found.better] == found.widest


def test_a_pair_that_is_nearer_than_the_gap_does_not_count() -> None:
    assert reversals(np.array([0.0, 0.5, 1.0]), np.array([0.0, 10.0, 5.0]), 1.0)[:3] == (1, 0.0, 0.0)
    assert reversals(np.array([1.0, 0.0, 0.5]), np.array([3.0, 7.0, 10.0]), 1.0) == (1, 1.0, 4.0, 1, 0)


def test_reversals_of_many_rows_are_exact() -> None:
    rng = np.random.default_rng(0)
    expected = rng.uniform(90, 100, 1500)
    got = expected + rng.normal(0, 1.5, 1500)
    worse = expected[:, None] <= expected - 1.0
    other_way = worse & (got[:, None] > got)
    found = reversals(expected, got, 1.0)
    assert (found.pairs, found.share) == (worse.sum(), other_way.sum() / worse.sum())
    assert found.widest == (got[:, None] - got)[worse].max()


@given(PAIRS)
def test_errors_are_those_of_each_band(scores: Floats) -> None:
    expected, got = scores
    found = {one.band: one for one in errors(scored(expected, got))}
    assert found["all scores"].rows == len(got) == sum(one.rows for name, one in found.items() if name != "all scores")
    for band in BANDS:
        mine = [(want, have) for want, have in zip(expected, got, strict=True) if band.low <= want < band.high]
        assert (band.name in found) == bool(mine)
        if mine:
            one, want, have = found[band.name], *np.array(mine).T
            assert one.bias == pytest.approx(np.mean(have - want), abs=1e-9)
            assert one.rmse == pytest.approx(np.sqrt(np.mean((have - want) ** 2)), abs=1e-9)
            if len(mine) > 1 and want.std() > 1e-3:
                slope = np.polyfit(want, have, 1)[0]
                assert one.stretch == pytest.approx((slope - 1) * np.ptp(want), rel=1e-5, abs=1e-5)


@given(PAIRS)
def test_the_worst_row_of_a_band_is_the_worst(scores: Floats) -> None:
    expected, got = scores
    found = worst_rows(scored(expected, got))
    for band in BANDS:
        off = np.abs(got - expected)[band.holds(expected)]
        assert (band.name in found) == bool(len(off))
        if len(off):
            row = found[band.name]
            assert band.holds(expected)[row]
            assert abs(got[row] - expected[row]) == off.max()


def test_every_score_is_in_one_band() -> None:
    scores = np.array([-1.0, 0.0, 39.999, 40.0, 70.0, 89.999, 90.0, 94.999, 95.0, 100.0, 110.0])
    assert [sum(band.holds(scores)[i] for band in BANDS) for i in range(len(scores))] == [1] * len(scores)
    assert [band.name for band in BANDS if band.holds(np.array([95.0]))[0]] == ["above 95"]


def test_clips_are_means_over_their_frames() -> None:
    clips = scored(np.array([10.0, 80.0, 20.0]), np.array([12.0, 80.0, 22.0]), ["b", "a", "b"]).clips()
    assert clips is not None
    assert (clips.expected.tolist(), clips.got.tolist(), clips.where(1)) == ([80.0, 15.0], [80.0, 17.0], "clip b")
    assert scored(np.zeros(1), np.zeros(1)).clips() is None


@given(arrays(float, (2, 3, 5), elements=st.floats(0, 100)))
def test_against_is_the_worst_stretch_of_a_path(scores: Floats) -> None:
    expected, got = scores
    worst = 0.0
    for path, (begin, end) in product(range(3), combinations(range(5), 2)):
        teacher, model = expected[path, end] - expected[path, begin], got[path, end] - got[path, begin]
        low, high = sorted((0.0, teacher))
        worst = max(worst, low - model, model - high)
    found = against(expected, got)
    assert found.by == pytest.approx(worst, abs=1e-9)
    assert 0 <= found.begin < found.end < 5 or found.by == 0
    # What is within E of its teacher is at most 2 E against it.
    assert found.by <= 2 * np.abs(got - expected).max() + 1e-9


def test_a_path_may_be_flatter_than_the_teachers_and_no_steeper() -> None:
    teacher = np.array([[10.0, 20.0, 30.0]])
    assert against(teacher, np.array([[50.0, 50.0, 51.0]])).by == 0.0
    assert against(teacher, np.array([[10.0, 25.0, 30.0]])).by == 5.0
    assert against(teacher, np.array([[10.0, 7.0, 30.0]])) == (13.0, 0, 1, 2)
    assert against(teacher[:, ::-1], np.array([[30.0, 33.0, 10.0]])) == (13.0, 0, 1, 2)


@given(st.integers(1, 400))
def test_resolution_is_one_over_the_step(hundredths: int) -> None:
    expected = np.linspace(40.0, 70.0, 30_001)[:-1]
    step = hundredths / 100
    found = scores_a_point(scored(expected, np.floor(expected / step) * step))
    assert found.keys() == {"40 to 70"}
    assert abs(found["40 to 70"] - 1 / step) <= 0.07 + 0.02 / step, "a band has a step more or less at its ends"


def test_noise_is_no_fineness() -> None:
    expected = np.linspace(40.0, 70.0, 30_001)[:-1]
    steps = np.round(expected / 8) * 8 + np.random.default_rng(0).uniform(-1e-4, 1e-4, len(expected))
    assert scores_a_point(scored(expected, steps))["40 to 70"] < 1


def test_rank_correlation_is_that_of_rows_that_the_teacher_does_not_clip() -> None:
    rng = np.random.default_rng(1)
    expected = np.concatenate([np.full(500, 100.0), rng.uniform(95, 100, 100), rng.uniform(50, 60, LEAST_ROWS - 1)])
    got = expected + rng.normal(0, 0.1, len(expected))
    found = rank_correlations(scored(expected, got), (0.0, 100.0))
    assert found == {"above 95": srocc(expected[500:600], got[500:600])}
    assert found["above 95"] > 0.99
    got[500:600] = 97.0
    assert np.isnan(rank_correlations(scored(expected, got), (0.0, 100.0))["above 95"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_not_finite_is_within_no_bound(bad: float) -> None:
    expected = np.linspace(90.0, 100.0, 5000)
    got = expected.copy()
    got[7] = bad
    rows = scored(expected, got)
    found = {one.band: one for one in errors(rows)}
    assert not np.isfinite(found["all scores"][2:]).any()
    assert not np.isfinite(found["90 to 95"][2:]).any()
    assert found["above 95"][2:] == (0.0, 0.0, 0.0)
    assert worst_rows(rows)["90 to 95"] == 7
    assert np.isnan(reversals(expected, got, 1.0).share)
    assert np.isnan(rank_correlations(rows, (0.0, 100.0))["90 to 95"])
    assert np.isnan(scores_a_point(rows)["90 to 95"])
    assert np.isnan(against(expected.reshape(10, 500), got.reshape(10, 500)).by)


@pytest.mark.parametrize("teacher_id", list(KNOWN))
def test_probes_lie_in_the_domain_of_each_teacher(teacher_id: str) -> None:
    teacher = load_built_in(find_ffmpeg(), teacher_id)
    probes, domain = probes_of(teacher, samples=500, starts=10), Domain(teacher.features)
    for rows in (probes.sample, probes.paths.reshape(-1, len(probes.names)), probes.identical):
        assert domain.contains(rows).all()
        assert (rows == rows.astype(np.float32)).all()
    quality = [i for i, one in enumerate(domain.features) if one.base.startswith(("adm", "vif"))]
    rises = np.diff(probes.paths[..., quality], axis=1)
    assert (rises >= 0).all()
    assert (np.diff(probes.paths, axis=1) > 0).any(axis=(0, 1)).all(), "every feature is raised by some path"
    assert (probes.identical[:, quality] == 1).all()
    assert probes.expected[-1] == teacher.predict(probes.identical)[-1]


def test_each_probe_has_the_score_that_the_model_gives_its_row() -> None:
    probes = probes_of(load_built_in(find_ffmpeg(), "vmaf_v0.6.1"), samples=50, starts=3)
    found = probes.of(lambda rows: rows @ np.arange(1.0, 7.0, dtype=np.float32))
    for rows, got in (
        (probes.sample, found.sample.got),
        (probes.paths, found.paths[1]),
        (probes.identical, found.identical.got),
    ):
        assert got == pytest.approx(rows @ np.arange(1.0, 7.0), rel=1e-5)
    assert found.sample.where(3) == probes.in_words(probes.sample[3])
    assert found.identical.where(3) == probes.in_words(probes.identical[3])


def test_a_shipped_model_is_far_inside() -> None:
    teacher = load_built_in(find_ffmpeg(), "vmaf_v0.6.1")
    engine = OnnxRuntimeCpu((home() / "model/tinyvmaf_nano.onnx").read_bytes())
    found = probes_of(teacher, samples=20_000, starts=20).of(lambda rows: all_scores(engine, rows))
    assert max(abs(one.bias) for one in errors(found.sample)) < 0.1
    assert against(*found.paths).by < 0.4
    assert min(scores_a_point(found.sample).values()) > 40
    assert np.abs(found.identical.got - found.identical.expected).max() < 0.1
