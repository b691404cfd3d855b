"""Pooling of per-frame values over a clip, as libvmaf does it, the figures of a summary, and the time of a frame."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypedDict

import numpy as np
from numpy.typing import NDArray

PERCENTILES: Final = (1, 5, 10)


class PooledMetric(TypedDict):
    """A per-frame metric pooled over a clip, in the units of the metric."""

    min: float
    max: float
    mean: float
    harmonic_mean: float


@dataclass(frozen=True)
class Figures:
    """A per-frame metric over a clip, in the units of the metric. None: no frame has a value."""

    mean: float | None = None
    harmonic_mean: float | None = None
    """As libvmaf's: of `value + 1`, less 1."""
    min: float | None = None
    p1: float | None = None
    """1st percentile, between two frames linear; p5 and p10 alike."""
    p5: float | None = None
    p10: float | None = None
    max: float | None = None
    stddev: float | None = None
    """Standard deviation over the frames (divided by their number)."""
    frames: int = 0
    """Frames that have a finite value."""


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
        harmonic_mean=_harmonic_mean(values),
    )


def summarise(values: NDArray[np.float64], pooled: PooledMetric | None = None) -> Figures:
    """The figures of a metric over the frames that have a finite value.

    Args:
        values: float64 `[T]`, one per frame; a value that is not finite is left out, and `frames` says so.
        pooled: libvmaf's own pooled values, which it makes before it rounds; used if all frames have a value.
    """
    kept = values[np.isfinite(values)]
    if not kept.size:
        return Figures()
    whole = pooled if pooled is not None and kept.size == values.size else pool(kept)
    p1, p5, p10 = (float(value) for value in np.percentile(kept, PERCENTILES))
    return Figures(**whole, p1=p1, p5=p5, p10=p10, stddev=float(kept.std()), frames=int(kept.size))


def time_code(frame: int, fps: Fraction | None) -> str:
    """When a frame is shown, `HH:MM:SS.mmm` from the start; empty if the frame rate is not known."""
    if fps is None:
        return ""
    seconds, milliseconds = divmod(round(frame * 1000 / fps), 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"


def _harmonic_mean(values: NDArray[np.float64]) -> float:
    with np.errstate(divide="ignore"):  # a value of -1 makes it -1
        return float(1.0 / np.mean(1.0 / (values + 1.0)) - 1.0)
