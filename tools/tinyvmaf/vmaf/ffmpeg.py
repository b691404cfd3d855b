"""Finds an FFmpeg that has the libvmaf filter, and runs it so that nothing is left behind."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from tinyvmaf.errors import FFmpegError, FFmpegNotFoundError

ENV = "TINYVMAF_FFMPEG"
_PROBE_TIMEOUT_S = 30.0
_TAIL_LINES = 12
# Lines that say why a run failed: FFmpeg marks them, libvmaf has a way of its own.
_TELLING = re.compile(r"\[(warning|error|fatal|panic)\]|libvmaf (WARNING|ERROR)")


# What is running now, so that it can be ended from another thread.
_RUNNING: set[subprocess.Popen[str]] = set()


class Stop:
    """Ends the FFmpegs of one caller from another thread: those that run, and any that it would still start."""

    def __init__(self) -> None:
        self._lock, self._stopped = threading.Lock(), False
        self._running: set[subprocess.Popen[str]] = set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def stop(self) -> None:
        """End them; their runs then fail. May be called from any thread, and again."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Within it, every `run` of this context can be stopped; a new thread has a context of its own."""
        token = _STOP.set(self)
        try:
            yield
        finally:
            _STOP.reset(token)

    def add(self, process: subprocess.Popen[str]) -> None:
        """A process has started; it is ended at once if `stop` came first."""
        with self._lock:
            self._running.add(process)
            if self._stopped:
                process.kill()

    def discard(self, process: subprocess.Popen[str]) -> None:
        """A process has ended."""
        with self._lock:
            self._running.discard(process)


_STOP: ContextVar[Stop | None] = ContextVar("tinyvmaf-stop", default=None)


@dataclass(frozen=True)
class FFmpeg:
    """An FFmpeg executable that has the libvmaf filter."""

    path: Path
    origin: str
    """Where it was found: `--ffmpeg`, `TINYVMAF_FFMPEG`, `imageio-ffmpeg` or `PATH`."""
    version: str
    """As FFmpeg prints it, for example `n9.0.2-17-g2a571b6068-20260930`."""

    def __str__(self) -> str:
        return f"FFmpeg {self.version} (from {self.origin}: {self.path})"


def find_ffmpeg(explicit: str | Path | None = None) -> FFmpeg:
    """The first FFmpeg with the libvmaf filter: `explicit`, `$TINYVMAF_FFMPEG`, imageio-ffmpeg's, `PATH`.

    One that was named (`explicit` or the variable) is used or refused; there is no falling back from it.

    Raises:
        FFmpegNotFoundError: a named one cannot be run or lacks the filter, or none was found; says why for each.
    """
    if explicit is not None:
        return _inspect(str(explicit), "--ffmpeg")
    if os.environ.get(ENV):
        return _inspect(os.environ[ENV], ENV)
    reasons = []
    for origin, locate in (("imageio-ffmpeg", _from_imageio), ("PATH", lambda: shutil.which("ffmpeg"))):
        path = locate()
        if path is None:
            reasons.append(f"{origin}: none")
            continue
        try:
            return _inspect(path, origin)
        except FFmpegNotFoundError as error:
            reasons.append(f"{origin}: {error.message}")
    raise FFmpegNotFoundError(
        "no FFmpeg with the libvmaf filter: " + "; ".join(reasons),
        hint=f"pip install imageio-ffmpeg, or name one with --ffmpeg or {ENV}",
    )


def _from_imageio() -> str | None:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # its way of saying that the wheel for this platform carries no executable
        return None


