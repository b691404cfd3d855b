"""How far the agreement would move had other clips been drawn: the percentile bootstrap, by clip.

Frames of one clip resemble each other. Resampling frames would count each as news and give intervals far too narrow, so
clips are resampled, with all their frames (a cluster bootstrap: Field and Welsh, "Bootstrapping clustered data", JRSS B
69(3), 2007). A resample is then a vector of how often each clip was drawn, and every measure a
weighted one (weighted.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from tinyvmaf.measure.agreement.metrics import checked_pair, clip_index, refuse_constant
from tinyvmaf.measure.agreement.weighted import Errors, Moments, Ranks

MAX_DROPPED: Final = 0.05
"""The share of resamples without a correlation beyond which the rest would be a biased choice."""

_CHUNK: Final = 8
"""Resamples at once: of 7,000 frames, an array of ranks is then 450 kB and stays in a core's cache."""


@dataclass(frozen=True)
class Interval:
    """From low to high, both included."""

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

    The largest error has none: no resample exceeds the largest of the sample, and 63 % of them (1 - 1/e) hold the clip
    that it is in, so that the bootstrap says nothing of a worse clip.

    Args:
        clips: `[N]`, the clip of each value, in any order: the same rows give the same intervals.
        expected, got: float64 `[N]`.
        level: the share of resamples that lies within an interval.

    A resample in which either is constant has no correlation and is dropped, from all four.

    Raises:
        ConstantError: `expected` or `got` is constant.
        ValueError: fewer than three clips, labels that are not one a value, no resample, a level that is not between 0
            and 1, or more than 5 % of the resamples constant; and what `agreement` raises.
    """
    want, have = checked_pair(expected, got)
    if len(clips) != want.size:
        raise ValueError(f"{len(clips)} labels of {want.size} values")
    if resamples < 1 or not 0.0 < level < 1.0:
        raise ValueError(f"one resample or more and a level between 0 and 1, not {resamples} and {level}")
    refuse_constant(want, have)
    names, clip = clip_index(clips)
    if len(names) < 3:
        raise ValueError(f"a bootstrap by clip takes three clips or more, not {len(names)}")
    # By clip, then by value: the order in which rows came cannot reach even the last bit.
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
            "vary for an interval"
        )
    tail = (1.0 - level) / 2
    bounds = np.quantile(found, [tail, 1.0 - tail], axis=1).T
    return {
        name: Interval(float(low), float(high))
        for name, (low, high) in zip(("plcc", "srocc", "rmse", "bias"), bounds, strict=True)
    }
