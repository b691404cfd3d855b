"""The measured values of a candidate, for its sidecar, and the promises that they break."""

import math
from collections.abc import Mapping
from typing import Final

from tinyvmaf.data.golden import golden_errors
from tinyvmaf.measure.loso.report import LosoReport
from tinyvmaf.measure.search import hunt
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.train.recipes import PROMISES
from tinyvmaf.vmaf.teacher import Teacher

_MEASURED: Final = {
    "frame_rmse": "loso_frame_rmse_points",
    "frame_max_error": "loso_frame_max_abs_error_points",
    "frame_plcc": "loso_frame_plcc",
    "stddev_rmse": "loso_stddev_rmse_points",
    "interval_rmse": "loso_interval_rmse_points",
    "worst_difference": "domain_worst_difference_points",
}
"""By the name of a promise, the measured value that it is about."""


def measured_values(
    model: FoldModel, teacher: Teacher, report: LosoReport | None, *, per_frame: bool
) -> dict[str, float]:
    """The measured values for a sidecar, by the names that cards of kind regressor know.

    Values have three digits; a correlation keeps three digits of its distance from 1. Values that are not finite, such
    as a constant model's correlation, are omitted, because JSON cannot hold them.

    Args:
        report: leave-one-source-out; None: not evaluated.
        per_frame: whether the model scores frames, so that it can be compared with the teacher and the golden pairs.
    """
    engine = OnnxRuntimeCpu(model.data)
    values: dict[str, float] = {}
    for reading in ("frame", "clip"):
        if report is None or reading not in report.pooled:
            continue
        values[f"loso_{reading}_rmse_points"] = report.pooled[reading].rmse
        if reading == "frame":
            values["loso_frame_max_abs_error_points"] = report.pooled[reading].max_error
        for metric in ("plcc", "srocc"):
            values[f"loso_{reading}_{metric}"] = report.mean(reading, metric)
    if per_frame:
        values["domain_worst_difference_points"] = hunt(
            model.data, engine.run, teacher.feature_names, teacher
        ).difference
        values |= golden_errors(engine.run, teacher)
    return {name: _rounded(value, name.endswith("cc")) for name, value in values.items() if math.isfinite(value)}


def broken_promises(promised: Mapping[str, float], measured: Mapping[str, float]) -> list[str]:
    """Which promises of a recipe the measured values break, in sentences.

    Args:
        measured: as of `measured_values`; a promise of what was not measured is not looked at.
    """
    broken = []
    for name, bound in promised.items():
        what, side, unit = PROMISES[name]
        value = measured.get(_MEASURED[name])
        if value is not None and (value > bound if side == "at most" else value < bound):
            broken.append(f"{what} is {value:g}, promised {side} {bound:g} {unit}".rstrip())
    return broken


def _rounded(value: float, correlation: bool) -> float:
    if correlation and 0.9 < value < 1.0:
        return 1.0 - float(f"{1.0 - value:.3g}")
    return float(f"{value:.3g}")
