"""Imports logs: reads them in several processes, keeps what was read, and names what cannot be."""

import hashlib
import multiprocessing
import os
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tinyvmaf import children
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.imported.assemble import ClipKey, Rows, assemble
from tinyvmaf.data.imported.files import LogFile
from tinyvmaf.data.imported.layouts import ClipPlace, Layout, place_of_log
from tinyvmaf.data.imported.logs import PARSER, NotALogError, parse_any
from tinyvmaf.data.imported.names import names_of
from tinyvmaf.data.imported.opinion_files import ClipTable
from tinyvmaf.data.imported.table import Imported
from tinyvmaf.data.imported.teachers import TeacherOf
from tinyvmaf.data.store import Store
from tinyvmaf.data.store.tables import key_of
from tinyvmaf.errors import LogError, TinyvmafError
from tinyvmaf.futures import finished

Progress = Callable[[int, int], None]
_FEW: Final = 24  # logs that one process reads before a second one has started
_FRAME: Final = "\x00frame"


@dataclass(frozen=True)
class LeftOut:
    """A log that is not in the set."""

    name: str
    why: str


@dataclass(frozen=True)
class ImportReport:
    """What an import gave."""

    found: Imported
    damaged: tuple[LeftOut, ...]
    """Logs that are left out."""
    ignored: tuple[str, ...]
    """Files in folders and archives that are no logs of libvmaf."""
    remembered: int
    """Logs that an earlier run had read."""


@dataclass(frozen=True)
class _Parsed:
    key: str
    sha256: str
    version: str | None
    model: str | None
    cut_off: bool
    notes: tuple[str, ...]
    frames: int
    error: str | None = None
    not_a_log: bool = False
    remembered: bool = False


