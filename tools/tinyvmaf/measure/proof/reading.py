"""Reads a graph as a `Network`: follows each tensor as sums of the layer before, or as an activation of sums."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tinyvmaf.measure.proof.layers import Activation, Network, NetworkLayer, Rounding, activation_of, is_identity
from tinyvmaf.measure.proof.pieces import IDENTITY, NoProofError, Pieces, constant
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.smooth import SMOOTH, gated
from tinyvmaf.measure.proof.sums import Sums, each, is_each_feature, outputs, same_sums
from tinyvmaf.model.certificate import certify

_UNIT: Final[dict[int, float]] = {onnx.TensorProto.FLOAT: 2.0**-24, onnx.TensorProto.DOUBLE: 2.0**-53}


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
        self._layers: list[NetworkLayer] = []
        self._values: dict[str, Sums] = {}
        self._steps: Floats | None = None
        self._ceiling: Floats | None = None
        self._types: set[int] = set()
        self._consumers = Counter(name for node in model.graph.node for name in node.input)
        self._opset = next((one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}), 0)

    def network(self) -> Network:
        """Go through the nodes."""
        graph = self._model.graph
        inputs = [one for one in graph.input if one.name not in self._constants]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise NoProofError("not one input and one output")
        if self._opset < 13:
            raise NoProofError(f"opset {self._opset}: proofs exist from opset 13 on")
        self._typed(inputs[0].type.tensor_type.elem_type)
        width = inputs[0].type.tensor_type.shape.dim[-1].dim_value
        self._values[inputs[0].name] = outputs(0, width)
        for node in graph.node:
            try:
                self._follow(node)
            except (KeyError, ValueError, IndexError, TypeError, ArithmeticError) as error:
                raise NoProofError(f"{node.op_type} is used in a way that no proof exists for: {error}") from error
        if graph.output[0].name not in self._values:
            raise NoProofError("the score does not depend on the features")
        score = self._values[graph.output[0].name]
        low, high = _clip_of(score.now)
        if score.depth != len(self._layers) or len(score.weights) != 1 or len(score.stages) > 1:
            raise NoProofError("the score is not one sum over the last layer, clipped or not")
        if not self._layers:
            raise NoProofError("a model without hidden layers")
        unit = 0.0 if self._exact() else max(_UNIT[int(one)] for one in self._types)
        if unit and self._steps is not None:
            raise NoProofError("features are floored after an operation that rounds")
        ceiling = np.full(width, np.inf) if self._ceiling is None else self._ceiling
        rounding = Rounding(score.weight_sizes, score.bias_sizes, score.operations)
        layers, bias = tuple(self._layers), float(score.bias[0])
        return Network(self._steps, ceiling, layers, score.weights[0], bias, (low, high), rounding, unit)

    def _typed(self, kind: int) -> None:
        if kind not in _UNIT:
            raise NoProofError("values are not float32 or float64")
        self._types.add(kind)

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
        value = self._constants[name]
        if value.dtype not in {np.dtype(np.float32), np.dtype(np.float64)}:
            raise NoProofError("values are not float32 or float64")
        return np.asarray(value, dtype=np.float64)

    def _row(self, name: str) -> Floats:
        """A constant that is the same for all rows, `[H]` or `[1]`."""
        value = self._number(name)
        if value.ndim > 2 or (value.ndim == 2 and len(value) != 1):
            raise NoProofError("a constant that is not one row")
        return value.ravel()

    def _closed(self, sums: Sums) -> Sums:
        """The outputs of an activation, as sums of the next layer."""
        if is_identity(list(sums.stages)):
            return sums
        floored = len(sums.stages) > 1 and sums.now == IDENTITY
        stages = list(sums.stages[:-1]) if floored else list(sums.stages)
        return self._new_layer(sums, activation_of(stages, floored))

    def _new_layer(self, sums: Sums, activation: Activation) -> Sums:
        layer = self._layer(sums, activation)
        if sums.depth != len(self._layers):
            raise NoProofError("a layer uses the outputs of two layers before it")
        self._layers.append(layer)
        return outputs(len(self._layers), len(sums.bias))

    def _layer(self, sums: Sums, activation: Activation) -> NetworkLayer:
        rounding = Rounding(sums.weight_sizes, sums.bias_sizes, sums.operations)
        return NetworkLayer(sums.weights, sums.bias, activation, rounding)

    # Operators

    def _identity(self, node: NodeProto) -> Sums:
        return self._value(node.input[0])

    def _cast(self, node: NodeProto) -> Sums:
        to = next(one.i for one in node.attribute if one.name == "to")
        self._typed(to)
        return self._value(node.input[0])

    def _flatten(self, node: NodeProto) -> Sums:
        if next((one.i for one in node.attribute if one.name == "axis"), 1) not in {1, -1}:
            raise NoProofError("Flatten of rows")
        return self._value(node.input[0])

    def _gemm(self, node: NodeProto) -> Sums:
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if attributes.get("transA", 0) or node.input[0] not in self._values:
            raise NoProofError("Gemm with a constant first factor")
        matrix = self._number(node.input[1])
        matrix = (matrix.T if attributes.get("transB", 0) else matrix) * attributes.get("alpha", 1.0)
        bias = self._row(node.input[2]) * attributes.get("beta", 1.0) if len(node.input) > 2 else np.zeros(1)
        return self._affine(self._value(node.input[0]), matrix.T, bias)

    def _matmul(self, node: NodeProto) -> Sums:
        if node.input[0] not in self._values or self._number(node.input[1]).ndim != 2:
            raise NoProofError("MatMul with a constant first factor, or of another shape")
        return self._affine(self._value(node.input[0]), self._number(node.input[1]).T, np.zeros(1))

    def _affine(self, sums: Sums, matrix: Floats, bias: Floats) -> Sums:
        closed, size = self._closed(sums), np.abs(matrix)
        return Sums(
            closed.depth,
            matrix @ closed.weights,
            matrix @ closed.bias + bias,
            size @ closed.weight_sizes,
            size @ closed.bias_sizes + np.abs(bias),
            closed.operations + matrix.shape[1] + 1,
        )

    def _gather(self, node: NodeProto) -> Sums:
        axis = next((one.i for one in node.attribute if one.name == "axis"), 0)
        chosen = self._constants[node.input[1]]
        if axis not in {1, -1} or np.ndim(chosen) != 1:
            raise NoProofError("Gather of rows")
        sums = self._value(node.input[0])
        return each(lambda parts: parts[0][chosen], sums)

    def _concat(self, node: NodeProto) -> Sums:
        if next((one.i for one in node.attribute if one.name == "axis"), 0) not in {1, -1}:
            raise NoProofError("Concat of rows")
        parts = [self._value(name) for name in node.input]
        if len({(one.depth, one.stages) for one in parts}) > 1:
            raise NoProofError("Concat of different layers")
        return each(np.concatenate, *parts)

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
            if same_sums(a, b) and not (is_identity(list(a.stages)) and is_identity(list(b.stages))):
                return a.then(a.now.plus(b.now, sign))
            a, b = self._closed(a), self._closed(b)
            if a.depth != b.depth:
                raise NoProofError("a sum of two layers")
            return Sums(
                a.depth,
                a.weights + sign * b.weights,
                a.bias + sign * b.bias,
                a.weight_sizes + b.weight_sizes,
                a.bias_sizes + b.bias_sizes,
                max(a.operations, b.operations) + 1,
            )
        if left in self._values:
            return self._scaled(self._value(left), 1.0, sign * self._row(right))
        return self._scaled(self._value(right), sign, self._row(left))

    def _mul(self, node: NodeProto) -> Sums:
        left, right = node.input
        if left in self._values and right in self._values:
            a, b = self._value(left), self._value(right)
            if same_sums(a, b):
                return a.then(a.now.times(b.now))
            return self._gated(a, b)
        name, factor = (left, right) if left in self._values else (right, left)
        return self._scaled(self._value(name), self._row(factor), 0.0)

    def _div(self, node: NodeProto) -> Sums:
        if node.input[0] not in self._values:
            raise NoProofError("a division by a computed value")
        return self._scaled(self._value(node.input[0]), 1.0 / self._row(node.input[1]), 0.0)

    def _scaled(self, sums: Sums, factor: Any, summand: Any) -> Sums:
        factor, summand = np.asarray(factor), np.asarray(summand)
        if not is_identity(list(sums.stages)) and factor.size == summand.size == 1:
            scaled = sums.now.times(constant(float(factor.ravel()[0])))
            return sums.then(scaled.plus(constant(float(summand.ravel()[0]))))
        closed = self._closed(sums)
        column = np.broadcast_to(factor, closed.bias.shape)[:, None]
        return Sums(
            closed.depth,
            closed.weights * column,
            closed.bias * column[:, 0] + summand,
            closed.weight_sizes * np.abs(column),
            closed.bias_sizes * np.abs(column[:, 0]) + np.abs(summand),
            closed.operations + 2,
        )

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
        if sums.depth == 0 and not self._layers and is_each_feature(sums) and is_identity(list(sums.stages)):
            if low is not None and low > 0.0:
                raise NoProofError("features are clipped above 0")
            if high is not None:
                self._ceiling = high / np.diag(sums.weights)
            return sums
        return sums.then(sums.now.clip(low, high))

    def _floor(self, node: NodeProto) -> Sums:
        sums = self._value(node.input[0])
        if sums.depth == 0 and not self._layers and is_each_feature(sums) and is_identity(list(sums.stages)):
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
            deeper = [name for name, value in self._values.items() if value.depth == gate.depth]
            alone = all(self._consumers[name] == 1 for name in deeper)
            if alone and gate.depth == len(self._layers) == t.depth + 1 and is_identity(list(t.stages)):
                layer = self._layers[-1]
                curve = gated(layer, t.weights, t.bias, gate.weights, gate.bias)
                if curve is not None:
                    self._layers[-1] = self._layer(t, Activation(curve))
                    return outputs(gate.depth, len(t.bias))
        raise NoProofError("a product of two computed values")


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
