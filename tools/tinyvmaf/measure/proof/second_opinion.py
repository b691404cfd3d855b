"""Checks boxes of a proof again, in another way and in other arithmetic.

Ball arithmetic (Arb, through python-flint) encloses every rounding by itself. The teacher's Taylor polynomial is summed
up term by term about the box's own centre (`second_teacher`). The model is expanded to second order, with its second
derivatives as intervals over the box, instead of by polynomials that fit its activations. That is slower and looser, so
the claim of a large box is checked on a random part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import prod
from typing import Final

import numpy as np
from flint import arb, arb_mat, ctx

from tinyvmaf.measure.proof.boxes import ProvableNetwork, first_boxes, meets
from tinyvmaf.measure.proof.branching import Branching
from tinyvmaf.measure.proof.curves import Piecewise
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.layers import Activation, NetworkLayer
from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.second_teacher import Ball, TeacherInBalls
from tinyvmaf.measure.proof.silence import SomeFloors
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

_BITS: Final = 96


@dataclass
class _Range:
    """`centre + gradient h + h H h / 2` for h in the box, and a distance from it."""

    centre: Ball
    gradient: list[Ball]
    hessian: list[Ball]
    """Of each pair of variables, first <= second: intervals over the box."""
    noise: Ball


class SecondOpinion:
    """A claim of a proof: |model - teacher| <= bound on a box."""

    def __init__(self, model: ProvableNetwork, teacher: Gaussians, whole: Teacher | None = None) -> None:
        """Take a model with piecewise quadratic activations.

        Args:
            teacher: of all rows, or of a slice of the domain.
            whole: the teacher that it is a slice of.

        Raises:
            NoProofError: another one.
        """
        network = model.network
        curves = [layer.activation.curve for layer in network.layers]
        if network.unit or not all(isinstance(curve, Piecewise) for curve in curves):
            raise NoProofError("a second opinion exists for exact models with piecewise quadratic activations")
        self._network, self._teacher = network, teacher
        self._clip, self._teacher_clip = model.clip, teacher.clip
        self._reach = model.reach(teacher)
        width = teacher.width
        self._pairs = list(combinations_with_replacement(range(width), 2))
        ctx.prec = _BITS
        self._in_balls = TeacherInBalls(teacher, whole, self._reach)

    def holds(self, centre: Floats, radius: Floats, bound: float, rng: np.random.Generator, cuts: int = 40) -> bool:
        """Whether the claim is found true on the box, or on a part of it.

        A box that is too large for these looser bounds is halved, and one half, chosen at random, is looked at instead.
        """
        z, r = centre.copy(), radius.copy()
        for _ in range(cuts):
            largest, cut = self.largest(z, r)
            if bool(largest <= bound):
                return True
            r[cut] /= 2.0
            z[cut] += rng.choice([-1.0, 1.0]) * r[cut]
        return False

    def largest(self, z: Floats, radius: Floats) -> tuple[Ball, int]:
        """The largest |model - teacher| on a box, at most, and along which feature to cut it."""
        wide = [arb(float(r)) + arb(float(reach)) for r, reach in zip(radius, self._reach, strict=True)]
        centre = [arb(float(value)) for value in z]
        teacher, moves = self._in_balls.on(centre, wide)
        model = self._model_on(centre, wide)
        gradient = [m - teacher[(k,)] for k, m in enumerate(model.gradient)]
        hessian = [
            m - teacher[pair] * (2 if pair[0] == pair[1] else 1)
            for pair, m in zip(self._pairs, model.hessian, strict=True)
        ]
        apart = _Range(model.centre - teacher[()], gradient, hessian, model.noise)
        low, high = self._ends(apart, wide)
        higher = sum(abs(teacher[a]) * prod(wide[k] for k in a) for a in self._in_balls.monomials if len(a) > 2)
        low, high = low - higher - moves, high + higher + moves
        t = _Range(teacher[()], [teacher[(k,)] for k in range(len(wide))], [], moves + higher)
        t.hessian = [teacher[pair] * (2 if pair[0] == pair[1] else 1) for pair in self._pairs]
        t_low, t_high = self._ends(t, wide)
        m_low, m_high = self._ends(model, wide)
        m_low, m_high = m_low.max(t_low + low), m_high.min(t_high + high)
        above = _clip(m_high, self._clip) - _clip(t_low, self._teacher_clip)
        below = _clip(t_high, self._teacher_clip) - _clip(m_low, self._clip)
        if self._clip == self._teacher_clip:
            zero = arb(0)
            above, below = above.min(high.max(zero)), below.min((-low).max(zero))
        shares = [float(abs(g) * r) for g, r in zip(gradient, wide, strict=True)]
        for (i, j), h in zip(self._pairs, hessian, strict=True):
            size = float(h.abs_upper() * wide[i] * wide[j])
            shares[i] += size
            shares[j] += size
        rounded = max(map(abs, self._clip)) * 2.0**-24
        return above.max(below) + rounded, int(np.argmax(shares))

    def _ends(self, one: _Range, radius: Sequence[Ball]) -> tuple[Ball, Ball]:
        """The smallest and the largest value of an expansion on the box."""
        slope = sum(abs(g) * r for g, r in zip(one.gradient, radius, strict=True))
        low, high = one.centre - slope - one.noise, one.centre + slope + one.noise
        for (i, j), h in zip(self._pairs, one.hessian, strict=True):
            area = radius[i] * radius[j]
            if i == j:
                least, most = arb(h.lower()).min(arb(0)) / 2, arb(h.upper()).max(arb(0)) / 2
            else:
                most = arb(h.abs_upper())
                least = -most
            low, high = low + least * area, high + most * area
        return arb(low.lower()), arb(high.upper())

    def _model_on(self, centre: list[Ball], radius: list[Ball]) -> _Range:
        """The model's expansion; errors of its floors are multiplied by derivatives from the score backwards."""
        t, network = self._teacher, self._network
        features = [(c - arb(float(b))) / arb(float(a)) for c, a, b in zip(centre, t.slopes, t.intercepts, strict=True)]
        zero = [arb(0)] * len(self._pairs)
        inputs = [
            _Range(f, [1 / arb(float(a)) if k == n else arb(0) for k in range(t.width)], zero, arb(0))
            for n, (f, a) in enumerate(zip(features, t.slopes, strict=True))
        ]
        way: list[tuple[list[Ball], list[Ball]]] = []
        for layer in network.layers:
            sums = [self._sum(weights, bias, inputs) for weights, bias in zip(layer.weights, layer.bias, strict=True)]
            found = [self._unit(layer, one, radius, unit) for unit, one in enumerate(sums)]
            inputs = [one for one, _, _ in found]
            way.append(([slope for _, slope, _ in found], [noise for _, _, noise in found]))
        out = self._sum(network.weights, network.bias, inputs)
        back = [arb(float(w)) for w in network.weights]
        out.noise = arb(0)
        for number in reversed(range(len(way))):
            slopes, noises = way[number]
            out.noise += sum(arb(b.abs_upper()) * noise for b, noise in zip(back, noises, strict=True))
            if number:
                at = [b * slope for b, slope in zip(back, slopes, strict=True)]
                matrix = arb_mat([at]) * arb_mat(
                    [[arb(float(w)) for w in row] for row in network.layers[number].weights]
                )
                back = matrix.entries()
        return out

    def _sum(self, weights: Floats, bias: float, inputs: list[_Range]) -> _Range:
        used = [(arb(float(w)), one) for w, one in zip(weights, inputs, strict=True) if w]
        return _Range(
            arb(float(bias)) + sum(w * one.centre for w, one in used),
            [sum((w * one.gradient[k] for w, one in used), start=arb(0)) for k in range(self._teacher.width)],
            [sum((w * one.hessian[k] for w, one in used), start=arb(0)) for k in range(len(self._pairs))],
            sum((abs(w) * one.noise for w, one in used), start=arb(0)),
        )

    def _unit(self, layer: NetworkLayer, t: _Range, radius: list[Ball], unit: int) -> tuple[_Range, Ball, Ball]:
        """The activation of a sum: its expansion, its slopes over the box, and the noise that arises here."""
        activation = layer.activation
        curve = activation.curve
        assert isinstance(curve, Piecewise)
        low, high = self._ends(t, radius)
        value, slope, bend, kinks = _curve_at(curve, t.centre, low, high)
        fixed, floors = _floors(activation, low, high, unit)
        if fixed is not None:
            zero = [arb(0)] * len(self._pairs)
            still = _Range(fixed, [arb(0)] * len(t.gradient), zero, floors)
            return still, arb(0), floors
        along = [
            g + sum(self._of(t.hessian, k, other) * _around_zero(r) for other, r in enumerate(radius))
            for k, g in enumerate(t.gradient)
        ]
        over_box = _slopes(curve, low - 1, high + 1)
        hessian = [bend * along[i] * along[j] + over_box * h for (i, j), h in zip(self._pairs, t.hessian, strict=True)]
        noise = floors + kinks
        spread = noise + arb(over_box.abs_upper()) * t.noise
        return _Range(value, [slope * g for g in t.gradient], hessian, spread), over_box, noise

    def _of(self, hessian: list[Ball], i: int, j: int) -> Ball:
        return hessian[self._pairs.index((min(i, j), max(i, j)))]


