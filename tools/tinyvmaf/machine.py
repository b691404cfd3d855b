"""What a machine lacks, in a sentence: room on a disk, memory, open files, threads, a permission."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tinyvmaf.errors import MachineError

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MEMORY: Final = (errno.ENOMEM, errno.EAGAIN)
_FILES: Final = (errno.EMFILE, errno.ENFILE)
# What a user mends; anything else is a mistake of ours, and shows its traceback.
_OF_A_FILE: Final = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP),
    *(errno.ENAMETOOLONG, errno.EIO),
)
_NO_MEMORY: Final = "not enough memory"
_MORE_MEMORY: Final = "end other programs, or raise ulimit -v"
_PAGE: Final = bytes(4096)


def lacking(error: BaseException) -> MachineError | None:
    """The sentence for an error of the machine; None: it is another error."""
    if isinstance(error, MemoryError):
        return MachineError(_NO_MEMORY, hint=_MORE_MEMORY)
    if isinstance(error, ImportError):  # a shared library that does not fit into memory
        return MachineError(_NO_MEMORY, hint=_MORE_MEMORY) if "failed to map segment" in str(error) else None
    if isinstance(error, RuntimeError):
        text = "no more threads can be started"
        return MachineError(text, hint="raise ulimit -u or -v") if "start new thread" in str(error) else None
    if not isinstance(error, OSError):
        return None
    name = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    if error.errno in _MEMORY:
        return MachineError(f"{name}{_NO_MEMORY}", hint=_MORE_MEMORY)
    if error.errno in _FILES:
        return MachineError(f"{name}too many open files", hint="raise the limit: ulimit -n 1024")
    if error.errno in FULL:
        hint = "raise ulimit -f" if error.errno == errno.EFBIG else "make room there"
        if not name and (full := full_folder()) is not None:
            return no_room(full, error)
        return MachineError(f"{name or 'the output cannot be written: '}{error.strerror}", hint=hint)
    if error.errno in _OF_A_FILE and name:
        more = "choose a folder that can be written" if error.errno == errno.EROFS else None
        return MachineError(f"{name}{error.strerror}", hint=more)
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        return MachineError(f"no folder for temporary files can be written: {error.args[-1]}", hint="set TMPDIR to one")
    return None


def full_folder(folder: Path | None = None) -> Path | None:
    """The folder, or that of temporary files, if nothing fits there."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            _write_page(file.fileno())
    except OSError:
        return folder or Path(tempfile.gettempdir())
    return None


def require_room(handle: int) -> None:
    """Hold that more could be written to a temporary file: what others wrote to it is whole.

    Raises:
        MachineError: it could not.
    """
    try:
        _write_page(handle)
    except OSError as error:
        raise no_room(Path(tempfile.gettempdir()), error) from error


def _write_page(handle: int) -> None:
    at, end = os.lseek(handle, 0, os.SEEK_END), 0
    while end < len(_PAGE):  # what is nearly full takes a part of it
        end += os.pwrite(handle, _PAGE[end:], at + end)


def no_room(folder: Path, error: OSError) -> MachineError:
    """For a folder of temporary files."""
    return MachineError(
        f"{folder}, the folder for temporary files, cannot be written: {error.strerror}",
        hint="raise ulimit -f" if error.errno == errno.EFBIG else "make room there, or set TMPDIR to another folder",
    )


@contextmanager
def writing(what: str, hint: str) -> Iterator[None]:
    """Errors of files inside the block are about `what`.

    Raises:
        MachineError: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise MachineError(f"{what} cannot be written: {error.strerror or error}", hint=hint) from error
