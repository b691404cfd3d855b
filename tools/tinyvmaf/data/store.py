"""A content-addressed store of per-clip tables: what was measured once is not measured again, and never served stale.

An entry's key is the sha256 of everything that its content depends on; whoever computes the key decides what that is.
Entries are files that appear whole or not at all and carry their own checksum. Digests of video files are remembered
by size and modification time.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import platformdirs
import pyarrow as pa
from filelock import FileLock

from tinyvmaf.files import file_blake3, write_atomic

ENV: Final = ("TINYVMAF_CACHE", "VMAF_TINY_AI_CACHE")
_ABOUT: Final = b"about"
# A file that changed this recently may change again without its modification time showing it.
_RACY_NS: Final = 2_000_000_000
_SCHEMA: Final = "path text primary key, size integer, mtime_ns integer, digest text"


@dataclass(frozen=True)
class Entry:
    """One stored table, as `store ls` shows it."""

    key: str
    path: Path
    bytes: int
    used: float
    """When it was written or last read, in seconds since 1970."""


def default_folder() -> Path:
    """`$TINYVMAF_CACHE`, else `$VMAF_TINY_AI_CACHE`, else the user's cache folder."""
    for name in ENV:
        if os.environ.get(name):
            return Path(os.environ[name])
    return platformdirs.user_cache_path("tinyvmaf")


def key_of(fields: Mapping[str, Any]) -> str:
    """The key of what depends on these fields (JSON values), and on nothing else."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


class Store:
    """The store in a folder; several threads and processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        """Keys of entries that were found damaged and removed."""
        self._mutex = threading.Lock()
        self._known: dict[str, tuple[int, int, str]] | None = None

    def digest(self, path: Path, algorithm: Callable[[Path], str] = file_blake3) -> str:
        """The digest of a file, computed once as long as its size and modification time stay."""
        name, status = _name(path, algorithm), path.stat()
        with self._mutex:
            known = self._digests().get(name)
        if known is not None and known[:2] == (status.st_size, status.st_mtime_ns):
            return known[2]
        value = algorithm(path)
        after = path.stat()
        settled = (status.st_size, status.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        if settled and time.time_ns() - status.st_mtime_ns > _RACY_NS:
            row = (status.st_size, status.st_mtime_ns, value)
            with self._mutex:
                self._digests()[name] = row
                self._remember(name, row)
        return value

    def remembers(self, path: Path, algorithm: Callable[[Path], str] = file_blake3) -> bool:
        """Whether `digest` would answer without reading the file."""
        try:
            status = path.stat()
        except OSError:
            return False
        with self._mutex:
            known = self._digests().get(_name(path, algorithm))
        return known is not None and known[:2] == (status.st_size, status.st_mtime_ns)

    def get(self, key: str) -> pa.Table | None:
        """The stored table, or None if there is none; a damaged one is removed and noted in `damaged`."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        table = _decode(data)
        if table is None:
            self.damaged.append(key)
            path.unlink(missing_ok=True)
        else:
            with contextlib.suppress(OSError):  # another process may be pruning
                os.utime(path)
        return table

    def put(self, key: str, table: pa.Table, about: Mapping[str, Any]) -> None:
        """Store a table with a note of what it is about (JSON values)."""
        table = table.replace_schema_metadata({_ABOUT: json.dumps(about, sort_keys=True)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        payload = sink.getvalue().to_pybytes()
        write_atomic(self._path(key), _seal(payload))

    def lock(self, key: str) -> FileLock:
        """A lock between processes for the work on one entry; it goes with the process that holds it."""
        folder = self.folder / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        # One file for many keys keeps the folder small; a false wait costs little.
        return FileLock(folder / f"{key[:3]}.lock")

    def entries(self) -> Iterator[Entry]:
        """Every entry, sorted by key."""
        for path in sorted((self.folder / "entries").glob("*/*.entry")):
            status = path.stat()
            yield Entry(path.stem, path, status.st_size, status.st_mtime)

    def about(self, key: str) -> dict[str, Any]:
        """What an entry is about."""
        table = self.get(key)
        return {} if table is None else dict(json.loads(table.schema.metadata[_ABOUT]))

    def prune(self, older_than_s: float) -> list[Entry]:
        """Remove entries that were not used for so long; gives them."""
        limit = time.time() - older_than_s
        old = [entry for entry in self.entries() if entry.used <= limit]
        for entry in old:
            entry.path.unlink(missing_ok=True)
        return old

    def _path(self, key: str) -> Path:
        return self.folder / "entries" / key[:2] / f"{key}.entry"

    def _connect(self) -> sqlite3.Connection:
        self.folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.folder / "digests.sqlite", timeout=60)
        try:
            connection.execute(f"create table if not exists digests ({_SCHEMA})")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _digests(self) -> dict[str, tuple[int, int, str]]:
        if self._known is None:
            self._known = self._remembered()
        return self._known

    def _remembered(self) -> dict[str, tuple[int, int, str]]:
        try:
            with closing(self._connect()) as connection:
                rows = connection.execute("select path, size, mtime_ns, digest from digests").fetchall()
        except sqlite3.OperationalError:
            raise  # locked for a minute, or the folder cannot be written: not for us to repair
        except sqlite3.DatabaseError:
            # Damaged. It holds nothing that cannot be computed again.
            (self.folder / "digests.sqlite").unlink(missing_ok=True)
            return {}
        return {path: (size, mtime_ns, value) for path, size, mtime_ns, value in rows}

    def _remember(self, path: str, row: tuple[int, int, str]) -> None:
        with closing(self._connect()) as connection, connection:
            connection.execute("insert or replace into digests values (?, ?, ?, ?)", (path, *row))


def _name(path: Path, algorithm: Callable[[Path], str]) -> str:
    return f"{algorithm.__name__}:{os.path.realpath(path)}"


def _seal(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def _decode(data: bytes) -> pa.Table | None:
    checksum, _, payload = data.partition(b"\n")
    if hashlib.sha256(payload).hexdigest().encode() != checksum:
        return None
    return pa.ipc.open_stream(payload).read_all()
