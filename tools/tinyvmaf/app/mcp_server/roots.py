"""Which files a caller may have read: those below the given roots, links followed, and nothing else.

A path is resolved and looked at, then opened, and the file that is open is looked at again: between the two, somebody
may have put a link in its place. Where the system has /proc (Linux), what FFmpeg gets is a link to that open file and
not the path, so it cannot open another one. Elsewhere the path is looked at once more when FFmpeg is done.
"""

import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tinyvmaf.app.mcp_server.limits import MAX_TEXT
from tinyvmaf.errors import TinyvmafError

_FD: Final = Path("/proc/self/fd")
_PROC: Final = _FD if sys.platform.startswith("linux") and _FD.is_dir() else None
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,10}")
# A FIFO would block the open itself; a link that is put there after the look must not be followed.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
)


class OutsideError(TinyvmafError):
    """A path that may not be read; whether anything is there is not said."""


class Roots:
    """The folders whose files may be read."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """
        Raises:
            TinyvmafError: one is not a folder.
        """
        for folder in folders:
            if not folder.is_dir():
                raise TinyvmafError(f"--root {folder}: not a folder")
        self.folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))

    def folder(self, text: str) -> Path:
        """The resolved path of a folder.

        Raises:
            OutsideError: not below a root.
            TinyvmafError: no folder.
        """
        path = self._resolved(text)
        if not path.is_dir():
            raise TinyvmafError(f"{text}: no such folder below the roots")
        return path

    @contextmanager
    def opened(self, text: str) -> Iterator[Path]:
        """A path under which the file can be read, by FFmpeg too, for as long as this lasts.

        Raises:
            OutsideError: not below a root, or no longer.
            TinyvmafError: no regular file, or not readable.
        """
        path = self._resolved(text)
        with _open(path, text) as handle:
            self._look_again(handle, path, text)
            if _PROC is None:
                yield path
                self._look_again(handle, path, text)
                return
            with tempfile.TemporaryDirectory(prefix="tinyvmaf-mcp-") as private:
                suffix = Path(text).suffix  # by which kinds of video are told, as on the command line
                suffix = suffix if _SUFFIX.fullmatch(suffix) else ""
                link = Path(private, f"video{suffix}")
                link.symlink_to(f"/proc/{os.getpid()}/fd/{handle}")
                yield link

    def read(self, text: str, limit: int) -> bytes:
        """A file's content.

        Raises:
            OutsideError: not below a root.
            TinyvmafError: no regular file, not readable, or of `limit` bytes and more.
        """
        path = self._resolved(text)
        with _open(path, text) as handle:
            self._look_again(handle, path, text)
            with os.fdopen(os.dup(handle), "rb") as file:
                data = file.read(limit)
        if len(data) >= limit:
            raise TinyvmafError(f"{text}: {limit:,} bytes or more")
        return data

    def exists(self, text: str) -> bool:
        """Whether a file below the roots has that path."""
        try:
            return self._resolved(text).is_file()
        except OutsideError:
            return False

    def _resolved(self, text: str) -> Path:
        if not self.folders:
            raise OutsideError("no file may be read: the server was started without --root DIR")
        if not text or len(text) > MAX_TEXT or "\0" in text:
            raise OutsideError(f"{_shown(text)} is no path")
        inside, led_out = list[Path](), False
        for root in self.folders:
            there = root / text
            try:
                path = there.resolve()
                known = there.is_symlink() or there.exists()
            except (OSError, RuntimeError, ValueError):  # RuntimeError: links in a circle, before Python 3.13
                continue
            if any(path.is_relative_to(folder) for folder in self.folders):
                inside.append(path)
            elif known and Path(os.path.normpath(there)).is_relative_to(root):
                led_out = True  # a link, which is told from what is not there; of other paths that is not said
        for path in inside:
            if path.exists():
                return path
        if led_out or not inside:
            raise OutsideError(f"{_shown(text)} is not below a root", hint="the server's instructions list them")
        return inside[0]

    def _look_again(self, handle: int, path: Path, text: str) -> None:
        """Whether what is open is a file below the roots."""
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise TinyvmafError(f"{_shown(text)}: not a regular file")
        if _PROC is not None:
            where = (_PROC / str(handle)).readlink()
            same = any(where.is_relative_to(folder) for folder in self.folders)
        else:
            try:
                there = path.resolve(strict=True)
                same = there == path and os.path.samestat(there.stat(), status)
            except (OSError, RuntimeError):
                same = False
        if not same:
            raise OutsideError(f"{_shown(text)} was exchanged while it was opened")


@contextmanager
def _open(path: Path, text: str) -> Iterator[int]:
    try:
        handle = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise TinyvmafError(f"{_shown(text)}: {getattr(error, 'strerror', None) or error}") from error
    try:
        yield handle
    finally:
        os.close(handle)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}...")


def copied_name(text: str) -> str:
    """The last part of a path, for a copy of the file."""
    return Path(text).name
