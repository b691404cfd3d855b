"""Boxes of a teacher with a quadratic behind its SVR.

On a box the SVR is `y = c + L + H + r`: its value at the centre, the linear terms, the higher ones, and what the Taylor
polynomial leaves out. With `s = p1 + 2 p2 c`,

    p0 + p1 y + p2 y^2 = (p0 + p1 c + p2 c^2) + s (L + H) + p2 L^2 + s r + p2 (2 L (H + r) + (H + r)^2)

The first three terms are a polynomial of degree four; the rest is small, since `p2` is about 0.0005 a point.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tinyvmaf.measure.proof.boxes import BoxBounds, Differences, Provable
from tinyvmaf.measure.proof.branching import Branching, Splits
from tinyvmaf.measure.proof.gaussians import Gaussians, TaylorOfBoxes
from tinyvmaf.measure.proof.pieces import Quadratic
from tinyvmaf.measure.proof.polynomials import Floats, basis
from tinyvmaf.vmaf.domain import Domain

_LOST: Final = 32 * 2.0**-53


class Transformed:
    """What `TaylorOfBoxes` says of an SVR, of the quadratic behind it: on boxes about some centres."""

    def __init__(self, raw: TaylorOfBoxes, radius: Floats, behind: Quadratic, z: Floats) -> None:
        """Compose.

        Args:
            radius: half widths of the boxes, `[F]`.
            z: centres, `[N, F]`.
        """
        p0, p1, p2 = behind
        monomials, y = basis(len(radius)), raw.polynomials(z)
        centre, linear = y[0].copy(), y[1 : 1 + len(radius)].copy()
        size, higher = np.abs(linear).sum(axis=0), np.abs(y[1 + len(radius) :]).sum(axis=0)
        slope = p1 + 2.0 * p2 * centre
        self._made: Floats = y * slope
        self._made[0] = p0 + centre * (p1 + p2 * centre)
        for i in range(len(radius)):
            for j in range(i, len(radius)):
                self._made[monomials.place(1 + i, 1 + j)] += (p2 if i == j else 2.0 * p2) * linear[i] * linear[j]
        rest, largest = higher + raw.rest, np.abs(centre) + size + higher
        lost = _LOST * (abs(p0) + (abs(p1) + 2.0 * abs(p2) * largest) * largest)
        self.rest: Floats = np.abs(slope) * raw.rest + abs(p2) * rest * (2.0 * size + rest) + lost
        # Of the derivative: s Y' + 2 p2 (Y - c) Y' less s P' + 2 p2 L L', where no derivative exceeds `steep`.
        steep = (monomials.steepness(y) / radius[:, None]).max(axis=0) + raw.rest_of_slope
        beyond = 2.0 * abs(p2) * (2.0 * size + rest) * steep
        self.rest_of_slope: Floats = np.abs(slope) * raw.rest_of_slope + beyond + lost / radius.min()

    def polynomials(self, z: Floats) -> Floats:
        """About the centres that it was made for, `[K, N]`."""
        del z
        return self._made


class TransformedBounds(BoxBounds):
    """Differences on boxes of one size, from a teacher with a quadratic behind it."""

    _taylor: Any

    def __init__(self, model: Provable, teacher: Gaussians, radius: Floats, largest: Floats, behind: Quadratic) -> None:
        """See `BoxBounds`."""
        super().__init__(model, teacher, radius, largest)
        self._raw, self._wide, self._behind = self._taylor, radius + self._reach, behind

    def bounds(self, z: Floats) -> Differences:
        """See `BoxBounds`."""
        self._taylor = Transformed(self._raw, self._wide, self._behind, z)
        return super().bounds(z)


class TransformedBranching(Branching):
    """A claim about a teacher with a quadratic behind it."""

    def __init__(
        self,
        model: Provable,
        teacher: Gaussians,
        domain: Domain,
        radius: Floats,
        bound: float,
        differences: Callable[[Floats], Floats],
        behind: Quadratic,
    ) -> None:
        """See `Branching`."""
        super().__init__(model, teacher, domain, radius, bound, differences)
        self._behind = behind

    def of_size(self, splits: Splits) -> BoxBounds:
        """Bounds on boxes of one size."""
        if splits not in self._sizes:
            if len(self._sizes) > 400:
                self._sizes.clear()
            self._sizes[splits] = TransformedBounds(
                self._model, self._teacher, self.radius(splits), self._largest, self._behind
            )
        return self._sizes[splits]
