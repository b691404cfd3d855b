"""Samples of the domain for a fit, and the search for the rows where a student is worst."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.train.fitting import samples as module
from tinyvmaf.train.fitting.examples import corrected
from tinyvmaf.train.fitting.samples import Samples
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

Array = NDArray[np.float64]
TEACHERS = ("vmaf_v0.6.1", "vmaf_v0.6.1neg", "vmaf_v1.0.16_3d0h")


@pytest.fixture(params=TEACHERS)
def teacher(request: pytest.FixtureRequest, ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg, request.param)


def test_samples_are_rows_of_the_domain_with_their_scores(teacher: Teacher) -> None:
    drawn, again, other = (Samples.of(teacher, 2000, seed) for seed in (5, 5, 6))
    rows = drawn.domain.rows(drawn.cube)
    assert np.array_equal(drawn.rows, corrected(teacher, rows.astype(np.float32).astype(np.float64)))
    assert np.allclose(drawn.scores, teacher.predict(rows.astype(np.float32)), rtol=0.0, atol=1e-8)
    assert np.array_equal(drawn.cube, again.cube)
    assert not np.array_equal(drawn.cube, other.cube)


def test_samples_reach_corners_still_pictures_and_ordinary_video(teacher: Teacher) -> None:
    """Of a face that no feature prefers there are some samples, and more are in the middle of ADM than by chance."""
    drawn = Samples.of(teacher, 4000, 0)
    assert (np.isin(drawn.cube, (0.0, 1.0)).mean(axis=0) > 0.02).all()
    names = list(drawn.domain.names)
    motion = next(i for i, name in enumerate(names) if name.startswith("motion"))
    assert 0.05 < (drawn.rows[:, motion] == 0.0).mean() < 0.3
    if "adm2" in names:
        assert (np.abs(drawn.cube[:, names.index("adm2")] - 0.5) < 0.25).mean() > 0.55


def bump(teacher: Teacher, centre: Array) -> Callable[[Array], Array]:
    """The teacher, not clipped, with a bump of 8 points that is a tenth of each feature's range wide."""
    low, high = Domain(teacher.features).bounds()

    def student(rows: Array) -> Array:
        away = (rows - centre) / (0.1 * (high - low))
        return np.asarray(teacher.svr.with_gradient(rows)[0] + 8.0 * np.exp(-0.5 * np.square(away).sum(axis=1)))

    return student


def test_a_search_climbs_a_bump(ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg)
    centre = np.array([0.7, 0.3, 0.5, 0.6, 0.7, 9.0])
    rows, scores, largest = Samples.of(teacher, 3000, 0).worst(bump(teacher, centre), 0)
    assert 7.9 < largest <= 8.0
    assert Domain(teacher.features).contains(rows).all()
    assert np.allclose(scores, teacher.predict(rows), rtol=0.0, atol=1e-8)
    assert (np.abs(rows[0] - centre) / (0.1 * Domain(teacher.features).bounds()[1]) < 0.2).all()


def test_a_search_reaches_a_corner_that_no_sample_is_near(ffmpeg: FFmpeg) -> None:
    """VIF scale 3 at its end and the finer ones at 0: a student that is wrong in a corner alone is found out."""
    teacher = load_built_in(ffmpeg)
    domain = Domain(teacher.features)
    corner = domain.rows(np.array([[0.0, 0.0, 0.0, 0.0, 1.0, 1.0]]))[0]
    wrong = bump(teacher, corner)
    assert np.abs(wrong(corner[None]) - teacher.predict(corner[None]))[0] == pytest.approx(8.0)
    _, _, largest = Samples.of(teacher, 20_000, 0).worst(wrong, 0)
    assert largest > 7.9


def test_a_search_does_not_count_what_both_clip(ffmpeg: FFmpeg) -> None:
    """Above 100, where the teacher is at 100, is no error."""
    teacher = load_built_in(ffmpeg)
    _, _, largest = Samples.of(teacher, 500, 0).worst(
        lambda rows: np.where(teacher.predict(rows) >= 100.0, 180.0, teacher.predict(rows)), 0
    )
    assert largest < 1e-8


def test_a_search_of_few_samples_starts_at_all_of_them(ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STEPS", 1)
    drawn = Samples.of(load_built_in(ffmpeg), 4, 0)
    rows, scores, _ = drawn.worst(lambda rows: np.zeros(len(rows)), 0)
    assert len(rows) == len(scores) == 12
