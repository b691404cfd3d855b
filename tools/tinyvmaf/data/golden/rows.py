"""The frozen feature rows of the golden pairs. They judge models without video or FFmpeg; never train on them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.data.golden.published import golden_folder
from tinyvmaf.errors import GoldenError
from tinyvmaf.project import project
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import named
from tinyvmaf.vmaf.teacher import Teacher

# Recognises rows from a 6-decimal log, or stored as float32.
_ROW_TOLERANCE = 2e-6
_OWN: Final = ".golden_rows"
_MEASURE: Final = "freeze the rows of your teacher: tinyvmaf golden freeze --teacher ID"
_AGAIN = "write it again: tinyvmaf golden freeze"


@dataclass(frozen=True)
class FrozenTeacher:
    """A teacher whose features and scores the rows have."""

    sha256: str
    features: tuple[str, ...]
    """The names of its features, in its order."""


@dataclass(frozen=True)
class FrozenPair:
    """The features of a golden pair, and the scores of every teacher, from the libvmaf that froze them."""

    id: str
    columns: Mapping[str, NDArray[np.float64]]
    """float64 `[T]` by name: of a feature, 12 decimals; of a teacher, VMAF points, 6 decimals."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def features(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The named features in this order, float64 `[T, F]`.

        Raises:
            GoldenError: the golden rows lack one.
        """
        if lacking := [name for name in names if name not in self.columns]:
            raise GoldenError(f"golden pair {self.id} has no {', '.join(lacking)}", hint=_MEASURE)
        return np.stack([self.columns[name] for name in names], axis=1)

    def scores(self, teacher_id: str) -> NDArray[np.float64]:
        """The scores of a teacher, float64 `[T]`, VMAF points.

        Raises:
            GoldenError: the golden rows lack it.
        """
        return self.features([teacher_id])[:, 0]


@dataclass(frozen=True)
class GoldenRows:
    """The frozen rows and their provenance. Never train on them."""

    provenance: Mapping[str, Any]
    teachers: Mapping[str, FrozenTeacher]
    pairs: Mapping[str, FrozenPair]

    def pairs_with(self, names: Sequence[str]) -> dict[str, FrozenPair]:
        """The pairs that have these features: all of them for a published teacher."""
        return {name: pair for name, pair in self.pairs.items() if pair.columns.keys() >= set(names)}

    def features(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The named features of all pairs that have them, one after another, float64 `[N, F]`.

        Raises:
            GoldenError: no pair has them.
        """
        if lacking := self.lacking(names):
            raise GoldenError(f"the golden rows have no {', '.join(lacking)}", hint=_MEASURE)
        return np.concatenate([pair.features(names) for pair in self.pairs_with(names).values()])

    def scores_by(self, teacher: Teacher) -> dict[str, NDArray[np.float64]]:
        """The scores of a teacher by pair, float64 `[T]`, VMAF points: libvmaf's own, or those that it gives the rows.

        Returns:
            Empty if the rows lack a feature of it.
        """
        pairs = self.pairs_with(teacher.feature_names)
        frozen = self.teachers.get(teacher.id)
        if frozen is not None and frozen.sha256 == teacher.sha256:
            return {name: pair.scores(teacher.id) for name, pair in pairs.items()}
        return {name: teacher.predict(pair.features(teacher.feature_names)) for name, pair in pairs.items()}

    def beside(self, own: "GoldenRows") -> "GoldenRows":
        """These rows, with the columns and teachers that only `own` has."""
        pairs = {
            name: FrozenPair(name, {**own.pairs[name].columns, **pair.columns}) if name in own.pairs else pair
            for name, pair in self.pairs.items()
        }
        return GoldenRows(self.provenance, {**own.teachers, **self.teachers}, pairs)

    def feature_names(self) -> tuple[str, ...]:
        """The features of all teachers, each once."""
        return tuple(dict.fromkeys(name for one in self.teachers.values() for name in one.features))

    def lacking(self, names: Sequence[str]) -> list[str]:
        """Which of these features keep the rows from being those of a model; none if a pair has all of them."""
        if self.pairs_with(names):
            return []
        return [name for name in names if any(name not in pair.columns for pair in self.pairs.values())]


def rows_path() -> Path:
    """The file with the frozen rows."""
    return golden_folder() / "rows.json"


