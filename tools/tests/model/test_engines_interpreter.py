"""The interpreter computes each operator as ONNX does, and names what it does not support."""

from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import OPERATORS as CONTRACT
from tinyvmaf.model.contract import OUTPUTS
from tinyvmaf.model.engines import UnsupportedModelError
from tinyvmaf.model.engines.operators import OPERATORS

from .engine_samples import Node, f32, load, model, rows

INTERPRETED = ("numpy", "torch-eager")


# The interpreter.

X = rows(5, 4, seed=3)
BYTES = np.random.default_rng(5).integers(0, 256, (5, 4)).astype(np.uint8)
SIGNED = np.random.default_rng(6).integers(-128, 128, (5, 4)).astype(np.int8)
INT8 = np.array(0, np.int8)
CASES: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "Abs": ("Abs", [X], {}),
    "Add": ("Add", [X, X[0]], {}),
    "Cast to integers": ("Cast", [X], {"to": TensorProto.INT32}),
    "Cast to bool": ("Cast", [X], {"to": TensorProto.BOOL}),
    "Clip": ("Clip", [X, f32(-0.5), f32(0.5)], {}),
    "Clip above": ("Clip", [X, None, f32(0.5)], {}),
    "Clip below": ("Clip", [X, f32(0.5)], {}),
    "Div": ("Div", [X, f32(3)], {}),
    "Equal": ("Equal", [X, X[:1]], {}),
    "Erf": ("Erf", [X], {}),
    "Exp": ("Exp", [X], {}),
    "Flatten": ("Flatten", [X.reshape(5, 2, 2)], {}),
    "Flatten at 0": ("Flatten", [X], {"axis": 0}),
    "Flatten from behind": ("Flatten", [X.reshape(5, 2, 2)], {"axis": -1}),
    "Floor": ("Floor", [X], {}),
    "Gather": ("Gather", [X, np.array([1, -1, 0])], {"axis": 1}),
    "Gather of a matrix": ("Gather", [X[0], np.array([[1, 2], [3, 0]])], {}),
    "Gemm": ("Gemm", [X, X[:4, :3], X[0, :3]], {}),
    "Gemm without bias": ("Gemm", [X, X[:4]], {}),
    "Gemm with everything": ("Gemm", [X[:4], X, X[:4, :1]], {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}),
    "Identity": ("Identity", [X], {}),
    "MatMul": ("MatMul", [X, X[:4]], {}),
    "Max": ("Max", [X, X[0], f32([0.1])], {}),
    "Min": ("Min", [X, X[0], f32([0.1])], {}),
    "Mul": ("Mul", [X, X[:, :1]], {}),
    "Neg": ("Neg", [X], {}),
    "Reciprocal": ("Reciprocal", [X], {}),
    "ReduceMean": ("ReduceMean", [X], {"axes": [1], "keepdims": 0}),
    "ReduceMean of all": ("ReduceMean", [X], {}),
    "ReduceSum": ("ReduceSum", [X, np.array([-1])], {}),
    "ReduceSum of integers": ("ReduceSum", [X.astype(np.int32)], {"keepdims": 0}),
    "ReduceSum of nothing": ("ReduceSum", [X], {"noop_with_empty_axes": 1}),
    "ReduceSumSquare": ("ReduceSumSquare", [X], {"axes": [0]}),
    "Relu": ("Relu", [X], {}),
    "Reshape": ("Reshape", [X, np.array([0, 2, -1])], {}),
    "Round": ("Round", [f32([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, 8388607.5, 1e10])], {}),
    "Sigmoid": ("Sigmoid", [X * 50], {}),
    "Softmax": ("Softmax", [X], {}),
    "Softmax over rows": ("Softmax", [X * 100], {"axis": 0}),
    "Sqrt": ("Sqrt", [abs(X)], {}),
    "Squeeze": ("Squeeze", [X[:, None, :, None], np.array([1, -1])], {}),
    "Squeeze of all": ("Squeeze", [X[:, None, :, None]], {}),
    "Sub": ("Sub", [f32(1), X], {}),
    "Tanh": ("Tanh", [X], {}),
    "Transpose": ("Transpose", [X.reshape(5, 2, 2)], {"perm": [1, 2, 0]}),
    "Transpose of all": ("Transpose", [X.reshape(5, 2, 2)], {}),
    "Unsqueeze": ("Unsqueeze", [X, np.array([0, -1])], {}),
    "Where": ("Where", [X > 0, X, f32(7)], {}),
    "And": ("And", [X > 0, X[0] > 0], {}),
    "BatchNormalization": ("BatchNormalization", [X, X[0], X[1], X[2], abs(X[3])], {"epsilon": 1e-3}),
    "BatchNormalization of three axes": ("BatchNormalization", [X.reshape(5, 2, 2), *abs(X[:4, :2])], {}),
    "Ceil": ("Ceil", [X * 3], {}),
    "Celu": ("Celu", [X * 100], {"alpha": 0.5}),
    "Concat": ("Concat", [X, X[:, :2], X], {"axis": 1}),
    "Concat from behind": ("Concat", [X, X], {"axis": -2}),
    "Dropout": ("Dropout", [X, f32(0.5)], {}),
    "Elu": ("Elu", [X * 100], {}),
    "Elu with alpha": ("Elu", [X], {"alpha": 0.3}),
    "Greater": ("Greater", [X, X[0]], {}),
    "GreaterOrEqual": ("GreaterOrEqual", [X, X[0]], {}),
    "HardSigmoid": ("HardSigmoid", [X * 5], {}),
    "HardSigmoid with both": ("HardSigmoid", [X * 5], {"alpha": 0.1, "beta": 0.25}),
    "HardSwish": ("HardSwish", [X * 5], {}),
    "LayerNormalization": ("LayerNormalization", [X, X[0], X[1]], {}),
    "LayerNormalization without bias": ("LayerNormalization", [X, X[0]], {"epsilon": 0.1}),
    "LayerNormalization of two axes": ("LayerNormalization", [X.reshape(5, 2, 2), X[0].reshape(2, 2)], {"axis": 1}),
    "LeakyRelu": ("LeakyRelu", [X], {}),
    "LeakyRelu with alpha": ("LeakyRelu", [X], {"alpha": 0.3}),
    "Less": ("Less", [X, X[0]], {}),
    "LessOrEqual": ("LessOrEqual", [X, X[0]], {}),
    "Log": ("Log", [abs(X)], {}),
    "Mean": ("Mean", [X, X[0], X[:, :1]], {}),
    "Not": ("Not", [X > 0], {}),
    "Or": ("Or", [X > 0, X[0] > 0], {}),
    "PRelu": ("PRelu", [X, X[0]], {}),
    "Pow": ("Pow", [abs(X), f32(1.5)], {}),
    "Pow of integers": ("Pow", [X, np.array(2)], {}),
    "ReduceMax": ("ReduceMax", [X], {"axes": [1], "keepdims": 0}),
    "ReduceMin": ("ReduceMin", [X], {"axes": [-1]}),
    "Selu": ("Selu", [X * 100], {}),
    "Sign": ("Sign", [X], {}),
    "Slice": ("Slice", [X, np.array([1]), np.array([3]), np.array([1])], {}),
    "Slice from behind": (
        "Slice",
        [X, np.array([-3, 0]), np.array([2**62, -1]), np.array([-1, 0]), np.array([2, 1])],
        {},
    ),
    "Slice of the first axes": ("Slice", [X, np.array([1, 0]), np.array([4, 2])], {}),
    "Softplus": ("Softplus", [X * 5], {}),
    "Softsign": ("Softsign", [X], {}),
    "Sum": ("Sum", [X, X[0], X[:, :1]], {}),
    "ThresholdedRelu": ("ThresholdedRelu", [X], {"alpha": 0.2}),
    "DequantizeLinear": ("DequantizeLinear", [BYTES, f32(0.1), np.array(7, np.uint8)], {}),
    "DequantizeLinear of int32": ("DequantizeLinear", [BYTES.astype(np.int32) * 10_000_019, f32(1e-3)], {}),
    "DequantizeLinear of columns": ("DequantizeLinear", [SIGNED, f32([1, 2, 3, 4]), SIGNED[0]], {"axis": -1}),
    "DequantizeLinear of rows": ("DequantizeLinear", [BYTES, f32([1, 2, 3, 4, 5]), BYTES[:, 0]], {"axis": 0}),
    "DynamicQuantizeLinear": ("DynamicQuantizeLinear", [X], {}),
    "DynamicQuantizeLinear above 0": ("DynamicQuantizeLinear", [abs(X) + 1], {}),
    "DynamicQuantizeLinear below 0": ("DynamicQuantizeLinear", [-abs(X) - 1], {}),
    "MatMulInteger": ("MatMulInteger", [BYTES, SIGNED[:4]], {}),
    "MatMulInteger with zero points": ("MatMulInteger", [BYTES, SIGNED[:4], np.array(3, np.uint8), SIGNED[4]], {}),
    "QLinearMatMul": (
        "QLinearMatMul",
        [BYTES, f32(0.02), np.array(9, np.uint8), SIGNED[:4], f32(0.1), np.array(-3, np.int8), f32(0.5), BYTES[0, 0]],
        {},
    ),
    "QuantizeLinear": ("QuantizeLinear", [X * 50, f32(0.5), np.array(100, np.uint8)], {}),
    "QuantizeLinear of halves": ("QuantizeLinear", [f32([0.5, 1.5, 2.5, -0.5, -1.5, 1e6, -1e6]), f32(1), INT8], {}),
    "QuantizeLinear without zero point": ("QuantizeLinear", [X * 50, f32(0.5)], {}),
    "QuantizeLinear of columns": ("QuantizeLinear", [X * 50, f32([0.1, 0.2, 0.5, 1]), SIGNED[0]], {}),
}
OF_19 = ("DequantizeLinear", "QuantizeLinear")
"""onnx's reference evaluator has these from opset 19 on, where they mean the same for these types."""
ROUNDED = (
    *("BatchNormalization", "Celu", "Elu", "Erf", "Exp", "Gemm", "HardSigmoid", "HardSwish", "LayerNormalization"),
    *("LeakyRelu", "Log", "MatMul", "Mean", "Pow", "ReduceMean", "ReduceSum", "Selu", "Sigmoid", "Soft", "Sqrt"),
    *("Sum", "Tanh"),
)
"""Operators whose result another library may round differently; all others are exact."""


