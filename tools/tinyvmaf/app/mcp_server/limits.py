"""How much one call may ask for. Bounds on models are in gates.toml."""

from typing import Final

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.media import Video

MAX_SIDE: Final = 8192
"""Pixels, more than 8K. FFmpeg allocates frames of the size that a header claims, so it must be bounded."""
MAX_FRAMES: Final = 36_000
"""Ten minutes at 60 frames a second."""
MAX_ROWS: Final = 2_000
"""Frames in one answer; the language model that reads it has a limited context."""
MAX_MODELS: Final = 20
MAX_TEACHERS: Final = 10
MAX_CORPUS_FILES: Final = 10_000
MAX_SIDECAR_BYTES: Final = 1_000_000
MAX_TEXT: Final = 4_096
"""Characters of any argument; the longest path on Linux."""
MAX_ENTRIES: Final = 20
"""Failures (and as many entries NOT CHECKED, ...) of a gate in one answer."""
CALL_SECONDS: Final = 600.0
GATE_SECONDS: Final = 1_800.0
CALLS_AT_ONCE: Final = 4
"""Further calls wait; one libvmaf uses every core."""
GATES_AT_ONCE: Final = 1
"""One gate measures latency, so nothing may run beside it."""


class LimitError(TinyvmafError):
    """A call asked for more than the server allows."""


def require_within_limits(*videos: Video) -> None:
    """Refuse videos that are too large or too long.

    Raises:
        LimitError: the frames are too large, or too many.
    """
    for video in videos:
        if max(video.geometry.width, video.geometry.height) > MAX_SIDE:
            raise LimitError(f"{video.path}: frames of {video.geometry} are larger than {MAX_SIDE} pixels a side")
        if video.frames > MAX_FRAMES:
            raise LimitError(f"{video.path}: {video.frames} frames are more than {MAX_FRAMES}", hint="cut the video")


def require_few_files(count: int) -> None:
    """Refuse a corpus with too many files.

    Raises:
        LimitError: more than the limit.
    """
    if count > MAX_CORPUS_FILES:
        raise LimitError(f"the corpus has {count} files, more than {MAX_CORPUS_FILES}", hint="check a part of it")
