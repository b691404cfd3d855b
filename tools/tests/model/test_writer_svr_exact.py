"""The exact form of a teacher's SVR: its scores within about 1e-5 VMAF points, without any rounding operation."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from onnx import numpy_helper

from tinyvmaf.data import dataset
from tinyvmaf.errors import TeacherError
from tinyvmaf.files import home
from tinyvmaf.model.certificate import certify
from tinyvmaf.model.contract import faults
from tinyvmaf.model.engines import OnnxRuntimeCpu, Settings
from tinyvmaf.model.writer import svr_model
from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.model.writer.polynomial import add_polynomial, polynomial_loss
from tinyvmaf.model.writer.svr_exact import add_exact_svr, has_exact_form, largest_loss
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import KNOWN, ChromaFromLuma, Teacher, load_built_in
from tinyvmaf.vmaf.teacher.silence import SILENT
from tinyvmaf.vmaf.teacher.svr import ScoreTransform, Svr

Array = NDArray[np.float64]
Rows = NDArray[np.float32]
F32 = np.finfo(np.float32)
EXACT = ("vmaf_v0.6.1", "vmaf_4k_v0.6.1", "vmaf_v1.0.16_3d0h", "vmaf_v1.0.16_3d0h_2160")
PHONE_TRANSFORM = ScoreTransform(1.70674692, 1.72643844, -0.00705305, True, False)
ADDS = ScoreTransform(0.0, 1.0, 0.0, False, False)
EXTREMES = (0.0, -0.0, 1.0, -1.0, 1e3, F32.max, -F32.max, F32.tiny, -F32.tiny, F32.smallest_subnormal)

Teachers = Callable[[str], Teacher]
Files = Callable[[str], bytes]


@pytest.fixture(scope="module")
def teachers(ffmpeg: FFmpeg) -> Teachers:
    return functools.cache(lambda name: load_built_in(ffmpeg, name))


@pytest.fixture(scope="module")
def files(teachers: Teachers) -> Files:
    return functools.cache(lambda name: svr_model(teachers(name), "m"))


def domain_rows(teacher: Teacher, count: int = 20_000) -> Rows:
    return Domain(teacher.features).sample(count, 1).astype(np.float32)


def extremes(teacher: Teacher) -> Rows:
    """Each in every feature at once, and mixed with each other and with rows of the domain."""
    width, rng = len(teacher.features), np.random.default_rng(0)
    mixed = rng.choice(np.array(EXTREMES), (300, width))
    some = np.where(rng.uniform(size=(300, width)) < 0.3, mixed, domain_rows(teacher, 300))
    return np.concatenate([np.repeat(np.array(EXTREMES)[:, None], width, axis=1), mixed, some]).astype(np.float32)


def operators(data: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_model_from_string(data).graph.node}


# Accuracy.


@pytest.mark.parametrize("name", EXACT)
def test_a_frame_is_the_teachers(name: str, teachers: Teachers, files: Files) -> None:
    """Measured on these rows of the domain: 2.5e-5 VMAF points at most, and 4e-6 on the average."""
    teacher = teachers(name)
    rows = domain_rows(teacher)
    off = OnnxRuntimeCpu(files(name)).run(rows).astype(np.float64) - teacher.predict(rows.astype(np.float64))
    assert np.abs(off).max() < 5e-5
    assert abs(off.mean()) < 1e-5


@pytest.mark.parametrize("name", EXACT)
def test_the_mean_of_a_clip_is_the_teachers(name: str, teachers: Teachers, files: Files) -> None:
    """Of all clips of the embedded corpus. Measured: 1.2e-5 VMAF points at most."""
    data = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    teacher = teachers(name)
    rows = data.columns(*teacher.feature_names)
    off = OnnxRuntimeCpu(files(name)).run(rows).astype(np.float64) - teacher.predict(rows)
    _, clip = np.unique(data.table["clip"].to_pylist(), return_inverse=True)
    assert np.abs(np.bincount(clip, off) / np.bincount(clip)).max() < 2e-5


@pytest.mark.parametrize("name", EXACT)
def test_half_a_step_makes_up_for_flooring(name: str, teachers: Teachers, files: Files) -> None:
    """A step of a feature stands for its middle, and `z`, the normalised feature times the root of gamma in whole units
    of 2^-25, is off by half a unit at most, and on the average not at all."""
    teacher = teachers(name)
    found = {c.name: numpy_helper.to_array(c) for c in onnx.load_model_from_string(files(name)).graph.initializer}
    rows, svr = domain_rows(teacher).astype(np.float64), teacher.svr
    if svr.chroma is not None:
        rows = rows[rows[:, svr.chroma.chroma] > 0.0]
    steps = np.floor(rows * found["scales"])
    z = np.floor(steps * found["slopes"] + found["intercepts"])
    middle = (steps + 0.5) / found["scales"]
    assert np.abs(middle - rows).max() <= (0.5 / found["scales"]).max()
    exact = (middle * svr.slopes[1:] + svr.intercepts[1:]) * np.sqrt(svr.gamma) * 2.0**25
    assert np.abs(z - exact).max() < 1.51  # a slope is rounded, too, and that grows to a unit at the end of the scale
    off = z - (steps + 0.5) * found["slopes"] - svr.intercepts[1:] * np.sqrt(svr.gamma) * 2.0**25
    assert np.abs(off).max() < 0.51
    assert np.abs(off.mean(axis=0)).max() < 0.02


@pytest.mark.parametrize("name", EXACT)
def test_beyond_the_clip_of_features_a_score_is_that_at_the_clip(name: str, teachers: Teachers, files: Files) -> None:
    """At 0, and between two and four times the end of a feature without enhancement, beyond the domain: a graph that
    clips features counts to a known number."""
    teacher, data = teachers(name), files(name)
    found = {c.name: numpy_helper.to_array(c) for c in onnx.load_model_from_string(data).graph.initializer}
    ends = found["scaled_clipped_high"] / found["scales"]
    highest = Domain(teacher.features).bounds()[1]
    over = ends / np.where(highest < 2.0, 1.05, highest)
    assert ((over >= 2.0) & (over <= 4.0) & (ends > 1.5 * highest)).all()
    rows, engine = extremes(teacher), OnnxRuntimeCpu(data)
    # The next float32 above an end is still clipped to it; the one below may be a few steps less.
    inside = np.clip(rows, np.float32(0.0), np.nextafter(ends.astype(np.float32), F32.max))
    scores = engine.run(rows)
    assert np.array_equal(scores, engine.run(inside))
    clipped = np.clip(np.where(rows < SILENT, 0.0, rows.astype(np.float64)), 0.0, ends)
    np.testing.assert_allclose(scores, teacher.predict(clipped), rtol=0, atol=2e-4)
    assert teacher.svr.clip is not None
    assert ((scores >= teacher.svr.clip[0]) & (scores <= teacher.svr.clip[1])).all()


@given(rows=arrays(np.float32, (4, 6), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
@settings(max_examples=60, deadline=None)
def test_any_finite_row_scores_within_the_clip(files: Files, rows: Rows) -> None:
    scores = _engine(files("vmaf_v0.6.1")).run(rows)
    assert np.isfinite(scores).all()
    assert ((scores >= 0.0) & (scores <= 100.0)).all()


_engine = functools.cache(OnnxRuntimeCpu)


# Exactness.


@pytest.mark.parametrize("name", EXACT)
def test_its_certificate_says_that_no_engine_with_float64_differs(name: str, files: Files) -> None:
    found = certify(files(name))
    assert found.exact_in_float64, found.explain()
    assert found.flush_to_zero_safe
    assert found.arithmetic == "float64"
    assert found.accumulator_bits is not None
    assert 50 <= found.accumulator_bits <= 53
    assert not faults(files(name))


@pytest.mark.parametrize("name", EXACT)
def test_optimisation_and_batch_change_no_bit(name: str, teachers: Teachers, files: Files) -> None:
    teacher = teachers(name)
    rows = np.concatenate([domain_rows(teacher, 2000), extremes(teacher)])
    expected = OnnxRuntimeCpu(files(name)).run(rows)
    for level in ("none", "all"):
        engine = OnnxRuntimeCpu(files(name), Settings(optimisation=level))
        assert np.array_equal(engine.run(rows), expected)
        alone = np.concatenate([engine.run(row[None]) for row in rows[::11]])
        assert np.array_equal(alone, expected[::11])


def test_nothing_is_left_that_engines_approximate(files: Files) -> None:
    assert not {"Exp", "Div", "Sqrt"} & operators(files(EXACT[0]))


# Teachers with an exact form.


def test_every_published_teacher_has_an_exact_form(teachers: Teachers) -> None:
    """So has the phone's, with libvmaf's other transform."""
    assert all(has_exact_form(teachers(name).svr) for name in KNOWN)
    assert has_exact_form(replace(teachers(EXACT[0]).svr, transform=PHONE_TRANSFORM))


def test_a_teacher_without_a_clip_or_with_a_transform_that_turns_keeps_the_old_form(teachers: Teachers) -> None:
    """A raw score of 300 transformed to below the clip's end must not be clipped at 128 before."""
    teacher = teachers(EXACT[0])
    turns = ScoreTransform(0.0, 1.8, -0.0075, False, False)
    high, beyond = turns(np.array([128.0, 200.0]))
    assert high > 100.0 > beyond
    for change in ({"clip": None}, {"transform": turns}, {"transform": ScoreTransform(1e9, 0.5, 0.0, False, False)}):
        svr = replace(teacher.svr, **change)
        assert not has_exact_form(svr)
        assert "Exp" in operators(svr_model(replace(teacher, svr=svr), "m"))


