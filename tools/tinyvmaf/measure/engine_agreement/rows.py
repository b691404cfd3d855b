"""Feature rows on which engines might differ: what could occur, what is extreme, and where a floor turns over."""

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
_BACKDROPS: Final = (0.0, 0.5, 1.0)  # what the other features are, while one or two are extreme
_STEPS: Final = (6, 24)  # grids whose boundaries are tried: 2 to minus these


def inside(domain: Domain, count: int, seed: int) -> Rows:
    """Rows of a teacher's domain, float32 `[count, F]`."""
    return domain.sample(count, seed).astype(np.float32)


def outside(domain: Domain, count: int, seed: int) -> Rows:
    """Rows that no video has, float32 `[count, F]`, all finite.

    A third each: rows of the domain with every feature scaled by itself, by up to 10^6 either way and sign; rows off by
    normal noise of 10; and any bits that are a finite number.
    """
    rng = np.random.default_rng([seed, 1])
    rows = domain.sample(count, seed + 1).astype(np.float32)
    third = count // 3
    scales = 10.0 ** rng.uniform(-6.0, 6.0, (third, rows.shape[1])) * rng.choice([-1.0, 1.0], (third, rows.shape[1]))
    rows[:third] *= scales.astype(np.float32)
    rows[third : 2 * third] += rng.normal(0.0, 10.0, (third, rows.shape[1])).astype(np.float32)
    bits = rng.integers(0, 2**32, rows[2 * third :].shape, dtype=np.uint32)
    # An exponent of all ones is infinity or NaN: clearing its lowest bit makes it the largest that is neither.
    bits[(bits & np.uint32(0x7F800000)) == 0x7F800000] &= np.uint32(0xFF7FFFFF)
    rows[2 * third :] = bits.view(np.float32)
    return rows


def extremes(width: int) -> Rows:
    """Zeros of both signs, subnormals, the largest floats and more, in each feature alone, in each two, and in all."""
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
    """Rows of the domain whose features lie on multiples of a power of two, or one ULP beside: where a floor or a
    rounding turns over. Halves of the steps are among them, as the multiples of the next finer grid.
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
    """Some rows of every kind, so mixed that the first of them are of all kinds too: of each kind one, then by shares.

    Each kind's rows are drawn in random order and spread evenly over the whole: whoever tries only the first few
    hundred, because they take long, has not left a kind out.

    Args:
        kinds: float32 `[n, F]` each, n above 0, by what they are called.
        count: about how many rows; kinds that are not `whole` share equally what those leave, and give at least one.
        whole: kinds of which every row is wanted.

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
