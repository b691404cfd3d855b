"""Reads y4m files: the header, and whether every frame is whole."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

from tinyvmaf.errors import MediaError, known_hint
from tinyvmaf.vmaf.ffmpeg.stop import check_stop
from tinyvmaf.vmaf.media.colour import Colour
from tinyvmaf.vmaf.media.geometry import Geometry, PixelFormat, frame_format, parse_size
from tinyvmaf.vmaf.media.video import Timing, Video

MAGIC: Final = b"YUV4MPEG2"
_LINE_LIMIT: Final = 1024
_LIMIT: Final = 1 << 31  # FFmpeg's own; the times of 1 frame in 10^400 s are no floats
_FRAMES_BETWEEN_CHECKS: Final = 4096  # a small file can hold millions of frames of one pixel


def _formats() -> dict[str, str]:
    table = {"420": "yuv420p", "420jpeg": "yuv420p", "420mpeg2": "yuv420p", "420paldv": "yuv420p"}
    table |= {"411": "yuv411p", "422": "yuv422p", "444": "yuv444p", "444alpha": "yuva444p", "mono": "gray"}
    for bits in (9, 10, 12, 14, 16):
        table |= {f"{s}p{bits}": f"yuv{s}p{bits}le" for s in ("420", "422", "444")} | {f"mono{bits}": f"gray{bits}le"}
    return table


_FORMATS: Final = _formats()
# Writers that know nothing of chroma location write 420jpeg or nothing, so those two say nothing.
_CHROMA: Final = {"420mpeg2": "left", "420paldv": "topleft"}


@dataclass(frozen=True)
class Header:
    """The first line of a y4m file."""

    geometry: Geometry
    full_range: bool | None
    colour: Colour
    fps: Fraction | None
    sample_aspect: Fraction


def read_header(path: Path, file: BinaryIO) -> tuple[Header, bytes]:
    """Read the header, and its line as it is; the file is left at the first frame.

    Raises:
        MediaError: no y4m header, or of a kind that is not known.
    """
    header = file.readline(_LINE_LIMIT)
    if not header.startswith(MAGIC):
        raise MediaError(f"{path}: does not begin with {MAGIC.decode()}, so it is not y4m")
    if not header.endswith(b"\n"):
        raise MediaError(f"{path}: the y4m header is cut short")
    fields = header.decode("ascii", "replace").split()[1:]
    tags = {field[:1]: field[1:] for field in fields if not field.startswith("X")}
    try:
        width, height = parse_size(f"{tags.get('W', '')}x{tags.get('H', '')}")
    except MediaError as error:
        raise MediaError(f"{path}: {error.message}") from error
    space = tags.get("C", "420jpeg")
    pix_fmt: PixelFormat | None = frame_format(_FORMATS.get(space, ""))
    if pix_fmt is None:
        raise MediaError(f"{path}: unknown y4m pixel format C{space}", hint=known_hint(space, _FORMATS))
    levels = next((field for field in fields if field.startswith("XCOLORRANGE=")), "")
    full_range = {"XCOLORRANGE=FULL": True, "XCOLORRANGE=LIMITED": False}.get(levels)
    location = Colour(chroma_location=_CHROMA.get(space))
    fps, aspect = _ratio(tags.get("F", "")), _ratio(tags.get("A", ""))
    return Header(Geometry(width, height, pix_fmt), full_range, location, fps, aspect or Fraction(1)), header


def _ratio(text: str) -> Fraction | None:
    over, _, under = text.partition(":")
    known = over.isdecimal() and under.isdecimal() and all(0 < int(one) < _LIMIT for one in (over, under))
    return Fraction(int(over), int(under)) if known else None


def read_marker(path: Path, file: BinaryIO, frame: int, geometry: Geometry) -> bool:
    """Read the line before a frame; False at the end of the file.

    Raises:
        MediaError: another line.
    """
    marker = file.readline(_LINE_LIMIT)
    if marker and not (marker.startswith(b"FRAME") and marker.endswith(b"\n")):
        raise MediaError(f"{path}: no FRAME marker before frame {frame}: damaged, or not {geometry}")
    return bool(marker)


def open_y4m(path: Path, file: BinaryIO, size: int) -> Video:
    """The video of a y4m file of `size` bytes.

    Raises:
        MediaError: damaged, cut short, without frames, or of an unknown kind.
    """
    header, _ = read_header(path, file)
    geometry, frames = header.geometry, 0
    while read_marker(path, file, frames, geometry):
        end = file.tell() + geometry.frame_bytes
        if end > size:
            raise MediaError(f"{path}: cut short in frame {frames}: {end - size} bytes are missing")
        file.seek(end)
        frames += 1
        if frames % _FRAMES_BETWEEN_CHECKS == 0:
            check_stop()
    if not frames:
        raise MediaError(f"{path}: no frames")
    timing = Timing(header.fps)
    if header.fps is not None:
        # No bitrate: what was decoded has lost that of its encode.
        timing = Timing(header.fps, tuple(float(n / header.fps) for n in range(frames)))
    return Video(
        path,
        "y4m",
        geometry,
        frames,
        exact=True,
        full_range=header.full_range,
        colour=header.colour,
        sample_aspect=header.sample_aspect,
        timing=timing,
    )
