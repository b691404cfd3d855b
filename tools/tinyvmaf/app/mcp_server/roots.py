"""The roots: only files below these folders may be read. Links are followed, and must end below a root too.

A path is resolved and checked, then opened, and the open file is checked again, because somebody may have put a link in
its place in between. On Linux (/proc) FFmpeg gets a link to the open file instead of the path, so it cannot open
another file. Elsewhere the path is checked once more when FFmpeg is done.
"""

import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tinyvmaf import scratch
from tinyvmaf.app.mcp_server.limits import MAX_TEXT
from tinyvmaf.errors import TinyvmafError

_FD: Final = Path("/proc/self/fd")
_PROC: Final = _FD if sys.platform.startswith("linux") and _FD.is_dir() else None
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,10}")
# Opening a FIFO would block; a link that was put there after the check must not be followed.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
)


class OutsideError(TinyvmafError):
    """A path may not be read. The message does not tell whether the file exists."""


class Roots:
    """The folders whose files may be read."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """
        Raises:
            TinyvmafError: a root is not a folder.
        """
        for folder in folders:
            if not folder.is_dir():
                raise TinyvmafError(f"--root {folder}: not a folder")
        self.folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))

    def folder(self, text: str) -> Path:
        """The resolved path of a folder.

        Raises:
            OutsideError: not below a root.
            TinyvmafError: not a folder.
        """
        path = self._resolved(text)
        if not path.is_dir():
            raise TinyvmafError(f"{text}: no such folder below the roots")
        return path

    @contextmanager
    def opened(self, text: str) -> Iterator[Path]:
        """A path at which the file can be read, also by FFmpeg, inside the `with` block.

        Raises:
            OutsideError: not below a root, or exchanged meanwhile.
            TinyvmafError: not a regular file, or not readable.
        """
        path = self._resolved(text)
        with _open(path, text) as handle:
            self._look_again(handle, path, text)
            if _PROC is None:
                yield path
                self._look_again(handle, path, text)
                return
            with scratch.folder() as private:
                suffix = Path(text).suffix  # the kind of video is recognised by it
                suffix = suffix if _SUFFIX.fullmatch(suffix) else ""
                link = Path(private, f"video{suffix}")
                link.symlink_to(f"/proc/{os.getpid()}/fd/{handle}")
                yield link

    def read(self, text: str, limit: int) -> bytes:
        """A file's content.

        Raises:
            OutsideError: not below a root.
            TinyvmafError: not a regular file, not readable, or of `limit` bytes or more.
        """
        path = self._resolved(text)
        with _open(path, text) as handle:
            self._look_again(handle, path, text)
            with os.fdopen(os.dup(handle), "rb") as file:
                data = file.read(limit)
        if len(data) >= limit:
            raise TinyvmafError(f"{text}: {limit:,} bytes or more, too large")
        return data

    def exists(self, text: str) -> bool:
        """Whether there is something at the path, below the roots; `read` refuses what is no file."""
        try:
            return self._resolved(text).exists()
        except OutsideError:
            return False

    def _resolved(self, text: str) -> Path:
        if not self.folders:
            raise OutsideError("no file may be read: the server was started without --root DIR")
        if not text or len(text) > MAX_TEXT or "\0" in text:
            raise OutsideError(f"{_shown(text)} is not a path")
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
                led_out = True  # an existing link below a root, so the message may say where it leads
        for path in inside:
            if path.exists():
                return path
        if led_out or not inside:
            raise OutsideError(f"{_shown(text)} is not below a root", hint="the server's instructions list them")
        return inside[0]

    def _look_again(self, handle: int, path: Path, text: str) -> None:
        """Refuse an open file that is not a regular file below the roots."""
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
            raise OutsideError(f"{_shown(text)} was exchanged while it was being opened")


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
