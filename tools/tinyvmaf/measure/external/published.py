"""The published scores of a set against the teacher that they are said to be by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.external import code_sha256
from tinyvmaf.data.imported import Imported, PublishedScore, allowed_by_rounding
from tinyvmaf.errors import CouldNotRunError, TeacherError
from tinyvmaf.measure.external.rows import CODE, Floats, LacksError, SetRows
from tinyvmaf.vmaf.teacher import KNOWN

_TOO_COARSE: Final = 0.1
"""VMAF points that decimals allow; a log that was rounded further shows little."""
_NEARLY: Final = 1.0
"""VMAF points; no two published models of one set of features are so near on real rows: the nearest are 2.8 apart."""


@dataclass(frozen=True)
class HeldColumn:
    """A column of published scores, and the teacher's."""

    score: PublishedScore
    of: SetRows
    published: Floats
    """`[N]`, VMAF points, of the frames that have one."""
    expected: Floats
    """`[N]`, the teacher's."""
    allowed: Floats
    """`[N]`, how far the two may be apart, because the log rounds features and scores."""
    row: NDArray[np.intp]
    """`[N]`, each one's frame in `of`."""
    left_out: int
    """Frames without a score or a feature."""

    @property
    def difference(self) -> Floats:
        """`[N]`, VMAF points."""
        return np.abs(self.published - self.expected)

    @property
    def coarse(self) -> bool:
        """Whether the log's decimals allow so much that little is shown."""
        return float(self.allowed.max()) > _TOO_COARSE

    @property
    def nearly(self) -> bool:
        """Whether the scores are by this teacher, except for something: all near its own, or half of them equal.

        Saturated scores are equal for many models, and do not count.
        """
        low, high = self.of.teacher.svr.score_range
        inside = (self.expected > low) & (self.expected < high)
        if not inside.any():
            return False
        off, share = self.difference[inside], (self.difference / self.allowed)[inside]
        return bool(off.max() <= _NEARLY or np.median(share) <= 1.0)

    def worst_of_clips(self) -> dict[str, float]:
        """The frame of each clip that is furthest off for what is allowed: by its label, the share of that."""
        share, clip = self.difference / self.allowed, self.of.clip[self.row]
        order = np.lexsort((share, clip))
        last = order[np.flatnonzero(np.diff(clip[order], append=-1))]
        return {self._label(i): float(share[i]) for i in last.tolist()}

    def _label(self, i: int) -> str:
        at = self.row[i]
        return (
            f"{self.of.clips[self.of.clip[at]]} frame {self.of.frame[at]}: published {self.published[i]:.9g}, "
            f"teacher {self.expected[i]:.9g}, allowed {self.allowed[i]:.2g}"
        )


def nearest_teacher(score: PublishedScore, found: Imported, rows_of: Callable[[str], SetRows]) -> str | None:
    """The teacher whose scores are nearest to a column's on half of the frames; None if none takes the set's features.

    Args:
        rows_of: the set's frames for a teacher; raises `LacksError` or `TeacherError`.
    """
    values = found.data.table[score.column].to_numpy().astype(np.float64)
    off: dict[str, float] = {}
    for teacher in KNOWN:
        try:
            of = rows_of(teacher)
        except (LacksError, TeacherError):
            continue
        apart = np.abs(values[of.index] - of.expected)
        if np.isfinite(apart).any():
            off[teacher] = float(np.nanmedian(apart))
    return min(off, key=off.__getitem__, default=None)


def hold_column(score: PublishedScore, found: Imported, of: SetRows) -> HeldColumn:
    """A set's column of published scores against the teacher of `of`.

    Raises:
        CouldNotRunError: no frame has a score.
    """
    values = found.data.table[score.column].to_numpy().astype(np.float64)[of.index]
    row = np.flatnonzero(np.isfinite(values))
    if not len(row):
        raise CouldNotRunError(f"{of.name}: column {score.column} has no score")
    decimals = {name: found.decimals.get(name) for name in of.teacher.feature_names}
    of_score = found.decimals.get(score.column)
    fields = {
        "kind": "external allowed",
        "teacher": of.teacher.sha256,
        "decimals": [*decimals.values(), of_score],
        "code": code_sha256(*CODE),
    }
    allowed = of.stored(fields, lambda: allowed_by_rounding(of.teacher, of.rows, decimals, of_score))
    # Scores of unrounded logs differ by the rounding of float64 sums.
    least = np.maximum(allowed, 1e-9)
    return HeldColumn(score, of, values[row], of.expected[row], least[row], row, found.data.table.num_rows - len(row))
