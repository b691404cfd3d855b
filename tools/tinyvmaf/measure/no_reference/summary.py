"""Scores of held-out clips against their VMAF: pooled over all sources, and within each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.agreement import Interval, agreement, cluster_bootstrap, srocc


@dataclass(frozen=True)
class ClipEstimates:
    """The clips of one source that was held out."""

    source: str
    clips: tuple[str, ...]
    truth: NDArray[np.float64]
    """`[C]`: VMAF of each clip, the mean over its frames."""
    scores: NDArray[np.float64]
    """`[C]`: the mean of the metric over the clip's chosen frames."""


@dataclass(frozen=True)
class HeldOutReport:
    """Agreement on clips of held-out sources."""

    plcc: float
    srocc: float
    rmse: float
    """VMAF points."""
    intervals: dict[str, Interval]
    """95 % intervals of `plcc`, `srocc`, `rmse` and `bias`, by resampling clips."""
    within: dict[str, float]
    """SROCC among the clips of each source."""
    rmse_within: dict[str, float]
    """RMSE of each source, VMAF points."""
    bias_within: dict[str, float]
    """Mean error of each source, VMAF points."""

    @property
    def least_within(self) -> float:
        """The least SROCC within a source."""
        return min(self.within.values())

    def measured(self) -> dict[str, float]:
        """By the names that a sidecar and a card know."""
        return {
            "loso_clip_rmse_points": self.rmse,
            "loso_clip_plcc": self.plcc,
            "loso_clip_srocc": self.srocc,
            "loso_clip_srocc_within": self.least_within,
        }

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        pooled = {
            name: {"value": getattr(self, name), "low": self.intervals[name].low, "high": self.intervals[name].high}
            for name in ("plcc", "srocc", "rmse")
        }
        sources = {
            name: {"srocc": self.within[name], "rmse": self.rmse_within[name], "bias": self.bias_within[name]}
            for name in self.within
        }
        return {"pooled": pooled, "sources": sources}


def summarised(sources: Sequence[ClipEstimates]) -> HeldOutReport:
    """The report on these sources.

    Raises:
        ConstantError: scores or truth are constant, pooled or within a source.
        ValueError: no source, or one that is given twice; also as `agreement`.
    """
    if not sources or len({one.source for one in sources}) != len(sources):
        raise ValueError(f"sources {[one.source for one in sources]}: each once, and at least one")
    truth, scores = (np.concatenate([getattr(one, name) for one in sources]) for name in ("truth", "scores"))
    clips = [clip for one in sources for clip in one.clips]
    pooled = agreement(truth, scores)
    return HeldOutReport(
        pooled.plcc,
        pooled.srocc,
        pooled.rmse,
        cluster_bootstrap(clips, truth, scores),
        {one.source: srocc(one.truth, one.scores) for one in sources},
        {one.source: float(np.sqrt(np.mean((one.scores - one.truth) ** 2))) for one in sources},
        {one.source: float(np.mean(one.scores - one.truth)) for one in sources},
    )
