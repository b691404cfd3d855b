"""Reads a graph as a `Network`: follows each tensor as sums of the layer before, or as an activation of sums."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tinyvmaf.measure.proof.layers import Activation, Layer, Network, activation_of, is_identity
from tinyvmaf.measure.proof.pieces import IDENTITY, NoProofError, Pieces, constant
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.smooth import SMOOTH, gated
from tinyvmaf.model.certificate import certify

_UNIT: Final = {onnx.TensorProto.FLOAT: 2.0**-24, onnx.TensorProto.DOUBLE: 2.0**-53}


@dataclass(frozen=True)
class Sums:
    """`weights x + bias` of the outputs of layer number `depth`, then `stages`: an activation, not complete yet."""

    depth: int
    weights: Floats
    bias: Floats
    stages: tuple[Pieces, ...] = (IDENTITY,)

    @property
    def now(self) -> Pieces:
        """What was done since the last floor."""
        return self.stages[-1]

    def then(self, pieces: Pieces) -> "Sums":
        """With this in place of `now`."""
        return replace(self, stages=(*self.stages[:-1], pieces))


def read_network(model: onnx.ModelProto) -> Network:
    """Read a graph with one input [N, F] and one score a row.

    Raises:
        NoProofError: an operator, or an order of operators, that no proof exists for.
    """
    return _Reader(model).network()


class _Reader:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._constants: dict[str, Any] = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
        self._layers: list[Layer] = []
        self._values: dict[str, Sums] = {}
        self._steps: Floats | None = None
        self._ceiling = np.inf
        self._types = {onnx.TensorProto.FLOAT}

    def network(self) -> Network:
        """Go through the nodes."""
        graph = self._model.graph
        inputs = [one for one in graph.input if one.name not in self._constants]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise NoProofError("not one input and one output")
        width = inputs[0].type.tensor_type.shape.dim[-1].dim_value
        self._values[inputs[0].name] = Sums(0, np.eye(width), np.zeros(width))
        for node in graph.node:
            self._follow(node)
        score = self._values[graph.output[0].name]
        low, high = _clip_of(score.now)
        if score.depth != len(self._layers) or len(score.weights) != 1 or len(score.stages) > 1:
            raise NoProofError("the score is not one sum over the last layer, clipped or not")
        exact = self._exact()
        unit = 0.0 if exact else max(_UNIT[one] for one in self._types)
        return Network(
            self._steps, self._ceiling, tuple(self._layers), score.weights[0], float(score.bias[0]), (low, high), unit
        )

    def _exact(self) -> bool:
        certificate = certify(self._model.SerializeToString())
        return certificate.certified or certificate.exact_in_float64

    def _follow(self, node: NodeProto) -> None:
        names = [name for name in node.input if name]
        if all(name in self._constants for name in names):
            self._fold(node)
            return
        handler: Callable[[NodeProto], Sums] | None = getattr(self, f"_{node.op_type.lower()}", None)
        if node.domain not in {"", "ai.onnx"} or handler is None:
            if node.op_type in SMOOTH and not node.domain:
                self._values[node.output[0]] = self._smooth(node)
                return
            raise NoProofError(f"{node.op_type} is not an operator that a proof exists for")
        self._values[node.output[0]] = handler(node)

    def _fold(self, node: NodeProto) -> None:
        names = [name for name in node.input if name]
        dtypes = [helper.np_dtype_to_tensor_dtype(self._constants[name].dtype) for name in names]
        typed = [helper.make_tensor_value_info(name, dtype, None) for name, dtype in zip(names, dtypes, strict=True)]
        graph = helper.make_graph([node], "constant", typed, [onnx.ValueInfoProto(name=name) for name in node.output])
        model = helper.make_model(graph, opset_imports=self._model.opset_import)
        found = ReferenceEvaluator(model).run(None, {name: self._constants[name] for name in names})
        self._constants.update(zip(node.output, found, strict=True))

    def _value(self, name: str) -> Sums:
        return self._values[name]

    def _number(self, name: str) -> Floats:
        return np.asarray(self._constants[name], dtype=np.float64)

    def _closed(self, sums: Sums) -> Sums:
        """The outputs of an activation, as sums of the next layer."""
        if is_identity(list(sums.stages)):
            return sums
        floored = len(sums.stages) > 1 and sums.now == IDENTITY
        stages = list(sums.stages[:-1]) if floored else list(sums.stages)
        return self._new_layer(sums, activation_of(stages, floored))

    def _new_layer(self, sums: Sums, activation: Activation) -> Sums:
        layer = Layer(sums.weights, sums.bias, activation)
        if sums.depth != len(self._layers):
            raise NoProofError("a layer uses the outputs of two layers before it")
        self._layers.append(layer)
        width = len(sums.bias)
        return Sums(len(self._layers), np.eye(width), np.zeros(width))

    # Operators

    def _identity(self, node: NodeProto) -> Sums:
        return self._value(node.input[0])

    def _cast(self, node: NodeProto) -> Sums:
        to = next(one.i for one in node.attribute if one.name == "to")
        if to not in _UNIT:
            raise NoProofError("values are not float32 or float64")
        self._types.add(to)
        return self._value(node.input[0])

    def _flatten(self, node: NodeProto) -> Sums:
        return self._value(node.input[0])

    def _dropout(self, node: NodeProto) -> Sums:
        return self._value(node.input[0])

    def _gemm(self, node: NodeProto) -> Sums:
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if attributes.get("transA", 0) or node.input[0] not in self._values:
            raise NoProofError("Gemm with a constant first factor")
        matrix = self._number(node.input[1])
        matrix = (matrix.T if attributes.get("transB", 0) else matrix) * attributes.get("alpha", 1.0)
        bias = self._number(node.input[2]) * attributes.get("beta", 1.0) if len(node.input) > 2 else np.zeros(1)
        return self._affine(self._value(node.input[0]), matrix.T, bias.ravel())

    def _matmul(self, node: NodeProto) -> Sums:
        if node.input[0] not in self._values or self._number(node.input[1]).ndim != 2:
            raise NoProofError("MatMul with a constant first factor, or of another shape")
        return self._affine(self._value(node.input[0]), self._number(node.input[1]).T, np.zeros(1))

    def _affine(self, sums: Sums, matrix: Floats, bias: Floats) -> Sums:
        closed = self._closed(sums)
        return Sums(closed.depth, matrix @ closed.weights, matrix @ closed.bias + bias)

    def _gather(self, node: NodeProto) -> Sums:
        axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
        chosen = self._constants[node.input[1]]
        if axis not in {1, -1} or np.ndim(chosen) != 1:
            raise NoProofError("Gather of rows")
        sums = self._value(node.input[0])
        return replace(sums, weights=sums.weights[chosen], bias=sums.bias[chosen])

    def _concat(self, node: NodeProto) -> Sums:
        parts = [self._value(name) for name in node.input]
        if len({(one.depth, one.stages) for one in parts}) > 1:
            raise NoProofError("Concat of different layers")
        weights, bias = np.concatenate([one.weights for one in parts]), np.concatenate([one.bias for one in parts])
        return replace(parts[0], weights=weights, bias=bias)

    def _reshape(self, node: NodeProto) -> Sums:
        sums = self._value(node.input[0])
        if len(sums.bias) != 1:
            raise NoProofError(f"{node.op_type} of more than one column")
        return sums

    _squeeze = _unsqueeze = _reshape

    def _add(self, node: NodeProto) -> Sums:
        return self._sum(node, 1.0)

    def _sub(self, node: NodeProto) -> Sums:
        return self._sum(node, -1.0)

    def _sum(self, node: NodeProto, sign: float) -> Sums:
        left, right = node.input
        if left in self._values and right in self._values:
            a, b = self._value(left), self._value(right)
            if _same_sums(a, b) and not (is_identity(list(a.stages)) and is_identity(list(b.stages))):
                return a.then(a.now.plus(b.now, sign))
            a, b = self._closed(a), self._closed(b)
            if a.depth != b.depth:
                raise NoProofError("a sum of two layers")
            return Sums(a.depth, a.weights + sign * b.weights, a.bias + sign * b.bias)
        if left in self._values:
            return self._scaled(self._value(left), 1.0, sign * self._number(right).ravel())
        return self._scaled(self._value(right), sign, self._number(left).ravel())

    def _mul(self, node: NodeProto) -> Sums:
        left, right = node.input
        if left in self._values and right in self._values:
            a, b = self._value(left), self._value(right)
            if _same_sums(a, b):
                return a.then(a.now.times(b.now))
            return self._gated(a, b)
        name, factor = (left, right) if left in self._values else (right, left)
        return self._scaled(self._value(name), self._number(factor).ravel(), 0.0)

    def _div(self, node: NodeProto) -> Sums:
        if node.input[0] not in self._values:
            raise NoProofError("a division by a computed value")
        return self._scaled(self._value(node.input[0]), 1.0 / self._number(node.input[1]).ravel(), 0.0)

    def _scaled(self, sums: Sums, factor: Any, summand: Any) -> Sums:
        factor, summand = np.asarray(factor), np.asarray(summand)
        if not is_identity(list(sums.stages)) and factor.size == summand.size == 1:
            scaled = sums.now.times(constant(float(factor.ravel()[0])))
            return sums.then(scaled.plus(constant(float(summand.ravel()[0]))))
        closed = self._closed(sums)
        column = np.broadcast_to(factor, closed.bias.shape)[:, None]
        return Sums(closed.depth, closed.weights * column, closed.bias * column[:, 0] + summand)

    def _relu(self, node: NodeProto) -> Sums:
        sums = self._value(node.input[0])
        return sums.then(sums.now.relu())

    def _leakyrelu(self, node: NodeProto) -> Sums:
        slope = next((one.f for one in node.attribute if one.name == "alpha"), 0.01)
        sums = self._value(node.input[0])
        below = constant(0.0).plus(sums.now, -1.0).relu()
        return sums.then(sums.now.relu().plus(below.times(constant(-float(slope)))))

    def _abs(self, node: NodeProto) -> Sums:
        sums = self._value(node.input[0])
        return sums.then(sums.now.relu().plus(constant(0.0).plus(sums.now, -1.0).relu()))

    def _clip(self, node: NodeProto) -> Sums:
        sums = self._value(node.input[0])
        low, high = (float(self._number(name).ravel()[0]) if name else None for name in (*node.input[1:], "", "")[:2])
        if sums.depth == 0 and not self._layers and _each_feature(sums) and is_identity(list(sums.stages)):
            if low is not None and low > 0.0:
                raise NoProofError("features are clipped above 0")
            self._ceiling = np.inf if high is None else high
            return sums
        return sums.then(sums.now.clip(low, high))

    def _floor(self, node: NodeProto) -> Sums:
        sums = self._value(node.input[0])
        if sums.depth == 0 and not self._layers and _each_feature(sums) and is_identity(list(sums.stages)):
            self._steps = np.diag(sums.weights).copy()
            # From here on the features are the middles of their steps.
            return replace(sums, bias=np.full_like(sums.bias, -0.5))
        if is_identity(list(sums.stages)):
            return replace(sums, stages=(IDENTITY, IDENTITY))
        return replace(sums, stages=(*sums.stages, IDENTITY))

    def _smooth(self, node: NodeProto) -> Sums:
        sums = self._value(node.input[0])
        return self._new_layer(self._closed(sums), Activation(SMOOTH[node.op_type](node)))

    def _gated(self, a: Sums, b: Sums) -> Sums:
        """`t f(t)` as one activation: SiLU, and GELU as exporters write it."""
        for t, gate in ((a, b), (b, a)):
            if gate.depth == len(self._layers) and t.depth == gate.depth - 1 and is_identity(list(t.stages)):
                layer = self._layers[-1]
                curve = gated(layer, t.weights, t.bias, gate.weights, gate.bias)
                if curve is not None:
                    self._layers[-1] = Layer(t.weights, t.bias, Activation(curve))
                    width = len(t.bias)
                    return Sums(gate.depth, np.eye(width), np.zeros(width))
        raise NoProofError("a product of two computed values")


def _same_sums(a: Sums, b: Sums) -> bool:
    if a.depth != b.depth or a.stages[:-1] != b.stages[:-1]:
        return False
    return np.array_equal(a.weights, b.weights) and np.array_equal(a.bias, b.bias)


def _each_feature(sums: Sums) -> bool:
    """Whether these are the features, each times a factor."""
    factors = np.diag(sums.weights)
    return np.array_equal(sums.weights, np.diag(factors)) and bool((factors > 0).all()) and not sums.bias.any()


def _clip_of(pieces: Pieces) -> tuple[float, float]:
    """The limits of the last clip."""
    if pieces == IDENTITY:
        return -np.inf, np.inf
    curve = pieces.as_curve()
    ends = [curve.base, pieces.quadratics[-1]]
    low = ends[0][0] if ends[0][1:] == (0.0, 0.0) else -np.inf
    high = ends[1][0] if ends[1][1:] == (0.0, 0.0) else np.inf
    if pieces != IDENTITY.clip(None if np.isinf(low) else low, None if np.isinf(high) else high):
        raise NoProofError("the score is not clipped by one clip")
    return float(low), float(high)
