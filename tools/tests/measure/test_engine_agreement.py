"""Test rows, runs in batches, and a search that finds planted differences."""

from collections.abc import Callable
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.files import home
from tinyvmaf.measure import engine_agreement
from tinyvmaf.measure.engine_agreement.float64_reference import in_float64
from tinyvmaf.measure.engine_agreement.ulp import NOT_FINITE, compare
from tinyvmaf.model.engines import LEVELS, Session, Settings, all_engines, find
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

Rows = NDArray[np.float32]
NANO = home() / "model/tinyvmaf_nano.onnx"


@pytest.fixture(scope="module")
def domain(ffmpeg: FFmpeg) -> Domain:
    return Domain(load_built_in(ffmpeg).features)


@pytest.mark.parametrize("kind", [engine_agreement.inside, engine_agreement.outside, engine_agreement.boundaries])
@pytest.mark.parametrize("count", [1, 7, 3000])
def test_rows_are_finite_as_many_as_asked_and_the_same_again(
    domain: Domain, kind: Callable[[Domain, int, int], NDArray[np.float32]], count: int
) -> None:
    rows = kind(domain, count, 3)
    assert rows.dtype == np.float32
    assert rows.shape == (count, 6)
    assert np.isfinite(rows).all()
    assert rows.tobytes() == kind(domain, count, 3).tobytes()
    assert count < 7 or rows.tobytes() != kind(domain, count, 4).tobytes()


def test_rows_inside_are_inside_and_rows_outside_are_mostly_not(domain: Domain) -> None:
    assert domain.contains(engine_agreement.inside(domain, 5000, 0)).all()
    outside = engine_agreement.outside(domain, 6000, 0)
    assert domain.contains(outside).mean() < 0.05
    assert (outside < 0).mean() > 0.2
    assert (np.abs(outside) > 1e30).any()
    assert (np.abs(outside[outside != 0]) < 1e-30).any()


def test_extremes_hold_every_extreme_in_every_feature_and_in_each_two() -> None:
    rows = engine_agreement.extremes(3)
    largest = float(np.finfo(np.float32).max)
    for value in (0.0, -0.0, largest, -largest, float(np.finfo(np.float32).smallest_subnormal)):
        same = (rows == np.float32(value)) & (np.signbit(rows) == np.signbit(np.float32(value)))
        assert same.any(axis=0).all()
        assert (same[:, 0] & same[:, 2]).any()
        assert same.all(axis=1).any()


def test_a_model_of_one_feature_has_extremes_too() -> None:
    assert engine_agreement.extremes(1).shape[1] == 1


def test_boundaries_lie_on_powers_of_two_or_one_ulp_beside(domain: Domain) -> None:
    rows = engine_agreement.boundaries(domain, 2000, 0)
    below, above = np.nextafter(rows, np.float32(-1e9)), np.nextafter(rows, np.float32(1e9))
    on = np.stack([np.ldexp(x.astype(np.float64), 24) % 1 == 0 for x in (rows, below, above)])
    assert on.any(axis=0).mean() > 0.99
    assert (rows == np.rint(np.ldexp(rows.astype(np.float64), 23)) * 2.0**-23).mean() > 0.2