def test_every_operator_of_the_contract_is_known_and_tried() -> None:
    assert set(OPERATORS) == (CONTRACT - {"Constant"}) | {"Abs"}
    assert {operator for operator, _, _ in CASES.values()} == set(OPERATORS)


@pytest.mark.parametrize("name", INTERPRETED)
@pytest.mark.parametrize(
    ("case", "output"), [*((case, "y") for case in CASES), *(("DynamicQuantizeLinear", more) for more in ("y1", "y2"))]
)
def test_an_operator_means_what_onnx_says(case: str, output: str, name: str) -> None:
    """By onnx's reference evaluator, on a graph of that operator alone; type and shape included."""
    from onnx.reference import ReferenceEvaluator

    from tinyvmaf.model.engines.interpreter import Program
    from tinyvmaf.model.engines.model_file import ModelFile
    from tinyvmaf.model.engines.numpy_ops import NumpyLibrary

    operator, values, attributes = CASES[case]
    names = ["" if value is None else f"i{number}" for number, value in enumerate(values)]
    x, *constants = values
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node(operator, names, ["y", "y1", "y2"][: OUTPUTS.get(operator, 1)], **attributes)],
            "g",
            [helper.make_tensor_value_info("i0", kind, None)],
            [helper.make_tensor_value_info(output, TensorProto.UNDEFINED, None)],
            [numpy_helper.from_array(np.asarray(v), f"i{n}") for n, v in enumerate(constants, 1) if v is not None],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    theirs = ModelProto()
    theirs.CopyFrom(proto)
    theirs.opset_import[0].version = 19 if operator in OF_19 else 17
    with np.errstate(over="ignore", invalid="ignore"):  # of its sigmoid
        expected = np.asarray(next(iter(ReferenceEvaluator(theirs).run(None, {"i0": x}))))
    if name == "numpy":
        got = np.asarray(Program(ModelFile(proto, "i0", "F", (output,)), NumpyLibrary())(x)[0])
    else:
        torch = pytest.importorskip("torch")
        from tinyvmaf.model.engines.torch_ops import TorchLibrary

        got = Program(ModelFile(proto, "i0", "F", (output,)), TorchLibrary("cpu"))(torch.tensor(x))[0].numpy()
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    if operator.startswith(ROUNDED):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", INTERPRETED)
def test_what_the_interpreter_does_not_know_is_unsupported(name: str) -> None:
    number: dict[str, Any] = {"width": 1}
    with pytest.raises(
        UnsupportedModelError, match=r"operator 'Sin' of node 'score': it is not an operator of the contract"
    ):
        load(name, model([("Sin", ["features"], "score", {})], **number))
    with pytest.raises(UnsupportedModelError, match=r"opset \[18\]"):
        load(name, model([("Identity", ["features"], "score", {})], opset=18, **number))
    shape = [("Cast", ["features"], "s", {"to": TensorProto.INT64}), ("Reshape", ["features", "s"], "score", {})]
    with pytest.raises(UnsupportedModelError, match="input 's' is computed, not constant"):
        load(name, model(shape, **number))
    whole = [
        ("Cast", ["features"], "i", {"to": TensorProto.INT32}),
        ("Div", ["i", "two"], "j", {}),
        ("Cast", ["j"], "score", {"to": TensorProto.FLOAT}),
    ]
    with pytest.raises(UnsupportedModelError, match=r"Div of .*int32"):
        load(name, model(whole, {"two": np.array(2, np.int32)}, **number))
    with pytest.raises(UnsupportedModelError, match="to uint16"):
        load(name, model([("Cast", ["features"], "score", {"to": TensorProto.UINT16})], **number))


