"""Opens video files: geometry, range and number of frames.

There are three kinds of file: raw yuv (`.yuv`, `.raw`; the caller gives the geometry), y4m (read here, frame by frame)
and containers (read by FFmpeg). Nothing is guessed from a file's size.
"""

import os
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from tinyvmaf.errors import FFmpegError, MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, file_url, run
from tinyvmaf.vmaf.media.geometry import PIXEL_FORMATS, Geometry, parse_size, pixel_format

RAW_SUFFIXES = (".yuv", ".raw")
_Y4M_MAGIC = b"YUV4MPEG2"
_Y4M_HEADER_LIMIT = 1024
_PROBE_TIMEOUT_S = 600.0
# Containers that hold their own frames. FFmpeg goes by content, not by name: it would also read a playlist (HLS, DASH,
# concat) called x.mp4, or a name that is a pattern (image2), and open the files listed there.
_DEMUXERS = (
    *("asf", "av1", "avi", "dv", "flv", "h264", "hevc", "ivf", "m4v", "matroska", "mov", "mpeg", "mpegts", "mpegvideo"),
    *("mxf", "nut", "obu", "ogg", "vvc", "yuv4mpegpipe"),
)
# Open this file only, and fail where a decoder would conceal an error.
_CONTAINER_OPTIONS = (
    *("-protocol_whitelist", "file", "-format_whitelist", ",".join(_DEMUXERS)),
    *("-err_detect", "explode"),
)


# Colour space tags of y4m; libvmaf ignores chroma siting.
_Y4M_FORMATS = {
    "420": "yuv420p",
    "420jpeg": "yuv420p",
    "420mpeg2": "yuv420p",
    "420paldv": "yuv420p",
    "422": "yuv422p",
    "444": "yuv444p",
} | {f"{s}p{b}": f"yuv{s}p{b}le" for s in ("420", "422", "444") for b in (10, 12, 16)}


@dataclass(frozen=True)
class Video:
    """A video file whose geometry is known."""

    path: Path
    kind: str
    """`raw`, `y4m` or `container`."""
    geometry: Geometry
    frames: int
    exact: bool
    """Whether `frames` counts frames. For a container it counts packets until the file is decoded, and some packets
    show no frame (VP8's hidden ones)."""
    full_range: bool | None = None
    """True: full range (`pc`); False: limited range (`tv`); None: the file does not say."""

    def input_arguments(self) -> list[str]:
        """FFmpeg arguments that open this file, and no other, as an input."""
        arguments: list[str] = [*_CONTAINER_OPTIONS] if self.kind == "container" else []
        if self.kind == "raw":
            g = self.geometry
            arguments += [
                "-f",
                "rawvideo",
                "-video_size",
                f"{g.width}x{g.height}",
                "-pixel_format",
                g.pix_fmt.name,
            ]
        elif self.kind == "y4m":
            arguments += ["-f", "yuv4mpegpipe"]
        return [*arguments, "-i", file_url(self.path)]


def is_raw(path: Path) -> bool:
    """Whether the file is raw yuv, by its extension."""
    return path.suffix.lower() in RAW_SUFFIXES


def open_video(path: Path, ffmpeg: FFmpeg, *, raw_geometry: Geometry | None = None) -> Video:
    """Read the geometry and the number of frames of a video file.

    Args:
        raw_geometry: geometry of raw yuv, which has no header; ignored for other kinds.

    Raises:
        MediaError: missing, empty, not a file, not a whole number of frames, damaged, of unknown format, or raw
            without a geometry.
    """
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise MediaError(f"{path}: {reason}") from error
    if not path.is_file():
        raise MediaError(f"{path}: not a file")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{path}: no permission to read it")
    if size == 0:
        raise MediaError(f"{path}: the file is empty")
    if is_raw(path):
        return _open_raw(path, size, raw_geometry)
    with path.open("rb") as file:
        if file.read(len(_Y4M_MAGIC)) == _Y4M_MAGIC:
            file.seek(0)
            return _open_y4m(path, file, size)
    if path.suffix.lower() == ".y4m":
        raise MediaError(f"{path}: does not begin with {_Y4M_MAGIC.decode()}, so it is not y4m")
    return _open_container(path, ffmpeg)


def _open_raw(path: Path, size: int, geometry: Geometry | None) -> Video:
    if geometry is None:
        raise MediaError(f"{path}: raw yuv has no header", hint="give its geometry with --size WxH --pix-fmt FORMAT")
    frames, rest = divmod(size, geometry.frame_bytes)
    if rest or not frames:
        raise MediaError(
            f"{path}: {size} bytes are not a whole number of frames: {frames} of {geometry.frame_bytes} bytes "
            f"({geometry}) and {rest} bytes over",
            hint="check --size and --pix-fmt, and whether the file is cut short",
        )
    return Video(path, "raw", geometry, frames, exact=True)


