"""Ratios of times, how sure they are, and what that says about a bound. Pure functions on arrays."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import bdtr  # scipy.stats has it too, and takes most of a second to import

CONFIDENCE: Final = 0.99

Decision = Literal["within", "over", "unresolved"]


@dataclass(frozen=True)
class Ratio:
    """The median over passes of one time divided by another, with an interval."""

    value: float
    low: float
    high: float
    passes: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def ratio(times: ArrayLike, others: ArrayLike) -> Ratio:
    """The ratio of two times that were taken side by side, pass by pass.

    The interval holds the median of the passes' ratios with `CONFIDENCE`, whatever their distribution: its ends are
    order statistics, and how many of n values lie below a median is binomial (n, 1/2). See Hollander and Wolfe,
    Nonparametric Statistical Methods, 3.6. With fewer than 8 passes there is none, and the ends are 0 and infinity.

    Args:
        times: `[P]`, above 0, in any unit, one a pass.
        others: `[P]`, likewise, of the same passes.

    Raises:
        ValueError: no pass, other shapes, or a time that is not finite and above 0.
    """
    top, bottom = np.asarray(times, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if top.ndim != 1 or top.shape != bottom.shape or top.size == 0:
        raise ValueError(f"one time a pass each, not {list(top.shape)} and {list(bottom.shape)}")
    if not (np.isfinite(top).all() and np.isfinite(bottom).all() and (top > 0).all() and (bottom > 0).all()):
        raise ValueError("a time is not finite and above 0")
    ratios = np.sort(top / bottom)
    below = bdtr(np.arange(ratios.size + 1), ratios.size, 0.5)  # cumulative
    outside = int(np.searchsorted(below, (1.0 - CONFIDENCE) / 2.0))
    low, high = (ratios[outside - 1], ratios[-outside]) if outside > 0 else (0.0, np.inf)
    return Ratio(float(np.median(ratios)), float(low), float(high), ratios.size)


def decide(found: Ratio, bound: float) -> Decision:
    """Whether a ratio is within a bound, over it, or not known well enough to say."""
    if found.high <= bound:
        return "within"
    return "over" if found.low > bound else "unresolved"
