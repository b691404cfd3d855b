"""AgreementMetrics of a tiny model with its teacher, on a corpus or on one scored pair."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.targets import with_target
from tinyvmaf.errors import TeacherError, TinyvmafError
from tinyvmaf.measure.agreement import AgreementMetrics, ConstantError, agreement, clip_means
from tinyvmaf.measure.scoring import run
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.teacher import Teacher

Floats = NDArray[np.float64]
_FEWEST = 3
"""Values; a correlation of fewer means nothing."""


@dataclass(frozen=True)
class ScoredFrames:
    """Frames with their features and their scores by teachers."""

    name: str
    """What the frames are of, for people."""
    features: Callable[[Sequence[str]], Floats]
    """Features by name, `[N, F]`."""
    teacher: Callable[[str], Floats]
    """Scores by teacher id, `[N]`, VMAF points."""
    clips: Sequence[str] | None
    """`[N]`, the clip of each frame; None for a single clip."""


def pair_frames(table: FrameTable, scores: Mapping[str, Floats], name: str) -> ScoredFrames:
    """The frames of one scored pair; `scores` are by teacher id, `[N]` each."""
    return ScoredFrames(name, table.features, scores.__getitem__, None)


def corpus_frames(data: Dataset, name: str, teacher_of: Callable[[str], Teacher]) -> ScoredFrames:
    """The frames of a corpus. Scores that it lacks are computed from its features.

    Args:
        teacher_of: teachers by id.
    """

    def scores(teacher_id: str) -> Floats:
        try:
            return with_target(data, teacher_of(teacher_id)).columns(teacher_id)[:, 0]
        except TinyvmafError as error:
            raise TeacherError(
                f"{name} has no scores by {teacher_id}: {error.message}", hint="compare on a pair of videos"
            ) from error

    labels: list[str] = data.table["clip"].to_pylist()
    return ScoredFrames(name, lambda names: data.columns(*names), scores, labels)


def teacher_agreement(model: Subject, frames: ScoredFrames) -> tuple[AgreementMetrics, AgreementMetrics | None]:
    """AgreementMetrics of the model with its teacher per frame, and of the means of clips if there are several.

    Raises:
        TeacherError: the frames have no scores by this teacher.
        TinyvmafError: fewer than three values, constant scores by the teacher, or a score that is not finite.
    """
    truth, scores = frames.teacher(model.sidecar.teacher.id), run(model, frames.features(model.features))
    per_frame = _agreement(truth, scores)
    if frames.clips is None:
        return per_frame, None
    return per_frame, _agreement(*(clip_means(frames.clips, values)[1] for values in (truth, scores)))


def _agreement(truth: Floats, scores: Floats) -> AgreementMetrics:
    if len(truth) < _FEWEST:
        raise TinyvmafError(f"{len(truth)} values are too few to compare models", hint=f"{_FEWEST} or more are needed")
    if not np.isfinite(scores).all():
        raise TinyvmafError("the model gives scores that are not finite")
    try:
        return agreement(truth, scores, constant_got="nan")
    except ConstantError as error:
        raise TinyvmafError("the teacher gives every frame the same score, so there is no correlation") from error
