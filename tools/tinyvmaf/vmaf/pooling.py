"""Pooling of per-frame values over a clip, as libvmaf does it."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray


class Pooled(TypedDict):
    """A per-frame metric over a clip, in the units of the metric."""

    min: float
    max: float
    mean: float
    harmonic_mean: float


def pool(values: NDArray[np.float64]) -> Pooled:
    """Pool a per-frame metric over a clip as libvmaf does.

    Args:
        values: float64 `[T]`, one a frame.

    The harmonic mean is that of `value + 1`, less 1 (libvmaf's `vmaf_feature_score_pooled`), so that a score of 0
    does not swallow the clip.

    Raises:
        ValueError: no frame, or a value that is not finite.
    """
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("pooling takes at least one value, and finite ones")
    return Pooled(
        min=float(values.min()),
        max=float(values.max()),
        mean=float(values.mean()),
        harmonic_mean=float(1.0 / np.mean(1.0 / (values + 1.0)) - 1.0),
    )
