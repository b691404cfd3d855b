"""A scored pair: what every output of `tinyvmaf score` is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.scoring.decoded import PictureScores
from tinyvmaf.measure.scoring.teachers import pooled, teacher_scores
from tinyvmaf.measure.scoring.tiny import TinyScores, stated, tiny_scores
from tinyvmaf.vmaf.features import name_of_column
from tinyvmaf.vmaf.interval import ScoreInterval
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.libvmaf.extractors import columns_of
from tinyvmaf.vmaf.pooling import Figures, PooledMetric, summarise, time_code
from tinyvmaf.vmaf.teacher import Bagging, Teacher

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject

_SUFFIXES: Final = ("bagging", "stddev", "ci_p95_lo", "ci_p95_hi")
"""Of libvmaf's columns; `ci_p95` are percentiles of the bootstrap models."""
ENDS: Final = ("lo95", "hi95")
"""Suffixes of score -+ 1.96 standard deviations."""


@dataclass(frozen=True, eq=False)
class ScoredPair:
    """A pair of videos, scored."""

    reference: Path
    distorted: Path
    table: FrameTable
    """Everything that libvmaf gave, with what was decided about the inputs."""
    teachers: tuple[Teacher, ...]
    """In the order in which they were asked for; the first is the one that `vmaf` means."""
    scores: Mapping[str, NDArray[np.float64]]
    """By teacher id, `[T]`, VMAF points."""
    features: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """What is shown beside the scores, `[T]` each: the teachers' features to 12 decimals, and the columns of the
    features that were asked for. NaN where libvmaf has no value (`psnr_hvs` of equal planes)."""
    asked: tuple[str, ...] = ()
    """Those of `features` that were asked for by name."""
    tiny: tuple[TinyScores, ...] = ()
    """Of each tiny model that takes features, in the order in which they were asked for."""
    decoded: tuple[PictureScores, ...] = ()
    """Of each model that sees the decoded distorted video alone."""
    intervals: Mapping[str, Bagging] = field(default_factory=dict)
    """By teacher id, if asked for: statistics over the models of a bootstrap collection, `[T]` each."""
    alike: Mapping[str, ScoreInterval] = field(default_factory=dict)
    """By id of the teachers of models that give an interval: the teacher's by the formula of the models."""
    fps: Fraction | None = None
    """Frames per second of the distorted video; None: not known."""
    bitrate: float | None = None
    """Bits per second of the distorted video's stream: its packets' bytes over its duration; None: not known."""
    stored: bool = False
    """Whether the table came from the store."""

    def __len__(self) -> int:
        return len(self.table)

    @property
    def score(self) -> NDArray[np.float64]:
        """The scores of the first teacher, `[T]`."""
        return self.scores[self.teachers[0].id]

    @property
    def models(self) -> tuple[TinyScores | PictureScores, ...]:
        """What every model gave: those that take features, then those that take pictures."""
        return (*self.tiny, *self.decoded)

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Features, teachers' scores with their intervals, and the tiny models', `[T]` each, by name."""
        return {**self.features, **self.scores, **self.interval_columns(), **self.tiny_columns()}

    def all_scores(self) -> dict[str, NDArray[np.float64]]:
        """Teachers' scores, then the tiny models', `[T]` each, by id."""
        return {**self.scores, **{one.id: one.scores for one in self.models}}

    def tiny_columns(self) -> dict[str, NDArray[np.float64]]:
        """The scores of the tiny models and their intervals, beside the teachers' by the same formula, `[T]` each."""
        found, ends = {}, self.end_columns()
        for one in self.tiny:
            found[one.id] = one.scores
            if one.interval is not None:
                found[f"{one.id}_stddev"] = one.interval.stddev
                found |= {
                    name: ends[name] for of in (one.id, one.teacher) for end in ENDS if (name := f"{of}_{end}") in ends
                }
        return found | {one.id: one.scores for one in self.decoded}

    def end_columns(self) -> dict[str, NDArray[np.float64]]:
        """Score -+ 1.96 standard deviations, of models and of their teachers, `[T]` each; NaN where it is clipped."""
        known = {**{one.id: one.interval for one in self.tiny}, **self.alike}
        return {
            f"{of}_{end}": values
            for of, interval in known.items()
            if interval is not None
            for end, values in zip(ENDS, interval[1:], strict=True)
        }

    def ends(self, score: str) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """The ends of the 95 % interval of a score, by id of teacher or model, `[T]` each; None if it has none."""
        if score in self.intervals:
            return self.intervals[score].ci95_low, self.intervals[score].ci95_high
        found = next((one.interval for one in self.tiny if one.id == score), None)
        return None if found is None else (found.low, found.high)

    def interval_columns(self) -> dict[str, NDArray[np.float64]]:
        """The intervals by the names that libvmaf gives its columns, such as `vmaf_b_v0.6.3_ci_p95_lo`, `[T]` each."""
        return {
            f"{name}_{suffix}": values
            for name, bagging in self.intervals.items()
            for suffix, values in zip(_SUFFIXES, bagging, strict=True)
        }

    @property
    def warnings(self) -> list[str]:
        """Why the scores may not be what the caller wants: of the inputs, then of the tiny models."""
        inputs = () if self.table.inputs is None else self.table.inputs.warnings
        return [*inputs, *dict.fromkeys(warning for one in self.models for warning in one.warnings)]

    def summary(self) -> dict[str, Figures]:
        """The figures of each score and feature over the clip: scores first.

        An end of an interval that some frames lack has none: those of the other frames are not of the clip.
        """
        columns = self.columns()
        lacking = {
            name: Figures(frames=known)
            for name, values in self.end_columns().items()
            if (known := int(np.isfinite(values).sum())) < len(values)
        }
        names = [*self.scores, *self.interval_columns(), *self.tiny_columns(), *self.features]
        return {name: lacking.get(name) or summarise(columns[name], self._pooled(name)) for name in names}

    def _pooled(self, name: str) -> PooledMetric | None:
        known = self.table.pooled.get(name)
        whole = known is not None and np.isfinite(list(known.values())).all()
        return pooled(name, self.columns()[name], self.table) if whole else None

    def worst(self, count: int) -> list[int]:
        """The frames with the lowest scores by the first teacher, the lowest first."""
        return [int(frame) for frame in np.argsort(self.score, kind="stable")[:count]]

    def time_code(self, frame: int) -> str:
        """When a frame is shown, `HH:MM:SS.mmm` from the start; empty if the frame rate is not known."""
        return time_code(frame, self.fps)


