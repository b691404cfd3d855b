"""Frame sizes and pixel formats."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from tinyvmaf.errors import MediaError

MAX_SIDE = 32768


@dataclass(frozen=True)
class PixelFormat:
    """How the samples of a frame are stored."""

    name: str
    """FFmpeg's name."""
    bits: int
    """Bits per sample; above 8, a sample takes two bytes, little endian."""
    chroma_shift: tuple[int, int]
    """log2 of the horizontal and vertical subsampling of the chroma planes."""
    family: Literal["yuv", "gray", "rgb"] = "yuv"
    alpha: bool = False

    @property
    def layout(self) -> str:
        """For people: `4:2:0`, `gray`, `RGB`."""
        if self.family != "yuv":
            return {"gray": "gray", "rgb": "RGB"}[self.family]
        return next((layout for layout, shift in _LAYOUTS.items() if shift == self.chroma_shift), self.name)

    @property
    def planar(self) -> str:
        """The planar yuv format with the same samples; that of gray has neutral chroma, that of RGB 4:4:4."""
        layout = {"gray": "420", "rgb": "444"}.get(self.family, self.layout.replace(":", ""))
        return f"yuv{layout}p{'' if self.bits == 8 else f'{self.bits}le'}"


_LAYOUTS = {
    "4:2:0": (1, 1),
    "4:2:2": (1, 0),
    "4:4:4": (0, 0),
    "4:4:0": (0, 1),
    "4:1:1": (2, 0),
    "4:1:0": (2, 2),
}


def _planar(layout: str, bits: int) -> PixelFormat:
    shift = _LAYOUTS[":".join(layout)]
    return PixelFormat(f"yuv{layout}p{'' if bits == 8 else f'{bits}le'}", bits, shift)


PIXEL_FORMATS = {one.name: one for one in (_planar(s, b) for s in ("420", "422", "444") for b in (8, 10, 12, 16))}
"""Those that libvmaf reads."""
# The same samples in another order: FFmpeg's names, layout, bits.
_REORDERED = {
    **dict.fromkeys(("nv12", "nv21"), ("420", 8)),
    **dict.fromkeys(("nv16", "yuyv422", "uyvy422", "yvyu422"), ("422", 8)),
    **{f"p{n}{bits}le": (s, bits) for n, s in ((0, "420"), (2, "422"), (4, "444")) for bits in (10, 12, 16)},
    **{f"y2{bits}le": ("422", bits) for bits in (10, 12, 16)},
}
RAW_FORMATS = PIXEL_FORMATS | {name: replace(_planar(*same), name=name) for name, same in _REORDERED.items()}
"""Those that raw files may have."""
_PACKED = RAW_FORMATS | {
    name: replace(_planar(*same), name=name)
    for name, same in {"nv24": ("444", 8), "nv42": ("444", 8), "xv30le": ("444", 10), "xv36le": ("444", 12)}.items()
}
_YUV = re.compile(r"yuvj?(a?)(4[0-9]{2})p([0-9]*)(?:le|be)?")
_GRAY = re.compile(r"(gray|ya)([0-9]*)(?:le|be)?")
_RGB = re.compile(r"0?(gbr|rgb|bgr)|a(rgb|bgr)|x2?(rgb|bgr|yz)|pal8|mono|bayer")


def frame_format(name: str) -> PixelFormat | None:
    """The pixel format of decoded frames by FFmpeg's name; None: unknown."""
    if name in _PACKED:
        return _PACKED[name]
    if (match := _YUV.fullmatch(name)) and ":".join(match[2]) in _LAYOUTS:
        return replace(_planar(match[2], int(match[3] or 8)), name=name.replace("yuvj", "yuv"), alpha=bool(match[1]))
    if match := _GRAY.fullmatch(name):
        return PixelFormat(name, int(match[2] or 8), (1, 1), "gray", alpha=match[1] == "ya")
    if _RGB.match(name):
        deep = re.search(r"48|64|[0-9]{2}", name.removeprefix("rgb24").removeprefix("bgr24"))
        bits = {"48": 16, "64": 16}.get(deep[0], int(deep[0])) if deep else 8
        return PixelFormat(
            name, bits, (0, 0), "rgb", alpha="pal8" in name or bool(re.search("rgba|bgra|argb|abgr|gbra", name))
        )
    return None


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
        chroma = 0 if self.pix_fmt.family == "gray" else -(-self.width >> horizontal) * -(-self.height >> vertical)
        planes = 2 if self.pix_fmt.alpha else 1
        return (planes * self.width * self.height + 2 * chroma) * (1 if self.pix_fmt.bits == 8 else 2)

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.pix_fmt.name}"


def pixel_format(name: str) -> PixelFormat:
    """The pixel format of raw yuv of that name.

    Raises:
        MediaError: no yuv format that can be scored; lists those that can.
    """
    if name not in RAW_FORMATS:
        raise MediaError(f"unknown pixel format {name!r}", hint=f"raw files may have {', '.join(RAW_FORMATS)}")
    return RAW_FORMATS[name]


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
