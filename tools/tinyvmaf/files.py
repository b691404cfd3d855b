"""Where models and fixtures are, atomic writes, and digests of files."""

import hashlib
import os
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
    """Write `data` (text as UTF-8) to `path`, whole or not at all, even if interrupted."""
    payload = data.encode() if isinstance(data, str) else data
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch.write(path, payload, 0o644)


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
