"""A teacher's domain contains every row that the teacher can meet, and its search finds the worst rows."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tinyvmaf.data import dataset
from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.data.golden import load_rows
from tinyvmaf.errors import TeacherError
from tinyvmaf.files import home
from tinyvmaf.vmaf.domain import Domain, WorstRows, worst_difference
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES, Feature, resolve
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

Array = NDArray[np.floating]
DOMAIN = Domain(CANONICAL_FEATURES)
MODERN = Domain(
    (
        resolve("Cambi_feature_cambi_score", {"cambi_max_val": 17.0}),
        resolve("Speed_chroma_feature_speed_chroma_uv_score", {"speed_max_val": 45.0}),
        resolve("VMAF_integer_feature_adm3_score", {"adm_min_val": 0.5}),
        resolve("VMAF_integer_feature_motion3_score", {"motion_max_val": 18.0}),
    )
)
SEARCH = {"samples": 4000, "starts": 40, "steps": 40}
QUICK = settings(max_examples=50, deadline=None)


# What lies inside the domain.


@pytest.mark.parametrize("name", KNOWN)
def test_every_support_vector_of_a_teacher_lies_in_its_domain(name: str, ffmpeg: FFmpeg) -> None:
    """Support vectors are rows of the real videos that the teacher was trained on."""
    teacher = load_built_in(ffmpeg, name)
    vectors = (teacher.svr.support_vectors - teacher.svr.intercepts[1:]) / teacher.svr.slopes[1:]
    assert Domain(teacher.features).contains(vectors).all()


def test_every_row_of_the_embedded_corpus_lies_in_its_teachers_domain(ffmpeg: FFmpeg) -> None:
    data = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    judged = 0
    for name in KNOWN:
        teacher = load_built_in(ffmpeg, name)
        if set(teacher.feature_names) <= set(data.table.column_names):
            judged += 1
            rows = data.columns(*teacher.feature_names)
            assert Domain(teacher.features).contains(rows).all(), name
            assert Domain(teacher.features).contains(rows.astype(np.float32)).all(), name
    assert judged >= len(data.provenance["teachers"])


def test_every_golden_row_lies_in_the_domain() -> None:
    """Students are judged on the golden rows."""
    for pair in load_rows().pairs.values():
        assert DOMAIN.contains(pair.features(CANONICAL)).all(), pair.id


def row(**changes: float) -> list[list[float]]:
    """The row of a good picture with some motion, with these changes."""
    values = dict(zip(CANONICAL, (0.95, 0.6, 0.8, 0.9, 0.95, 5.0), strict=True)) | changes
    return [[values[name] for name in CANONICAL]]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"motion2": 0.0},
        {"motion2": 30.0},
        {"vif_scale1": 0.505},
        {"adm2": 0.451},
        {"vif_scale3": 1.3},
        {"vif_scale0": 0.0, "vif_scale1": 0.0, "vif_scale2": 0.0, "vif_scale3": 0.0, "adm2": 0.6},
        {"adm2": 16.3, "vif_scale0": 5.4, "vif_scale1": 1.45, "vif_scale2": 0.96, "vif_scale3": 0.94},
        {"adm2": 3.0, "vif_scale0": 0.1, "vif_scale1": 0.1, "vif_scale2": 0.1, "vif_scale3": 1.5},
        {"adm2": 0.876, "vif_scale0": 1.2, "vif_scale1": 1.31, "vif_scale2": 1.31, "vif_scale3": 1.31},
        {"adm2": 1.184344, "vif_scale0": 0.081607, "vif_scale1": 0.515661, "vif_scale2": 0.617386, "vif_scale3": 0.67},
    ],
    ids=[
        "good",
        "still",
        "fastest",
        "vif-falls-a-little",
        "adm-apart",
        "sharpened",
        "nothing-left",
        "nearly-flat-reference",
        "amplified",
        "brightened",
        "sharpened-upscaling",
    ],
)
def test_rows_that_a_video_can_have_lie_inside(changes: dict[str, float]) -> None:
    assert DOMAIN.contains(row(**changes)).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"motion2": -0.1},
        {"motion2": 30.1},
        {"vif_scale1": 0.49},
        {"adm2": 0.44},
        {"vif_scale0": 0.0, "vif_scale1": 0.0, "vif_scale2": 0.0, "vif_scale3": 0.0, "adm2": 0.61},
        {"vif_scale3": 1.31},
        {"adm2": 0.988, "vif_scale0": 1.79, "vif_scale1": 1.0, "vif_scale2": 1.0, "vif_scale3": 1.0},
        {"vif_scale0": -0.01},
        {"adm2": np.nan},
        {"motion2": np.inf},
    ],
    ids=[
        "negative",
        "too-fast",
        "vif-falls",
        "adm-too-far",
        "adm-too-high",
        "vif-too-high",
        "amplified-noise",
        "vif-negative",
        "nan",
        "inf",
    ],
)
def test_rows_that_no_video_can_have_lie_outside(changes: dict[str, float]) -> None:
    assert not DOMAIN.contains(row(**changes)).any()


def test_the_excess_says_which_feature_is_beyond_its_limits_and_by_how_much() -> None:
    low, high = DOMAIN.bounds()
    motion = CANONICAL.index("motion2")
    rows = np.concatenate([row(), row(motion2=high[motion] + 4.0), row(motion2=low[motion] - 2.0)])
    expected = np.zeros((3, 6))
    expected[1:, motion] = 4.0, -2.0
    assert DOMAIN.excess(rows) == pytest.approx(expected)
    assert DOMAIN.distance(rows) == pytest.approx([0.0, 4.0, 2.0])
    assert DOMAIN.excess_in_words(rows[0]) == ""
    assert DOMAIN.excess_in_words(rows[1]) == f"motion2 {high[motion] + 4.0:g} is 4 too high"
    assert DOMAIN.excess_in_words(rows[2]) == "motion2 -2 is 2 too low"
    assert np.isinf(DOMAIN.distance(np.concatenate([row(adm2=np.nan), row(vif_scale0=-np.inf)]))).all()


@given(rows=arrays(np.float64, (4, 6), elements=st.floats(-0.5, 2.0) | st.just(np.nan)))
@QUICK
def test_a_row_is_inside_if_it_is_at_no_distance(rows: Array) -> None:
    assert np.array_equal(DOMAIN.contains(rows), DOMAIN.distance(rows) == 0.0)


@pytest.mark.parametrize("name", [name for name in KNOWN if "neg" not in name and "v1" not in name])
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_beyond_the_ends_every_teacher_says_100(name: str, ffmpeg: FFmpeg, data: st.DataObject) -> None:
    """ADM and VIF have no useful limit. A student that clips its inputs at the ends is right beyond them."""
    teacher = load_built_in(ffmpeg, name)
    domain = Domain(teacher.features)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    cube = domain.cube_sample(2000, int(rng.integers(2**32)))
    cube[rng.uniform(size=cube.shape) < (0.6, 0.3, 0.3, 0.3, 0.3, 0.0)] = 1.0
    at_end = domain.rows(cube)
    further = rng.exponential(data.draw(st.floats(0.01, 30.0)), cube.shape)
    rows = np.where(at_end == domain.bounds()[1], at_end + further * (1.0, 0.1, 0.1, 0.1, 0.1, 0.0), at_end)
    moved = domain.at_the_ends(rows)
    beyond = domain.contains(rows) & (moved != rows).any(axis=1)
    assert domain.contains(moved[beyond]).all()
    assert (teacher.predict(rows[beyond]) == 100.0).all()
    assert (teacher.predict(moved[beyond]) == 100.0).all()


@given(rows=arrays(np.float64, (8, 6), elements=st.floats(0.0, 3.0) | st.just(np.nan) | st.just(np.inf)))
@QUICK
def test_moving_rows_to_the_ends_changes_nothing_else(rows: Array) -> None:
    """It never moves a row into the domain that was outside, and is done once."""
    moved = DOMAIN.at_the_ends(rows)
    assert np.array_equal(moved, DOMAIN.at_the_ends(moved), equal_nan=True)
    assert np.array_equal(DOMAIN.contains(moved), DOMAIN.contains(rows))
    changed = ~((moved == rows) | (np.isnan(moved) & np.isnan(rows)))
    assert np.array_equal(moved[changed], np.broadcast_to(DOMAIN.bounds()[1], rows.shape)[changed])
    assert (moved[changed] < rows[changed]).all()


def test_every_extreme_of_natural_frames_lies_inside(ffmpeg: FFmpeg) -> None:
    found = dataset.read(embedded_corpus().extreme_features)
    for name in ("vmaf_v0.6.1", "vmaf_v0.6.1neg"):
        teacher = load_built_in(ffmpeg, name)
        away = Domain(teacher.features).distance(found.columns(*teacher.feature_names))
        assert not away.any(), found.table["clip"][int(away.argmax())]


def test_without_enhancement_gain_nothing_lies_beyond_the_ends(ffmpeg: FFmpeg) -> None:
    domain = Domain(load_built_in(ffmpeg, "vmaf_v0.6.1neg").features)
    rows = np.full((1, 6), 1.2)
    assert np.array_equal(domain.at_the_ends(rows), rows)
    assert domain.excess(rows)[0, :5] == pytest.approx(0.15)


# The map from the cube.


@pytest.mark.parametrize("domain", [DOMAIN, MODERN], ids=["canonical", "modern"])
@given(data=st.data())
@QUICK
def test_every_point_of_the_cube_lands_inside(domain: Domain, data: st.DataObject) -> None:
    shape = (data.draw(st.integers(1, 5)), len(domain.features))
    rows = domain.rows(data.draw(arrays(np.float64, shape, elements=st.floats(0.0, 1.0))))
    assert rows.shape == shape
    assert domain.contains(rows).all()
    assert domain.contains(rows.astype(np.float32)).all()


@given(cube=arrays(np.float64, (3, 6), elements=st.floats(allow_nan=False)))
@QUICK
def test_points_outside_the_cube_are_clipped(cube: Array) -> None:
    """So an ascent that steps over a face moves along it."""
    rows = DOMAIN.rows(cube)
    assert np.array_equal(rows, DOMAIN.rows(np.clip(cube, 0.0, 1.0)))
    assert DOMAIN.contains(rows).all()


@pytest.mark.parametrize("domain", [DOMAIN, MODERN], ids=["canonical", "modern"])
def test_the_corners_of_the_cube_reach_both_ends_of_each_feature(domain: Domain) -> None:
    """Otherwise the map would miss a part of the domain."""
    width = len(domain.features)
    corners = (np.arange(2**width)[:, None] >> np.arange(width) & 1).astype(np.float64)
    rows = domain.rows(corners)
    low, high = domain.bounds()
    assert np.array_equal(rows.min(axis=0), low)
    assert np.array_equal(rows.max(axis=0), high)


def test_an_option_can_set_the_limit_of_a_feature() -> None:
    low, high = MODERN.bounds()
    assert low.tolist() == [0.0, 0.0, 0.5, 0.0]
    assert high.tolist() == [17.0, 45.0, 1.05, 18.0]
    assert MODERN.extent() == (0.0, 45.0)


@pytest.mark.parametrize(
    "feature",
    [
        Feature("ssim", "ssim", "ssim", "SSIM"),
        resolve("Cambi_feature_cambi_score", {}),
        resolve("Speed_chroma_feature_speed_chroma_uv_score", {}),
    ],
    ids=["ssim", "cambi-without-end", "chroma-without-end"],
)
def test_a_feature_without_a_known_range_is_an_error(feature: Feature) -> None:
    with pytest.raises(TeacherError, match=rf"the range of feature {feature.name} is not known\n  hint: add it to"):
        Domain((*CANONICAL_FEATURES, feature))


# Samples.


@pytest.mark.parametrize("domain", [DOMAIN, MODERN], ids=["canonical", "modern"])
def test_a_sample_is_the_same_for_the_same_seed_and_lies_inside(domain: Domain) -> None:
    rows = domain.sample(1000, 3)
    assert np.array_equal(rows, domain.sample(1000, 3))
    assert not np.isin(rows[:, -1], domain.sample(1000, 4)[:, -1]).any()
    assert domain.contains(rows).all()


def test_a_sample_has_slow_pictures_more_often_and_fast_ones_too() -> None:
    """In the uniform half, 5 % have a motion below 1.5; in the cubed half 0.05 ** (1/3) = 37 %."""
    motion = DOMAIN.sample(10_000, 0)[:, CANONICAL.index("motion2")]
    assert 0.18 < (motion < 1.5).mean() < 0.24
    assert (motion > 27.0).mean() > 0.05


def test_a_quarter_of_a_sample_has_no_colour() -> None:
    """The teacher has a special case for a chroma of exactly 0, and a uniform draw never gives it."""
    assert (MODERN.sample(1000, 0)[:, 1] == 0.0).sum() == 250


# The search.


HEIGHT = 7.0
Scores = Callable[[Array], Array]


def teacher(rows: Array) -> Array:
    return np.asarray(rows, dtype=np.float64) @ (40.0, 5.0, 10.0, 10.0, 20.0, 0.5)


def bumped(centre: Array, width: float = 0.1) -> Scores:
    """The teacher with a Gaussian bump whose standard deviation is a tenth of each feature's range."""
    low, high = DOMAIN.bounds()

    def student(rows: Array) -> Array:
        away = (np.asarray(rows, dtype=np.float64) - centre) / (high - low)
        return np.asarray(teacher(rows) + HEIGHT * np.exp(-0.5 * np.square(away / width).sum(axis=1)))

    return student


