"""Enclosures of the operators that work element by element."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from tinyvmaf.measure.enclosure.enclosed import (
    DIGITS,
    Enclosed,
    Floats,
    NoEnclosureError,
    constant,
    outward,
    rounded,
)
from tinyvmaf.model.engines.numpy_ops import NumpyLibrary
from tinyvmaf.model.engines.operators import OPERATORS

Attributes = Mapping[str, Any]
Enclose = Callable[..., Enclosed]

_FUNCTION_ERROR: Final = 16
"""Units of a number type's epsilon, absolute and relative, by which an engine's exponential, tanh or erf may be off.
ONNX Runtime's are off by 3 at most, measured on 2.6 million arguments."""


def pairs(function: Callable[[Enclosed, Enclosed], tuple[Floats, Floats, Any]]) -> Enclose:
    """An operator of two tensors that broadcast."""

    def enclosed(_: Attributes, x: Enclosed, y: Enclosed) -> Enclosed:
        batched = same_boxes(x, y)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            low, high, grid = function(x, y)
            return rounded(low, high, x.dtype, grid, batched=batched)

    return enclosed


def same_boxes(*inputs: Enclosed) -> bool:
    """Whether the result has boxes.

    Raises:
        NoEnclosureError: the first dimension of a constant, or a later one of a tensor, would meet that of the boxes.
    """
    ranks = {x.low.ndim for x in inputs if x.batched}
    if len(ranks) > 1:
        raise NoEnclosureError("no enclosure for tensors of different ranks that meet")
    for x in inputs:
        if ranks and not x.batched and x.low.ndim >= max(ranks) and x.low.shape[-max(ranks)] != 1:
            raise NoEnclosureError("no enclosure for a constant with a row for each row")
        if ranks and x.low.ndim > max(ranks):
            raise NoEnclosureError("no enclosure for a constant of more dimensions than the rows have")
    return bool(ranks)


def _multiply(x: Enclosed, y: Enclosed) -> tuple[Floats, Floats, Any]:
    grid = x.grid * y.grid
    if x is y:
        low, high = np.square(x.low), np.square(x.high)
        least = np.where((x.low <= 0.0) & (x.high >= 0.0), 0.0, np.minimum(low, high))
        return least, np.maximum(low, high), grid
    if not y.batched or not x.batched:
        part, one = (x, y) if not y.batched else (y, x)
        if np.array_equal(one.low, one.high):
            first, second = part.low * one.low, part.high * one.low
            return np.minimum(first, second), np.maximum(first, second), grid
    products = (x.low * y.low, x.low * y.high, x.high * y.low, x.high * y.high)
    return functools.reduce(np.minimum, products), functools.reduce(np.maximum, products), grid


def bent(_: Attributes, x: Enclosed, limit: Enclosed) -> Enclosed:
    """x (limit - |x|), which rises between -limit / 2 and limit / 2: the quadratic sigmoid of a grid student.

    The product of both factors' bounds would be up to twice as wide.
    """
    batched = same_boxes(x, limit)
    half = limit.low / 2.0

    def value(at: Floats) -> Floats:
        return at * (limit.low - np.abs(at))

    ends = value(x.low), value(x.high)
    low = np.where((x.low < -half) & (x.high > -half), value(-half), np.minimum(*ends))
    high = np.where((x.low < half) & (x.high > half), value(half), np.maximum(*ends))
    return rounded(low, high, x.dtype, x.grid * np.minimum(limit.grid, x.grid), batched=batched)


def reciprocal(y: Enclosed) -> Enclosed:
    """1 / y, not rounded to the number type; everything where y may be 0."""
    with np.errstate(divide="ignore"):
        low, high = outward(1.0 / y.high, 1.0 / y.low, "float64")
    through = (y.low <= 0.0) & (y.high >= 0.0)
    return Enclosed(np.where(through, -np.inf, low), np.where(through, np.inf, high), y.dtype, y.grid * 0.0, y.batched)


def _divide(x: Enclosed, y: Enclosed) -> tuple[Floats, Floats, Any]:
    if x.dtype not in DIGITS:
        raise NoEnclosureError(f"no enclosure for Div of {x.dtype}")
    low, high, _ = _multiply(x, reciprocal(y))
    return (*outward(low, high, "float64"), 0.0)


