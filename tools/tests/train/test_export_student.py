"""A student as ONNX gives the same scores, up to the rounding of its arithmetic, for any finite row."""

import functools
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import OPSET, faults
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.train.export_student import student_model
from tinyvmaf.train.students import Student, architecture
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

Rows = NDArray[np.float32]
F32 = np.finfo(np.float32)
FLOAT32_NEAR_100 = 3.9e-6  # half a step of float32 below 128
PER_FRAME = (
    "linear",
    "mlp_small",
    "mlp_medium",
    "a1",
    "a2",
    "fr_regressor",
    "tanh_24",
    "tanh_32",
    "gelu_32",
    "quadratic_32",
    "squared_relu_1x128",
)
TEACHERS = ("vmaf_v0.6.1", "vmaf_v1.0.16_3d0h")
EXTREMES = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    1.05,
    30.0,
    45.0,
    1e30,
    F32.max,
    -F32.max,
    F32.tiny,
    -F32.tiny,
    F32.smallest_subnormal,
    -F32.smallest_subnormal,
)

Teachers = Callable[[str], Teacher]


@pytest.fixture(scope="module")
def teachers(ffmpeg: FFmpeg) -> Teachers:
    return functools.cache(lambda name: load_built_in(ffmpeg, name))


def student(name: str, teacher: Teacher, seed: int = 0) -> Student:
    """A student with random parameters, like an unfitted network, whose scores span the scale."""
    domain, made, rng = Domain(teacher.features), architecture(name), np.random.default_rng(seed)
    limits, clip = domain.extent(), teacher.svr.score_range
    width, chroma = len(teacher.features), teacher.svr.chroma
    if made.kind == "reweighted":
        numbers = rng.normal(1.0, 0.1, width), rng.normal(0.0, 0.1, width)
        svr = replace(teacher.svr, chroma=None)
        return Student(made, teacher.feature_names, np.zeros(width), np.ones(width), numbers, limits, clip, chroma, svr)
    if made.kind == "pooled":
        polynomial = np.array([-20.0, 150.0 + seed, *[-10.0] * (made.degree - 1)])
        svr = replace(teacher.svr, chroma=None)
        numbers = polynomial, np.array([3.5])
        return Student(made, teacher.feature_names, np.zeros(width), np.ones(width), numbers, limits, clip, chroma, svr)
    rows = domain.sample(2000, seed)
    rows = rows if chroma is None else chroma(rows)
    gain = 1.0 if made.activation == "tanh" else 2.0
    parameters = [
        rng.normal(0.0, np.sqrt(gain / shape[0]) if len(shape) == 2 else 0.3, shape) for shape in made.shapes(width)
    ]
    parameters[-2][:, 0] *= 25.0
    parameters[-1][0] = 50.0
    return Student(
        made, teacher.feature_names, rows.mean(axis=0), rows.std(axis=0), tuple(parameters), limits, clip, chroma
    )


def extremes(teacher: Teacher) -> Rows:
    """Extreme values in all features at once, and mixed."""
    width = len(teacher.features)
    mixed = np.random.default_rng(9).choice(np.array(EXTREMES), (500, width))
    return np.concatenate([np.repeat(np.array(EXTREMES)[:, None], width, axis=1), mixed]).astype(np.float32)


def difference(made: Student, rows: Rows, arithmetic: str) -> float:
    model = OnnxRuntimeCpu(student_model(made, "m", arithmetic=arithmetic))
    return float(np.abs(model.run(rows).astype(np.float64) - made.predict(rows)).max())


# The same scores.


@pytest.mark.parametrize("teacher_id", TEACHERS)
@pytest.mark.parametrize("name", PER_FRAME)
def test_round_trip_in_float32(name: str, teacher_id: str, teachers: Teachers) -> None:
    """10,000 rows of the domain and extremes, against NumPy in float64.

    Measured: at most 6e-5 VMAF points in the domain. Beyond it, where a VIF is 30, layers carry values of thousands
    and round them by as much more: 4e-4.
    """
    teacher = teachers(teacher_id)
    made = student(name, teacher)
    assert difference(made, Domain(teacher.features).sample(10_000, 1).astype(np.float32), "float32") < 3e-4
    assert difference(made, extremes(teacher), "float32") < 2e-3


@pytest.mark.parametrize("teacher_id", TEACHERS)
@pytest.mark.parametrize("name", [n for n in PER_FRAME if architecture(n).activation != "gelu"])
def test_round_trip_in_float64(name: str, teacher_id: str, teachers: Teachers) -> None:
    """Only the float32 output rounds: it is the float32 nearest to the score."""
    teacher = teachers(teacher_id)
    rows = np.concatenate([Domain(teacher.features).sample(10_000, 1).astype(np.float32), extremes(teacher)])
    assert difference(student(name, teacher), rows, "float64") <= FLOAT32_NEAR_100


