"""A filter, applied to decoded frames as a player would: 8-bit samples in, 8-bit samples out."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.engines import Session
from tinyvmaf.vmaf.pictures import Pictures, pictures_of

Filter = Callable[[Pictures], Pictures]
"""From pictures, float32 `[N, 1, H, W]`, to as many of the same size."""
Frames = NDArray[np.uint8]
"""Luma, uint8 `[T, H, W]`."""
_TOGETHER: Final = 4
"""Frames in one call: a model must not depend on it, and memory does."""


def filter_of(session: Session, dtype: str = "float32") -> Filter:
    """A filter's session of any engine as a function of pictures.

    Args:
        dtype: what the model takes: `float32`, or `uint8`, for which pictures become samples of 8 bits.
    """

    def filtered(pictures: Pictures) -> Pictures:
        if dtype == "uint8":
            samples = np.rint(pictures * np.float32(255.0)).astype(np.uint8)
            return np.asarray(session.run_pictures(samples)).astype(np.float32) / np.float32(255.0)
        return np.asarray(session.run_pictures(pictures))

    return filtered


def apply(filtered: Filter, frames: Frames) -> Frames:
    """Frames behind a filter, rounded to 8 bits, halves to even.

    Args:
        frames: uint8 `[T, H, W]`.

    Raises:
        ModelError: the filter gives another shape or dtype, or samples that are not finite or outside 0 to 1.
    """
    return np.concatenate([_once(filtered, frames[at : at + _TOGETHER]) for at in range(0, len(frames), _TOGETHER)])


def _once(filtered: Filter, frames: Frames) -> Frames:
    pictures = pictures_of(frames)
    given = filtered(pictures.copy())
    if given.shape != pictures.shape or given.dtype != np.float32:
        told = f"{given.dtype} {list(given.shape)} for {pictures.dtype} {list(pictures.shape)}"
        raise ModelError(f"the filter gives {told}; it must give the shape and dtype that it takes")
    if not np.isfinite(given).all():
        raise ModelError(f"the filter gives {int((~np.isfinite(given)).sum())} samples that are not finite")
    low, high = float(given.min()), float(given.max())
    if low < 0.0 or high > 1.0:
        raise ModelError(f"the filter gives samples from {low:.8g} to {high:.8g}; it must keep within 0 to 1")
    rounded: Frames = np.rint(given[:, 0] * np.float32(255.0)).astype(np.uint8)
    return rounded
