"""Fineness: how many scores a model knows for each point of its teacher's scale."""

from typing import Final

import numpy as np

from tinyvmaf.measure.standing_in.errors import BANDS
from tinyvmaf.measure.standing_in.scored import Floats, Scored

LEAST_SCORES: Final = 25
"""Of the teacher's, a point: with fewer rows nobody can tell how fine a model is."""
_STEPS: Final = 100  # a point: scores are read to 0.01, so that noise far below it is no fineness


def scores_a_point(scored: Scored) -> dict[str, float]:
    """Distinct scores of the model, to 0.01, for each point that the teacher's scores reach, by band.

    A band in which the teacher itself has fewer than `LEAST_SCORES` a point is left out. NaN where a score of the model
    is not finite.
    """
    found = {}
    for band in BANDS:
        mine = band.holds(scored.expected)
        want, have = scored.expected[mine], scored.got[mine]
        points = _distinct(np.floor(want))
        if points and _distinct(want) >= LEAST_SCORES * points:
            found[band.name] = _distinct(have) / points if np.isfinite(have).all() else float("nan")
    return found


def _distinct(scores: Floats) -> int:
    return len(np.unique(np.round(scores * _STEPS)))
