"""Measures every clip of a corpus: several at a time, and none that the store already has."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tinyvmaf.data.corpus import Clip, Corpus
from tinyvmaf.data.extract.job import ExtractionRequest, Job, Measure, measure
from tinyvmaf.data.measured_with import measured_with
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.errors import ClusterError, MachineError, MediaError, TinyvmafError
from tinyvmaf.futures import finished
from tinyvmaf.vmaf.ffmpeg import FFmpeg, Stop
from tinyvmaf.vmaf.frame_features import FRAME_FEATURES, version_of
from tinyvmaf.vmaf.media import is_raw
from tinyvmaf.vmaf.teacher import Teacher, load_teacher, sha256_of

_LAYOUT: Final = 2  # version of the stored tables and of how pairs are read; part of every key


@dataclass(frozen=True)
class FailedClip:
    """A clip that could not be measured, and why."""

    clip: str
    reason: str


@dataclass
class Extraction:
    """The result of a run."""

    table: pa.Table | None
    """One row per frame: source, clip, frame, features, teacher scores; sorted. None if every clip failed."""
    libvmaf: str
    failures: list[FailedClip] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """Clips whose scores may not be what the caller wants, and why."""
    computed: int = 0
    """Clips measured in this run; the store had the others."""
    damaged: list[str] = field(default_factory=list)
    """Keys of damaged store entries, which were removed and measured again."""


def extract(
    corpus: Corpus,
    request: ExtractionRequest,
    store: Store,
    ffmpeg: FFmpeg,
    *,
    jobs: int,
    run: Measure = measure,
    remote: bool = False,
    on_clip: Callable[[int, int, int], None] | None = None,
) -> Extraction:
    """Extract features and teacher scores of every clip of a corpus. Clips that the store has are not measured again.

    Ctrl-C ends the running jobs and keeps the finished ones.

    Raises:
        ClusterError: as `Cluster.measure`.
        MachineError: this machine, or the store, has no room; finished clips are kept.

    Args:
        jobs: clips to measure at a time.
        run: measures one job, here or on another machine.
        remote: jobs run on other machines, which find their own FFmpeg.
        on_clip: called with the number of clips done, of all clips, and of frames done.
    """
    result = Extraction(None, "")
    work = _ClipWork(corpus, request, store, ffmpeg, run, remote)
    # Reading the store needs no thread, and most clips are usually in it.
    tables = {clip.id: table for clip in corpus.clips if (table := work.stored(clip)) is not None}
    frames = sum(table.num_rows for table in tables.values())
    with ThreadPoolExecutor(jobs) as pool:
        pending: dict[Future[tuple[pa.Table, bool]], Clip] = {
            pool.submit(work.stored_or_measured, clip): clip for clip in corpus.clips if clip.id not in tables
        }
        try:
            for future in finished(pending):
                clip = pending.pop(future)
                try:
                    tables[clip.id], computed = future.result()
                    result.computed += computed
                    frames += tables[clip.id].num_rows
                except (ClusterError, MachineError):
                    raise  # no other clip would fare better
                except (TinyvmafError, OSError) as error:
                    result.failures.append(FailedClip(clip.id, str(error)))
                if on_clip is not None:
                    on_clip(len(corpus.clips) - len(pending), len(corpus.clips), frames)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            work.stop.stop()
            raise
    result.failures.sort(key=lambda failure: failure.clip)
    result.damaged = sorted(store.damaged)
    if tables:
        ordered = [_with_names(clip, tables[clip.id]) for clip in corpus.clips if clip.id in tables]
        result.table = pa.concat_tables(ordered).sort_by([(name, "ascending") for name in ("source", "clip", "frame")])
        result.libvmaf = work.version(corpus.clips, tables)
        result.warnings = [text for clip in corpus.clips if clip.id in tables for text in work.warnings(clip)]
    return result


class _ClipWork:
    """Looks a clip up in the store, or measures it; the threads of a run share one."""

    def __init__(
        self,
        corpus: Corpus,
        request: ExtractionRequest,
        store: Store,
        ffmpeg: FFmpeg,
        run: Measure,
        remote: bool,
    ) -> None:
        self._corpus, self._request, self._store, self._ffmpeg = corpus, request, store, ffmpeg
        self._run, self._remote = run, remote
        self._ffmpeg_digest = store.digest(ffmpeg.path)
        self._mutex, self.stop = threading.Lock(), Stop()
        self._teachers: tuple[Teacher, ...] | None = None

    def stored(self, clip: Clip) -> pa.Table | None:
        """The clip's table, if the store has it and knows both digests without reading the files."""
        if not (self._store.has_digest(clip.reference) and self._store.has_digest(clip.path)):
            return None
        return self._store.get(key_of(self._fields(clip)))

    def stored_or_measured(self, clip: Clip) -> tuple[pa.Table, bool]:
        """The clip's table, and whether this call measured it."""
        fields = self._fields(clip)
        key = key_of(fields)
        table = self._store.get(key)
        if table is not None:
            return table, False
        with self._store.lock(key):
            table = self._store.get(key)  # another process may have measured it meanwhile
            if table is not None:
                return table, False
            with self.stop.watching():
                found = self._run(self._job(clip, fields))
            for path, before in self._files(clip, fields):
                if self._store.digest(path) != before:
                    raise MediaError(f"{path}: the file changed while it was measured", hint="extract again")
            table = pa.table({name: pa.array(values, from_pandas=True) for name, values in found.columns.items()})
            told = {"libvmaf": found.version, "frames": table.num_rows, "warnings": list(found.warnings)}
            about = {"clip": clip.id, **told, **fields, "paths": [str(clip.reference), str(clip.path)]}
            self._store.put(key, table, about)
            # Read back, so that a measured table and a stored one are the same.
            table = self._store.get(key)
            assert table is not None
            return table, True

    def warnings(self, clip: Clip) -> list[str]:
        """The warnings of a clip that the store has."""
        return [f"{clip.id}: {text}" for text in self._store.about(key_of(self._fields(clip))).get("warnings", [])]

    def version(self, clips: Sequence[Clip], tables: Mapping[str, pa.Table]) -> str:
        """libvmaf's version; all clips were measured with one FFmpeg build."""
        clip = next(clip for clip in clips if clip.id in tables)
        return str(self._store.about(key_of(self._fields(clip)))["libvmaf"])

    def _geometry(self, clip: Clip) -> tuple[str, str] | None:
        if not (is_raw(clip.path) or is_raw(clip.reference)):
            return None
        geometry = self._corpus.geometries[clip.source]
        return f"{geometry.width}x{geometry.height}", geometry.pix_fmt.name

    def _fields(self, clip: Clip) -> dict[str, Any]:
        """Everything that a clip's table depends on."""
        own = {name: version_of(name) for name in self._request.features if name in FRAME_FEATURES}
        return {
            "layout": _LAYOUT,
            "reference": self._store.digest(clip.reference),
            "distorted": self._store.digest(clip.path),
            "geometry": list(self._geometry(clip) or ()),
            "kinds": [clip.reference.suffix.lower(), clip.path.suffix.lower()],
            "teachers": {name: sha256_of(name) for name in self._request.teachers},
            "features": list(self._request.features),
            "everything": self._request.everything,
            "ffmpeg": self._ffmpeg_digest,
            "measured_with": measured_with(),
        } | ({"frame_features": own} if own else {})

    def _job(self, clip: Clip, fields: dict[str, Any]) -> Job:
        with self._mutex:
            if self._teachers is None:
                self._teachers = tuple(load_teacher(self._ffmpeg, name) for name in self._request.teachers)
        return Job(
            clip,
            self._corpus.root,
            self._geometry(clip),
            self._request,
            self._teachers,
            None if self._remote else self._ffmpeg.path,
            self._ffmpeg_digest,
            self._files(clip, fields) if self._remote else (),
        )

    @staticmethod
    def _files(clip: Clip, fields: dict[str, Any]) -> tuple[tuple[Path, str], ...]:
        return ((clip.reference, fields["reference"]), (clip.path, fields["distorted"]))


def _with_names(clip: Clip, table: pa.Table) -> pa.Table:
    rows = table.num_rows
    names = {
        "source": pa.array([clip.source] * rows, pa.string()),
        "clip": pa.array([clip.id] * rows, pa.string()),
        "frame": pa.array(range(rows), pa.int32()),
    }
    return pa.table(names | dict(zip(table.column_names, table.columns, strict=True)))
