"""How sure a gain is: an interval that resamples sources, and clips within them."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tinyvmaf.measure.agreement import Interval

LEAST: Final = 3
"""Sources; of two, a resample is one of them alone in half of the cases."""


def gain_interval(
    sources: Sequence[str], gains: Sequence[float], *, resamples: int = 10_000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Interval of the mean gain of clips, each source with the same weight.

    First sources are drawn with replacement, then clips within each drawn one. With few sources a percentile interval
    is too narrow, so its ends are moved out to those of a t distribution (Hesterberg, "What teachers should know about
    the bootstrap", The American Statistician 69(4), 2015).

    Args:
        sources: `[C]`, the source of each clip.
        gains: `[C]`.

    Raises:
        ValueError: fewer than three sources, or a gain that is not finite.
    """
    from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped, unused-ignore]

    values, of = np.asarray(gains, dtype=np.float64), np.asarray(sources)
    names = sorted(set(sources))
    n = len(names)
    if n < LEAST or not np.isfinite(values).all() or values.shape != of.shape:
        raise ValueError(f"an interval of a gain needs finite gains of {LEAST} sources or more, not of {n}")
    rng = np.random.default_rng(seed)
    # The mean of each source, for each place that it may have in a resample: clips are drawn anew at each place.
    means = np.stack(
        [_drawn(rng, values[of == name], (resamples, n)) for name in names]  # [S, resamples, places]
    )
    chosen = rng.integers(n, size=(resamples, n))
    found = np.take_along_axis(means, chosen[None], axis=0)[0].mean(axis=1)
    tail = float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1.0 - level) / 2)))
    low, high = np.quantile(found, [tail, 1.0 - tail])
    return Interval(float(low), float(high))


def _drawn(rng: np.random.Generator, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Means of resamples of the values."""
    counts = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), size=shape)
    return np.asarray(counts @ values / len(values))