@pytest.mark.parametrize("seed", range(3))
def test_a_narrow_bump_is_found_and_climbed(seed: int) -> None:
    """Sampling alone finds less than nine tenths of its height; the ascent reaches its top."""
    centre = DOMAIN.rows(np.random.default_rng(seed).uniform(0.1, 0.9, (1, 6)))
    student, sample = bumped(centre), DOMAIN.sample(SEARCH["samples"], 0).astype(np.float32)
    found = worst_difference(student, teacher, DOMAIN, **SEARCH)
    assert np.abs(student(sample) - teacher(sample)).max() < 0.9 * HEIGHT
    assert 0.995 * HEIGHT < found.differences[0] <= HEIGHT
    low, high = DOMAIN.bounds()
    assert np.abs((found.rows[0] - centre[0]) / (high - low)).max() < 0.02


def test_a_search_returns_float32_rows_inside_and_their_true_differences() -> None:
    student = bumped(DOMAIN.rows(np.full((1, 6), 0.4)))
    found = worst_difference(student, teacher, DOMAIN, **SEARCH)
    assert isinstance(found, WorstRows)
    assert len(found.rows) == len(found.differences) == SEARCH["starts"]
    assert DOMAIN.contains(found.rows).all()
    assert np.array_equal(found.rows, found.rows.astype(np.float32))
    rows = found.rows.astype(np.float32)
    assert np.array_equal(found.differences, np.abs(student(rows) - teacher(rows)))
    assert (np.diff(found.differences) <= 0.0).all()


