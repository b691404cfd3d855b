"""Walks a graph with boxes of feature rows in place of rows: bounds of what it computes at any row of each box."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import NodeProto, helper

from tinyvmaf.measure.enclosure.choices import OPERATORS_OF_CHOICE
from tinyvmaf.measure.enclosure.elementwise import OPERATORS_OF_ELEMENTS, bent
from tinyvmaf.measure.enclosure.enclosed import Enclosed, Floats, NoEnclosureError, constant
from tinyvmaf.measure.enclosure.ml import enclosed_ml
from tinyvmaf.measure.enclosure.sums import OPERATORS_OF_SUMS
from tinyvmaf.model.contract import OPSET, ml
from tinyvmaf.model.engines.interpreter import constants_of
from tinyvmaf.model.engines.operators import INTEGERS

_OPERATORS: Final = {**OPERATORS_OF_ELEMENTS, **OPERATORS_OF_SUMS, **OPERATORS_OF_CHOICE}


_MOVES: Final = frozenset(
    {
        *("Add", "BatchNormalization", "Cast", "Ceil", "Concat", "DequantizeLinear", "Dropout", "Flatten", "Floor"),
        *("Gemm", "Identity", "LinearRegressor", "MatMul", "Mean", "Neg", "QuantizeLinear", "ReduceMean"),
        *("ReduceSum", "Reshape", "Round", "Scaler", "Slice", "Squeeze", "Sub", "Sum", "Transpose", "Unsqueeze"),
    }
)
"""Operators that give sums, steps or copies of what they get; also Div, Gather and Mul by a constant."""


@dataclass(frozen=True)
class _Step:
    operator: str
    enclose: Callable[..., Enclosed]
    inputs: tuple[Any, ...]
    output: str


class Enclosure:
    """A graph, ready to be walked."""

    def __init__(self, model: bytes | onnx.ModelProto) -> None:
        """Read the nodes.

        Raises:
            NoEnclosureError: an operator, an opset or a number type without an enclosure; names it.
        """
        proto = model if isinstance(model, onnx.ModelProto) else onnx.load_model_from_string(model)
        versions = {o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")}
        if versions != {OPSET}:
            raise NoEnclosureError(f"no enclosure for opset {sorted(versions)}, only for {OPSET}")
        graph = proto.graph
        given = constants_of(graph)
        self._constants = {name: constant(value) for name, value in given.items()}
        self.input = next(one.name for one in graph.input if one.name not in self._constants)
        self.output = graph.output[0].name
        self._steps = [_step(node, given) for node in graph.node if node.op_type != "Constant"]
        self._folded = dict(self._constants)
        self._left = []
        made = {step.output: step for step in self._steps}
        self._steps = [self._bent(step, made) for step in self._steps]
        for step in self._steps:  # what does not depend on the input, once
            if all(not isinstance(name, str) or name in self._folded for name in step.inputs):
                self._folded[step.output] = self._run(step, self._folded)
            else:
                self._left.append(step)

        self.forests = [trees for node in graph.node if (trees := _trees(node)) and list(node.input) == [self.input]]
        """Trees that look at the features themselves."""
        self.choices = [step.output for step in self._left if self._chooses(step)]
        """Names of values that are no sum, step or copy of others, in the order of the graph."""

    def __call__(self, low: ArrayLike, high: ArrayLike) -> tuple[Floats, Floats]:
        """Bounds of the score over boxes.

        Args:
            low, high: the boxes' corners, `[N, F]`; finite.

        Returns:
            float64 `[N]` each: whatever float32 row of a box an engine gets, its score lies between them.

        Raises:
            NoEnclosureError: a use of an operator that cannot be bounded; names it.
        """
        found = self.values(low, high, [self.output])[self.output]
        return found.low.reshape(len(found.low)), found.high.reshape(len(found.high))

    def values(self, low: ArrayLike, high: ArrayLike, names: Iterable[str] | None = None) -> dict[str, Enclosed]:
        """The same of values inside the graph, by name; of all of them if none is named."""
        corners = (np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64))
        x = Enclosed(*corners, "float32", np.zeros((1, *corners[0].shape[1:])))
        found = {**self._folded, self.input: x}
        names = None if names is None else list(names)
        for step in self._left if names is None else self._needed(names):
            found[step.output] = self._run(step, found)
        return {name: found[name] for name in names} if names is not None else found

    def _bent(self, step: _Step, made: dict[str, _Step]) -> _Step:
        """x (limit - |x|) as one step with a bound of its own, where a product is one."""
        for x, rest in (step.inputs, step.inputs[::-1]) if step.operator == "Mul" else ():
            less = made.get(rest)
            if less is None or less.operator != "Sub":
                continue
            limit, size = self._constants.get(less.inputs[0]), made.get(less.inputs[1])
            if size and size.operator == "Abs" and size.inputs[0] == x and limit and np.all(limit.low >= 0.0):
                return _Step("Mul", partial(bent, {}), (x, less.inputs[0]), step.output)
        return step

    def _chooses(self, step: _Step) -> bool:
        computed = sum(isinstance(name, str) and name not in self._folded for name in step.inputs)
        by_constant = (
            step.operator in ("Div", "Gather", "Mul") and computed == 1 and not isinstance(step.enclose, partial)
        )
        looked_up = step.operator == "Gather" and step.inputs[1] not in self._folded
        return step.operator not in _MOVES and (looked_up or not by_constant)

    def _needed(self, names: list[str]) -> list[_Step]:
        wanted, steps = set(names), []
        for step in reversed(self._left):
            if step.output in wanted:
                wanted |= {name for name in step.inputs if isinstance(name, str)}
                steps.append(step)
        return steps[::-1]

    def _run(self, step: _Step, found: dict[str, Enclosed]) -> Enclosed:
        return step.enclose(*(found[one] if isinstance(one, str) else one for one in step.inputs))


def enclose(model: bytes | onnx.ModelProto, low: ArrayLike, high: ArrayLike) -> tuple[Floats, Floats]:
    """Bounds of a model's score over boxes of feature rows: see `Enclosure`."""
    return Enclosure(model)(low, high)


def _trees(node: NodeProto) -> ml.Trees | None:
    found = ml.read(node) if node.domain == ml.DOMAIN else None
    return found if isinstance(found, ml.Trees) else None


def _step(node: NodeProto, constants: dict[str, NDArray[np.generic]]) -> _Step:
    if node.domain == ml.DOMAIN and node.op_type in ml.OPERATORS:
        return _Step(node.op_type, enclosed_ml(ml.read(node)), tuple(node.input), node.output[0])
    if node.domain not in ("", "ai.onnx") or node.op_type not in _OPERATORS:
        raise NoEnclosureError(f"no enclosure for {node.op_type}")
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Cast":
        attributes["to"] = helper.tensor_dtype_to_np_dtype(attributes["to"]).name
    inputs: list[Any] = [name or None for name in node.input]
    for place in INTEGERS.get(node.op_type, ()):
        if place < len(inputs) and inputs[place] is not None:
            if inputs[place] not in constants:
                raise NoEnclosureError(f"no enclosure for {node.op_type} with computed places")
            inputs[place] = tuple(int(n) for n in constants[inputs[place]].ravel())
    operator = _OPERATORS[node.op_type]
    return _Step(node.op_type, lambda *given: operator(attributes, *given), tuple(inputs), node.output[0])
