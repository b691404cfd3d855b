"""Stored tables: nothing is computed twice, and no stale table is returned.

The key of a table is the sha256 of everything that the table depends on; the caller chooses those fields. Tables are
files that are written whole or not at all, each with a checksum. Journals of proofs lie beside them.
"""

import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tinyvmaf import scratch
from tinyvmaf.data.store.digests import HINT, Digests
from tinyvmaf.files import CACHE_ENV, cache_folder, file_blake3, write_atomic
from tinyvmaf.machine import writing

if TYPE_CHECKING:  # both take long to import, and `score` needs neither before it has scores
    import pyarrow as pa
    from filelock import FileLock

ENV: Final = CACHE_ENV
_ABOUT: Final = b"about"


@dataclass(frozen=True)
class StoredTable:
    """One stored table, or the journal of a proof, as `store ls` shows it."""

    key: str
    path: Path
    bytes: int
    used: float
    """Time of the last write or read, in seconds since 1970."""

    @property
    def is_journal(self) -> bool:
        """Whether it is no table: it has no checksum and no description."""
        return self.path.suffix == ".jsonl"


def default_folder() -> Path:
    """`$TINYVMAF_CACHE`, else `$VMAF_TINY_AI_CACHE`, else the user's cache folder."""
    return cache_folder()


@functools.cache
def tables_here() -> bool:
    """Whether tables can be kept: pyarrow is there, which the core of tinyvmaf does without."""
    return importlib.util.find_spec("pyarrow") is not None


def usable_store(folder: Path) -> "tuple[Store | None, str]":
    """The store in a folder; None, and a sentence that says why, if it cannot be written; none without pyarrow."""
    if not tables_here():
        return None, ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with scratch.nameless(folder) as file:
            file.write(bytes(4096))
    except OSError as error:
        return None, f"the store {folder} cannot be written ({error.strerror}); {ENV[0]} names another folder"
    return Store(folder), ""


def key_of(fields: Mapping[str, Any]) -> str:
    """The key of a table that depends on these fields (JSON values) and on nothing else."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


class Store:
    """The store in a folder; several threads and processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        """Keys of the tables that were found damaged and removed."""
        self._digests = Digests(folder)

    def digest(self, path: Path, algorithm: Callable[[Path], str] = file_blake3) -> str:
        """The digest of a file, computed again only when its size or modification time changes."""
        return self._digests.get(path, algorithm)

    def has_digest(self, path: Path, algorithm: Callable[[Path], str] = file_blake3) -> bool:
        """Whether `digest` would answer without reading the file."""
        return self._digests.has(path, algorithm)

    def get(self, key: str) -> "pa.Table | None":
        """The stored table, or None; a damaged one is removed, and its key added to `damaged`."""
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

    def get_described(self, key: str) -> "tuple[pa.Table, dict[str, Any]] | None":
        """The stored table with its description, as `get`."""
        table = self.get(key)
        return None if table is None else (table, dict(json.loads(table.schema.metadata[_ABOUT])))

    def put(self, key: str, table: "pa.Table", about: Mapping[str, Any]) -> None:
        """Store a table with a description of it (JSON values)."""
        import pyarrow as pa

        table = table.replace_schema_metadata({_ABOUT: json.dumps(about, sort_keys=True)})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        payload = sink.getvalue().to_pybytes()
        with writing(f"the store {self.folder}", HINT):
            write_atomic(self._path(key), _seal(payload))

    def lock(self, key: str) -> "FileLock":
        """A lock between processes for the work on one table; it is released when its process ends."""
        from filelock import FileLock

        folder = self.folder / "locks"
        with writing(f"the store {self.folder}", HINT):
            folder.mkdir(parents=True, exist_ok=True)
            folder.joinpath(f"{key[:3]}.lock").touch()
        # Many keys share a file, to keep the folder small; an unneeded wait costs little.
        return FileLock(folder / f"{key[:3]}.lock")

    def entries(self) -> Iterator[StoredTable]:
        """Every stored table, sorted by key, then every journal."""
        tables, journals = (self.folder / "entries").glob("*/*.entry"), self.journal("*")
        for path in (*sorted(tables), *sorted(journals.parent.glob(journals.name))):
            status = path.stat()
            yield StoredTable(path.stem, path, status.st_size, status.st_mtime)

    def journal(self, key: str) -> Path:
        """The file for what is done of a proof."""
        return self.folder / "proofs" / f"{key}.jsonl"

    def about(self, key: str) -> dict[str, Any]:
        """The description of a stored table; empty if there is none."""
        found = self.get_described(key)
        return {} if found is None else found[1]

    def prune(self, older_than_s: float, *, dry_run: bool = False) -> list[StoredTable]:
        """Remove and return the tables and journals not used for that long; with `dry_run`, only return them."""
        limit = time.time() - older_than_s
        old = [entry for entry in self.entries() if entry.used <= limit]
        for entry in () if dry_run else old:
            entry.path.unlink(missing_ok=True)
        return old

    def _path(self, key: str) -> Path:
        return self.folder / "entries" / key[:2] / f"{key}.entry"


def _seal(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def _decode(data: bytes) -> "pa.Table | None":
    checksum, _, payload = data.partition(b"\n")
    if hashlib.sha256(payload).hexdigest().encode() != checksum:
        return None
    import pyarrow as pa

    return pa.ipc.open_stream(payload).read_all()