def _inspect(path: str, origin: str) -> FFmpeg:
    resolved = shutil.which(path)
    if resolved is None:
        raise FFmpegNotFoundError(f"{origin}: {path} is not an executable file")
    try:
        # A filter's help prints the banner (with the version) and says whether the filter is there.
        answer = subprocess.run(
            [resolved, "-h", "filter=libvmaf"],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FFmpegNotFoundError(f"{origin}: {path} cannot be run: {error}") from error
    text = answer.stdout + answer.stderr
    version = re.search(r"ffmpeg version (\S+)", text)
    if version is None:
        raise FFmpegNotFoundError(f"{origin}: {path} does not answer like FFmpeg (exit status {answer.returncode})")
    if "Filter libvmaf" not in text:
        raise FFmpegNotFoundError(
            f"{origin}: FFmpeg {version[1]} at {path} was built without the libvmaf filter",
            hint="use a build configured with --enable-libvmaf, such as the one in the package imageio-ffmpeg",
        )
    return FFmpeg(Path(resolved), origin, version[1])


def run(
    ffmpeg: FFmpeg,
    arguments: Sequence[str],
    *,
    cwd: Path,
    timeout: float | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> str:
    """Run FFmpeg to its end and return what it wrote to stderr.

    Args:
        arguments: everything after the executable; `-progress` and `-nostdin` are added here.
        cwd: the folder it runs in; a log named without a folder lands there.
        timeout: seconds after which it is killed, or None.
        on_frame: called with the number of frames done, a few times a second.

    Raises:
        FFmpegError: it could not start, ended with an error (its last lines are shown), or ran past `timeout`.
    """
    command = [
        str(ffmpeg.path),
        # -xerror: an error is the end of the run, not something to go on after.
        *("-hide_banner", "-nostdin", "-xerror", "-loglevel", "level+verbose", "-nostats"),
        *("-progress", "pipe:1", "-stats_period", "0.2"),
        *arguments,
    ]
    expired, stop = threading.Event(), _STOP.get()
    if stop is not None and stop.stopped:
        raise FFmpegError("FFmpeg was not started: the caller has given up")
    # stderr goes to a file: a pipe that nobody reads would stop FFmpeg once it is full.
    with tempfile.TemporaryFile() as stderr:
        try:
            process = subprocess.Popen(
                command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True
            )
        except OSError as error:
            raise FFmpegError(f"{ffmpeg.path} cannot be run: {error}") from error

        def kill_late() -> None:
            expired.set()
            process.kill()

        _RUNNING.add(process)
        if stop is not None:
            stop.add(process)
        watchdog = threading.Timer(timeout, kill_late) if timeout is not None else None
        try:
            if watchdog is not None:
                watchdog.start()
            assert process.stdout is not None
            for line in process.stdout:
                if on_frame is not None and line.startswith("frame="):
                    on_frame(int(line[6:]))
            process.wait()
        finally:
            # Also on Ctrl-C: the child must be gone before the folder it writes to is.
            if watchdog is not None:
                watchdog.cancel()
            if process.poll() is None:
                process.kill()
            process.wait()
            _RUNNING.discard(process)
            if stop is not None:
                stop.discard(process)
            if process.stdout is not None:
                process.stdout.close()
        stderr.seek(0)
        text = stderr.read().decode(errors="replace")
    if expired.is_set():
        raise FFmpegError(f"FFmpeg ran past the time limit of {timeout:g} s and was ended{tail(text)}")
    if process.returncode != 0:
        raise FFmpegError(f"FFmpeg {_how_it_ended(process.returncode)}{tail(text)}")
    return text


def end_all() -> None:
    """End every FFmpeg that runs in this process, whichever thread waits for it; its run then fails."""
    for process in list(_RUNNING):
        process.kill()


def _how_it_ended(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"


def tail(stderr: str) -> str:
    """The last lines of `stderr` that say why, to be put behind an error message; the very last if none does."""
    everything = [line.rstrip() for line in stderr.splitlines() if line.strip()]
    if not everything:
        return "; it printed nothing"
    lines = [line for line in everything if _TELLING.search(line)] or everything
    return "; its last lines:\n" + "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:])


def file_url(path: Path) -> str:
    """`path` as an FFmpeg input: the `file:` protocol, so that no character in it has a meaning of its own."""
    return f"file:{path.absolute()}"