def own_rows_path(teacher_id: str) -> Path:
    """The file with the frozen rows of a teacher of the project's own, which Netflix did not publish."""
    return project().teachers / f"{teacher_id}{_OWN}"


def load_rows(path: Path | None = None) -> GoldenRows:
    """The frozen rows; without a path with those of the project's own teachers.

    Raises:
        GoldenError: the file is missing or damaged, it has no provenance, no teacher or no pair, a pair lacks a feature
            or a score of a teacher, or a value is not finite.
    """
    if path is None:
        rows = load_rows(rows_path())
        for own in map(load_rows, sorted(project().teachers.glob(f"*{_OWN}"))):
            rows = rows.beside(own)
        return rows
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        provenance = content["provenance"]
        missing = {"libvmaf", "motion_epoch", "teachers", "command"} - set(provenance)
        if missing:
            raise ValueError(f"provenance without {sorted(missing)}")
        teachers = {
            name: FrozenTeacher(str(entry["sha256"]), tuple(entry["features"]))
            for name, entry in provenance["teachers"].items()
        }
        needed = {name for teacher_id, one in teachers.items() for name in (teacher_id, *one.features)}
        pairs = {name: _pair(name, entry, needed) for name, entry in content["pairs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GoldenError(f"{path}: {error!r}", hint=_AGAIN) from error
    for what, found in (("teachers", teachers), ("pairs", pairs)):
        if not found:
            raise GoldenError(f"{path}: no {what}", hint=_AGAIN)
    return GoldenRows(provenance, teachers, pairs)


def _pair(name: str, entry: Mapping[str, list[float]], needed: set[str]) -> FrozenPair:
    if lacking := sorted(needed - set(entry)):
        raise ValueError(f"{name}: no {', '.join(lacking)}")
    columns = {column: np.array(values, dtype=np.float64) for column, values in entry.items()}
    frames = len(next(iter(columns.values())))
    if not frames or any(one.shape != (frames,) or not np.isfinite(one).all() for one in columns.values()):
        raise ValueError(f"{name}: each column must have one value a frame, all finite")
    return FrozenPair(name, columns)


def is_golden_row(rows: ArrayLike, names: Sequence[str], *, rounded_by: float = 0.0) -> NDArray[np.bool_]:
    """Which feature rows are golden.

    Args:
        rows: `[N, F]`; float32 or float64.
        names: the features of a row, in its order.
        rounded_by: how far rounding may have moved a feature, as by a log with few decimals.

    Returns:
        bool `[N]`. A golden row does not count if each of its values is 1, as of a lossless frame, or at an end of its
        range, such as no motion: any corpus can have such a row.

    Raises:
        GoldenError: the golden rows lack a feature.
    """
    given = np.asarray(rows, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != len(names):
        raise ValueError(f"features must be [N, {len(names)}], not {list(given.shape)}")
    golden, near = load_rows().features(names), _ROW_TOLERANCE + rounded_by
    ends = np.stack([*Domain(tuple(map(named, names))).bounds(), np.ones(len(names))])
    inside: NDArray[np.bool_] = np.abs(golden[:, None] - ends) > near
    golden = golden[np.any(np.all(inside, axis=1), axis=1)]
    found = np.zeros(len(given), dtype=np.bool_)
    for row in golden:
        found |= np.abs(given - row).max(axis=1) <= near
    return found


def golden_among(
    columns: Mapping[str, NDArray[np.float64]], decimals: Mapping[str, int | None] | None = None
) -> NDArray[np.bool_] | None:
    """Which rows of a table are golden by the features of any teacher of the golden rows.

    Args:
        columns: float64 `[N]` by name.
        decimals: those of columns that were rounded.

    Returns:
        bool `[N]`; None if the table has all features of no such teacher, so that golden rows cannot be told.
    """
    found: NDArray[np.bool_] | None = None
    for names in {one.features for one in load_rows().teachers.values()}:
        if set(names) <= set(columns):
            digits = [d for name in names if (d := (decimals or {}).get(name)) is not None]
            rounded_by = 0.5 * 10.0 ** -min(digits) if digits else 0.0
            golden = is_golden_row(np.column_stack([columns[name] for name in names]), names, rounded_by=rounded_by)
            found = golden if found is None else found | golden
    return found
