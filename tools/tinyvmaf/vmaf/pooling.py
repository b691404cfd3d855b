"""Pooling of per-frame values over a clip, as libvmaf does it."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray


class PooledMetric(TypedDict):
    """A per-frame metric pooled over a clip, in the units of the metric."""

    min: float
    max: float
    mean: float
    harmonic_mean: float


def pool(values: NDArray[np.float64]) -> PooledMetric:
    """Pool a per-frame metric over a clip as libvmaf does.

    The harmonic mean is that of `value + 1`, less 1 (libvmaf's `vmaf_feature_score_pooled`), so one score of 0 does not
    make it 0.

    Args:
        values: float64 `[T]`, one per frame.

    Raises:
        ValueError: no frame, or a value that is not finite.
    """
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("pooling needs at least one value, all finite")
    return PooledMetric(
        min=float(values.min()),
        max=float(values.max()),
        mean=float(values.mean()),
        harmonic_mean=float(1.0 / np.mean(1.0 / (values + 1.0)) - 1.0),
    )
