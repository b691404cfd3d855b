"""Measures extremes with the real libvmaf: makes each pair, extracts its features, and removes it."""

import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tinyvmaf import __version__, scratch
from tinyvmaf.data.dataset import INDEX, Dataset
from tinyvmaf.data.extremes.spec import ExtremeCase, Extremes
from tinyvmaf.data.ladder import LadderSource, package_file
from tinyvmaf.data.measured_with import measured_with
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.errors import FFmpegError, TinyvmafError
from tinyvmaf.files import file_sha256
from tinyvmaf.futures import finished
from tinyvmaf.vmaf.ffmpeg import FFmpeg, end_all, file_url, run
from tinyvmaf.vmaf.libvmaf import motion_epoch, score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.teacher import KNOWN, Teacher, load_built_in

TEACHERS: Final = ("vmaf_v0.6.1", "vmaf_v0.6.1neg")
"""Their features are measured: canonical-6, and those without enhancement gain."""
_LAYOUT: Final = 1  # version of the stored tables; part of every key
_SCALER: Final = "flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
_TIMEOUT_S: Final = 300.0  # per process; a process takes about a second


def measure_extremes(
    extremes: Extremes,
    store: Store,
    ffmpeg: FFmpeg,
    *,
    only: Collection[str] | None = None,
    jobs: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Measure every case. Cases that the store has are not measured again, so a stopped run continues.

    The same FFmpeg and packages give the same table.

    Args:
        only: ids of the cases to measure; None: all.
        jobs: cases at a time; None: one per core.
        report: called with the number of cases done and of all cases.

    Returns:
        One row per frame: source, clip (the case's id), frame, the features and scores of `TEACHERS`.

    Raises:
        TinyvmafError: a package or its file is missing; `only` names an unknown case.
        FFmpegError, LogError: a case cannot be made or measured; names it.
    """
    cases = [case for case in extremes.cases if only is None or case.id in only]
    if only is not None and (unknown := sorted(set(only) - {case.id for case in cases})):
        raise TinyvmafError(f"no such extreme: {', '.join(unknown)}")
    sources = {source.name: source for case in extremes.cases for source in (case.source, case.other)}
    files = {f"{s.package}/{s.file}": file_sha256(package_file(s)) for s in sources.values()}
    teachers = tuple(load_built_in(ffmpeg, name) for name in TEACHERS)
    tool = store.digest(ffmpeg.path, file_sha256)
    tables: dict[str, pa.Table] = {}
    version = ""

    def one(case: ExtremeCase) -> tuple[pa.Table, str]:
        about = {"layout": _LAYOUT, "extreme": _about(case, files), "teachers": TEACHERS, "ffmpeg": tool}
        about |= {"measured_with": measured_with()}
        key = key_of(about)
        table = store.get(key)
        if table is None:
            table, libvmaf = _measure(case, teachers, ffmpeg)
            store.put(key, table, {"clip": case.id, "libvmaf": libvmaf, "frames": table.num_rows} | about)
        return table, str(store.about(key)["libvmaf"])

    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        futures = {pool.submit(one, case): case for case in cases}
        try:
            for future in finished(futures):
                tables[futures[future].id], version = future.result()
                if report is not None:
                    report(len(tables), len(cases))
        except BaseException:
            end_all()
            pool.shutdown(cancel_futures=True)
            raise
    table = pa.concat_tables([_named(case, tables[case.id]) for case in cases])
    provenance = {
        "tinyvmaf": __version__,
        "libvmaf": version,
        "motion_epoch": motion_epoch(ffmpeg)[0],
        "ffmpeg": ffmpeg.version,
        "ffmpeg_sha256": tool,
        "teachers": {name: KNOWN[name] for name in TEACHERS},
        "features": "canonical",
        "corpus_sha256": key_of({"extremes": extremes.sha256, "inputs": files}),
        "inputs": dict(sorted(files.items())),
        "geometry": {str(case.geometry.height): str(case.geometry) for case in cases},
        "command": "tinyvmaf corpus extremes",
    }
    return Dataset(table.sort_by([(name, "ascending") for name in INDEX]), provenance)


def _about(case: ExtremeCase, files: dict[str, str]) -> dict[str, Any]:
    """Everything that the pair of a case depends on, beside FFmpeg."""
    ends = [[files[f"{s.package}/{s.file}"], s.filter] for s in (case.source, case.other)]
    filters = {"reference": case.reference, "distorted": case.distorted}
    return filters | {"sources": ends, "geometry": str(case.geometry), "frames": case.frames}


def _measure(case: ExtremeCase, teachers: tuple[Teacher, ...], ffmpeg: FFmpeg) -> tuple[pa.Table, str]:
    """The features and scores of a case, one row per frame, and libvmaf's version."""
    with scratch.folder() as folder:
        try:
            pair = [_make(case, name, ffmpeg, Path(folder)) for name in ("reference", "distorted")]
            table = score_pair(
                *pair,
                options=both(size=f"{case.geometry.width}x{case.geometry.height}", pix_fmt=case.geometry.pix_fmt.name),
                models=[teacher.model() for teacher in teachers],
                threads=1,
                timeout=_TIMEOUT_S,
                ffmpeg=ffmpeg,
            )
        except TinyvmafError as error:
            raise type(error)(f"extreme {case.id}: {error.message}", hint=error.hint) from error
    names = list(dict.fromkeys(name for teacher in teachers for name in teacher.feature_names))
    columns = dict(zip(names, table.features(names).T, strict=True))
    columns |= {teacher.id: table.column(teacher.id) for teacher in teachers}
    return pa.table({name: np.ascontiguousarray(values) for name, values in columns.items()}), table.version


def _make(case: ExtremeCase, which: str, ffmpeg: FFmpeg, folder: Path) -> Path:
    """Write the reference or the distorted clip of a case as raw yuv."""
    given = {"reference": case.reference, "distorted": case.distorted}[which]
    graph = given if given.startswith("[") else f"[in]{given}"
    g = case.geometry
    inputs: list[str] = []
    chains: list[str] = []
    for label, source in (("in", case.source), ("other", case.other)):
        if f"[{label}]" in graph:
            chains.append(f"[{len(chains)}:v:0]{_fitted(source, g.width, g.height)}[{label}]")
            inputs += ["-threads", "1", "-i", file_url(package_file(source))]
    end = f"scale={g.width}:{g.height}:{_SCALER},format={g.pix_fmt.name}[out]"
    path = folder / f"{which}.yuv"
    arguments = [
        *inputs,
        *("-filter_complex", ";".join([*chains, f"{graph},{end}"]), "-map", "[out]", "-filter_complex_threads", "1"),
        *("-fps_mode", "passthrough", "-frames:v", str(case.frames), "-threads", "1"),
        *("-c:v", "rawvideo", "-f", "rawvideo", path.name),
    ]
    run(ffmpeg, arguments, cwd=folder, timeout=_TIMEOUT_S)
    if path.stat().st_size != case.frames * g.frame_bytes:
        raise FFmpegError(f"FFmpeg gave {path.stat().st_size} bytes of {case.frames * g.frame_bytes}")
    return path


def _fitted(source: LadderSource, width: int, height: int) -> str:
    """Filters from a source's file to the frames that a case starts from."""
    scaled = f"scale={width}:{height}:out_range=limited:{_SCALER},format=yuv420p,setsar=1"
    # One clock for all sources, so that filters with two inputs pair frame n with frame n.
    return f"{source.filter},{scaled},settb=1/25,setpts=N"


def _named(case: ExtremeCase, table: pa.Table) -> pa.Table:
    rows = table.num_rows
    names = {
        "source": pa.array([case.source.name] * rows, pa.string()),
        "clip": pa.array([case.id] * rows, pa.string()),
        "frame": pa.array(range(rows), pa.int32()),
    }
    return pa.table(names | dict(zip(table.column_names, table.columns, strict=True)))
