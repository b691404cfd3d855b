"""The cost of a graph, by counting."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.files import home
from tinyvmaf.measure.latency import Cost, cost, floor_model, teacher_model
from tinyvmaf.model.registry import subjects
from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in


@pytest.fixture
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg)


def test_a_graph_that_can_be_counted_by_hand() -> None:
    graph = Graph()
    folded = graph.node("Cast", [graph.constant("integers", np.ones((6, 5), np.int16))], "folded", to=TensorProto.FLOAT)
    hidden = graph.node("Gemm", ["features", folded, graph.constant("bias", np.zeros(5, np.float32))], "hidden")
    turned = graph.node("Gemm", [hidden, graph.constant("turned", np.ones((7, 5), np.float32))], "turned_sum", transB=1)
    graph.node("MatMul", [turned, graph.constant("last", np.ones((7, 1), np.float32))], "score")
    data = graph.model("by_hand", 6, {})
    assert cost(data) == Cost(len(data), 3, 6 * 5 + 5 * 7 + 7 * 1)  # the Cast is folded at loading


def test_the_reference_models_and_the_registered_models(teacher: Teacher) -> None:
    floor = floor_model(6)
    assert cost(floor) == Cost(len(floor), 1, 0)
    vectors = len(teacher.svr.support_vectors)
    assert cost(teacher_model(teacher)).multiply_adds == vectors * 6 + vectors
    for entry in subjects():
        counted = cost(entry.file.read_bytes())
        assert counted.bytes == entry.file.stat().st_size
        assert 0 < counted.nodes <= len(onnx.load(entry.file).graph.node)
        assert counted.multiply_adds > 100


def test_a_product_of_features_among_themselves_is_counted_a_row() -> None:
    graph = Graph()
    column = graph.node("Unsqueeze", ["features", graph.constant("axis", np.array([2]))], "column")
    line = graph.node("Unsqueeze", ["features", graph.constant("axis_1", np.array([1]))], "line")
    square = graph.node("MatMul", [column, line], "square")
    flat = graph.node("Reshape", [square, graph.constant("shape", np.array([-1, 16]))], "flat")
    graph.node("MatMul", [flat, graph.constant("last", np.ones((16, 1), np.float32))], "score")
    assert cost(graph.model("products", 4, {})).multiply_adds == 4 * 4 + 16


@pytest.mark.parametrize("data", [b"", b"not a model", (home() / "gates.toml").read_bytes()])
def test_what_is_no_model_has_no_cost(data: bytes) -> None:
    with pytest.raises(ModelError, match="cannot count the cost"):
        cost(data)


def test_a_product_of_unknown_shape_has_no_cost() -> None:
    nodes = [
        helper.make_node("Gather", ["features", "some"], ["picked"], axis=1),
        helper.make_node("MatMul", ["picked", "w"], ["score"]),
    ]
    values = [
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 6]),
        helper.make_tensor_value_info("some", TensorProto.INT64, ["K"]),
    ]
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])
    weights = [numpy_helper.from_array(np.ones((6, 1), np.float32), "w")]
    graph = helper.make_graph(nodes, "two_inputs", values, [score], weights)
    with pytest.raises(ModelError, match="cannot count the cost"):
        cost(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize(
    ("operator", "given", "count"),
    [
        (
            "SVMRegressor",
            {
                "kernel_type": "RBF",
                "kernel_params": [0.5, 0.0, 3.0],
                "coefficients": [1.0, -2.0],
                "support_vectors": [0.1] * 12,
                "n_supports": 2,
                "rho": [50.0],
            },
            14,
        ),
        ("LinearRegressor", {"coefficients": [1.0] * 6, "intercepts": [0.0]}, 6),
        ("Scaler", {"offset": [1.0], "scale": [2.0]}, 0),
    ],
)
def test_operators_of_scikit_learn_are_counted(operator: str, given: dict[str, Any], count: int) -> None:
    """And a matrix product behind one knows its shape, which onnx does not."""
    first = helper.make_node(operator, ["features"], ["a"], domain="ai.onnx.ml", **given)
    width = 6 if operator == "Scaler" else 1
    graph = helper.make_graph(
        [first, helper.make_node("MatMul", ["a", "w"], ["score"])],
        "g",
        [helper.make_tensor_value_info("features", onnx.TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("score", onnx.TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(np.ones((width, 1), np.float32), "w")],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    data = helper.make_model(graph, opset_imports=sets, ir_version=8).SerializeToString()
    assert cost(data).multiply_adds == count + width
    assert cost(data).nodes == 2
