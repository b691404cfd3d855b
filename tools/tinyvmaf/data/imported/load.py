"""Reads imported sets: files of `tinyvmaf import`, and tables as sets publish them."""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tinyvmaf.data import dataset
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.imported.assemble import ClipKey, Rows, assemble
from tinyvmaf.data.imported.layouts import Layout, read_layouts
from tinyvmaf.data.imported.names import names_of
from tinyvmaf.data.imported.opinion_files import ClipTable, read_clip_table
from tinyvmaf.data.imported.table import Imported, read_imported
from tinyvmaf.data.imported.teachers import TeacherOf
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import file_sha256
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

_CLIP: Final = ("clip", "video_name", "video", "name", "filename", "file", "pvs", "stimuli_file", "distorted")
_FRAME: Final = ("frame", "frameNum", "frame_num", "Frame", "n")
_MEASURED: Final = re.compile(r"(?<!lib)vmaf(?!.*version)|adm|vif|motion", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[-+]?\d+([.,]\d+)?(e[-+]?\d+)?", re.IGNORECASE)
_MOST_FRAMES: Final = 2**31
_TABLES: Final = (".parquet", ".csv")


def load(path: Path, *, teacher_of: TeacherOf | None = None, layouts: tuple[Layout, ...] | None = None) -> Imported:
    """Read one set.

    Args:
        path: a file of `tinyvmaf import`; or a published table with a row per frame (Parquet or CSV: columns for clip
            and frame, perhaps test), with the clips' opinions in `NAME_clips.csv` beside `NAME_frames.parquet`.
        teacher_of: gives teachers, to find the one of each published score; None: those of the installed libvmaf.
        layouts: the known ones if None.

    Raises:
        TinyvmafError: the file is missing or damaged, or is neither; names what it lacks.
    """
    try:
        schema = pq.read_schema(path) if path.suffix == ".parquet" else None
    except (OSError, pa.ArrowException) as error:
        raise TinyvmafError(f"{path}: {error}") from error
    if schema is not None and b"tinyvmaf" in (schema.metadata or {}):
        return read_imported(path)
    return _published(path, teacher_of or built_in_teacher, read_layouts() if layouts is None else layouts)


def load_all(path: Path, *, teacher_of: TeacherOf | None = None) -> tuple[Imported, ...]:
    """The set of a file, or the sets of a folder, by file name: its imported Parquet files and its `*_frames` tables.

    Raises:
        TinyvmafError: as `load`, or the folder has no set.
    """
    return tuple(load(file, teacher_of=teacher_of) for file in set_files(path))


def set_files(path: Path) -> list[Path]:
    """The files that `load_all` reads: the file itself, or those of a folder, by name.

    Raises:
        TinyvmafError: there is nothing at the path, or the folder has no set.
    """
    if not path.exists():
        raise TinyvmafError(f"{path}: no such file or folder")
    try:
        found = sorted(f for f in path.iterdir() if f.suffix in _TABLES and _is_set(f)) if path.is_dir() else [path]
    except OSError as error:
        raise TinyvmafError(f"{path}: {error.strerror}") from error
    if not found:
        raise TinyvmafError(f"{path}: no imported set", hint="make one: tinyvmaf import LOG... --out F.parquet")
    return found


def read_features(path: Path, *, teacher_of: TeacherOf | None = None) -> Dataset:
    """The rows of a file that was extracted, imported, or published: what `--features` takes.

    Raises:
        TinyvmafError: as `dataset.read` and `load`.
    """
    return load(path, teacher_of=teacher_of).data if is_published(path) else dataset.read(path)


def is_published(path: Path) -> bool:
    """Whether a file is a set as published: without tinyvmaf's provenance, so that `dataset.read` refuses it."""
    try:
        return path.suffix == ".csv" or b"tinyvmaf" not in (pq.read_schema(path).metadata or {})
    except (OSError, pa.ArrowException):
        return False


def built_in_teacher(teacher_id: str) -> Teacher:
    """A teacher of the installed libvmaf; each is read once."""
    return _built_in(teacher_id, os.environ.get("TINYVMAF_FFMPEG"))


@lru_cache(maxsize=32)
def _built_in(teacher_id: str, ffmpeg: str | None) -> Teacher:
    return load_built_in(find_ffmpeg(ffmpeg), teacher_id)


def _is_set(path: Path) -> bool:
    if path.stem.endswith("_frames"):
        return True
    if path.suffix != ".parquet":
        return False
    try:
        return b'"kind": "imported"' in (pq.read_schema(path).metadata or {}).get(b"tinyvmaf", b"")
    except (OSError, pa.ArrowException):
        return False


def _published(path: Path, teacher_of: TeacherOf, layouts: tuple[Layout, ...]) -> Imported:
    name = path.stem.removesuffix("_frames")
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise TinyvmafError(f"{path}: {error}") from error
    if not table.num_rows:
        raise TinyvmafError(f"{path}: no rows")
    clip_column, frame_column = (_first(table, names, path) for names in (_CLIP, _FRAME))
    test_column = "test" if "test" in table.column_names else None
    index = [name for name in (test_column, clip_column) if name]
    try:
        keys, of = _clips(table.select(index))
    except pa.ArrowException as error:  # names in another encoding than UTF-8
        raise TinyvmafError(f"{path}: column {clip_column}: {error}", hint="write the file in UTF-8") from error
    columns: dict[str, Any] = {}
    for column in table.column_names:
        kind = table.schema.field(column).type
        if column in (clip_column, frame_column, test_column):
            continue
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            _refuse_numbers_as_text(table, column, path)
            continue
        columns[column] = table[column].to_numpy().astype(np.float64)
    beside = path.with_name(f"{name}_clips.csv")
    listed = read_clip_table(beside) if beside.is_file() else ClipTable((), None)
    versions = sorted({row.other.get("libvmaf") or "" for row in listed.rows} - {""})
    files = [{"name": file.name, "sha256": file_sha256(file)} for file in (path, beside) if file.is_file()]
    named = names_of(columns, versions[0] if versions else None)
    first = {named[column]: column for column in reversed(list(columns))}
    columns = {name: columns[first[name]] for name in dict.fromkeys(named.values())}
    single = frozenset(name for name in columns if pa.types.is_float32(table.schema.field(first[name]).type))
    rows = Rows(keys, of, _frames(table, frame_column, path), columns, single=single)
    table, provenance = assemble(
        name,
        rows,
        listed,
        layouts=layouts,
        files=files,
        versions=versions,
        teacher_of=teacher_of,
        command=["published", path.name],
    )
    return Imported(Dataset(table, provenance))


def _refuse_numbers_as_text(table: pa.Table, column: str, path: Path) -> None:
    """Else a feature or score whose numbers are stored as text would be left out, and not be judged."""
    if not _MEASURED.search(column):
        return
    held = [str(value) for value in table[column].unique().to_pylist() if value not in (None, "")]
    if any(_NUMBER.fullmatch(value.strip()) for value in held):
        odd = next((value for value in held if not _is_float(value)), held[0])
        raise TinyvmafError(
            f"{path}: column {column} holds text or decimals of another kind, such as {odd!r}, not numbers",
            hint="store it as floating-point numbers; in a CSV file, decimals must follow a point",
        )


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _clips(index: pa.Table) -> tuple[tuple[ClipKey, ...], NDArray[np.int64]]:
    """The clips of a table of clips, or of tests and clips, and the clip of each row."""
    parts = [column.cast(pa.string()).combine_chunks().dictionary_encode() for column in index.columns]
    codes = [part.indices.to_numpy().astype(np.int64) for part in parts]
    code = codes[0] if len(codes) == 1 else codes[0] * len(parts[1].dictionary) + codes[1]
    _, first, of = np.unique(code, return_index=True, return_inverse=True)
    names = [part.dictionary.to_pylist() for part in parts]
    found = [tuple(name[each[row]] for name, each in zip(names, codes, strict=True)) for row in first]
    return tuple((key[0] if len(key) == 2 else None, key[-1]) for key in found), of


def _frames(table: pa.Table, column: str, path: Path) -> NDArray[np.int64]:
    """The frame numbers, whole and 0 or more.

    Raises:
        TinyvmafError: one is not; says in which row.
    """
    try:
        found: NDArray[np.float64] = table[column].cast(pa.float64()).to_numpy()
    except pa.ArrowException as error:
        raise TinyvmafError(f"{path}: column {column} is no numbers: {error}") from error
    wrong = np.flatnonzero(~((found >= 0) & (found == np.floor(found)) & (found < _MOST_FRAMES)))
    if len(wrong):
        raise TinyvmafError(f"{path}: {column} {found[wrong[0]]:g} in row {wrong[0]} is no number of a frame")
    return found.astype(np.int64)


def _first(table: pa.Table, names: tuple[str, ...], path: Path) -> str:
    found = next((name for name in names if name in table.column_names), None)
    if found is None:
        raise TinyvmafError(
            f"{path}: no column {names[0]} among {', '.join(table.column_names)}",
            hint="a published set has a row per frame, with columns clip and frame",
        )
    return found
