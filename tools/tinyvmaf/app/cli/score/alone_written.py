"""Videos that were scored without a reference, as JSON and as CSV."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyvmaf.app.cli.score.show import FIGURES, WORST
from tinyvmaf.measure.scoring import NOTE, PictureScores, ScoredVideo
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.pooling import pool

FRAME_COLUMNS = ("reference", "distorted", "frame", "time")
"""Of every CSV of frames; `reference` is empty where there is none."""
PAIR_COLUMNS = ("reference", "distorted", "metric", "frames", *FIGURES)
"""Of every CSV of pairs, before those in `ABOUT`."""
ABOUT = ("worst_frame", "worst_time", "libvmaf", "sha256", "error")


@dataclass(frozen=True)
class ResultAlone:
    """What became of a video that was to be scored without a reference."""

    path: Path
    scored: ScoredVideo | None
    error: str = ""
    """Why it was not scored."""


def alone_json(results: Sequence[ResultAlone], ffmpeg: FFmpeg) -> str:
    """Frames and pooled values as in libvmaf's log, but nothing is called `vmaf`; several videos stand in a list."""
    if len(results) == 1 and results[0].scored is not None:
        content = log_alone(results[0].scored, ffmpeg)
    else:
        content = {
            "ffmpeg": ffmpeg.version,
            "videos": [
                {"video": str(one.path), "error": one.error} if one.scored is None else log_alone(one.scored, ffmpeg)
                for one in results
            ],
        }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def log_alone(scored: ScoredVideo, ffmpeg: FFmpeg) -> dict[str, Any]:
    """One video for JSON."""
    columns, first = scored.columns(), scored.models[0].scores
    return {
        "ffmpeg": ffmpeg.version,
        "video": str(scored.path),
        "input": scored.record(),
        "note": NOTE,
        "models": {one.id: about(one) for one in scored.models},
        "frames": [
            {"frameNum": frame, "metrics": {name: float(values[frame]) for name, values in columns.items()}}
            for frame in range(len(scored))
        ],
        "pooled_metrics": {name: pool(values) for name, values in columns.items()},
        "summary": {name: asdict(figures) for name, figures in scored.summary().items()},
        "worst_frames": [
            {"frameNum": n, "time": scored.time_code(n) or None, "score": float(first[n])} for n in scored.worst(WORST)
        ],
    }


def about(model: PictureScores) -> dict[str, str]:
    """The model, for JSON."""
    return {"id": model.id, "sha256": model.sha256, "fitted_to": model.teacher}


def alone_csv(results: Sequence[ResultAlone], *, frames: bool) -> str:
    """The columns of pairs, without a reference: one line for each video and model.

    Args:
        frames: one line for each frame instead, with all its scores.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    if frames:
        scored = [one.scored for one in results if one.scored is not None]
        names = list(dict.fromkeys(name for one in scored for name in one.columns()))
        lines.writerow([*FRAME_COLUMNS, *names])
        for one in scored:
            columns = one.columns()
            for n in range(len(one)):
                lines.writerow(["", one.path, n, one.time_code(n), *(f"{columns[name][n]:.6f}" for name in names)])
        return text.getvalue()
    lines.writerow([*PAIR_COLUMNS, *ABOUT])
    for result in results:
        if result.scored is None:
            empty = [""] * (len(PAIR_COLUMNS) - 2 + len(ABOUT) - 1)
            lines.writerow(["", result.path, *empty, result.error.splitlines()[0]])
            continue
        digests, columns = {one.id: one.sha256 for one in result.scored.models}, result.scored.columns()
        for name, figures in result.scored.summary().items():
            worst = int(np.argmin(columns[name]))
            told = [worst, result.scored.time_code(worst), "", digests[name], ""]
            cells = [f"{getattr(figures, figure):.6f}" for figure in FIGURES]
            lines.writerow(["", result.path, name, figures.frames, *cells, *told])
    return text.getvalue()
