"""Pictures and numbered sequences of pictures, as videos of one or more frames."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.media.content import is_animated_png, require_picture
from tinyvmaf.vmaf.media.video import STRICT

# The demuxer is chosen by the extension and forced, so that no content can choose another. Each of these reads the one
# file that it was given.
_DEMUXERS: Final = {
    ".apng": "apng",
    ".bmp": "bmp_pipe",
    ".dpx": "dpx_pipe",
    ".gif": "gif",
    ".jpeg": "jpeg_pipe",
    ".jpg": "jpeg_pipe",
    ".jxl": "jpegxl_pipe",
    ".pgm": "pgm_pipe",
    ".png": "png_pipe",
    ".ppm": "ppm_pipe",
    ".tif": "tiff_pipe",
    ".tiff": "tiff_pipe",
    ".webp": "webp_pipe",
}
_NUMBER: Final = re.compile(r"%(?:0(\d+))?d")


@dataclass(frozen=True)
class Opener:
    """How FFmpeg opens a file."""

    kind: str
    """`container`, `picture` or `sequence`."""
    options: tuple[str, ...]
    url: str = ""
    """FFmpeg's name of the input; empty: that of its path."""
    pictures: int = 0
    """How many pictures a sequence has."""
    timed: bool = True
    """Whether its timestamps are its own."""
    strict: tuple[str, ...] = STRICT
    """FFmpeg options that make an error in the file end the run."""


def picture(path: Path) -> Opener | None:
    """How a picture is opened; None: not a picture, by its extension."""
    demuxer = _DEMUXERS.get(path.suffix.lower())
    if demuxer is None:
        return None
    require_picture(path)
    if demuxer == "png_pipe" and is_animated_png(path):
        demuxer = "apng"
    options = ("-protocol_whitelist", "file", "-f", demuxer)
    return Opener("picture", options, timed=demuxer in ("apng", "gif"), strict=_strict(path))


def _strict(path: Path) -> tuple[str, ...]:
    # FFmpeg's TIFF decoder takes every tag that it does not know for an error.
    return () if path.suffix.lower() in (".tif", ".tiff") else STRICT


def is_sequence(path: Path) -> bool:
    """Whether the path names a numbered sequence, such as `shot/%05d.png`, and no file of that very name."""
    return path.suffix.lower() in _DEMUXERS and _NUMBER.search(path.name) is not None and not path.exists()


def sequence(path: Path) -> Opener:
    """How a sequence is opened.

    Raises:
        MediaError: no such pictures, or one is missing between two others.
    """
    number = _NUMBER.search(path.name)
    assert number is not None
    before, after = path.name[: number.start()], path.name[number.end() :]
    pattern = re.compile(rf"{re.escape(before)}(\d+){re.escape(after)}")
    try:
        matches = [match for one in path.parent.iterdir() if (match := pattern.fullmatch(one.name))]
    except OSError as error:
        raise MediaError(f"{path.parent}: {error.strerror}") from error
    numbers = sorted(int(match[1]) for match in matches if match[1] == f"{int(match[1]):0{number[1] or 1}d}")
    if not numbers:
        other = f"; {matches[0][0]} has {len(matches[0][1])} digits" if matches else ""
        raise MediaError(f"{path}: no picture has such a name{other}")
    missing = next((n for n in range(numbers[0], numbers[-1]) if n not in set(numbers)), None)
    if missing is not None:
        raise MediaError(
            f"{path}: picture {missing} is missing, between {numbers[0]} and {numbers[-1]}",
            hint="FFmpeg would end there without a word",
        )
    for n in numbers:
        require_picture(path.with_name(f"{before}{n:0{number[1] or 1}d}{after}"))
    folder = str(path.parent.absolute()).replace("%", "%%")
    escaped = f"{before.replace('%', '%%')}{number[0]}{after.replace('%', '%%')}"
    options: tuple[str, ...] = ("-protocol_whitelist", "file", "-f", "image2", "-pattern_type", "sequence")
    options = (*options, "-start_number", str(numbers[0]))
    return Opener(
        "sequence", options, f"file:{folder}/{escaped}", pictures=len(numbers), timed=False, strict=_strict(path)
    )
