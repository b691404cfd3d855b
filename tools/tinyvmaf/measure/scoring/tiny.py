"""Scores of a pair by a tiny model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError, TeacherError
from tinyvmaf.files import sha256
from tinyvmaf.measure.scoring.teachers import own_teacher, teacher_scores
from tinyvmaf.model.contract import STDDEV
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import Feature, feature_among
from tinyvmaf.vmaf.interval import ScoreInterval, interval_of
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.teacher import Teacher

if TYPE_CHECKING:
    from tinyvmaf.model.engines import OnnxRuntimeCpu
    from tinyvmaf.model.subject import Subject

NOTICED: Final = 3.0
"""VMAF points: as much as the gates allow a frame."""
_ROUNDING: Final = 0.01  # points: sums in another order stay far below
SCALE: Final = (0.0, 100.0)
_ALONE: Final = 32  # frames that are scored alone too


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
    alone: Mapping[int, float]
    """Scores of some frames that were given to the model alone, by frame."""
    teacher: str = ""
    """The id of its teacher, if the pair was scored with it."""
    truth: NDArray[np.float64] | None = None
    """`[T]`: that teacher's scores."""
    interval: ScoreInterval | None = None
    """If the model gives a standard deviation."""

    @property
    def warnings(self) -> list[str]:
        """Why the scores may be wrong: outside the domain, far from the teacher, depending on others, or clipped."""
        return [text for text in (self._outside(), self._off(), self._batch(), self._clipped()) if text]

    def _outside(self) -> str:
        if not self.furthest:
            return ""
        count, frame = int((self.outside > 0.0).sum()), int(self.outside.argmax())
        return (
            f"{count} of {len(self.scores)} frames are outside the domain, where nothing is promised of {self.id}; "
            f"furthest is frame {frame}: {self.furthest}"
        )

    def _off(self) -> str:
        if self.truth is None:
            return ""
        off = np.abs(self.scores - self.truth)
        if off.max() <= NOTICED:
            return ""
        frame, count = int(off.argmax()), int((off > NOTICED).sum())
        return (
            f"{self.id} is more than {NOTICED:g} points from {self.teacher} on {count} of {len(off)} frames, "
            f"{off.mean():.2f} in the mean; furthest is frame {frame}: {self.scores[frame]:.2f} for "
            f"{self.truth[frame]:.2f}"
        )

    def _batch(self) -> str:
        off = {frame: abs(score - self.scores[frame]) for frame, score in self.alone.items()}
        frame = max(off, key=lambda one: off[one], default=0)
        if not off or off[frame] <= _ROUNDING:
            return ""
        return (
            f"a score of {self.id} depends on the frames that it is given together: "
            f"frame {frame} is {self.scores[frame]:.2f} with all {len(self.scores)}, and {self.alone[frame]:.2f} alone"
        )

    def _clipped(self) -> str:
        if not (count := self.interval_missing):
            return ""
        return (
            f"{self.id} states a standard deviation of 0 on {count} of {len(self.scores)} frames: they are clipped and "
            "have no interval, so the clip has none either"
        )

    @property
    def interval_missing(self) -> int:
        """Frames with a standard deviation of 0, which have no interval."""
        return 0 if self.interval is None else int(np.isnan(self.interval.low).sum())


def stated(score: NDArray[np.float64], stddev: NDArray[np.float64], scale: tuple[float, float]) -> ScoreInterval:
    """As `interval_of`; the ends are NaN where the standard deviation is 0: the frame is clipped, not certain."""
    ends = (np.where(stddev == 0.0, np.nan, end) for end in interval_of(score, stddev, scale)[1:])
    return ScoreInterval(stddev, *ends)


def run(
    model: "Subject", features: NDArray[np.float64], session: "OnnxRuntimeCpu | None" = None
) -> NDArray[np.float64]:
    """Scores `[T]`, VMAF points, of features `[T, F]`.

    Args:
        session: of that model; None for a new one.

    Raises:
        ModelError: the model cannot be loaded, or a score is not finite.
    """
    from tinyvmaf.model.engines import OnnxRuntimeCpu
    from tinyvmaf.model.engines.protocol import NotFiniteError

    try:
        return (session or OnnxRuntimeCpu(model.data)).run(features).astype(np.float64)
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
        teachers: those that the pair was scored with.

    Raises:
        ModelError: the model cannot be loaded, or a score or standard deviation cannot be right.
        LogError: one of its features was not measured.
    """
    from tinyvmaf.model.door import ROWS, check_bearable
    from tinyvmaf.model.engines import OnnxRuntimeCpu

    features = table.features(model.features)
    known = {f.name: f for teacher in teachers for f in teacher.features}
    taken = [known.get(name) or feature_among(name) for name in model.features]
    ranged = tuple(one for one in taken if one is not None and _has_range(one))
    outside, furthest = np.zeros(len(features)), ""
    if ranged:
        domain, rows = Domain(ranged), table.features([one.name for one in ranged])
        outside = domain.distance(rows)
        furthest = domain.excess_in_words(rows[outside.argmax()]) if outside.any() else ""
    if not model.registered and len(features) > ROWS:
        check_bearable(model.path, model.data, len(features))
    session = OnnxRuntimeCpu(model.data)
    scores = run(model, features, session)
    some = np.unique(np.linspace(0, len(features) - 1, _ALONE).astype(int)).tolist()
    alone = {frame: float(run(model, features[frame : frame + 1], session)[0]) for frame in some}
    own = own_teacher(model, teachers)
    truth = None if own is None else teacher_scores(own, table)
    interval = _interval(model, features, scores, session, SCALE if own is None else own.svr.score_range)
    return TinyScores(
        model.id,
        sha256(model.data),
        list(model.features),
        scores,
        outside,
        furthest,
        alone,
        own.id if own else "",
        truth,
        interval,
    )


def _interval(
    model: "Subject",
    features: NDArray[np.float64],
    scores: NDArray[np.float64],
    session: "OnnxRuntimeCpu",
    scale: tuple[float, float],
) -> ScoreInterval | None:
    if STDDEV not in model.outputs:
        return None
    stddev = session.run_all(features)[:, model.outputs.index(STDDEV)].astype(np.float64)
    if (wrong := np.flatnonzero(~np.isfinite(stddev) | (stddev < 0.0))).size:
        frame = int(wrong[0])
        raise ModelError(
            f"{model.id} gives a standard deviation of {stddev[frame]} for frame {frame}: {features[frame].tolist()}",
            hint=f"the model is at fault: tinyvmaf gate --model {model.path} -k contract says where else",
        )
    return stated(scores, stddev, scale)