def random_proven_boxes(
    claim: Branching, domain: Domain, teacher: Gaussians, bound: float, count: int, seed: int
) -> list[tuple[Floats, Floats]]:
    """Boxes that the proof of a claim ends with, met on random ways down from random first boxes.

    Args:
        claim: that |model - teacher| <= bound.
        count: of ways; one that leaves the domain, or is not proven after 60 cuts, gives no box.

    Returns:
        Centre and half widths of each.
    """
    rng = np.random.default_rng(seed)
    cells, _ = first_boxes(domain, teacher)
    found = []
    for cell in cells[rng.integers(len(cells), size=count)]:
        z, splits = cell[None], (0,) * len(cell)
        for _ in range(60):
            if not meets(domain, teacher, z, claim.radius(splits)).all():
                break
            bounds = claim.of_size(splits).bounds(z)
            if max(bounds.above[0], bounds.below[0]) <= bound:
                found.append((z[0], claim.radius(splits)))
                break
            cut = int(bounds.cut[0])
            splits = tuple(times + (place == cut) for place, times in enumerate(splits))
            z = z.copy()
            z[0, cut] += rng.choice([-1.0, 1.0]) * claim.radius(splits)[cut]
    return found


def _curve_at(curve: Piecewise, t: Ball, low: Ball, high: Ball) -> tuple[Ball, Ball, Ball, Ball]:
    """Value and slope at a point, second derivative over an interval, and what corners add."""
    c0, c1, c2 = (arb(value) for value in curve.base)
    value, slope, bend, kinks = c0 + t * (c1 + c2 * t), c1 + 2 * c2 * t, 2 * c2, arb(0)
    for hinge in curve.hinges:
        weight, knot = arb(hinge.weight), arb(hinge.knot)
        on, off = bool(low >= knot), bool(high <= knot)
        if off:
            continue
        over = t - knot
        if hinge.power == 2:
            positive = over.max(arb(0))
            value, slope = value + weight * positive * positive, slope + 2 * weight * positive
            bend = bend + 2 * weight * (arb(1) if on else arb(0.5, 0.5))
        elif on:
            value, slope = value + weight * over, slope + weight
        else:  # between the chord over the interval and the corner below it: half of what lies between
            share = (high - knot) / (high - low)
            half = share * (knot - low) / 2
            value, slope = value + weight * (share * (t - low) - half), slope + weight * share
            kinks = kinks + abs(weight) * half
    return value, slope, bend, kinks


