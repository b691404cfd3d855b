"""Change points of a noisy series: a piecewise-constant fit that also chooses the number of pieces.

The method is that of asv (airspeed velocity, `asv/step_detect.py`, whose documentation derives it), after Friedrich et
al., "Complexity Penalized M-Estimation: Fast Computation", JCGS 17(1), 2008, and Yao, "Estimating the number of
change-points via Schwarz criterion", Statistics & Probability Letters 6, 1988. The model of the n values y is k
pieces of constant level with Laplace noise of one unknown width. So the level of a piece is its median, and an outlier
counts once, not squared. The fit minimises

    4 ln(n) / n * k + ln(s0 + 1/n * sum of |y - level of its piece|)

The factor 4 is asv's default: Schwarz's 1/2, increased until it worked in practice. s0 limits the gain of a perfect
fit. The method differs from asv's in four ways:

- The solution is exact, over all k and all positions, in O(k n^2). asv solves a penalised problem (the Potts
  functional) for several penalties, in windows of 20, to be fast on thousands of commits.
- A piece has three values or more. asv allows one, and drops short pieces afterwards.
- s0 is 0.1 % of the median, for every k; asv derives it from the smallest step.
- All values have the same weight, and noise is independent, because each ratio was measured in one process. asv weights
  values by their confidence intervals and fits a correlation of neighbours.
"""

from bisect import insort
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST: Final = 3
"""Fewest values of a piece, so that one outlier, or two of opposite sign, cannot be its median."""

_FACTOR: Final = 4.0
_RESOLUTION: Final = 1e-3
# Values are rounded to multiples of this share of the largest. An L1 fit has ties (a value between two levels costs the
# same in either piece), and only integers keep them ties, so that rounding errors do not choose the position.
_GRID: Final = 2.0**-40


@dataclass(frozen=True)
class Step:
    """A piece of a series with one level."""

    start: int
    """Index of its first value."""
    stop: int
    """Index after its last value."""
    level: float
    """The median, in the unit of the values."""
    spread: float
    """The mean distance from the level, in the same unit."""


@dataclass(frozen=True)
class Change:
    """A change from one level to the next."""

    index: int
    """Index of the first value on the new level."""
    before: float
    after: float

    @property
    def factor(self) -> float:
        """New level divided by old level."""
        return self.after / self.before

    @property
    def mark(self) -> str:
        """The change in percent, such as `+12.3 %`."""
        return f"{100 * (self.factor - 1):+.1f} %"


def steps(values: ArrayLike) -> list[Step]:
    """The pieces of a series, in order, each of three values or more. A series of fewer than six values is one piece.

    Args:
        values: float64 `[n]`, oldest first; n up to about 1,000, because time and memory grow with n^2. No values give
            no pieces.

    Raises:
        ValueError: values are not `[n]`, or one is not finite or not above 0.
    """
    series = _checked(values)
    if series.size == 0:
        return []
    whole = np.rint(series / series.max() / _GRID).astype(np.int64)
    return [_step(series, start, stop) for start, stop in pairwise(_bounds(whole))]


def changes(values: ArrayLike) -> list[Change]:
    """The changes between successive `steps`, in order.

    Measured with independent normal noise, and repeated by the tests: 200 series of 60 runs with 1 to 2 % noise and no
    change give no change. All steps of 10 % in 1 % noise, with 8 to 20 runs on either side, are found within one run of
    their position. After 20 runs, such a step is found at the third run after it, and a step of 5 % at the fifth in
    94 % of the cases. Measured once, not in a test: with correlation 0.7 between neighbours, 18 of 400 series of 60
    runs gave a false change; with 0.5, one did.
    """
    return [Change(after.start, before.level, after.level) for before, after in pairwise(steps(values))]


def _checked(values: ArrayLike) -> NDArray[np.float64]:
    series = np.asarray(values, dtype=np.float64)
    if series.ndim != 1:
        raise ValueError(f"a series has shape [n], not {list(series.shape)}")
    good = np.isfinite(series) & (series > 0)
    if not good.all():
        at = int(np.argmin(good))
        raise ValueError(f"value {at} of the series is {series[at]}, not finite and above 0")
    return series


def _step(series: NDArray[np.float64], start: int, stop: int) -> Step:
    piece = series[start:stop]
    level = float(np.median(piece))
    return Step(start, stop, level, float(np.abs(piece - level).mean()))


def _bounds(whole: NDArray[np.int64]) -> list[int]:
    """The start of each piece of the best fit, and n."""
    n = whole.size
    cost, floor = _costs(whole), max(_RESOLUTION * float(np.median(whole)), 1.0)
    # fit[r]: cost of the best fit of k pieces to the first r values; lasts[k - 1][r]: start of its last piece.
    fit, lasts = cost[0], [np.zeros(n + 1, dtype=np.intp)]
    best, pieces = np.inf, 0
    for k in range(1, max(n // FEWEST, 1) + 1):
        if k > 1:
            through = fit[:, None] + cost
            lasts.append(through.argmin(axis=0))
            fit = through.min(axis=0)
        value = _FACTOR * np.log(n) / n * k + np.log(floor + fit[n] / n)
        if value < best:
            best, pieces = value, k
    bounds = [n]
    for last in reversed(lasts[:pieces]):
        bounds.append(int(last[bounds[-1]]))
    return bounds[::-1]


def _costs(whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cost of a piece from l to r (excluded): the sum of distances from its median, float64 `[n + 1, n + 1]`.

    Infinite if the piece is too short, except for a short series. Costs are exact integers, because sums of n values up
    to 2^40 stay below 2^53 for n up to 2^13.
    """
    n = whole.size
    cost = np.full((n + 1, n + 1), np.inf)
    for start in range(n):
        seen: list[int] = []
        total = 0
        for stop, value in enumerate(whole[start:].tolist(), start + 1):
            # Every point between the two middle values is a median. The cost grows by the distance of the new value
            # from the nearest of them.
            if seen:
                low, high = seen[(len(seen) - 1) // 2], seen[len(seen) // 2]
                total += max(low - value, value - high, 0)
            insort(seen, value)
            if stop - start >= min(FEWEST, n):
                cost[start, stop] = total
    return cost
