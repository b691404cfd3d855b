"""What a fit sees: parts of frames with their VMAF, several clips of a source together."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tinyvmaf.data.pictures import SourceArrays
from tinyvmaf.train.pictures.recipe import Stage
from tinyvmaf.vmaf.pictures import Samples

_ALIGN = 4  # a part begins where a block of an encoder may begin


class PictureExamples(NamedTuple):
    """The pictures of one step."""

    pictures: Tensor
    """float32 `[N, 1, h, w]`, as `levels` gives them."""
    scores: Tensor
    """float32 `[N]`, VMAF points."""
    sources: Tensor
    """int64 `[N]`: which of the drawn sources."""


def levels(samples: Samples) -> Tensor:
    """Samples of 8 bits as the network takes them: floor(256 * sample / 255), float32 `[N, 1, H, W]`.

    The division is that of `pictures_of`, in float32, so that the fit sees what the model file will see.
    """
    luma = np.ascontiguousarray(samples).astype(np.float32)[:, None] / np.float32(255)
    return torch.from_numpy(np.floor(luma * np.float32(256)))


def draw(groups: Mapping[str, Mapping[str, SourceArrays]], stage: Stage, rng: np.random.Generator) -> PictureExamples:
    """Draw sources, each from a group drawn before, then clips, frames and one part of the picture for all of them."""
    height, width = stage.crop
    pictures, scores, sources = [], [], []
    for number in range(stage.sources):
        group = groups[stage.on[int(rng.integers(len(stage.on)))]]
        one = group[sorted(group)[int(rng.integers(len(group)))]]
        clips, frames, rows, columns = one.distorted.shape
        top = _ALIGN * int(rng.integers((rows - height) // _ALIGN + 1))
        left = _ALIGN * int(rng.integers((columns - width) // _ALIGN + 1))
        flipped = bool(rng.integers(2))
        for clip in rng.choice(clips, stage.clips, replace=False):
            frame = int(rng.integers(frames))
            part = one.distorted[clip, frame, top : top + height, left : left + width]
            pictures.append(part[:, ::-1] if flipped else part)
            scores.append(one.vmaf[clip, frame])
            sources.append(number)
    truth = torch.tensor(np.array(scores, np.float32))
    return PictureExamples(levels(np.stack(pictures)), truth, torch.tensor(sources))