@pytest.mark.parametrize("teacher_id", TEACHERS)
def test_a_reweighted_teacher_keeps_the_teachers_precision(teacher_id: str, teachers: Teachers) -> None:
    """Its graph always computes in float64."""
    teacher = teachers(teacher_id)
    made = student("a4", teacher)
    rows = np.concatenate([Domain(teacher.features).sample(10_000, 1).astype(np.float32), extremes(teacher)])
    assert difference(made, rows, "float32") <= FLOAT32_NEAR_100
    assert student_model(made, "m", arithmetic="float32") == student_model(made, "m", arithmetic="float64")


@pytest.mark.parametrize("teacher_id", TEACHERS)
@pytest.mark.parametrize(("name", "off"), [("a3", 3e-4), ("teacher_line", 4e-6), ("teacher_cubic", 4e-6)])
def test_round_trip_clip_by_clip(name: str, off: float, teacher_id: str, teachers: Teachers) -> None:
    """Clips of 1 to 300 frames, 10,000 frames in all, and one of extremes; one clip a run. Measured: 6e-5
    VMAF points at most for attention; a pooled teacher computes in float64."""
    teacher, rng = teachers(teacher_id), np.random.default_rng(2)
    made = student(name, teacher)
    model = OnnxRuntimeCpu(student_model(made, "m"))
    rows = Domain(teacher.features).sample(10_000, 1).astype(np.float32)
    cuts = np.unique(np.concatenate([[1, 3], np.cumsum(rng.integers(1, 300, 60))]))
    clips = np.split(rows, cuts[cuts < len(rows)])
    assert {len(clip) for clip in clips} >= {1, 2}
    for clip in [*clips, extremes(teacher)]:
        assert model.run_clip(clip) == pytest.approx(made.predict(clip)[0], abs=off)


def test_a_silent_chroma_is_told_from_a_faint_one(teachers: Teachers) -> None:
    """Exactly 0 is corrected, the smallest number above 0 is not; also in float32, and after negatives are clipped."""
    teacher = teachers("vmaf_v1.0.16_3d0h")
    made = student("tanh_24", teacher)
    rows = np.array(
        [[0.5, chroma, 0.7, 3.0] for chroma in (0.0, -0.0, -5.0, F32.smallest_subnormal, 1e-30)], np.float32
    )
    for arithmetic in ("float32", "float64"):
        scores = OnnxRuntimeCpu(student_model(made, "m", arithmetic=arithmetic)).run(rows)
        assert len(set(scores[:3].tolist())) == 1
        assert abs(scores[3] - scores[0]) > 1.0
        np.testing.assert_allclose(scores, made.predict(rows), rtol=0, atol=3e-4)


# Any finite row.


@pytest.fixture(scope="module")
def engines(teachers: Teachers) -> Callable[[str], tuple[OnnxRuntimeCpu, tuple[float, float]]]:
    @functools.cache
    def load(name: str) -> tuple[OnnxRuntimeCpu, tuple[float, float]]:
        made = student(name, teachers(TEACHERS[0]))
        return OnnxRuntimeCpu(student_model(made, "m")), made.clip

    return load


