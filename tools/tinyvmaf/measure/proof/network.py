"""A model on boxes of one size: a polynomial of its score before the clip, and the largest distance from it.

The first layer's sums are linear in the features, so powers of them have known coefficients, and the layer's polynomial
of degree four is a matrix product. Later layers keep degree three: their activations are composed term by term.

Errors arise at known places: a floor, an activation that was replaced by a polynomial, terms of a high degree that were
dropped, rounding of floats. By the mean value theorem, together they change the score by at most the sum of each error
times the largest derivative of the score by the place where it arises. Derivatives are intervals, multiplied from the
score backwards; so errors that cancel in the weights cancel here.
"""

from typing import Final, NamedTuple

import numpy as np

from tinyvmaf.measure.proof.layers import Layer, Network
from tinyvmaf.measure.proof.polynomials import Basis, Floats, basis, sums_by_degree

_KEPT: Final = 3  # degree of the polynomials between layers
_TINY: Final = 1e-300
# Relative rounding of this computation in float64, per operation; a layer has fewer than 4,000 on the way to a number.
_ROUNDING: Final = 4000 * 2.0**-53


class Enclosures(NamedTuple):
    """Of N boxes."""

    polynomials: Floats
    """`[K, N]`, of the score before its clip."""
    errors: Floats
    """`[N]`."""
    blame: Floats
    """How much of the errors would be saved by smaller boxes, by feature: `[F, N]`."""


class _Passed(NamedTuple):
    """What a layer leaves for the way back, `[H, N]` each."""

    errors: Floats
    least: Floats
    most: Floats
    replaced: Floats
    """The part of the errors that comes from the box's size."""
    directions: Floats
    """`[F, H, N]` or `[F, H, 1]`: the share of each feature in the movement of the sum."""
    size: Floats
    """The largest |output|, or more."""


