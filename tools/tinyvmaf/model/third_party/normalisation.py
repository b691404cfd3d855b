"""Finds out whether a graph itself begins with (x - mean) / std.

Sidecars give mean and std in two meanings: "the graph applies them" and "apply them before you call me". Where the
graph begins with them, the first is meant. Exporters write this step in many ways: Sub and Div, Mul and Add with folded
constants, a batch normalisation, a diagonal matrix; with constants as initialisers or nodes; before or after columns
are put into another order. All are one affine function of each feature. So the nodes are composed to that function, and
the function is compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tinyvmaf.model.contract import ml

Array = NDArray[np.float64]

TOLERANCE: Final = 1e-6
"""How far mean and std of the graph may be from the sidecar's, absolute below 1 and relative above."""
_OF_HALVES: Final = {TensorProto.FLOAT16: 1e-3, TensorProto.BFLOAT16: 1e-2}
"""The same, relative, for a graph whose weights are of half the bits: two constants are rounded to 11 bits or 8."""
_OPSET: Final = 17
_CONSTANTS: Final = 10_000  # elements of a constant; a normalisation has one a feature
# These give what they take, for features in their range: types, limits and shapes change, values do not.
_SAME: Final = {"Identity", "Cast", "Dropout", "Clip", "Flatten", "Reshape", "Squeeze", "Unsqueeze"}
_FLOATS: Final = (TensorProto.FLOAT, TensorProto.DOUBLE, *_OF_HALVES)
# Nodes that exporters leave unfolded between the constants.
_FOLDED: Final = {
    *(*_SAME, "Add", "Sub", "Mul", "Div", "Neg", "Sqrt", "Reciprocal", "Concat", "Transpose", "Pow", "Max", "Min"),
}


@dataclass(frozen=True)
class _Value:
    """A value inside the graph: `scale * x[columns] + shift`, for features x."""

    columns: NDArray[np.int64]
    scale: Array
    shift: Array


def graph_normalises(graph: GraphProto, mean: Sequence[float], std: Sequence[float]) -> bool:
    """Whether some value of the graph is (x - mean) / std of its input.

    Args:
        graph: from one input `[N, F]`.
        mean, std: `[F]`, std above 0, and not mean 0 with std 1, which is no normalisation.
    """
    goal_mean, goal_std = np.array(mean), np.array(std)
    if not np.any(goal_mean) and np.all(goal_std == 1.0):
        return False
    for found in _affine_values(graph, len(goal_mean)):
        if len(found.scale) != len(goal_mean) or np.any(found.scale == 0.0):
            continue
        their_mean, their_std = -found.shift / found.scale, 1.0 / found.scale
        both = np.concatenate([their_mean, their_std])
        goal = np.concatenate([goal_mean[found.columns], goal_std[found.columns]])
        halves = _halves(graph)
        may_differ = halves * np.abs(goal) if halves else TOLERANCE * np.maximum(1.0, np.abs(goal))
        if np.all(np.abs(both - goal) <= may_differ):
            return True
    return False


def _halves(graph: GraphProto) -> float:
    """How coarse the graph's constants are, relative; 0 if none is of half the bits."""
    attributes = [a for node in graph.node for a in node.attribute]
    held = {tensor.data_type for tensor in (*graph.initializer, *(a.t for a in attributes if a.HasField("t")))}
    # Constants of bfloat16 were written out as float32.
    held |= {a.i for a in attributes if a.name == "to" and a.i == TensorProto.BFLOAT16}
    return max((_OF_HALVES[kind] for kind in held if kind in _OF_HALVES), default=0.0)


def _affine_values(graph: GraphProto, width: int) -> Iterator[_Value]:
    """All values of the graph that are an affine function of each feature."""
    start = _Value(np.arange(width), np.ones(width), np.zeros(width))
    values: dict[str, list[_Value]] = {graph.input[0].name: [start]}
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if len(node.output) == 0:
            continue
        if node.op_type == "Constant" or (node.op_type in _FOLDED and all(one in constants for one in node.input)):
            folded = _folded(node, constants)
            if folded is not None:
                constants[node.output[0]] = folded
            continue
        taken = [i for i, name in enumerate(node.input) if name in values]
        if len(taken) != 1 or any(name and name not in constants for i, name in enumerate(node.input) if i != taken[0]):
            continue
        found = [
            after
            for before in values[node.input[taken[0]]]
            for after in _after(node, taken[0], before, [constants.get(name) for name in node.input])
            if np.isfinite(after.scale).all() and np.isfinite(after.shift).all()
        ]
        if found:
            values[node.output[0]] = found
            yield from found