def _reciprocal(_: Attributes, x: Enclosed) -> Enclosed:
    y = reciprocal(x)
    return rounded(y.low, y.high, x.dtype, batched=x.batched)


def rising(name: str) -> Enclose:
    """A function that never falls, as the interpreter computes it, with the errors that engines may have."""

    def enclosed(attributes: Attributes, x: Enclosed) -> Enclosed:
        if any(attributes.get(word, 1.0) < 0.0 for word in ("alpha", "gamma")):
            raise NoEnclosureError(f"no enclosure for {name} with a negative alpha or gamma")
        with np.errstate(all="ignore"):
            low, high = (OPERATORS[name](NumpyLibrary(), attributes, end) for end in (x.low, x.high))
        return inexact(low, high, x)

    return enclosed


def inexact(low: Floats, high: Floats, x: Enclosed) -> Enclosed:
    """Bounds of a function of x that engines only approximate."""
    error = _FUNCTION_ERROR * float(np.finfo(x.dtype).eps)
    with np.errstate(invalid="ignore"):
        return rounded(
            low - error * (1.0 + np.abs(low)), high + error * (1.0 + np.abs(high)), x.dtype, batched=x.batched
        )


def _whole(function: Callable[[Floats], Floats]) -> Enclose:
    return lambda _, x: rounded(function(x.low), function(x.high), x.dtype, np.maximum(x.grid, 1.0), batched=x.batched)


def absolute(_: Attributes, x: Enclosed) -> Enclosed:
    """|x|."""
    inside = (x.low <= 0.0) & (x.high >= 0.0)
    least = np.where(inside, 0.0, np.minimum(np.abs(x.low), np.abs(x.high)))
    return Enclosed(least, x.size, x.dtype, x.grid, x.batched)


def _extreme(function: Callable[..., Floats]) -> Enclose:
    def enclosed(_: Attributes, *inputs: Enclosed) -> Enclosed:
        batched = same_boxes(*inputs)
        low, high, grid = inputs[0].low, inputs[0].high, inputs[0].grid
        for x in inputs[1:]:
            low, high, grid = function(low, x.low), function(high, x.high), np.minimum(grid, x.grid)
        shape = (1, *low.shape[1:]) if batched else low.shape
        return Enclosed(low, high, inputs[0].dtype, np.broadcast_to(grid, shape), batched)

    return enclosed


MAXIMUM: Final = _extreme(np.maximum)
MINIMUM: Final = _extreme(np.minimum)


def _clip(attributes: Attributes, x: Enclosed, low: Enclosed | None = None, high: Enclosed | None = None) -> Enclosed:
    x = x if low is None else MAXIMUM(attributes, x, low)
    return x if high is None else MINIMUM(attributes, x, high)


def _relu(_: Attributes, x: Enclosed) -> Enclosed:
    return Enclosed(np.maximum(x.low, 0.0), np.maximum(x.high, 0.0), x.dtype, x.grid, x.batched)


def _negative(_: Attributes, x: Enclosed) -> Enclosed:
    return Enclosed(-x.high, -x.low, x.dtype, x.grid, x.batched)


def _add_up(attributes: Attributes, *inputs: Enclosed) -> Enclosed:
    return functools.reduce(functools.partial(ADD, attributes), inputs)


def _average(attributes: Attributes, *inputs: Enclosed) -> Enclosed:
    total = _add_up(attributes, *inputs)
    return rounded(total.low / len(inputs), total.high / len(inputs), total.dtype, batched=total.batched)


def _power(attributes: Attributes, x: Enclosed, y: Enclosed) -> Enclosed:
    power = float(y.low.ravel()[0])
    if y.batched or np.any(y.low != power) or np.any(y.high != power):
        raise NoEnclosureError("no enclosure for Pow with computed powers")
    whole = power == int(power) and power > 0
    if not whole and (np.any(x.low < 0.0) or power < 0):
        raise NoEnclosureError(f"no enclosure for Pow {power:g} of numbers that may be negative")
    base = absolute(attributes, x) if whole and power % 2 == 0 else x
    with np.errstate(over="ignore"):
        return inexact(base.low**power, base.high**power, x)


