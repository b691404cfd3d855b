"""Scoring a pair of videos within the limits of a call."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf.app.mcp_server.calls import Call
from tinyvmaf.app.mcp_server.limits import MAX_ROWS, LimitError, require_within_limits
from tinyvmaf.app.mcp_server.results import (
    FrameResult,
    IntervalResult,
    NoReferenceScoreResult,
    PooledResult,
    ScoreResult,
    TeacherScoreResult,
    TinyScoreResult,
    WorstFramesResult,
)
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.errors import MediaError, TeacherError, TinyvmafError, known_hint
from tinyvmaf.measure.scoring import (
    ENDS,
    PictureScores,
    ScoredPair,
    TinyScores,
    pair_scores,
    pooled,
    require_scores,
    scored_pair,
    with_their_teachers,
)
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media import both, is_raw
from tinyvmaf.vmaf.media.options import pair_options_of
from tinyvmaf.vmaf.pooling import pool
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, Teacher, load_built_in

_HINT: Final = "start the server with --ffmpeg and an FFmpeg whose libvmaf has it"


@dataclass(frozen=True)
class PairRequest:
    """A pair of videos, as the caller names it."""

    reference: str
    distorted: str
    size: str | None
    pix_fmt: str | None
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Further options of how the pair is read, as typed."""


def result_of(pair: ScoredPair, ffmpeg: FFmpeg, *, per_frame: bool) -> ScoreResult:
    """The scores of the clip, and of each frame if asked for.

    Raises:
        LimitError: too many frames to list.
    """
    if per_frame and len(pair) > MAX_ROWS:
        raise LimitError(f"{len(pair)} frames are too many to list", hint="call worst_frames instead")
    return ScoreResult(
        ffmpeg=ffmpeg.version,
        libvmaf=pair.table.version,
        frames=len(pair),
        decided=[] if pair.table.inputs is None else list(pair.table.inputs.decided),
        warnings=[
            *([] if pair.table.inputs is None else pair.table.inputs.warnings),
            *dict.fromkeys(text for one in pair.decoded for text in one.warnings),
        ],
        teachers=[_teacher(pair, one) for one in pair.teachers],
        tiny_models=[_tiny(one, pair) for one in pair.tiny],
        no_reference_models=[estimated(one) for one in pair.decoded],
        per_frame=[_frame(pair, n) for n in range(len(pair))] if per_frame else None,
    )


def worst(pair: ScoredPair, count: int) -> WorstFramesResult:
    """The frames with the lowest score by the teacher, or with the largest difference of the model to it."""
    tiny = next(iter(pair.tiny), None)
    teacher, truth = pair.teachers[0].id, pair.score
    off = None if tiny is None else np.abs(tiny.scores - truth)
    order = np.argsort(truth if off is None else -off, kind="stable")[:count]
    return WorstFramesResult(
        frames=len(pair),
        by=f"score of {teacher}" if tiny is None else f"difference of {tiny.id} to {teacher}",
        worst=[_frame(pair, int(n)) for n in order],
        differences=None if off is None else [float(off[n]) for n in order],
    )


def _teacher(pair: ScoredPair, teacher: Teacher) -> TeacherScoreResult:
    values = PooledResult(**pooled(teacher.id, pair.scores[teacher.id], pair.table))
    return TeacherScoreResult(id=teacher.id, sha256=teacher.sha256, pooled=values)


def _tiny(tiny: TinyScores, pair: ScoredPair) -> TinyScoreResult:
    assert tiny.truth is not None  # its teacher was asked for
    return TinyScoreResult(
        id=tiny.id,
        sha256=tiny.sha256,
        teacher=tiny.teacher,
        feature_order=tiny.features,
        pooled=PooledResult(**pool(tiny.scores)),
        interval=_interval(tiny, pair),
        max_abs_difference=float(np.abs(tiny.scores - tiny.truth).max()),
        outside_domain=int((tiny.outside > 0.0).sum()),
        furthest_outside=tiny.furthest,
    )


def estimated(scores: PictureScores) -> NoReferenceScoreResult:
    """The scores of a clip by a model that sees its decoded pictures alone."""
    pooled_scores = PooledResult(**pool(scores.scores))
    return NoReferenceScoreResult(id=scores.id, sha256=scores.sha256, fitted_to=scores.teacher, pooled=pooled_scores)


