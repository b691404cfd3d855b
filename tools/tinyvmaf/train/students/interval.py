"""A student that states an interval: four networks on one grid, side by side.

`stddev` gives the standard deviation over the teacher's bootstrap models. libvmaf states 0 where their mean lies beyond
the scale: nearly a jump, which no smooth network can learn. So `low` and `high` see the mean magnified around an end of
the scale. They give how far it is inside, steeply: the graph takes the least of the three, which is exactly 0 beyond.
All sums are exact, so engines cannot disagree about the side.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tinyvmaf.train.students.architecture import Array, StudentError
from tinyvmaf.train.students.dense import Student
from tinyvmaf.train.students.grid import GridStudent, Layer

SPREAD_BITS: Final = 1
"""The network `stddev` gives the standard deviation times 2 to this power."""
MIDDLE: Final = 50.0
"""What the networks `low` and `high` give where the mean lies at their end of the scale ..."""
MAGNIFIED_BITS: Final = 4
"""... and a point of the mean is 2 to this power on theirs."""
SLOPE_BITS: Final = 7
"""At an end, the standard deviation may be so many (2 to this power) times the distance to ..."""
BEHIND: Final = 0.01
"""... what lies this far beyond the end, VMAF points. libvmaf lets it fall to 0 over twice that distance."""
MOST_BITS: Final = 5
"""A standard deviation is at most 2 to this power, VMAF points. The largest in the teacher's domain is about 24."""


@dataclass(frozen=True)
class IntervalStudent:
    """A fitted student with two outputs: the score, and the standard deviation over the teacher's bootstrap models.

    Raises:
        StudentError: the networks take different integers, or those besides `stddev` have several hidden layers.
    """

    score: GridStudent
    stddev: GridStudent
    low: GridStudent
    """Above `MIDDLE` where the mean is above the lower end of the scale."""
    high: GridStudent
    """Above `MIDDLE` where the mean is above the upper end of the scale."""

    def __post_init__(self) -> None:
        first = self.score
        for one in (self.stddev, self.low, self.high):
            if (one.features, one.grid, one.exponents, one.high, one.silence) != (
                *(first.features, first.grid, first.exponents, first.high),
                first.silence,
            ):
                raise StudentError("the networks of a student with an interval must have one grid")
        for one in (first, self.low, self.high):
            if len(one.layers) != 2 or one.clipped != first.clipped:
                raise StudentError(
                    f"{one.architecture.name}: beside stddev, each network has one hidden layer of one sort"
                )

    @property
    def features(self) -> tuple[str, ...]:
        """Our names of the features, in input order."""
        return self.score.features

    def predict(self, rows: ArrayLike) -> Array:
        """Scores and standard deviations in float64, `[N, 2]`, equal to those of the ONNX graph.

        Args:
            rows: `[N, F]`, finite, in the order of `features`; converted to float32.
        """
        parts = [np.ldexp(self.stddev.sums(rows), -SPREAD_BITS)]
        for network, sign in ((self.low, 1), (self.high, -1)):
            real, last = self.gate(network, sign), network.layers[-1]
            raw = np.ldexp(network.sums(rows), last.steps[0]) - last.bias[0]  # in whole steps
            parts.append(np.ldexp(sign * raw + real.bias[0], -real.steps[0]))
        stddev = np.clip(np.minimum.reduce(parts), 0.0, 2.0**MOST_BITS)
        return np.column_stack([self.score.predict(rows), stddev])

    def spread(self) -> Layer:
        """The last layer of `stddev`, in VMAF points."""
        last = self.stddev.layers[-1]
        return Layer(last.weights, last.bias, last.steps + SPREAD_BITS)

    def gate(self, network: GridStudent, sign: int) -> Layer:
        """The last layer of `low` (sign 1) or `high` (-1): what the standard deviation may be, VMAF points."""
        last = network.layers[-1]
        steps = last.steps + MAGNIFIED_BITS - SLOPE_BITS
        middle, behind = np.ldexp(MIDDLE, last.steps), np.ldexp(BEHIND, last.steps + MAGNIFIED_BITS)
        bias = sign * (last.bias - middle.astype(np.int64)) + np.rint(behind).astype(np.int64)
        return Layer(sign * last.weights, bias, steps)


AnyStudent = Student | GridStudent | IntervalStudent


def beside(*layers: Layer) -> Layer:
    """Layers of the same inputs as one."""
    return Layer(
        np.hstack([one.weights for one in layers]),
        np.concatenate([one.bias for one in layers]),
        np.concatenate([one.steps for one in layers]),
    )


def diagonal(*layers: Layer) -> Layer:
    """Layers of different inputs as one: each output has weights of 0 for the inputs of the others."""
    rows = [
        np.hstack(
            [
                one.weights if i == j else np.zeros((len(one.weights), other.weights.shape[1]), dtype=np.int64)
                for j, other in enumerate(layers)
            ]
        )
        for i, one in enumerate(layers)
    ]
    return Layer(
        np.vstack(rows), np.concatenate([one.bias for one in layers]), np.concatenate([one.steps for one in layers])
    )
