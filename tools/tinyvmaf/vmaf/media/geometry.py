"""Frame sizes and pixel formats."""

import re
from dataclasses import dataclass

from tinyvmaf.errors import MediaError

MAX_SIDE = 32768


@dataclass(frozen=True)
class PixelFormat:
    """A planar yuv format that libvmaf reads."""

    name: str
    """FFmpeg's name."""
    bits: int
    """Bits per sample; above 8, a sample takes two bytes, little endian."""
    chroma_shift: tuple[int, int]
    """log2 of the horizontal and vertical subsampling of the chroma planes."""


def _formats() -> dict[str, PixelFormat]:
    table = {}
    for layout, shift in (("420", (1, 1)), ("422", (1, 0)), ("444", (0, 0))):
        for bits, suffix in ((8, ""), (10, "10le"), (12, "12le"), (16, "16le")):
            name = f"yuv{layout}p{suffix}"
            table[name] = PixelFormat(name, bits, shift)
    return table


PIXEL_FORMATS = _formats()


@dataclass(frozen=True)
class Geometry:
    """Size and pixel format of a frame."""

    width: int
    height: int
    pix_fmt: PixelFormat

    @property
    def frame_bytes(self) -> int:
        """Bytes of one raw frame, all planes."""
        horizontal, vertical = self.pix_fmt.chroma_shift
        chroma = -(-self.width >> horizontal) * -(-self.height >> vertical)
        return (self.width * self.height + 2 * chroma) * (1 if self.pix_fmt.bits == 8 else 2)

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.pix_fmt.name}"


def pixel_format(name: str) -> PixelFormat:
    """The pixel format of that name.

    Raises:
        MediaError: libvmaf does not read this format; lists those that it reads.
    """
    if name not in PIXEL_FORMATS:
        raise MediaError(f"unknown pixel format {name!r}", hint=f"libvmaf reads {', '.join(PIXEL_FORMATS)}")
    return PIXEL_FORMATS[name]


def parse_size(text: str) -> tuple[int, int]:
    """`1920x1080` as (1920, 1080).

    Raises:
        MediaError: another form, or a side is 0 or above 32768.
    """
    match = re.fullmatch(r"([0-9]{1,6})[xX]([0-9]{1,6})", text)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(0 < side <= MAX_SIDE for side in sides):
        raise MediaError(f"{text!r} is not a frame size", hint="give it as WIDTHxHEIGHT, such as 1920x1080")
    return sides
