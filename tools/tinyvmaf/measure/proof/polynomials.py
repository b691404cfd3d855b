"""Polynomials in several variables on the box [-1, 1]^F: arrays of coefficients `[K, N]`, one polynomial a column."""

from functools import cache
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DEGREE: Final = 4


class Basis:
    """The monomials of `width` variables up to a degree, by rising degree, so that a lower degree is a prefix."""

    def __init__(self, width: int, degree: int = DEGREE) -> None:
        """List them.

        Args:
            width: number of variables.
            degree: the largest sum of exponents.
        """
        self.width = width
        self.degree = degree
        found = []
        for total in range(degree + 1):
            for chosen in combinations_with_replacement(range(width), total):
                found.append(tuple(chosen.count(variable) for variable in range(width)))
        self._place = {exponents: place for place, exponents in enumerate(found)}
        self.exponents = np.array(found)
        """int `[K, F]`."""
        self.degrees = self.exponents.sum(axis=1)
        self.factorials = np.array([prod(map(factorial, one)) for one in found], dtype=np.float64)
        """The product of the factorials of each monomial's exponents, `[K]`."""
        self.orderings = np.array([float(factorial(sum(one))) for one in found]) / self.factorials
        """The multinomial coefficient: how often a monomial occurs in a power of a sum, `[K]`."""
        self._even = (self.exponents % 2 == 0).all(axis=1)
        self._even[0] = False
        self.times_variable = [
            [
                (place, power, self._place[_lower(one, variable, power)])
                for place, one in sorted(enumerate(found), key=lambda item: -item[1][variable])
                for power in range(1, one[variable] + 1)
            ]
            for variable in range(width)
        ]
        """For each variable: (monomial, power, monomial without that power), in an order that allows work in place."""

    def count(self, degree: int) -> int:
        """How many monomials have at most this degree."""
        return int((self.degrees <= degree).sum())

    def place(self, *factors: int) -> int:
        """The place of the product of two or more monomials, given by their places."""
        return self._place[tuple(self.exponents[list(factors)].sum(axis=0).tolist())]

    def powers(self, points: Floats) -> Floats:
        """Each monomial at points `[N, F]`: `[K, N]`."""
        out = np.ones((len(self.exponents), len(points)))
        for variable in range(self.width):
            rising = np.cumprod(np.vstack([np.ones(len(points)), *[points[:, variable]] * self.degree]), axis=0)
            out *= rising[self.exponents[:, variable]]
        return out

    def times_series(self, polynomial: Floats, variable: int, series: list[Floats]) -> None:
        """Multiply by a power series in one variable, in place, and drop what exceeds the degree.

        Args:
            polynomial: `[K, N]`.
            series: its coefficients from the first power on, `[N]` each; the constant is 1.
        """
        for place, power, rest in self.times_variable[variable]:
            polynomial[place] += series[power - 1] * polynomial[rest]

    def spread(self, polynomial: Floats) -> tuple[Floats, Floats]:
        """How far a polynomial may fall below and rise above its constant on the box: two `[N]`, both at least 0.

        An odd monomial lies in [-1, 1], one with even exponents in [0, 1].
        """
        size = np.abs(polynomial[1:])
        even = polynomial[self._even]
        all_of_it = size.sum(axis=0)
        return all_of_it - np.maximum(even, 0.0).sum(axis=0), all_of_it - np.maximum(-even, 0.0).sum(axis=0)

    def steepness(self, polynomial: Floats) -> Floats:
        """The largest |derivative| by each variable on the box, at most: `[F, N]`."""
        bound: Floats = self.exponents.T.astype(np.float64) @ np.abs(polynomial)
        return bound


def _lower(exponents: tuple[int, ...], variable: int, power: int) -> tuple[int, ...]:
    return (*exponents[:variable], exponents[variable] - power, *exponents[variable + 1 :])


@cache
def basis(width: int) -> Basis:
    """The basis of degree four for so many variables."""
    return Basis(width)