def _leaky(attributes: Attributes, x: Enclosed, slope: Enclosed | None = None) -> Enclosed:
    """x above 0, and a multiple of it below."""
    batched = x.batched if slope is None else same_boxes(x, slope)
    under = Enclosed(np.minimum(x.low, 0.0), np.minimum(x.high, 0.0), x.dtype, x.grid, x.batched)
    under = MULTIPLY(attributes, under, number(attributes.get("alpha", 0.01), x.dtype) if slope is None else slope)
    above, below = x.low >= 0.0, x.high < 0.0
    low = np.where(above, x.low, np.where(below, under.low, np.minimum(under.low, 0.0)))
    high = np.where(above, x.high, np.where(below, under.high, np.maximum(under.high, np.maximum(x.high, 0.0))))
    return rounded(low, high, x.dtype, batched=batched)


def number(value: float, dtype: str) -> Enclosed:
    """One constant."""
    return constant(np.array(value, dtype=dtype))


def _thresholded(attributes: Attributes, x: Enclosed) -> Enclosed:
    alpha = float(attributes.get("alpha", 1.0))
    above, below = x.low > alpha, x.high <= alpha
    low = np.where(above, x.low, np.where(below, 0.0, np.minimum(alpha, 0.0)))
    high = np.where(above, x.high, np.where(below, 0.0, np.maximum(x.high, 0.0)))
    return Enclosed(low, high, x.dtype, x.grid, x.batched)


def _hard_swish(_: Attributes, x: Enclosed) -> Enclosed:
    def value(at: Floats) -> Floats:
        return at * np.clip(at / 6.0 + 0.5, 0.0, 1.0)

    ends = value(x.low), value(x.high)
    turns = (x.low < -1.5) & (x.high > -1.5)
    return inexact(np.where(turns, -0.375, np.minimum(*ends)), np.maximum(*ends), x)


def _batch_normalization(
    attributes: Attributes, x: Enclosed, scale: Enclosed, bias: Enclosed, mean: Enclosed, variance: Enclosed
) -> Enclosed:
    if x.low.ndim != 2:
        raise NoEnclosureError("no enclosure for BatchNormalization of more than two dimensions")
    spread = rising("Sqrt")(attributes, ADD(attributes, variance, number(attributes.get("epsilon", 1e-5), x.dtype)))
    normal = OPERATORS_OF_ELEMENTS["Div"](attributes, SUBTRACT(attributes, x, mean), spread)
    # An engine may fold it into the layer before, and round the weights anew.
    y = ADD(attributes, MULTIPLY(attributes, normal, scale), bias)
    return inexact(y.low, y.high, y)


ADD: Final = pairs(lambda x, y: (x.low + y.low, x.high + y.high, np.minimum(x.grid, y.grid)))
SUBTRACT: Final = pairs(lambda x, y: (x.low - y.high, x.high - y.low, np.minimum(x.grid, y.grid)))
MULTIPLY: Final = pairs(_multiply)

OPERATORS_OF_ELEMENTS: Final[Mapping[str, Enclose]] = {
    "Abs": absolute,
    "Add": ADD,
    "BatchNormalization": _batch_normalization,
    "Ceil": _whole(np.ceil),
    "Clip": _clip,
    "Div": pairs(_divide),
    "Dropout": lambda _, x, *__: x,
    "Floor": _whole(np.floor),
    "HardSwish": _hard_swish,
    "Identity": lambda _, x: x,
    "LeakyRelu": _leaky,
    "Max": MAXIMUM,
    "Mean": _average,
    "Min": MINIMUM,
    "Mul": MULTIPLY,
    "Neg": _negative,
    "PRelu": _leaky,
    "Pow": _power,
    "Reciprocal": _reciprocal,
    "Relu": _relu,
    "Round": _whole(np.rint),
    "Sign": _whole(np.sign),
    "Sub": SUBTRACT,
    "Sum": _add_up,
    "ThresholdedRelu": _thresholded,
    **{
        name: rising(name)
        for name in ("Celu", "Elu", "Erf", "Exp", "HardSigmoid", "Log", "Selu", "Sigmoid", "Softplus", "Softsign")
    },
    **{name: rising(name) for name in ("Sqrt", "Tanh")},
}
