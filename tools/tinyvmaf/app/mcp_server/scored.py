"""Scoring a pair of videos within the limits of a call."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.app.mcp_server.calls import Call
from tinyvmaf.app.mcp_server.limits import MAX_ROWS, LimitError, require_within_limits
from tinyvmaf.app.mcp_server.results import (
    FrameResult,
    PooledResult,
    ScoreResult,
    TeacherScoreResult,
    TinyScoreResult,
    WorstFramesResult,
)
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.errors import MediaError, TeacherError, TinyvmafError
from tinyvmaf.measure.scoring import TinyScores, pooled, teacher_scores, tiny_scores
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, score_pair
from tinyvmaf.vmaf.media import is_raw
from tinyvmaf.vmaf.pooling import pool
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, Teacher, load_built_in


@dataclass(frozen=True)
class PairRequest:
    """A pair of videos, as the caller names it."""

    reference: str
    distorted: str
    size: str | None
    pix_fmt: str | None


@dataclass(frozen=True)
class ScoredPair:
    """A pair of videos, scored."""

    ffmpeg: FFmpeg
    table: FrameTable
    teachers: Sequence[Teacher]
    scores: dict[str, NDArray[np.float64]]
    """By teacher id, `[T]`, VMAF points."""

    def result(self, model: Subject | None, *, per_frame: bool) -> ScoreResult:
        """The scores of the clip, and of each frame if asked for.

        Raises:
            LimitError: too many frames to list.
        """
        if per_frame and len(self.table) > MAX_ROWS:
            raise LimitError(f"{len(self.table)} frames are too many to list", hint="call worst_frames instead")
        tiny = None if model is None else tiny_scores(model, self.table, self.teachers)
        return ScoreResult(
            ffmpeg=self.ffmpeg.version,
            libvmaf=self.table.version,
            frames=len(self.table),
            teachers=[self._teacher(one) for one in self.teachers],
            tiny_model=None if tiny is None else self._tiny(tiny),
            per_frame=[self._frame(n, tiny) for n in range(len(self.table))] if per_frame else None,
        )

    def worst(self, teacher: str, model: Subject | None, count: int) -> WorstFramesResult:
        """The frames with the lowest score by the teacher, or with the largest difference of the model to it."""
        tiny = None if model is None else tiny_scores(model, self.table, self.teachers)
        truth = self.scores[teacher]
        off = None if tiny is None else np.abs(tiny.scores - truth)
        order = np.argsort(truth if off is None else -off, kind="stable")[:count]
        return WorstFramesResult(
            frames=len(self.table),
            by=f"score of {teacher}" if tiny is None else f"difference of {tiny.id} to {teacher}",
            worst=[self._frame(int(n), tiny) for n in order],
            differences=None if off is None else [float(off[n]) for n in order],
        )

    def _teacher(self, teacher: Teacher) -> TeacherScoreResult:
        values = PooledResult(**pooled(teacher.id, self.scores[teacher.id], self.table))
        return TeacherScoreResult(id=teacher.id, sha256=teacher.sha256, pooled=values)

    def _tiny(self, tiny: TinyScores) -> TinyScoreResult:
        first = self.scores[self.teachers[0].id]
        return TinyScoreResult(
            id=tiny.id,
            sha256=tiny.sha256,
            feature_order=tiny.features,
            pooled=PooledResult(**pool(tiny.scores)),
            max_abs_difference=float(np.abs(tiny.scores - first).max()),
            outside_domain=int((tiny.outside > 0.0).sum()),
            furthest_outside=tiny.furthest,
        )

    def _frame(self, number: int, tiny: TinyScores | None) -> FrameResult:
        features = self.table.features(CANONICAL)[number]
        scores = self.scores | ({} if tiny is None else {tiny.id: tiny.scores})
        return FrameResult(
            frame=number,
            scores={name: round(float(values[number]), 6) for name, values in scores.items()},
            features=dict(zip(CANONICAL, features.tolist(), strict=True)),
        )


def score(request: PairRequest, teachers: Sequence[str], roots: Roots, ffmpeg: FFmpeg, call: Call) -> ScoredPair:
    """Score a pair.

    Args:
        teachers: ids; empty: the default teacher.

    Raises:
        OutsideError: a file is not below the roots.
        LimitError: the videos are too large or too long.
        TinyvmafError: as `score_pair`; the message names files as the caller does.
    """
    for name in teachers:
        if name not in KNOWN:
            raise TeacherError(f"unknown teacher {name[:100]!r}", hint=f"known: {', '.join(KNOWN)}")
    _require_geometry(request)
    with ExitStack() as files:
        reference = files.enter_context(roots.opened(request.reference))
        distorted = files.enter_context(roots.opened(request.distorted))
        called = {str(reference): request.reference, str(distorted): request.distorted}
        try:
            loaded = [load_built_in(ffmpeg, name) for name in dict.fromkeys(teachers or [DEFAULT])]
            table = score_pair(
                reference,
                distorted,
                size=request.size,
                pix_fmt=request.pix_fmt,
                models=[teacher.model() for teacher in loaded if not teacher.bootstrap],
                ffmpeg=ffmpeg,
                on_open=require_within_limits,
                on_frame=call.report,
            )
        except TinyvmafError as error:
            text = error.message
            for private, name in called.items():
                text = text.replace(private, name)
            raise type(error)(text, hint=error.hint) from error
    return ScoredPair(ffmpeg, table, loaded, {teacher.id: teacher_scores(teacher, table) for teacher in loaded})


def _require_geometry(request: PairRequest) -> None:
    raw = any(is_raw(Path(name)) for name in (request.reference, request.distorted))
    given = request.size is not None, request.pix_fmt is not None
    if raw and not all(given):
        raise MediaError("raw files have no header: give both size and pix_fmt")
    if any(given) and not raw:
        raise MediaError("size and pix_fmt are for raw files; leave them out")
