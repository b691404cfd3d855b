"""Enclosures of comparisons, choices, conversions, tables, and of operators that only move elements."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from tinyvmaf.measure.enclosure.elementwise import Attributes, Enclose, same_boxes
from tinyvmaf.measure.enclosure.enclosed import DIGITS, Enclosed, Floats, NoEnclosureError, rounded
from tinyvmaf.model.engines.numpy_ops import NumpyLibrary
from tinyvmaf.model.engines.operators import OPERATORS

_RANGE: Final = {"int8": (-128, 127), "uint8": (0, 255)}


def _truth(certain: Any, possible: Any, batched: bool) -> Enclosed:
    low, high = np.asarray(certain, dtype=np.float64), np.asarray(possible, dtype=np.float64)
    return Enclosed(low, high, "bool", np.ones((1, *low.shape[1:]) if batched else low.shape), batched)


def _compared(certain: Callable[[Enclosed, Enclosed], Any], possible: Callable[[Enclosed, Enclosed], Any]) -> Enclose:
    return lambda _, x, y: _truth(certain(x, y), possible(x, y), same_boxes(x, y))


def _where(_: Attributes, condition: Enclosed, x: Enclosed, y: Enclosed) -> Enclosed:
    batched = same_boxes(condition, x, y)
    yes, no = condition.low > 0.0, condition.high < 1.0
    low = np.where(yes, x.low, np.where(no, y.low, np.minimum(x.low, y.low)))
    high = np.where(yes, x.high, np.where(no, y.high, np.maximum(x.high, y.high)))
    grid = np.minimum(x.grid, y.grid)
    shape = (1, *low.shape[1:]) if batched else low.shape
    return Enclosed(low, high, x.dtype, np.broadcast_to(grid, shape), batched)


def _cast(attributes: Attributes, x: Enclosed) -> Enclosed:
    to = attributes["to"]
    if to in DIGITS:
        if x.dtype in DIGITS and DIGITS[to] >= DIGITS[x.dtype]:
            return Enclosed(x.low, x.high, to, x.grid, x.batched)
        return rounded(x.low, x.high, to, x.grid, batched=x.batched)
    if to == "bool":
        zero = (x.low <= 0.0) & (x.high >= 0.0)
        return _truth(~zero, (x.low != 0.0) | (x.high != 0.0), x.batched)
    return rounded(np.trunc(x.low), np.trunc(x.high), to, 1.0, batched=x.batched)


def _gather(attributes: Attributes, x: Enclosed, index: Enclosed) -> Enclosed:
    if not index.batched:
        return moved("Gather")(attributes, x, index.low.astype(np.int64))
    if x.batched or attributes.get("axis", 0) % x.low.ndim:
        raise NoEnclosureError("no enclosure for Gather with computed places, but from axis 0 of a constant")
    length = len(x.low)
    low, high = index.low, index.high
    wraps = low < 0.0  # counted from the end
    first = np.where(wraps, 0.0, np.minimum(low, length - 1.0)).astype(np.int64)
    last = np.where(wraps, length - 1.0, np.minimum(high, length - 1.0)).astype(np.int64)
    level = np.frexp((last - first + 1).astype(np.float64))[1] - 1  # of the widest power of two that fits
    second = last - 2**level + 1
    least, most = _levels(x.low, np.minimum), _levels(x.high, np.maximum)
    found = (np.minimum(least[level, first], least[level, second]), np.maximum(most[level, first], most[level, second]))
    grid = np.broadcast_to(x.grid.min(axis=0), (1, *found[0].shape[1:]))
    return Enclosed(*found, x.dtype, grid)


def _levels(table: Floats, function: Any) -> Floats:
    """Row l, column i: the extreme of the table's entries i to i + 2^l - 1."""
    levels, span = [table], 1
    while 2 * span <= len(table):
        one = levels[-1].copy()
        one[: len(one) - span] = function(one[:-span], levels[-1][span:])
        levels.append(one)
        span *= 2
    return np.stack(levels)


def _concat(attributes: Attributes, *inputs: Enclosed) -> Enclosed:
    batched = same_boxes(*inputs)
    axis = attributes["axis"] % inputs[0].low.ndim
    if batched and (axis == 0 or not all(x.batched for x in inputs)):
        raise NoEnclosureError("no enclosure for Concat of rows, or with constants")
    low, high, grid = (np.concatenate([getattr(x, part) for x in inputs], axis) for part in ("low", "high", "grid"))
    return Enclosed(low, high, inputs[0].dtype, grid, batched)


