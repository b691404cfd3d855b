"""Activations without corners, with bounds of their derivatives."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from onnx import NodeProto
from scipy.special import erf, expit

from tinyvmaf.measure.proof.curves import Smooth
from tinyvmaf.measure.proof.layers import NetworkLayer
from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.polynomials import Floats

_ROOT: Final = np.sqrt(2.0 * np.pi)


def _density(t: Floats) -> Floats:
    return np.asarray(np.exp(-np.square(t) / 2.0) / _ROOT)


# Largest derivatives, rounded up, from their closed forms: the test of this module computes them again.
TANH: Final = Smooth(np.tanh, lambda t: 1.0 - np.square(np.tanh(t)), (0.0, 1.0), {2: 0.77, 3: 2.0, 4: 4.09, 5: 16.0})
SIGMOID: Final = Smooth(expit, lambda t: expit(t) * expit(-t), (0.0, 0.25), {2: 0.0963, 3: 0.125, 4: 0.1278, 5: 0.25})
ERF: Final = Smooth(
    erf,
    lambda t: 2.0 / np.sqrt(np.pi) * np.exp(-np.square(t)),
    (0.0, 1.12838),
    {2: 0.968, 3: 2.2568, 4: 4.4048, 5: 13.541},
)
GELU: Final = Smooth(
    lambda t: t * (0.5 + 0.5 * erf(t / np.sqrt(2.0))),
    lambda t: 0.5 + 0.5 * erf(t / np.sqrt(2.0)) + t * _density(t),
    (-0.129, 1.129),
    {2: 0.7979, 3: 0.7788, 4: 1.5958, 5: 2.8426},
)
SILU: Final = Smooth(
    lambda t: t * expit(t),
    lambda t: expit(t) * (1.0 + t * expit(-t)),
    (-0.1, 1.1),
    {2: 0.5, 3: 0.3082, 4: 0.5001, 5: 0.6581},
)
SOFTPLUS: Final = Smooth(lambda t: np.logaddexp(0.0, t), expit, (0.0, 1.0), {2: 0.25, 3: 0.0963, 4: 0.125, 5: 0.1278})


def _gelu(node: NodeProto) -> Smooth:
    if any(one.s == b"tanh" for one in node.attribute):
        raise NoProofError("Gelu by tanh")
    return GELU


SMOOTH: Final[dict[str, Callable[[NodeProto], Smooth]]] = {
    "Tanh": lambda _: TANH,
    "Sigmoid": lambda _: SIGMOID,
    "Erf": lambda _: ERF,
    "Gelu": _gelu,
    "Softplus": lambda _: SOFTPLUS,
}


def gated(layer: NetworkLayer, weights: Floats, bias: Floats, factor: Floats, summand: Floats) -> Smooth | None:
    """`t f(t)` as one function, if it is SiLU or GELU.

    Args:
        layer: of the gate: its sums and `f`.
        weights, bias: of t.
        factor, summand: what was done with `f` after it: GELU needs 1/2 and 1/2 of `erf`.
    """
    width = len(bias)
    share = layer.weights[0][weights[0] != 0] / weights[0][weights[0] != 0]
    if not len(share) or factor.shape != (width, width):
        return None
    scale = float(share[0])
    close = np.allclose(layer.weights, scale * weights, rtol=1e-6, atol=0) and np.allclose(
        layer.bias, scale * bias, rtol=1e-6, atol=1e-12
    )
    diagonal = np.diag(factor)
    if not close or not (factor == np.diag(diagonal)).all():
        return None
    if layer.activation.curve is SIGMOID and scale == 1.0 and (diagonal == 1.0).all() and not summand.any():
        return SILU
    half = bool((diagonal == 0.5).all() and (summand == 0.5).all())
    if layer.activation.curve is ERF and half and abs(scale * np.sqrt(2.0) - 1.0) < 1e-6:
        return replace(GELU, apart=1e-6)  # at most 0.42 times what 1 / sqrt(2) is off
    return None
