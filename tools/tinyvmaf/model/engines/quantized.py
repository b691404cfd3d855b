"""The operators of quantised models: integers of 8 bits, exact until the last rounding."""

import numpy as np

from tinyvmaf.model.engines.library import Array, Attributes, Library
from tinyvmaf.model.engines.protocol import UnsupportedModelError


def per_axis(attributes: Attributes, x: Array, parameter: Array) -> Array:
    """A scale or zero point in a shape that fits x: one for all, or one for each place on an axis."""
    if parameter.ndim != 1 or parameter.shape[0] == 1:
        return parameter.reshape(())
    axis = attributes.get("axis", 1) % x.ndim
    return parameter.reshape(tuple(-1 if i == axis else 1 for i in range(x.ndim)))


def _dtype(x: Array) -> str:
    return str(x.dtype).removeprefix("torch.")


def _quantized(lib: Library, x: Array, zero: Array) -> Array:
    """Halves go to even, and what the type of the zero point cannot hold is its lowest or highest number."""
    low, high = (-128, 127) if _dtype(zero) == "int8" else (0, 255)
    return lib.cast((lib.xp.round(x) + lib.cast(zero, _dtype(x))).clip(low, high), _dtype(zero))


def _eight_bits(operator: str, *zeros: Array) -> None:
    for zero in zeros:
        if zero is not None and _dtype(zero) not in ("int8", "uint8"):
            raise UnsupportedModelError(f"{operator} with {_dtype(zero)}: only integers of 8 bits are supported")


def quantize(lib: Library, attributes: Attributes, x: Array, scale: Array, zero: Array = None) -> Array:
    """QuantizeLinear."""
    zero = lib.constant(np.zeros((), np.uint8)) if zero is None else zero
    _eight_bits("QuantizeLinear", zero)
    return _quantized(lib, x / per_axis(attributes, x, scale), per_axis(attributes, x, zero))


def dequantize(lib: Library, attributes: Attributes, x: Array, scale: Array, zero: Array = None) -> Array:
    """DequantizeLinear."""
    whole = lib.cast(x, "int32")
    if zero is not None:
        whole = whole - lib.cast(per_axis(attributes, x, zero), "int32")
    scale = per_axis(attributes, x, scale)
    return lib.cast(whole, _dtype(scale)) * scale


def quantize_dynamically(lib: Library, _: Attributes, x: Array) -> tuple[Array, Array, Array]:
    """DynamicQuantizeLinear: the scale spans all elements of x, of all rows, and 0."""
    nothing = x.reshape(-1)[:1] * 0
    both = lib.xp.concatenate([x.reshape(-1), nothing])
    low, high = lib.xp.amin(both), lib.xp.amax(both)
    scale = (high - low) / 255
    scale = lib.xp.where(scale == 0, scale + 1, scale)
    zero = lib.cast(lib.xp.round((0 - low / scale).clip(0, 255)), "uint8")
    return _quantized(lib, x / scale, zero), scale, zero


def _a_row(parameter: Array) -> Array:
    """A scale or zero point of the left matrix or of the product: one for all, or one for each row."""
    return parameter.reshape((-1, 1)) if parameter.ndim == 1 else parameter


def matmul_of_integers(
    lib: Library, _: Attributes, a: Array, b: Array, a_zero: Array = None, b_zero: Array = None
) -> Array:
    """MatMulInteger."""
    a, b = lib.cast(a, "int32"), lib.cast(b, "int32")
    if a_zero is not None:
        a = a - lib.cast(_a_row(a_zero), "int32")
    if b_zero is not None:
        b = b - lib.cast(b_zero, "int32")
    return lib.xp.matmul(a, b)


def quantized_matmul(
    lib: Library,
    attributes: Attributes,
    a: Array,
    a_scale: Array,
    a_zero: Array,
    b: Array,
    b_scale: Array,
    b_zero: Array,
    y_scale: Array,
    y_zero: Array,
) -> Array:
    """QLinearMatMul."""
    _eight_bits("QLinearMatMul", y_zero)
    whole = matmul_of_integers(lib, attributes, a, b, a_zero, b_zero)
    return _quantized(lib, lib.cast(whole, "float32") * (_a_row(a_scale) * b_scale / _a_row(y_scale)), _a_row(y_zero))
