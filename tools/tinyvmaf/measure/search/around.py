"""Rows of the domain on and around those of real video."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tinyvmaf.vmaf.domain import Domain

Rows = NDArray[np.float64]

JITTER: Final = (0.01, 0.03, 0.1)
"""Shares of a feature's extent: the half width of the box around a row that a sample is drawn from."""
_NEIGHBOURS: Final = 4
_CORNERS: Final = 4
_HIGH_ADM: Final = 0.9


def rows_around(known: Rows, domain: Domain, count: int, rng: np.random.Generator) -> Rows:
    """Rows between and beside known ones, and beside those between; a sixth have an ADM above 0.9.

    Args:
        known: rows of real video, float64 `[N, F]`, features in the teacher's order; at least two.

    Returns:
        float64 `[count, F]`, in the domain.
    """
    low, high = domain.bounds()
    extent = high - low
    near = cKDTree(known / extent).query(known / extent, k=min(_NEIGHBOURS + 1, len(known)))[1]
    first = rng.integers(len(known), size=count)
    kind = np.arange(count) % 6
    # 0: on the way to a neighbour, 1: to any row, 2: inside of some rows, 3: beside a row, 4 and 5: beside a 1.
    other = np.where(
        kind == 0, near[first, rng.integers(1, near.shape[1], count)], rng.integers(len(known), size=count)
    )
    part = np.where(rng.random(count) < 0.25, 0.5, rng.random(count))[:, None]
    rows = known[first] + part * (known[other] - known[first])
    weights = rng.dirichlet(np.ones(_CORNERS), count)
    inside = np.einsum("nk,nkf->nf", weights, known[rng.integers(len(known), size=(count, _CORNERS))])
    rows = np.where((kind == 2)[:, None], inside, rows)
    rows = np.where((kind == 3)[:, None], known[first], rows)
    size = rng.choice(JITTER, count)[:, None] * (kind >= 3)[:, None]
    rows = rows + size * extent * rng.uniform(-1.0, 1.0, rows.shape)
    columns = [i for i, feature in enumerate(domain.features) if feature.measures == "detail"]
    if columns:
        good = rng.random(count) < 1 / 6
        rows[good, columns[0]] = rng.uniform(_HIGH_ADM, high[columns[0]], good.sum())
    return domain.rows(domain.cube(rows))
