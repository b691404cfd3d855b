"""Examines an imported set: what it has, what is odd, and what would make results wrong."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.golden import golden_among, load_rows
from tinyvmaf.data.imported.table import Imported
from tinyvmaf.data.imported.teachers import TeacherOf
from tinyvmaf.errors import TeacherError
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import KNOWN

_EVEN_STEPS = 0.5


@dataclass(frozen=True)
class ColumnRange:
    """A column of a set."""

    name: str
    decimals: int | None
    low: float
    high: float
    missing: int
    """Rows without a number."""


@dataclass(frozen=True)
class OutsideRows:
    """Rows outside a teacher's domain, which is that of all teachers with its features."""

    teacher: str
    count: int
    furthest: float
    """How far the worst row is outside, in units of its feature."""
    feature: str
    """The feature that is furthest outside there, and where the row is."""
    clip: str
    frame: int


@dataclass(frozen=True)
class SetFault:
    """What is odd about a set."""

    code: str
    text: str
    spoils: bool = True
    """Whether it makes results wrong."""


@dataclass(frozen=True)
class SetFindings:
    """What `check_set` found."""

    sources: dict[str, tuple[int, int]]
    """By source, its clips and frames."""
    columns: tuple[ColumnRange, ...]
    outside: tuple[OutsideRows, ...]
    faults: tuple[SetFault, ...]

    @property
    def spoils(self) -> bool:
        """Whether at least one fault makes results wrong."""
        return any(fault.spoils for fault in self.faults)


def check_set(found: Imported, teacher_of: TeacherOf) -> SetFindings:
    """Examine a set."""
    table = found.data.table
    source = np.array(table["source"].to_pylist())
    clip = table["clip"].dictionary_encode().combine_chunks()
    clips, of = clip.dictionary.to_pylist(), clip.indices.to_numpy()
    source_of = dict(zip(table["clip"].to_pylist(), source.tolist(), strict=True))
    names, counts = np.unique(source, return_counts=True)
    clips_of: dict[str, int] = defaultdict(int)
    for name in clips:
        clips_of[source_of[name]] += 1
    sources = {str(name): (clips_of[str(name)], int(count)) for name, count in zip(names, counts, strict=True)}
    columns = tuple(_columns(found))
    outside = tuple(_outside(found, teacher_of))
    faults = [*_gaps(found, clips, of), *_copies(found, clips, of, source_of), *_golden(found), *_scores(found)]
    faults += [
        SetFault("missing", f"{column.name} is missing in {column.missing} frames", spoils=False)
        for column in columns
        if column.missing
    ]
    if len(sources) < 2:
        faults.append(SetFault("sources", "one source: none can be left out", spoils=False))
    return SetFindings(sources, columns, outside, tuple(faults))


def _columns(found: Imported) -> Iterator[ColumnRange]:
    for name in found.data.table.column_names[3:]:
        values = found.data.table[name].to_numpy().astype(np.float64)
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (np.nan, np.nan)
        yield ColumnRange(name, found.decimals.get(name), low, high, int(len(values) - len(finite)))


def _outside(found: Imported, teacher_of: TeacherOf) -> Iterator[OutsideRows]:
    """For each set of features that a teacher takes, the rows outside its domain."""
    table = found.data.table
    done: set[tuple[str, ...]] = set()
    for teacher_id in KNOWN:
        try:
            teacher = teacher_of(teacher_id)
        except TeacherError:
            continue  # this libvmaf lacks it
        names = teacher.feature_names
        if names in done or not set(names) <= set(table.column_names):
            continue
        done.add(names)
        rows = np.column_stack([table[name].to_numpy() for name in names])
        usable = np.flatnonzero(np.isfinite(rows).all(axis=1))
        if not len(usable):
            continue
        excess = np.abs(Domain(teacher.features).excess(rows[usable]))
        distance = excess.max(axis=1)
        worst = int(distance.argmax())
        row = int(usable[worst])
        yield OutsideRows(
            teacher_id,
            int((distance > 0).sum()),
            float(distance[worst]),
            names[int(excess[worst].argmax())],
            table["clip"][row].as_py(),
            int(table["frame"][row].as_py()),
        )