def moved(name: str) -> Enclose:
    """An operator that only moves elements, as the interpreter does it, each row for itself.

    Raises:
        NoEnclosureError: it mixes rows.
    """

    def enclosed(attributes: Attributes, x: Enclosed, *more: Any) -> Enclosed:
        if any(isinstance(one, Enclosed) and one.batched for one in more):
            raise NoEnclosureError(f"no enclosure for {name} with computed places")
        plain = [one.low.astype(np.int64) if isinstance(one, Enclosed) else one for one in more]

        def move(part: Floats) -> Floats:
            # A single row twice: Squeeze would take the rows' axis away.
            rows = np.concatenate([part, part]) if x.batched and len(part) == 1 else part
            return np.asarray(OPERATORS[name](NumpyLibrary(), attributes, rows, *plain))[: len(part)]

        if x.batched:
            numbers = np.broadcast_to(np.arange(2.0).reshape(2, *(1,) * (x.low.ndim - 1)), (2, *x.low.shape[1:]))
            tried = move(numbers)
            if tried.ndim < 1 or len(tried) != 2 or np.any(tried[0] != 0.0) or np.any(tried[1] != 1.0):
                raise NoEnclosureError(f"no enclosure for {name} that mixes rows")
        return Enclosed(move(x.low), move(x.high), x.dtype, move(x.grid), x.batched)

    return enclosed


def _along(attributes: Attributes, x: Enclosed, one: Enclosed) -> Floats:
    """A scale or a zero point, in the rank of x: one number, or one for each place of an axis."""
    axis = attributes.get("axis", 1) % x.low.ndim if one.low.ndim else 1
    if one.batched or (one.low.size > 1 and x.batched and axis == 0):
        raise NoEnclosureError("no enclosure for scales that are computed, or one for each row")
    shape = [-1 if i == axis else 1 for i in range(x.low.ndim)]
    return one.low.reshape(shape) if one.low.ndim else one.low


def _quantize(attributes: Attributes, x: Enclosed, scale: Enclosed, zero: Enclosed | None = None) -> Enclosed:
    name = "uint8" if zero is None else zero.dtype
    if name not in _RANGE:
        raise NoEnclosureError(f"no enclosure for QuantizeLinear to {name}")
    shift = 0.0 if zero is None else _along(attributes, x, zero)
    step = _along(attributes, x, scale)
    low, high = (np.clip(np.rint(one / step) + shift, *_RANGE[name]) for one in (x.low, x.high))
    # The quotient rounds, so a half may go either way.
    low, high = np.maximum(low - 1, _RANGE[name][0]), np.minimum(high + 1, _RANGE[name][1])
    return Enclosed(low, high, name, np.ones((1, *low.shape[1:]) if x.batched else low.shape), x.batched)


def _dequantize(attributes: Attributes, x: Enclosed, scale: Enclosed, zero: Enclosed | None = None) -> Enclosed:
    shift = 0.0 if zero is None else _along(attributes, x, zero)
    step = _along(attributes, x, scale)
    low, high = ((one - shift) * step for one in (x.low, x.high))
    return rounded(low, high, "float32", batched=x.batched)


OPERATORS_OF_CHOICE: Final[Mapping[str, Enclose]] = {
    "And": _compared(lambda x, y: np.minimum(x.low, y.low), lambda x, y: np.minimum(x.high, y.high)),
    "Cast": _cast,
    "Concat": _concat,
    "DequantizeLinear": _dequantize,
    "Equal": _compared(
        lambda x, y: (x.low == x.high) & (y.low == y.high) & (x.low == y.low),
        lambda x, y: (x.low <= y.high) & (y.low <= x.high),
    ),
    "Gather": _gather,
    "Greater": _compared(lambda x, y: x.low > y.high, lambda x, y: x.high > y.low),
    "GreaterOrEqual": _compared(lambda x, y: x.low >= y.high, lambda x, y: x.high >= y.low),
    "Less": _compared(lambda x, y: x.high < y.low, lambda x, y: x.low < y.high),
    "LessOrEqual": _compared(lambda x, y: x.high <= y.low, lambda x, y: x.low <= y.high),
    "Not": lambda _, x: _truth(1.0 - x.high, 1.0 - x.low, x.batched),
    "Or": _compared(lambda x, y: np.maximum(x.low, y.low), lambda x, y: np.maximum(x.high, y.high)),
    "QuantizeLinear": _quantize,
    "Where": _where,
    **{name: moved(name) for name in ("Flatten", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")},
}
