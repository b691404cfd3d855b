"""Pictures on which engines might differ: real ones, patterns, noise, flat and extreme ones, of usual and odd sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.vmaf.made_pictures import Stack, as_taken, flat, noise, patterned

if TYPE_CHECKING:  # it needs pyarrow, and few files need it
    from tinyvmaf.data.pictures import PictureSet

ODD: Final = ((64, 64), (65, 67), (200, 64), (64, 131), (90, 160))
"""Heights and widths: the least, primes, tall, wide, and a multiple of ten only."""
_CROP: Final = (96, 128)
"""Height and width that are cut out of real frames. ONNX's reference evaluator takes a second for a megapixel."""
_REAL: Final = 8
_FEW: Final = 4
_LARGEST: Final = float(np.finfo(np.float32).max)
_SMALLEST: Final = float(np.finfo(np.float32).smallest_subnormal)
_EXTREMES: Final = (-0.0, _SMALLEST, -_SMALLEST, 1e-20, -1.0, 2.0, 1e6, -1e6, _LARGEST, -_LARGEST)


@dataclass(frozen=True)
class PictureInputs:
    """What a model that takes pictures is tried on."""

    groups: Mapping[str, tuple[Stack, ...]]
    """Stacks by group; each is of one size."""
    wanted: frozenset[str]
    """The groups that have to be there."""
    left_out: str = ""
    """What this run cannot have, and why; empty if it has all."""

    @property
    def stacks(self) -> list[tuple[str, Stack]]:
        """Every stack, with a label of its group and size."""
        return [
            (f"{group} {stack.shape[3]}x{stack.shape[2]}", stack)
            for group, stacks in self.groups.items()
            for stack in stacks
        ]

    @property
    def few(self) -> list[tuple[str, Stack]]:
        """A few pictures of one size of each group, spread over them, for what takes long."""
        found = []
        for group, (stack, *_) in self.groups.items():
            chosen = np.linspace(0, len(stack) - 1, min(_FEW, len(stack))).astype(int)
            found.append((f"{group} {stack.shape[3]}x{stack.shape[2]}", np.ascontiguousarray(stack[chosen])))
        return found


def pictures_for(dtype: str, real: "PictureSet | None") -> PictureInputs:
    """Pictures for a model that takes this type, the same in each run.

    Args:
        dtype: `float32` or `uint8`.
        real: frames of real videos; None where they are not here, and are left out.
    """
    found: dict[str, Sequence[Stack]] = {
        "noise": [noise(3, height, width) for height, width in ODD],
        "pattern": [patterned(height, width) for height, width in ((96, 128), (65, 67))],
        "flat": [flat(height, width) for height, width in ODD[:3]],
    }
    if real is not None:
        found["real"] = [_crops(real)]
    groups = {name: tuple(as_taken(stack, dtype) for stack in stacks) for name, stacks in found.items()}
    if dtype == "float32":
        groups["extreme"] = tuple(extremes(height, width) for height, width in ODD[:2])
    left_out = "" if real is not None else "frames of real videos, which are not here"
    return PictureInputs(groups, frozenset(groups), left_out)


def extremes(height: int, width: int) -> NDArray[np.float32]:
    """Pictures that no video has, all finite: one extreme value everywhere, spots of it in grey, and random bits."""
    rng = np.random.default_rng([height, width, 1])
    everywhere = [np.full((height, width), value, np.float32) for value in _EXTREMES]
    spots = []
    for value in _EXTREMES:
        grey = np.full((height, width), 0.5, np.float32)
        grey[rng.random(grey.shape) < 0.01] = value
        spots.append(grey)
    bits = rng.integers(0, 2**32, (2, height, width), dtype=np.uint32)
    # An exponent of all ones is infinity or NaN; clearing its lowest bit makes it finite.
    bits[(bits & np.uint32(0x7F800000)) == 0x7F800000] &= np.uint32(0xFF7FFFFF)
    # Where a floor or a rounding of luma * 256 changes, or one ULP beside.
    steps = (rng.integers(0, 513, (height, width)) / 512).astype(np.float32)
    beside = np.nextafter(steps, rng.choice(np.array([-1.0, 2.0], np.float32), steps.shape))
    return np.stack([*everywhere, *spots, *bits.view(np.float32), steps, beside])[:, None]


def _crops(real: "PictureSet") -> NDArray[np.uint8]:
    """The middle of frames of clips that are spread over the set: of each source, good and bad ones."""
    chosen = [real.clips[i] for i in np.linspace(0, len(real.clips) - 1, min(_REAL, len(real.clips))).astype(int)]
    height, width = _CROP
    found = []
    for clip in chosen:
        frame = clip.distorted[0]
        top, left = (frame.shape[0] - height) // 2, (frame.shape[1] - width) // 2
        found.append(frame[top : top + height, left : left + width])
    return np.stack(found)