def import_logs(
    logs: Sequence[LogFile],
    name: str,
    *,
    store: Store,
    layouts: Sequence[Layout],
    teacher_of: TeacherOf,
    listed: ClipTable,
    files: Sequence[dict[str, Any]] = (),
    scale: tuple[float, float] | None = None,
    partial: bool = False,
    command: Sequence[str] = (),
    jobs: int | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Read logs into a set.

    Args:
        store: keeps the rows of each log by the log's content, so that a stopped import continues.
        listed: opinions of the clips.
        files: what else the set was made from, for its provenance: `name` and `sha256`.
        partial: keep the frames of logs that are cut off.
        jobs: processes; None: one per core.
        progress: told the logs done and the logs in all.

    Raises:
        TinyvmafError: two different logs are of one clip, or no log can be read.
    """
    parsed = _parsed(logs, store, jobs or os.cpu_count() or 1, progress or _quiet)
    damaged: list[LeftOut] = []
    ignored: list[str] = []
    notes: list[str] = []
    used: dict[ClipKey, tuple[LogFile, _Parsed]] = {}
    places: dict[ClipKey, ClipPlace] = {}
    for log, one in zip(logs, parsed, strict=True):
        if one.not_a_log and not log.asked:
            ignored.append(log.name)
            continue
        if one.error is not None:
            damaged.append(LeftOut(log.name, one.error))
            continue
        if one.cut_off and not partial:
            damaged.append(LeftOut(log.name, f"is cut off after {one.frames} frames; --partial keeps those"))
            continue
        place = place_of_log(log.place, layouts)
        key = (place.test, place.clip)
        if key in used:
            other, first = used[key]
            if first.sha256 != one.sha256:
                raise TinyvmafError(
                    f"two logs of clip {place.key}: {other.name} and {log.name}",
                    hint="pass one of them, or tell clips apart with a layout of your own (--layouts FILE)",
                )
            notes.append(f"{log.name} is a copy of {other.name}")
            continue
        used[key], places[key] = (log, one), place
        notes += [f"{place.key}: {note}" for note in one.notes]
        if one.cut_off:
            notes.append(f"{place.key}: its log is cut off, {one.frames} frames are kept")
    if not used:
        why = f": {damaged[0].name} {damaged[0].why}" if damaged else ""
        raise TinyvmafError(f"none of {len(logs)} files is a log that can be read{why}")
    rows = _joined(used, store)
    versions = Counter(one.version or "" for _, one in used.values())
    about = [
        {"name": log.name, "sha256": one.sha256, "clip": places[key].key, "version": one.version}
        for key, (log, one) in used.items()
    ]
    notes = _short(notes) + [f"{left.name} {left.why}" for left in damaged]
    table, provenance = assemble(
        name,
        rows,
        listed,
        layouts=layouts,
        files=[*about, *files],
        versions=sorted(version for version in versions if version),
        teacher_of=teacher_of,
        command=list(command),
        places=places,
        scale=scale,
        notes=notes,
    )
    rated = [row.clip for row in listed.rows if row.mos is not None]
    if rated and provenance["opinions"] is None:
        raise TinyvmafError(
            f"no opinion is of a clip that has a log: opinions are of {rated[0]}, ..., logs of {rows.keys[0][1]}, ...",
            hint="clips are found by the names of their logs, without endings; a layout of your own can tell them",
        )
    read_now = {one.key for one in parsed if not one.remembered}  # copies of one log are stored once
    remembered = sum(one.remembered and one.key not in read_now for one in parsed)
    return ImportReport(Imported(Dataset(table, provenance)), tuple(damaged), tuple(ignored), remembered)


def _quiet(done: int, total: int) -> None:
    del done, total


def _parsed(logs: Sequence[LogFile], store: Store, jobs: int, progress: Progress) -> list[_Parsed]:
    folder, total = store.folder, len(logs)
    if jobs == 1 or total <= _FEW:
        found = []
        for done, log in enumerate(logs, start=1):
            found.append(_parse(log, folder))
            progress(done, total)
        return found
    order: dict[Future[_Parsed], int] = {}
    results: list[_Parsed | None] = [None] * total
    # A child that was forked from a process with threads may hang: start fresh ones.
    pool = ProcessPoolExecutor(
        min(jobs, total), multiprocessing.get_context("spawn"), children.end_with_parent, (os.getpid(),)
    )
    try:
        with _interrupts_wait():  # started processes inherit it, and the parent stops the work
            order = {pool.submit(_parse, log, folder): number for number, log in enumerate(logs)}
        for done, future in enumerate(finished(order), start=1):
            results[order[future]] = future.result()
            progress(done, total)
    except BrokenProcessPool as error:
        raise TinyvmafError(
            "a process that reads logs was killed, perhaps for want of memory", hint="import again, with --jobs 1"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [one for one in results if one is not None]


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """SIGINT waits until the end, and reaches no process that is started here."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _parse(log: LogFile, folder: Path) -> _Parsed:
    """Read a log into the store, unless an earlier run did."""
    try:
        data = log.read()
    except LogError as error:
        return _Parsed("", "", None, None, False, (), 0, error.message)
    digest = hashlib.sha256(data).hexdigest()
    key, store = key_of({"imported log": digest, "parser": PARSER}), Store(folder)
    kept = store.get_described(key)
    if kept is not None:
        known, about = kept
    else:
        try:
            rows = parse_any(data)
        except LogError as error:
            no_log = isinstance(error, NotALogError)
            return _Parsed(key, digest, None, None, False, (), 0, error.message, not_a_log=no_log)
        columns = {_FRAME: rows.frame} | dict(rows.columns)
        known = pa.table({name: pa.array(column) for name, column in columns.items()})
        about = {"kind": "imported log", "clip": Path(log.member or log.path).name, "frames": len(known)}
        about |= {"libvmaf": rows.version, "model": rows.model, "cut_off": rows.cut_off, "notes": list(rows.notes)}
        store.put(key, known, about)
    notes = tuple(about["notes"])
    return _Parsed(
        key, digest, about["libvmaf"], about["model"], about["cut_off"], notes, len(known), remembered=kept is not None
    )


def _joined(used: dict[ClipKey, tuple[LogFile, _Parsed]], store: Store) -> Rows:
    tables = []
    for log, one in used.values():
        table = store.get(one.key)
        if table is None:
            raise TinyvmafError(f"{log.name}: its rows have gone from the store {store.folder}", hint="import again")
        tables.append(table)
    lengths = [len(table) for table in tables]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    columns: dict[str, np.ndarray[Any, Any]] = {}
    frame = np.concatenate([table[_FRAME].to_numpy() for table in tables])
    for start, table, (_, one) in zip(starts, tables, used.values(), strict=False):
        names = names_of([name for name in table.column_names if name != _FRAME], one.version)
        first = {name: column for column, name in reversed(list(names.items()))}
        for name in dict.fromkeys(names.values()):
            if name not in columns:
                columns[name] = np.full(starts[-1], np.nan)
            columns[name][start : start + len(table)] = table[first[name]].to_numpy()
    of = np.repeat(np.arange(len(tables)), lengths)
    versions = [one.version or "" for _, one in used.values()]
    group = np.array([sorted(set(versions)).index(version) for version in versions])[of]
    return Rows(tuple(used), of, frame, columns, group)


def _short(notes: list[str]) -> list[str]:
    """Notes of clips, with those that many clips share told once."""
    shared: dict[str, list[str]] = defaultdict(list)
    for note in notes:
        clip, _, what = note.partition(": ")
        shared[what].append(clip)
    short = []
    for what, clips in shared.items():
        if not what:
            short += clips
        elif len(clips) > 3:
            short.append(f"{len(clips)} clips, such as {clips[0]}: {what}")
        else:
            short += [f"{clip}: {what}" for clip in clips]
    return short
