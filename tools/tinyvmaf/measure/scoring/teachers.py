"""Scores of a pair by its teachers, also by those that libvmaf's filter does not run."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import TeacherError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.pooling import PooledMetric, pool
from tinyvmaf.vmaf.teacher import FOLDER, NETFLIX, PHONE, Teacher, load_teacher

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject


def own_teacher(model: "Subject", teachers: Iterable[Teacher]) -> Teacher | None:
    """The teacher of a model among those given: the one with the JSON text that its sidecar names."""
    digest = model.sidecar.teacher.sha256
    # The phone teacher has the file of another one.
    return next((one for one in teachers if one.sha256 == digest and one.id != PHONE), None)


def with_their_teachers(
    models: Iterable["Subject"], teachers: Sequence[Teacher], ffmpeg: FFmpeg, *, hint: str
) -> list[Teacher]:
    """The teachers given, then those of the models that are not among them.

    Args:
        hint: what the caller can do where a teacher is not there.

    Raises:
        TeacherError: neither the libvmaf inside this FFmpeg nor the project has the teacher of a model.
    """
    found = list(teachers)
    for model in models:
        if own_teacher(model, found) is None:
            found.append(_teacher_of(model, ffmpeg, hint))
    return found


def _teacher_of(model: "Subject", ffmpeg: FFmpeg, hint: str) -> Teacher:
    named = model.sidecar.teacher
    try:
        found = load_teacher(ffmpeg, named.id, [model.path.parent / FOLDER])
    except TeacherError:
        found = None
    if found is not None and found.id not in NETFLIX and found.sha256 != named.sha256:
        raise TeacherError(
            f"{model.id} stands in for {named.id}, sha256 {named.sha256}; the JSON of that name has {found.sha256}",
            hint="put the JSON back that it was fitted to; a changed one needs another name",
        )
    if found is None or found.sha256 != named.sha256:
        raise TeacherError(
            f"{model.id} stands in for {named.id}, sha256 {named.sha256}, which is neither in {ffmpeg.path} nor in the "
            "project",
            hint=hint,
        )
    return found


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
