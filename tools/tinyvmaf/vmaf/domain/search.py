"""Searches the domain for the rows where a student differs most from its teacher: gradient ascent from many starts.

Gradients are central differences in the unit cube, so this works for any function of rows, such as an ONNX model. The
result is a lower bound of the true maximum.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.vmaf.domain.teacher_domain import Domain, Rows

Scores = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""From rows, float32 `[N, F]`, to scores, `[N]`, in VMAF points."""

_STEP: Final = 1e-3  # in the cube, for central differences; a smaller step would measure the rounding of float32 scores
_STEEP: Final = 1e6  # VMAF points, in place of infinity, so that an ascent finds its way there
_FIRST_STRIDE: Final = 0.1
_LAST_STRIDE: Final = 1e-4


class WorstRows(NamedTuple):
    """The end of each ascent, the largest difference first."""

    rows: Rows
    """float64 `[K, F]`, all values representable in float32."""
    differences: Rows
    """float64 `[K]`, |student - teacher| in VMAF points; infinite where the student's score is not finite."""


def worst_difference(
    student: Scores,
    teacher: Scores,
    domain: Domain,
    *,
    samples: int = 100_000,
    starts: int = 200,
    steps: int = 60,
    seed: int = 0,
) -> WorstRows:
    """Search the domain for the rows on which two functions differ most.

    Args:
        student, teacher: the functions to compare.
        samples: number of rows to draw.
        starts: number of ascents. Half start at the worst of the samples, half at random ones, to find narrow maxima.
        steps: steps of each ascent.
    """

    def difference(cube: Rows) -> Rows:
        rows = domain.rows(cube).astype(np.float32)
        found = np.abs(np.asarray(student(rows), dtype=np.float64) - teacher(rows))
        return np.where(np.isfinite(found), found, np.inf)

    cube = domain.cube_sample(samples, seed)
    sampled = difference(cube)
    furthest = np.argsort(-sampled, kind="stable")[: starts - starts // 2]
    chosen = np.concatenate([furthest, np.arange(min(starts // 2, samples))])
    return climb(difference, lambda point: slopes(difference, point), domain, cube[chosen], sampled[chosen], steps)


def climb(
    difference: Callable[[Rows], Rows],
    gradient: Callable[[Rows], Rows],
    domain: Domain,
    point: Rows,
    best: Rows,
    steps: int,
) -> WorstRows:
    """Gradient ascents in the cube.

    Args:
        difference, gradient: functions of points of the cube, float64 `[N, F]`, to `[N]` and to `[N, F]`.
        point, best: where the ascents start, `[N, F]`, and the differences there, `[N]`. Both change in place.
        steps: steps of each ascent.
    """
    stride = np.where(np.isfinite(best), _FIRST_STRIDE, 0.0)  # nothing is worse than a score that is not finite
    for _ in range(steps):
        moving = stride > _LAST_STRIDE
        if not moving.any():
            break
        uphill = gradient(point[moving])
        length = np.linalg.norm(uphill, axis=1, keepdims=True)
        candidate = np.clip(point[moving] + stride[moving, None] * uphill / np.maximum(length, 1e-12), 0.0, 1.0)
        found = difference(candidate)
        better = found > best[moving]
        index = np.flatnonzero(moving)
        point[index[better]], best[index[better]] = candidate[better], found[better]
        stride[index] *= np.where(better, 1.3, 0.4)
    order = np.argsort(-best, kind="stable")
    rows = domain.rows(point[order]).astype(np.float32).astype(np.float64)
    return WorstRows(rows, best[order])


def slopes(function: Callable[[Rows], Rows], point: Rows) -> Rows:
    """Central differences at a batch of points of the cube; one-sided at its faces.

    Args:
        function: from points, float64 `[N, F]`, to one or more values each, `[N]` or `[N, K]`.

    Returns:
        The derivatives by each coordinate, `[N, F]` or `[N, F, K]`.
    """
    count, width = point.shape
    offsets = _STEP * np.eye(width)
    high = np.clip(point[:, None] + offsets, 0.0, 1.0)
    low = np.clip(point[:, None] - offsets, 0.0, 1.0)
    values = np.minimum(function(np.concatenate([high, low]).reshape(-1, width)), _STEEP)
    values = values.reshape(2, count, width, *values.shape[1:])
    spans = (high - low)[:, range(width), range(width)].reshape(count, width, *(1 for _ in values.shape[3:]))
    return np.asarray((values[0] - values[1]) / spans)
