"""Piecewise quadratics of one number, while a graph is read: built from the identity by what its nodes do."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.proof.curves import Hinge, Piecewise

Quadratic = tuple[float, float, float]


class NoProofError(TinyvmafError):
    """This model, or this teacher, is of a kind that no proof exists for."""


@dataclass(frozen=True)
class Pieces:
    """One quadratic between each two knots; continuous."""

    knots: tuple[float, ...]
    quadratics: tuple[Quadratic, ...]
    """One more than knots, from left to right: `c0 + c1 t + c2 t^2`."""

    def plus(self, other: "Pieces", sign: float = 1.0) -> "Pieces":
        """The sum, or with sign -1 the difference."""
        return self._with(other, lambda p, q: (p[0] + sign * q[0], p[1] + sign * q[1], p[2] + sign * q[2]))

    def times(self, other: "Pieces") -> "Pieces":
        """The product.

        Raises:
            NoProofError: it is of a higher degree than two.
        """

        def product(p: Quadratic, q: Quadratic) -> Quadratic:
            if p[2] * q[1] + p[1] * q[2] or p[2] * q[2]:
                raise NoProofError("an activation is a polynomial of a higher degree than two")
            return p[0] * q[0], p[0] * q[1] + p[1] * q[0], p[0] * q[2] + p[1] * q[1] + p[2] * q[0]

        return self._with(other, product)

    def relu(self) -> "Pieces":
        """Its positive part.

        Raises:
            NoProofError: of a curved piece.
        """
        if any(quadratic[2] for quadratic in self.quadratics):
            raise NoProofError("a clip or ReLU follows a curved activation")
        crossings = {
            -c0 / c1
            for (c0, c1, _), (low, high) in zip(self.quadratics, self._spans(), strict=True)
            if c1 and low < -c0 / c1 < high
        }
        finer = self._at(sorted({*self.knots, *crossings}))
        kept = [
            quadratic if finer._inside(place) > 0.0 else (0.0, 0.0, 0.0)
            for place, quadratic in enumerate(finer.quadratics)
        ]
        return Pieces(finer.knots, tuple(kept))

    def clip(self, low: float | None, high: float | None) -> "Pieces":
        """Limited from below and above."""
        out = self
        if low is not None:
            out = out.plus(constant(low), -1.0).relu().plus(constant(low))
        if high is not None:
            out = constant(high).plus(constant(high).plus(out, -1.0).relu(), -1.0)
        return out

    def after(self, inner: "Pieces") -> "Pieces":
        """This function of another one.

        Raises:
            NoProofError: the inner one is curved.
        """
        if any(quadratic[2] for quadratic in inner.quadratics):
            raise NoProofError("an activation follows a curved activation that was rounded")
        reached = {
            (knot - c0) / c1
            for (c0, c1, _), (low, high) in zip(inner.quadratics, inner._spans(), strict=True)
            for knot in self.knots
            if c1 and low < (knot - c0) / c1 < high
        }
        finer = inner._at(sorted({*inner.knots, *reached}))
        out = []
        for place, (c0, c1, _) in enumerate(finer.quadratics):
            value = finer._inside(place)
            a, b, c = self.quadratics[sum(knot < value for knot in self.knots)]
            out.append((a + b * c0 + c * c0 * c0, b * c1 + 2.0 * c * c0 * c1, c * c1 * c1))
        return Pieces(finer.knots, tuple(out))

    def as_curve(self) -> Piecewise:
        """With hinges.

        Raises:
            NoProofError: it jumps.
        """
        hinges = []
        for knot, left, right in zip(self.knots, self.quadratics, self.quadratics[1:], strict=False):
            c0, c1, c2 = (b - a for a, b in zip(left, right, strict=True))
            jump, slope = c0 + knot * (c1 + c2 * knot), c1 + 2.0 * c2 * knot
            size = max(abs(value) for piece in (left, right) for value in (piece[0], piece[1] * knot, 1.0))
            if abs(jump) > 1e-12 * max(size, abs(left[2] * knot * knot), abs(right[2] * knot * knot)):
                raise NoProofError("an activation jumps")
            bend = 1e-12 * max(abs(left[1]), abs(right[1]), abs(left[2] * knot), abs(right[2] * knot))
            hinges += [Hinge(knot, slope, 1)] if abs(slope) > bend else []
            hinges += [Hinge(knot, c2, 2)] if c2 else []
        return Piecewise(self.quadratics[0], tuple(hinges))

    def _with(self, other: "Pieces", combine: Callable[[Quadratic, Quadratic], Quadratic]) -> "Pieces":
        knots = sorted({*self.knots, *other.knots})
        both = zip(self._at(knots).quadratics, other._at(knots).quadratics, strict=True)
        return Pieces(tuple(knots), tuple(combine(p, q) for p, q in both))

    def _at(self, knots: list[float]) -> "Pieces":
        """The same function with these knots, which include its own."""
        edges = [float("-inf"), *knots]
        places = [sum(knot <= edge for knot in self.knots) for edge in edges]
        return Pieces(tuple(knots), tuple(self.quadratics[place] for place in places))

    def _spans(self) -> list[tuple[float, float]]:
        edges = [float("-inf"), *self.knots, float("inf")]
        return list(pairwise(edges))

    def _inside(self, place: int) -> float:
        """The value somewhere inside of a piece."""
        low, high = self._spans()[place]
        if low == -float("inf"):
            t = min(high, 0.0) - 1.0 if high == float("inf") else high - 1.0
        else:
            t = low + 1.0 if high == float("inf") else (low + high) / 2.0
        c0, c1, c2 = self.quadratics[place]
        return c0 + t * (c1 + c2 * t)


IDENTITY = Pieces((), ((0.0, 1.0, 0.0),))


def constant(value: float) -> Pieces:
    """A constant function."""
    return Pieces((), ((value, 0.0, 0.0),))
