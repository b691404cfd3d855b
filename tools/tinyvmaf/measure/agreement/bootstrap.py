"""Confidence intervals of agreement: the percentile bootstrap over clips.

Frames of one clip are similar. Resampling frames would treat them as independent and give far too narrow intervals. So
clips are resampled with all their frames (cluster bootstrap: Field and Welsh, "Bootstrapping clustered data", JRSS B
69(3), 2007). A resample is a vector of how often each clip was drawn; weighted.py computes the metrics from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tinyvmaf.measure.agreement.metrics import checked_pair, clip_index, refuse_constant
from tinyvmaf.measure.agreement.weighted import Errors, Moments, Ranks

MAX_DROPPED: Final = 0.05
"""Largest share of resamples without a correlation; if more are dropped, the rest are biased."""

_CHUNK: Final = 8
"""Resamples computed at once: for 7,000 frames, an array of ranks has 450 kB and stays in a core's cache."""


@dataclass(frozen=True)
class Interval:
    """An interval from low to high, both included."""

    low: float
    high: float


def cluster_bootstrap(
    clips: Sequence[str],
    expected: ArrayLike,
    got: ArrayLike,
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile intervals of `plcc`, `srocc`, `rmse` and `bias` (the latter two in VMAF points).

    The largest error has no interval: no resample can exceed the sample's largest error, so the bootstrap cannot
    estimate a worse clip.

    A resample in which `expected` or `got` is constant has no correlation; it is dropped from all four metrics.

    Args:
        clips: `[N]`, the clip of each value. The order of rows does not change the intervals.
        expected, got: float64 `[N]`.
        level: the share of resamples within an interval.

    Raises:
        ConstantError: `expected` or `got` is constant.
        ValueError: fewer than three clips, not one label per value, no resample, a level that is not between 0 and 1,
            or more than 5 % of the resamples constant; also as `agreement`.
    """
    want, have = checked_pair(expected, got)
    if len(clips) != want.size:
        raise ValueError(f"{len(clips)} labels for {want.size} values")
    if resamples < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"resamples must be 1 or more and level between 0 and 1, not {resamples} and {level}")
    refuse_constant(want, have)
    names, clip = clip_index(clips)
    if len(names) < 3:
        raise ValueError(f"a bootstrap over clips needs three clips or more, not {len(names)}")
    # Sort by clip, then by value: the order of the input rows must not change even the last bit.
    order = np.lexsort((have, want, clip))
    clip, want, have = clip[order], want[order], have[order]

    moments, ranks, errors = Moments(clip, want, have), Ranks(clip, want, have), Errors(clip, want, have)
    rng = np.random.default_rng(seed)
    chunks = []
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        weights = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=size).astype(np.float64)
        weights = weights[moments.varying(weights)]
        chunks.append([moments.plcc(weights), ranks.srocc(weights), errors.rmse(weights), errors.bias(weights)])
    found = np.concatenate(chunks, axis=1)
    if resamples - found.shape[1] > MAX_DROPPED * resamples:
        raise ValueError(
            f"{resamples - found.shape[1]} of {resamples} resamples of {len(names)} clips are constant: too few clips "
            "vary to give an interval"
        )
    tail = (1.0 - level) / 2
    bounds = np.quantile(found, [tail, 1.0 - tail], axis=1).T
    return {
        name: Interval(float(low), float(high))
        for name, (low, high) in zip(("plcc", "srocc", "rmse", "bias"), bounds, strict=True)
    }


def rmse_difference(
    clusters: Sequence[str],
    expected: ArrayLike,
    got: ArrayLike,
    other: ArrayLike,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Interval of the RMSE of `got` less that of `other`, which has the same clusters in each resample.

    With few clusters a percentile interval is too narrow, so its ends are moved out to those of a t distribution
    (expanded percentile interval: Hesterberg, "What teachers should know about the bootstrap", The American
    Statistician 69(4), 2015).

    Args:
        clusters: `[N]`, the cluster of each value: what is resampled.
        expected, got, other: float64 `[N]`.

    Raises:
        ValueError: fewer than three clusters, or not one label per value; also as `agreement`.
    """
    from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped, unused-ignore]

    want, have = checked_pair(expected, got)
    _, than = checked_pair(expected, other)
    if len(clusters) != want.size:
        raise ValueError(f"{len(clusters)} labels for {want.size} values")
    names, cluster = clip_index(clusters)
    n = len(names)
    if n < 3:
        raise ValueError(f"a bootstrap over clusters needs three or more, not {n}")
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    found = Errors(cluster, want, have).rmse(weights) - Errors(cluster, want, than).rmse(weights)
    tail = float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1.0 - level) / 2)))
    low, high = np.quantile(found, [tail, 1.0 - tail])
    return Interval(float(low), float(high))