def _folded(node: NodeProto, constants: Mapping[str, Array]) -> Array | None:
    """The value of a node whose inputs are constants; None if it cannot be had."""
    named = {name: np.asarray(constants[name]) for name in node.input}
    if any(one.size > _CONSTANTS for one in named.values()):
        return None
    graph = helper.make_graph(
        [node],
        "constant",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in named.items()],
        [helper.make_empty_tensor_value_info(node.output[0])],
    )
    try:
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
        (value,) = ReferenceEvaluator(model).run(None, named)
    except Exception:  # whatever it was, it is no constant that is known here
        return None
    return np.asarray(value)


def _after(node: NodeProto, at: int, x: _Value, inputs: Sequence[Array | None]) -> list[_Value]:
    """What a node makes of an affine value; nothing if that is no affine function of each feature."""
    width = len(x.scale)
    others = [one for i, one in enumerate(inputs) if i != at and one is not None]
    if node.op_type == "Cast" and _attribute(node, "to", 0) not in _FLOATS:
        return []
    if node.op_type in _SAME:
        return [x]
    if node.op_type == "Neg":
        return [replace(x, scale=-x.scale, shift=-x.shift)]
    if node.op_type == "Gather" and at == 0 and _attribute(node, "axis", 0) in (1, -1):
        order = np.asarray(others[0]).ravel()
        if order.dtype.kind != "i" or len(order) == 0 or np.abs(order).max() > width - 1:
            return []
        return [_Value(x.columns[order], x.scale[order], x.shift[order])]
    if node.op_type == "Scaler" and node.domain == ml.DOMAIN:
        scaler = ml.read(node)
        assert isinstance(scaler, ml.Scaler)
        offset, gain = _row(scaler.offset, width), _row(scaler.scale, width)
        return [] if offset is None or gain is None else [_affine(x, gain, -offset * gain)]
    if node.op_type == "BatchNormalization" and len(others) == 4:
        gain, bias, mean, variance = (_row(one, width) for one in others)
        if gain is None or bias is None or mean is None or variance is None:
            return []
        # The sidecar's std may be taken with the epsilon or without.
        roots = [np.sqrt(variance + more) for more in (_attribute(node, "epsilon", 1e-5), 0.0)]
        return [_affine(x, gain / root, bias - mean * gain / root) for root in roots if np.all(root > 0)]
    if node.op_type in ("Gemm", "MatMul") and at == 0:
        matrix = np.asarray(others[0], dtype=np.float64)
        if matrix.shape != (width, width) or np.any(matrix != np.diag(np.diag(matrix))):
            return []
        factor = np.diag(matrix) * (_attribute(node, "alpha", 1.0) if node.op_type == "Gemm" else 1.0)
        more = _row(others[1], width) if len(others) > 1 else np.zeros(width)
        return [] if more is None else [_affine(x, factor, more * _attribute(node, "beta", 1.0))]
    constant = _row(others[0], width) if len(others) == 1 else None
    if constant is None:
        return []
    one, zero = np.ones(width), np.zeros(width)
    if node.op_type == "Add":
        return [_affine(x, one, constant)]
    if node.op_type == "Sub":
        return [_affine(x, one, -constant) if at == 0 else _affine(x, -one, constant)]
    if node.op_type == "Mul":
        return [_affine(x, constant, zero)]
    if node.op_type == "Div" and at == 0 and np.all(constant != 0):
        return [_affine(x, 1.0 / constant, zero)]
    return []


def _affine(x: _Value, scale: Array, shift: Array) -> _Value:
    return replace(x, scale=x.scale * scale, shift=x.shift * scale + shift)


def _row(constant: Array, width: int) -> Array | None:
    """A constant that holds one number for all features or one for each, float64 `[width]`."""
    row = np.asarray(constant)
    if row.dtype.kind not in "fiu" or not (row.size == 1 or (row.size == width and row.shape[-1] == width)):
        return None
    return np.broadcast_to(row.astype(np.float64).ravel(), width)


def _attribute(node: NodeProto, name: str, default: float) -> float:
    return next((float(helper.get_attribute_value(one)) for one in node.attribute if one.name == name), default)