def test_a_search_gives_the_same_for_the_same_seed() -> None:
    student = bumped(DOMAIN.rows(np.full((1, 6), 0.4)))
    once, again, other = (worst_difference(student, teacher, DOMAIN, **SEARCH, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(once.rows, again.rows)
    assert np.array_equal(once.differences, again.differences)
    assert not np.array_equal(once.rows, other.rows)


def test_the_largest_difference_may_lie_on_the_edge() -> None:
    """Two linear functions differ most in a corner: here at the highest motion, by 0.5 * 30 points."""
    found = worst_difference(lambda rows: teacher(rows) - 0.5 * rows[:, 5], teacher, DOMAIN, **SEARCH)
    assert found.differences[0] == pytest.approx(15.0, abs=1e-4)


def test_a_search_of_equal_functions_finds_zero(ffmpeg: FFmpeg) -> None:
    real = load_built_in(ffmpeg)
    found = worst_difference(real.predict, real.predict, Domain(real.features), samples=500, starts=10, steps=5)
    assert not found.differences.any()
    assert len(found.rows) == 10


def test_with_fewer_samples_than_starts_every_sample_is_a_start() -> None:
    found = worst_difference(bumped(np.zeros(6)), teacher, DOMAIN, samples=3, starts=40, steps=2)
    assert 3 <= len(found.rows) <= 6


def test_the_search_reaches_a_chroma_of_exactly_0() -> None:
    """A student without the teacher's special case for 0 is wrong there and nowhere else."""

    def forgets(rows: Array) -> Array:
        return np.where(rows[:, 1] == 0.0, 3.0, 0.0)

    found = worst_difference(forgets, lambda rows: np.zeros(len(rows)), MODERN, **SEARCH)
    assert found.differences[0] == 3.0
    assert found.rows[0, 1] == 0.0


def test_a_score_that_is_not_finite_is_the_worst_of_a_search() -> None:
    def student(rows: Array) -> Array:
        return np.where(rows[:, 5] > 20.0, np.nan, teacher(rows))

    found = worst_difference(student, teacher, DOMAIN, **SEARCH)
    assert np.isinf(found.differences[0])
    assert found.rows[0, 5] > 20.0
    assert DOMAIN.contains(found.rows).all()
