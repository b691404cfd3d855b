"""Measures stored rows of video again, and compares: a checksum says only that nobody changed an entry."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from tinyvmaf.data.corpus import Clip
from tinyvmaf.data.extract import ExtractionRequest, Job, measure
from tinyvmaf.data.measured_with import measured_with
from tinyvmaf.data.pairs import AskedPair
from tinyvmaf.data.pairs.stored import identity, to_arrow
from tinyvmaf.data.store import Store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import file_blake3, sha256
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.frame_features import FRAME_FEATURES, version_of
from tinyvmaf.vmaf.libvmaf import LibvmafRequest, score_opened
from tinyvmaf.vmaf.media import PairOptions, open_pair
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

_OTHER_CODE: Final = "other code or packages measured it; this tinyvmaf does not use it"
_OTHER_FFMPEG: Final = "another FFmpeg measured it; name it with --ffmpeg"


@dataclass(frozen=True)
class Recomputed:
    """A stored table against a new measurement of the same video."""

    key: str
    clip: str
    skipped: str = ""
    """Why it was not measured; empty: it was."""
    fault: str = ""
    """Why it can no longer be measured, although nothing that it depends on has changed."""
    differences: tuple[tuple[str, float | None], ...] = ()
    """Columns that differ, by how much at most; None: one side lacks the column, its rows or a value."""


class _SkippedError(Exception):
    """Why an entry cannot be measured."""


def recompute(store: Store, ffmpeg: FFmpeg, number: int, seed: int) -> Iterator[Recomputed]:
    """Measure entries of video anew, in an order that the seed decides, until so many are compared or none is left.

    Entries that cannot be measured are given too, with the reason. Other entries, such as fits, are passed over.
    """
    found = [(key, about) for key, about in _described(store) if "paths" in about or about.get("measurement") == "pair"]
    random.Random(seed).shuffle(found)
    for key, about in found:
        if number <= 0:
            return
        clip = str(about.get("clip", ""))
        try:
            table = _pair(about, ffmpeg) if "measurement" in about else _clip(about, ffmpeg)
        except _SkippedError as why:
            yield Recomputed(key, clip, str(why))
        except (TinyvmafError, OSError) as error:
            yield Recomputed(key, clip, fault=str(error))
            number -= 1
        else:
            stored = store.get(key)
            if stored is not None:
                yield Recomputed(key, clip, differences=tuple(_differences(stored, table)))
                number -= 1


def _described(store: Store) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in store.entries():
        if not entry.is_journal:
            yield entry.key, store.about(entry.key)


def _clip(about: Mapping[str, Any], ffmpeg: FFmpeg) -> pa.Table:
    _same_code(about)
    reference, path = map(Path, about["paths"])
    for file, digest in ((reference, about["reference"]), (path, about["distorted"])):
        if not file.is_file():
            raise _SkippedError(f"{file} is gone")
        if file_blake3(file) != digest:
            raise _SkippedError(f"{file} has changed since")
    if file_blake3(ffmpeg.path) != about["ffmpeg"]:
        raise _SkippedError(_OTHER_FFMPEG)
    request = ExtractionRequest(tuple(about["teachers"]), tuple(about["features"]), about["everything"])
    teachers = tuple(load_built_in(ffmpeg, name) for name in request.teachers)
    clip = Clip(about["clip"], "", path, reference, 0, 0, 0)
    geometry = tuple(about["geometry"]) or None
    job = Job(clip, path.parent, geometry, request, teachers, ffmpeg.path, about["ffmpeg"])
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in measure(job).columns.items()})


def _pair(about: Mapping[str, Any], ffmpeg: FFmpeg) -> pa.Table:
    _same_code(about)
    for file in about["files"]:
        if (now := identity(Path(file[0]))) != tuple(file):
            raise _SkippedError(f"{file[0]} {'is gone' if now is None else 'has changed since'}")
    if identity(ffmpeg.path) != tuple(about["ffmpeg"]):
        raise _SkippedError(_OTHER_FFMPEG)
    models = []
    for name, digest in about["models"].items():
        model = load_built_in(ffmpeg, name).model() if name in KNOWN else None
        if model is None or sha256(model.json or b"") != digest:
            raise _SkippedError(f"its model {name} is a file that the store does not keep")
        models.append(model)
    options = TypeAdapter(PairOptions).validate_python(about["options"])
    pair = AskedPair(Path(about["files"][0][0]), Path(about["files"][1][0]), options)
    request = LibvmafRequest(tuple(models), tuple(about["features"]), tuple(about["may_be_null"]))
    opened = open_pair(pair.reference, pair.distorted, pair.options, ffmpeg)
    return to_arrow(score_opened([opened], request, ffmpeg, threads=1)[0])[0]


def _same_code(about: Mapping[str, Any]) -> None:
    own = {name: version_of(name) for name in about.get("features", ()) if name in FRAME_FEATURES}
    if about.get("measured_with") != measured_with() or about.get("frame_features", own) != own:
        raise _SkippedError(_OTHER_CODE)


def _differences(stored: pa.Table, anew: pa.Table) -> Iterator[tuple[str, float | None]]:
    for name in dict.fromkeys([*stored.column_names, *anew.column_names]):
        both = [table[name].to_numpy() for table in (stored, anew) if name in table.column_names]
        if len(both) < 2 or len(both[0]) != len(both[1]):
            yield name, None
            continue
        before, now = both
        if not np.array_equal(before, now, equal_nan=True):
            gap = np.abs(now - before)
            yield name, float(np.nanmax(gap)) if np.isfinite(gap).any() else None
