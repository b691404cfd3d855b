"""Scores of a pair by its teachers, also by those that libvmaf's filter does not run."""

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.pooling import PooledMetric, pool
from tinyvmaf.vmaf.teacher import Teacher


def teacher_scores(teacher: Teacher, table: FrameTable) -> NDArray[np.float64]:
    """The teacher's scores, float64 `[T]`, VMAF points: those that libvmaf logged.

    FFmpeg's filter does not run bootstrap models, so those are evaluated here.

    Raises:
        LogError: the teacher or one of its features is not in the log.
    """
    return teacher.predict(table.features(teacher.feature_names)) if teacher.bootstrap else table.column(teacher.id)


def pooled(name: str, values: NDArray[np.float64], table: FrameTable) -> PooledMetric:
    """Scores pooled over the clip, under a name.

    Uses libvmaf's pooled values if its log has this name, because libvmaf pools before it rounds.
    """
    known = table.pooled.get(name)
    if known is None:
        return pool(values)
    return PooledMetric(min=known["min"], max=known["max"], mean=known["mean"], harmonic_mean=known["harmonic_mean"])
