"""Pictures that are made, the same on every machine: noise, patterns, flat ones, and smooth ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.vmaf import patterns

Stack = NDArray[Any]
"""Pictures of one size, `[N, 1, H, W]`, float32 or uint8 as a model takes them."""


def smooth(count: int, height: int, width: int, dtype: str) -> Stack:
    """Waves with more and more noise, `[count, 1, height, width]`, the same in each run: about as smooth as video."""
    rng = np.random.default_rng([height, width, 2])
    y, x = np.mgrid[:height, :width]
    found = np.empty((count, height, width), np.uint8)
    for i in range(count):
        waves = sum(np.sin(x / rng.uniform(4, 40) + y / rng.uniform(4, 40) + rng.uniform(0, 6)) for _ in range(3))
        luma = 126 + 34 * waves + rng.normal(0.0, 1.0 + 3.0 * i, (height, width))
        found[i] = np.clip(np.rint(luma), 16, 235)
    return as_taken(found, dtype)


def as_taken(samples: NDArray[np.uint8], dtype: str) -> Stack:
    """Samples `[N, H, W]` as a model takes them: `float32` (samples / 255) or `uint8`, `[N, 1, H, W]`."""
    stack = np.ascontiguousarray(samples)[:, None]
    return stack if dtype == "uint8" else stack.astype(np.float32) / np.float32(255)


def noise(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Samples without any order, uint8 `[count, height, width]`."""
    return np.random.default_rng([height, width]).integers(0, 256, (count, height, width), dtype=np.uint8)


def flat(height: int, width: int) -> NDArray[np.uint8]:
    """Black and white of both ranges, and grey."""
    levels = np.array([0, 16, 128, 235, 255], np.uint8)
    return np.repeat(levels, height * width).reshape(len(levels), height, width)


def patterned(height: int, width: int) -> NDArray[np.uint8]:
    """Checkerboards of the golden clips, a ramp, stripes of one pixel, and one bright dot."""
    y, x = np.mgrid[:height, :width]
    boards = [patterns.luma_of(f"checkerboard_1920_1080_10_3_{shift}_0.yuv")[0, :height, :width] for shift in (0, 1)]
    dot = np.zeros((height, width), np.uint8)
    dot[height // 2, width // 2] = 255
    more = [(x * 255 // max(width - 1, 1)), (x % 2) * 255, (y % 2) * 255, ((x + y) % 2) * 255]
    return np.stack([*boards, *(one.astype(np.uint8) for one in more), dot])
