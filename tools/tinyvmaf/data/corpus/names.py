"""File names of a corpus, as in the Netflix Public corpus.

References are `<source>_<fps>fps.<ext>`, or `<source>_0_<height>_0.<ext>`; distorted clips are
`<source>_<quality>_<height>_<kbps>.<ext>`.
"""

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

EXTENSIONS: Final = (".yuv", ".y4m", ".mkv", ".mp4", ".mov", ".webm")
_REFERENCE: Final = re.compile(r"(?P<source>[^.].*)_(?P<fps>[0-9]+(\.[0-9]+)?)fps")
_CLIP: Final = re.compile(r"(?P<source>[^.].*)_(?P<quality>[0-9]+)_(?P<height>[0-9]+)_(?P<kbps>[0-9]+)")


@dataclass(frozen=True)
class ClipName:
    """The fields in the name of a distorted clip."""

    source: str
    quality: int
    height: int
    """Height in pixels at which the clip was encoded."""
    kbps: int


def reference_name(path: PurePath) -> str | None:
    """The source in the name of a reference; None for another name."""
    if path.suffix.lower() not in EXTENSIONS:
        return None
    if match := _REFERENCE.fullmatch(path.stem):
        return match["source"]
    clip = clip_name(path)
    return clip.source if clip is not None and clip.quality == 0 and clip.kbps == 0 else None


def clip_name(path: PurePath) -> ClipName | None:
    """The fields in the name of a distorted clip; None for another name."""
    match = _CLIP.fullmatch(path.stem)
    if match is None or path.suffix.lower() not in EXTENSIONS:
        return None
    return ClipName(match["source"], int(match["quality"]), int(match["height"]), int(match["kbps"]))
