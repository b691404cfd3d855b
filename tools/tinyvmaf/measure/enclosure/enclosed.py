"""Intervals of tensors, and how a number type rounds what is computed with them.

Bounds are float64. An operation in float32 or float64 rounds; its interval is widened by one unit in the last place of
its type, so that it holds the exact result and the rounded one, however an engine orders or fuses. Where all values are
known to be multiples of a power of two (`grid`) and few enough of it, nothing rounds, and nothing is widened: the grid
models are exact, and a floor after a widened integer would lose a whole step.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import TinyvmafError

Floats = NDArray[np.float64]

DIGITS: Final = {"float32": 24, "float64": 53}
"""Binary digits of a significand: integers up to 2 to this power are exact."""
_INTEGERS: Final = {"bool": 1, "int8": 7, "uint8": 8, "int16": 15, "uint16": 16, "int32": 31, "int64": 53}
"""The same of integers. Beyond 2^53 our own bounds would round."""


class NoEnclosureError(TinyvmafError):
    """An operator, or a use of one, whose values cannot be bounded here."""


@dataclass(frozen=True)
class Enclosed:
    """Bounds of every element of a tensor."""

    low: Floats
    """float64, in the shape of the tensor; the first dimension is that of the boxes if `batched`."""
    high: Floats
    dtype: str
    grid: Floats
    """A power of two for each element, of which its values are multiples; 0 where none is known, infinite for 0. In the
    shape of the tensor, with one box if `batched`."""
    batched: bool = True
    """False: a constant of the graph."""

    @property
    def size(self) -> Floats:
        """The largest absolute value."""
        size: Floats = np.maximum(np.abs(self.low), np.abs(self.high))
        return size


def constant(value: NDArray[Any]) -> Enclosed:
    """A constant of the graph.

    Raises:
        NoEnclosureError: a number type without an enclosure.
    """
    name = value.dtype.name
    if name not in DIGITS and name not in _INTEGERS:
        raise NoEnclosureError(f"no enclosure for {name}")
    x = value.astype(np.float64)
    mantissa, exponent = np.frexp(x)
    whole = np.abs(np.ldexp(mantissa, 53)).astype(np.int64)
    least = (whole & -whole).astype(np.float64)  # the lowest digit that is set
    grid = np.where(x == 0.0, np.inf, np.ldexp(least, exponent - 53))
    return Enclosed(x, x, name, grid, batched=False)


def rounded(low: Floats, high: Floats, dtype: str, grid: Any = 0.0, *, batched: bool = True) -> Enclosed:
    """The interval of an operation's result, from bounds that are exact or off by half a unit of float64.

    Args:
        grid: what the exact results are multiples of.

    Raises:
        NoEnclosureError: integers that may overflow, or a type without enclosures (float16, bfloat16).
    """
    if dtype not in DIGITS and dtype not in _INTEGERS:
        raise NoEnclosureError(f"no enclosure for {dtype}")
    unknown = np.isnan(low) | np.isnan(high)
    if unknown.any():
        low, high = np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)
    size = np.maximum(np.abs(low), np.abs(high))
    if dtype in _INTEGERS:
        if np.any(size > 2.0 ** _INTEGERS[dtype]):
            raise NoEnclosureError(f"no enclosure for {dtype} beyond 2^{_INTEGERS[dtype]}")
        return Enclosed(low, high, dtype, _grid(np.maximum(grid, 1.0), low.shape, batched), batched)
    fine = np.asarray(grid, dtype=np.float64)
    exact = size <= np.nan_to_num(fine, nan=np.inf, posinf=np.inf) * 2.0 ** DIGITS[dtype]
    if exact.all():
        return Enclosed(low, high, dtype, _grid(fine, low.shape, batched), batched)
    down, up = outward(low, high, dtype)
    # One grid for all boxes: known where every box is exact.
    kept = exact.all(axis=0, keepdims=True) if batched else exact
    wide, fine = np.where(exact, low, down), np.where(kept, fine, 0.0)
    return Enclosed(wide, np.where(exact, high, up), dtype, _grid(fine, low.shape, batched), batched)


def outward(low: Floats, high: Floats, dtype: str) -> tuple[Floats, Floats]:
    """Bounds moved outward by a unit in the last place of a number type, to numbers of that type."""
    kind = np.dtype(dtype).type
    with np.errstate(over="ignore"):
        down = np.nextafter(low.astype(kind), kind(-np.inf))
        up = np.nextafter(high.astype(kind), kind(np.inf))
    return down.astype(np.float64), up.astype(np.float64)


def _grid(grid: Any, shape: tuple[int, ...], batched: bool) -> Floats:
    wanted = (1, *shape[1:]) if batched else shape
    found = np.nan_to_num(np.asarray(grid, dtype=np.float64), nan=np.inf, posinf=np.inf)
    return np.broadcast_to(found, wanted)
