"""An ONNX graph as WebAssembly instructions for one row: a local for each element of each tensor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.wasm.binary import F32, F64, I32, constant, unsigned

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]
# By the ONNX operator.
_COMPARING: Final = ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual")
_NAMES: Final = (*_COMPARING, "Abs", "Neg", "Ceil", "Floor", "Round", "Add", "Sub", "Mul", "Min", "Max")
_OPCODES: Final = {
    F32: dict(zip(_NAMES, bytes.fromhex("5b5d5e5f60 8b8c8d8e90 929394 9697"), strict=True)),
    F64: dict(zip(_NAMES, bytes.fromhex("6163646566 999a9b9c9e a0a1a2 a4a5"), strict=True)),
}
_CONSTANT: Final[dict[str, Callable[..., Any]]] = {"Mul": np.multiply, "Add": np.add, "Sub": np.subtract}
_TYPES: Final = {np.dtype(np.float32): F32, np.dtype(np.float64): F64}
_GET, _SET, _SELECT, _NARROWED, _WIDENED = b"\x20", b"\x21", b"\x1b", b"\xb6", b"\xbb"


@dataclass(frozen=True)
class Locals:
    """A tensor `[N, K]` that depends on the row: a local for each of its K elements."""

    type: int
    locals: tuple[int, ...]


class RowCode:
    """The instructions of a graph.

    Raises:
        ModelError: an operator, an attribute or a shape that this does not write.
    """

    def __init__(self, proto: "onnx.ModelProto", input_: str, width: int, first_local: int) -> None:
        """
        Args:
            input_: the graph's input, float32 `[N, width]`.
            first_local: locals below it are the caller's.
        """
        from onnx import numpy_helper

        self.code = bytearray()
        self.types: list[int] = []
        """The types of the locals from `first_local` on."""
        self._first = first_local
        self._values: dict[str, Locals | Array] = {
            one.name: numpy_helper.to_array(one) for one in proto.graph.initializer
        }
        self.features = Locals(F32, tuple(self._local(F32) for _ in range(width)))
        self._values[input_] = self.features
        for node in proto.graph.node:
            self._values[node.output[0]] = self._value(node)
        self.outputs = [self._row(one.name) for one in proto.graph.output]

    def _value(self, node: "onnx.NodeProto") -> Locals | Array:
        from onnx import helper

        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        inputs = [self._values[name] if name else None for name in node.input]
        write: Callable[..., Locals | Array] | None = getattr(self, f"_{node.op_type.lower()}", None)
        if node.domain in ("", "ai.onnx") and node.op_type in _NAMES and len(inputs) < 3:
            return self._each(node.op_type, *inputs)
        if write is None or node.domain not in ("", "ai.onnx"):
            raise ModelError(f"no WebAssembly is written for {node.op_type} {node.name or node.output[0]!r}")
        return write(inputs, attributes)

    def _each(self, operation: str, *inputs: Locals | Array | None) -> Locals | Array:
        """An operation on elements, of one or two tensors."""
        given = [one for one in inputs if one is not None]
        constants = [one for one in given if not isinstance(one, Locals)]
        if len(constants) == len(given):
            if operation not in _CONSTANT:
                raise ModelError(f"no WebAssembly is written for {operation} of constants")
            return np.asarray(_CONSTANT[operation](*constants))
        of = next(one for one in given if isinstance(one, Locals))
        width = max(len(one.locals) if isinstance(one, Locals) else one.size for one in given)
        opcode = bytes([_OPCODES[of.type][operation]])
        result = I32 if operation in _COMPARING else of.type
        return self._made(
            result, (b"".join(self._element(one, k, width, of.type) for one in given) + opcode for k in range(width))
        )

    def _clip(self, inputs: Sequence[Locals | Array | None], attributes: dict[str, Any]) -> Locals | Array:
        del attributes
        x, low, high = [*inputs, None, None][:3]
        x = x if low is None else self._each("Max", x, low)
        return x if high is None else self._each("Min", x, high)  # type: ignore[return-value]

    def _relu(self, inputs: Sequence[Locals | Array], attributes: dict[str, Any]) -> Locals | Array:
        del attributes
        return self._each("Max", inputs[0], np.zeros(()))

    def _cast(self, inputs: Sequence[Locals | Array], attributes: dict[str, Any]) -> Locals | Array:
        from onnx import helper

        (x,), to = inputs, np.dtype(helper.tensor_dtype_to_np_dtype(attributes["to"]))
        if not isinstance(x, Locals):
            return x.astype(to)
        type_ = _TYPES.get(to)
        if type_ is None or x.type == I32:
            raise ModelError(f"no WebAssembly is written for a Cast to {to}")
        if type_ == x.type:
            return x
        change = _WIDENED if type_ == F64 else _NARROWED
        return self._made(type_, (_GET + unsigned(local) + change for local in x.locals))

    def _where(self, inputs: Sequence[Locals | Array], attributes: dict[str, Any]) -> Locals | Array:
        del attributes
        condition, chosen, other = inputs
        values = [one for one in (chosen, other) if isinstance(one, Locals)]
        if not isinstance(condition, Locals) or condition.type != I32 or not values:
            raise ModelError("no WebAssembly is written for a Where whose condition does not depend on the features")
        type_ = values[0].type
        width = max(len(one.locals) if isinstance(one, Locals) else one.size for one in inputs)
        parts = ((chosen, type_), (other, type_), (condition, I32))
        return self._made(
            type_,
            (b"".join(self._element(one, k, width, of) for one, of in parts) + _SELECT for k in range(width)),
        )

    def _gemm(self, inputs: Sequence[Locals | Array], attributes: dict[str, Any]) -> Locals:
        if (attributes.get("alpha", 1.0), attributes.get("beta", 1.0), attributes.get("transA", 0)) != (1.0, 1.0, 0):
            raise ModelError("no WebAssembly is written for a Gemm with alpha, beta or transA")
        x, weights, *bias = inputs
        if not isinstance(x, Locals) or isinstance(weights, Locals) or weights.ndim != 2:
            raise ModelError("no WebAssembly is written for a product of two tensors that depend on the features")
        weights = weights.T if attributes.get("transB") else weights
        if len(weights) != len(x.locals):
            raise ModelError(f"a matrix of {len(weights)} rows is multiplied by {len(x.locals)} values")
        add, multiply = (bytes([_OPCODES[x.type][name]]) for name in ("Add", "Mul"))
        sums = []
        for k in range(weights.shape[1]):
            sum_ = self._element(bias[0], k, weights.shape[1], x.type) if bias else constant(x.type, 0.0)
            for local, weight in zip(x.locals, weights[:, k], strict=True):
                if weight:  # values are finite, and a product with 0 changes no sum
                    sum_ += _GET + unsigned(local) + constant(x.type, float(weight)) + multiply + add
            sums.append(sum_)
        return self._made(x.type, sums)

    def _matmul(self, inputs: Sequence[Locals | Array], attributes: dict[str, Any]) -> Locals:
        return self._gemm(inputs, attributes)

    def _gather(self, inputs: Sequence[Locals | Array], attributes: dict[str, Any]) -> Locals:
        x, places = inputs
        if not isinstance(x, Locals) or isinstance(places, Locals) or attributes.get("axis") not in (1, -1):
            raise ModelError("no WebAssembly is written for this Gather")
        return Locals(x.type, tuple(x.locals[place] for place in np.atleast_1d(places)))

    def _slice(self, inputs: Sequence[Locals | Array], attributes: dict[str, Any]) -> Locals:
        del attributes
        x, *ends = inputs
        known = [int(one.item()) for one in ends if not isinstance(one, Locals) and one.size == 1]
        if not isinstance(x, Locals) or len(known) < len(ends) or known[2:3] not in ([1], [-1]):
            raise ModelError("no WebAssembly is written for this Slice")
        start, end, _, step = [*known, 1][:4]
        return Locals(x.type, x.locals[start:end:step])

    def _reducemin(self, inputs: Sequence[Locals | Array], attributes: dict[str, Any]) -> Locals:
        x, *axes = inputs
        axis = attributes.get("axes") if not axes or isinstance(axes[0], Locals) else axes[0].tolist()
        if not isinstance(x, Locals) or axis not in ([1], [-1]) or not attributes.get("keepdims", 1):
            raise ModelError("no WebAssembly is written for this ReduceMin")
        least = bytes([_OPCODES[x.type]["Min"]])
        first, *others = x.locals
        code = _GET + unsigned(first) + b"".join(_GET + unsigned(local) + least for local in others)
        return self._made(x.type, [code])

    def _made(self, type_: int, elements: Any) -> Locals:
        """A new tensor, from the instructions that give each of its elements."""
        made = []
        for element in elements:
            made.append(self._local(type_))
            self.code += element + _SET + unsigned(made[-1])
        return Locals(type_, tuple(made))

    def _local(self, type_: int) -> int:
        self.types.append(type_)
        return self._first + len(self.types) - 1

    def _element(self, value: Locals | Array, k: int, width: int, type_: int) -> bytes:
        """The instruction that gives element k of a tensor, which is broadcast to `width`."""
        if isinstance(value, Locals):
            if value.type != type_ or len(value.locals) not in (1, width):
                raise ModelError("tensors of different types or widths are combined")
            return _GET + unsigned(value.locals[k if len(value.locals) > 1 else 0])
        if value.size not in (1, width):
            raise ModelError(f"a constant of shape {list(value.shape)} is combined with {width} values")
        return constant(type_, float(value.reshape(-1)[k if value.size > 1 else 0]))

    def _row(self, name: str) -> Locals:
        found = self._values[name]
        if not isinstance(found, Locals) or found.type != F32:
            raise ModelError(f"output {name!r} is no float32 that depends on the features")
        return found
