"""Errors of a model against its teacher on the frozen golden rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.golden.rows import load_rows
from tinyvmaf.vmaf.teacher import Teacher


def golden_errors(run: Callable[[NDArray[np.float64]], NDArray[np.floating]], teacher: Teacher) -> dict[str, float]:
    """The largest errors of a model against its teacher.

    Args:
        run: the model, from its teacher's features, float64 `[N, F]`, to scores, `[N]`, in VMAF points.
        teacher: the teacher of the model.

    Returns:
        The largest error of a frame and of a clip mean, in VMAF points, under their names in sidecars; empty if the
        rows lack a feature of this teacher.
    """
    rows = load_rows()
    off = [
        run(rows.pairs[name].features(teacher.feature_names)).astype(np.float64) - scores
        for name, scores in rows.scores_by(teacher).items()
    ]
    if not off:
        return {}
    return {
        "golden_frame_max_abs_error_points": max(float(np.abs(d).max()) for d in off),
        "golden_clip_max_abs_error_points": max(float(abs(d.mean())) for d in off),
    }
