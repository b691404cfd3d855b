"""Feature rows on which engines might differ: realistic rows, extreme values, and boundaries of rounding."""

from collections.abc import Collection, Mapping
from itertools import combinations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.vmaf.domain import Domain

Rows = NDArray[np.float32]

_LARGEST: Final = float(np.finfo(np.float32).max)
_SMALLEST: Final = float(np.finfo(np.float32).smallest_subnormal)
_NORMAL: Final = float(np.finfo(np.float32).tiny)
_EXTREMES: Final = tuple(
    sign * size
    for size in (0.0, _SMALLEST, _NORMAL, 1e-20, 0.5, 1.0, 1.05, 30.0, 1e6, _LARGEST)
    for sign in (1.0, -1.0)
)
_BACKDROPS: Final = (0.0, 0.5, 1.0)  # values of the other features when one or two are extreme
_STEPS: Final = (6, 24)  # grids of 2^-6 to 2^-23 whose boundaries are tried


def inside(domain: Domain, count: int, seed: int) -> Rows:
    """Rows of a teacher's domain, float32 `[count, F]`."""
    return domain.sample(count, seed).astype(np.float32)


def outside(domain: Domain, count: int, seed: int) -> Rows:
    """Rows that no video has, float32 `[count, F]`, all finite.

    One third: rows of the domain, each feature multiplied by a random factor of 10^-6 to 10^6 with random sign. One
    third: rows of the domain with normal noise of 10. One third: random bits that are finite numbers.
    """
    rng = np.random.default_rng([seed, 1])
    rows = domain.sample(count, seed + 1).astype(np.float32)
    third = count // 3
    scales = 10.0 ** rng.uniform(-6.0, 6.0, (third, rows.shape[1])) * rng.choice([-1.0, 1.0], (third, rows.shape[1]))
    rows[:third] *= scales.astype(np.float32)
    rows[third : 2 * third] += rng.normal(0.0, 10.0, (third, rows.shape[1])).astype(np.float32)
    bits = rng.integers(0, 2**32, rows[2 * third :].shape, dtype=np.uint32)
    # An exponent of all ones is infinity or NaN; clearing its lowest bit makes it finite.
    bits[(bits & np.uint32(0x7F800000)) == 0x7F800000] &= np.uint32(0xFF7FFFFF)
    rows[2 * third :] = bits.view(np.float32)
    return rows


def extremes(width: int) -> Rows:
    """Zeros of both signs, subnormals, the largest floats and more, in one feature, in two, and in all."""
    rows = [[value] * width for value in _EXTREMES]
    for backdrop in _BACKDROPS:
        for count in (1, 2):
            for chosen in combinations(range(width), min(count, width)):
                for values in product(_EXTREMES, repeat=len(chosen)):
                    row = [backdrop] * width
                    for i, value in zip(chosen, values, strict=True):
                        row[i] = value
                    rows.append(row)
    return np.array(rows, dtype=np.float32)


def boundaries(domain: Domain, count: int, seed: int) -> Rows:
    """Rows of the domain rounded to multiples of a power of two, or one ULP beside: where a floor or rounding changes.

    Half steps are included, as multiples of the next finer grid.
    """
    rng = np.random.default_rng([seed, 2])
    rows = domain.sample(count, seed + 2)
    step = np.ldexp(1.0, -rng.integers(*_STEPS, size=rows.shape))
    on = (np.rint(rows / step) * step).astype(np.float32)
    beside = np.nextafter(on, rng.choice(np.array([-np.inf, np.inf], dtype=np.float32), on.shape))
    return np.where(rng.uniform(size=on.shape) < 1 / 3, on, beside)


def mixed(
    kinds: Mapping[str, Rows], count: int, seed: int, *, whole: Collection[str] = ()
) -> tuple[Rows, NDArray[np.str_]]:
    """Rows of every kind, mixed evenly, starting with one row of each kind.

    The rows of a kind are in random order and spread evenly, so that the first few hundred rows include every kind.

    Args:
        kinds: rows by name of the kind, float32 `[n, F]` each, n above 0.
        count: approximate number of rows. After the kinds in `whole`, the others share the rest equally, each with at
            least one row.
        whole: kinds of which all rows are used.

    Returns:
        float32 `[N, F]`, and the kind of each row.
    """
    rng = np.random.default_rng([seed, 3])
    left = count - sum(len(kinds[kind]) for kind in whole)
    share = max(left // max(len(kinds) - len(whole), 1), 1)
    chosen, places, names = [], [], []
    for kind, rows in kinds.items():
        drawn = rng.permutation(rows)[: None if kind in whole else share]
        chosen.append(drawn)
        places.append((np.arange(len(drawn)) + rng.uniform(size=len(drawn))) / len(drawn))
        places[-1][0] = 0.0
        names += [kind] * len(drawn)
    order = np.argsort(np.concatenate(places))
    return np.concatenate(chosen)[order], np.array(names)[order]
