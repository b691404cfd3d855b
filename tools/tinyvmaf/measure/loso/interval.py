"""How well a model states its teacher's uncertainty: standard deviation, 95 % interval, and what that covers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_outputs
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.vmaf.interval import interval_of
from tinyvmaf.vmaf.teacher import Teacher

Array = NDArray[np.float64]


@dataclass(frozen=True)
class IntervalReport:
    """The agreement of a model's standard deviation and interval with its teacher's, over frames, VMAF points."""

    stddev_rmse: float
    stddev_max_error: float
    interval_rmse: float
    """Of both ends, against the interval that the same formula gives for the teacher's score and standard deviation."""
    interval_max_error: float
    clip_interval_max_error: float
    """Of the mean of an end over a clip."""
    percentile_rmse: float
    """Of both ends, against the 2.5th and 97.5th percentile of the bootstrap models, which libvmaf states too."""
    coverage: float
    """Share of the bootstrap models' scores that lie inside the interval."""
    teacher_coverage: float
    """The same for the teacher's interval."""

    @property
    def summary(self) -> str:
        """One sentence for people."""
        return (
            f"standard deviation: RMSE {self.stddev_rmse:.3g}, max {self.stddev_max_error:.3g}; ends of the 95 % "
            f"interval: RMSE {self.interval_rmse:.3g}, max {self.interval_max_error:.3g}, of a clip "
            f"{self.clip_interval_max_error:.2g}; {self.coverage:.1%} of the bootstrap models' scores lie inside, "
            f"{self.teacher_coverage:.1%} inside the teacher's own"
        )

    def measured(self) -> dict[str, float]:
        """For a sidecar, by the names that cards of kind interval know, three digits each."""
        found = {
            "loso_stddev_rmse_points": self.stddev_rmse,
            "loso_stddev_max_abs_error_points": self.stddev_max_error,
            "loso_interval_rmse_points": self.interval_rmse,
            "loso_interval_coverage": self.coverage,
            "teacher_interval_coverage": self.teacher_coverage,
        }
        return {name: float(f"{value:.3g}") for name, value in found.items() if np.isfinite(value)}


def interval_report(
    models: Sequence[FoldModel], teacher: Teacher, data: Dataset, features: Sequence[str]
) -> IntervalReport:
    """Compare the outputs of models on the sources that they did not see with the teacher's.

    Args:
        models: with the outputs `score` and `stddev`.
        features: the input columns of the models, in order.

    Raises:
        TeacherError: the teacher has no bootstrap models.
        ModelError: a model cannot be run.
    """
    source, clip = (np.array(data.table[name].to_pylist()) for name in ("source", "clip"))
    rows, scale = data.columns(*teacher.feature_names), teacher.svr.score_range
    mine = [np.ones(len(rows), np.bool_) if one.held_out is None else source == one.held_out for one in models]
    found = [
        all_outputs(OnnxRuntimeCpu(one.data), data.columns(*features)[seen]).astype(np.float64)
        for one, seen in zip(models, mine, strict=True)
    ]
    row = np.concatenate([np.flatnonzero(seen) for seen in mine])
    score, stddev = np.concatenate(found).T
    bagging = teacher.bagging(rows)
    of_teacher = interval_of(teacher.predict(rows), bagging.stddev, scale)[1:]
    own = interval_of(score, stddev, scale)[1:]
    each = np.stack([svr.with_gradient(rows)[0] for svr in teacher.bootstrap])
    off = np.stack([a - b[row] for a, b in zip(own, of_teacher, strict=True)])
    names, of_clip = np.unique(clip[row], return_inverse=True)
    clips = np.stack([np.bincount(of_clip, end) / np.bincount(of_clip, minlength=len(names)) for end in off])
    wrong = stddev - bagging.stddev[row]
    percentiles = np.stack([a - b[row] for a, b in zip(own, (bagging.ci95_low, bagging.ci95_high), strict=True)])
    return IntervalReport(
        _rms(wrong),
        float(np.abs(wrong).max()),
        _rms(off),
        float(np.abs(off).max()),
        float(np.abs(clips).max()),
        _rms(percentiles),
        _share(each[:, row], own),
        _share(each[:, row], tuple(end[row] for end in of_teacher)),
    )


def _rms(values: Array) -> float:
    return float(np.sqrt(np.square(values).mean()))


def _share(each: Array, ends: Sequence[Array]) -> float:
    low, high = ends
    return float(((each >= low) & (each <= high)).mean())
