"""Measures the motion epoch of libvmaf: its motion feature with the mirror fix of spring 2026, or before it.

Motion blurs each frame with a 5-tap filter and sums absolute differences. Before the fix, the blur repeated the last
sample when it mirrored the right and bottom edges, but not at the left and top edges. The test clip lights one column
at the left edge, then one at the right. With the fix both give the same motion. Before it, the right edge gives more,
by the ratio of the filter weights on the column.
"""

from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf import scratch
from tinyvmaf.errors import LogError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf.score import score_pair
from tinyvmaf.vmaf.media import both

EPOCHS: Final = ("before", "mirror-fix")
_WIDTH, _HEIGHT = 128, 96
# libvmaf's motion blur, in 1/65536.
_OUTER, _INNER, _CENTRE = 3571, 16004, 26386
_PLAIN = _CENTRE + _INNER + _OUTER
_REPEATED = (_CENTRE + _INNER) + (_INNER + _OUTER) + _OUTER
RATIOS: Final = {"mirror-fix": 1.0, "before": _REPEATED / _PLAIN}
_TOLERANCE = 1e-3


def motion_epoch(ffmpeg: FFmpeg) -> tuple[str, str]:
    """Measure the motion epoch of the installed libvmaf.

    Returns:
        The epoch (`before` or `mirror-fix`) and libvmaf's version.

    Raises:
        LogError: an unknown epoch, for which there are no published values.
    """
    with scratch.folder() as folder:
        path = Path(folder, "edges.yuv")
        path.write_bytes(_edges())
        table = score_pair(
            path, path, options=both(size=f"{_WIDTH}x{_HEIGHT}", pix_fmt="yuv420p"), threads=1, ffmpeg=ffmpeg
        )
    # motion2 is the smaller of the motions from the last and to the next frame: frames 1 and 3 see one edge each.
    motion = table.features(["motion2"])[:, 0]
    ratio = float(motion[3] / motion[1]) if motion[1] > 0 else float("nan")
    for epoch, expected in RATIOS.items():
        if abs(ratio - expected) < _TOLERANCE:
            return epoch, table.version
    known = ", ".join(f"{expected:.4f} ({epoch})" for epoch, expected in RATIOS.items())
    raise LogError(
        f"libvmaf {table.version} has a motion feature of no known epoch: a change at the right edge counts "
        f"{ratio:.4f} times one at the left; known are {known}"
    )


def _edges() -> bytes:
    """Five 8-bit frames: flat, left column lit, flat, right column lit, flat."""
    frames = []
    for column in (None, 0, None, _WIDTH - 1, None):
        luma = np.full((_HEIGHT, _WIDTH), 60, dtype=np.uint8)
        if column is not None:
            luma[:, column] = 200
        frames.append(luma.tobytes() + bytes([128]) * (_WIDTH * _HEIGHT // 2))
    return b"".join(frames)
