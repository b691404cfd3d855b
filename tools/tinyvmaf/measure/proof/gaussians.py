"""The teacher on a box: its Taylor polynomial of degree four, with a bound of what is left out.

The SVR is a sum of Gaussians, `f(z) = sum_i a_i exp(-g |z - s_i|^2) + c`, in normalised features `z`. About the centre
`z` of a box, with `h` the way from it and any fixed point `o`,

    f(z + h) = exp(-g |h|^2 - 2 g (z - o) h) sum_i a_i exp(-g |z - s_i|^2) exp(2 g (s_i - o) h) + c

The sum's coefficients for all boxes are one matrix product, and the factor before it is a product of one power series a
variable. Truncated at degree four, this is the Taylor polynomial.

What is left out is at most `sum_i |a_i| D |h|^5 / 5!`, with `D` the largest fifth derivative of `exp(-g t^2)` along any
line: `(2 g)^(5/2)` times the largest `|He_5(y)| exp(-y^2 / 2)`, 5.79 (at y = 0.617; Hermite polynomial).
"""

from typing import Final

import numpy as np

from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.polynomials import Basis, Floats, basis
from tinyvmaf.vmaf.teacher import Teacher

_FIFTH: Final = 5.79
_UNIT: Final = 2.0**-53
# Operations on the way to one coefficient: 211 products and sums, 6 x 84 of the series, exponential, powers.
_OPERATIONS: Final = 2000


class Gaussians:
    """A teacher's SVR, before its clip, in normalised features."""

    def __init__(self, teacher: Teacher) -> None:
        """Read it.

        Raises:
            NoProofError: a teacher with a score transform, a chroma correction or no clip.
        """
        svr = teacher.svr
        if svr.transform is not None or svr.chroma is not None or svr.clip is None:
            raise NoProofError(f"{teacher.id} has a score transform, a chroma correction or no clip")
        self.gamma = svr.gamma
        self.weights: Floats = svr.coefficients / svr.slopes[0]
        self.constant = float((-svr.rho - svr.intercepts[0]) / svr.slopes[0])
        self.centres = svr.support_vectors
        self.slopes, self.intercepts = svr.slopes[1:], svr.intercepts[1:]
        self.clip = svr.clip
        self.size = float(np.abs(self.weights).sum())
        """The sum of |weights|, in points."""
        low, high = self.centres.min(axis=0), self.centres.max(axis=0)
        self.origin = (low + high) / 2.0
        self._squares = np.square(self.centres).sum(axis=1)

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.centres.shape[1])

    def to_z(self, rows: Floats) -> Floats:
        """Normalise feature rows `[N, F]`."""
        return rows * self.slopes + self.intercepts

    def to_rows(self, z: Floats) -> Floats:
        """Feature rows of normalised ones, `[N, F]`."""
        return (z - self.intercepts) / self.slopes


class TaylorOfBoxes:
    """What boxes of one size share: half widths `radius`, `[F]`, in normalised features."""

    def __init__(self, teacher: Gaussians, radius: Floats) -> None:
        """Prepare the matrix of monomials of the support vectors."""
        self._teacher = teacher
        self._basis: Basis = basis(teacher.width)
        self._radius = radius
        steps = 2.0 * teacher.gamma * (teacher.centres - teacher.origin) * radius
        self._monomials = self._basis.powers(steps) / self._basis.factorials[:, None]
        length = float(np.sqrt(np.square(radius).sum()))
        root = np.sqrt(2.0 * teacher.gamma)
        # The rounding of float64 on the way: see docs/proof.md, "What it assumes".
        growth = float(np.exp(np.abs(steps).sum(axis=1).max()))
        self.rounding = _OPERATIONS * _UNIT * teacher.size * growth**2
        self.rest = teacher.size * root**5 * _FIFTH * length**5 / 120.0 + self.rounding
        """At most what the polynomial leaves out, in points."""
        self.rest_of_slope = teacher.size * root**5 * _FIFTH * length**4 / 24.0 + self.rounding / float(radius.min())
        """At most what the derivative by any normalised feature leaves out: the Taylor rest of the derivative."""

    def polynomials(self, z: Floats) -> Floats:
        """The SVR about centres `[N, F]`, in units of the half widths: `[K, N]`."""
        t = self._teacher
        power = (2.0 * t.gamma) * (t.centres @ z.T) - t.gamma * (np.square(z).sum(axis=1) + t._squares[:, None])
        out: Floats = self._monomials @ (np.exp(power) * t.weights[:, None])
        shift = (2.0 * t.gamma * (z - t.origin) * self._radius).T
        for variable, b in enumerate(shift):
            q = t.gamma * self._radius[variable] ** 2
            b2 = b * b
            series = [-b, b2 / 2.0 - q, b * (q - b2 / 6.0), b2 * (b2 / 24.0 - q / 2.0) + q * q / 2.0]
            self._basis.times_series(out, variable, series)
        out[0] += t.constant
        return out
