"""Features and teacher scores of every clip of a corpus: one libvmaf pass a clip, one process a core, nothing twice."""

import platform
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tinyvmaf.data.corpus import Clip, Corpus
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.errors import MediaError, TeacherError, TinyvmafError
from tinyvmaf.files import file_blake3
from tinyvmaf.vmaf.features import CANONICAL, name_of_column
from tinyvmaf.vmaf.ffmpeg import FFmpeg, end_all, find_ffmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media import is_raw
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, Teacher, load_built_in

FULL: Final = ("psnr", "float_ssim", "float_ms_ssim", "psnr_hvs", "ciede", "cambi")
"""Beside what adm, vif and motion log anyway: every per-frame feature that libvmaf offers."""
MAY_BE_NULL: Final = ("psnr_hvs",)
"""Infinite where two planes are the same; null in the table then."""
_LAYOUT: Final = 1  # of a stored table; part of every key


@dataclass(frozen=True)
class Request:
    """What to extract of each clip."""

    teachers: tuple[str, ...] = (DEFAULT,)
    features: tuple[str, ...] = ()
    """Further libvmaf features, beside canonical-6 and the teachers' own."""
    everything: bool = False
    """Keep every column that libvmaf logs, not only those that were asked for."""
    timeout: float | None = None
    """Seconds a clip."""

    def __post_init__(self) -> None:
        for name in self.teachers:
            if name not in KNOWN:
                raise TeacherError(f"unknown teacher {name!r}", hint=f"known: {', '.join(KNOWN)}")


@dataclass(frozen=True)
class Job:
    """One clip to measure, self-contained: it may be run on another machine."""

    clip: Clip
    root: Path
    geometry: tuple[str, str] | None
    """Size and pixel format of raw files."""
    request: Request
    teachers: tuple[Teacher, ...]
    ffmpeg: Path | None
    """The executable, or None for the one that is found where the job runs."""
    ffmpeg_digest: str


@dataclass(frozen=True)
class Failure:
    """A clip that gave no features, and why."""

    clip: str
    reason: str


@dataclass
class Extraction:
    """What a run gave."""

    table: pa.Table | None
    """One row a frame: source, clip, frame, features, teachers; sorted. None if no clip came through."""
    libvmaf: str
    failures: list[Failure] = field(default_factory=list)
    computed: int = 0
    """Clips that were measured in this run; the others came out of the store."""
    damaged: list[str] = field(default_factory=list)


@lru_cache(maxsize=4)
def _executable_digest(path: Path, size: int, mtime_ns: int) -> str:
    del size, mtime_ns
    return file_blake3(path)


def measure(job: Job) -> tuple[str, dict[str, NDArray[np.float64]]]:
    """Measure one clip where this runs.

    Returns:
        libvmaf's version and the columns, float64 `[T]` each.

    Raises:
        TinyvmafError: as `score_pair`; and if the data root or the same FFmpeg build is not there.
    """
    if not job.root.is_dir():
        raise MediaError(
            f"{platform.node()} does not see the data root {job.root}",
            hint="workers read the files themselves: mount the data root at the same path everywhere",
        )
    ffmpeg = find_ffmpeg(job.ffmpeg)
    status = ffmpeg.path.stat()
    if _executable_digest(ffmpeg.path, status.st_size, status.st_mtime_ns) != job.ffmpeg_digest:
        raise TinyvmafError(f"{platform.node()} has another build of FFmpeg: {ffmpeg}")
    size, pix_fmt = job.geometry or (None, None)
    table = score_pair(
        job.clip.reference,
        job.clip.path,
        size=size,
        pix_fmt=pix_fmt,
        models=[teacher.model() for teacher in job.teachers if not teacher.bootstrap],
        features=job.request.features,
        may_be_null=MAY_BE_NULL,
        threads=1,
        timeout=job.request.timeout,
        ffmpeg=ffmpeg,
    )
    names = dict.fromkeys([*CANONICAL, *(name for teacher in job.teachers for name in teacher.feature_names)])
    columns = dict(zip(names, table.features(list(names)).T, strict=True))
    scores = {
        t.id: t.predict(table.features(t.feature_names)) if t.bootstrap else table.column(t.id) for t in job.teachers
    }
    stems = tuple(feature.split(":")[0] for feature in job.request.features)
    for column, values in sorted(table.columns.items()):  # the log's order changes from run to run
        name = name_of_column(column)
        if name not in columns and name not in scores and (job.request.everything or column.startswith(stems)):
            columns[name] = values
    return table.version, columns | scores


