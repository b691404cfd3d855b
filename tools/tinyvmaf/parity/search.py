"""A search for rows on which two sessions differ most: hill climbing on the ULP distance.

Where two engines agree on a row there is no slope to follow. So scores near 0 count as better: a rounding error there
is many ULP, while a score of exactly 0 is a clip, where all agree.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.ulp import distances

Rows = NDArray[np.float32]
Scores = Callable[[Rows], NDArray[np.float32]]

_MUTATIONS: Final = (-7.0, 0.0)  # decades of a step, relative to the feature's own spread


class Disagreement(NamedTuple):
    """The row that a search ended with."""

    ulp: int
    row: Rows
    """float32 `[F]`."""
    tried: int
    """How many rows were compared."""


def search(
    reference: Scores, other: Scores, start: Rows, *, keep: int = 256, children: int = 4, steps: int = 30, seed: int = 0
) -> Disagreement:
    """Search for the row with the largest ULP distance between two functions.

    Args:
        reference, other: float32 `[N, F]` rows to float32 `[N]` scores.
        start: float32 `[N, F]`, the rows to begin from, finite.
        keep: rows that live on after a step, the best ones.
        children: changed copies of each of them, a step.
        steps: of the search.

    Raises:
        UlpError: scores that are not finite, or no float32.
    """
    rng = np.random.default_rng(seed)
    spread = np.maximum(np.abs(start).max(axis=0, initial=0.0, where=np.abs(start) < 1e3), 1e-3).astype(np.float64)
    rows, (ulp, nearness) = start, _fitness(reference, other, start)
    tried = len(start)
    for _ in range(steps):
        best = np.lexsort((-nearness, -ulp.astype(np.float64)))[:keep]
        rows, ulp, nearness = rows[best], ulp[best], nearness[best]
        made = _children(rng, rows, children, spread)
        new = _fitness(reference, other, made)
        rows = np.concatenate([rows, made])
        ulp, nearness = np.concatenate([ulp, new[0]]), np.concatenate([nearness, new[1]])
        tried += len(made)
    worst = int(np.argmax(ulp))
    return Disagreement(int(ulp[worst]), rows[worst], tried)


def _fitness(reference: Scores, other: Scores, rows: Rows) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    expected = reference(rows)
    size = np.abs(expected.astype(np.float64))
    return distances(expected, other(rows)), np.where(size > 0.0, -np.log2(np.maximum(size, 1e-300)), -1e3)


def _children(rng: np.random.Generator, rows: Rows, count: int, spread: NDArray[np.float64]) -> Rows:
    """Copies with steps of all sizes, down to single ULP, in one feature or all; and mixtures of two parents."""
    parents = np.repeat(rows, count, axis=0).astype(np.float64)
    size = 10.0 ** rng.uniform(*_MUTATIONS, (len(parents), 1))
    moved = parents + rng.normal(size=parents.shape) * size * spread
    one = rng.integers(parents.shape[1], size=len(parents))
    only = np.arange(parents.shape[1]) == one[:, None]
    made = np.where(only | (rng.uniform(size=(len(parents), 1)) < 0.5), moved, parents)
    # Halfway between two parents, which closes in on a place where the score crosses 0.
    mates = parents[rng.permutation(len(parents))]
    made = np.where(rng.uniform(size=(len(parents), 1)) < 0.2, 0.5 * parents + 0.5 * mates, made)
    limit = float(np.finfo(np.float32).max)
    made = np.clip(made, -limit, limit).astype(np.float32)
    ulps = rng.uniform(size=made.shape) < 0.2
    return np.where(ulps, _beside(made, rng), made)


def _beside(rows: Rows, rng: np.random.Generator) -> Rows:
    limit = np.finfo(np.float32).max
    return np.asarray(np.nextafter(rows, rng.choice(np.array([-limit, limit], dtype=np.float32), rows.shape)))
