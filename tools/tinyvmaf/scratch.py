"""Temporary folders and files. A run removes its own; what a killed run left, the next one removes.

A name is `tinyvmaf-`, 8 hex digits of the machine's name, `-` and 8 random characters; a dot before it where other
files of the user lie. Its owner holds a lock (`flock`) on it, which ends with the owner, however that ends. So what has
such a name, belongs to this user and is not locked was left behind. It is looked for once in each process and place,
when the first of these is made there. Links are not followed.
"""

import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from platform import node
from typing import IO, Final

from tinyvmaf import machine

try:
    import fcntl
except ImportError:  # not POSIX: nothing is locked, and nothing that was left is removed
    fcntl = None  # type: ignore[assignment]

# Locks of some network file systems hold on one machine only.
_PREFIX: Final = f"tinyvmaf-{zlib.crc32(node().encode(errors='replace')):08x}-"
_OURS: Final = re.compile(rf"\.?{_PREFIX}[a-z0-9_]{{8}}")
_FLAGS: Final = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC"))

_swept = set[Path]()
_mutex = threading.Lock()


@contextmanager
def folder(beside: Path | None = None) -> Iterator[Path]:
    """A new folder, removed at the end of the block.

    Args:
        beside: the folder to make it in, hidden; None: that of temporary files, `$TMPDIR`.
    """
    place = Path(tempfile.gettempdir()) if beside is None else beside
    _sweep(place)
    while True:
        made = tempfile.TemporaryDirectory(dir=place, prefix=_PREFIX if beside is None else f".{_PREFIX}")
        try:
            handle = os.open(made.name, _FLAGS) if fcntl else -1
        except OSError as error:
            made.cleanup()
            if isinstance(error, FileNotFoundError):  # swept at once
                continue
            raise
        if _locked(handle, Path(made.name)):
            break
        made.cleanup()
    try:
        yield Path(made.name)
    except OSError as error:
        if error.errno in machine.FULL and machine.full_folder(Path(made.name)):
            raise machine.no_room(place, error) from error
        raise
    finally:
        try:
            made.cleanup()
        finally:
            if handle >= 0:
                os.close(handle)


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, even if this process is killed.

    A new file gets the permissions that the umask leaves; another keeps its own.
    """
    _sweep(path.parent)
    while True:
        name = str(path.parent / f".{_PREFIX}{secrets.token_hex(4)}")
        try:  # not mkstemp: its files are the user's alone, whatever the umask
            handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
        except FileExistsError:
            continue
        if _locked(handle, Path(name)):
            break
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            with suppress(FileNotFoundError):
                Path(name).chmod(stat.S_IMODE(path.stat().st_mode))
            if fcntl is None:  # Windows moves no open file
                file.close()
            Path(name).replace(path)  # still locked: nobody has swept it
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def nameless(place: Path | None = None) -> IO[bytes]:
    """A file without a name, which is gone when it is closed or this process ends; in `place`, or in `$TMPDIR`."""
    return tempfile.TemporaryFile(dir=place)


def is_ours(path: Path) -> bool:
    """Whether the name is that of a temporary folder or file of this project."""
    return _OURS.fullmatch(path.name) is not None


def _locked(handle: int, path: Path) -> bool:
    """Lock what was made just now; False, with the handle closed, if another process took it for left behind."""
    if handle < 0:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = path.exists()
    except BlockingIOError:
        ours = False
    except OSError:  # a file system without locks: nobody sweeps there either
        ours = True
    if not ours:
        os.close(handle)
    return ours


def _sweep(place: Path) -> None:
    """Remove what killed processes left in a folder, unless this process has done it."""
    with _mutex:
        if place in _swept or fcntl is None:
            return
        _swept.add(place)
    with suppress(OSError):
        for entry in list(os.scandir(place)):
            if is_ours(Path(entry.name)):
                with suppress(OSError):
                    _remove_left(Path(entry.path))


def _remove_left(path: Path) -> None:
    handle = os.open(path, _FLAGS)
    try:
        status = os.fstat(handle)
        if status.st_uid != os.getuid():
            return
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: its owner lives
        if stat.S_ISDIR(status.st_mode):
            for folder, _, _ in os.walk(path):
                Path(folder).chmod(0o700)  # tests make read-only ones
            shutil.rmtree(path, ignore_errors=True)
        elif stat.S_ISREG(status.st_mode):
            path.unlink()
    finally:
        os.close(handle)
