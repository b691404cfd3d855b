"""The teacher on a box in ball arithmetic, for `second_opinion`: its Taylor polynomial, summed up term by term.

On a slice of a domain it is the whole teacher, with its own Gaussians, at rows with chroma put in: how far a whole row
moves with each feature of the slice is a matrix, and the score transform is applied to all products of terms.
"""

from itertools import combinations_with_replacement
from math import prod
from typing import Any, Final

import numpy as np
from flint import arb, arb_mat

from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.vmaf.teacher import Teacher
from tinyvmaf.vmaf.teacher.svr import ScoreTransform

Ball = Any
"""`flint.arb`, which has no types."""
Expansion = dict[tuple[int, ...], Ball]
"""A coefficient for each monomial, given by its variables in rising order."""
_DEGREE: Final = 4


class TeacherInBalls:
    """A teacher as a function of a slice's normalised features."""

    def __init__(self, part: Gaussians, whole: Teacher | None, reach: Floats) -> None:
        """Take a teacher.

        Args:
            part: what the features are, and the teacher itself if there is no `whole`.
            whole: the teacher that `part` is a slice of.
            reach: how far a row may be from the one that the model takes in its place, `[F]`.
        """
        self._reach, self._transform = reach, None if whole is None else whole.svr.transform
        self._gamma = arb(float(part.gamma))
        self.monomials = [
            chosen
            for degree in range(_DEGREE + 1)
            for chosen in combinations_with_replacement(range(part.width), degree)
        ]
        if whole is None:
            self._weights, self._constant, self._points = part.weights, arb(float(part.constant)), part.centres
            self._matrix: list[list[Ball]] = np.eye(part.width).tolist()
            self._start: list[Ball] = [arb(0)] * part.width
            return
        svr = whole.svr
        scale, shift = arb(float(svr.slopes[0])), arb(float(svr.intercepts[0]))
        self._weights, self._points = svr.coefficients / svr.slopes[0], svr.support_vectors
        self._constant = (-arb(float(svr.rho)) - shift) / scale
        silent = svr.chroma if part.width < len(whole.features) else None
        left = [column for column in range(len(whole.features)) if silent is None or column != silent.chroma]
        # Each whole feature is `offset + factor x` of one feature of the slice.
        rows = {column: (place, arb(1), arb(0)) for place, column in enumerate(left)}
        if silent is not None:
            factor = arb(float(silent.factor))
            rows[silent.chroma] = left.index(silent.luma), -factor, factor
        self._matrix, self._start = [], []
        for column in range(len(whole.features)):
            place, factor, offset = rows[column]
            slope, own = arb(float(svr.slopes[1 + column])), arb(float(part.slopes[place]))
            by_slice = [arb(0)] * part.width
            by_slice[place] = slope * factor / own
            self._matrix.append(by_slice)
            moved = offset - factor * arb(float(part.intercepts[place])) / own
            self._start.append(slope * moved + arb(float(svr.intercepts[1 + column])))

    def on(self, centre: list[Ball], radius: list[Ball]) -> tuple[Expansion, Ball]:
        """Taylor coefficients about the centre, of `h` itself, and all that is left out."""
        gamma, width = self._gamma, len(centre)
        middle = [
            start + sum(b * c for b, c in zip(row, centre, strict=True))
            for row, start in zip(self._matrix, self._start, strict=True)
        ]
        columns = list(zip(*self._matrix, strict=True))
        squares = [sum((b * b for b in column), start=arb(0)) for column in columns]
        weights, rows = [], []
        for weight, point in zip(self._weights, self._points, strict=True):
            apart = [m - arb(float(s)) for m, s in zip(middle, point, strict=True)]
            weights.append(arb(float(weight)) * (-gamma * sum(w * w for w in apart)).exp())
            way = [sum(b * w for b, w in zip(column, apart, strict=True)) for column in columns]
            row: Expansion = {(): arb(1)}
            for monomial in self.monomials[1:]:
                row[monomial] = row[monomial[:-1]] * way[monomial[-1]]
            rows.append(list(row.values()))
        moments = (arb_mat([weights]) * arb_mat(rows)).entries()
        # exp(-2 g d h) has the coefficients (-2 g)^n M / (product of factorials); then exp(-g |h|^2) to degree four.
        series = {
            monomial: moment * (-2 * gamma) ** len(monomial) / _factorials(monomial)
            for monomial, moment in zip(self.monomials, moments, strict=True)
        }
        out = dict(series)
        for monomial, value in series.items():
            for i in range(width):
                if len(monomial) <= 2:
                    _add(out, (*monomial, i, i), -gamma * squares[i] * value)
                if len(monomial) == 0:
                    for j in range(width):
                        _add(out, (i, i, j, j), gamma * gamma / 2 * squares[i] * squares[j] * value)
        out[()] += self._constant
        size = sum(abs(arb(float(a))) for a in self._weights)
        length = sum(q * r * r for q, r in zip(squares, radius, strict=True)).sqrt()
        fifth = size * (2 * gamma).sqrt() ** 5 * arb("5.79")
        rest = fifth * length**5 / 120
        steep = [fifth * length**4 / 24 * q.sqrt() for q in squares]
        for monomial, value in out.items():
            for k in set(monomial):
                others = list(monomial)
                others.remove(k)
                steep[k] = steep[k] + abs(value) * monomial.count(k) * prod((radius[o] for o in others), start=arb(1))
        moves = sum(s * arb(float(reach)) for s, reach in zip(steep, self._reach, strict=True))
        more = rest + moves
        return (out, more) if self._transform is None else _behind(self._transform, out, more, radius)


def _behind(transform: ScoreTransform, y: Expansion, more: Ball, radius: list[Ball]) -> tuple[Expansion, Ball]:
    """The transform of a score of which `more` is left out."""
    p0, p1, p2 = (arb(float(one)) for one in (transform.p0, transform.p1, transform.p2))
    out = {monomial: p1 * value for monomial, value in y.items()}
    out[()] += p0
    largest = sum(abs(value) * prod((radius[k] for k in one), start=arb(1)) for one, value in y.items())
    left_out = (abs(p1) + abs(p2) * (2 * largest + more)) * more
    if transform.p2:
        for one, left in y.items():
            for other, right in y.items():
                if len(one) + len(other) <= _DEGREE:
                    _add(out, (*one, *other), p2 * left * right)
                else:
                    left_out += abs(p2 * left * right) * prod(radius[k] for k in (*one, *other))
    return out, left_out


def _factorials(monomial: tuple[int, ...]) -> int:
    return prod(prod(range(1, monomial.count(k) + 1)) for k in set(monomial))


def _add(out: Expansion, monomial: tuple[int, ...], value: Ball) -> None:
    key = tuple(sorted(monomial))
    out[key] = out[key] + value
