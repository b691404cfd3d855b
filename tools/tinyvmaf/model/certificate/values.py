"""What is known about a tensor: for each element of one row, an interval, a grid and a number of bits.

Interval ends are Python integers in steps of 2^unit, so nothing here rounds, overflows or depends on an engine.
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
    """Significant bits. Every integer up to 2^digits is a value; 2^digits + 1 is not."""
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
"""Types of constants whose kernels may also round the other factor to 8 bits."""
WHOLE: Final = 1 << 24
"""Largest magnitude of computed integers: some engines lack int64, and some have only float32."""


class Refusal(Exception):  # noqa: N818 - a verdict on a model, not a program error
    """The proof ends here. `why` is one sentence without a full stop; `hint` says what to do instead."""

    def __init__(self, why: str, hint: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


@dataclass(frozen=True)
class Values:
    """A tensor without its batch axis, and what engines may do with the operations that made it."""

    kind: str
    """float32, float64, int32, int64 or bool; for a constant in the file also int8, uint8, int16 or uint16."""
    batched: bool
    """Whether the tensor has a batch axis before the axes of the arrays."""
    lo: Ints
    hi: Ints
    unit: int
    """Interval ends are real numbers in steps of 2^unit; beyond the largest float means infinity."""
    grid: Exponents
    """Each value is an integer times 2^grid; `EVERY` for a value that is always 0."""
    bits: Exponents
    """Each value is an integer of at most so many bits, times a power of two. A power of two has 1 bit, 0 has none."""
    atom: bool = True
    """One term: an input, a constant, a value rounded to an integer, or one of these times a power of two. Engines may
    expand anything else into a sum of terms and merge it with affine operations around it."""
    chosen: bool = False
    """Such a sum went through a selection (Clip, Relu, Max, ...), without a matrix product since."""
    closed: bool = False
    """Its interval does not bound the terms of its expansion, so it must not be merged with a sum."""
    rounded: str = ""
    """The node that rounded it; empty if it is exact."""
    flush: int | None = None
    """If an engine flushes subnormals, any value below 2^flush may be another value below 2^flush."""
    span: tuple[int, int] = (0, 0)
    """Engines may merge coefficients of its terms. All their products are multiples of 2^span[0] and at most 2^span[1];
    span[0] <= 0 <= span[1]."""
    reach: tuple[int, int] | None = None
    """The same for products of factors with at least one variable. None for an atom without scales that engines could
    move."""
    masked: bool = False
    """Some elements are 0 because they were multiplied by 0."""
    narrow: bool = False
    """It was made from a constant of 8 bits."""
    sizes: tuple[tuple[int, int], ...] = ()
    """Of a picture `[N, C, H, W]`: the largest heights and widths that it may have, wide or high. All its cells are
    known alike, so the arrays are `[C, 1, 1]`. Empty: no picture."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.grid.shape

    @property
    def rank(self) -> int:
        """Number of axes, including the batch axis."""
        return self.grid.ndim + self.batched

    @property
    def cells(self) -> int:
        """The most cells of a channel, if it is a picture; else 1."""
        return max((height * width for height, width in self.sizes), default=1)

    @property
    def zero(self) -> NDArray[np.bool_]:
        """Which elements are always 0."""
        return np.asarray(self.grid == EVERY)

    @property
    def fixed(self) -> bool:
        """Whether it is a constant with known elements."""
        return not self.batched and not self.rounded and bool(np.all(self.lo == self.hi))

    @property
    def power_of_two(self) -> bool:
        """Whether it is a constant of zeros and powers of two, of either sign."""
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
        """Its reach; for an atom, its own grid and magnitude."""
        return self.reach or ((0, 0) if self.zero.all() else (self.lowest, self.top))

    @property
    def infinite(self) -> bool:
        """Whether it may exceed the largest value of its float type."""
        form = FLOATS.get(self.kind)
        return form is not None and not self.within(-form.largest, form.largest)

    def within(self, lo: int, hi: int) -> bool:
        """Whether all values are between two integers."""
        up, down = 1 << max(-self.unit, 0), 1 << max(self.unit, 0)
        return int(np.min(self.lo)) * down >= lo * up and int(np.max(self.hi)) * down <= hi * up

    def at(self, unit: int) -> tuple[Ints, Ints]:
        """Interval ends in steps of 2^unit; `unit` is at most its own."""
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
    """An array of Python integers, also from the scalar that NumPy returns for 0-d arrays."""
    return np.asarray(array, dtype=np.object_)


def _significant(steps: int) -> int:
    # 2^k itself is a power of two, so all integers up to 2^k have at most k bits.
    return max((steps - 1).bit_length(), 1) if steps > 0 else 0


significant: Final = np.frompyfunc(_significant, 1, 1)
"""Bits that suffice for every integer up to a given one."""
_bit_length: Final = np.frompyfunc(int.bit_length, 1, 1)


def bits_of(magnitude: object, shift: object) -> Exponents:
    """Bits that suffice for every multiple of 2^shift up to a magnitude, both in the same unit."""
    steps = np.frompyfunc(lambda m, s: -(-m >> s), 2, 1)(magnitude, shift)
    return np.asarray(significant(steps), dtype=np.int64)


def values(
    kind: str, batched: bool, lo: object, hi: object, unit: int, grid: object, bits: object, **state: Any
) -> Values:
    """Normalised `Values`: zeros on every grid, no more bits than the interval needs, the coarsest unit.

    Args:
        lo: interval ends in steps of 2^unit; `hi` likewise.
        grid: exponents, none below `unit`.
        bits: any other bound on the bits.
        state: further fields.
    """
    lo, hi = np.broadcast_arrays(ints(lo), ints(hi))
    nothing = np.asarray((lo == 0) & (hi == 0), dtype=np.bool_)
    grid = np.where(nothing, EVERY, np.asarray(grid, dtype=np.int64))
    bits = np.where(nothing, 0, np.asarray(bits, dtype=np.int64))
    new = int(grid.min()) if not nothing.all() else unit
    if new > unit:  # rounds outward if an end lies between two grid points
        lo, hi, unit = ints(lo >> (new - unit)), ints(-(-hi >> (new - unit))), new
    shift = np.where(nothing, 0, grid - unit).astype(np.object_)
    bits = np.asarray(np.minimum(bits, bits_of(np.maximum(hi, -lo), shift)))
    flush = state.pop("flush", None)
    if flush is not None and grid.min() >= flush:
        flush = None  # only 0 is that small
    return Values(kind, batched, ints(lo), ints(hi), unit, grid, bits, flush=flush, **state)


def own_subnormals(made: Values) -> Values:
    """The values, with `flush` raised if they may be subnormal themselves."""
    form = FLOATS.get(made.kind)
    if form is None or made.lowest >= form.normal:
        return made
    # Some engines flush before they round, although the value may round to the smallest normal number.
    own = form.normal + bool(made.rounded)
    return replace(made, flush=own if made.flush is None else max(own, made.flush))


def constant(array: NDArray[Any]) -> Values:
    """A finite constant of any type that a file may hold."""
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
    """The span of a constant, which may be used as a factor or not."""
    return (0, 0) if made.zero.all() else (min(made.lowest, 0), max(made.top, 0))


def graph_input(kind: str, shape: Sequence[int], *, batched: bool) -> Values:
    """Any finite values of a float type, or any of uint8, of one row's shape."""
    if kind == "uint8":
        none = np.zeros(tuple(shape), dtype=np.int64)
        return values(kind, batched, none, none + 255, 0, none, none + 8)
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
