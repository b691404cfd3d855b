"""Frames of a pair as pictures, as libvmaf sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf import scratch
from tinyvmaf.errors import FFmpegError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, run
from tinyvmaf.vmaf.media import OpenedPair, frames_graph
from tinyvmaf.vmaf.media.colour import filled

MOST_WIDE: Final = 1280
"""Pixels; a wider picture is scaled down."""
GAIN: Final = 8
"""The difference is multiplied by it: that of most codecs is a few codes."""
_HD: Final = 720
"""Lines. Where no file says its matrix, players take BT.709 from here on, and BT.601 below."""
_MATRICES: Final = ("bt601", "bt709", "bt2020", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc")
"""FFmpeg's scale filter has no others."""
_SIDES: Final = ("reference", "distorted", "difference")
_JPEG: Final = ("-fps_mode", "passthrough", "-c:v", "mjpeg", "-q:v", "3", "-f", "image2")


@dataclass(frozen=True)
class FramePictures:
    """One frame of a pair: three JPEG files."""

    frame: int
    reference: bytes
    distorted: bytes
    difference: bytes
    """Of luma, multiplied by `GAIN`: 0 is black."""


def frame_pictures(
    pair: OpenedPair, frames: Sequence[int], ffmpeg: FFmpeg, *, timeout: float | None = None
) -> list[FramePictures]:
    """Pictures of frames, in their order. The clip is decoded from its start to the last of them: frame n is frame n.

    Raises:
        FFmpegError: a frame cannot be decoded, or the pair has no such frame.
    """
    if not frames:
        return []
    wanted = sorted(set(frames))
    graph = f"{frames_graph(pair, (0, 1))};{_pictures_graph(pair, wanted)}"
    errors = pair.options.allow_errors
    inputs = [word for one in (pair.reference, pair.distorted) for word in one.input_arguments(allow_errors=errors)]
    with scratch.folder() as name:
        arguments = [*inputs, "-noauto_conversion_filters", "-filter_complex", graph]
        for side in _SIDES:
            arguments += ["-map", f"[{side}]", *_JPEG, "-frames:v", str(len(wanted)), f"{side}%d.jpg"]
        run(ffmpeg, arguments, cwd=Path(name), timeout=timeout, stop_at_errors=not errors)
        found = {frame: _read(Path(name), number, frame) for number, frame in enumerate(wanted, start=1)}
    return [found[frame] for frame in frames]


def _read(folder: Path, number: int, frame: int) -> FramePictures:
    try:
        return FramePictures(frame, *(Path(folder, f"{side}{number}.jpg").read_bytes() for side in _SIDES))
    except FileNotFoundError as error:
        raise FFmpegError(f"FFmpeg decodes no frame {frame}") from error


def _pictures_graph(pair: OpenedPair, frames: Sequence[int]) -> str:
    """From `[dis]` and `[ref]` to a picture of each frame of both, and of the difference of their luma."""
    chosen = f"select='{'+'.join(f'eq(n,{frame})' for frame in frames)}',split"
    size = f"scale=w='min(iw,{MOST_WIDE})':h=-2"
    matrix, levels = _matrix(pair), "full" if pair.full_range else "limited"
    # JPEG is BT.601 with full range.
    shown = f"{size}:in_color_matrix={matrix}:in_range={levels}:out_color_matrix=bt601:out_range=full,format=yuvj420p"
    return ";".join(
        (
            # blend pairs frames as libvmaf does; at opacity 0 it gives the second one: the reference's frame that
            # libvmaf compares with frame n of the distorted video.
            "[dis]split[d][clock];[clock][ref]blend=all_mode=normal:all_opacity=0[r]",
            f"[d]{chosen}[d1][d2];[r]{chosen}[r1][r2]",
            f"[d1]{shown}[distorted];[r1]{shown}[reference]",
            "[d2]extractplanes=y[dy];[r2]extractplanes=y[ry];[dy][ry]blend=all_mode=difference,"
            f"lut=c0='min(val*{GAIN},maxval)',{size}:in_range=full:out_range=full,format=yuvj420p,lutyuv=u=128:v=128[difference]",
        )
    )


def _matrix(pair: OpenedPair) -> str:
    """The one that RGB was converted by, else that of the files, else what players take."""
    asked = [reading.matrix for reading in pair.options.readings if reading.matrix is not None]
    known = asked[0] if asked else filled(pair.reference.colour, pair.distorted.colour).matrix
    if known in _MATRICES:
        return known
    return "bt709" if pair.form.height >= _HD else "bt601"
