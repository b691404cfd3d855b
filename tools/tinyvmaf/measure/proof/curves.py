"""Activations as functions of one number, and polynomials that stay near them on an interval.

An activation is a `Curve`: a piecewise quadratic (ReLU, clip, grid activations) or a smooth function (tanh, GELU).
`approximate` gives, for each interval, a polynomial in `tau` in [-1, 1] and the largest distance from it.

A piecewise quadratic is a quadratic plus hinges, `a (t - k)+` and `b (t - k)+^2` at knots `k`. A hinge whose knot is
outside the interval is 0 or a polynomial. For one inside there is a table over the knot's place `u` in [-1, 1]: the
Chebyshev series of `(tau - u)+^n`, cut at the degree, and its largest error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Protocol

import numpy as np
from numpy.polynomial import chebyshev

from tinyvmaf.measure.proof.polynomials import Floats

_PLACES: Final = 4096  # intervals of the table over u
_NODES: Final = 4096  # of the rule that gives the Chebyshev coefficients; errors are measured on what comes out
_LOST: Final = 64 * 2.0**-53
_SAMPLES: Final = 401  # points in tau at which the error is measured


class Curve(Protocol):
    """A function of one number."""

    def value(self, t: Floats) -> Floats:
        """The function."""

    def slopes(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """The smallest and the largest derivative on intervals."""

    def approximate(self, centre: Floats, radius: Floats, degree: int) -> tuple[list[Floats], Floats]:
        """A polynomial in tau on each interval centre + radius tau: coefficients from degree 0, and its error."""


@dataclass(frozen=True)
class Hinge:
    """`weight (t - knot)+ ^ power`."""

    knot: float
    weight: float
    power: int
    """1 or 2."""


@dataclass(frozen=True)
class Piecewise:
    """`c0 + c1 t + c2 t^2` plus hinges."""

    base: tuple[float, float, float]
    hinges: tuple[Hinge, ...]

    def value(self, t: Floats) -> Floats:
        """The function."""
        c0, c1, c2 = self.base
        out = c0 + t * (c1 + c2 * t)
        for hinge in self.hinges:
            out = out + hinge.weight * np.maximum(t - hinge.knot, 0.0) ** hinge.power
        return np.asarray(out)

    def slopes(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """The derivative is piecewise linear: its extremes are at the ends and at knots inside, or beside them."""
        found = [self._slope(low), self._slope(high)]
        for knot in {hinge.knot for hinge in self.hinges}:
            inside = self._slope(np.float64(knot))
            jump = sum(hinge.weight for hinge in self.hinges if hinge.knot == knot and hinge.power == 1)
            within = (low <= knot) & (high >= knot)
            found += [np.where(within, inside, found[0])]
            if jump:  # the slope on the right of the knot
                found += [np.where(within, inside + jump, found[0])]
        return np.minimum.reduce(found), np.maximum.reduce(found)

    def _slope(self, t: Any) -> Floats:
        """The derivative, at a knot that on its left."""
        out = self.base[1] + 2.0 * self.base[2] * t
        for hinge in self.hinges:
            if hinge.power == 2:
                out = out + 2.0 * hinge.weight * np.maximum(t - hinge.knot, 0.0)
            else:
                out = out + hinge.weight * (t > hinge.knot)
        return np.asarray(out)

    def ends(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """The smallest and the largest value on intervals, of a function without curved pieces."""
        points = [low, high, *(np.clip(hinge.knot, low, high) for hinge in self.hinges)]
        found = [self.value(point) for point in points]
        return np.minimum.reduce(found), np.maximum.reduce(found)

    def approximate(self, centre: Floats, radius: Floats, degree: int) -> tuple[list[Floats], Floats]:
        """See `Curve`."""
        c0, c1, c2 = self.base
        out = np.zeros((degree + 1, *np.broadcast_shapes(centre.shape, radius.shape)))
        out[0] = c0 + centre * (c1 + c2 * centre)
        out[1] = (c1 + 2.0 * c2 * centre) * radius
        out[2] = c2 * np.square(radius)
        # Hinges far from their knots are large, and cancel each other: what float64 loses there.
        far = float(np.abs(centre).max(initial=0.0) + radius.max(initial=0.0))
        size = sum(abs(hinge.weight) * (far + abs(hinge.knot)) ** hinge.power for hinge in self.hinges)
        error = np.full(out.shape[1:], _LOST * (size + abs(c0) + abs(c1) * far + abs(c2) * far * far))
        radius = np.broadcast_to(radius, error.shape)
        for hinge in self.hinges:
            t = centre - hinge.knot
            on, crossed = t >= radius, np.abs(t) < radius
            held = np.where(on, hinge.weight * t, 0.0)
            slope = np.where(on, hinge.weight * radius, 0.0)
            if hinge.power == 1:
                out[0] += held
                out[1] += slope
            else:
                out[0] += held * t
                out[1] += 2.0 * held * radius
                out[2] += slope * radius
            inside: tuple[Any, ...] = np.nonzero(crossed)
            scale = radius[inside]
            u = -t[inside] / scale
            coefficients, errors, between = hinge_table(hinge.power, degree)
            place = np.rint((u + 1.0) * (_PLACES / 2)).astype(np.intp)
            scale = hinge.weight * scale**hinge.power
            out[:, *inside] += coefficients[:, place] * scale
            error[inside] += np.abs(scale) * (errors[place] + between * np.abs(u - (place * (2.0 / _PLACES) - 1.0)))
        return list(out), error


@cache
def hinge_table(power: int, degree: int) -> tuple[Floats, Floats, float]:
    """Polynomials near `(tau - u)+^power` for knots u from -1 to 1.

    Returns:
        Coefficients of tau^0 to tau^degree, `[degree + 1, places]`; the largest error of each; how much the function
        changes at most when u moves by 1.
    """
    u = np.linspace(-1.0, 1.0, _PLACES + 1)
    angles = (np.arange(_NODES) + 0.5) * np.pi / _NODES
    x = np.cos(angles)
    tau = np.linspace(-1.0, 1.0, _SAMPLES)
    to_powers = np.array([np.pad(chebyshev.cheb2poly(row), (0, degree - k)) for k, row in _units(degree)])
    cosines = np.stack([np.cos(k * angles) for k in range(degree + 1)])
    powers = np.stack([tau**k for k in range(degree + 1)])
    coefficients = np.empty((degree + 1, len(u)))
    errors = np.empty(len(u))
    for start in range(0, len(u), 256):
        part = u[start : start + 256, None]
        series = np.maximum(x - part, 0.0) ** power @ cosines.T * (2.0 / _NODES)
        series[:, 0] /= 2.0
        polynomials = series @ to_powers
        coefficients[:, start : start + 256] = polynomials.T
        apart = np.abs(polynomials @ powers - np.maximum(tau - part, 0.0) ** power)
        # Between two points, |error| rises by at most half a step times the largest slope, of function and polynomial.
        steepest = power * 2.0 ** (power - 1) + (np.abs(polynomials) @ np.arange(degree + 1.0))
        if power == 2:  # smooth enough for the sharper rule: an eighth of the squared step times the curvature
            bend = 2.0 + np.abs(polynomials) @ (np.arange(degree + 1.0) * np.maximum(np.arange(degree + 1.0) - 1.0, 0))
            slack = bend * (2.0 / (_SAMPLES - 1)) ** 2 / 8.0
        else:
            slack = steepest / (_SAMPLES - 1)
        errors[start : start + 256] = apart.max(axis=1) + slack
    return coefficients, errors, power * 2.0 ** (power - 1)


def _units(degree: int) -> list[tuple[int, list[float]]]:
    return [(k, [0.0] * k + [1.0]) for k in range(degree + 1)]


@dataclass(frozen=True)
class Smooth:
    """A function with known bounds of its derivatives."""

    function: Callable[[Floats], Floats]
    slope: Callable[[Floats], Floats]
    steepest: tuple[float, float]
    """The smallest and the largest derivative anywhere."""
    derivatives: dict[int, float]
    """The largest |second|, |third|, |fourth| and |fifth| derivative anywhere, or more."""
    apart: float = 0.0
    """How far the graph's function may be from this one."""

    def value(self, t: Floats) -> Floats:
        """The function."""
        return self.function(t)

    def slopes(self, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """The derivative at the middle, less and plus the most that it can change."""
        middle, reach = self.slope((low + high) / 2.0), self.derivatives[2] * (high - low) / 2.0
        least, most = self.steepest
        return np.maximum(middle - reach, least), np.minimum(middle + reach, most)

    def approximate(self, centre: Floats, radius: Floats, degree: int) -> tuple[list[Floats], Floats]:
        """Interpolate at the Chebyshev nodes: the error is `|derivative| radius^(n + 1) / (2^n (n + 1)!)`."""
        count = degree + 1
        nodes = np.cos((np.arange(count) + 0.5) * np.pi / count)
        inverse = np.linalg.inv(np.vander(nodes, increasing=True))
        values = np.stack([self.function(centre + radius * node) for node in nodes])
        out = list(np.tensordot(inverse, values, axes=1))
        factorial = float(np.prod(np.arange(1.0, count + 1)))
        error = self.derivatives[count] * np.broadcast_to(radius, out[0].shape) ** count / (2.0**degree * factorial)
        size = np.abs(values).max(initial=0.0)
        return out, error + self.apart + _LOST * size
