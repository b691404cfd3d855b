"""Errors of a model against libvmaf on the frozen golden rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.golden.rows import load_rows
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.teacher import Teacher


def golden_errors(run: Callable[[NDArray[np.float64]], NDArray[np.floating]], teacher: Teacher) -> dict[str, float]:
    """The largest errors of a model against libvmaf.

    Args:
        run: the model, from canonical-6, float64 `[N, 6]`, to scores, `[N]`, in VMAF points.
        teacher: the teacher of the model.

    Returns:
        The largest error of a frame and of a clip mean, in VMAF points, under their names in sidecars; empty if the
        rows were frozen with another teacher.
    """
    rows = load_rows()
    if teacher.feature_names != CANONICAL or rows.provenance["teacher_sha256"] != teacher.sha256:
        return {}
    off = [run(pair.features).astype(np.float64) - pair.scores for pair in rows.pairs.values()]
    return {
        "golden_frame_max_abs_error_points": max(float(np.abs(d).max()) for d in off),
        "golden_clip_max_abs_error_points": max(float(abs(d.mean())) for d in off),
    }