TINY = Svr(
    0.05,
    -1.0,
    np.array([3.0, -2.0, 4.0]),
    np.array([[0.1, 0.9, 0.4], [0.7, 0.2, 0.6], [0.5, 0.4, 0.9]]),
    np.array([0.05, 0.07, 0.03, 1.0]),
    np.array([-1.5, 0.0, 0.01, -0.02]),
    None,
    (0.0, 100.0),
    None,
)
transforms = st.builds(
    ScoreTransform, st.floats(-30, 30), st.floats(1, 3), st.floats(-0.001, 0.001), st.booleans(), st.booleans()
)


MODERN_TRANSFORM = ScoreTransform(5.30624188, 0.980791305, -0.000490758318, False, False)


@pytest.mark.parametrize(("transform", "most"), [(MODERN_TRANSFORM, 2e-7), (PHONE_TRANSFORM, 8e-7)])
def test_a_transform_is_right_on_the_average_too(transform: ScoreTransform, most: float) -> None:
    """It rounds instead of flooring. Raw scores are 0 to 90, in steps of 2^-30; the last Cast is within 4e-6."""
    graph, coarse = Graph(), np.random.default_rng(0).integers(0, [90 << 12, 1 << 18], (40_000, 2)).astype(np.float32)
    x = graph.node("Cast", ["features"], "f64", to=onnx.TensorProto.DOUBLE)
    x = graph.node("MatMul", [x, graph.constant("units", np.array([[2.0**18], [1.0]]))], "steps")
    x = add_polynomial(graph, x, 30, transform, (0.0, 100.0))
    graph.node("Cast", [x], "score", to=onnx.TensorProto.FLOAT)
    exact = transform(coarse @ np.array([2.0**-12, 2.0**-30]))
    off = OnnxRuntimeCpu(graph.model("m", 2, {})).run(coarse) - exact
    assert np.abs(off).max() <= polynomial_loss(transform, (0.0, 100.0), 2.0**-30) + 4e-6
    assert abs(off.mean()) < most


