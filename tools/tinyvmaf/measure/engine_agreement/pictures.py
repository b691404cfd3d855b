"""Pictures on which engines might differ: real ones, patterns, noise, flat and extreme ones, of usual and odd sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.vmaf import patterns

if TYPE_CHECKING:  # it needs pyarrow, and few files need it
    from tinyvmaf.data.pictures import PictureSet

Stack = NDArray[Any]
"""Pictures of one size, `[N, 1, H, W]`, float32 or uint8 as the model takes them."""
ODD: Final = ((64, 64), (65, 67), (200, 64), (64, 131), (90, 160))
"""Heights and widths: the least, primes, tall, wide, and a multiple of ten only."""
_CROP: Final = (144, 208)
"""Height and width that are cut out of real frames. ONNX's reference evaluator takes a second for a megapixel."""
_REAL: Final = 12
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
        """One stack of each group, for what takes long."""
        return [(f"{group} {stack[0].shape[3]}x{stack[0].shape[2]}", stack[0]) for group, stack in self.groups.items()]


def pictures_for(dtype: str, real: "PictureSet | None") -> PictureInputs:
    """Pictures for a model that takes this type, the same in each run.

    Args:
        dtype: `float32` or `uint8`.
        real: frames of real videos; None where they are not here, and are left out.
    """
    found: dict[str, Sequence[Stack]] = {
        "noise": [_noise(3, height, width) for height, width in ODD],
        "pattern": [_patterns(height, width) for height, width in ((144, 208), (65, 67))],
        "flat": [_flat(height, width) for height, width in ODD[:3]],
    }
    if real is not None:
        found["real"] = [_crops(real)]
    groups = {name: tuple(_as(stack, dtype) for stack in stacks) for name, stacks in found.items()}
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


def _as(samples: NDArray[np.uint8], dtype: str) -> Stack:
    stack = np.ascontiguousarray(samples)[:, None]
    return stack if dtype == "uint8" else stack.astype(np.float32) / np.float32(255)


def _noise(count: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng([height, width]).integers(0, 256, (count, height, width), dtype=np.uint8)


def _flat(height: int, width: int) -> NDArray[np.uint8]:
    """Black and white of both ranges, and grey."""
    levels = np.array([0, 16, 128, 235, 255], np.uint8)
    return np.repeat(levels, height * width).reshape(len(levels), height, width)


def _patterns(height: int, width: int) -> NDArray[np.uint8]:
    """Checkerboards of the golden clips, a ramp, stripes of one pixel, and one bright dot."""
    y, x = np.mgrid[:height, :width]
    boards = [patterns.luma_of(f"checkerboard_1920_1080_10_3_{shift}_0.yuv")[0, :height, :width] for shift in (0, 1)]
    dot = np.zeros((height, width), np.uint8)
    dot[height // 2, width // 2] = 255
    more = [(x * 255 // max(width - 1, 1)), (x % 2) * 255, (y % 2) * 255, ((x + y) % 2) * 255]
    return np.stack([*boards, *(one.astype(np.uint8) for one in more), dot])


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
