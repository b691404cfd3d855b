"""Which teacher a column of scores is by: the one that gives them again, within what the log's decimals allow."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.imported.precision import allowed_by_rounding
from tinyvmaf.data.imported.table import PublishedScore
from tinyvmaf.errors import TeacherError
from tinyvmaf.vmaf.teacher import KNOWN, Teacher

Floats = NDArray[np.float64]
TeacherOf = Callable[[str], Teacher]
"""A teacher by its id."""

DETECTED_ON: Final = 4096
"""Rows, spread over the set."""
# float32 features, of which libvmaf printed the decimals, are off by less than this share of what those allow.
_SLACK: Final = 1.01
# No feature is as large: such a row is damaged.
_LARGEST: Final = 1e6


def find_teacher(
    published: str,
    values: Floats,
    columns: Mapping[str, Floats],
    decimals: Mapping[str, int | None],
    score_decimals: int | None,
    teacher_of: TeacherOf,
    *,
    declared: str | None = None,
) -> PublishedScore:
    """The teacher of a column of scores.

    Args:
        values: `[N]`, the scores.
        columns: the features by tinyvmaf's names, `[N]` each.
        decimals: of the features.
        declared: the teacher that the set's layout names. Without one, a column that has the id of a teacher declares
            it.
    """
    tried: list[tuple[float, float, str]] = []
    declared = next((name for name in (declared, published) if name in KNOWN), None)
    named = [] if declared is None else [declared]
    for teacher_id in dict.fromkeys([*named, *sorted(KNOWN, key=lambda name: _unlike(published, name))]):
        try:
            teacher = teacher_of(teacher_id)
        except TeacherError:
            continue  # this libvmaf lacks it
        if not set(teacher.feature_names) <= set(columns):
            continue
        found = _compared(teacher, values, columns, decimals, score_decimals)
        if found is None:
            continue
        worst, share = found
        if share <= _SLACK:
            how = "declared" if teacher_id == declared else "detected"
            return PublishedScore(teacher_id, published, teacher_id, how, worst, share, declared=declared)  # type: ignore[arg-type]
        tried.append((worst, share, teacher_id))
    if not tried:
        if named and not set(teacher_of(named[0]).feature_names) <= set(columns):
            return PublishedScore(named[0], published, named[0], "unchecked", declared=declared)
        return PublishedScore(published, published, None, "unknown", declared=declared)
    worst, share, nearest = min(tried)
    return PublishedScore(published, published, None, "unknown", worst, share, nearest, declared)


def _compared(
    teacher: Teacher,
    values: Floats,
    columns: Mapping[str, Floats],
    decimals: Mapping[str, int | None],
    score_decimals: int | None,
) -> tuple[float, float] | None:
    """The largest difference on a sample, and as a share of what is allowed; None: no row has all values."""
    rows = np.column_stack([columns[name] for name in teacher.feature_names])
    usable = np.flatnonzero((np.abs(rows) < _LARGEST).all(axis=1) & np.isfinite(values))
    if not len(usable):
        return None
    # Saturated scores fit many teachers: rows inside the scale come first.
    low, high = teacher.svr.score_range
    inside = usable[(values[usable] > low) & (values[usable] < high)]
    chosen = inside if len(inside) else usable
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, DETECTED_ON).astype(np.int64))]
    allowed = allowed_by_rounding(teacher, rows[chosen], decimals, score_decimals) + 1e-9
    apart = np.abs(teacher.predict(rows[chosen]) - values[chosen])
    return float(apart.max()), float((apart / allowed).max())


def _unlike(published: str, teacher_id: str) -> int:
    """Orders the teachers by how little a column's name speaks for them; equal ones stay as they are in `KNOWN`."""
    words = ("neg", "4k", "float", "b_v")
    return sum((word in published.lower()) != (word in teacher_id) for word in words)
