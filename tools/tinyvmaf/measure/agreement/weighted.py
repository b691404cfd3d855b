"""Metrics of agreement with weighted clips, from sums per clip that are computed once.

`weights` is float64 `[R, C]`: how often each of C clips counts, for R resamples. Frame values are float64 `[N]`, sorted
by clip; `clip` is the clip index of each frame, intp `[N]`.
"""

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.agreement.metrics import CONSTANT

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Moments:
    """Second moments: the sum of those within clips and those between the clips' means.

    All terms use centred values. The sum of squares minus the square of the sum would lose digits when the clips of a
    resample are similar.
    """

    def __init__(self, clip: Indices, x: Floats, y: Floats) -> None:
        self._size = np.bincount(clip).astype(np.float64)
        starts = np.flatnonzero(np.diff(clip, prepend=-1))
        self._peaks = [np.maximum.reduceat(np.abs(values), starts) for values in (x, y)]
        # Centre all values first, so that the clips' means keep the digits of the spread, not of the level.
        x, y = x - x.mean(), y - y.mean()
        self._means = [np.bincount(clip, values) / self._size for values in (x, y)]
        x, y = x - self._means[0][clip], y - self._means[1][clip]
        self._within = [np.bincount(clip, product) for product in (x * x, x * y, y * y)]

    def sums(self, weights: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """The weighted number of frames, and the centred sums of xx, xy and yy, each `[R]`."""
        mass = weights * self._size
        n = mass.sum(axis=1)
        x, y = (mean - (mass @ mean / n)[:, None] for mean in self._means)
        xx, xy, yy = (
            weights @ within + np.sum(mass * between, axis=1)
            for within, between in zip(self._within, (x * x, x * y, y * y), strict=True)
        )
        return n, xx, xy, yy

    def varying(self, weights: Floats) -> NDArray[np.bool_]:
        """Where neither x nor y is constant, `[R]`, with the same limit as `agreement`."""
        n, xx, _, yy = self.sums(weights)
        peaks = [np.max(np.where(weights > 0, peak, 0.0), axis=1) for peak in self._peaks]
        x, y = (np.sqrt(square / n) > CONSTANT * peak for square, peak in zip((xx, yy), peaks, strict=True))
        return np.asarray(x & y)

    def plcc(self, weights: Floats) -> Floats:
        """Pearson correlation, `[R]`; only for resamples that vary."""
        _, xx, xy, yy = self.sums(weights)
        return np.clip(xy / np.sqrt(xx * yy), -1.0, 1.0)


class Ranks:
    """Average ranks of weighted frames: a frame that counts twice ties with itself."""

    def __init__(self, clip: Indices, x: Floats, y: Floats) -> None:
        self._clip = clip
        self._sorted = [_Sorted(clip, values) for values in (x, y)]

    def srocc(self, weights: Floats) -> Floats:
        """Spearman correlation, `[R]`; only for resamples that vary."""
        # One row per frame, one column per resample: rows are gathered, so they must be contiguous.
        columns = np.ascontiguousarray(weights.T)
        counts = columns.take(self._clip, axis=0)
        x, y = (values.centred_ranks(columns) for values in self._sorted)
        xy, xx, yy = (np.einsum("nr,nr,nr->r", counts, a, b) for a, b in ((x, y), (x, x), (y, y)))
        return np.asarray(np.clip(xy / np.sqrt(xx * yy), -1.0, 1.0))


class _Sorted:
    """Values in sorted order, with groups of equal values."""

    def __init__(self, clip: Indices, values: Floats) -> None:
        _, self._group, counts = np.unique(values, return_inverse=True, return_counts=True)
        self._last = np.cumsum(counts) - 1
        self._clip = clip[np.argsort(values, kind="stable")]

    def centred_ranks(self, columns: Floats) -> Floats:
        """Average rank minus the mean rank, `[N, R]`, for weights `[C, R]`.

        If `below` frames are smaller than a value and `upto` are not larger, the frames equal to it have ranks
        below + 1 to upto, on average (below + upto + 1) / 2. The mean of all ranks is (n + 1) / 2.
        """
        upto = np.cumsum(columns.take(self._clip, axis=0), axis=0).take(self._last, axis=0)
        total = upto[-1].copy()
        upto[1:] += upto[:-1].copy()  # now below + upto
        ranks: Floats = (upto - total) / 2
        return ranks.take(self._group, axis=0)


class Errors:
    """Sums of y - x and of its square."""

    def __init__(self, clip: Indices, x: Floats, y: Floats) -> None:
        error = y - x
        self._size, self._sum, self._squares = (np.bincount(clip, each) for each in (np.ones_like(x), error, error**2))

    def rmse(self, weights: Floats) -> Floats:
        """The root of the mean square of y - x, `[R]`."""
        return np.sqrt(weights @ self._squares / (weights @ self._size))

    def bias(self, weights: Floats) -> Floats:
        """The mean of y - x, `[R]`."""
        return np.asarray(weights @ self._sum / (weights @ self._size))
