"""Scoring a video without a reference within the limits of a call."""

from collections.abc import Mapping, Sequence
from typing import Final

from tinyvmaf.app.mcp_server.calls import Call
from tinyvmaf.app.mcp_server.limits import MAX_ROWS, LimitError, require_within_limits
from tinyvmaf.app.mcp_server.results import EstimatedFrameResult, EstimateResult
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.app.mcp_server.scored import estimated, public, require_geometry
from tinyvmaf.errors import MediaError, ModelError, TinyvmafError, known_hint
from tinyvmaf.measure.scoring import NOTE, ScoredVideo, require_scores, score_video
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.media.options import pair_options_of

INPUTS: Final = ("stream", "matrix", "film_grain", "allow_errors")
"""Options that mean something without a reference."""


def estimate(
    video: str,
    geometry: tuple[str | None, str | None],
    inputs: Mapping[str, str],
    models: Sequence[Subject],
    roots: Roots,
    ffmpeg: FFmpeg,
    call: Call,
    *,
    per_frame: bool,
) -> EstimateResult:
    """Score a video without a reference.

    Args:
        video: as the caller names it.
        geometry: size and pixel format of a raw file.
        inputs: options of how it is read, as typed.
        models: each must take pictures and give a score.

    Raises:
        OutsideError: the file is not below the roots.
        LimitError: the video is too large or too long, or has too many frames to list.
        TinyvmafError: as `score_video`, or a model does not score pictures; the message names the file as the caller
            does.
    """
    require_scores(models)
    if rows := [one.id for one in models if not one.takes_pictures]:
        raise ModelError(
            f"{rows[0]} takes features, which are measured against a reference", hint="vmaf_score takes both videos"
        )
    for name in inputs:
        if name not in INPUTS:
            raise MediaError(f"unknown input option {name!r}", hint=known_hint(name, INPUTS))
        if "," in inputs[name]:
            raise MediaError(f"{name} takes one value where there is no reference")
    require_geometry(*geometry, video)
    size, pix_fmt = geometry
    options = pair_options_of(inputs, both(size=size, pix_fmt=pix_fmt))
    with roots.opened(video) as path:
        called = {str(path): video}
        try:
            found = score_video(
                path,
                models,
                ffmpeg,
                reading=options.distorted,
                allow_errors=options.allow_errors,
                typed=False,
                on_open=require_within_limits,
                on_frame=call.report,
            )
        except TinyvmafError as error:
            hint = None if error.hint is None else public(error.hint, called)
            raise type(error)(public(error.message, called), hint=hint) from error
    if per_frame and len(found) > MAX_ROWS:
        raise LimitError(f"{len(found)} frames are too many to list", hint="leave per_frame out")
    return EstimateResult(
        ffmpeg=ffmpeg.version,
        format=str(found.video.geometry),
        frames=len(found),
        note=NOTE,
        decided=[public(text, called) for text in found.video.chosen],
        warnings=[public(text, called) for text in found.warnings],
        models=[estimated(one) for one in found.models],
        per_frame=_frames(found) if per_frame else None,
    )


def _frames(found: ScoredVideo) -> list[EstimatedFrameResult]:
    columns = found.columns()
    return [
        EstimatedFrameResult(frame=n, scores={name: round(float(values[n]), 6) for name, values in columns.items()})
        for n in range(len(found))
    ]
