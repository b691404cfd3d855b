"""How far a model is from libvmaf on the golden pairs, from their frozen rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.golden.rows import load_rows
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.teacher import Teacher


def golden_errors(run: Callable[[NDArray[np.float64]], NDArray[np.floating]], teacher: Teacher) -> dict[str, float]:
    """The largest errors of a model against libvmaf on the frozen golden rows.

    Args:
        run: the model: features float64 `[N, 6]` in canonical order to scores `[N]`, VMAF points.
        teacher: whom it imitates.

    Returns:
        VMAF points, of a frame and of a clip mean, by the names that sidecars give them; empty for a teacher that the
        rows are not of.
    """
    rows = load_rows()
    if teacher.feature_names != CANONICAL or rows.provenance["teacher_sha256"] != teacher.sha256:
        return {}
    off = [run(pair.features).astype(np.float64) - pair.scores for pair in rows.pairs.values()]
    return {
        "golden_frame_max_abs_error_points": max(float(np.abs(d).max()) for d in off),
        "golden_clip_max_abs_error_points": max(float(abs(d.mean())) for d in off),
    }