def _gaps(found: Imported, clips: list[str], of: NDArray[np.int64]) -> Iterator[SetFault]:
    frame = found.data.table["frame"].to_numpy()
    gaps, every, late = [], [], []
    for name, rows in _rows_of(clips, of):
        steps = np.diff(frame[rows])
        step = int(np.median(steps)) if len(steps) else 1
        if step > 1 and (steps == step).mean() > _EVEN_STEPS:
            every.append(name)
        if len(steps) and (steps != step).any():
            gaps.append(name)
        if frame[rows[0]] != 0:
            late.append(name)
    for code, names, text in (
        ("gaps", gaps, "frames are missing inside"),
        ("subsampled", every, "not every frame was logged in"),
        ("late", late, "frame 0 is missing in"),
    ):
        if names:
            yield SetFault(code, f"{text} {len(names)} clips, such as {names[0]}", spoils=False)


def _copies(found: Imported, clips: list[str], of: NDArray[np.int64], source_of: dict[str, str]) -> Iterator[SetFault]:
    """Clips with the same features in all frames: under two sources, leaving one out leaves nothing out."""
    names = [name for name in load_rows().feature_names() if name in found.data.table.column_names]
    if not names:
        return
    rows = np.round(np.column_stack([found.data.table[name].to_numpy() for name in names]), 6) + 0.0
    same: dict[bytes, list[str]] = defaultdict(list)
    for name, where in _rows_of(clips, of):
        same[rows[where].tobytes()].append(name)
    over = [group for group in same.values() if len({source_of[name] for name in group}) > 1]
    within = [group for group in same.values() if len(group) > 1 and group not in over]
    if over:
        first = over[0]
        text = f"{len(over)} clips are there under two sources, such as {first[0]} and {first[1]}"
        yield SetFault("leak", f"{text}: make them one source (same, in a layout)")
    if within:
        first = within[0]
        text = f"{len(within)} clips are there twice in one source, such as {first[0]} and {first[1]}"
        yield SetFault("copies", text, spoils=False)


def _golden(found: Imported) -> Iterator[SetFault]:
    table = found.data.table
    there = [name for name in load_rows().feature_names() if name in table.column_names]
    golden = golden_among({name: table[name].to_numpy() for name in there}, found.decimals)
    if golden is None:
        what = "without all features of a published teacher, golden rows cannot be told: it is not trained on"
        yield SetFault("golden", what, False)
    elif golden.any():
        clip = table["clip"][int(np.flatnonzero(golden)[0])].as_py()
        yield SetFault("golden", f"{int(golden.sum())} rows are golden, such as in {clip}: they must not be trained on")


def _scores(found: Imported) -> Iterator[SetFault]:
    for score in found.scores:
        if score.how == "unknown":
            nearest = f"; {score.nearest} comes nearest, {score.worst:.2g} off" if score.nearest else ""
            told = f", which should be {score.declared}'s" if score.declared else ""
            what = f"no teacher gives the scores of {score.published} again{told}{nearest}"
            yield SetFault("score", what, spoils=score.declared is not None)
        elif score.declared not in (None, score.teacher):
            what = f"the scores of {score.published} are {score.teacher}'s, not {score.declared}'s"
            yield SetFault("score", what, spoils=False)


def _rows_of(clips: list[str], of: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """The rows of each clip, in order."""
    order = np.argsort(of, kind="stable")
    ends = np.cumsum(np.bincount(of, minlength=len(clips)))
    for name, start, end in zip(clips, np.concatenate([[0], ends[:-1]]), ends, strict=True):
        yield name, order[start:end]
