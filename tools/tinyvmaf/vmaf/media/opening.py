"""Opens video files: geometry, colour, timing and number of frames.

Raw yuv (`.yuv`, `.raw`; the caller gives the geometry) and y4m are read here, frame by frame; containers and pictures
by FFmpeg. Nothing is guessed from a file's size.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path
from typing import Final

from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.media import matroska
from tinyvmaf.vmaf.media.compare import OpenedPair, pair_of
from tinyvmaf.vmaf.media.containers import CONTAINER, open_with
from tinyvmaf.vmaf.media.counting import count_by_decoding
from tinyvmaf.vmaf.media.geometry import Geometry
from tinyvmaf.vmaf.media.options import PairOptions, Reading
from tinyvmaf.vmaf.media.pictures import is_sequence, picture, sequence
from tinyvmaf.vmaf.media.pipes import is_pipe, open_pipe
from tinyvmaf.vmaf.media.symptoms import WAY_ON
from tinyvmaf.vmaf.media.video import Video
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
    typed: bool = False,
) -> Video:
    """Read the geometry, the colour and the number of frames of a video file.

    Args:
        raw_geometry: geometry of raw yuv, which has no header; ignored for other kinds.
        reading: what the caller says of the file; its geometry is used if `raw_geometry` is None.
        allow_errors: read on where the file is damaged.
        typed: a person typed the path, so it may name a pipe (`-`, or a FIFO) or a numbered sequence of pictures.

    Raises:
        MediaError: missing, empty, not a file, not a whole number of frames, damaged, of unknown format, without
            video, or raw without a geometry.
    """
    reading = reading or Reading()
    if typed and is_pipe(path):
        return _with_range(open_pipe(path), reading)
    if typed and is_sequence(path):
        return _with_range(open_with(sequence(path), path, ffmpeg, reading, allow_errors=allow_errors), reading)
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise MediaError(f"{path}: {reason}", hint=_not_a_file(path)) from error
    if not path.is_file():
        raise MediaError(f"{path}: not a file")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{path}: no permission to read it")
    if size == 0:
        raise MediaError(f"{path}: the file is empty")
    return _with_range(_opened(path, size, ffmpeg, raw_geometry, reading, allow_errors), reading)


def _not_a_file(path: Path) -> str | None:
    """What to type in place of a path that is no file."""
    if re.match(r"[a-z][a-z0-9+.-]+:", str(path)):
        return "only files are opened: download it first"
    if "*" in path.name:
        return "a numbered sequence of pictures is named like shot/%05d.png"
    return None


def _opened(
    path: Path, size: int, ffmpeg: FFmpeg, raw_geometry: Geometry | None, reading: Reading, allow_errors: bool
) -> Video:
    if is_raw(path):
        _require_only_stream(path, reading)
        return _open_raw(path, size, raw_geometry or reading.raw_geometry())
    with path.open("rb") as file:
        begin = file.read(len(MAGIC))
        if path.suffix.lower() == ".y4m" or begin == MAGIC:
            file.seek(0)
            _require_only_stream(path, reading)
            return open_y4m(path, file, size)
    video = open_with(picture(path) or CONTAINER, path, ffmpeg, reading, allow_errors=allow_errors)
    return _with_checksums(video, allow_errors) if begin.startswith(matroska.MAGIC) else video


def _with_checksums(video: Video, allow_errors: bool) -> Video:
    wrong = matroska.wrong_checksums(video.path)
    if not wrong:
        return video
    text = f"{video.path}: the checksum of the part at byte {wrong[0]:,} is wrong: the file is damaged"
    if not allow_errors:
        raise MediaError(text, hint=WAY_ON)
    return replace(video, warnings=(*video.warnings, text))


def _require_only_stream(path: Path, reading: Reading) -> None:
    if reading.stream:
        raise MediaError(f"{path}: it has only stream 0, not {reading.stream}", hint="--stream ,N is for DIS alone")


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


def open_pair(
    reference: Path, distorted: Path, options: PairOptions, ffmpeg: FFmpeg, *, opened: Video | None = None
) -> OpenedPair:
    """Open both inputs of a pair, at the same time if both are files.

    Args:
        opened: the reference, if it was opened before and is read in the same way.

    Raises:
        MediaError: one cannot be read.
        NotComparableError: they must not be compared.
    """
    errors = options.allow_errors
    if is_pipe(reference) and is_pipe(distorted):
        raise MediaError(
            f"{reference} and {distorted} are both pipes, and only one input may be a pipe",
            hint="name a file for the other",
        )

    def opening(path: Path, reading: Reading) -> Video:
        return open_video(path, ffmpeg, reading=reading, allow_errors=errors, typed=True)

    if opened or is_pipe(reference) or is_pipe(distorted):
        ref = opened or opening(reference, options.reference)
        dis = opening(distorted, options.distorted)
    else:
        with ThreadPoolExecutor(1) as pool:
            # The copied context has the caller's stop, which ends FFmpeg.
            beside = pool.submit(copy_context().run, opening, distorted, options.distorted)
            ref = opening(reference, options.reference)
            dis = beside.result()
    if (
        "pipe" not in (ref.kind, dis.kind)
        and options.sync == "frames"
        and ref.frames != dis.frames
        and not (ref.exact and dis.exact)
    ):
        # Packets are not always frames: count the frames before refusing the pair.
        ref, dis = (count_by_decoding(video, ffmpeg, allow_errors=errors) for video in (ref, dis))
    return pair_of(ref, dis, options)
