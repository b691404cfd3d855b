"""Digests of files, kept in a database: a file is hashed again only when its size, inode or times change."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from tinyvmaf.errors import MachineError
from tinyvmaf.files import CACHE_ENV
from tinyvmaf.machine import writing

_SCHEMA: Final = "path text primary key, stamp text, digest text"
# A file that changed this recently may change again without a new modification time.
_RACY_NS: Final = 2_000_000_000
HINT: Final = f"make room there, or name another folder with {CACHE_ENV[0]}; what is done is kept"
_Row = tuple[str, str]
"""Stamp, digest."""


class Digests:
    """The database in a folder; several threads and processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "digests.sqlite"
        self._mutex = threading.Lock()
        self._rows: dict[str, _Row] | None = None

    def get(self, path: Path, algorithm: Callable[[Path], str]) -> str:
        """The digest of a file; hashes the file only if the database has no digest of its current content."""
        status = path.stat()
        known = self._lookup(path, algorithm, status)
        if known is not None:
            return known
        value = algorithm(path)
        after = path.stat()
        if _stamp(status) == _stamp(after) and time.time_ns() - status.st_mtime_ns > _RACY_NS:
            self._add(_name(path, algorithm), (_stamp(status), value))
        return value

    def has(self, path: Path, algorithm: Callable[[Path], str]) -> bool:
        """Whether `get` would answer without reading the file."""
        try:
            return self._lookup(path, algorithm, path.stat()) is not None
        except OSError:
            return False

    def _lookup(self, path: Path, algorithm: Callable[[Path], str], status: os.stat_result) -> str | None:
        with self._mutex:
            if self._rows is None:
                self._rows = self._load()
            stamp, value = self._rows.get(_name(path, algorithm), ("", ""))
        return value if stamp == _stamp(status) else None

    def _add(self, name: str, row: _Row) -> None:
        with self._mutex:
            assert self._rows is not None
            self._rows[name] = row
            try:
                with closing(self._connect()) as connection, connection:
                    connection.execute("insert or replace into stamped values (?, ?, ?)", (name, *row))
            except sqlite3.OperationalError as error:
                raise MachineError(f"{self._path} cannot be written: {error}", hint=HINT) from error

    def _connect(self) -> sqlite3.Connection:
        with writing(f"the store {self._path.parent}", HINT):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=60)
        try:
            connection.execute(f"create table if not exists stamped ({_SCHEMA})")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _load(self) -> dict[str, _Row]:
        try:
            with closing(self._connect()) as connection:
                rows = connection.execute("select path, stamp, digest from stamped").fetchall()
        except sqlite3.OperationalError as error:  # locked for a minute, full or read-only: the user must act
            raise MachineError(f"{self._path} cannot be used: {error}", hint=HINT) from error
        except sqlite3.DatabaseError:
            self._path.unlink(missing_ok=True)  # damaged; every digest can be computed again
            return {}
        return {path: (stamp, value) for path, stamp, value in rows}


def _stamp(status: os.stat_result) -> str:
    """What changes with the content, also where the modification time is set back, as by `cp -p` and `rsync -t`."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _name(path: Path, algorithm: Callable[[Path], str]) -> str:
    return f"{algorithm.__name__}:{os.path.realpath(path)}"