def extract(
    corpus: Corpus,
    request: Request,
    store: Store,
    ffmpeg: FFmpeg,
    *,
    jobs: int,
    run: Callable[[Job], tuple[str, dict[str, NDArray[np.float64]]]] = measure,
    remote: bool = False,
    on_clip: Callable[[int, int, int], None] | None = None,
) -> Extraction:
    """Extract features and teacher scores of every clip of a corpus; what the store has is not measured again.

    Args:
        jobs: clips at a time.
        run: measures one job; another one than `measure` may send it to another machine.
        remote: jobs run elsewhere, where this FFmpeg's path means nothing.
        on_clip: called with the clips done, the clips in all, and the frames done.

    Ctrl-C ends what is running and keeps what is finished.
    """
    result = Extraction(None, "")
    work = _Work(corpus, request, store, ffmpeg, run, remote)
    # What is in the store needs no thread; most runs are of clips that were measured before.
    tables = {clip.id: table for clip in corpus.clips if (table := work.remembered(clip)) is not None}
    frames = sum(table.num_rows for table in tables.values())
    with ThreadPoolExecutor(jobs) as pool:
        pending: dict[Future[tuple[pa.Table, bool]], Clip] = {
            pool.submit(work.clip, clip): clip for clip in corpus.clips if clip.id not in tables
        }
        try:
            while pending:
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    clip = pending.pop(future)
                    try:
                        tables[clip.id], computed = future.result()
                        result.computed += computed
                        frames += tables[clip.id].num_rows
                    except (TinyvmafError, OSError) as error:
                        result.failures.append(Failure(clip.id, str(error)))
                    if on_clip is not None:
                        on_clip(len(corpus.clips) - len(pending), len(corpus.clips), frames)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise
    result.failures.sort(key=lambda failure: failure.clip)
    result.damaged = sorted(store.damaged)
    if tables:
        ordered = [_with_names(clip, tables[clip.id]) for clip in corpus.clips if clip.id in tables]
        result.table = pa.concat_tables(ordered).sort_by([(name, "ascending") for name in ("source", "clip", "frame")])
        result.libvmaf = work.version(corpus.clips, tables)
    return result


class _Work:
    """The work on one clip, shared by the threads of a run."""

    def __init__(
        self,
        corpus: Corpus,
        request: Request,
        store: Store,
        ffmpeg: FFmpeg,
        run: Callable[[Job], tuple[str, dict[str, NDArray[np.float64]]]],
        remote: bool,
    ) -> None:
        self._corpus, self._request, self._store, self._ffmpeg = corpus, request, store, ffmpeg
        self._run, self._remote = run, remote
        self._ffmpeg_digest = store.digest(ffmpeg.path)
        self._mutex = threading.Lock()
        self._teachers: tuple[Teacher, ...] | None = None

    def remembered(self, clip: Clip) -> pa.Table | None:
        """The clip's table if the store has it and no file has to be read to know that."""
        if not (self._store.remembers(clip.reference) and self._store.remembers(clip.path)):
            return None
        return self._store.get(key_of(self._fields(clip)))

    def clip(self, clip: Clip) -> tuple[pa.Table, bool]:
        """The clip's table and whether it was measured now."""
        fields = self._fields(clip)
        key = key_of(fields)
        table = self._store.get(key)
        if table is not None:
            return table, False
        with self._store.lock(key):
            table = self._store.get(key)  # another process may have measured it while this one waited
            if table is not None:
                return table, False
            version, columns = self._run(self._job(clip))
            table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
            about = {"clip": clip.id, "libvmaf": version, "frames": table.num_rows, **fields}
            self._store.put(key, table, about)
            # As it will come back, so that a run is the same whether it measured or remembered.
            stored = self._store.get(key)
            assert stored is not None
            return stored, True

    def version(self, clips: Sequence[Clip], tables: Mapping[str, pa.Table]) -> str:
        """The libvmaf that measured; all are of one FFmpeg build."""
        clip = next(clip for clip in clips if clip.id in tables)
        return str(self._store.about(key_of(self._fields(clip)))["libvmaf"])

    def _geometry(self, clip: Clip) -> tuple[str, str] | None:
        if not (is_raw(clip.path) or is_raw(clip.reference)):
            return None
        geometry = self._corpus.geometries[clip.source]
        return f"{geometry.width}x{geometry.height}", geometry.pix_fmt.name

    def _fields(self, clip: Clip) -> dict[str, Any]:
        """Everything that a clip's table depends on."""
        return {
            "layout": _LAYOUT,
            "reference": self._store.digest(clip.reference),
            "distorted": self._store.digest(clip.path),
            "geometry": list(self._geometry(clip) or ()),
            "kinds": [clip.reference.suffix.lower(), clip.path.suffix.lower()],
            "teachers": {name: KNOWN[name] for name in self._request.teachers},
            "features": list(self._request.features),
            "everything": self._request.everything,
            "ffmpeg": self._ffmpeg_digest,
        }

    def _job(self, clip: Clip) -> Job:
        with self._mutex:
            if self._teachers is None:
                self._teachers = tuple(load_built_in(self._ffmpeg, name) for name in self._request.teachers)
        return Job(
            clip,
            self._corpus.root,
            self._geometry(clip),
            self._request,
            self._teachers,
            None if self._remote else self._ffmpeg.path,
            self._ffmpeg_digest,
        )


def _with_names(clip: Clip, table: pa.Table) -> pa.Table:
    rows = table.num_rows
    names = {
        "source": pa.array([clip.source] * rows, pa.string()),
        "clip": pa.array([clip.id] * rows, pa.string()),
        "frame": pa.array(range(rows), pa.int32()),
    }
    return pa.table(names | dict(zip(table.column_names, table.columns, strict=True)))
