"""The 95 % interval of a score whose standard deviation is known."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

DEVIATIONS: Final = 1.96
"""Standard deviations from the score to an end of a normal distribution's 95 % interval."""


class ScoreInterval(NamedTuple):
    """Of each frame, float64 `[T]` each, in VMAF points."""

    stddev: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def interval_of(score: NDArray[np.float64], stddev: NDArray[np.float64], scale: tuple[float, float]) -> ScoreInterval:
    """Score -+ 1.96 standard deviations, clipped to the scale."""
    ends = (np.clip(score + by * stddev, *scale) for by in (-DEVIATIONS, DEVIATIONS))
    return ScoreInterval(stddev, *ends)
