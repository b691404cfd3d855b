"""Sums that are exact in every order: the core of the proof.

A sum is exact in float32 for any order and tree of its terms, with or without FMA, and for any start of the
accumulator, if the sum of every subset of its terms is a float32. All terms are multiples of one step 2^g, the finest
of their grids. The sum of a subset lies between the sum of all negative parts and the sum of all positive parts.
float32 has every multiple of a step up to 2^24 steps. So it is enough to know the larger of those two sums in steps.

Two numbers m 2^a and n 2^b with odd m, n of p and q bits have a product of at most p + q bits, or q if m is 1. So a sum
with only one nonzero term may take more than 2^24 steps if it has few bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.model.certificate.values import (
    EVERY,
    FLOATS,
    INTEGERS,
    WHOLE,
    Exponents,
    Format,
    Ints,
    Refusal,
    Values,
    bits_of,
    ints,
)

_EXACT_HINT = (
    "let every weight and activation have few bits on a grid of a power of two, and Round and Clip between layers"
)
_MANY = 1 << 20  # for an unknown number of bits


@dataclass(frozen=True)
class Terms:
    """Terms of sums: intervals in steps of 2^unit, grids and bits, of one shape."""

    lo: Ints
    hi: Ints
    unit: int
    grid: Exponents
    bits: Exponents

    @property
    def size(self) -> int:
        """Number of terms."""
        return self.grid.size


def single(values: Values) -> Terms:
    """Values as terms."""
    return Terms(values.lo, values.hi, values.unit, values.grid, values.bits)


def negative(terms: Terms) -> Terms:
    """The terms with the other sign."""
    return Terms(ints(-terms.hi), ints(-terms.lo), terms.unit, terms.grid, terms.bits)


def products(a: Values, b: Values) -> Terms:
    """The products of two tensors of one shape, element by element.

    The product of two atoms lies between the products of their ends. Any other product may be expanded, for example
    (x + c)(y + d) into xy + cy + xd + cd, where x may be at its largest while c is at its smallest. Its interval then
    adds all positive and all negative products. If both factors are sums, only that interval bounds the bits.
    """
    nothing = a.zero | b.zero
    if a.atom and b.atom:
        corners = np.stack([ints(a.lo * b.lo), ints(a.lo * b.hi), ints(a.hi * b.lo), ints(a.hi * b.hi)])
        lo, hi = corners.min(axis=0), corners.max(axis=0)
    else:
        (over_a, under_a), (over_b, under_b) = _parts(a.lo, a.hi), _parts(b.lo, b.hi)
        lo, hi = -(over_a * under_b + under_a * over_b), over_a * over_b + under_a * under_b
    return Terms(
        ints(lo),
        ints(hi),
        a.unit + b.unit,
        np.where(nothing, EVERY, a.grid + b.grid),
        np.where(nothing, 0, _MANY if not (a.atom or b.atom) else product_bits(a.bits, b.bits)),
    )


def squares(a: Values) -> Terms:
    """The squares of a tensor's elements."""
    over, under = _parts(a.lo, a.hi)
    if a.atom:
        lo, hi = ints(over * 0), ints(np.maximum(over * over, under * under))
    else:
        lo, hi = ints(-2 * over * under), ints(over * over + under * under)
    return Terms(
        lo,
        hi,
        2 * a.unit,
        np.where(a.zero, EVERY, 2 * a.grid),
        np.where(a.zero, 0, product_bits(a.bits, a.bits) if a.atom else _MANY),
    )


def product_bits(p: Exponents, q: Exponents) -> Exponents:
    """Bits of the products of numbers with p and q bits."""
    return np.where(p <= 1, q, np.where(q <= 1, p, p + q))


def stack(parts: Sequence[Terms]) -> Terms:
    """Terms of one shape along a new first axis."""
    unit = min(part.unit for part in parts)
    factors = [1 << (part.unit - unit) for part in parts]
    return Terms(
        np.stack([ints(part.lo * f) for part, f in zip(parts, factors, strict=True)]),
        np.stack([ints(part.hi * f) for part, f in zip(parts, factors, strict=True)]),
        unit,
        np.stack([part.grid for part in parts]),
        np.stack([part.bits for part in parts]),
    )


