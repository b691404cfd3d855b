"""Where the sets lie that others measured, and nobody trained on."""

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

import tinyvmaf
from tinyvmaf.data import dataset
from tinyvmaf.data.imported import (
    Imported,
    PublishedScore,
    decimals_of,
    is_published,
    load,
    read_features,
    set_files,
)
from tinyvmaf.data.imported.teachers import TeacherOf
from tinyvmaf.data.store import Store, key_of
from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.files import home, sha256
from tinyvmaf.project import project

ENV: Final = "TINYVMAF_EXTERNAL"
BESIDE: Final = Path("shared", "avt")
"""From the folder around the checkout."""
NO_SET: Final = "no set"
"""Stands for a set where there is none."""


@dataclass(frozen=True)
class SetFile:
    """The file of a set, or a place that should have one."""

    name: str
    """Unique among those of a run."""
    path: Path
    fault: TinyvmafError | None = None
    """Why no set can be read here."""


def find_sets(named: Sequence[str | Path] = ()) -> list[SetFile]:
    """The sets of the named files and folders, of those of `$TINYVMAF_EXTERNAL`, of the project, and of
    `../shared/avt`.

    A place that was named and has no set is listed with its fault. Nothing is read yet.
    """
    paths: list[tuple[Path, TinyvmafError | None]] = []
    for place in _places(named):
        try:
            paths += [(path, None) for path in set_files(place)]
        except TinyvmafError as error:
            paths.append((place, error))
    found: dict[Path, SetFile] = {}
    for path, fault in paths:
        taken = {one.name for one in found.values()}
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", path.stem.removesuffix("_frames")).strip("_") or "set"
        others = (f"{name}-{number}" for number in range(2, len(taken) + 3))
        found.setdefault(path.resolve(), SetFile(next(n for n in (name, *others) if n not in taken), path, fault))
    return list(found.values())


def load_set(file: SetFile, teacher_of: TeacherOf, store: Store, libvmaf: str) -> Imported:
    """Read a set; rows that were extracted here are one too, published by their own teachers.

    Args:
        store: keeps what a published table became.
        libvmaf: the one that carries the teachers, in words.

    Raises:
        TinyvmafError: there is no set, or it is damaged.
    """
    if file.fault is not None:
        raise CouldNotRunError(file.fault.message, hint=file.fault.hint)
    if is_published(file.path):
        return _published(file.path, teacher_of, store, libvmaf)
    data = dataset.read(file.path)
    if data.provenance.get("kind") == "imported":
        return Imported(data)
    teachers = [asdict(PublishedScore(one, one, one, "declared")) for one in data.provenance["teachers"]]
    names = [name for name in data.table.column_names if name not in dataset.INDEX]
    decimals = {name: decimals_of(data.table[name].to_numpy()) for name in names}
    more = {"set": file.name, "scores": teachers, "decimals": decimals}
    return Imported(dataset.Dataset(data.table, {**data.provenance, **more}))


def _published(path: Path, teacher_of: TeacherOf, store: Store, libvmaf: str) -> Imported:
    files = [one for one in (path, *sorted(path.parent.glob("*_clips.csv"))) if one.is_file()]
    fields = {
        "kind": "external set",
        "files": [[one.name, store.digest(one)] for one in files],
        "libvmaf": libvmaf,
        "code": code_sha256("data/imported", "vmaf/teacher", "vmaf/features.py"),
    }
    key = key_of(fields)
    if (kept := store.get_described(key)) is not None:
        return Imported(dataset.Dataset(kept[0], kept[1]["provenance"]))
    found = load(path, teacher_of=teacher_of)
    store.put(key, found.data.table, {**fields, "provenance": found.data.provenance})
    return found


def code_sha256(*names: str) -> str:
    """A hash of files and folders of this package, for what they compute."""
    package = Path(tinyvmaf.__file__).parent
    files = [one for name in names for one in ((package / name), *sorted((package / name).glob("*.[pt]*")))]
    return sha256(b"\0".join(one.read_bytes() for one in files if one.is_file()))


def as_corpus(named: Sequence[str | Path]) -> dataset.Dataset:
    """The rows of the named files and folders as one corpus, with the columns that all of them have.

    Of several sets, the clips are called `set/clip`.

    Raises:
        TinyvmafError: as `read_features`, or nothing is named.
    """
    paths = [path for place in named for path in set_files(Path(place))]
    found = [(path.stem.removesuffix("_frames"), read_features(path)) for path in paths]
    if not found:
        raise TinyvmafError("no set is named")
    if len(found) == 1:
        return found[0][1]
    names = [name for name in found[0][1].table.column_names if all(name in d.table.column_names for _, d in found)]
    parts = []
    for number, (name, data) in enumerate(found):
        unique = name if [other for other, _ in found].count(name) == 1 else f"{name}-{number + 1}"
        clips = pa.array([f"{unique}/{clip}" for clip in data.table["clip"].to_pylist()])
        parts.append(data.table.select(names).set_column(names.index("clip"), "clip", clips))
    every = [data.provenance for _, data in found]
    teachers = {k: v for k, v in every[0]["teachers"].items() if all(one["teachers"].get(k) == v for one in every)}
    more = {
        "set": ", ".join(name for name, _ in found),
        "teachers": teachers,
        "corpus_sha256": sha256("\n".join(one["corpus_sha256"] for one in every).encode()),
        "opinions": None,
        "scores": [one for one in every[0].get("scores", ()) if one["teacher"] in teachers],
    }
    table = pa.concat_tables(parts).sort_by([(name, "ascending") for name in dataset.INDEX])
    return dataset.Dataset(table, {**every[0], **more})


def _places(named: Sequence[str | Path]) -> list[Path]:
    places = [*map(Path, named), *project().corpora]
    places += [Path(one) for one in os.environ.get(ENV, "").split(os.pathsep) if one.strip()]
    beside = home().resolve().parent / BESIDE
    return [*places, beside] if beside.is_dir() else places
