"""Opens video files: geometry, colour, timing and number of frames.

Raw yuv (`.yuv`, `.raw`; the caller gives the geometry) and y4m are read here, frame by frame; containers and pictures
by FFmpeg. Nothing is guessed from a file's size.
"""

import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from tinyvmaf.errors import FFmpegError, MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, run
from tinyvmaf.vmaf.media.compare import OpenedPair, pair_of
from tinyvmaf.vmaf.media.geometry import Geometry, frame_format
from tinyvmaf.vmaf.media.options import PairOptions, Reading
from tinyvmaf.vmaf.media.probe import PROBE_TIMEOUT_S, probe
from tinyvmaf.vmaf.media.ranges import RANGES
from tinyvmaf.vmaf.media.samples import levels, opaque
from tinyvmaf.vmaf.media.symptoms import WAY_ON, sentence
from tinyvmaf.vmaf.media.video import STRICT, WHITELIST, Video
from tinyvmaf.vmaf.media.y4m import MAGIC, open_y4m

RAW_SUFFIXES: Final = (".yuv", ".raw")


def is_raw(path: Path) -> bool:
    """Whether the file is raw yuv, by its extension."""
    return path.suffix.lower() in RAW_SUFFIXES


def open_video(
    path: Path,
    ffmpeg: FFmpeg,
    *,
    raw_geometry: Geometry | None = None,
    reading: Reading | None = None,
    allow_errors: bool = False,
) -> Video:
    """Read the geometry, the colour and the number of frames of a video file.

    Args:
        raw_geometry: geometry of raw yuv, which has no header; ignored for other kinds.
        reading: what the caller says of the file; its geometry is used if `raw_geometry` is None.
        allow_errors: read on where the file is damaged.

    Raises:
        MediaError: missing, empty, not a file, not a whole number of frames, damaged, of unknown format, without
            video, or raw without a geometry.
    """
    reading = reading or Reading()
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
    return _with_range(_opened(path, size, ffmpeg, raw_geometry, reading, allow_errors), reading)


def _opened(
    path: Path, size: int, ffmpeg: FFmpeg, raw_geometry: Geometry | None, reading: Reading, allow_errors: bool
) -> Video:
    if is_raw(path):
        return _open_raw(path, size, raw_geometry or reading.raw_geometry())
    with path.open("rb") as file:
        if path.suffix.lower() == ".y4m" or file.read(len(MAGIC)) == MAGIC:
            file.seek(0)
            return open_y4m(path, file, size)
    return _open_container(path, ffmpeg, reading, allow_errors)


def _with_range(video: Video, reading: Reading) -> Video:
    return video if reading.range is None else replace(video, full_range=reading.range == "full")


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


def _open_container(path: Path, ffmpeg: FFmpeg, reading: Reading, allow_errors: bool) -> Video:
    found = probe(
        path, ffmpeg, WHITELIST if allow_errors else (*WHITELIST, *STRICT), reading.stream, strict=not allow_errors
    )
    pix_fmt = frame_format(found.coded)
    if pix_fmt is None:
        raise MediaError(f"{path}: unknown pixel format {found.coded!r}", hint=_convert(path))
    turn = ""
    if found.direction is not None:
        # 4:2:2 that is turned by 90 degrees has no layout of its own: chroma is brought to 4:4:4, luma stays.
        turned = frame_format(pix_fmt.planar.replace("422", "444"))
        assert turned is not None
        turn, pix_fmt = f"scale=in_range=full:out_range=full,format={turned.name},transpose={found.direction}", turned
    video = Video(
        path,
        "container",
        Geometry(found.width, found.height, pix_fmt),
        found.packets,
        exact=False,
        full_range=found.full_range,
        colour=found.colour,
        stream=found.stream.index,
        coded=found.coded,
        turn=turn,
        film_grain=found.film_grain,
        input_options=("-export_side_data", "film_grain") if found.film_grain and reading.film_grain == "off" else (),
        timing=found.timing,
        chosen=tuple(filter(None, [found.choice, _grain(path, found.film_grain, reading)])),
    )
    if pix_fmt.alpha and opaque(video, ffmpeg):
        video = replace(video, geometry=replace(video.geometry, pix_fmt=replace(pix_fmt, alpha=False)))
    stated = (found.container_range, found.full_range)
    if None not in stated and stated[0] != stated[1]:
        low, high = levels(video, ffmpeg)
        warning = (
            f"{path}: {RANGES[stated[0]]} range says the container, {RANGES[stated[1]]} the decoder: taken as "
            f"{RANGES[stated[0]]}; luma of the first frame is {low} to {high} (--range says which it is)"
        )
        return replace(video, full_range=stated[0], warnings=() if reading.range else (warning,))
    return video


def _grain(path: Path, present: bool, reading: Reading) -> str:
    if not present:
        return ""
    state = "left out" if reading.film_grain == "off" else "added by the decoder"
    return f"film grain of {path} is {state} (--film-grain on|off)"


def _convert(path: Path) -> str:
    return f"convert it without loss: ffmpeg -i {path} -pix_fmt yuv420p -c:v ffv1 converted.mkv"


def count_by_decoding(video: Video, ffmpeg: FFmpeg, *, allow_errors: bool = False) -> Video:
    """The same video with the exact number of frames; a container is decoded for it.

    Raises:
        MediaError: the file cannot be decoded to its end.
    """
    if video.exact:
        return video
    arguments = [*video.input_arguments(allow_errors=allow_errors), "-map", f"0:{video.stream}", "-f", "null", "-"]
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-") as folder:
        try:
            stderr = run(ffmpeg, arguments, cwd=Path(folder), timeout=PROBE_TIMEOUT_S, stop_at_errors=not allow_errors)
        except FFmpegError as error:
            raise MediaError(f"{video.path}: {sentence(error, 'FFmpeg cannot read it')}", hint=WAY_ON) from error
    (frames,) = decoded_frames(stderr, [video], allow_errors=allow_errors)
    return replace(video, frames=frames, exact=True)


def decoded_frames(stderr: str, inputs: list[Video], *, allow_errors: bool = False) -> list[int]:
    """How many frames FFmpeg decoded of each input, from the summary that it prints at its end.

    Raises:
        MediaError: an input has no summary, or decoding errors that are not allowed.
    """
    counts = []
    for number, video in enumerate(inputs):
        summary = re.search(
            rf"Input stream #{number}:{video.stream} \(video\): .*?(\d+) frames decoded; (\d+) decode errors", stderr
        )
        if summary is None:
            raise MediaError(f"{video.path}: FFmpeg does not say how many frames it decoded")
        if int(summary[2]) and not allow_errors:
            raise MediaError(f"{video.path}: {summary[2]} decoding errors: the file is damaged", hint=WAY_ON)
        counts.append(int(summary[1]))
    return counts


def open_pair(reference: Path, distorted: Path, options: PairOptions, ffmpeg: FFmpeg) -> OpenedPair:
    """Open both inputs of a pair.

    Raises:
        MediaError: one cannot be read.
        NotComparableError: they must not be compared.
    """
    errors = options.allow_errors
    ref = open_video(reference, ffmpeg, reading=options.reference, allow_errors=errors)
    dis = open_video(distorted, ffmpeg, reading=options.distorted, allow_errors=errors)
    if options.sync == "frames" and ref.frames != dis.frames and not (ref.exact and dis.exact):
        # Packets are not always frames: count the frames before refusing the pair.
        ref, dis = (count_by_decoding(video, ffmpeg, allow_errors=errors) for video in (ref, dis))
    return pair_of(ref, dis, options)
