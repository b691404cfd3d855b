"""Runs FFmpeg and always leaves it ended: after an error, a time limit, a stop or Ctrl-C."""

import errno
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tinyvmaf import children, scratch
from tinyvmaf.errors import FFmpegError, MachineError
from tinyvmaf.machine import lacking, require_room
from tinyvmaf.vmaf.ffmpeg.feed import Feeder
from tinyvmaf.vmaf.ffmpeg.find import FFmpeg
from tinyvmaf.vmaf.ffmpeg.stall import StallWatch
from tinyvmaf.vmaf.ffmpeg.stop import CURRENT_STOP, RUNNING

_TAIL_LINES = 12
# How FFmpeg and libvmaf mark warnings and errors.
_WARNING_OR_ERROR = re.compile(r"\[(warning|error|fatal|panic)\]|libvmaf (WARNING|ERROR)")
_DISK_FULL = re.compile(r"\[error\].*: No space left on device$", re.MULTILINE)
_LIMITS = "raise ulimit -u and ulimit -v, or give the machine or container more memory"
_FULL_STATUS = 256 - errno.ENOSPC


@dataclass
class _Running:
    """FFmpeg's stdout, and its stderr once it has ended."""

    output: IO[bytes]
    stderr: str = ""


def run(
    ffmpeg: FFmpeg,
    arguments: Sequence[str],
    *,
    cwd: Path,
    timeout: float | None = None,
    on_frame: Callable[[int], None] | None = None,
    stop_at_errors: bool = True,
    feed: Callable[[IO[bytes]], None] | None = None,
) -> str:
    """Run FFmpeg to its end and return its stderr.

    Args:
        arguments: the arguments after the executable; `-progress` and `-nostdin` are added here.
        cwd: the folder to run in.
        timeout: seconds after which FFmpeg is killed; None: no limit.
        on_frame: called with the number of frames done, five times a second.
        stop_at_errors: whether FFmpeg fails at the first error of a decoder.
        feed: writes FFmpeg's standard input; an error of it ends the run and is raised.

    Raises:
        FFmpegError: FFmpeg could not start, failed (its last lines are shown), or ran past `timeout`.
    """
    strict = ["-xerror"] if stop_at_errors else []
    shown = ["-progress", "pipe:1", "-stats_period", "0.2"]
    with _running(ffmpeg, [*strict, *shown, *arguments], cwd, timeout, feed, watch=feed is None) as running:
        for line in running.output:
            if on_frame is not None and line.startswith(b"frame="):
                on_frame(int(line[6:]))
    return running.stderr


def read_output(
    ffmpeg: FFmpeg,
    arguments: Sequence[str],
    size: int,
    *,
    cwd: Path,
    timeout: float | None = None,
    stop_at_errors: bool = True,
    feed: Callable[[IO[bytes]], None] | None = None,
    on_end: Callable[[str], None] | None = None,
) -> Iterator[bytes]:
    """Run FFmpeg to its end and give what it writes to stdout, in pieces of `size` bytes.

    Args:
        stop_at_errors, feed: as in `run`.
        on_end: called with FFmpeg's stderr, once it has ended by itself.

    Raises:
        FFmpegError: as `run`; or the last piece is not whole.
    """
    strict = ["-xerror"] if stop_at_errors else []
    with _running(ffmpeg, [*strict, *arguments], cwd, timeout, feed) as running:
        while piece := running.output.read(size):
            if len(piece) < size:
                raise FFmpegError(f"FFmpeg wrote {len(piece)} bytes where a frame has {size}")
            yield piece
    if on_end is not None:
        on_end(running.stderr)