def _open_y4m(path: Path, file: BinaryIO, size: int) -> Video:
    header = file.readline(_Y4M_HEADER_LIMIT)
    if not header.endswith(b"\n"):
        raise MediaError(f"{path}: the y4m header is cut short")
    tags = {field[:1]: field[1:] for field in header.decode("ascii", "replace").split()[1:]}
    try:
        width, height = parse_size(f"{tags.get('W', '')}x{tags.get('H', '')}")
    except MediaError as error:
        raise MediaError(f"{path}: {error.message}") from error
    colour = tags.get("C", "420jpeg")
    if colour not in _Y4M_FORMATS:
        raise MediaError(f"{path}: unknown y4m pixel format C{colour}", hint=f"known: {', '.join(_Y4M_FORMATS)}")
    geometry = Geometry(width, height, PIXEL_FORMATS[_Y4M_FORMATS[colour]])
    levels = next((field for field in header.decode("ascii", "replace").split() if "XCOLORRANGE=" in field), "")
    frames = 0
    while marker := file.readline(_Y4M_HEADER_LIMIT):
        end = file.tell() + geometry.frame_bytes
        if not marker.startswith(b"FRAME") or not marker.endswith(b"\n"):
            raise MediaError(f"{path}: no FRAME marker before frame {frames}: damaged, or not {geometry}")
        if end > size:
            raise MediaError(f"{path}: cut short in frame {frames}: {end - size} bytes are missing")
        file.seek(end)
        frames += 1
    if not frames:
        raise MediaError(f"{path}: no frames")
    full_range = {"XCOLORRANGE=FULL": True, "XCOLORRANGE=LIMITED": False}.get(levels)
    return Video(path, "y4m", geometry, frames, exact=True, full_range=full_range)


def _open_container(path: Path, ffmpeg: FFmpeg) -> Video:
    # One process decodes the first frame, for its format, and counts packets without decoding.
    arguments = [*_CONTAINER_OPTIONS, "-i", file_url(path)]
    arguments += ["-map", "0:v:0", "-vf", "showinfo", "-frames:v", "1", "-f", "null", "-"]
    arguments += ["-map", "0:v:0", "-c", "copy", "-f", "null", "-"]
    stderr = _read_with(ffmpeg, arguments, path)
    shown = re.search(r"\] n: *0 .* fmt:(\S+) .* s:(\d+)x(\d+)", stderr)
    packets = re.search(r"Output stream #1:0 \(video\): (\d+) packets muxed", stderr)
    if shown is None or packets is None:
        raise MediaError(f"{path}: FFmpeg finds no video in it")
    name = shown[1].replace("yuvj", "yuv")  # FFmpeg's old names for full-range formats
    try:
        geometry = Geometry(int(shown[2]), int(shown[3]), pixel_format(name))
    except MediaError as error:
        raise MediaError(f"{path}: {error.message}", hint=error.hint) from error
    levels = re.search(r"color_range:(pc|tv)", stderr)
    full_range = True if "yuvj" in shown[1] else None if levels is None else levels[1] == "pc"
    return Video(path, "container", geometry, int(packets[1]), exact=False, full_range=full_range)


def count_by_decoding(video: Video, ffmpeg: FFmpeg) -> Video:
    """The same video with the exact number of frames; a container is decoded for it.

    Raises:
        MediaError: the file cannot be decoded to its end.
    """
    if video.exact:
        return video
    stderr = _read_with(ffmpeg, [*video.input_arguments(), "-map", "0:v:0", "-f", "null", "-"], video.path)
    (frames,) = decoded_frames(stderr, [video])
    return replace(video, frames=frames, exact=True)


def _read_with(ffmpeg: FFmpeg, arguments: list[str], path: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-") as folder:
        try:
            return run(ffmpeg, arguments, cwd=Path(folder), timeout=_PROBE_TIMEOUT_S)
        except FFmpegError as error:
            raise MediaError(f"{path}: FFmpeg cannot read it: {error.message}") from error


def decoded_frames(stderr: str, inputs: list[Video]) -> list[int]:
    """How many frames FFmpeg decoded of each input, from the summary that it prints at its end.

    Raises:
        MediaError: an input has no summary, or decoding errors.
    """
    counts = []
    for number, video in enumerate(inputs):
        summary = re.search(
            rf"Input stream #{number}:\d+ \(video\): .*?(\d+) frames decoded; (\d+) decode errors", stderr
        )
        if summary is None:
            raise MediaError(f"{video.path}: FFmpeg does not say how many frames it decoded")
        if int(summary[2]):
            raise MediaError(f"{video.path}: {summary[2]} decoding errors: the file is damaged")
        counts.append(int(summary[1]))
    return counts
