"""Netflix's synthetic golden clips, rebuilt bit for bit: 1920x1080, 8-bit yuv420p, 3 frames."""

import hashlib
import re

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import GoldenError

WIDTH, HEIGHT, FRAMES = 1920, 1080, 3
_SQUARE = 10
_BLACK, _WHITE, _GREY = 16, 235, 128


def git_blob_id(data: bytes) -> str:
    """git's id of a file with this content: sha1 of `blob <length>\\0` and the content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def checkerboard(shift: int) -> bytes:
    """A checkerboard of 10-pixel squares, moved right by `shift` pixels and by one more each frame."""
    x, y = np.arange(WIDTH)[None, :], np.arange(HEIGHT)[:, None]
    frames = []
    for t in range(FRAMES):
        dark = ((x - t - shift) // _SQUARE + y // _SQUARE) % 2 == 0
        frames.append(np.where(dark, _BLACK, _WHITE).astype(np.uint8).tobytes() + _grey_chroma())
    return b"".join(frames)


def flat(luma: int) -> bytes:
    """Frames of one luma value."""
    return (bytes([luma]) * (WIDTH * HEIGHT) + _grey_chroma()) * FRAMES


def luma_of(name: str) -> NDArray[np.uint8]:
    """The luma of a pattern by its published file name, uint8 `[FRAMES, HEIGHT, WIDTH]`.

    Raises:
        GoldenError: no pattern has that name.
    """
    frames = np.frombuffer(build(name), np.uint8).reshape(FRAMES, -1)
    return frames[:, : WIDTH * HEIGHT].reshape(FRAMES, HEIGHT, WIDTH)


def build(name: str) -> bytes:
    """The content of a pattern by its published file name.

    `checkerboard_1920_1080_10_3_<shift>_0.yuv` is shifted by that many pixels; `flat_1920_1080_0.yuv` has luma 16 and
    `flat_1920_1080_10.yuv` luma 25.

    Raises:
        GoldenError: no pattern has that name.
    """
    if match := re.fullmatch(r"checkerboard_1920_1080_10_3_(\d+)_0\.yuv", name):
        return checkerboard(int(match[1]))
    flats = {"flat_1920_1080_0.yuv": 16, "flat_1920_1080_10.yuv": 25}
    if name in flats:
        return flat(flats[name])
    raise GoldenError(f"unknown pattern {name!r}")


def _grey_chroma() -> bytes:
    return bytes([_GREY]) * (WIDTH * HEIGHT // 2)
