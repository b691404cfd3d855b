"""Where models and fixtures are, atomic writes, and digests of files."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from blake3 import blake3

from tinyvmaf import scratch
from tinyvmaf.errors import TinyvmafError

CACHE_ENV: Final = ("TINYVMAF_CACHE", "VMAF_TINY_AI_CACHE")


def cache_folder() -> Path:
    """Of what can be made again: `$TINYVMAF_CACHE`, else `$VMAF_TINY_AI_CACHE`, else the user's cache folder."""
    for name in CACHE_ENV:
        if os.environ.get(name):
            return Path(os.environ[name])
    from platformdirs import user_cache_path  # imported here: rarely needed

    return user_cache_path("tinyvmaf")


_PACKAGE: Final = Path(__file__).resolve().parent


def shipped_home(folder: Path) -> bool:
    """Whether a home is the copy inside an installed wheel."""
    return folder.resolve() == _PACKAGE / "_home"


def home() -> Path:
    """What tinyvmaf brings: the folder that holds `suites/`, `gates.toml`, `fixtures/` and its own `model/`.

    What belongs to a user lies in `project.project()`.

    `$TINYVMAF_HOME`, else the checkout that contains this package, else the copy inside an installed wheel.

    Raises:
        TinyvmafError: no `gates.toml` there.
    """
    override = os.environ.get("TINYVMAF_HOME")
    if override:
        candidates = [Path(override)]
    else:
        candidates = [_PACKAGE.parents[1], _PACKAGE / "_home"]
    for folder in candidates:
        if (folder / "gates.toml").is_file():
            return folder
    raise TinyvmafError(
        f"no gates.toml in {' or '.join(map(str, candidates))}",
        hint="set TINYVMAF_HOME to a tinyvmaf checkout (the folder that holds gates.toml, model/ and fixtures/)",
    )


class NotRegularError(OSError):
    """A folder, a device, a socket or a pipe stands where a file should be: reading it may never end."""


class TooLargeError(OSError):
    """A file is not read because it is too large; `size` is in bytes."""

    def __init__(self, size: int, path: Path) -> None:
        super().__init__(errno.EFBIG, f"{size} bytes are too many", str(path))
        self.size = size


_ONCE: Final = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"))


def read_bounded(path: Path, most: int) -> bytes:
    """The content of a regular file of fewer than `most` bytes. It is opened once, so it cannot be exchanged meanwhile.

    Raises:
        NotRegularError: it is something else; opening it does not wait.
        TooLargeError: it has `most` bytes or more; it is not read.
        OSError: it cannot be read.
    """
    try:
        handle = os.open(path, _ONCE)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error), repr(path)) from error
    except OSError as error:
        if error.errno == errno.ENXIO:  # a socket
            raise NotRegularError(errno.EINVAL, "not a regular file", str(path)) from error
        raise
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegularError(errno.EINVAL, "not a regular file", str(path))
        if status.st_size >= most:
            raise TooLargeError(status.st_size, path)
        with os.fdopen(os.dup(handle), "rb") as file:
            data = file.read(most)
    finally:
        os.close(handle)
    if len(data) >= most:  # it has grown
        raise TooLargeError(len(data), path)
    return data


def write_named(path: Path, data: bytes | str, option: str) -> None:
    """As `write_atomic`, for a file that the caller named with an option.

    Raises:
        TinyvmafError: it cannot be written.
    """
    try:
        write_atomic(path, data)
    except OSError as error:
        why = error.strerror or error
        raise TinyvmafError(f"{path}: cannot be written: {why}", hint=f"choose another file with {option}") from error


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, whole or not at all, even if interrupted.

    A new file gets the permissions that the umask leaves; another keeps its own.
    """
    payload = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        scratch.write(path, payload)
    except OSError as error:  # of a file that the caller does not know
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def all_or_nothing(paths: Iterable[Path]) -> Iterator[None]:
    """If what is done inside fails or is interrupted, these files are as they were before."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, data in before.items():
            if data is None:
                with suppress(NotADirectoryError):  # what failed may be that its folder is a file
                    path.unlink(missing_ok=True)
            elif not path.is_file() or path.read_bytes() != data:
                write_atomic(path, data)
        raise


def sha256(data: bytes) -> str:
    """sha256 of `data`, in hex."""
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's content, in hex; manifests use it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_blake3(path: Path) -> str:
    """BLAKE3 of a file's content, in hex; three times as fast as sha256, for large videos."""
    return blake3(max_threads=1).update_mmap(path).hexdigest() if path.stat().st_size else blake3().hexdigest()
