"""A small ONNX interpreter: the contract's operators at opset 17, one after the other, in the graph's own types.

Nothing is optimised or fused. The array library is NumPy or PyTorch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, helper, numpy_helper

from tinyvmaf.model.contract import OPSET, OUTPUTS, ml
from tinyvmaf.model.engines import picture_operators
from tinyvmaf.model.engines.library import ROUNDED_TO, TYPES, Array, Library
from tinyvmaf.model.engines.ml_operators import ml_operator
from tinyvmaf.model.engines.model_file import ModelFile
from tinyvmaf.model.engines.operators import INTEGERS, OPERATORS
from tinyvmaf.model.engines.picture_operators import PICTURE_OPERATORS
from tinyvmaf.model.engines.protocol import UnsupportedModelError

_CONSTANT: Final[Mapping[str, Callable[[AttributeProto], NDArray[np.generic]]]] = {
    "value": lambda a: numpy_helper.to_array(a.t),
    "value_float": lambda a: np.array(a.f, dtype=np.float32),
    "value_floats": lambda a: np.array(a.floats, dtype=np.float32),
    "value_int": lambda a: np.array(a.i, dtype=np.int64),
    "value_ints": lambda a: np.array(a.ints, dtype=np.int64),
}


@dataclass(frozen=True)
class ProgramStep:
    """One node, ready to run."""

    operator: Callable[..., Array]
    attributes: Mapping[str, Any]
    inputs: tuple[Any, ...]
    """Each a value's name, None if omitted, or a tuple of constant integers."""
    outputs: tuple[str, ...]
    """One for each that the operator gives, except the last ones if nothing reads them."""


class Program:
    """A model's nodes in order, for one array library."""

    def __init__(self, file: ModelFile, library: Library) -> None:
        """Read the nodes.

        Raises:
            UnsupportedModelError: another opset, or a node that `OPERATORS` does not support.
        """
        graph = file.proto.graph
        versions = {o.version for o in file.proto.opset_import if o.domain in ("", "ai.onnx")}
        if versions != {OPSET}:
            raise UnsupportedModelError(f"model: opset {sorted(versions)}: the interpreter knows opset {OPSET}")
        _check_bfloat16(graph)
        constants = constants_of(graph)
        steps = [_step(node, constants) for node in graph.node if node.op_type != "Constant"]
        for name, value in constants.items():
            if value.dtype.name not in TYPES:
                raise UnsupportedModelError(f"model: constant {name!r} is {value.dtype.name}")
        self._input, self._outputs, self._steps, self._library = file.input, file.outputs, steps, library
        self._constants = {name: library.constant(value) for name, value in constants.items()}

    def __call__(self, rows: Array) -> list[Array]:
        """The model's outputs for an input of the library."""
        values = self.values(rows)
        return [values[name] for name in self._outputs]

    def values(self, rows: Array) -> dict[str, Array]:
        """Everything that the graph computes, by name; its constants and its input too."""
        values = {**self._constants, self._input: rows}
        for step in self._steps:
            inputs = [values[i] if isinstance(i, str) else i for i in step.inputs]
            made = step.operator(self._library, step.attributes, *inputs)
            values.update(zip(step.outputs, made if isinstance(made, tuple) else (made,), strict=False))
        return values


def _check_bfloat16(graph: onnx.GraphProto) -> None:
    """Refuse arithmetic in bfloat16: a library may only round to it and back."""
    rounded = set[str]()
    for node in graph.node:
        if node.op_type != "Cast" and rounded & set(node.input):
            raise _lacks(node, "of bfloat16, which only Cast takes here")
        rounded |= {node.output[0] for a in node.attribute if a.name == "to" and a.i == onnx.TensorProto.BFLOAT16}


def constants_of(graph: onnx.GraphProto) -> dict[str, NDArray[np.generic]]:
    """A graph's initializers and constant nodes, by name.

    Raises:
        UnsupportedModelError: a constant of a kind that the contract does not know.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in (node for node in graph.node if node.op_type == "Constant"):
        (attribute,) = node.attribute
        if attribute.name not in _CONSTANT:
            raise _lacks(node, f"{attribute.name} is not known")
        constants[node.output[0]] = _CONSTANT[attribute.name](attribute)
    return constants


def _step(node: NodeProto, constants: Mapping[str, NDArray[np.generic]]) -> ProgramStep:
    if node.domain == ml.DOMAIN and node.op_type in ml.OPERATORS:
        try:
            return ProgramStep(ml_operator, {"": ml.read(node)}, tuple(node.input), tuple(node.output))
        except ValueError as error:
            raise _lacks(node, str(error)) from error
    operator = OPERATORS.get(node.op_type) or PICTURE_OPERATORS.get(node.op_type)
    if node.domain not in ("", "ai.onnx") or operator is None:
        raise _lacks(node, "it is not an operator of the contract")
    if not 1 <= len(node.output) <= OUTPUTS.get(node.op_type, 1):
        raise _lacks(node, f"{len(node.output)} outputs")
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Cast":
        # NumPy has no bfloat16; older versions of onnx say float32.
        halves = attributes["to"] == onnx.TensorProto.BFLOAT16
        attributes["to"] = name = "bfloat16" if halves else helper.tensor_dtype_to_np_dtype(attributes["to"]).name
        if name not in ROUNDED_TO:
            raise _lacks(node, f"to {name}")
    inputs: list[Any] = [name or None for name in node.input]
    for place in {**INTEGERS, **picture_operators.INTEGERS}.get(node.op_type, ()):
        if place < len(inputs) and inputs[place] is not None:
            if inputs[place] not in constants:
                raise _lacks(node, f"input {inputs[place]!r} is computed, not constant")
            inputs[place] = tuple(int(n) for n in constants[inputs[place]].ravel())
    return ProgramStep(operator, attributes, tuple(inputs), tuple(node.output))


def _lacks(node: onnx.NodeProto, why: str) -> UnsupportedModelError:
    return UnsupportedModelError(f"model: operator {node.op_type!r} of node {node.name or node.output[0]!r}: {why}")
