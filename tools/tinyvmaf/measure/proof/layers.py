"""A graph as layers: sums with weights, then an activation, and so on, and a clip at the end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.proof.curves import Curve, Piecewise
from tinyvmaf.measure.proof.pieces import IDENTITY, Pieces
from tinyvmaf.measure.proof.polynomials import Floats

HALF = Pieces((), ((-0.5, 0.0, 0.0),))


@dataclass(frozen=True)
class Activation:
    """What is done to each sum of a layer. Between two stages, and at the end if `floored`, values are floored.

    A floor takes away 1/2, give or take 1/2. So the activation is a smooth function, `curve`, with each floor replaced
    by a subtraction of 1/2, and an error.
    """

    curve: Curve
    stages: tuple[Piecewise, ...] = ()
    """The functions between the floors, if there are floors."""
    floored: bool = False
    """Whether the last stage is floored too."""

    def exact(self, t: Floats) -> Floats:
        """With its floors, `t` of any shape."""
        for number, stage in enumerate(self.stages):
            t = stage.value(np.floor(t) if number else t)
        if not self.stages:
            t = self.curve.value(t)
        return np.floor(t) if self.floored else t

    def rounding(self, low: Floats, high: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """How far `exact` may be from `curve` for sums in an interval, and where `exact` has one value there."""
        error = np.zeros(low.shape)
        fixed = np.zeros(low.shape, dtype=np.bool_)
        for number, stage in enumerate(self.stages):
            if number:  # the floor before it takes away up to 1
                low, high = low - 1.0 - error, high + error
            least, most = stage.slopes(low, high)
            if number:
                error = (error + 0.5) * np.maximum(np.abs(least), np.abs(most))
            else:
                fixed = (least == 0.0) & (most == 0.0)
            if number + 1 < len(self.stages):
                low, high = stage.ends(low, high)
        return error + 0.5 * self.floored, fixed


@dataclass(frozen=True)
class Layer:
    """`activation(weights x + bias)`."""

    weights: Floats
    """`[H, inputs]`."""
    bias: Floats
    """`[H]`."""
    activation: Activation


@dataclass(frozen=True)
class Network:
    """A model: features, perhaps in steps, through layers to one score."""

    steps: Floats | None
    """`[F]`: how many steps of the first floor a unit of each feature has; None if features are not floored."""
    ceiling: float
    """The clip of the features in steps; infinite without one."""
    layers: tuple[Layer, ...]
    weights: Floats
    """`[H]` of the score."""
    bias: float
    clip: tuple[float, float]
    unit: float = 0.0
    """Largest relative error of one operation: 0 where each operation is exact, 2^-24 in float32."""


def smooth_form(stages: list[Pieces], floored: bool) -> Pieces:
    """The stages one after the other, with 1/2 subtracted for each floor."""
    out = stages[0]
    for stage in stages[1:]:
        out = stage.after(out.plus(HALF))
    return out.plus(HALF) if floored else out


def activation_of(stages: list[Pieces], floored: bool) -> Activation:
    """An activation from what stands between the floors of a graph."""
    curve = smooth_form(stages, floored).as_curve()
    if len(stages) == 1 and not floored:
        return Activation(curve)
    return Activation(curve, tuple(stage.as_curve() for stage in stages), floored)


def is_identity(stages: list[Pieces]) -> bool:
    """Whether nothing was done."""
    return len(stages) == 1 and stages[0] == IDENTITY
