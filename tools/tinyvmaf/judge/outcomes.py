"""Outcomes as data: what was found under a bound, and how it is said.

A comparison of nothing is not an outcome: it raises `CouldNotRunError`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Gate

WORST_ROWS = 10


@dataclass(frozen=True)
class Row:
    """One value that was judged."""

    label: str
    expected: float
    """The value that it should have, or the bound itself where a value is measured against that."""
    got: float
    accepted: bool

    @property
    def difference(self) -> float:
        """|expected - got|."""
        return abs(self.expected - self.got)


@dataclass(frozen=True)
class Outcome:
    """What a gate found on one subject."""

    gate: Gate
    subject: str
    """Model, pair, engine: what was judged."""
    count: int
    """How many values were compared."""
    worst: tuple[Row, ...]
    """The ten rows furthest off, the worst first."""
    failures: int
    """How many values are outside the bound."""
    reproduce: str
    """A command that shows it again."""
    details: str = ""
    """What else a person needs to see of the worst value, such as its bits; lines, or nothing."""

    @property
    def failed(self) -> bool:
        """Whether any value is outside the bound."""
        return self.failures > 0

    @property
    def max_difference(self) -> float:
        """The largest |d|; NaN if a value was not finite."""
        return self.worst[0].difference

    def explain(self) -> str:
        """The outcome as a person needs it: a sentence, the worst rows, the reason for the bound, the command."""
        head = (
            f"{self.subject}: {self.gate.metric}: {self.failures} of {self.count} values outside "
            f"{self.gate.bound()}, max |d| {self.max_difference:.3g}"
        )
        width = max(len(row.label) for row in self.worst)
        lines = [f"  {'':{width}}  {'expected':>14}  {'got':>14}  {'|d|':>9}"]
        for row in self.worst:
            mark = " " if row.accepted else "<"
            lines.append(
                f"  {row.label:{width}}  {row.expected:14.6f}  {row.got:14.6f}  {row.difference:9.2e} {mark}".rstrip()
            )
        if self.count > len(self.worst):
            lines.append(f"  ... the worst {len(self.worst)} of {self.count}")
        lines += [f"  {line}" for line in self.details.splitlines()]
        tail = [
            f"why this bound: {self.gate.reason}",
            f"source: {self.gate.source}",
            f"again: {self.reproduce}",
        ]
        return "\n".join([head, *lines, *tail])


def compare(
    gate: Gate, subject: str, labels: Sequence[str], expected: ArrayLike, got: ArrayLike, *, reproduce: str
) -> Outcome:
    """Hold measured values against expected ones.

    Args:
        labels: one a value.
        expected, got: real numbers of the same shape, flattened in C order.

    Raises:
        CouldNotRunError: nothing to compare, shapes that differ, or an expected value that is not finite.
    """
    want: NDArray[np.float64] = np.asarray(expected, dtype=np.float64)
    have: NDArray[np.float64] = np.asarray(got, dtype=np.float64)
    if want.shape != have.shape or want.size != len(labels):
        raise CouldNotRunError(
            f"{gate.name}: {subject}: {len(labels)} values to compare, expected {list(want.shape)}, "
            f"got {list(have.shape)}"
        )
    if want.size == 0:
        raise CouldNotRunError(f"{gate.name}: {subject}: nothing to compare")
    if not np.isfinite(want).all():
        raise CouldNotRunError(f"{gate.name}: {subject}: an expected value is not finite")
    rows = [
        Row(label, a, b, gate.accepts(abs(a - b)))
        for label, a, b in zip(labels, want.ravel().tolist(), have.ravel().tolist(), strict=True)
    ]
    return _outcome(gate, subject, rows, reproduce)


def hold(gate: Gate, subject: str, measured: Mapping[str, float], *, reproduce: str, details: str = "") -> Outcome:
    """Hold measured values, under their labels, against the bound itself.

    Raises:
        CouldNotRunError: nothing was measured.
    """
    if not measured:
        raise CouldNotRunError(f"{gate.name}: {subject}: nothing was measured")
    rows = [Row(label, gate.value, value, gate.accepts(value)) for label, value in measured.items()]
    return _outcome(gate, subject, rows, reproduce, details)


def _outcome(gate: Gate, subject: str, rows: list[Row], reproduce: str, details: str = "") -> Outcome:
    # NaN first: it is the furthest off there is.
    rows.sort(
        key=lambda r: (r.accepted, np.isfinite(r.difference), -r.difference if np.isfinite(r.difference) else 0.0)
    )
    failures = sum(not row.accepted for row in rows)
    return Outcome(gate, subject, len(rows), tuple(rows[:WORST_ROWS]), failures, reproduce, details)
