"""Scores of a pair by tiny models, and by teachers that libvmaf's filter does not run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError, TeacherError
from tinyvmaf.files import sha256
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES, Feature
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.pooling import PooledMetric, pool
from tinyvmaf.vmaf.teacher import Teacher

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject


@dataclass(frozen=True)
class TinyScores:
    """The scores of a clip by a tiny model."""

    id: str
    sha256: str
    """sha256 of the ONNX file."""
    features: list[str]
    """The model's features, in input order."""
    scores: NDArray[np.float64]
    """`[T]`, VMAF points."""
    outside: NDArray[np.float64]
    """`[T]`: how far each frame is outside the domain of the features whose domain is known; 0 inside."""
    furthest: str
    """Which features of the frame that is furthest outside are beyond their limits; empty if none is."""

    @property
    def warning(self) -> str:
        """That frames are outside the domain, and how far; empty if none is."""
        if not self.furthest:
            return ""
        count, frame = int((self.outside > 0.0).sum()), int(self.outside.argmax())
        return (
            f"{count} of {len(self.scores)} frames are outside the domain, where nothing is promised of {self.id}; "
            f"furthest is frame {frame}: {self.furthest}"
        )


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


def run(model: "Subject", features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores `[T]`, VMAF points, of features `[T, F]`.

    Raises:
        ModelError: the model cannot be loaded, or a score is not finite.
    """
    from tinyvmaf.model.engines import OnnxRuntimeCpu
    from tinyvmaf.model.engines.protocol import NotFiniteError

    try:
        return OnnxRuntimeCpu(model.data).run(features).astype(np.float64)
    except NotFiniteError as error:
        row = int(np.flatnonzero(~np.isfinite(error.scores))[0])
        raise ModelError(
            f"{model.id} gives {error.scores[row]} for frame {row}: {features[row].tolist()}",
            hint=f"the model is at fault: tinyvmaf gate --model {model.path} -k contract says where else",
        ) from error


def _has_range(feature: Feature) -> bool:
    try:
        return bool(Domain((feature,)).features)
    except TeacherError:
        return False


def tiny_scores(model: "Subject", table: FrameTable, teachers: Sequence[Teacher] = ()) -> TinyScores:
    """Run a tiny model on the features of a scored pair.

    Args:
        teachers: those that the pair was scored with; the domains of their features and of canonical-6 are known.

    Raises:
        ModelError: the model cannot be loaded.
        LogError: one of its features was not measured.
    """
    features = table.features(model.features)
    known = {f.name: f for f in (*CANONICAL_FEATURES, *(f for teacher in teachers for f in teacher.features))}
    ranged = [name for name in model.features if name in known and _has_range(known[name])]
    domain, rows = Domain(tuple(known[name] for name in ranged)), table.features(ranged or CANONICAL)
    outside = domain.distance(rows) if domain.features else np.zeros(len(rows))
    furthest = domain.excess_in_words(rows[outside.argmax()]) if outside.any() else ""
    scores = run(model, features)
    return TinyScores(model.id, sha256(model.data), list(model.features), scores, outside, furthest)
