"""What a file's first bytes say that it is."""

from pathlib import Path
from typing import Final

from tinyvmaf.errors import MediaError

_BEGINS: Final = {
    "PNG": (b"\x89PNG",),
    "JPEG": (b"\xff\xd8",),
    "GIF": (b"GIF8",),
    "BMP": (b"BM",),
    "TIFF": (b"II*\x00", b"MM\x00*"),
    "DPX": (b"SDPX", b"XPDS"),
    "JPEG XL": (b"\xff\x0a", b"\x00\x00\x00\x0cJXL"),
    "PNM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
    "Matroska": (b"\x1a\x45\xdf\xa3",),
    "y4m": (b"YUV4MPEG2",),
}
_BY_SUFFIX: Final = {
    ".apng": "PNG",
    ".bmp": "BMP",
    ".dpx": "DPX",
    ".gif": "GIF",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".jxl": "JPEG XL",
    ".pgm": "PNM",
    ".png": "PNG",
    ".ppm": "PNM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WebP",
}
_MOST: Final = 16
_CHUNKS: Final = 4096  # the chunk that says so comes before the first picture


def content_of(path: Path) -> str:
    """Name of the format that the first bytes are of; empty: unknown."""
    with path.open("rb") as file:
        begin = file.read(_MOST)
    if begin[:4] == b"RIFF":
        return {b"WEBP": "WebP", b"AVI ": "AVI"}.get(begin[8:12], "")
    if begin[4:8] == b"ftyp":
        return "mp4"
    return next((name for name, marks in _BEGINS.items() if begin.startswith(marks)), "")


def is_animated_png(path: Path) -> bool:
    """Whether a PNG has more than one frame: `.png` is the usual extension of both."""
    with path.open("rb") as file:
        return b"acTL" in file.read(_CHUNKS)


def require_picture(path: Path) -> None:
    """Refuse a picture whose content is not what its extension says.

    Raises:
        MediaError: it is empty, or another format.
    """
    stated = _BY_SUFFIX[path.suffix.lower()]
    if not path.stat().st_size:
        raise MediaError(f"{path}: the file is empty")
    if (found := content_of(path)) != stated:
        what = f"but {found}" if found else "and begins like no picture"
        raise MediaError(f"{path}: it is not {stated}, {what}", hint="give it the extension of its content")