def scored_pair(
    reference: Path,
    distorted: Path,
    table: FrameTable,
    teachers: Sequence[Teacher],
    *,
    models: "Sequence[Subject]" = (),
    decoded: Sequence[PictureScores] = (),
    features: Sequence[str] = (),
    stored: bool = False,
    interval: bool = False,
) -> ScoredPair:
    """A pair of which libvmaf's table is known.

    Args:
        teachers: with those of the models, as `with_their_teachers` gives them.
        models: those that take features.
        decoded: scores of the models that take pictures, as `pair_scores` gives them.
        features: libvmaf's features that were asked for, as `name` or `name:option=value`.
        interval: give the intervals of those teachers that are bootstrap collections, also where no model gives one.

    Raises:
        LogError: the table lacks a teacher, or a feature of a model.
        ModelError: a model cannot be run.
    """
    columns, own = _asked_columns(table, features), _own_features(table, teachers)
    tiny = tuple(tiny_scores(model, table, teachers) for model in models)
    with_interval = {one.teacher for one in tiny if one.interval is not None}
    bootstraps = [teacher for teacher in teachers if teacher.bootstrap and (interval or teacher.id in with_interval)]
    scores = {teacher.id: teacher_scores(teacher, table) for teacher in teachers}
    baggings = {one.id: one.bagging(table.features(one.feature_names)) for one in bootstraps}
    scales = {one.id: one.svr.score_range for one in bootstraps if one.id in with_interval}
    return ScoredPair(
        reference,
        distorted,
        table,
        tuple(teachers),
        scores,
        features=columns | own,
        asked=tuple(columns),
        tiny=tiny,
        decoded=tuple(decoded),
        intervals=baggings,
        alike={name: stated(scores[name], baggings[name].stddev, scale) for name, scale in scales.items()},
        fps=None if table.inputs is None else table.inputs.distorted.fps,
        bitrate=None if table.inputs is None else table.inputs.distorted.bitrate,
        stored=stored,
    )


def _own_features(table: FrameTable, teachers: Sequence[Teacher]) -> dict[str, NDArray[np.float64]]:
    """The features of the teachers, to 12 decimals."""
    names = list(dict.fromkeys(name for teacher in teachers for name in teacher.feature_names))
    return dict(zip(names, table.features(names).T, strict=True)) if names else {}


def _asked_columns(table: FrameTable, asked: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """The columns of the features that were asked for, as libvmaf logs them."""
    columns = dict.fromkeys(column for feature in asked for column in columns_of(feature, table.columns))
    return {name_of_column(column): table.columns[column] for column in columns}
