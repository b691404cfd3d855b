"""An opinion model on sources that it has not seen, against its opponents: its teacher as it is, and a cubic of it.

Viewers use other scales for other contents, so most of an error is one of the whole source. Figures are therefore given
over all clips, and within the sources: there a source's own mean error is no error. Intervals resample sources.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.agreement import AgreementMetrics, Interval, agreement, cluster_bootstrap, rmse_difference

Array = NDArray[np.float64]

CUBIC: Final = 3
MIN_SOURCES: Final = 6
"""Fewer say nothing: that a model is better on each of five happens by chance in 1 of 32, more often than 2.5 %."""


@dataclass(frozen=True)
class ClipScores:
    """Opinions of all clips, and their scores by models that did not see their source, `[C]` each, in VMAF points."""

    source: NDArray[np.str_]
    clip: NDArray[np.str_]
    expected: Array
    got: Array


@dataclass(frozen=True)
class OpinionFigures:
    """How scores of clips agree with opinions. Errors are in VMAF points."""

    over: AgreementMetrics
    """Over all clips."""
    plcc_within: float
    """The mean of the sources; NaN if a source has constant scores."""
    srocc_within: float
    rmse_within: float
    """Without the mean error of each source."""
    intervals: Mapping[str, Interval]
    """95 % intervals of `plcc`, `srocc`, `rmse` and `bias` over all clips; empty if too few sources vary."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with None for NaN."""
        within = {name: getattr(self, f"{name}_within") for name in ("plcc", "srocc", "rmse")}
        return {
            "over_sources": self.over.as_dict(),
            "within_sources": {name: value if np.isfinite(value) else None for name, value in within.items()},
            "interval95": {name: [i.low, i.high] for name, i in self.intervals.items()},
        }


@dataclass(frozen=True)
class OpinionReport:
    """The figures of a model and of its opponents, on the same clips."""

    subject: str
    teacher: str
    clips: int
    sources: int
    model: OpinionFigures
    as_it_is: OpinionFigures
    """The teacher's clip means, not fitted."""
    cubic: OpinionFigures
    """A cubic of the teacher's clip means, fitted to the other sources without weights."""
    less_teacher: Interval
    """95 % interval of the model's RMSE less the teacher's, VMAF points."""
    less_cubic: Interval
    """95 % interval of the model's RMSE less the cubic's, VMAF points; below 0 the model is better."""

    @property
    def comparison(self) -> str:
        """Model and cubic, with the interval, in one sentence."""
        model, cubic, between = self.model.over.rmse, self.cubic.over.rmse, self.less_cubic
        return (
            f"RMSE {model:.2f}, of a cubic of {self.teacher} {cubic:.2f}, difference {model - cubic:+.2f} "
            f"(95 % {between.low:+.2f} to {between.high:+.2f}, {self.sources} sources)"
        )

    @property
    def summary(self) -> str:
        """One line: what a person wants to know."""
        each = {"the model": self.model, "the cubic": self.cubic, f"{self.teacher} as it is": self.as_it_is}
        figures = "; ".join(
            f"{who} PLCC {f.over.plcc:.4f} (within {f.plcc_within:.4f}), SROCC {f.over.srocc:.4f} "
            f"(within {f.srocc_within:.4f}), RMSE {f.over.rmse:.2f} (within {f.rmse_within:.2f})"
            for who, f in each.items()
        )
        return f"{self.subject}, opinions of {self.clips} clips: {self.comparison}. Over sources: {figures}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with None for NaN."""
        figures = {name: getattr(self, name).as_dict() for name in ("model", "as_it_is", "cubic")}
        intervals = {name: list(asdict(getattr(self, name)).values()) for name in ("less_teacher", "less_cubic")}
        return {"teacher": self.teacher, "clips": self.clips, "sources": self.sources, **figures, **intervals}


def opinion_report(
    subject: str, teacher: str, scores: ClipScores, teacher_means: Mapping[str, float], score_range: tuple[float, float]
) -> OpinionReport | None:
    """Compare a model with its opponents.

    Args:
        scores: opinions and held-out scores of clips, perhaps of several seeds.
        teacher_means: the teacher's mean score of each clip.
        score_range: the teacher's; the cubic is clipped to it, as models are.

    Returns:
        None if there are fewer than `MIN_SOURCES` sources.
    """
    sources = sorted(set(scores.source.tolist()))
    if len(sources) < MIN_SOURCES:
        return None
    plain = np.array([teacher_means[clip] for clip in scores.clip.tolist()])
    cubic = np.clip(held_out_cubic(plain, scores.expected, scores.source), *score_range)
    names, expected = scores.source.tolist(), scores.expected
    return OpinionReport(
        subject,
        teacher,
        len(set(scores.clip.tolist())),
        len(sources),
        _figures(scores.source, expected, scores.got),
        _figures(scores.source, expected, plain),
        _figures(scores.source, expected, cubic),
        less_teacher=rmse_difference(names, expected, scores.got, plain),
        less_cubic=rmse_difference(names, expected, scores.got, cubic),
    )


def held_out_cubic(teacher: Array, opinions: Array, source: NDArray[np.str_]) -> Array:
    """For each clip the cubic of the teacher's score that fits the opinions of the other sources best, `[C]`.

    Args:
        teacher: `[C]`, mean scores of clips.
        opinions: `[C]`, VMAF points.
        source: `[C]`.
    """
    powers = np.polynomial.polynomial.polyvander(teacher / 100.0, CUBIC)
    out = np.empty_like(opinions)
    for name in sorted(set(source.tolist())):
        mine = source == name
        out[mine] = powers[mine] @ np.linalg.lstsq(powers[~mine], opinions[~mine], rcond=None)[0]
    return out


def _figures(source: NDArray[np.str_], expected: Array, got: Array) -> OpinionFigures:
    parts = [source == name for name in sorted(set(source.tolist()))]
    each = [agreement(expected[part], got[part], constant_got="nan") for part in parts]
    over = agreement(expected, got, constant_got="nan")
    squares = sum(one.n * (one.rmse**2 - one.bias**2) for one in each)
    try:
        intervals = cluster_bootstrap(source.tolist(), expected, got)
    except ValueError:  # constant scores
        intervals = {}
    return OpinionFigures(
        over,
        float(np.mean([one.plcc for one in each])),
        float(np.mean([one.srocc for one in each])),
        float(np.sqrt(max(squares, 0.0) / over.n)),
        intervals,
    )