@given(count=st.integers(1, 40), batch=st.integers(1, 50))
@settings(deadline=None, max_examples=50)
def test_batches_cover_each_row_once_in_order(count: int, batch: int) -> None:
    sizes = []

    def run(rows: Rows) -> Rows:
        sizes.append(len(rows))
        return rows[:, 0]

    session = Mock(spec=Session, run=run)
    rows = np.arange(count, dtype=np.float32)[:, None]
    assert (engine_agreement.in_batches(session, rows, batch) == rows[:, 0]).all()
    assert max(sizes) <= batch
    assert len(sizes) == -(-count // batch)


def test_settings_are_every_combination_and_the_default_comes_first() -> None:
    for engine in all_engines():
        found = engine_agreement.settings_of(engine)
        assert found[0] == Settings()
        assert len(set(found)) == len(found) == (2 if engine.threaded else 1) * len(engine.levels)
        assert {one.optimisation for one in found} <= set(LEVELS)


def line(rows: Rows) -> Rows:
    """Crosses 0 in the middle of the feature range, and is 0 below, like a clipped score."""
    return np.asarray(np.maximum(rows.astype(np.float64).sum(axis=1) - 1.0, 0.0), np.float32)


def test_a_search_walks_to_where_the_score_crosses_0() -> None:
    """An error of 1e-9 is below 1 ULP at a score of 1, but 10^6 ULP near 0. No first row differs by more than 1 ULP."""
    start = np.random.default_rng(0).uniform(0.5, 1.0, (500, 3)).astype(np.float32)

    def other(rows: Rows) -> Rows:
        return np.asarray(np.maximum(rows.astype(np.float64).sum(axis=1) - 1.0 + 1e-9, 0.0), np.float32)

    assert compare(line(start), other(start), bound=1).max <= 1
    found = engine_agreement.search(line, other, start)
    assert found.ulp > 10_000
    assert found.ulp == compare(line(found.row[None]), other(found.row[None]), bound=0).max


def test_a_search_climbs_to_a_larger_distance() -> None:
    start = np.random.default_rng(1).uniform(0.0, 1.0, (300, 2)).astype(np.float32)

    def other(rows: Rows) -> Rows:
        off = np.floor(50.0 * np.exp(-20.0 * np.square(rows - 0.9).sum(axis=1)))
        return np.asarray(1000.0 + off * np.spacing(np.float32(1000.0)), np.float32)

    def reference(rows: Rows) -> Rows:
        return np.full(len(rows), 1000.0, dtype=np.float32)

    before = compare(reference(start), other(start), bound=0).max
    assert engine_agreement.search(reference, other, start).ulp >= max(before, 49)


def test_a_search_between_equals_finds_nothing_and_says_how_much_it_tried() -> None:
    found = engine_agreement.search(line, line, np.ones((10, 3), dtype=np.float32), steps=5)
    assert found.ulp == 0
    assert found.tried > 100


def test_nothing_is_further_from_a_score_than_nan() -> None:
    def other(rows: Rows) -> Rows:
        return np.where(rows[:, 0] > 0.5, np.float32(np.nan), line(rows))

    rows = np.full((4, 3), 0.4, np.float32)
    found = engine_agreement.search(line, other, rows)
    assert found.ulp == NOT_FINITE
    assert found.row[0] > 0.5
    assert np.isnan(found.got)
    assert engine_agreement.search(other, other, rows, steps=3).ulp == 0, "both are NaN on the same rows"


def test_every_row_of_a_search_is_finite() -> None:
    largest = np.finfo(np.float32).max

    def watched(rows: Rows) -> Rows:
        assert np.isfinite(rows).all()
        return np.zeros(len(rows), dtype=np.float32)

    engine_agreement.search(watched, watched, np.full((8, 2), largest, dtype=np.float32), steps=10)


def test_the_truth_of_an_exact_model_is_what_it_gives(domain: Domain) -> None:
    rows = np.concatenate(
        [
            engine_agreement.inside(domain, 500, 0),
            engine_agreement.outside(domain, 500, 0),
            engine_agreement.extremes(6)[::50],
        ]
    )
    with find("onnxruntime-cpu").load(NANO.read_bytes()) as session:
        scores = session.run(rows)
    truth = in_float64(NANO.read_bytes(), rows)
    assert truth.dtype == np.float64
    assert (truth == scores).all()


def test_the_truth_of_bytes_that_are_no_model_is_an_error() -> None:
    with pytest.raises(ModelError):
        in_float64(NANO.read_bytes()[:500], np.zeros((1, 6), np.float32))


def test_the_first_of_mixed_rows_are_of_every_kind() -> None:
    kinds = {
        "many": np.full((9000, 2), 1, np.float32),
        "few": np.full((3, 2), 2, np.float32),
        "all": np.full((15, 2), 3, np.float32),
    }
    rows, of = engine_agreement.mixed(kinds, 500, 0, whole=["all"])
    assert [(of == kind).sum() for kind in kinds] == [242, 3, 15]
    assert set(of[:3]) == set(kinds)
    assert ((of == "all")[:130].sum(), (of == "all")[130:].sum()) in {(7, 8), (8, 7)}
    assert all((rows[of == kind] == kinds[kind][0]).all() for kind in kinds)
    again, _ = engine_agreement.mixed(kinds, 500, 0, whole=["all"])
    assert rows.tobytes() == again.tobytes()


def test_a_search_keeps_what_differs_only_among_others() -> None:
    """An engine whose kernel for a batch differs from that for one row."""

    def other(rows: Rows) -> Rows:
        return np.nextafter(line(rows), np.float32(9)) if len(rows) > 1 else line(rows)

    found = engine_agreement.search(line, other, np.ones((10, 3), dtype=np.float32), steps=3)
    assert found.ulp >= 1
    assert found.batch > 1
    assert found.ulp == compare(np.array([found.expected]), np.array([found.got]), bound=0).max
    assert other(found.row[None]) == line(found.row[None])
