"""Rows around and between extremes: what students are fitted and judged on where few real rows are."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.domain import Domain

_NEAR: Final = 0.02  # standard deviation of the noise on a row, as a share of each feature's range


def sample_extremes(domain: Domain, rows: ArrayLike, count: int, seed: int) -> NDArray[np.float64]:
    """Random rows inside the domain, around what libvmaf gives: half between two of the given rows, half near one.

    Between: a point on the line between two rows, or up to a quarter of it beyond. Rows that come to lie outside are
    drawn again. Rows beyond the ends of ADM and VIF stay there, since a picture may be there. Rows of the whole domain,
    most of which no picture has, are those of `Domain.sample`.

    Args:
        rows: `[N, F]`, features in the domain's order; rows outside the domain are left out.

    Returns:
        float64 `[count, F]`; the same seed gives the same rows.

    Raises:
        TinyvmafError: no row is inside the domain.
    """
    real = np.asarray(rows, dtype=np.float64)
    real = real[domain.contains(real)]
    if not len(real):
        raise TinyvmafError("no row is inside the domain: nothing to sample around")
    rng = np.random.default_rng(seed)
    low, high = domain.bounds()

    def between(number: int) -> NDArray[np.float64]:
        one, other = (real[rng.integers(len(real), size=number)] for _ in range(2))
        return one + rng.uniform(0.0, 1.25, (number, 1)) * (other - one)

    def near(number: int) -> NDArray[np.float64]:
        return real[rng.integers(len(real), size=number)] + rng.normal(0.0, _NEAR, (number, len(low))) * (high - low)

    return np.concatenate([_inside(domain, between, count // 2), _inside(domain, near, count - count // 2)])


def _inside(domain: Domain, draw: Callable[[int], NDArray[np.float64]], count: int) -> NDArray[np.float64]:
    """`count` drawn rows that are inside; a feature below its lower end is moved to it."""
    low = domain.bounds()[0]
    found = np.empty((0, len(low)))
    while len(found) < count:
        drawn = np.maximum(draw(count), low)
        found = np.concatenate([found, drawn[domain.contains(drawn)]])
    return found[:count]
