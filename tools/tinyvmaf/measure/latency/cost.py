"""The cost of a graph by counting: bytes, nodes and multiply-adds."""

import math
from dataclasses import dataclass
from typing import Final

import onnx

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import ml
from tinyvmaf.model.contract.shapes import without_ml
from tinyvmaf.vmaf.patterns import HEIGHT, WIDTH

_RANK_OF_PICTURES: Final = 4
_PRODUCTS: Final = {"Gemm": (0, 1), "MatMul": (0, 1), "MatMulInteger": (0, 1), "QLinearMatMul": (0, 3)}
"""Matrix products, and the places of their factors."""
_CONVOLUTIONS: Final = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""Convolutions, and the place of their weights."""


@dataclass(frozen=True)
class Cost:
    """The cost of a model file."""

    bytes: int
    nodes: int
    """Nodes that depend on the input and run in each call; other nodes are folded at loading."""
    multiply_adds: int
    """Multiply-adds of matrix products and convolutions, per row or per picture of 1080p."""


def cost(data: bytes) -> Cost:
    """Count the cost of a model.

    Args:
        data: an ONNX file that keeps the contract.

    Raises:
        ModelError: not an ONNX model, or the shape of a matrix product or convolution is unknown.
    """
    try:
        model = onnx.load_model_from_string(data)
        (rows,) = model.graph.input
        axes = rows.type.tensor_type.shape.dim
        axes[0].dim_value = 1
        if len(axes) == _RANK_OF_PICTURES:
            axes[2].dim_value, axes[3].dim_value = HEIGHT, WIDTH
        model.graph.output[0].type.tensor_type.ClearField("shape")  # it may be N, which is 1 here
        theirs = list(model.graph.node)
        without_ml(model.graph)  # onnx infers few shapes of these
        graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    except Exception as error:  # protobuf's DecodeError and onnx's errors have no common base
        raise ModelError(f"cannot count the cost: {error}") from error
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    shapes |= {weight.name: list(weight.dims) for weight in graph.initializer}
    live, nodes, products = {rows.name}, 0, 0
    for node in theirs:
        if live.isdisjoint(node.input):
            continue
        live.update(node.output)
        nodes += 1
        if node.domain == ml.DOMAIN:
            products += _of_ml(ml.read(node))
        elif node.op_type in _PRODUCTS:
            products += _multiply_adds(node, shapes)
        elif node.op_type in (*_CONVOLUTIONS, "ConvTranspose"):
            products += _of_convolution(node, shapes)
    return Cost(len(data), nodes, products)


def _of_ml(found: ml.Parameters) -> int:
    """Of an operator of `ai.onnx.ml`; a forest and a norm compare and divide only."""
    if isinstance(found, ml.SupportVectors):
        return found.vectors.size + len(found.coefficients)
    if isinstance(found, ml.Linear):
        return len(found.coefficients)
    return 0


def features_of(data: bytes) -> int:
    """The number of features of a model that keeps the contract."""
    (rows,) = onnx.load_model_from_string(data).graph.input
    return int(rows.type.tensor_type.shape.dim[1].dim_value)


def _of_convolution(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    """Each cell of the output has a weight of each of its input channels; a transposed one, each cell of the input."""
    turned = node.op_type == "ConvTranspose"
    cells = shapes.get(node.input[0] if turned else node.output[0])
    weights = shapes.get(node.input[1 if turned else _CONVOLUTIONS[node.op_type]])
    if not cells or not weights or 0 in (*cells, *weights):
        raise ModelError(f"cannot count the cost: {node.op_type} {node.name!r} makes {cells} with {weights}")
    return math.prod(cells) * math.prod(weights[1:])


def _multiply_adds(node: onnx.NodeProto, shapes: dict[str, list[int]]) -> int:
    left, right = (shapes.get(node.input[i]) for i in _PRODUCTS[node.op_type])
    if not left or not right or 0 in (*left, *right):
        raise ModelError(f"cannot count the cost: {node.op_type} {node.name!r} multiplies {left} by {right}")
    turned = {a.name: a.i for a in node.attribute if a.name in ("transA", "transB")}
    inner = left[0] if turned.get("transA") else left[-1]
    outer = right[-1] if len(right) > 1 else 1
    if turned.get("transB"):
        outer = right[0]
    total = inner * outer
    for size in left[:-2] or right[:-2]:
        total *= size
    if len(left) > 1:
        total *= left[-1] if turned.get("transA") else left[-2]
    return total
