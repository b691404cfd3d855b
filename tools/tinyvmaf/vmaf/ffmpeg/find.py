"""Finds an FFmpeg that has the libvmaf filter."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from tinyvmaf import children
from tinyvmaf.errors import FFmpegNotFoundError

ENV = "TINYVMAF_FFMPEG"
_PROBE_TIMEOUT_S = 30.0


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

    If `explicit` or the variable names one, no other is tried.

    Raises:
        FFmpegNotFoundError: the named one cannot be run or lacks the filter, or none was found; gives each reason.
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
    except RuntimeError:  # the wheel for this platform has no executable
        return None


def _inspect(path: str, origin: str) -> FFmpeg:
    resolved = shutil.which(path)
    if resolved is None:
        raise FFmpegNotFoundError(f"{origin}: {path} is not an executable file")
    try:
        # The help of a filter prints the version, and whether FFmpeg has the filter.
        answer = subprocess.run(
            [resolved, "-h", "filter=libvmaf"],
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
            process_group=children.group(),
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
            hint="use a build configured with --enable-libvmaf, such as that of the package imageio-ffmpeg",
        )
    return FFmpeg(Path(resolved), origin, version[1])
