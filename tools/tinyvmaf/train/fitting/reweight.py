"""A4: a scale and a shift per feature in front of the teacher's SVR (12 numbers for canonical-6), fitted by SciPy."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from tinyvmaf.train.fitting.examples import Part
from tinyvmaf.train.recipes import Recipe
from tinyvmaf.train.students import Student
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

# The fit starts near the teacher, not at it: at the teacher, distillation would have nothing to do.
_START_NOISE: Final = 0.05


def reweight(recipe: Recipe, teacher: Teacher, part: Part, seed: int) -> Student:
    """Fit scale and shift to the scores (B1) or the opinions (B2) of a fold's rows.

    A fit per clip compares the mean score of the clip's frames with the mean of their targets.
    """
    whole, svr = part.whole, replace(teacher.svr, chroma=None)  # the rows are already corrected
    rows = whole.rows[part.train]
    opinions = recipe.method == "B2"
    targets = (whole.opinion if opinions and whole.opinion is not None else whole.scores)[part.train]
    weights = np.ones(len(rows))
    if opinions and whole.opinion_weight is not None:
        weights = np.sqrt(whole.opinion_weight[part.train] / part.mean_weight())
    width = rows.shape[1]
    _, clip = np.unique(whole.clip[part.train], return_inverse=True)
    frames = np.bincount(clip)

    def per_target(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(clip, values) / frames if recipe.per == "clip" else values

    def off(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        scores = svr.predict(rows * numbers[:width] + numbers[width:])
        return per_target((scores - targets) * weights)

    rng = np.random.default_rng([seed, 0])
    start = np.concatenate([np.ones(width), np.zeros(width)]) + rng.normal(0.0, _START_NOISE, 2 * width)
    scale = np.concatenate([np.ones(width), np.maximum(rows.std(axis=0), 1e-6)])
    found = least_squares(off, start, x_scale=scale, max_nfev=recipe.optimiser.steps, method="trf").x
    return Student(
        recipe.architecture,
        teacher.feature_names,
        np.zeros(width),
        np.ones(width),
        (found[:width], found[width:]),
        Domain(teacher.features).extent(),
        teacher.svr.score_range,
        teacher.svr.chroma,
        svr,
    )