class NetworkOnBoxes:
    """What boxes of one size share: half widths `radius`, `[F]`, in normalised features z = slopes x + intercepts."""

    def __init__(self, network: Network, slopes: Floats, intercepts: Floats, radius: Floats, largest: Floats) -> None:
        """Move the first layer to normalised features.

        Args:
            largest: the largest value of each feature, `[F]`.
        """
        self._network = network
        self._basis: Basis = basis(len(radius))
        first = network.layers[0]
        self._weights = first.weights / slopes
        self._bias = first.bias - first.weights @ (intercepts / slopes)
        self._terms = (np.abs(first.weights) @ largest + np.abs(self._weights) @ np.abs(intercepts))[:, None]
        reach = np.abs(self._weights) @ radius
        self._reach = np.maximum(reach, _TINY)[:, None]
        directions = self._weights * radius / self._reach
        powers = self._basis.powers(directions) * self._basis.orderings[:, None]
        degrees = range(self._basis.degree + 1)
        self._powers = [powers[self._basis.degrees == degree] for degree in degrees]
        self._directions = np.abs(directions).T[:, :, None]
        self._mixing: list[Floats] = []
        if len(network.layers) > 1:  # the powers of all sums, times the next layer's weights
            next_weights = network.layers[1].weights
            self._mixing = [
                (next_weights[:, None, :] * part[None]).reshape(-1, part.shape[1]) for part in self._powers[: _KEPT + 1]
            ]

    def enclose(self, z: Floats) -> Enclosures:
        """The model on boxes about centres `[N, F]`."""
        layers = self._network.layers
        sums = self._weights @ z.T + self._bias[:, None]
        reach = np.broadcast_to(self._reach, sums.shape)
        coefficients, passed = self._activate(layers[0], sums, reach, self._terms, self._basis.degree)
        passed = passed._replace(directions=self._directions)
        scores = self._network.weights
        if len(layers) == 1:
            weighted = [part @ (c * scores[:, None]) for part, c in zip(self._powers, coefficients, strict=True)]
            return self._finish(np.concatenate(weighted), [passed])
        high = np.abs(coefficients[4])
        passed = passed._replace(errors=passed.errors + high, replaced=passed.replaced + high)
        count = len(z)
        width = len(layers[1].bias)
        mixed = [(mix @ c).reshape(width, -1, count) for mix, c in zip(self._mixing, coefficients, strict=False)]
        polynomials = np.concatenate(mixed, axis=1)
        way = [passed]
        spread = passed.errors
        for number, layer in enumerate(layers[1:], 1):
            polynomials[:, 0] += layer.bias[:, None]
            around, terms = np.abs(layer.weights) @ spread, np.abs(layer.weights) @ passed.size
            weights = scores[None] if number + 1 == len(layers) else layers[number + 1].weights
            polynomials, passed = self._compose(layer, polynomials, around, terms, weights)
            spread = passed.errors + np.maximum(np.abs(passed.least), np.abs(passed.most)) * around
            way.append(passed)
        out = np.zeros((len(self._basis.exponents), count))
        out[: polynomials.shape[1]] = polynomials[0]
        return self._finish(out, way)

    def _activate(
        self, layer: Layer, centre: Floats, radius: Floats, terms: Floats, degree: int
    ) -> tuple[list[Floats], _Passed]:
        """A layer's activation on its sums: coefficients in tau, and errors.

        Args:
            centre, radius: of the sums, `[H, N]`.
            terms: the sum of the sizes of each sum's terms, `[H, N]`, to which the rounding of floats is relative.
            degree: of the polynomials.
        """
        activation = layer.activation
        count = layer.weights.shape[1] + 2
        rounding = (2.0 * count * self._network.unit + _ROUNDING) * (terms + np.abs(layer.bias)[:, None])
        low, high = centre - radius - rounding, centre + radius + rounding
        coefficients, replaced = activation.curve.approximate(centre, radius, degree)
        floors, fixed = activation.rounding(low, high)
        moved = 1.0 if activation.stages else 0.0  # by a floor
        least, most = activation.curve.slopes(low - moved, high + moved)
        errors = replaced + floors
        if fixed.any():
            exact = activation.exact(centre)
            coefficients = [np.where(fixed, 0.0 if k else exact, c) for k, c in enumerate(coefficients)]
            errors, replaced = np.where(fixed, 0.0, errors), np.where(fixed, 0.0, replaced)
            least, most = np.where(fixed, 0.0, least), np.where(fixed, 0.0, most)
        steep = np.maximum(np.abs(least), np.abs(most))
        size = np.abs(np.stack(coefficients)).sum(axis=0) + errors
        errors = errors + steep * rounding + (8.0 * self._network.unit + _ROUNDING) * size
        return coefficients, _Passed(errors, least, most, replaced, centre, size)

    def _compose(
        self, layer: Layer, polynomials: Floats, around: Floats, terms: Floats, weights: Floats
    ) -> tuple[Floats, _Passed]:
        """The next layer's sums without its bias: `weights` times the activation of sums that are polynomials.

        Args:
            polynomials: of the sums, `[H, K', N]`, of degree three.
            around: how far the sums may be from them, `[H, N]`.
            terms: see `_activate`.
            weights: `[O, H]`.

        Returns:
            `[O, K', N]`, and errors of this layer's outputs.
        """
        b = self._basis
        sizes = sums_by_degree(b, polynomials.swapaxes(0, 1), _KEPT)
        centre = polynomials[:, 0]
        radius = sizes[1:].sum(axis=0) + around + _TINY
        c, passed = self._activate(layer, centre, radius, terms, _KEPT)
        one, two, three = sizes[1:] / radius
        square = 2.0 * one * three + two * two + 2.0 * two * three + three * three
        cube = one * one * (two + three) + 2.0 * one * two * (one + two + three) + square * (one + two + three)
        dropped = np.abs(c[2]) * square + np.abs(c[3]) * cube
        errors, replaced = passed.errors + dropped, passed.replaced + dropped
        share = np.abs(polynomials[:, 1 : 1 + b.width]) / np.maximum(sizes[1], _TINY)[:, None]
        passed = passed._replace(errors=errors, replaced=replaced, directions=share.swapaxes(0, 1))

        out = np.empty((len(weights), b.count(_KEPT), centre.shape[1]))
        for row, weight in enumerate(weights):
            out[row] = self._weighted(polynomials, [weight[:, None] * k / radius**n for n, k in enumerate(c)])
        return out, passed

    def _weighted(self, x: Floats, c: list[Floats]) -> Floats:
        """`sum_h c0 + c1 x + c2 x^2 + c3 x^3` up to degree three, x without its constant: `[K', N]`."""
        b = self._basis
        out: Floats = np.einsum("hn,hkn->kn", c[1], x)
        out[0] = c[0].sum(axis=0)
        linear, first = range(1, 1 + b.width), 1 + b.width
        second = range(first, b.count(2))
        for i in linear:
            squared = c[2] * x[:, i]
            cubed = c[3] * x[:, i]
            for j in range(i, 1 + b.width):
                times = 1.0 if i == j else 2.0
                out[b.place(i, j)] += times * np.einsum("hn,hn->n", squared, x[:, j])
                product = times * cubed * x[:, j]
                for k in linear:
                    out[b.place(i, j, k)] += np.einsum("hn,hn->n", product, x[:, k])
            for q in second:
                out[b.place(i, q)] += 2.0 * np.einsum("hn,hn->n", squared, x[:, q])
        return out

    def _finish(self, out: Floats, way: list[_Passed]) -> Enclosures:
        """Add up errors, from the score back to the first layer."""
        network = self._network
        out[0] += network.bias
        middle = np.broadcast_to(network.weights[:, None], way[-1].errors.shape)
        half = np.zeros_like(middle)
        errors = np.zeros(out.shape[1])
        blame = np.zeros((self._basis.width, out.shape[1]))
        for number in reversed(range(len(way))):
            passed = way[number]
            largest = np.abs(middle) + half
            errors += (largest * passed.errors).sum(axis=0)
            blame += (passed.directions * (largest * passed.replaced)).sum(axis=1)
            if number:
                low, high = _product(middle - half, middle + half, passed.least, passed.most)
                weights = network.layers[number].weights.T
                middle, half = weights @ ((low + high) / 2.0), np.abs(weights) @ ((high - low) / 2.0)
        unit = 2.0 * network.unit * (len(network.weights) + 2) + _ROUNDING
        terms = np.abs(network.weights) @ way[-1].size + abs(network.bias)
        return Enclosures(out, errors + unit * terms, blame)


def _product(low: Floats, high: Floats, least: Floats, most: Floats) -> tuple[Floats, Floats]:
    """Products of intervals."""
    all_four = [low * least, low * most, high * least, high * most]
    return np.minimum.reduce(all_four), np.maximum.reduce(all_four)