@pytest.mark.parametrize("name", INTERPRETED)
def test_shapes_that_do_not_fit_are_found_at_loading(name: str) -> None:
    data = model([("Add", ["features", "a"], "score", {})], {"a": f32([1, 2, 3])}, width=2)
    with pytest.raises(ModelError, match="cannot run it"):
        load(name, data)


@pytest.mark.parametrize("name", INTERPRETED)
def test_constants_may_be_nodes(name: str) -> None:
    nodes: list[Node] = [
        ("Constant", [], "a", {"value_float": 2.0}),
        ("Constant", [], "b", {"value_ints": [0, 1]}),
        ("Mul", ["features", "a"], "c", {}),
        ("Reshape", ["c", "b"], "score", {}),
    ]
    assert load(name, model(nodes, width=1)).run([[3.0]]).tolist() == [6.0]


@pytest.mark.parametrize("name", INTERPRETED)
def test_overflow_inside_is_the_graphs_own_affair(name: str) -> None:
    nodes: list[Node] = [
        ("Mul", ["features", "a"], "b", {}),
        ("Mul", ["b", "a"], "c", {}),
        ("Clip", ["c", "low", "high"], "score", {}),
    ]
    data = model(nodes, {"a": f32(1e30), "low": f32(-5), "high": f32(7)}, width=1)
    assert load(name, data).run([[3e38], [-3e38], [0.0]]).tolist() == [7.0, -5.0, 0.0]
