"""Puts a sentence above FFmpeg's log: what its commonest failures mean."""

import re
from typing import Final

from tinyvmaf.errors import FFmpegError

# The first that FFmpeg's log matches is the cause.
_SENTENCES: Final[tuple[tuple[str, str], ...]] = (
    (
        r"unsupported chunk: ANMF",
        "it is an animated WebP, which FFmpeg does not decode: make pictures of it",
    ),
    (
        r"Not detecting m3u8|[Ww]hitelist",
        "it is a playlist, a picture under another name, or a kind that is not opened: a file must hold its own frames",
    ),
    (r"misdetection possible", "it is not a video that FFmpeg knows"),
    (r"moov atom not found", "it is cut short: its index (moov) is missing"),
    (
        r"on-monotonic DTS|Error muxing a packet",
        "its times jump back: join two files with FFmpeg's concat, not with cat",
    ),
    (r"no decoder found for|Decoder .* not found", "this FFmpeg has no decoder for it"),
    (r"No space left on device", "no space is left on the disk"),
    (r"Cannot allocate memory", "there is not enough memory to decode it"),
    (r"partial file|[Tt]runcat|End of file", "it is cut short"),
    (r"Invalid data found|rror submitting packet|rror while decoding", "it is damaged, or not a video"),
)


_PLAIN: Final = tuple(pattern for pattern, _ in _SENTENCES[:4])
"""Those to which FFmpeg's own words add nothing."""
WAY_ON: Final = "--allow-errors scores what can be decoded of a damaged file, and lists the errors"


def is_another_kind(error: FFmpegError) -> bool:
    """Whether FFmpeg failed because the file is none that it decodes, damaged or not."""
    return any(re.search(pattern, error.stderr) for pattern in _PLAIN)


def sentence(error: FFmpegError, what: str) -> str:
    """`what` failed, what FFmpeg's failure means if that is known, then FFmpeg's own words."""
    for pattern, text in _SENTENCES:
        if re.search(pattern, error.stderr):
            return f"{what}: {text}" if pattern in _PLAIN else f"{what}: {text}; {error.message}"
    return f"{what}: {error.message}"