@pytest.mark.parametrize("name", [*PER_FRAME, "a4"])
@given(rows=arrays(np.float32, (4, 6), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
@settings(max_examples=40, deadline=None)
def test_any_finite_row_scores_within_the_clip(
    name: str, engines: Callable[[str], tuple[OnnxRuntimeCpu, tuple[float, float]]], rows: Rows
) -> None:
    model, (low, high) = engines(name)
    scores = model.run(rows)
    assert np.isfinite(scores).all()
    assert ((scores >= low) & (scores <= high)).all()


@pytest.mark.parametrize("name", ["a3", "teacher_cubic"])
@given(frames=st.integers(1, 6), data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_finite_clip_scores_within_the_clip(
    name: str, engines: Callable[[str], tuple[OnnxRuntimeCpu, tuple[float, float]]], frames: int, data: st.DataObject
) -> None:
    elements = st.floats(width=32, allow_nan=False, allow_infinity=False)
    model, (low, high) = engines(name)
    assert low <= model.run_clip(data.draw(arrays(np.float32, (frames, 6), elements=elements))) <= high


# The file.


@pytest.mark.parametrize("teacher_id", TEACHERS)
@pytest.mark.parametrize("arithmetic", ["float32", "float64"])
@pytest.mark.parametrize("name", [*PER_FRAME, "a4"])
def test_a_student_per_frame_keeps_the_model_contract(
    name: str, arithmetic: str, teacher_id: str, teachers: Teachers
) -> None:
    assert not faults(student_model(student(name, teachers(teacher_id)), "m", arithmetic=arithmetic))


@pytest.mark.parametrize("name", ["a3", "teacher_line"])
def test_a_student_per_clip_says_that_it_gives_one_score(name: str, teachers: Teachers) -> None:
    """The contract requires one score per row, so such a student is evaluated but never registered."""
    data = student_model(student(name, teachers(TEACHERS[0])), "m")
    model = onnx.load_model_from_string(data)
    assert [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim] == [1, 1]
    assert faults(data)


CORRECTION = ["Gather", "Gather", "Sub", "Mul", "Equal", "Where", "Mul", "Add"]
GELU = ["Gemm", "Erf", "Mul", "Add"]
QUADRATIC = ["Gemm", "Clip", "Abs", "Sub", "Mul"]


@pytest.mark.parametrize(
    ("name", "arithmetic", "expected"),
    [
        ("linear", "float32", ["Clip", "Gemm", "Clip"]),
        ("mlp_small", "float32", ["Clip", "Gemm", "Relu", "Gemm", "Relu", "Gemm", "Clip"]),
        ("tanh_24", "float32", ["Clip", "Gemm", "Tanh", "Gemm", "Tanh", "Gemm", "Clip"]),
        ("tanh_32", "float64", ["Cast", "Clip", "Gemm", "Tanh", "Gemm", "Tanh", "Gemm", "Clip", "Cast"]),
        ("gelu_32", "float32", ["Clip", *GELU, *GELU, "Gemm", "Clip"]),
        ("quadratic_32", "float32", ["Clip", *QUADRATIC, *QUADRATIC, "Gemm", "Clip"]),
        ("squared_relu_1x128", "float64", ["Cast", "Clip", "Gemm", "Relu", "Mul", "Gemm", "Clip", "Cast"]),
        ("a3", "float32", ["Clip", *GELU, *GELU, "Gemm", "Gemm", "Softmax", "Mul", "ReduceSum", "Clip"]),
    ],
)
def test_a_graph_has_as_few_nodes_as_it_can(
    name: str, arithmetic: str, expected: list[str], teachers: Teachers
) -> None:
    """At batch 1 a node costs more than its arithmetic; normalisation is folded into the first layer."""
    for teacher_id, correction in zip(TEACHERS, ([], CORRECTION), strict=True):
        data = student_model(student(name, teachers(teacher_id)), "m", arithmetic=arithmetic)
        nodes = [node.op_type for node in onnx.load_model_from_string(data).graph.node]
        layers = expected.index("Gemm")
        assert nodes == [*expected[:layers], *correction, *expected[layers:]]


@pytest.mark.parametrize("name", ["tanh_24", "a3", "a4"])
def test_a_file_is_opset_17_with_all_its_data_and_a_symbolic_batch(name: str, teachers: Teachers) -> None:
    made = student(name, teachers(TEACHERS[0]))
    model = onnx.load_model_from_string(student_model(made, "a name", {"seed": "3"}))
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)] == [("", 17)]
    assert not [t.name for t in model.graph.initializer if t.external_data or t.data_location]
    batch, width = model.graph.input[0].type.tensor_type.shape.dim
    assert (batch.dim_param, width.dim_value) == ("N", 6)
    assert model.graph.name == "a name"
    assert {e.key: e.value for e in model.metadata_props} == {"feature_order": ",".join(made.features), "seed": "3"}


def test_the_same_student_gives_the_same_bytes(teachers: Teachers) -> None:
    """The order of metadata does not matter; another parameter gives another file."""
    teacher = teachers(TEACHERS[0])
    for name in ("tanh_24", "gelu_32", "a3", "a4", "teacher_line"):
        one = student_model(student(name, teacher), "m", {"a": "1", "b": "2"})
        assert one == student_model(student(name, teacher), "m", {"b": "2", "a": "1"})
        assert one != student_model(student(name, teacher, seed=1), "m", {"a": "1", "b": "2"})


def test_another_process_writes_the_same_bytes() -> None:
    """For any hash seed, which orders sets and protobuf maps."""
    code = """
import hashlib, numpy as np
from tinyvmaf.train.export_student import student_model
from tinyvmaf.train.students import Student, architecture
made = architecture("tanh_24")
numbers = tuple(np.linspace(-1, 1, int(np.prod(s))).reshape(s) for s in made.shapes(6))
student = Student(made, tuple("abcdef"), np.zeros(6), np.ones(6), numbers, (0.0, 30.0), (0.0, 100.0))
print(hashlib.sha256(student_model(student, "m", dict.fromkeys("xyzuvw", "1"))).hexdigest())
"""
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_onnx_runtime_has_no_gelu_in_float64(teachers: Teachers) -> None:
    """The reason why recipes refuse it. If this test fails, remove that rule."""
    data = student_model(student("gelu_32", teachers(TEACHERS[0])), "m", arithmetic="float64")
    with pytest.raises(ModelError, match=r"Erf\(13\)"):
        OnnxRuntimeCpu(data)
