"""Which files in a folder any process opens, as reported by the kernel (inotify)."""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = sys.platform.startswith("linux")
_ACCESS, _OPEN = 0x1, 0x20
_NONBLOCK = 0o4000
_HEAD = struct.Struct("iIII")
_BUFFER = 1 << 16


class Watch:
    """Files opened in the watched folders."""

    def __init__(self, handle: int, folders: dict[int, Path]) -> None:
        self._handle, self._folders = handle, folders

    def opened(self) -> list[Path]:
        """Files opened, and folders listed, since the last call."""
        found: list[Path] = []
        while True:
            try:
                data = os.read(self._handle, _BUFFER)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                number, _, _, length = _HEAD.unpack_from(data, at)
                at += _HEAD.size
                found.append(self._folders[number] / data[at : at + length].rstrip(b"\0").decode())
                at += length


@contextmanager
def watching(*folders: Path) -> Iterator[Watch]:
    """Watch the folders and the files directly in them.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(_NONBLOCK)
    try:
        numbers = {libc.inotify_add_watch(handle, os.fsencode(folder), _ACCESS | _OPEN): folder for folder in folders}
        if handle < 0 or min(numbers) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        yield Watch(handle, numbers)
    finally:
        os.close(handle)
