"""Operators that are not of the contract, written out by those that are.

onnx's version converter brings a graph to an older opset, except for operators that did not exist then. Each is
replaced by what the operator specification defines it to be (https://onnx.ai/onnx/operators/). Those of ONNX Runtime's
quantiser are replaced by the same between DequantizeLinear and QuantizeLinear, which ONNX Runtime fuses to them again.
Split, which has several outputs, is a Gather for each.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from tinyvmaf.errors import ModelError


class _Expansion:
    """Nodes in place of one."""

    def __init__(self, node: NodeProto, dtype: np.dtype[Any]) -> None:
        self.prefix, self.dtype = f"{node.output[0]}/{node.op_type}", dtype
        self.nodes: list[NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def number(self, value: float) -> str:
        name = f"{self.prefix}/number{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype=self.dtype), name))
        return name

    def add(self, operator: str, *inputs: str | float, **attributes: Any) -> str:
        names = [one if isinstance(one, str) else self.number(one) for one in inputs]
        name = f"{self.prefix}/{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [name], **attributes))
        return name


Attributes = Mapping[str, Any]


def _gelu(to: _Expansion, attributes: Attributes, x: str) -> str:
    if attributes.get("approximate", b"none") == b"tanh":
        cube = to.add("Mul", to.add("Pow", x, 3.0), 0.044715)
        inner = to.add("Mul", to.add("Add", x, cube), math.sqrt(2 / math.pi))
        phi = to.add("Add", to.add("Tanh", inner), 1.0)
    else:
        phi = to.add("Add", to.add("Erf", to.add("Div", x, math.sqrt(2))), 1.0)
    return to.add("Mul", to.add("Mul", x, 0.5), phi)


def _mish(to: _Expansion, _: Attributes, x: str) -> str:
    return to.add("Mul", x, to.add("Tanh", to.add("Softplus", x)))


def _swish(to: _Expansion, attributes: Attributes, x: str) -> str:
    return to.add("Mul", x, to.add("Sigmoid", to.add("Mul", x, float(attributes.get("alpha", 1.0)))))


def _rms(to: _Expansion, attributes: Attributes, x: str, scale: str) -> str:
    mean = to.add("ReduceMean", to.add("Mul", x, x), axes=[-1], keepdims=1)
    root = to.add("Sqrt", to.add("Add", mean, float(attributes.get("epsilon", 1e-5))))
    return to.add("Mul", to.add("Div", x, root), scale)


def _quantized_gemm(
    to: _Expansion,
    attributes: Attributes,
    a: str,
    a_scale: str,
    a_zero: str,
    b: str,
    b_scale: str,
    b_zero: str,
    bias: str = "",
    y_scale: str = "",
    y_zero: str = "",
) -> str:
    axis = 0 if attributes.get("transB", 0) else 1
    whole = to.add(
        "Gemm",
        to.add("DequantizeLinear", a, a_scale, a_zero),
        to.add("DequantizeLinear", b, b_scale, b_zero, axis=axis),
        **{name: attributes[name] for name in ("transA", "transB") if name in attributes},
    )
    scale = to.add("Mul", a_scale, b_scale)
    if bias:
        whole = to.add("Add", whole, to.add("Mul", to.add("Cast", bias, to=onnx.TensorProto.FLOAT), scale))
    if attributes.get("alpha", 1.0) != 1.0:
        whole = to.add("Mul", whole, float(attributes["alpha"]))
    return to.add("QuantizeLinear", whole, y_scale, y_zero) if y_scale else whole


def _quantized_pair(operator: str) -> Callable[..., str]:
    def expand(
        to: _Expansion,
        _: Attributes,
        a: str,
        a_scale: str,
        a_zero: str,
        b: str,
        b_scale: str,
        b_zero: str,
        y_scale: str,
        y_zero: str = "",
    ) -> str:
        first, second = to.add("DequantizeLinear", a, a_scale, a_zero), to.add("DequantizeLinear", b, b_scale, b_zero)
        return to.add("QuantizeLinear", to.add(operator, first, second), y_scale, y_zero)

    return expand


def _quantized_one(operator: str) -> Callable[..., str]:
    def expand(
        to: _Expansion, attributes: Attributes, x: str, scale: str, zero: str, y_scale: str, y_zero: str = ""
    ) -> str:
        y = to.add(operator, to.add("DequantizeLinear", x, scale, zero), **attributes)
        return to.add("QuantizeLinear", y, y_scale, y_zero)

    return expand


MICROSOFT: Final = "com.microsoft"
_EXPANSIONS: Final[Mapping[str, Callable[..., str]]] = {
    "Gelu": _gelu,
    "Mish": _mish,
    "RMSNormalization": _rms,
    "Swish": _swish,
}
NEWER: Final = frozenset({*_EXPANSIONS, "Split"})
"""These operators: allowed in a third-party file, and written out when it is adopted."""
_OF_THE_QUANTISER: Final[Mapping[str, Callable[..., str]]] = {
    f"{MICROSOFT}.QGemm": _quantized_gemm,
    f"{MICROSOFT}.QLinearAdd": _quantized_pair("Add"),
    f"{MICROSOFT}.QLinearMul": _quantized_pair("Mul"),
    f"{MICROSOFT}.QLinearLeakyRelu": _quantized_one("LeakyRelu"),
    f"{MICROSOFT}.QLinearSigmoid": _quantized_one("Sigmoid"),
}
OF_THE_QUANTISER: Final = frozenset(_OF_THE_QUANTISER)
"""The same for operators of ONNX Runtime's quantiser, with their domain in front."""


