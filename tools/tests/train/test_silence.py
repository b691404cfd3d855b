"""Silent chroma on a grid: near to the teacher, exact on every engine, and certified only as it is written."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from tinyvmaf.model.certificate import certify
from tinyvmaf.model.engines import find
from tinyvmaf.train.export_student import grid_model
from tinyvmaf.train.students import Grid, GridStudent, StudentError
from tinyvmaf.train.students.grid import ends
from tinyvmaf.vmaf.teacher import ChromaFromLuma
from tinyvmaf.vmaf.teacher.silence import SILENT, Silence

from .grid_student_samples import Rows, quadratic, rows, tight

GRID = Grid(14, 12, 11)
RULE = ChromaFromLuma(120.0, 1, 2)
HIGHEST = (17.0, 60.0, 1.05, 18.0)


def modern(seed: int = 0) -> GridStudent:
    """A random student with the features of VMAF v1, whose sums reach to the bound."""
    rng = np.random.default_rng(seed)
    exponents, high = GRID.exponents(HIGHEST)
    silence = Silence.of(RULE, exponents, high, GRID.most)
    first = replace(tight(rng, *ends(4, high, silence), 4, 6, GRID.most), steps=np.full(6, 11))
    last = tight(rng, -GRID.value, GRID.value, 6, 1, GRID.most // 4)
    last = replace(last, bias=np.array([55 << 17]), steps=np.array([17]))
    names = ("cambi", "speed_chroma_uv", "adm3", "motion3")
    return GridStudent(quadratic((6,)), names, GRID, exponents, high, (first, last), (0.0, 110.0), silence)


def some_rows(student: GridStudent) -> Rows:
    """Every second row is silent, or nearly."""
    made = np.concatenate([rows(student, seed) for seed in range(4)])
    near = [0.0, -0.0, 1e-45, -1e-45, 2.0**-127, 2.0**-126, SILENT / 2, SILENT, 1e-20, -1.0]
    made[::2, 1] = np.random.default_rng(0).choice(near, len(made[::2]))
    return made


@given(luma=st.floats(0.5, 1.05))
@settings(max_examples=200, deadline=None)
def test_the_replacement_is_within_two_steps_of_the_teachers(luma: float) -> None:
    """A step of chroma is 2^-8. Flooring luma alone costs up to 0.94 of it."""
    student = modern()
    assert student.silence is not None
    row = np.array([[1.0, 0.0, np.float32(luma), 2.0]])
    steps = np.floor(np.clip(np.ldexp(row, np.array(student.exponents)), 0, student.high))
    (replaced,) = student.silence(row, steps)
    assert abs(replaced[1] + 0.5 - 256.0 * 120.0 * (1.0 - row[0, 2])) <= 1.5
    assert replaced[[0, 2, 3]].tolist() == steps[0, [0, 2, 3]].tolist()


def test_a_factor_of_many_bits_is_rounded_to_what_the_sum_holds() -> None:
    """120 is exact in four bits; a third is not in any number of bits."""
    exponents, high = GRID.exponents(HIGHEST)
    assert Silence.of(RULE, exponents, high, GRID.most) == Silence(1, 2, 491_505, 30, 4)
    odd = Silence.of(replace(RULE, factor=40.0 / 3.0), exponents, high, GRID.most)
    assert GRID.most / 4 < odd.reach(high) <= GRID.most
    with pytest.raises(StudentError, match="the rule for silent chroma reaches 16,777,217 steps, more than 16,777,216"):
        replace(modern(), silence=Silence(1, 2, 2**24 + 1, 0, 4))


def test_the_teachers_jump_is_a_jump_of_the_student() -> None:
    student = modern()
    at = np.array([[3.0, chroma, 0.9, 2.0] for chroma in (0.0, 120.0 * (1.0 - 0.9) - 2.0**-10, 2.0**-9)])
    silent, replaced, spoken = student.predict(at)
    assert silent == replaced != spoken


ENGINES = ("onnxruntime-cpu", "onnx-reference", "numpy", "openvino", "opencv", "torch-eager")


@pytest.mark.parametrize("name", ENGINES)
def test_engines_give_the_bits_that_numpy_gives(name: str) -> None:
    """Also of -0, negative, subnormal, tiny and huge features, row by row and all at once."""
    student = modern()
    some, engine = some_rows(student), find(name)
    if not engine.available().ok:
        pytest.skip(f"{name} is not installed")
    session, expected = engine.load(grid_model(student, "m")), student.predict(some).astype(np.float32)
    assert len(np.unique(expected)) > 100
    assert session.run(some).tobytes() == expected.tobytes()
    assert np.concatenate([session.run(row[None]) for row in some[:40]]).tobytes() == expected[:40].tobytes()


def flushing(data: bytes, some: Rows) -> Rows:
    """PyTorch with subnormal numbers flushed to zero."""
    session = find("torch-eager").load(data)
    assert torch.set_flush_denormal(True)
    try:
        return session.run(some)
    finally:
        torch.set_flush_denormal(False)


def edited(data: bytes, edit: Callable[[onnx.GraphProto], None]) -> bytes:
    model = onnx.load_model_from_string(data)
    edit(model.graph)
    return bytes(model.SerializeToString())


def with_constant(graph: onnx.GraphProto, name: str, value: object) -> None:
    (proto,) = [one for one in graph.initializer if one.name == name]
    proto.CopyFrom(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name))


def node(graph: onnx.GraphProto, output: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(one for one in graph.node if output in one.output)
    return found


def exactly_zero(graph: onnx.GraphProto) -> None:
    node(graph, "silent").op_type = "Equal"
    with_constant(graph, "silent_below", 0.0)


def test_an_engine_that_flushes_subnormals_gives_the_same_bits() -> None:
    """A comparison with 0 would not, and the certificate knows."""
    student = modern()
    data, some = grid_model(student, "m"), some_rows(student)
    assert flushing(data, some).tolist() == student.predict(some).astype(np.float32).tolist()
    assert certify(data).flush_to_zero_safe
    naive = edited(data, exactly_zero)
    assert not certify(naive).flush_to_zero_safe
    assert (flushing(naive, some) != find("torch-eager").load(naive).run(some)).any()


def of_unfloored(graph: onnx.GraphProto) -> None:
    node(graph, "replaced_exactly").input[0] = "scaled_clipped"


def of_tenths(graph: onnx.GraphProto) -> None:
    with_constant(graph, "replacing_weights", 1.1 * np.ones((4, 4)))


def unfloored(graph: onnx.GraphProto) -> None:
    node(graph, "chosen_steps").input[1] = "replaced_exactly"


def by_a_rounded_value(graph: onnx.GraphProto) -> None:
    with_constant(graph, "silent_below", 1.1)
    node(graph, "silent").input[0] = "sum0"


@pytest.mark.parametrize("edit", [of_unfloored, of_tenths, unfloored, by_a_rounded_value])
def test_a_broken_selection_has_no_certificate(edit: Callable[[onnx.GraphProto], None]) -> None:
    data = grid_model(modern(), "m")
    assert certify(data).certified
    assert not certify(edited(data, edit)).exact_in_float64


def test_the_nodes_of_the_selection() -> None:
    """Four, which take the features, the steps and nothing else."""
    nodes = [one.op_type for one in onnx.load_model_from_string(grid_model(modern(), "m")).graph.node]
    assert nodes[:8] == ["Mul", "Clip", "Floor", "Gemm", "Floor", "Less", "Where", "Cast"]
