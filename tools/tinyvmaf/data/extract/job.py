"""Measures one clip: one libvmaf pass on one thread. A job holds all it needs, so it can run on another machine."""

import difflib
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.corpus import Clip
from tinyvmaf.errors import LogError, MediaError, NotComparableError, TeacherError, TinyvmafError, known_hint
from tinyvmaf.files import file_blake3
from tinyvmaf.vmaf.features import CANONICAL, name_of_column
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.frame_features import FRAME_FEATURES, measure_frames, version_of
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media import Video, both
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, Teacher

FULL: Final = ("psnr", "float_ssim", "float_ms_ssim", "psnr_hvs", "ciede", "cambi")
"""libvmaf's other per-frame features, beside adm, vif and motion, which it always logs."""
_TAKEN: Final = (*FULL, "adm", "aim", "float_", "integer_", "motion", "speed_", "vif", "vmaf")
"""How the names of libvmaf's columns and of teachers begin."""


@dataclass(frozen=True)
class ExtractionRequest:
    """What to extract from each clip.

    Raises:
        TinyvmafError: an unknown teacher, an empty name, one that is close to a frame feature's, or a frame feature
            whose name is taken or whose code has no version.
    """

    teachers: tuple[str, ...] = (DEFAULT,)
    features: tuple[str, ...] = ()
    """Features to add to canonical-6 and to the teachers' own: libvmaf's, or those of `FRAME_FEATURES`."""
    everything: bool = False
    """Keep every column that libvmaf logs, not only the requested ones."""
    timeout: float | None = None
    """Seconds per clip."""

    def __post_init__(self) -> None:
        for name in self.teachers:
            if name not in KNOWN:
                raise TeacherError(f"unknown teacher {name!r}", hint=known_hint(name, KNOWN))
        for feature in self.features:
            _check(feature)


@dataclass(frozen=True)
class Job:
    """One clip to measure, with everything that another machine needs for it."""

    clip: Clip
    root: Path
    geometry: tuple[str, str] | None
    """Size and pixel format of raw files."""
    request: ExtractionRequest
    teachers: tuple[Teacher, ...]
    ffmpeg: Path | None
    """The executable; None: find one on the machine that runs the job."""
    ffmpeg_digest: str
    files: tuple[tuple[Path, str], ...] = ()
    """Files whose content another machine must find the same, with their BLAKE3 digests."""


Columns = dict[str, NDArray[np.float64]]
"""float64 `[T]` by column name."""


class MeasuredClip(NamedTuple):
    """What one clip gave."""

    version: str
    """libvmaf's."""
    columns: Columns
    warnings: tuple[str, ...] = ()
    """Why the scores may not be what the caller wants."""


Measure = Callable[[Job], MeasuredClip]
"""Measures one job."""


def measure(job: Job) -> MeasuredClip:
    """Measure one clip on this machine.

    Raises:
        TinyvmafError: as `score_pair`; or this machine lacks the data root, has other files there, or another FFmpeg
            build.
    """
    if not job.root.is_dir():
        raise MediaError(
            f"{platform.node()} does not see the data root {job.root}",
            hint="workers read the files themselves: mount the data root at the same path everywhere",
        )
    ffmpeg = find_ffmpeg(job.ffmpeg)
    if executable_digest(ffmpeg.path) != job.ffmpeg_digest:
        raise TinyvmafError(f"{platform.node()} has another build of FFmpeg: {ffmpeg}")
    for path, digest in job.files:
        if file_blake3(path) != digest:
            raise MediaError(
                f"{path}: {platform.node()} has another file there",
                hint="workers read the files themselves: mount the same data root at the same path everywhere",
            )
    size, pix_fmt = job.geometry or (None, None)
    pair: list[Video] = []
    try:
        table = score_pair(
            job.clip.reference,
            job.clip.path,
            options=both(size=size, pix_fmt=pix_fmt),
            models=[teacher.model() for teacher in job.teachers if not teacher.bootstrap],
            features=[name for name in job.request.features if name not in FRAME_FEATURES],
            threads=1,
            timeout=job.request.timeout,
            ffmpeg=ffmpeg,
            on_open=lambda reference, distorted: pair.extend((reference, distorted)),
        )
    except (MediaError, NotComparableError) as error:
        if "--" in (error.hint or ""):  # of an option that a corpus does not have: every clip is read alike
            error.hint = f"extract has no option for it: make the clip again; for tinyvmaf score: {error.hint}"
        raise
    names = dict.fromkeys([*CANONICAL, *(name for teacher in job.teachers for name in teacher.feature_names)])
    columns = dict(zip(names, table.features(list(names)).T, strict=True))
    scores = {
        t.id: t.predict(table.features(t.feature_names)) if t.bootstrap else table.column(t.id) for t in job.teachers
    }
    stems = tuple(feature.split(":")[0] for feature in job.request.features if feature not in FRAME_FEATURES)
    for column, values in sorted(table.columns.items()):  # the log's order changes from run to run
        name = name_of_column(column)
        if name not in columns and name not in scores and (job.request.everything or column.startswith(stems)):
            columns[name] = values
    if own := [name for name in job.request.features if name in FRAME_FEATURES]:
        if twice := {*own} & {*columns, *scores, *map(name_of_column, table.columns)}:
            raise LogError(f"frame feature {', '.join(sorted(twice))}: libvmaf has a column of that name")
        columns |= measure_frames(pair[0], pair[1], own, ffmpeg, job.request.timeout)
        if any(len(columns[name]) != len(table) for name in own):
            raise LogError(f"{job.clip.path}: {len(columns[own[0]])} frames were decoded, libvmaf saw {len(table)}")
    warnings = () if table.inputs is None else table.inputs.warnings
    return MeasuredClip(table.version, columns | scores, warnings)


def _check(feature: str) -> None:
    """Refuse a feature that cannot be right. libvmaf knows more features than are listed here, and their options."""
    stem = feature.partition(":")[0]
    if feature in FRAME_FEATURES:
        if feature in ("source", "clip", "frame") or feature.startswith(_TAKEN):
            raise TinyvmafError(
                f"frame feature {feature}: the name is taken",
                hint=f"source, clip, frame, and names that begin with {', '.join(_TAKEN)} belong to others: rename it",
            )
        version_of(feature)
    elif not stem or (stem not in FULL and difflib.get_close_matches(stem, FRAME_FEATURES, 1)):
        raise TinyvmafError(
            f"unknown feature {feature!r}",
            hint=known_hint(stem, (*FULL, *FRAME_FEATURES), "known, beside others of libvmaf"),
        )


def executable_digest(path: Path) -> str:
    """BLAKE3 of an executable, computed again only when its size or modification time changes."""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    """`size` and `mtime_ns` are part of the cache key."""
    del size, mtime_ns
    return file_blake3(path)
