"""The contract's operators at opset 17, written once for NumPy and PyTorch.

They follow the ONNX operator specification (https://onnx.ai/onnx/operators/). An operator takes the array library, its
node's attributes and its inputs (None if omitted). Inputs that give a shape or axes are tuples of integers.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Final

from tinyvmaf.model.engines import quantized
from tinyvmaf.model.engines.library import Array, Attributes, Library, Operator
from tinyvmaf.model.engines.protocol import UnsupportedModelError

INTEGERS: Final[Mapping[str, tuple[int, ...]]] = {
    "Reshape": (1,),
    "ReduceSum": (1,),
    "Slice": (1, 2, 3, 4),
    "Squeeze": (1,),
    "Unsqueeze": (1,),
}
"""Operators with inputs for a shape, axes or places, and the indices of those inputs. They must be constants."""


def _unary(name: str) -> Operator:
    return lambda lib, _, x: getattr(lib.xp, name)(x)


def _variadic(name: str) -> Operator:
    return lambda lib, _, *inputs: functools.reduce(getattr(lib.xp, name), inputs)


def _floats(x: Array, operator: str) -> None:
    """Refuse integers: they divide and average by other rules, which no regressor needs."""
    if "float" not in str(x.dtype):
        raise UnsupportedModelError(f"{operator} of {x.dtype}: only floating-point numbers are supported")


def _divide(_: Library, __: Attributes, x: Array, y: Array) -> Array:
    _floats(x, "Div")
    return x / y


def _clip(lib: Library, _: Attributes, x: Array, low: Array = None, high: Array = None) -> Array:
    # In this order: if low > high, the specification gives high.
    x = x if low is None else lib.xp.maximum(x, low)
    return x if high is None else lib.xp.minimum(x, high)


def _gemm(lib: Library, attributes: Attributes, a: Array, b: Array, c: Array = None) -> Array:
    a = a.T if attributes.get("transA", 0) else a
    b = b.T if attributes.get("transB", 0) else b
    alpha, beta = attributes.get("alpha", 1.0), attributes.get("beta", 1.0)
    y = lib.xp.matmul(a, b)
    y = y if alpha == 1.0 else y * alpha
    if c is None:
        return y
    return y + (c if beta == 1.0 else c * beta)


def _gather(_: Library, attributes: Attributes, x: Array, indices: Array) -> Array:
    axis = attributes.get("axis", 0) % x.ndim
    return x[(slice(None),) * axis + (indices,)]


def _flatten(_: Library, attributes: Attributes, x: Array) -> Array:
    axis = attributes.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape((math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def _reshape(_: Library, attributes: Attributes, x: Array, shape: Sequence[int]) -> Array:
    copies = not attributes.get("allowzero", 0)
    return x.reshape(tuple(x.shape[i] if n == 0 and copies else n for i, n in enumerate(shape)))


def _squeeze(_: Library, __: Attributes, x: Array, axes: Sequence[int] | None = None) -> Array:
    gone = {i for i, n in enumerate(x.shape) if n == 1} if axes is None else {axis % x.ndim for axis in axes}
    if any(x.shape[i] != 1 for i in gone):
        raise ValueError(f"Squeeze of {tuple(x.shape)} at {sorted(gone)}")
    return x[tuple(0 if i in gone else slice(None) for i in range(x.ndim))]


def _unsqueeze(_: Library, __: Attributes, x: Array, axes: Sequence[int]) -> Array:
    rank = x.ndim + len(axes)
    new = {axis % rank for axis in axes}
    return x[tuple(None if i in new else slice(None) for i in range(rank))]


def _transpose(lib: Library, attributes: Attributes, x: Array) -> Array:
    order = attributes.get("perm", tuple(reversed(range(x.ndim))))
    return lib.xp.moveaxis(x, tuple(order), tuple(range(x.ndim)))


def _axes(x: Array, axes: Sequence[int] | None) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if not axes else tuple(axis % x.ndim for axis in axes)


def _sum(lib: Library, attributes: Attributes, x: Array, axes: Sequence[int] | None = None) -> Array:
    if not axes and attributes.get("noop_with_empty_axes", 0):
        return x
    keep = bool(attributes.get("keepdims", 1))
    return lib.xp.sum(x, axis=_axes(x, axes), keepdims=keep, dtype=x.dtype)


def _sum_of_squares(lib: Library, attributes: Attributes, x: Array) -> Array:
    return _sum(lib, attributes, x * x, attributes.get("axes"))


def _mean(lib: Library, attributes: Attributes, x: Array) -> Array:
    _floats(x, "ReduceMean")
    axes = attributes.get("axes")
    return _sum(lib, attributes, x, axes) / math.prod(x.shape[axis] for axis in _axes(x, axes))


def _softmax(lib: Library, attributes: Attributes, x: Array) -> Array:
    axis = attributes.get("axis", -1)
    y = lib.xp.exp(x - lib.xp.amax(x, axis=axis, keepdims=True))
    return y / lib.xp.sum(y, axis=axis, keepdims=True)


def _extreme(name: str) -> Operator:
    def reduce(lib: Library, attributes: Attributes, x: Array) -> Array:
        keep = bool(attributes.get("keepdims", 1))
        return getattr(lib.xp, name)(x, _axes(x, attributes.get("axes")), keepdims=keep)

    return reduce


def _average(_: Library, __: Attributes, *inputs: Array) -> Array:
    _floats(inputs[0], "Mean")
    return functools.reduce(lambda x, y: x + y, inputs) / len(inputs)


def _exponential(lib: Library, x: Array, alpha: float, width: float = 1.0) -> Array:
    """x above 0, and alpha (exp(x / width) - 1) below. Large x do not reach the exponential, which would overflow."""
    low = lib.xp.minimum(x, x * 0)
    return lib.xp.where(x > 0, x, alpha * (lib.xp.exp(low / width) - 1))


def _elu(lib: Library, attributes: Attributes, x: Array) -> Array:
    return _exponential(lib, x, attributes.get("alpha", 1.0))


def _celu(lib: Library, attributes: Attributes, x: Array) -> Array:
    alpha = attributes.get("alpha", 1.0)
    return _exponential(lib, x, alpha, alpha)


def _selu(lib: Library, attributes: Attributes, x: Array) -> Array:
    alpha, gamma = (
        attributes.get("alpha", 1.67326319217681884765625),
        attributes.get("gamma", 1.05070102214813232421875),
    )
    return _exponential(lib, x, alpha) * gamma


def _leaky(lib: Library, attributes: Attributes, x: Array) -> Array:
    return lib.xp.where(x >= 0, x, x * attributes.get("alpha", 0.01))


def _thresholded(lib: Library, attributes: Attributes, x: Array) -> Array:
    return lib.xp.where(x > attributes.get("alpha", 1.0), x, x * 0)


def _hard_sigmoid(_: Library, attributes: Attributes, x: Array) -> Array:
    return (x * attributes.get("alpha", 0.2) + attributes.get("beta", 0.5)).clip(0, 1)


def _hard_swish(_: Library, __: Attributes, x: Array) -> Array:
    return x * (x / 6 + 0.5).clip(0, 1)


def _softplus(lib: Library, _: Attributes, x: Array) -> Array:
    # log(1 + exp(x)) without its overflow.
    return lib.xp.maximum(x, x * 0) + lib.xp.log1p(lib.xp.exp(-abs(x)))


def _power(lib: Library, _: Attributes, x: Array, y: Array) -> Array:
    _floats(x, "Pow")
    return lib.cast(x**y, str(x.dtype).removeprefix("torch."))


def _layer_normalization(lib: Library, attributes: Attributes, x: Array, scale: Array, bias: Array = None) -> Array:
    axes = tuple(range(attributes.get("axis", -1) % x.ndim, x.ndim))
    count = math.prod(x.shape[axis] for axis in axes)
    centred = x - lib.xp.sum(x, axis=axes, keepdims=True) / count
    variance = lib.xp.sum(centred * centred, axis=axes, keepdims=True) / count
    y = centred / lib.xp.sqrt(variance + attributes.get("epsilon", 1e-5)) * scale
    return y if bias is None else y + bias


def _batch_normalization(
    lib: Library, attributes: Attributes, x: Array, scale: Array, bias: Array, mean: Array, variance: Array
) -> Array:
    scale, bias, mean, variance = (one.reshape((-1, *(1,) * (x.ndim - 2))) for one in (scale, bias, mean, variance))
    return (x - mean) / lib.xp.sqrt(variance + attributes.get("epsilon", 1e-5)) * scale + bias


def _concat(lib: Library, attributes: Attributes, *inputs: Array) -> Array:
    return lib.xp.concatenate(inputs, attributes["axis"])


def _slice(
    _: Library,
    __: Attributes,
    x: Array,
    starts: Sequence[int],
    ends: Sequence[int],
    axes: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
) -> Array:
    places = [slice(None)] * x.ndim
    for start, end, axis, step in zip(
        starts, ends, axes or range(len(starts)), steps or (1,) * len(starts), strict=True
    ):
        if step < 1:
            raise UnsupportedModelError(f"Slice with step {step}: only steps above 0 are supported")
        places[axis % x.ndim] = slice(start, end, step)
    return x[tuple(places)]


OPERATORS: Final[Mapping[str, Operator]] = {
    "Abs": _unary("abs"),
    "Add": lambda _, __, x, y: x + y,
    "And": lambda lib, _, x, y: lib.xp.logical_and(x, y),
    "BatchNormalization": _batch_normalization,
    "Cast": lambda lib, attributes, x: lib.cast(x, attributes["to"]),
    "Ceil": _unary("ceil"),
    "Celu": _celu,
    "Clip": _clip,
    "Concat": _concat,
    "DequantizeLinear": quantized.dequantize,
    "Div": _divide,
    "Dropout": lambda _, __, x, *___: x,
    "DynamicQuantizeLinear": quantized.quantize_dynamically,
    "Elu": _elu,
    "Equal": lambda _, __, x, y: x == y,
    "Erf": lambda lib, _, x: lib.erf(x),
    "Exp": _unary("exp"),
    "Flatten": _flatten,
    "Floor": _unary("floor"),
    "Gather": _gather,
    "Gemm": _gemm,
    "Greater": lambda _, __, x, y: x > y,
    "GreaterOrEqual": lambda _, __, x, y: x >= y,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "Identity": lambda _, __, x: x,
    "LayerNormalization": _layer_normalization,
    "LeakyRelu": _leaky,
    "Less": lambda _, __, x, y: x < y,
    "LessOrEqual": lambda _, __, x, y: x <= y,
    "Log": _unary("log"),
    "MatMul": lambda lib, _, x, y: lib.xp.matmul(x, y),
    "MatMulInteger": quantized.matmul_of_integers,
    "Max": _variadic("maximum"),
    "Mean": _average,
    "Min": _variadic("minimum"),
    "Mul": lambda _, __, x, y: x * y,
    "Neg": lambda _, __, x: -x,
    "Not": _unary("logical_not"),
    "Or": lambda lib, _, x, y: lib.xp.logical_or(x, y),
    "PRelu": lambda lib, _, x, slope: lib.xp.where(x >= 0, x, x * slope),
    "Pow": _power,
    "QLinearMatMul": quantized.quantized_matmul,
    "QuantizeLinear": quantized.quantize,
    "Reciprocal": lambda _, __, x: 1.0 / x,
    "ReduceMax": _extreme("amax"),
    "ReduceMean": _mean,
    "ReduceMin": _extreme("amin"),
    "ReduceSum": _sum,
    "ReduceSumSquare": _sum_of_squares,
    "Relu": lambda _, __, x: x.clip(0),
    "Reshape": _reshape,
    # Both libraries round halves to even, as the specification asks.
    "Round": _unary("round"),
    "Selu": _selu,
    "Sigmoid": lambda lib, _, x: lib.sigmoid(x),
    "Sign": _unary("sign"),
    "Slice": _slice,
    "Softmax": _softmax,
    "Softplus": _softplus,
    "Softsign": lambda _, __, x: x / (1 + abs(x)),
    "Sqrt": _unary("sqrt"),
    "Squeeze": _squeeze,
    "Sub": lambda _, __, x, y: x - y,
    "Sum": lambda _, __, *inputs: functools.reduce(lambda x, y: x + y, inputs),
    "Tanh": _unary("tanh"),
    "ThresholdedRelu": _thresholded,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Where": lambda lib, _, condition, x, y: lib.xp.where(condition, x, y),
}
"""The contract's operators except Constant, which the interpreter handles itself."""
