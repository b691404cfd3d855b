"""A random search uphill in the cube, for functions that gradients say little of: steps of a grid, kinks, corners."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

_FIRST: Final = 0.1
_SHRINKS: Final = 0.8
_SCALES: Final = (0.1, 0.3, 1.0)
_MOVED: Final = 0.6  # of the coordinates
_TO_A_FACE: Final = 0.15  # of the coordinates: maxima often lie at the domain's ends


def evolve(
    function: Callable[[Rows], Rows],
    points: Rows,
    values: Rows,
    rng: np.random.Generator,
    *,
    children: int = 40,
    rounds: int = 20,
) -> tuple[Rows, Rows]:
    """Climb from each point by itself: the best of some random neighbours takes its place, nearer ones each round.

    Args:
        function: from points of the cube, float64 `[N, F]`, to `[N]`.
        points, values: where to start, `[K, F]`, and the function there, `[K]`.

    Returns:
        Where the climbs end, and the function there.
    """
    count, width = points.shape
    each, size = np.arange(count), _FIRST
    for _ in range(rounds):
        shape = (count, children, width)
        stride = size * rng.choice(_SCALES, (count, children, 1)) * (rng.random(shape) < _MOVED)
        tried = np.clip(points[:, None] + stride * rng.standard_normal(shape), 0.0, 1.0)
        tried = np.where(rng.random(shape) < _TO_A_FACE, np.round(tried), tried)
        found = function(tried.reshape(-1, width)).reshape(count, children)
        best = found.argmax(axis=1)
        better = found[each, best] > values
        points = np.where(better[:, None], tried[each, best], points)
        values = np.maximum(values, found[each, best])
        size *= _SHRINKS
    return points, values
