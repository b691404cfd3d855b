"""y4m that comes through a pipe: its header is read here, and its frames are handed on to FFmpeg once."""

import os
import select
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final

from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.ffmpeg.stop import CURRENT_STOP
from tinyvmaf.vmaf.media.geometry import Geometry
from tinyvmaf.vmaf.media.video import Timing, Video
from tinyvmaf.vmaf.media.y4m import read_header, read_marker

STDIN: Final = Path("-")
_PIECE: Final = 1 << 20
_PATIENCE_MS: Final = 200


def is_pipe(path: Path) -> bool:
    """Whether the path is `-` or names a FIFO."""
    try:
        return path == STDIN or stat.S_ISFIFO(path.stat().st_mode)
    except (OSError, ValueError):
        return False


@dataclass
class Pipe:
    """A pipe whose header was read."""

    path: Path
    file: BinaryIO
    line: bytes
    """The header, as it came."""
    geometry: Geometry
    used: bool = False

    def feed(self, ffmpeg: IO[bytes]) -> None:
        """Write everything to FFmpeg.

        Raises:
            MediaError: the pipe ends in the middle of a frame, carries no frames, or was used before.
            BrokenPipeError: FFmpeg ended first.
        """
        if self.used:
            raise MediaError(f"{self.path}: a pipe can be read only once", hint="name a file")
        self.used = True
        try:
            self._write(ffmpeg)
        finally:
            self.file.close()

    def _write(self, ffmpeg: IO[bytes]) -> None:
        frames = 0
        ffmpeg.write(self.line)
        while read_marker(self.path, self.file, frames, self.geometry):
            ffmpeg.write(b"FRAME\n")
            left = self.geometry.frame_bytes
            while left:
                piece = self.file.read(min(left, _PIECE))
                if not piece:
                    raise MediaError(f"{self.path}: cut short in frame {frames}: {left} bytes are missing")
                ffmpeg.write(piece)
                left -= len(piece)
            frames += 1
        if not frames:
            raise MediaError(f"{self.path}: no frames")


def open_pipe(path: Path) -> Video:
    """Open a pipe and read its header; waits until the writer has written it. Its frames are counted as they come.

    Raises:
        MediaError: it does not carry y4m.
    """
    if path == STDIN and os.isatty(sys.stdin.fileno()):
        raise MediaError("-: standard input is a terminal", hint="ffmpeg ... -f yuv4mpegpipe - | tinyvmaf score - DIS")
    file = _opened(path)
    try:
        header, line = read_header(path, file)
    except MediaError as error:
        file.close()
        raise MediaError(error.message, hint="a pipe must carry y4m: ffmpeg ... -f yuv4mpegpipe - | ...") from error
    return Video(
        path,
        "pipe",
        header.geometry,
        0,
        exact=False,
        full_range=header.full_range,
        colour=header.colour,
        sample_aspect=header.sample_aspect,
        feed=Pipe(path, file, line, header.geometry).feed,
        timing=Timing(header.fps),
    )


def _opened(path: Path) -> BinaryIO:
    """The pipe, once something can be read from it.

    Not `sys.stdin`: Python cannot end while a thread waits in it.
    """
    handle = os.dup(sys.stdin.fileno()) if path == STDIN else os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    stop = CURRENT_STOP.get()
    if hasattr(select, "poll"):
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        while not waiting.poll(_PATIENCE_MS):
            if stop is not None and stop.stopped:
                os.close(handle)
                raise MediaError(f"{path}: the caller was stopped before anything came through the pipe")
    os.set_blocking(handle, True)
    return os.fdopen(handle, "rb")
