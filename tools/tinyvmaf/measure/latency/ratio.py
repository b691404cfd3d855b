"""Ratios of times with confidence intervals, and their comparison with a bound: pure functions on arrays."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE: Final = 0.99

Decision = Literal["within", "over", "unresolved"]


@dataclass(frozen=True)
class Ratio:
    """The median over passes of the ratio of two times, with its interval."""

    value: float
    low: float
    high: float
    passes: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def ratio(times: ArrayLike, others: ArrayLike) -> Ratio:
    """The ratio of two times that were measured in the same passes.

    The interval contains the median ratio with probability `CONFIDENCE` for any distribution. Its ends are order
    statistics, because the number of n values below the median is binomial (n, 1/2): Hollander and Wolfe, Nonparametric
    Statistical Methods, 3.6. With fewer than 8 passes the interval is 0 to infinity.

    Args:
        times: `[P]`, one per pass, above 0, in any unit.
        others: `[P]`, in the same passes and unit.

    Raises:
        ValueError: no pass, different shapes, or a time that is not finite or not above 0.
    """
    top, bottom = np.asarray(times, dtype=np.float64), np.asarray(others, dtype=np.float64)
    if top.ndim != 1 or top.shape != bottom.shape or top.size == 0:
        raise ValueError(f"needs one time per pass for both, not {list(top.shape)} and {list(bottom.shape)}")
    if not (np.isfinite(top).all() and np.isfinite(bottom).all() and (top > 0).all() and (bottom > 0).all()):
        raise ValueError("a time is not finite or not above 0")
    # Imported here: it takes a quarter of a second, and scipy.stats, which has it too, most of one.
    from scipy.special import bdtr

    ratios = np.sort(top / bottom)
    below = bdtr(np.arange(ratios.size + 1), ratios.size, 0.5)  # cumulative
    outside = int(np.searchsorted(below, (1.0 - CONFIDENCE) / 2.0))
    low, high = (ratios[outside - 1], ratios[-outside]) if outside > 0 else (0.0, np.inf)
    return Ratio(float(np.median(ratios)), float(low), float(high), ratios.size)


def decide(found: Ratio, bound: float) -> Decision:
    """Whether a ratio is within a bound, over it, or not clear."""
    if found.high <= bound:
        return "within"
    return "over" if found.low > bound else "unresolved"
