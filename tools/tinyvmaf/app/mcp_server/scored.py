"""A pair of videos that a caller names, scored within the limits."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.app.mcp_server.calls import Call
from tinyvmaf.app.mcp_server.limits import require_modest
from tinyvmaf.app.mcp_server.results import Frame
from tinyvmaf.app.mcp_server.roots import Roots
from tinyvmaf.errors import MediaError, TeacherError, TinyvmafError
from tinyvmaf.measure.scoring import teacher_scores
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, score_pair
from tinyvmaf.vmaf.media import is_raw
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, Teacher, load_built_in


@dataclass(frozen=True)
class Request:
    """What a caller says of a pair."""

    reference: str
    distorted: str
    size: str | None
    pix_fmt: str | None


@dataclass(frozen=True)
class Scored:
    """What libvmaf and the teachers say of it."""

    table: FrameTable
    teachers: Sequence[Teacher]
    scores: dict[str, NDArray[np.float64]]
    """`[T]` by teacher."""

    def frame(self, number: int, more: dict[str, NDArray[np.float64]]) -> Frame:
        """One frame, with further scores."""
        features = self.table.features(CANONICAL)[number]
        scores = self.scores | more
        return Frame(
            frame=number,
            scores={name: round(float(values[number]), 6) for name, values in scores.items()},
            features=dict(zip(CANONICAL, features.tolist(), strict=True)),
        )


def score(request: Request, teachers: Sequence[str], roots: Roots, ffmpeg: FFmpeg, call: Call) -> Scored:
    """Score a pair.

    Args:
        teachers: ids; the default one if there is none.

    Raises:
        OutsideError, LimitError: it may not be read, or is too much.
        TinyvmafError: as `score_pair`; files are called what the caller calls them.
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
                on_open=require_modest,
                on_frame=call.report,
            )
        except TinyvmafError as error:
            text = error.message
            for private, name in called.items():
                text = text.replace(private, name)
            raise type(error)(text, hint=error.hint) from error
    return Scored(table, loaded, {teacher.id: teacher_scores(teacher, table) for teacher in loaded})


def _require_geometry(request: Request) -> None:
    raw = any(is_raw(Path(name)) for name in (request.reference, request.distorted))
    given = request.size is not None, request.pix_fmt is not None
    if raw and not all(given):
        raise MediaError("raw files have no header: give both size and pix_fmt")
    if any(given) and not raw:
        raise MediaError("size and pix_fmt are for raw files; y4m and containers say it themselves")
