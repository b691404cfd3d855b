"""How far a quantised variant is from the float model that it was made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.agreement import agreement

Scores = NDArray[np.floating]


@dataclass(frozen=True)
class AgainstParent:
    """Of the same frames, VMAF points."""

    rmse: float
    """Of the variant's scores from the parent's."""
    worst: float
    """The largest difference of a frame."""
    plcc_drop: float
    """By how much the PLCC with the teacher is below the parent's; negative where it is above."""


def against_parent(teacher: Scores, parent: Scores, variant: Scores) -> AgainstParent:
    """Compare scores of the same frames, `[N]` each.

    A variant with a score that is not finite is infinitely far; one that is constant has a drop of NaN. Neither is
    within any bound.

    Raises:
        ConstantError: the teacher or the parent is constant.
        ValueError: a score of the teacher or of the parent is not finite, or there are fewer than 3.
    """
    of_parent = agreement(teacher, parent)
    if not np.isfinite(variant).all():
        return AgainstParent(np.inf, np.inf, np.inf)
    of_variant = agreement(teacher, variant, constant_got="nan")
    off = np.abs(variant.astype(np.float64) - parent.astype(np.float64))
    drop = of_parent.plcc - of_variant.plcc
    return AgainstParent(float(np.sqrt(np.mean(off**2))), float(off.max()), drop)
