"""What is known of a tensor: for each element an interval, a grid and how many bits it takes. Exact, in integers.

Elements are those of one row of the batch. Interval ends are Python integers in steps of 2^unit, so nothing here
rounds, overflows or depends on an engine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.object_]
"""Python integers of any size, in an array."""
Exponents = NDArray[np.int64]

EVERY: Final = 1 << 20
"""The grid of an element that is always 0: zero is a multiple of every power of two."""


@dataclass(frozen=True)
class Format:
    """A binary floating-point format of IEEE 754."""

    name: str
    digits: int
    """Significant bits: every integer up to 2^digits is a value, 2^digits + 1 is the first that is not."""
    lowest: int
    """The smallest subnormal is 2^lowest."""
    normal: int
    """The smallest normal value is 2^normal."""
    top: int
    """Values are below 2^top."""

    @property
    def largest(self) -> int:
        """The largest value, an integer."""
        return ((1 << self.digits) - 1) << (self.top - self.digits)


FLOATS: Final = {f.name: f for f in (Format("float32", 24, -149, -126, 128), Format("float64", 53, -1074, -1022, 1024))}
INTEGERS: Final = frozenset({"int32", "int64"})
NARROW: Final = frozenset({"int8", "uint8"})
"""Types of constants for which engines have kernels that round the other factor to 8 bits, too."""
WHOLE: Final = 1 << 24
"""Integers are computed with up to this magnitude: there are engines without int64, and some that have float32 only."""


class Refusal(Exception):  # noqa: N818 - it is a verdict on a model, not an error of the program
    """The proof ends here: `why`, one sentence without its full stop, and `hint`, what to do instead."""

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


@dataclass(frozen=True)
class Values:
    """A tensor without its batch axis, and what engines may do with the operations that made it."""

    kind: str
    """float32, float64, int32, int64, bool; of a constant in the file also int8, uint8, int16, uint16."""
    batched: bool
    """A batch axis stands before the axes of the arrays."""
    lo: Ints
    hi: Ints
    unit: int
    """Interval ends are in steps of 2^unit, over the real numbers: beyond the largest float is infinity."""
    grid: Exponents
    """Each value is an integer times 2^grid; `EVERY` where it is 0."""
    bits: Exponents
    """Each value is an integer of at most so many bits times a power of two: a power of two has 1 bit, 0 has none."""
    atom: bool = True
    """One term: an input, a constant, the result of a rounding to integers, or such a one times a power of two.
    Otherwise engines may write it as a sum of several terms, and merge it with affine operations around it."""
    chosen: bool = False
    """Such a sum went through a selection (Clip, Relu, Max, ...) since, and no matrix product came after that."""
    closed: bool = False
    """Its interval is not that of the terms that it may be expanded into, so it must not be merged with any sum."""
    rounded: str = ""
    """The node that rounded it, if it is not the exact real number."""
    flush: int | None = None
    """An engine that flushes subnormals may have another value below 2^flush in place of one below 2^flush."""
    span: tuple[int, int] = (0, 0)
    """Products of any of the coefficients of its terms are multiples of 2^span[0], not above 0, and at most 2^span[1],
    not below 0: what engines may merge them to."""
    reach: tuple[int, int] | None = None
    """Likewise the products of factors of its terms with at least one variable. None if there are no scales to be
    moved: it is an atom as it is."""
    masked: bool = False
    """Elements of it are 0 as they were multiplied by 0."""
    narrow: bool = False
    """It is made of a constant of 8 bits."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
        return self.grid.shape

    @property
    def rank(self) -> int:
        """With the batch axis."""
        return self.grid.ndim + self.batched

    @property
    def zero(self) -> NDArray[np.bool_]:
        """Which elements are always 0."""
        return np.asarray(self.grid == EVERY)

    @property
    def fixed(self) -> bool:
        """It is a constant, each element of which is known."""
        return not self.batched and not self.rounded and bool(np.all(self.lo == self.hi))

    @property
    def power_of_two(self) -> bool:
        """It is a constant of powers of two, and zeros, of either sign."""
        return self.fixed and bool(np.all(self.bits <= 1))

    @property
    def lowest(self) -> int:
        """The finest grid; `EVERY` if all is 0."""
        return int(self.grid.min())

    @property
    def top(self) -> int:
        """All magnitudes are at most 2^top; 0 if all are 0."""
        largest = max(int(np.max(self.hi)), -int(np.min(self.lo)))
        return self.unit + (largest - 1).bit_length() if largest > 0 else 0

    @property
    def extent(self) -> tuple[int, int]:
        """Its reach, of an atom its own grid and magnitude."""
        return self.reach or ((0, 0) if self.zero.all() else (self.lowest, self.top))

    @property
    def infinite(self) -> bool:
        """It may be beyond the largest value of its float type."""
        form = FLOATS.get(self.kind)
        return form is not None and not self.within(-form.largest, form.largest)

    def within(self, lo: int, hi: int) -> bool:
        """Whether all values are between two integers."""
        up, down = 1 << max(-self.unit, 0), 1 << max(self.unit, 0)
        return int(np.min(self.lo)) * down >= lo * up and int(np.max(self.hi)) * down <= hi * up

    def at(self, unit: int) -> tuple[Ints, Ints]:
        """Interval ends in steps of 2^unit, which is not above its own."""
        factor = 1 << (self.unit - unit)
        return ints(self.lo * factor), ints(self.hi * factor)

    def moved(self, move: Callable[[NDArray[Any]], NDArray[Any]]) -> "Values":
        """The same values in another arrangement, by a function of arrays."""
        return replace(
            self,
            lo=ints(move(self.lo)),
            hi=ints(move(self.hi)),
            grid=np.asarray(move(self.grid)),
            bits=np.asarray(move(self.bits)),
        )

    def spread(self, shape: Sequence[int]) -> "Values":
        """The same values, repeated to a shape."""
        return self.moved(lambda array: np.broadcast_to(array, tuple(shape)))


