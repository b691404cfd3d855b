"""Activations on intervals: polynomials that stay as near as they say, slopes that contain all slopes."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import polynomial
from numpy.polynomial.hermite_e import hermeval
from numpy.typing import NDArray
from scipy.special import ndtr

from tinyvmaf.measure.proof.curves import Curve, Hinge, Piecewise, Smooth, hinge_table
from tinyvmaf.measure.proof.layers import activation_of
from tinyvmaf.measure.proof.pieces import IDENTITY, NoProofError, Pieces, constant
from tinyvmaf.measure.proof.smooth import ERF, GELU, SIGMOID, SILU, SOFTPLUS, TANH

Floats = NDArray[np.float64]
T = np.linspace(-20.0, 20.0, 400_001)
QUADRATIC_SIGMOID = Piecewise((-16.0, 0.0, 0.0), (Hinge(-4.0, 1.0, 2), Hinge(0.0, -2.0, 2), Hinge(4.0, 1.0, 2)))
CURVES: dict[str, Curve] = {
    "relu": Piecewise((0.0, 0.0, 0.0), (Hinge(0.0, 1.0, 1),)),
    "leaky": Piecewise((0.0, 0.01, 0.0), (Hinge(0.0, 0.99, 1),)),
    "clip": Piecewise((-1.0, 0.0, 0.0), (Hinge(-1.0, 1.0, 1), Hinge(3.0, -1.0, 1))),
    "squared relu": Piecewise((0.0, 0.0, 0.0), (Hinge(0.5, 1.0, 2),)),
    "quadratic sigmoid": QUADRATIC_SIGMOID,
    "tanh": TANH,
    "sigmoid": SIGMOID,
    "erf": ERF,
    "gelu": GELU,
    "silu": SILU,
    "softplus": SOFTPLUS,
}


@pytest.mark.parametrize("name", CURVES)
@settings(max_examples=60, deadline=None)
@given(centre=st.floats(-12.0, 12.0), radius=st.floats(1e-3, 15.0), degree=st.sampled_from([3, 4]))
def test_polynomials_and_slopes(name: str, centre: float, radius: float, degree: int) -> None:
    curve = CURVES[name]
    tau = np.linspace(-1.0, 1.0, 501)
    coefficients, error = curve.approximate(np.array([centre]), np.array([radius]), degree)
    found = sum(c * tau**power for power, c in enumerate(coefficients))
    assert (np.abs(found - curve.value(centre + radius * tau)) <= error + 1e-12).all()
    least, most = curve.slopes(np.array([centre - radius]), np.array([centre + radius]))
    slopes = np.diff(curve.value(centre + radius * tau)) / (radius * np.diff(tau))
    # Values are sums of squares of t and some kinks: their rounding, in a difference over a 250th of the radius.
    rounding = 8.0 * 2.0**-53 * (abs(centre) + radius + 8.0) ** 2 / (radius / 250.0)
    assert least[0] - rounding - 1e-9 <= slopes.min()
    assert slopes.max() <= most[0] + rounding + 1e-9


@pytest.mark.parametrize(("power", "degree", "largest"), [(2, 4, 0.0177), (2, 3, 0.0284), (1, 4, 0.087)])
def test_the_table_of_hinges_is_near(power: int, degree: int, largest: float) -> None:
    """No error is larger than the best that such polynomials reach, and some."""
    _, errors, _ = hinge_table(power, degree)
    assert errors.max() < largest


def powers_of(first: list[float], variable: Floats) -> list[Floats]:
    """Derivatives 1 to 6 of y(t), where y' is a polynomial in y."""
    found: list[Floats] = [np.asarray(polynomial.polyval(variable, first), dtype=np.float64)]
    now = np.array(first)
    for _ in range(5):
        now = polynomial.polymul(polynomial.polyder(now), first)
        found.append(np.asarray(polynomial.polyval(variable, now), dtype=np.float64))
    return found


def times_t(derivatives: list[Floats], value: Floats) -> list[Floats]:
    """Derivatives 1 to 5 of t f(t)."""
    own = [value, *derivatives]
    return [T * own[n] + n * own[n - 1] for n in range(1, 6)]


def densities(t: Floats) -> list[Floats]:
    """Derivatives 1 to 6 of the normal distribution."""
    density = np.exp(-t * t / 2.0) / np.sqrt(2.0 * np.pi)
    return [np.asarray((-1.0) ** n * hermeval(t, [0.0] * n + [1.0]) * density, dtype=np.float64) for n in range(6)]


LOGISTIC = 1.0 / (1.0 + np.exp(-T))
DERIVATIVES: dict[str, Callable[[], list[Floats]]] = {
    "tanh": lambda: powers_of([1.0, 0.0, -1.0], np.tanh(T)),
    "sigmoid": lambda: powers_of([0.0, 1.0, -1.0], LOGISTIC),
    "softplus": lambda: [LOGISTIC, *powers_of([0.0, 1.0, -1.0], LOGISTIC)],
    "silu": lambda: times_t(powers_of([0.0, 1.0, -1.0], LOGISTIC), LOGISTIC),
    "gelu": lambda: times_t(densities(T), ndtr(T)),
    "erf": lambda: [2.0 * 2.0 ** (n / 2.0) * one for n, one in enumerate(densities(np.sqrt(2.0) * T), 1)],
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_bounds_of_derivatives(name: str) -> None:
    curve = CURVES[name]
    assert isinstance(curve, Smooth)
    found = DERIVATIVES[name]()
    assert curve.steepest[0] <= found[0].min()
    assert found[0].max() <= curve.steepest[1]
    np.testing.assert_allclose(curve.slope(T), found[0], atol=1e-9)
    for order, bound in curve.derivatives.items():
        largest = np.abs(found[order - 1]).max()
        assert largest - 1e-9 <= bound < 1.01 * largest


def test_stages_and_floors() -> None:
    """An activation on a grid: its smooth form is never further from it than it says."""
    clipped = IDENTITY.clip(-8.0, 8.0)
    size = IDENTITY.relu().plus(constant(0.0).plus(IDENTITY, -1.0).relu())
    curved = IDENTITY.times(constant(16.0).plus(size, -1.0)).times(constant(0.25))
    activation = activation_of([clipped, curved], True)
    rng = np.random.default_rng(1)
    centre, radius = rng.uniform(-14.0, 14.0, 4_000), rng.uniform(1e-6, 3.0, 4_000)
    t = centre + radius * rng.uniform(-1.0, 1.0, 4_000)
    steps = np.floor(np.clip(t, -8.0, 8.0))
    exact = np.floor(steps * (16.0 - np.abs(steps)) * 0.25)
    error, fixed = activation.rounding(centre - radius, centre + radius)
    assert (np.abs(activation.curve.value(t) - exact) <= error + 1e-9)[~fixed].all()
    value, unsure = activation.at_fixed(centre)
    assert fixed.any()
    assert not unsure.any()
    np.testing.assert_array_equal(value[fixed], exact[fixed])


def test_pieces_that_are_refused() -> None:
    square = IDENTITY.times(IDENTITY)
    with pytest.raises(NoProofError, match="degree"):
        square.times(IDENTITY)
    with pytest.raises(NoProofError, match="follows a curved"):
        square.relu()
    with pytest.raises(NoProofError, match="jumps"):
        Pieces((0.0,), ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0))).as_curve()
    with pytest.raises(NoProofError, match="next to a whole number"):
        activation_of([IDENTITY.clip(-1.0, 3.9999999), IDENTITY], True)