@dataclass(frozen=True)
class Total:
    """Sums of terms, and whether they are exact in every order."""

    lo: Ints
    """The sum of all negative parts, not of the lower ends, so that it bounds every subset."""
    hi: Ints
    least: Ints
    """The sum of the lower ends, which bounds the sum of all terms alone."""
    most: Ints
    unit: int
    grid: Exponents
    bits: Exponents
    accumulator_bits: int
    """Bits of the largest partial sum in steps; 2^k steps, a power of two, count as k bits."""
    fault: str | None
    """Why they are not exact, with numbers; None if they are."""


def total(terms: Terms, axes: int | tuple[int, ...], kind: str, times: int = 1) -> Total:
    """Add terms along axes.

    Args:
        kind: the type of the computation, a float or an integer type.
        times: the most terms that each of these stands for; at least one.
    """
    axes = axes if isinstance(axes, tuple) else (axes,)
    over, under = _parts(terms.lo, terms.hi)
    hi, lo = ints(_added(over, axes) * times), ints(-_added(under, axes) * times)
    grid = np.asarray(terms.grid.min(axis=axes))
    several = np.asarray((terms.grid < EVERY).sum(axis=axes) * times > 1)
    nothing = grid == EVERY
    reach = ints(np.maximum(hi, -lo))
    shift = np.where(nothing, 0, grid - terms.unit).astype(np.object_)
    steps = bits_of(reach, shift)
    # A single term takes its own bits; several take the bits of all integers up to `steps`.
    bits = np.where(several, steps, np.minimum(np.asarray(terms.bits.max(axis=axes)), steps))
    if kind in INTEGERS:
        fault = _integer_fault(lo, hi, terms.unit)
    else:
        fault = _float_fault(reach, terms.unit, np.where(nothing, 0, grid), bits, several, FLOATS[kind])
    least, most = _added(terms.lo, axes), _added(terms.hi, axes)
    least, most = ints(np.minimum(least, least * times)), ints(np.maximum(most, most * times))
    return Total(lo, hi, least, most, terms.unit, grid, bits, int(bits.max()), fault)


def _parts(lo: Ints, hi: Ints) -> tuple[Ints, Ints]:
    """The parts above and below 0, as magnitudes."""
    return ints(np.maximum(hi, 0)), ints(np.maximum(ints(-lo), 0))


def _added(part: Ints, axes: tuple[int, ...]) -> Ints:
    return ints(np.add.reduce(part, axis=axes, initial=0))


def _integer_fault(lo: Ints, hi: Ints, unit: int) -> str | None:
    reach = max(int(np.max(hi)), -int(np.min(lo))) << unit  # integers: `unit` is at least 0
    if reach <= WHOLE:
        return None
    return f"partial results reach {number(reach)}, and engines that use float32 for integers count to {WHOLE:,}"


def _float_fault(
    reach: Ints, unit: int, grid: Exponents, bits: Exponents, several: NDArray[np.bool_], form: Format
) -> str | None:
    if (bits > form.digits).any():
        at = np.unravel_index(int(bits.argmax()), bits.shape)
        if not several[at]:
            return f"a product takes {bits[at]} significant bits, and {form.name} has {form.digits}"
        steps = -(-reach[at] >> (int(grid[at]) - unit))
        return (
            f"partial sums reach {number(steps)} steps of 2^{grid[at]}, and {form.name} counts to {1 << form.digits:,}"
        )
    if (grid < form.lowest).any():
        return f"it has steps of 2^{grid.min()}, and {form.name} ends at 2^{form.lowest}"
    top = int(np.max(reach))
    if not within(top, unit, form):
        return f"it reaches {number(top, unit)}, and {form.name} ends below 2^{form.top}"
    return None


def within(magnitude: int, unit: int, form: Format) -> bool:
    """Whether a magnitude, in steps of 2^unit, is not beyond a format's largest value."""
    return magnitude << max(unit, 0) <= form.largest << max(-unit, 0)


def number(magnitude: int, unit: int = 0) -> str:
    """A magnitude in steps of 2^unit, for a sentence; if it is long, rounded up to a power of two."""
    if unit == 0 and magnitude < 10**15:
        return f"{magnitude:,}"
    return f"up to 2^{unit + (magnitude - 1).bit_length()}"


def require_exact(found: Total, hint: str | None = _EXACT_HINT) -> None:
    """Raise `Refusal` if sums are not exact in every order."""
    if found.fault is not None:
        raise Refusal(found.fault, hint)
