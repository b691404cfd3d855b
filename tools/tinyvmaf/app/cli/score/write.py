"""Scored pairs as JSON and as CSV."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.app.cli.score.alone_written import ABOUT, FRAME_COLUMNS, PAIR_COLUMNS, about
from tinyvmaf.app.cli.score.show import FIGURES, WORST
from tinyvmaf.data.pairs import AskedPair
from tinyvmaf.measure.scoring import ENDS, NOTE, PictureScores, ScoredPair, TinyScores, pooled
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.interval import ScoreInterval
from tinyvmaf.vmaf.pooling import pool


@dataclass(frozen=True)
class Result:
    """What became of a pair that was asked for."""

    asked: AskedPair
    pair: ScoredPair | None
    error: str = ""
    """Why it was not scored."""


def as_json(results: Sequence[Result], ffmpeg: FFmpeg) -> str:
    """The layout of libvmaf's log for one pair; for several, a list of them under `pairs`."""
    if len(results) == 1 and results[0].pair is not None:
        content = log_of(results[0].pair, ffmpeg)
    else:
        content = {"ffmpeg": ffmpeg.version, "pairs": [_entry(result, ffmpeg) for result in results]}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _entry(result: Result, ffmpeg: FFmpeg) -> dict[str, Any]:
    if result.pair is not None:
        return log_of(result.pair, ffmpeg)
    return {
        "reference": str(result.asked.reference),
        "distorted": str(result.asked.distorted),
        "error": result.error,
    }


def log_of(pair: ScoredPair, ffmpeg: FFmpeg) -> dict[str, Any]:
    """The layout of libvmaf's log; the first teacher's score is called `vmaf`, as programs expect."""
    table, teachers = pair.table, pair.teachers
    names = {teacher.id: "vmaf" if i == 0 else teacher.id for i, teacher in enumerate(teachers)}
    columns = {name: values for name, values in table.columns.items() if name not in names}
    columns |= {names[teacher_id]: values for teacher_id, values in pair.scores.items()}
    columns |= pair.interval_columns()
    shown = {name: teacher_id for teacher_id, name in names.items()}
    log: dict[str, Any] = {
        "version": table.version,
        "ffmpeg": ffmpeg.version,
        "reference": str(pair.reference),
        "distorted": str(pair.distorted),
        "inputs": None if table.inputs is None else table.inputs.record(),
        "teachers": {
            names[one.id]: {"id": one.id, "sha256": one.sha256, "features": list(one.feature_names)} for one in teachers
        },
        "frames": [
            {"frameNum": frame, "metrics": {name: _finite(values[frame]) for name, values in columns.items()}}
            for frame in range(len(table))
        ],
        "pooled_metrics": {name: _pooled(shown.get(name, name), values, pair) for name, values in columns.items()},
        "aggregate_metrics": {},
        "summary": {names.get(name, name): asdict(figures) for name, figures in pair.summary().items()},
        "worst_frames": [
            {"frameNum": n, "time": pair.time_code(n) or None, "score": float(pair.score[n])} for n in pair.worst(WORST)
        ],
    }
    if pair.decoded:
        log["no_reference"] = {"note": NOTE, "models": [_decoded(one) for one in pair.decoded]}
    return log | _tiny_models(pair)


def as_csv(results: Sequence[Result], *, frames: bool) -> str:
    """One line for each pair and metric: its figures, libvmaf's version, and the sha256 of the model that gave it.

    Args:
        frames: one line for each frame instead, with all its values.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    scored = [result.pair for result in results if result.pair is not None]
    if frames:
        names = list(dict.fromkeys(name for pair in scored for name in pair.columns()))
        lines.writerow([*FRAME_COLUMNS, *names])
        for pair in scored:
            columns = pair.columns()
            for n in range(len(pair)):
                cells = [_cell(columns[name][n]) if name in columns else "" for name in names]
                lines.writerow([pair.reference, pair.distorted, n, pair.time_code(n), *cells])
        return text.getvalue()
    lines.writerow([*PAIR_COLUMNS, *ABOUT])
    for result in results:
        if result.pair is None:
            asked = result.asked
            lines.writerow(
                [
                    asked.reference,
                    asked.distorted,
                    *[""] * (len(FIGURES) + len(ABOUT) + 1),
                    result.error.splitlines()[0],
                ]
            )
            continue
        pair = result.pair
        models = {one.id: one.sha256 for one in pair.teachers}
        models |= {one.id: one.sha256 for one in pair.models}
        for name, figures in pair.summary().items():
            cells = ["" if (value := getattr(figures, figure)) is None else _cell(value) for figure in FIGURES]
            values = pair.columns()[name]
            worst = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
            told = [worst, pair.time_code(worst), pair.table.version, models.get(name, ""), ""]
            lines.writerow([pair.reference, pair.distorted, name, figures.frames, *cells, *told])
    return text.getvalue()


def content_of(path: Path, results: Sequence[Result], ffmpeg: FFmpeg, *, frames: bool) -> str:
    """What a file with this ending, one of `FORMATS`, holds."""
    return as_json(results, ffmpeg) if path.suffix.lower() == ".json" else as_csv(results, frames=frames)


def _finite(value: float) -> float | None:
    """JSON has no infinity, and libvmaf writes null too."""
    return float(value) if math.isfinite(value) else None


def _cell(value: float) -> str:
    return f"{value:.6f}" if math.isfinite(value) else ""


def _pooled(name: str, values: NDArray[np.float64], pair: ScoredPair) -> Mapping[str, float | None]:
    known = pair.table.pooled.get(name)
    if known is None or np.isfinite(values).all():
        return {key: float(value) for key, value in pooled(name, values, pair.table).items()}  # type: ignore[arg-type]
    return {key: _finite(known[key]) for key in ("min", "max", "mean", "harmonic_mean")}


def _decoded(scored: PictureScores) -> dict[str, Any]:
    frames = [{"frameNum": frame, "score": float(score)} for frame, score in enumerate(scored.scores)]
    return about(scored) | {"frames": frames, "pooled": pool(scored.scores)}


def _tiny_models(pair: ScoredPair) -> dict[str, Any]:
    """The block of one tiny model, or a list of those of several."""
    found = [_tiny(one, pair.alike.get(one.teacher)) for one in pair.tiny]
    if len(found) == 1:
        return {"tiny_model": found[0]}
    return {"tiny_models": found} if found else {}


def _tiny(tiny: TinyScores, alike: ScoreInterval | None) -> dict[str, Any]:
    interval = {}
    if tiny.interval is not None:
        interval = dict(zip(("stddev", *ENDS), tiny.interval, strict=True))
        if alike is not None:
            interval |= {f"teacher_{end}": values for end, values in zip(ENDS, alike[1:], strict=True)}
    return {
        "id": tiny.id,
        "sha256": tiny.sha256,
        "feature_order": tiny.features,
        "frames": [
            {"frameNum": frame, "score": float(score), "outside_domain": float(away)}
            | {name: _finite(values[frame]) for name, values in interval.items()}
            for frame, (score, away) in enumerate(zip(tiny.scores, tiny.outside, strict=True))
        ],
        "outside_domain": {
            "frames": int((tiny.outside > 0.0).sum()),
            "largest_distance": float(tiny.outside.max()),
            "furthest": tiny.furthest,
        },
        "pooled": pool(tiny.scores),
    }