@contextmanager
def _running(
    ffmpeg: FFmpeg,
    arguments: Sequence[str],
    cwd: Path,
    timeout: float | None,
    feed: Callable[[IO[bytes]], None] | None = None,
    *,
    watch: bool = False,
) -> Iterator[_Running]:
    """A running FFmpeg. It has ended when the block has, however the block ended.

    Args:
        watch: whether nothing but itself can make it wait, so that one that stands still has to be ended.
    """
    command = [
        str(ffmpeg.path),
        *("-hide_banner", "-nostdin", "-loglevel", "level+verbose", "-nostats"),
        *arguments,
    ]
    expired, stop = threading.Event(), CURRENT_STOP.get()
    if stop is not None and stop.stopped:
        raise FFmpegError("FFmpeg was not started: the caller was stopped")
    # stderr goes to a file: FFmpeg would block on a full pipe.
    with scratch.nameless() as stderr:
        try:
            stdin = subprocess.DEVNULL if feed is None else subprocess.PIPE
            process = subprocess.Popen(
                command, cwd=cwd, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, process_group=children.group()
            )
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EACCES, errno.ENOEXEC) and (of_machine := lacking(error)):
                raise of_machine from error
            raise FFmpegError(f"{ffmpeg.path} cannot be run: {error}") from error

        def kill_late() -> None:
            expired.set()
            process.kill()

        RUNNING.add(process)
        if stop is not None:
            stop.add(process)
        feeder = None if feed is None else Feeder(process, feed)
        watchdog = threading.Timer(timeout, kill_late) if timeout is not None else None
        stall = StallWatch(process) if watch else None
        try:
            if watchdog is not None:
                watchdog.start()
            assert process.stdout is not None
            running = _Running(process.stdout)
            yield running
            process.wait()
        finally:
            # Also on Ctrl-C: FFmpeg must have ended before its folder is removed.
            if watchdog is not None:
                watchdog.cancel()
            if stall is not None:
                stall.end()
            if process.poll() is None:
                process.kill()
            process.wait()
            RUNNING.discard(process)
            if stop is not None:
                stop.discard(process)
            if process.stdout is not None:
                process.stdout.close()
        if feeder is not None:
            feeder.require_success()
        stderr.seek(0)
        running.stderr = stderr.read().decode(errors="replace")
        require_room(stderr.fileno())
    if hasattr(signal, "SIGXFSZ") and process.returncode == -signal.SIGXFSZ:
        raise MachineError("FFmpeg may not write files as large as it must", hint="raise ulimit -f")
    if process.returncode == _FULL_STATUS or (process.returncode != 0 and _DISK_FULL.search(running.stderr)):
        place = cwd.parent if scratch.is_ours(cwd) else cwd
        more = ", or set TMPDIR to another folder" if place == Path(tempfile.gettempdir()) else ""
        raise MachineError(f"{place}: no space is left for the files of FFmpeg", hint=f"make room there{more}")
    if stall is not None and stall.stalled:
        raise MachineError("FFmpeg stood still without an error and was ended", hint=_LIMITS)
    if process.returncode != 0 and "pthread_create() failed" in running.stderr:
        raise MachineError("FFmpeg got no thread or no memory for it from the system", hint=_LIMITS)
    if expired.is_set() or process.returncode != 0:
        if expired.is_set():
            failed = FFmpegError(f"FFmpeg ran past the time limit of {timeout:g} s and was ended")
        else:
            failed = FFmpegError(f"FFmpeg {_how_it_ended(process.returncode)}{tail(running.stderr)}")
        failed.stderr = running.stderr
        raise failed


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    more = " (memory may have run out)" if -status == signal.SIGKILL else ""
    return f"was killed by signal {-status}{more}"


def tail(stderr: str) -> str:
    """The last warnings and errors in `stderr`, else its last lines; to be added to an error message."""
    everything = [line.rstrip() for line in stderr.splitlines() if line.strip()]
    if not everything:
        return "; it printed nothing"
    lines = [line for line in everything if _WARNING_OR_ERROR.search(line)] or everything
    return "; its last lines:\n" + "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])


def file_url(path: Path) -> str:
    """`path` as an FFmpeg input. With the `file:` protocol, no character of the path is special."""
    return f"file:{path.absolute()}"
