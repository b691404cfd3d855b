"""Direction: along a path of the domain, a model moves where its teacher moves.

The law: between any two points of a path, the model's change lies between 0 and the teacher's change, give or take X.
So it falls no further than the teacher falls, and rises no further than the teacher rises. It holds on every path, also
where features of quality fall, so it needs no list of features that must raise a score. A model that is within E of its
teacher breaks it by 2 E at most.
"""

from typing import NamedTuple

import numpy as np

from tinyvmaf.measure.standing_in.scored import Floats


class Against(NamedTuple):
    """The stretch of a path on which the model moves furthest against its teacher."""

    by: float
    """VMAF points; 0 if it nowhere does, NaN if a score is not finite."""
    path: int
    begin: int
    end: int


def against(expected: Floats, got: Floats) -> Against:
    """The worst stretch of all paths.

    Args:
        expected, got: scores of the points of each path in order, `[P, K]`.
    """
    if not np.isfinite(got).all():
        return Against(float("nan"), *(int(i) for i in np.argwhere(~np.isfinite(got))[0][[0, 1, 1]]))
    begin, end = np.triu_indices(expected.shape[1], k=1)
    teacher, model = expected[:, end] - expected[:, begin], got[:, end] - got[:, begin]
    by = np.maximum(np.minimum(teacher, 0.0) - model, model - np.maximum(teacher, 0.0))
    path, stretch = np.unravel_index(int(by.argmax()), by.shape)
    return Against(max(0.0, float(by[path, stretch])), int(path), int(begin[stretch]), int(end[stretch]))
