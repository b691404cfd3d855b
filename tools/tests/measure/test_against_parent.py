"""A variant against its parent: what cannot be compared is infinitely far, never near."""

import math

import numpy as np
import pytest

from tinyvmaf.measure.against_parent import against_parent

TEACHER = np.linspace(10, 90, 50)
PARENT = TEACHER + np.sin(np.arange(50))


def test_the_same_scores_are_no_distance_apart() -> None:
    found = against_parent(TEACHER, PARENT, PARENT)
    assert (found.rmse, found.worst, found.plcc_drop) == (0, 0, 0)


def test_distances_are_in_points() -> None:
    variant = PARENT + np.where(np.arange(50) == 7, 5.0, 0.0)
    found = against_parent(TEACHER, PARENT, variant)
    assert found.worst == pytest.approx(5)
    assert found.rmse == pytest.approx(5 / 50**0.5)
    assert found.plcc_drop > 0
    assert against_parent(TEACHER, PARENT, TEACHER).plcc_drop < 0


def test_what_is_not_finite_or_constant_is_within_no_bound() -> None:
    spoilt = PARENT.copy()
    spoilt[3] = np.nan
    assert math.isinf(against_parent(TEACHER, PARENT, spoilt).rmse)
    assert math.isnan(against_parent(TEACHER, PARENT, np.full(50, 50.0)).plcc_drop)


def test_a_parent_without_scores_is_no_yardstick() -> None:
    for parent in (np.full(50, np.nan), np.full(50, 50.0)):
        with pytest.raises(ValueError, match=r"constant|is nan"):
            against_parent(TEACHER, parent, PARENT)
