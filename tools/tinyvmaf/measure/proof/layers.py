"""A graph as layers: sums with weights, then an activation, and so on, and a clip at the end."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.proof.curves import Curve, Piecewise
from tinyvmaf.measure.proof.pieces import IDENTITY, NoProofError, Pieces
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

    def at_fixed(self, t: Floats) -> tuple[Floats, Floats]:
        """The value of sums `t` where the first stage is constant, with its floors, and the value's error.

        A value that is too near to a whole number to floor it in float64 counts as the middle of both.
        """
        value = self.stages[0].value(t)
        for stage in self.stages[1:]:
            near = np.rint(value)  # `activation_of` has seen to it that no other constant is so near
            value = stage.value(np.where(_beside(value, near), near, np.floor(value)))
        if not self.floored:
            return value, np.zeros(value.shape)
        near = np.rint(value)
        unsure = (value != near) & _beside(value, near)
        return np.where(unsure, near - 0.5, np.floor(value)), 0.5 * unsure

    def rounding(self, low: Floats, high: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """How far its values may be from `curve` for sums in an interval, and where the first stage is constant."""
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
class Rounding:
    """What the rounding of a model's own arithmetic is relative to."""

    weights: Floats
    """`[H, inputs]`: of each weight the sum of |terms| that it was added up from."""
    bias: Floats
    """`[H]`."""
    operations: int
    """How many operations follow each other; each may lose a unit."""


@dataclass(frozen=True)
class NetworkLayer:
    """`activation(weights x + bias)`."""

    weights: Floats
    """`[H, inputs]`."""
    bias: Floats
    """`[H]`."""
    activation: Activation
    rounding: Rounding


@dataclass(frozen=True)
class Network:
    """A model: features, perhaps in steps, through layers to one score."""

    steps: Floats | None
    """`[F]`: how many steps of the first floor a unit of each feature has; None if features are not floored."""
    ceiling: Floats
    """`[F]`: where the model clips each feature; infinite where it does not."""
    layers: tuple[NetworkLayer, ...]
    weights: Floats
    """`[H]` of the score."""
    bias: float
    clip: tuple[float, float]
    rounding: Rounding
    """Of the score before its clip."""
    unit: float = 0.0
    """Largest relative error of one operation: 0 where each operation is exact, 2^-24 in float32."""

    def with_columns(self, columns: list[int]) -> "Network":
        """The same model of features in another order: feature number i is its column `columns[i]`."""
        first = self.layers[0]
        rounding = replace(first.rounding, weights=first.rounding.weights[:, columns])
        first = replace(first, weights=first.weights[:, columns], rounding=rounding)
        steps = None if self.steps is None else self.steps[columns]
        return replace(self, layers=(first, *self.layers[1:]), steps=steps, ceiling=self.ceiling[columns])


def _beside(value: Any, whole: Any, by: float = 1e-9) -> Any:
    return np.abs(value - whole) <= by * np.maximum(np.abs(value), 1.0)


def smooth_form(stages: list[Pieces], floored: bool) -> Pieces:
    """The stages one after the other, with 1/2 subtracted for each floor."""
    out = stages[0]
    for stage in stages[1:]:
        out = stage.after(out.plus(HALF))
    return out.plus(HALF) if floored else out


def activation_of(stages: list[Pieces], floored: bool) -> Activation:
    """An activation from what stands between the floors of a graph."""
    for c0, c1, c2 in stages[0].quadratics:
        if not c1 and not c2 and c0 != round(c0) and _beside(np.float64(c0), np.rint(c0), 1e-6):
            raise NoProofError(f"an activation is clipped at {c0!r}, next to a whole number, and then floored")
    curve = smooth_form(stages, floored).as_curve()
    if len(stages) == 1 and not floored:
        return Activation(curve)
    return Activation(curve, tuple(stage.as_curve() for stage in stages), floored)


def is_identity(stages: list[Pieces]) -> bool:
    """Whether nothing was done."""
    return len(stages) == 1 and stages[0] == IDENTITY
