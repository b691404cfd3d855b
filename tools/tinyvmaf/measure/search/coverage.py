"""How much of the domain lies near a row that a search evaluated."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tinyvmaf.vmaf.domain import Domain

Rows = NDArray[np.float64]

RADIUS: Final = 0.05
"""Share of each feature's extent within which a row counts as near."""
_ASKED: Final = 2_000
_AROUND: Final = 0.02  # of the extent: what lies within it of a row of real video is its neighbourhood
_KEPT: Final = 200_000


class Coverage(NamedTuple):
    """Shares of what is within `RADIUS` of an evaluated row in every feature; by random points, off by some 0.02."""

    domain: float
    """Of the domain's volume."""
    video: float
    """Of the neighbourhood of real video; NaN if no row of it is known."""


def coverage(evaluated: Rows, known: Rows, domain: Domain, rng: np.random.Generator) -> Coverage:
    """Measure it.

    Args:
        evaluated: rows, float64 `[N, F]`, in a random order.
        known: rows of real video, `[K, F]`; may be empty.
    """
    low, high = domain.bounds()
    extent = high - low
    tree = cKDTree(evaluated[:_KEPT] / extent)

    def share(points: Rows) -> float:
        far = tree.query(points / extent, p=np.inf, distance_upper_bound=RADIUS)[0]
        return float(np.isfinite(far).mean()) if len(points) else float("nan")

    beside = known[rng.integers(len(known), size=_ASKED)] if len(known) else known
    beside = beside + _AROUND * extent * rng.uniform(-1.0, 1.0, beside.shape)
    return Coverage(share(uniform(domain, rng)), share(domain.rows(domain.cube(beside))))


def uniform(domain: Domain, rng: np.random.Generator) -> Rows:
    """Rows that are uniform in the domain's volume, some 2000."""
    low, high = domain.bounds()
    found: list[Rows] = []
    for _ in range(50):
        rows = rng.uniform(low, high, (20_000, len(low)))
        found.append(rows[domain.contains(rows)])
        if sum(map(len, found)) >= _ASKED:
            break
    return np.concatenate(found)[:_ASKED]
