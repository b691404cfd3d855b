"""The agreement of a recipe's models with the truth on sources that they did not see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.agreement import AgreementMetrics, Interval
from tinyvmaf.measure.loso.opinions import OpinionReport

Array = NDArray[np.float64]

READINGS: Final = ("frame", "clip", "clip_pooled_first")
"""`clip`: predict, then pool. `clip_pooled_first`: pool, then predict."""
METRICS: Final = ("plcc", "srocc", "krocc", "rmse", "max_error", "bias", "slope")


@dataclass(frozen=True)
class FoldResult:
    """The agreement on one source, by a model that did not see it."""

    held_out: str
    seed: int
    sources: tuple[str, ...]
    """The sources that the model was trained on, from its file."""
    agreements: Mapping[str, AgreementMetrics]
    """By reading (`READINGS`); a reading that does not apply to the model is missing."""


@dataclass(frozen=True)
class FrameScores:
    """Scores of all frames by models that did not see their source, `[N]` each, in VMAF points."""

    source: NDArray[np.str_]
    clip: NDArray[np.str_]
    frame: NDArray[np.int64]
    expected: Array
    got: Array

    def of(self, source: str) -> "FrameScores":
        """The frames of one source."""
        mine = self.source == source
        return FrameScores(self.source[mine], self.clip[mine], self.frame[mine], self.expected[mine], self.got[mine])


@dataclass(frozen=True)
class LosoReport:
    """The results of all folds of a subject, and their summary."""

    subject: str
    folds: tuple[FoldResult, ...]
    pooled: Mapping[str, AgreementMetrics]
    """By reading: the agreement over all held-out sources and seeds together."""
    intervals: Mapping[str, Mapping[str, Interval]]
    """By reading and metric: 95 % bootstrap intervals over clips; missing if too few clips vary."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Provenance: recipe, corpus, libvmaf."""
    frames: FrameScores | None = None
    """From the models of the first seed; None if there are no frame scores."""
    opinions: OpinionReport | None = None
    """Model and opponents; None if opinions are not the truth, or of too few sources."""

    def mean(self, reading: str, metric: str) -> float:
        """The mean of a metric over folds and seeds."""
        return float(np.mean(self._values(reading, metric)))

    def std(self, reading: str, metric: str) -> float:
        """The sample standard deviation of a metric over folds and seeds; 0 for a single one."""
        values = self._values(reading, metric)
        return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0

    def worst(self, reading: str) -> FoldResult:
        """The fold with the largest RMSE."""
        return max(self.folds, key=lambda fold: fold.agreements[reading].rmse)

    @property
    def not_finite(self) -> str:
        """The first frame whose score is not finite, and how many there are; empty if there is none."""
        if self.frames is None or (finite := np.isfinite(self.frames.got)).all():
            return ""
        row = int(np.argmin(finite))
        return (
            f"{(~finite).sum():,} of {len(finite):,} frames have no finite score on ONNX Runtime, the first is frame "
            f"{self.frames.frame[row]} of {self.frames.clip[row]}: {self.frames.got[row]}"
        )

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, with null for NaN."""
        summary: dict[str, Any] = {}
        for reading, pooled in self.pooled.items():
            worst = self.worst(reading)
            summary[reading] = {
                "mean": {m: _number(self.mean(reading, m)) for m in METRICS},
                "std": {m: _number(self.std(reading, m)) for m in METRICS},
                "pooled": pooled.as_dict(),
                "interval95": {m: [i.low, i.high] for m, i in self.intervals.get(reading, {}).items()},
                "worst_source": worst.held_out,
                "worst_source_rmse": _number(worst.agreements[reading].rmse),
            }
        folds = [
            {
                "held_out": fold.held_out,
                "seed": fold.seed,
                "sources": list(fold.sources),
                **{reading: found.as_dict() for reading, found in fold.agreements.items()},
            }
            for fold in self.folds
        ]
        against = {} if self.opinions is None else {"opinions": self.opinions.as_dict()}
        return {"schema": 1, "subject": self.subject, **self.facts, "summary": summary, **against, "folds": folds}

    def _values(self, reading: str, metric: str) -> list[float]:
        return [getattr(fold.agreements[reading], metric) for fold in self.folds]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def shown(correlation: float) -> str:
    """A correlation as text; close to 1 as `1 - difference`, to tell very good from perfect."""
    return f"1 - {1.0 - correlation:.1e}" if 0.9995 < correlation < 1.0 else f"{correlation:.4f}"
