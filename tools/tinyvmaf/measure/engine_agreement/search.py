"""A search for the row on which two sessions differ most: hill climbing on the ULP distance.

Rows on which the engines agree give no direction. Among them the search prefers scores near 0, where a rounding error
is many ULP. A score of exactly 0 is clipped, so all engines agree on it, and it ranks last.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.engine_agreement.rows import Rows
from tinyvmaf.measure.engine_agreement.ulp import apart

Scores = Callable[[Rows], NDArray[np.float32]]

_MUTATIONS: Final = (-7.0, 0.0)  # range of log10 of a step, relative to the feature's spread


class Disagreement(NamedTuple):
    """The row with the largest distance. The other rows of its batch may be needed to reproduce it."""

    ulp: int
    row: Rows
    """float32 `[F]`."""
    expected: np.float32
    """The score of the reference."""
    got: np.float32
    """The score of the other session."""
    batch: int
    """The number of rows in the run that found it."""
    tried: int
    """The number of compared rows."""


def search(
    reference: Scores, other: Scores, start: Rows, *, keep: int = 256, children: int = 4, steps: int = 30, seed: int = 0
) -> Disagreement:
    """Search for the row with the largest ULP distance between two functions.

    Args:
        reference, other: float32 `[N, F]` rows to float32 `[N]` scores.
        start: float32 `[N, F]`, the first rows, finite.
        keep: number of best rows kept after each step.
        children: number of changed copies of each kept row, per step.
        steps: number of steps.

    Raises:
        UlpError: scores are not float32.
    """
    rng = np.random.default_rng(seed)
    spread = np.maximum(np.abs(start).max(axis=0, initial=0.0, where=np.abs(start) < 1e3), 1e-3).astype(np.float64)
    seen = _seen(reference, other, start)
    tried = len(start)
    for _ in range(steps):
        seen = seen[np.lexsort((-seen["nearness"], -seen["ulp"].astype(np.float64)))[:keep]]
        made = _children(rng, seen["row"], children, spread)
        seen = np.concatenate([seen, _seen(reference, other, made)])
        tried += len(made)
    worst = seen[np.argmax(seen["ulp"])]
    return Disagreement(int(worst["ulp"]), worst["row"], worst["expected"], worst["got"], int(worst["batch"]), tried)


def _seen(reference: Scores, other: Scores, rows: Rows) -> NDArray[np.void]:
    """Rows with both scores from this run, their distance, and how near the score is to 0."""
    fields = [
        ("row", "f4", rows.shape[1:]),
        ("expected", "f4"),
        ("got", "f4"),
        ("batch", "u8"),
        ("ulp", "u8"),
        ("nearness", "f8"),
    ]
    expected, got = reference(rows), other(rows)
    size = np.abs(expected.astype(np.float64))
    seen = np.empty(len(rows), dtype=fields)
    seen["row"], seen["expected"], seen["got"], seen["batch"] = rows, expected, got, len(rows)
    seen["ulp"] = apart(expected, got)
    seen["nearness"] = np.where(size > 0.0, -np.log2(np.maximum(size, 1e-300)), -1e3)
    return seen


def _children(rng: np.random.Generator, rows: Rows, count: int, spread: NDArray[np.float64]) -> Rows:
    """Copies with changes of all sizes, down to one ULP, in one feature or more, and midpoints of two parents."""
    parents = np.repeat(rows, count, axis=0).astype(np.float64)
    size = 10.0 ** rng.uniform(*_MUTATIONS, (len(parents), 1))
    moved = parents + rng.normal(size=parents.shape) * size * spread
    one = rng.integers(parents.shape[1], size=len(parents))
    only = np.arange(parents.shape[1]) == one[:, None]
    made = np.where(only | (rng.uniform(size=(len(parents), 1)) < 0.5), moved, parents)
    # Midpoints of two parents approach a place where the score crosses 0.
    mates = parents[rng.permutation(len(parents))]
    made = np.where(rng.uniform(size=(len(parents), 1)) < 0.2, 0.5 * parents + 0.5 * mates, made)
    limit = float(np.finfo(np.float32).max)
    made = np.clip(made, -limit, limit).astype(np.float32)
    ulps = rng.uniform(size=made.shape) < 0.2
    return np.where(ulps, _beside(made, rng), made)


def _beside(rows: Rows, rng: np.random.Generator) -> Rows:
    limit = np.finfo(np.float32).max
    return np.asarray(np.nextafter(rows, rng.choice(np.array([-limit, limit], dtype=np.float32), rows.shape)))