def _interval(tiny: TinyScores, pair: ScoredPair) -> IntervalResult | None:
    if tiny.interval is None:
        return None
    summary, names = pair.summary(), [f"{of}_{end}" for of in (tiny.id, tiny.teacher) for end in ENDS]
    low, high, teacher_low, teacher_high = (summary[name].mean if name in summary else None for name in names)
    return IntervalResult(
        stddev=float(tiny.interval.stddev.mean()),
        low=low,
        high=high,
        teacher_low=teacher_low,
        teacher_high=teacher_high,
        clipped=tiny.interval_missing,
    )


def _frame(pair: ScoredPair, number: int) -> FrameResult:
    scores = {**pair.scores, **pair.interval_columns(), **pair.tiny_columns()}
    return FrameResult(
        frame=number,
        scores={name: _rounded(float(values[number])) for name, values in scores.items()},
        features={name: float(values[number]) for name, values in pair.features.items()},
    )


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def score(
    request: PairRequest,
    teachers: Sequence[str],
    roots: Roots,
    ffmpeg: FFmpeg,
    call: Call,
    models: Sequence[Subject] = (),
) -> ScoredPair:
    """Score a pair.

    Args:
        teachers: ids.
        models: tiny models; their teachers are added. Without either, the default teacher.

    Raises:
        OutsideError: a file is not below the roots.
        LimitError: the videos are too large or too long.
        TinyvmafError: as `score_pair`, or a model is a filter; the message names files as the caller does.
    """
    require_scores(models)
    for name in teachers:
        if name not in KNOWN:
            raise TeacherError(f"unknown teacher {name[:100]!r}", hint=known_hint(name[:100], KNOWN))
    _require_names(teachers, models)
    require_geometry(request.size, request.pix_fmt, request.reference, request.distorted)
    options = pair_options_of(request.inputs, both(size=request.size, pix_fmt=request.pix_fmt))
    with ExitStack() as files:
        reference = files.enter_context(roots.opened(request.reference))
        distorted = files.enter_context(roots.opened(request.distorted))
        called = {str(reference): request.reference, str(distorted): request.distorted}
        try:
            loaded = [load_built_in(ffmpeg, name) for name in dict.fromkeys(teachers)]
            loaded = with_their_teachers(models, loaded, ffmpeg, hint=_HINT) or [load_built_in(ffmpeg, DEFAULT)]
            table = score_pair(
                reference,
                distorted,
                options=options,
                models=[teacher.model() for teacher in loaded if not teacher.bootstrap],
                ffmpeg=ffmpeg,
                on_open=require_within_limits,
                on_frame=call.report,
            )
            decoded = pair_scores(
                distorted,
                [one for one in models if one.takes_pictures],
                ffmpeg,
                len(table),
                reading=options.distorted,
                allow_errors=options.allow_errors,
                typed=False,
                on_frame=call.report,
            )
        except TinyvmafError as error:
            hint = None if error.hint is None else public(error.hint, called)
            raise type(error)(public(error.message, called), hint=hint) from error
    if (seen := table.inputs) is not None:
        texts = ([public(text, called) for text in one] for one in (seen.decided, seen.warnings))
        decided, warnings = map(tuple, texts)
        table = replace(table, inputs=replace(seen, decided=decided, warnings=warnings))
    decoded = tuple(replace(one, warnings=tuple(public(text, called) for text in one.warnings)) for one in decoded)
    rows = [one for one in models if not one.takes_pictures]
    return scored_pair(reference, distorted, table, loaded, models=rows, decoded=decoded)


def public(text: str, called: Mapping[str, str]) -> str:
    """A text with the files' names as the caller knows them."""
    for private, name in called.items():
        text = text.replace(private, name)
    return text


def _require_names(teachers: Sequence[str], models: Sequence[Subject]) -> None:
    names = Counter([*dict.fromkeys([*teachers, *(one.teacher_id for one in models)]), *(one.id for one in models)])
    if twice := [name for name, count in names.items() if count > 1]:
        raise TinyvmafError(f"two of the models and teachers are called {twice[0]}", hint="rename one of the files")


def require_geometry(size: str | None, pix_fmt: str | None, *names: str) -> None:
    """Hold that raw files have a geometry, and others have none.

    Raises:
        MediaError: they have not.
    """
    raw, given = any(is_raw(Path(name)) for name in names), (size is not None, pix_fmt is not None)
    if raw and not all(given):
        raise MediaError("raw files have no header: give both size and pix_fmt")
    if any(given) and not raw:
        raise MediaError("size and pix_fmt are for raw files; leave them out")
