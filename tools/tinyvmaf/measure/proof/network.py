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

from tinyvmaf.measure.proof.layers import Network, NetworkLayer
from tinyvmaf.measure.proof.polynomials import Basis, Floats, basis

_KEPT: Final = 3  # degree of the polynomials between layers
_TINY: Final = 1e-300
_LEAST: Final = 1e-12  # of a unit that hardly moves: its powers are divided by
_OUTPUT: Final = 2.0**-24  # the score is float32
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
        normalising = np.abs(self._weights) @ np.abs(intercepts)
        self._terms = (first.rounding.weights @ largest + first.rounding.bias + normalising)[:, None]
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
            kept_powers = self._powers[: _KEPT + 1]
            self._mixing = [
                (next_weights.T[:, :, None] * part.T[:, None]).reshape(len(part.T), -1) for part in kept_powers
            ]
            self._products = _Products(self._basis)

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
        shape = (len(z), len(layers[1].bias), -1)
        mixed = [(c.T @ mix).reshape(shape) for c, mix in zip(coefficients, self._mixing, strict=False)]
        kept = np.concatenate(mixed, axis=2)
        way = [passed]
        spread = passed.errors
        for number, layer in enumerate(layers[1:], 1):
            kept[:, :, 0] += layer.bias
            around = np.abs(layer.weights) @ spread
            terms = layer.rounding.weights @ passed.size + layer.rounding.bias[:, None]
            weights = scores[None] if number + 1 == len(layers) else layers[number + 1].weights
            kept, passed = self._compose(layer, kept, around, terms, weights)
            spread = passed.errors + np.maximum(np.abs(passed.least), np.abs(passed.most)) * around
            way.append(passed)
        out = np.zeros((len(self._basis.exponents), len(z)))
        out[: kept.shape[2]] = kept[:, 0].T
        return self._finish(out, way)

    def _activate(
        self, layer: NetworkLayer, centre: Floats, radius: Floats, terms: Floats, degree: int
    ) -> tuple[list[Floats], _Passed]:
        """A layer's activation on its sums: coefficients in tau, and errors.

        Args:
            centre, radius: of the sums, `[H, N]`.
            terms: the sum of the sizes of each sum's terms, `[H, N]`, to which the rounding of floats is relative.
            degree: of the polynomials.
        """
        activation = layer.activation
        rounding = (2.0 * layer.rounding.operations * self._network.unit + _ROUNDING) * terms
        low, high = centre - radius - rounding, centre + radius + rounding
        coefficients, replaced = activation.curve.approximate(centre, radius, degree)
        floors, fixed = activation.rounding(low, high)
        moved = 1.0 if activation.stages else 0.0  # by a floor
        least, most = activation.curve.slopes(low - moved, high + moved)
        errors = replaced + floors
        if fixed.any():
            exact, unsure = activation.at_fixed(centre)
            coefficients = [np.where(fixed, 0.0 if k else exact, c) for k, c in enumerate(coefficients)]
            errors, replaced = np.where(fixed, unsure, errors), np.where(fixed, 0.0, replaced)
            least, most = np.where(fixed, 0.0, least), np.where(fixed, 0.0, most)
        steep = np.maximum(np.abs(least), np.abs(most))
        size = np.abs(np.stack(coefficients)).sum(axis=0) + errors
        errors = errors + steep * rounding + (8.0 * self._network.unit + _ROUNDING) * size
        return coefficients, _Passed(errors, least, most, replaced, centre, size)

    def _compose(
        self, layer: NetworkLayer, polynomials: Floats, around: Floats, terms: Floats, weights: Floats
    ) -> tuple[Floats, _Passed]:
        """The next layer's sums without its bias: `weights` times the activation of sums that are polynomials.

        Args:
            polynomials: of the sums, `[N, H, K']`, of degree three.
            around: how far the sums may be from them, `[H, N]`.
            terms: see `_activate`.
            weights: `[O, H]`.

        Returns:
            `[N, O, K']`, and errors of this layer's outputs.
        """
        sizes = np.moveaxis(np.abs(polynomials) @ self._products.degrees, -1, 0).swapaxes(1, 2)
        centre = polynomials[:, :, 0].T
        radius = sizes[1:].sum(axis=0) + around + _LEAST * (1.0 + np.abs(centre))
        c, passed = self._activate(layer, centre, radius, terms, _KEPT)
        one, two, three = sizes[1:] / radius
        square = 2.0 * one * three + two * two + 2.0 * two * three + three * three
        cube = one * one * (two + three) + 2.0 * one * two * (one + two + three) + square * (one + two + three)
        dropped = np.abs(c[2]) * square + np.abs(c[3]) * cube
        errors, replaced = passed.errors + dropped, passed.replaced + dropped
        linear = np.abs(polynomials[:, :, 1 : 1 + self._basis.width])
        share = np.moveaxis(linear, -1, 0).swapaxes(1, 2) / np.maximum(sizes[1], _TINY)
        passed = passed._replace(errors=errors, replaced=replaced, directions=share)

        in_sums = [c[0], *(k / radius**n for n, k in enumerate(c[1:], 1))]
        out = [self._products.cubic(polynomials, [weight[:, None] * k for k in in_sums]) for weight in weights]
        return np.stack(out, axis=1), passed

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
        unit = 2.0 * network.unit * network.rounding.operations + _ROUNDING
        terms = network.rounding.weights[0] @ way[-1].size + network.rounding.bias[0]
        errors += unit * terms + _OUTPUT * (np.abs(out).sum(axis=0) + errors)
        return Enclosures(out, errors, blame)


class _Products:
    """Cubes of polynomials of degree three, cut at degree three."""

    def __init__(self, basis_: Basis) -> None:
        """Find the places of the products."""
        width, count = basis_.width, basis_.count(_KEPT)
        self._linear = slice(1, 1 + width)
        self._second = slice(1 + width, basis_.count(2))
        pairs = [tuple(np.repeat(np.arange(width), one)) for one in basis_.exponents[self._second]]
        self._left, self._right = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
        self._times = np.array([1.0 if i == j else 2.0 for i, j in pairs])
        self._pairs_at = basis_.count(1)
        places = [basis_.place(self._pairs_at + q, 1 + k) for q in range(len(pairs)) for k in range(width)]
        self._third = np.zeros((len(places), count))
        self._third[np.arange(len(places)), places] = 1.0
        self.degrees = (basis_.degrees[:count, None] == np.arange(_KEPT + 1)).astype(np.float64)
        """Which monomial has which degree, `[K', 4]`."""

    def cubic(self, x: Floats, c: list[Floats]) -> Floats:
        """`sum_h c0 + c1 x + c2 x^2 + c3 x^3`, with x without its constant: `[N, K']`.

        Args:
            x: `[N, H, K']`.
            c: `[H, N]` each.
        """
        zero, one, two, three = (k.T[:, :, None] for k in c)
        first, second = x[:, :, self._linear], x[:, :, self._second]
        out: Floats = (one.swapaxes(1, 2) @ x)[:, 0]
        out[:, 0] = zero.sum(axis=(1, 2))
        pairs = first[:, :, self._left] * first[:, :, self._right] * self._times
        out[:, self._second] += (two * pairs).sum(axis=1)
        both = (three * pairs + 2.0 * two * second).swapaxes(1, 2) @ first
        out += both.reshape(len(x), -1) @ self._third
        return out


def _product(low: Floats, high: Floats, least: Floats, most: Floats) -> tuple[Floats, Floats]:
    """Products of intervals."""
    all_four = [low * least, low * most, high * least, high * most]
    return np.minimum.reduce(all_four), np.maximum.reduce(all_four)