def ints(array: object) -> Ints:
    """An array of Python integers, also of the single one that numpy makes of an array without axes."""
    return np.asarray(array, dtype=np.object_)


def _significant(steps: int) -> int:
    # 2^k itself is a power of two, so all integers up to 2^k have at most k bits.
    return max((steps - 1).bit_length(), 1) if steps > 0 else 0


significant: Final = np.frompyfunc(_significant, 1, 1)
"""Bits that take every integer up to a given one."""
_bit_length: Final = np.frompyfunc(int.bit_length, 1, 1)


def bits_of(magnitude: object, shift: object) -> Exponents:
    """Bits that take every multiple of 2^shift up to a magnitude, both in the same unit."""
    steps = np.frompyfunc(lambda m, s: -(-m >> s), 2, 1)(magnitude, shift)
    return np.asarray(significant(steps), dtype=np.int64)


def values(
    kind: str, batched: bool, lo: object, hi: object, unit: int, grid: object, bits: object, **state: Any
) -> Values:
    """Values with their arrays in order: zeros on every grid, no more bits than the interval takes, the coarsest unit.

    Args:
        lo: interval ends in steps of 2^unit; `hi` likewise.
        grid: exponents, none below `unit`.
        bits: what is known of the bits otherwise.
        state: further fields.
    """
    lo, hi = np.broadcast_arrays(ints(lo), ints(hi))
    nothing = np.asarray((lo == 0) & (hi == 0), dtype=np.bool_)
    grid = np.where(nothing, EVERY, np.asarray(grid, dtype=np.int64))
    bits = np.where(nothing, 0, np.asarray(bits, dtype=np.int64))
    new = int(grid.min()) if not nothing.all() else unit
    if new > unit:  # outward, should an end lie between two points of the grid
        lo, hi, unit = ints(lo >> (new - unit)), ints(-(-hi >> (new - unit))), new
    shift = np.where(nothing, 0, grid - unit).astype(np.object_)
    bits = np.asarray(np.minimum(bits, bits_of(np.maximum(hi, -lo), shift)))
    flush = state.pop("flush", None)
    if flush is not None and grid.min() >= flush:
        flush = None  # nothing but 0 is that small
    return Values(kind, batched, ints(lo), ints(hi), unit, grid, bits, flush=flush, **state)


def own_subnormals(made: Values) -> Values:
    """The values, with what an engine that flushes subnormals to zero does to themselves."""
    form = FLOATS.get(made.kind)
    if form is None or made.lowest >= form.normal:
        return made
    # Some flush what is subnormal before it is rounded, and that may round to the smallest normal number.
    own = form.normal + bool(made.rounded)
    return replace(made, flush=own if made.flush is None else max(own, made.flush))


def constant(array: NDArray[Any]) -> Values:
    """A constant of any type that the file may have it in, all finite."""
    kind = array.dtype.name
    if kind in FLOATS:
        mantissa, exponent = np.frexp(array.astype(np.float64))
        odd = (mantissa * 2.0**53).astype(np.int64)  # exact: a mantissa has 53 bits
        exponent = exponent.astype(np.int64) - 53
    else:
        odd, exponent = array.astype(np.int64), np.zeros(array.shape, dtype=np.int64)
    nothing = odd == 0
    last = np.abs(np.where(nothing, 1, odd & -odd).astype(np.float64))
    zeros = np.frexp(last)[1].astype(np.int64) - 1  # the last bit that is set is 2^zeros
    odd, grid = odd >> zeros, np.where(nothing, EVERY, exponent + zeros)
    unit = int(grid.min()) if not nothing.all() else 0
    shift = np.where(nothing, 0, grid - unit).astype(np.object_)
    odds = odd.astype(np.object_)
    whole = ints(odds << shift)
    made = values(kind, False, whole, whole, unit, grid, _bit_length(odds), narrow=kind in NARROW)
    form = FLOATS.get(kind)
    small = form.normal if form is not None and made.lowest < form.normal else None
    return replace(made, span=constant_span(made), flush=small)


def constant_span(made: Values) -> tuple[int, int]:
    """The span of a constant: to be multiplied with, or not."""
    return (0, 0) if made.zero.all() else (min(made.lowest, 0), max(made.top, 0))


def graph_input(kind: str, shape: Sequence[int], *, batched: bool) -> Values:
    """Any finite values of a float type, of one row's shape."""
    form = FLOATS[kind]
    full = np.full(tuple(shape), form.largest << -form.lowest, dtype=np.object_)
    return values(
        kind,
        batched,
        -full,
        full,
        form.lowest,
        np.full(full.shape, form.lowest),
        np.full(full.shape, form.digits),
        flush=form.normal,
    )
