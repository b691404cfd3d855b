"""A few generated frames that every machine measures before its rows count."""

from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf.data.corpus import Clip

SIZE: Final = ("320x192", "yuv420p")  # the smallest that every feature of libvmaf takes
_WIDTH, _HEIGHT, _FRAMES = 320, 192, 3


def write_probe_clip(folder: Path) -> Clip:
    """Write the reference and its distorted version; whole numbers only, so the bytes are the same everywhere."""
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    reference, distorted = bytearray(), bytearray()
    for frame in range(_FRAMES):
        texture = (x * x + 3 * y * y + 7 * x * y + 40 * frame * x) // 64 % 160
        luma = np.where((x + 9 * frame) // 24 % 2 == y // 24 % 2, texture, 235 - texture // 2)
        coarse = luma // 12 * 12 + (x * 7 + y * 13 + frame * 5) % 9
        chroma = (96 + x[: _HEIGHT // 2, : _WIDTH // 2] // 4, 150 - y[: _HEIGHT // 2, : _WIDTH // 2] // 2)
        for data, planes in ((reference, (luma, *chroma)), (distorted, (coarse, *(c // 6 * 6 for c in chroma)))):
            data += b"".join(plane.astype(np.uint8).tobytes() for plane in planes)
    paths = folder / "probe_25fps.yuv", folder / "probe_1_192_100.yuv"
    for path, data in zip(paths, (reference, distorted), strict=True):
        path.write_bytes(data)
    return Clip("probe_1_192_100", "probe", paths[1], paths[0], 1, _HEIGHT, 100)