def _slopes(curve: Piecewise, low: Ball, high: Ball) -> Ball:
    """All derivatives on an interval."""
    least, most = curve.slopes(np.array(float(low.lower())), np.array(float(high.upper())))
    slack = 1e-9 * (1.0 + max(abs(float(least)), abs(float(most))))
    return arb(float(least) - slack).union(arb(float(most) + slack))


def _floors(activation: Activation, low: Ball, high: Ball, unit: int) -> tuple[Ball | None, Ball]:
    """The value, if the activation is constant before its first floor; and the noise of floors."""
    if isinstance(activation, SomeFloors):
        return None, arb(0.5 if activation.floors[unit] else 0.0)
    if not activation.stages:
        return None, arb(0)
    ends = np.array([np.nextafter(float(low.lower()), -np.inf)]), np.array([np.nextafter(float(high.upper()), np.inf)])
    noise, fixed = activation.rounding(*ends)
    if fixed[0]:
        value, unsure = activation.at_fixed(ends[0])
        return arb(float(value[0])), arb(float(unsure[0]))
    return None, arb(float(noise[0]) * (1.0 + 1e-9))


def _around_zero(radius: Ball) -> Ball:
    return (-radius).union(radius)


def _clip(value: Ball, clip: tuple[float, float]) -> Ball:
    low, high = clip
    value = value.max(arb(low)) if np.isfinite(low) else value
    return value.min(arb(high)) if np.isfinite(high) else value
