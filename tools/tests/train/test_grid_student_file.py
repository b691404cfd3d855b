"""The ONNX file of a student on a grid: its size, its nodes, its certificate."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from onnx import TensorProto, numpy_helper

from tinyvmaf.model.certificate import certify
from tinyvmaf.model.contract import OPSET, faults
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.train.export_student import grid_model
from tinyvmaf.train.students import Grid, GridStudent, Layer

from .grid_student_samples import quadratic, rows, squared, squares, students, wide

# The file.


def constants(data: bytes) -> dict[str, onnx.TensorProto]:
    return {constant.name: constant for constant in onnx.load_model_from_string(data).graph.initializer}


@pytest.mark.parametrize("bits", [24, 53])
@pytest.mark.parametrize(
    ("most", "stored"),
    [(1, TensorProto.INT16), (127, TensorProto.INT16), (32_767, TensorProto.INT16), (32_768, None)],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_weights_take_as_few_bytes_as_they_need(sign: int, most: int, stored: int | None, bits: int) -> None:
    """Each layer by itself, and never one: beside 8-bit weights engines may round the other factor to 8 bits. An engine
    that is told the weight again by a Cast and a power of two has the float."""
    student = wide(np.random.default_rng(0), bits)
    first = Layer(np.full((5, 5), 1), np.zeros(5, np.int64), np.full(5, 3))
    weights = np.full((5, 1), sign * most)
    weights[0, 0] = 1
    last = Layer(weights, np.array([50 << 20]) if bits == 53 else np.array([0]), np.array([20]))
    student = replace(student, grid=replace(student.grid, value_bits=5), layers=(first, first, last))
    data = grid_model(student, "m")
    found = constants(data)
    assert found["sum0_integers"].data_type == TensorProto.INT16
    kind = {24: TensorProto.FLOAT, 53: TensorProto.DOUBLE}[bits]
    if stored is None:
        assert "raw_score_integers" not in found
        assert found["raw_score_weights"].data_type == kind
        assert np.array_equal(numpy_helper.to_array(found["raw_score_weights"]), np.ldexp(weights, -20))
    else:
        assert found["raw_score_integers"].data_type == stored
        assert np.array_equal(numpy_helper.to_array(found["raw_score_integers"]), weights)
        assert found["raw_score_scale"].data_type == kind
        assert "raw_score_weights" not in found
    some = rows(student)
    assert np.array_equal(OnnxRuntimeCpu(data).run(some), student.predict(some).astype(np.float32))


def test_columns_of_one_scale_share_it_and_others_have_their_own() -> None:
    student = wide(np.random.default_rng(0))
    layer = replace(student.layers[1], steps=student.layers[1].steps + np.arange(5))
    found = constants(grid_model(replace(student, layers=(student.layers[0], layer, student.layers[2])), "m"))
    assert [list(found[f"sum{i}_scale"].dims) for i in (0, 1)] == [[1], [5]]
    assert np.array_equal(numpy_helper.to_array(found["sum1_scale"]), np.ldexp(1.0, -layer.steps))


@given(student=students())
@settings(max_examples=40, deadline=None)
def test_the_file_keeps_the_contract_and_has_its_certificate(student: GridStudent) -> None:
    """What the certificate proves from the graph alone: every sum exact, in as many bits as the grid has. But with
    weights of 8 bits, beside which some engines round the other input, too, it proves nothing."""
    data = grid_model(student, "m")
    assert not faults(data)
    found, bits = certify(data), student.grid.accumulator_bits
    if any(c.data_type == TensorProto.INT8 for c in constants(data).values()):
        assert not found.exact_in_float64
        assert "it takes weights of 8 bits" in found.explain()
        return
    assert found.exact_in_float64, found.explain()
    assert found.certified == (bits == 24), found.explain()
    assert found.arithmetic == ("float32" if bits == 24 else "float64")
    assert found.accumulator_bits is not None
    assert found.accumulator_bits <= bits


@pytest.mark.parametrize("bits", [24, 53])
def test_sums_that_reach_to_the_bound_have_their_certificate(bits: int) -> None:
    for seed, made in itertools.product(range(5), (wide, squares)):
        student = made(np.random.default_rng(seed), bits)
        assert made is squares or all(np.abs(layer.weights).max() > 127 for layer in student.layers)
        found = certify(grid_model(student, "m"))
        assert (found.certified, found.exact_in_float64, found.accumulator_bits) == (bits == 24, True, bits)


@pytest.mark.parametrize("bits", [24, 53])
def test_the_nodes_of_a_graph(bits: int) -> None:
    """Of two hidden layers; the weights' Cast and Mul are folded when an engine loads the file."""
    dense, level = ["Cast", "Mul", "Gemm", "Clip"], ["Floor", "Abs", "Sub", "Mul", "Mul", "Floor"]
    expected = ["Mul", "Clip", "Floor", *dense, *level, *dense, *level, *dense]
    layer = Layer(np.ones((5, 5), np.int64), np.zeros(5, np.int64), np.zeros(5, np.int64))
    last = Layer(np.ones((5, 1), np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64))
    student = replace(wide(np.random.default_rng(0), bits), layers=(layer, layer, last))
    model = onnx.load_model_from_string(grid_model(student, "m"))
    nodes = [node.op_type for node in model.graph.node]
    assert nodes == (expected if bits == 24 else ["Cast", *expected, "Cast"])
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]


@pytest.mark.parametrize(
    ("made", "grid", "expected"),
    [
        (quadratic, Grid(10, 8, 15), ["Clip", "Floor", "Abs", "Sub", "Mul", "Mul", "Floor"]),
        (quadratic, Grid(10, 8, 16), ["Clip", "Floor", "Abs", "Sub", "Mul", "Floor"]),
        (squared, Grid(10, 8, 16), ["Floor", "Relu", "Mul"]),
    ],
    ids=["shortened", "whole", "square"],
)
def test_an_activation_is_made_of_no_more_nodes_than_it_needs(made: Any, grid: Grid, expected: list[str]) -> None:
    """A product that keeps all its bits is not shortened, and a sum that never leaves the levels is not clipped. Each
    has its certificate: without the last Floor a parabola would have none."""
    student = squares(np.random.default_rng(0))
    last = replace(student.layers[1], weights=student.layers[1].weights // 2)  # of a sigmoid with a sign
    student = replace(student, architecture=made((5,)), grid=grid, layers=(student.layers[0], last))
    data = grid_model(student, "m")
    assert certify(data).certified
    nodes = [node.op_type for node in onnx.load_model_from_string(data).graph.node]
    assert nodes == ["Mul", "Clip", "Floor", "Cast", "Mul", "Gemm", *expected, "Cast", "Mul", "Gemm", "Clip"]
    some = rows(student)
    assert np.array_equal(OnnxRuntimeCpu(data).run(some), student.predict(some).astype(np.float32))


def test_the_same_student_gives_the_same_bytes() -> None:
    """Also whatever order its metadata comes in; and a number more or less is another file."""
    student = wide(np.random.default_rng(0))
    one = grid_model(student, "a name", {"a": "1", "b": "2"})
    assert one == grid_model(wide(np.random.default_rng(0)), "a name", {"b": "2", "a": "1"})
    assert one != grid_model(wide(np.random.default_rng(1)), "a name", {"a": "1", "b": "2"})
    model = onnx.load_model_from_string(one)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata == {"feature_order": ",".join(student.features), "a": "1", "b": "2"}
    assert model.graph.name == "a name"
    batch, width = model.graph.input[0].type.tensor_type.shape.dim
    assert (batch.dim_param, width.dim_value) == ("N", 5)