@given(
    transform=st.none() | transforms | st.builds(replace, st.just(ADDS), p0=st.floats(-30, 30)),
    factor=st.none() | st.sampled_from([120.0, -30.0, 0.7, 0.0]),
    top=st.sampled_from([100.0, 110.0, 128.0]),
    intercept=st.floats(-6.0, 2.0),
)
@settings(max_examples=15, deadline=None)
def test_an_svr_with_any_rule_and_transform_is_within_its_bound(
    transform: ScoreTransform | None, factor: float | None, top: float, intercept: float
) -> None:
    """And exact, if it has an exact form: the bound is that of the proof."""
    chroma = None if factor is None else ChromaFromLuma(factor, 1, 2)
    intercepts = np.array([intercept, *TINY.intercepts[1:]])
    svr = replace(TINY, transform=transform, clip=(0.0, top), chroma=chroma, intercepts=intercepts)
    if not has_exact_form(svr):
        return
    highest = np.array([17.0, 130.0, 1.05])
    graph = Graph()
    add_exact_svr(graph, svr, highest)
    data = graph.model("m", 3, {})
    found = certify(data)
    assert found.exact_in_float64, found.explain()
    rows = np.random.default_rng(0).uniform(0.0, highest, (400, 3)).astype(np.float32)
    rows[::3, 1] = 0.0
    loss = largest_loss(svr, highest)
    # A Gaussian falls by at most sqrt(2 gamma / e) a unit of distance.
    slope = np.sqrt(2.0 * svr.gamma / math.e) * np.abs(svr.coefficients / svr.slopes[0]).sum()
    if transform is not None:
        slope *= max(abs(transform.p1) + 256.0 * abs(transform.p2), 1.0)
    off = OnnxRuntimeCpu(data).run(rows) - svr.predict(rows.astype(np.float64))
    assert np.abs(off).max() <= loss.points + slope * np.linalg.norm(loss.moved)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("z", lambda svr: {"slopes": svr.slopes * np.array([1, *[1e3] * 6])}),
        ("z", lambda svr: {"intercepts": svr.intercepts + np.array([0, *[1e3] * 6])}),
        ("distance", lambda svr: {"support_vectors": svr.support_vectors * 30.0}),
        ("high part of the score", lambda svr: {"coefficients": svr.coefficients * 1e3}),
        ("high part of the score", lambda _: {"rho": 1e6}),
    ],
    ids=["slopes", "intercepts", "support-vectors", "coefficients", "rho"],
)
def test_an_svr_with_sums_beyond_float64_integers_is_refused(
    what: str, change: Callable[[Any], dict[str, Any]], teachers: Teachers
) -> None:
    teacher = teachers(EXACT[0])
    with pytest.raises(
        TeacherError, match=rf"no exact SVR: {what} reaches [0-9.e+]+ steps, but float64 holds integers to 9.0"
    ):
        svr_model(replace(teacher, svr=replace(teacher.svr, **change(teacher.svr))), "m")


@pytest.mark.parametrize("times", [0.01, 0.5])
def test_an_svr_of_other_numbers_is_as_near(times: float, teachers: Teachers) -> None:
    """A kernel that is wider or narrower meets other rows of the tables."""
    teacher = teachers(EXACT[0])
    teacher = replace(teacher, svr=replace(teacher.svr, gamma=times * teacher.svr.gamma))
    rows = domain_rows(teacher, 3000)
    off = OnnxRuntimeCpu(svr_model(teacher, "m")).run(rows) - teacher.predict(rows.astype(np.float64))
    assert np.abs(off).max() < 1e-4
