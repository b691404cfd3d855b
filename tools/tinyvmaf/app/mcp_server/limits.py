"""How much one call may ask for. No bound of a model: those are in gates.toml."""

from typing import Final

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.media import Video

MAX_SIDE: Final = 8192
"""Pixels; wider than 8K. FFmpeg allocates frames of the size that a header claims."""
MAX_FRAMES: Final = 36_000
"""Ten minutes at 60 frames a second."""
MAX_ROWS: Final = 2_000
"""Frames that one answer lists; an answer is read by a model, whose context is finite."""
MAX_MODELS: Final = 20
MAX_TEACHERS: Final = 10
MAX_CORPUS_FILES: Final = 10_000
MAX_SIDECAR_BYTES: Final = 1_000_000
MAX_TEXT: Final = 4_096
"""Characters of any argument; the longest path that Linux takes."""
MAX_SAID: Final = 20
"""Failures, or what could not be checked, of a gate that an answer lists."""
CALL_SECONDS: Final = 600.0
GATE_SECONDS: Final = 1_800.0
CALLS_AT_ONCE: Final = 4
"""Further ones wait. libvmaf takes every core by itself."""
GATES_AT_ONCE: Final = 1
"""Latency is measured in one of them."""


class LimitError(TinyvmafError):
    """A call asked for more than the server gives."""


def require_modest(reference: Video, distorted: Video) -> None:
    """Refuse a pair that is too large or too long.

    Raises:
        LimitError: says what, and the limit.
    """
    for video in (reference, distorted):
        if max(video.geometry.width, video.geometry.height) > MAX_SIDE:
            raise LimitError(f"{video.path}: frames of {video.geometry} are larger than {MAX_SIDE} pixels a side")
        if video.frames > MAX_FRAMES:
            raise LimitError(f"{video.path}: {video.frames} frames are more than {MAX_FRAMES}", hint="cut it")
