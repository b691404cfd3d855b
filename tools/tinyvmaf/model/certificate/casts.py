"""Cast and Constant: which values a type can hold, and which are rounded."""

from dataclasses import replace
from typing import Final

import numpy as np
from onnx import TensorProto, numpy_helper

from tinyvmaf.model.certificate.arithmetic import rounded
from tinyvmaf.model.certificate.call import NodeCall
from tinyvmaf.model.certificate.scales import require_reach
from tinyvmaf.model.certificate.values import (
    FLOATS,
    INTEGERS,
    WHOLE,
    Refusal,
    Values,
    constant,
    constant_span,
    own_subnormals,
)
from tinyvmaf.model.contract.words import quoted

TYPES: Final[dict[int, str]] = {
    TensorProto.FLOAT: "float32",
    TensorProto.DOUBLE: "float64",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.INT8: "int8",
    TensorProto.UINT8: "uint8",
    TensorProto.INT16: "int16",
    TensorProto.UINT16: "uint16",
    TensorProto.BOOL: "bool",
}


def type_of(number: int) -> str:
    """The name of an element type that the proof knows."""
    if number not in TYPES:
        names = {int(n): name for name, n in TensorProto.DataType.items()}
        raise Refusal(
            f"it has element type {names.get(number, number)}; the proof knows float32, float64, int32, int64, bool, "
            "and constants of 8 and 16 bits"
        )
    return TYPES[number]


def cast(call: NodeCall) -> Values:
    """Cast between types, if no value changes; float64 to float32 may be one correct rounding."""
    a, to = call.input(0), type_of(int(call.attribute("to", 0)))
    call.attribute("saturate", 1)  # matters for 8-bit floats only, which are refused
    call.spend(a.grid.size)
    if to == a.kind:
        return a
    if to in INTEGERS:
        return _to_integer(call, a, to)
    if to not in FLOATS:
        raise Refusal(f"it makes {to} of {a.kind}")
    if a.kind in FLOATS:
        return _to_float(call, a, to)
    form = FLOATS[to]
    if (a.bits > form.digits).any():
        raise Refusal(f"its input takes {a.bits.max()} bits, and {form.name} has {form.digits}", "Clip before")
    # An integer is an atom, like a value that was rounded to an integer.
    return replace(a, kind=to, atom=True, chosen=False, span=_span(a), reach=None, masked=False)


def _span(a: Values) -> tuple[int, int]:
    return constant_span(a) if a.fixed else (0, 0)


def _to_integer(call: NodeCall, a: Values, to: str) -> Values:
    if a.kind in FLOATS:
        if a.rounded or a.lowest < 0:
            raise Refusal("its input is not proven to be a whole number", "Round it before")
        call.exact(a)
    if a.flush is not None:
        call.may_show_flushing()
    if not a.within(-WHOLE, WHOLE):
        raise Refusal(f"its input goes beyond {WHOLE:,}, to which engines count that have no {to}", "Clip it before")
    return replace(a, kind=to, atom=True, chosen=False, flush=None, span=_span(a), reach=None, masked=False)


def _to_float(call: NodeCall, a: Values, to: str) -> Values:
    form = FLOATS[to]
    if a.infinite:
        raise Refusal("its input may be infinite", "Clip it first")
    exact = (a.bits <= form.digits).all() and a.lowest >= form.lowest and not replace(a, kind=to).infinite
    require_reach(call, to, a.extent, [a], rounds=not exact)
    made = replace(a, kind=to) if exact else rounded(call.name, a, form)
    return own_subnormals(made)


def constant_node(call: NodeCall) -> Values:
    """Constant, with any of its attributes."""
    held = [
        (name, call.attribute(name, None))
        for name in ("value", "value_float", "value_floats", "value_int", "value_ints")
    ]
    given = [(name, value) for name, value in held if value is not None]
    if len(given) != 1:
        raise Refusal("it holds no value, or one that the proof does not know")
    ((name, value),) = given
    if name == "value":
        return tensor(value)
    array = np.asarray(value, dtype=np.float32 if "float" in name else np.int64)
    if not np.isfinite(array).all():
        raise Refusal("it holds a value that is not finite")
    return constant(array)


def tensor(proto: TensorProto) -> Values:
    """A tensor of the file; `contract.tensors` has checked it."""
    type_of(proto.data_type)
    array = numpy_helper.to_array(proto)
    if not array.size:
        raise Refusal(f"constant {quoted(proto.name)} has no elements")
    return constant(array)
