"""Decoded frames of real encodes on which filters are tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.pictures import PictureSet

_CHOSEN: Final = 2
"""Frames of each clip: more clips say more than more frames of one clip, which are alike."""


@dataclass(frozen=True)
class FilterClip:
    """Frames of one encode, and of its reference."""

    id: str
    source: str
    vmaf: float
    """Mean of `vmaf_v0.6.1` over the whole clip as it is: by it the clip has its band."""
    distorted: NDArray[np.uint8]
    """uint8 `[T, H, W]`."""
    reference: NDArray[np.uint8]
    """uint8 `[T, H, W]`."""


def filter_clips(pictures: PictureSet, frames: int = _CHOSEN) -> Sequence[FilterClip]:
    """The clips of natural sources, with some of their frames, evenly spread.

    Raises:
        TinyvmafError: the set has no natural source.
    """
    found = []
    for clip in pictures.of("natural").clips:
        stored = len(clip.numbers)
        at = (2 * np.arange(frames) + 1) * stored // (2 * frames)
        vmaf = clip.means["vmaf_v0.6.1"]
        found.append(FilterClip(clip.id, clip.source, vmaf, clip.distorted[at], clip.reference[at]))
    return found