def _name(node: NodeProto) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain else node.op_type


def _parts(graph: onnx.GraphProto, node: NodeProto, kind: onnx.TypeProto.Tensor | None) -> list[NodeProto]:
    """A Split as a Gather for each output; adds their indices to the graph.

    Raises:
        ModelError: how long the parts are is not known before it runs.
    """
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    axis, count = attributes.get("axis", 0), len(node.output)
    constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    constants |= {
        one.output[0]: numpy_helper.to_array(a.t)
        for one in graph.node
        for a in one.attribute
        if one.op_type == "Constant" and a.HasField("t")
    }
    dims = list(kind.shape.dim) if kind is not None and kind.HasField("shape") else []
    length = dims[axis].dim_value if -len(dims) <= axis < len(dims) else 0
    if len(node.input) > 1 and node.input[1]:
        lengths = constants[node.input[1]].tolist() if node.input[1] in constants else []
    else:
        part = -(-length // count)
        lengths = list(attributes.get("split", [*[part] * (count - 1), length - part * (count - 1)]))
    if not length or len(lengths) != count or sum(lengths) != length or min(lengths) < 1:
        raise ModelError(
            f"Split of {node.input[0]!r} into {count} parts: their lengths are not known before it runs",
            hint="split the features, by lengths that are constants",
        )
    made, start = list[NodeProto](), 0
    for i, (name, size) in enumerate(zip(node.output, lengths, strict=True)):
        places = f"{node.output[0] or node.input[0]}/Split/{i}"
        graph.initializer.append(numpy_helper.from_array(np.arange(start, start + size), places))
        made += [helper.make_node("Gather", [node.input[0], places], [name], axis=axis)] if name else []
        start += size
    return made


def written_out(model: ModelProto, opset: int) -> list[str]:
    """Replace newer operators, in place.

    Args:
        model: at an opset that has them; a graph that `onnx.checker` accepts.
        opset: reductions take their axes as an input from 18 on.

    Returns:
        The operators that were replaced.
    """
    if not any(_name(node) in NEWER | OF_THE_QUANTISER for node in model.graph.node):
        return []
    inferred = onnx.shape_inference.infer_shapes(model).graph
    known = {v.name: v.type.tensor_type for v in (*inferred.input, *inferred.value_info, *inferred.output)}
    nodes, found = list[NodeProto](), set[str]()
    for node in model.graph.node:
        if _name(node) not in NEWER | OF_THE_QUANTISER:
            nodes.append(node)
            continue
        found.add(node.op_type)
        if node.op_type == "Split":
            nodes += _parts(model.graph, node, known.get(node.input[0]))
            continue
        plain = node.domain or node.input[0] not in known
        kind = onnx.TensorProto.FLOAT if plain else known[node.input[0]].elem_type
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        to = _Expansion(node, dtype)
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        last = {**_EXPANSIONS, **_OF_THE_QUANTISER}[_name(node)](to, attributes, *node.input)
        to.nodes[-1].output[0] = node.output[0]
        assert last == f"{to.prefix}/{len(to.nodes) - 1}"
        for one in to.nodes:
            if one.op_type == "ReduceMean" and opset >= 18:
                axes: NDArray[np.int64] = np.array(helper.get_node_attr_value(one, "axes"))
                to.constants.append(numpy_helper.from_array(axes, f"{to.prefix}/axes"))
                one.input.append(f"{to.prefix}/axes")
                kept = [a for a in one.attribute if a.name != "axes"]
                del one.attribute[:]
                one.attribute.extend(kept)
        nodes += to.nodes
        model.graph.initializer.extend(to.constants)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    kept_domains = [one for one in model.opset_import if one.domain != MICROSOFT]
    del model.opset_import[:]
    model.opset_import.extend(kept_domains)
    return sorted(found)
