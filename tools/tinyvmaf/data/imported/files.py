"""Finds logs: files, folders, archives, each compressed or not."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from tinyvmaf.data.imported.layouts import bare
from tinyvmaf.errors import LogError, TinyvmafError

_LOGS: Final = (".json", ".xml", ".csv", ".log", ".txt")
_ARCHIVES: Final = (".zip", ".tar")
_PACKED: Final = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tgz", ".tbz2", ".txz", ".7z", ".rar")
"""Archives whose members cannot be read one by one."""
_MOST_BYTES: Final = 1 << 30
"""Of a log, uncompressed: 30,000 times a usual one."""


def _zst(data: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return bytes(stream.read(_MOST_BYTES))


def _gz(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        return stream.read(_MOST_BYTES)


def _bz2(data: bytes) -> bytes:
    with bz2.BZ2File(io.BytesIO(data)) as stream:
        return stream.read(_MOST_BYTES)


def _xz(data: bytes) -> bytes:
    with lzma.LZMAFile(io.BytesIO(data)) as stream:
        return stream.read(_MOST_BYTES)


_OPENERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {".gz": _gz, ".bz2": _bz2, ".xz": _xz, ".zst": _zst}


@dataclass(frozen=True)
class LogFile:
    """Where a log is."""

    path: Path
    member: str | None = None
    """Its name in an archive."""
    asked: bool = True
    """Named by the user, not found in a folder or an archive: then it must be a log."""

    @property
    def name(self) -> str:
        """How people find it: its path, and `!member` in an archive."""
        return str(self.path) if self.member is None else f"{self.path}!{self.member}"

    @property
    def place(self) -> str:
        """The path that layouts look at, with `/` between folders."""
        folder = self.path.absolute()
        return folder.as_posix() if self.member is None else f"{folder.parent.as_posix()}/{self.member}"

    def read(self) -> bytes:
        """Its content, uncompressed.

        Raises:
            LogError: it cannot be read, or is damaged as a compressed file.
        """
        try:
            data = self.path.read_bytes() if self.member is None else _member(self.path, self.member)
            name = self.member or self.path.name
            while name.lower().endswith(tuple(_OPENERS)):
                data = _OPENERS[name[name.rindex(".") :].lower()](data)
                name = name[: name.rindex(".")]
        except (
            OSError,
            EOFError,
            KeyError,
            ValueError,
            zlib.error,
            lzma.LZMAError,
            zipfile.BadZipFile,
            tarfile.TarError,
        ) as error:
            raise LogError(f"cannot be read: {error}") from error
        if len(data) >= _MOST_BYTES:
            raise LogError(f"has more than {_MOST_BYTES >> 30} GiB")
        return data


def find_logs(paths: Sequence[Path]) -> list[LogFile]:
    """The logs among files, folders (with all below them) and archives, each once, sorted by path.

    Raises:
        TinyvmafError: a path does not exist, an archive cannot be read, or nothing looks like a log.
    """
    found: dict[str, LogFile] = {}
    for path in paths:
        if not path.exists():
            raise TinyvmafError(f"no such file: {path}")
        if not (path.is_file() or path.is_dir()):  # reading a pipe or a device may never end
            raise TinyvmafError(f"{path}: neither a file nor a folder")
        for log in _below(path) if path.is_dir() else _one(path, asked=True):
            old = found.setdefault(str(log.path.absolute()) + "!" + (log.member or ""), log)
            if log.asked and not old.asked:
                found[str(log.path.absolute()) + "!" + (log.member or "")] = log
    if not found:
        raise TinyvmafError(
            f"no log in {', '.join(map(str, paths))}", hint=f"logs end with {', '.join(_LOGS)}, compressed or not"
        )
    return [found[key] for key in sorted(found)]


def _below(folder: Path) -> Iterator[LogFile]:
    for path in sorted(folder.rglob("*")):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts) and path.is_file():
            yield from () if path.suffix == ".parquet" else _one(path, asked=False)


def _one(path: Path, *, asked: bool) -> Iterator[LogFile]:
    name = path.name.lower()
    if name.endswith(".parquet"):
        raise TinyvmafError(
            f"{path}: a table, not a log", hint="--features takes a published set as it is; tinyvmaf corpus check looks"
        )
    if name.endswith(_PACKED):
        raise TinyvmafError(f"{path}: logs in such an archive cannot be read one by one", hint="unpack it first")
    if name.endswith(_ARCHIVES):
        try:
            members = _members(path)
        except PermissionError as error:
            raise TinyvmafError(f"{path}: {error.strerror}") from error
        except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
            raise TinyvmafError(f"{path}: cut off, damaged, or no zip or tar archive") from error
        yield from (LogFile(path, member, False) for member in members if bare(member.lower()).endswith(_LOGS))
    elif asked or bare(name).endswith(_LOGS):
        yield LogFile(path, None, asked)


def _members(path: Path) -> list[str]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return sorted(entry.filename for entry in archive.infolist() if not entry.is_dir())
    with tarfile.open(path) as archive:
        return sorted(entry.name for entry in archive.getmembers() if entry.isfile())


def _member(path: Path, name: str) -> bytes:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed, packed.open(name) as file:
            return file.read(_MOST_BYTES)
    with tarfile.open(path) as tape:
        member = tape.extractfile(name)
        if member is None:
            raise KeyError(name)
        return member.read(_MOST_BYTES)
