"""A model against its teacher on every frame of a set."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.files import sha256
from tinyvmaf.measure import environment
from tinyvmaf.measure.agreement import plcc
from tinyvmaf.measure.external.rows import Floats, SetRows
from tinyvmaf.measure.standing_in import Scored
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_scores
from tinyvmaf.model.subject import Subject
from tinyvmaf.train.recipes import Recipe, read_recipe, recipe_ids

_BATCH: Final = 4096  # rows; the SVR of all rows at once would need gigabytes
_LEAST_SPREAD: Final = 1.0
"""VMAF points of standard deviation; below, a correlation is that of the noise."""


@dataclass(frozen=True)
class HeldClip:
    """A clip of a set."""

    clip: str
    frames: int
    expected: float
    """The mean of the teacher's scores, VMAF points."""
    got: float
    """The mean of the model's scores, or its score of the clip."""
    rmse: float | None
    """Of its frames; None for a model of clips."""
    worst: float | None
    """The largest error of a frame."""
    worst_frame: int | None
    outside: int
    """Frames outside of the teacher's domain."""


@dataclass(frozen=True)
class HeldSet:
    """A model's scores of a set."""

    subject: str
    of: SetRows
    got: Floats
    """`[N]`, VMAF points, of frames; `[C]` of a model that takes one clip a run."""
    per_clip: bool = False

    @property
    def error(self) -> Floats:
        """Of each frame, `[N]`, got less expected."""
        difference: Floats = self.got - self.of.expected
        return difference

    @cached_property
    def clip_means(self) -> tuple[Floats, Floats]:
        """The teacher's and the model's, `[C]` each."""
        return self.of.clip_means(self.of.expected), self.got if self.per_clip else self.of.clip_means(self.got)

    @property
    def scored(self) -> Scored:
        """The frames with a finite score."""
        rows = np.flatnonzero(self._finite)
        return Scored("frames", self.of.expected[rows], self.got[rows], lambda row: self.of.labels[rows[row]])

    @property
    def _finite(self) -> NDArray[np.bool_]:
        """Of the frames. What is not finite fails as a frame, and hides no other."""
        return np.isfinite(self.got)

    @property
    def rmse(self) -> float:
        """Of all frames with a finite score, VMAF points; NaN if there is none."""
        error = self.error[self._finite]
        return float(np.sqrt(np.mean(error**2))) if len(error) else float("nan")

    @property
    def plcc(self) -> float | None:
        """Of all frames with a finite score; None where the teacher's scores hardly vary. NaN if the model's do not."""
        if len(self.got) < 3 or self.of.expected.std() < _LEAST_SPREAD:
            return None
        try:
            return plcc(self.of.expected[self._finite], self.got[self._finite])
        except ValueError:  # constant, or too few
            return float("nan")

    @cached_property
    def clips(self) -> list[HeldClip]:
        """Every clip, the worst first: by its largest error of a frame, of a model of clips by that of the clip.

        A score that is not finite is the largest error.
        """
        of, (expected, got) = self.of, self.clip_means
        frames = np.bincount(of.clip)
        outside = np.bincount(of.clip, of.distance > 0).astype(int)
        if self.per_clip:
            parts: list[tuple[float | None, float | None, int | None]] = [(None, None, None)] * len(frames)
            order = np.argsort(-_size(got - expected), kind="stable")
        else:
            off = _size(self.error)
            by_clip = np.lexsort((off, of.clip))
            last = by_clip[np.cumsum(frames) - 1]
            rmse = np.sqrt(of.clip_means(self.error**2))
            parts = list(zip(rmse.tolist(), off[last].tolist(), of.frame[last].tolist(), strict=True))
            order = np.argsort(-off[last], kind="stable")
        return [
            HeldClip(
                clip=of.clips[i],
                frames=int(frames[i]),
                expected=float(expected[i]),
                got=float(got[i]),
                rmse=parts[i][0],
                worst=parts[i][1],
                worst_frame=parts[i][2],
                outside=int(outside[i]),
            )
            for i in order.tolist()
        ]

    def as_dict(self) -> dict[str, Any]:
        """For the report, JSON values."""
        outside = self.of.distance > 0
        expected, got = self.clip_means
        more: dict[str, Any] = {}
        if not self.per_clip:
            correlation = self.plcc
            finite = correlation is not None and np.isfinite(correlation)
            more = {
                "rmse": _or_none(self.rmse),
                "max_error": _or_none(float(_size(self.error).max())),
                "plcc": correlation if finite else None,
            }
        return {
            "teacher": self.of.teacher.id,
            "frames": len(self.of.rows),
            "left_out": self.of.left_out,
            "outside": int(outside.sum()),
            "furthest_outside": float(self.of.distance.max()),
            "max_clip_error": _or_none(float(_size(got - expected).max())),
            "clips": [[_or_none(value) for value in vars(clip).values()] for clip in self.clips],
            **more,
        }


def _size(values: Floats) -> Floats:
    """Infinite where a value is not finite."""
    size: Floats = np.where(np.isfinite(values), np.abs(values), np.inf)
    return size


def _or_none(value: Any) -> Any:
    """A value for JSON, which has no number that is not finite."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def claimed_recipe(subject: Subject) -> Recipe | None:
    """The recipe that the sidecar names, if it is here."""
    training = subject.training
    return read_recipe(training.recipe) if training is not None and training.recipe in recipe_ids() else None


def hold_model(subject: Subject, of: SetRows, *, per_clip: bool = False) -> HeldSet:
    """Score every frame of a set.

    Args:
        per_clip: the model takes the frames of one clip a run.

    Raises:
        CouldNotRunError: the model cannot be loaded, which is for the contract gate to say.
        ModelError: it takes a feature that its teacher does not, or cannot be run.
    """
    names = of.teacher.feature_names
    if foreign := [name for name in subject.features if name not in names]:
        raise ModelError(f"{subject.id} takes {', '.join(foreign)}, which {of.teacher.id} does not")
    rows = of.rows[:, [names.index(name) for name in subject.features]]
    try:
        session = OnnxRuntimeCpu(subject.data)
    except ModelError as error:
        raise CouldNotRunError(error.message) from error
    if per_clip:
        scores = [session.run_clip(rows[of.clip == i]) for i in range(len(of.clips))]
        return HeldSet(subject.id, of, np.array(scores), per_clip=True)

    def run() -> Floats:
        parts = [all_scores(session, rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)]
        return np.concatenate(parts).astype(np.float64)

    fields = {
        "kind": "external scores",
        "sha256": sha256(subject.data),
        "features": list(subject.features),
        "onnxruntime": environment.versions().onnxruntime,
        "machine": environment.machine().id,
        "batch": _BATCH,
    }
    return HeldSet(subject.id, of, of.stored(fields, run))
