"""Order: whether the model puts two rows in the teacher's order. An encoder decides by it."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.agreement import ConstantError, srocc
from tinyvmaf.measure.standing_in.errors import BANDS
from tinyvmaf.measure.standing_in.scored import Floats, Scored

LEAST_ROWS: Final = 20
"""With fewer rows in a band, one pair decides its rank correlation."""


class Reversals(NamedTuple):
    """Pairs of rows that the teacher puts at least a gap apart, and the model the other way round."""

    pairs: int
    """How many pairs are at least the gap apart."""
    share: float
    """Of these pairs, the reversed ones; 0 if there is no pair, NaN if a score is not finite."""
    widest: float
    """By how many points the model puts the worse row above the better one, at most; 0 if no pair is reversed."""
    worse: int
    """Row of the widest pair that the teacher puts lower."""
    better: int


def reversals(expected: Floats, got: Floats, gap: float) -> Reversals:
    """Count and measure the reversed pairs exactly, in O(N log N).

    Args:
        expected, got: `[N]`.
        gap: VMAF points, above 0. A pair counts if `expected[worse] <= expected[better] - gap`.
    """
    order = np.argsort(expected, kind="stable")
    want, have = expected[order], got[order]
    below = np.searchsorted(want, want - gap, side="right")  # of each row, how many are worse by the gap
    pairs = int(below.sum())
    if not pairs:
        return Reversals(0, 0.0, 0.0, 0, 0)
    if not np.isfinite(have).all():
        return Reversals(pairs, float("nan"), float("nan"), 0, 0)
    share = int(_larger_before(have, below).sum()) / pairs
    some = np.flatnonzero(below)
    widths = np.maximum.accumulate(have)[below[some] - 1] - have[some]
    better = int(some[np.argmax(widths)])
    worse = int(np.argmax(have[: below[better]]))
    return Reversals(pairs, share, max(0.0, float(widths.max())), int(order[worse]), int(order[better]))


def _larger_before(values: Floats, count: NDArray[np.intp]) -> NDArray[np.int64]:
    """Of each value, how many of the first `count` values are larger, `[N]`.

    By a wavelet matrix (Claude, Navarro and Ordonez, 2015): the ranks of values, sorted bit by bit from the highest.
    In each bit, values that have a 1 where the asked one has a 0 are larger, and those with the same bit go on.
    """
    ranks = np.unique(values, return_inverse=True)[1].reshape(-1)
    asked, start, end = ranks.copy(), np.zeros(len(values), np.int64), count.astype(np.int64)
    larger = np.zeros(len(values), np.int64)
    for bit in reversed(range(int(ranks.max()).bit_length())):
        ones = (ranks >> bit) & 1
        before = np.concatenate([[0], np.cumsum(ones)])
        zeros, low, high = len(ranks) - before[-1], before[start], before[end]
        up = (asked >> bit) & 1 == 1
        larger += np.where(up, 0, high - low)
        start, end = np.where(up, zeros + low, start - low), np.where(up, zeros + high, end - high)
        ranks = np.concatenate([ranks[ones == 0], ranks[ones == 1]])
    return larger


def rank_correlations(scored: Scored, score_range: tuple[float, float]) -> dict[str, float]:
    """SROCC within each band of `LEAST_ROWS` rows or more; NaN if the model's scores do not vary, or one is not finite.

    Rows that the teacher clips count in no band: it gives them no order.
    """
    low, high = score_range
    unclipped = (scored.expected > low) & (scored.expected < high)
    found = {}
    for band in BANDS:
        mine = band.holds(scored.expected) & unclipped
        if mine.sum() < LEAST_ROWS:
            continue
        try:
            found[band.name] = srocc(scored.expected[mine], scored.got[mine])
        except ConstantError as error:
            if error.which == "got":
                found[band.name] = float("nan")
        except ValueError:  # a score is not finite
            found[band.name] = float("nan")
    return found
