"""A polynomial of the teacher's score of a clip, fitted to opinions: the frames' mean, or one in which better frames
weigh more."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tinyvmaf.train.fitting.examples import Part
from tinyvmaf.train.recipes import MOST_POOLING, Recipe
from tinyvmaf.train.students import Student, pooled_score
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

Array = NDArray[np.float64]

_STEP: Final = 1.0  # of the poolings that are tried before the best one is refined


def pooled(recipe: Recipe, teacher: Teacher, part: Part, scores: Array) -> Student:
    """Fit a polynomial, and the pooling if the recipe asks for it, to the opinions of a fold's clips.

    The squared errors of all clips are least. For a given pooling the polynomial is a linear problem, so only the
    pooling, one number, is searched.

    Args:
        scores: `[N]`, the teacher's scores of all rows that `part` has its own of, VMAF points.
    """
    whole, mos = part.whole, recipe.mos
    assert mos is not None
    assert whole.opinion is not None
    assert whole.opinion_weight is not None
    clips = part.clips()
    firsts = np.array([rows[0] for rows in clips])
    starts = np.cumsum([0, *map(len, clips[:-1])])
    scores, opinions = scores[np.concatenate(clips)], whole.opinion[firsts]
    weights = np.sqrt(whole.opinion_weight[firsts] / part.mean_weight())

    def fitted(pooling: float) -> tuple[float, Array]:
        powers = np.polynomial.polynomial.polyvander(
            pooled_score(scores, starts, pooling) / 100.0, recipe.architecture.degree
        )
        numbers = np.linalg.lstsq(powers * weights[:, None], opinions * weights, rcond=None)[0]
        return float(np.mean(np.square((powers @ numbers - opinions) * weights))), numbers

    pooling = _searched(lambda at: fitted(at)[0], recipe.optimiser.steps) if mos.pooling == "fitted" else mos.pooling
    width = len(teacher.features)
    return Student(
        recipe.architecture,
        teacher.feature_names,
        np.zeros(width),
        np.ones(width),
        (fitted(pooling)[1], np.array([pooling])),
        Domain(teacher.features).extent(),
        teacher.svr.score_range,
        teacher.svr.chroma,
        replace(teacher.svr, chroma=None),  # the student corrects chroma before it
    )


def _searched(loss: Callable[[float], float], steps: int) -> float:
    """The pooling with the least loss: the best whole number, refined between its neighbours."""
    tried = np.arange(-MOST_POOLING, MOST_POOLING + _STEP, _STEP)
    best = float(tried[int(np.argmin([loss(float(at)) for at in tried]))])
    bounds = max(best - _STEP, -MOST_POOLING), min(best + _STEP, MOST_POOLING)
    return float(minimize_scalar(loss, bounds=bounds, method="bounded", options={"maxiter": steps}).x)
