"""What people see of a trial of the leave-one-source-out gate: a line of figures, and what the report draws."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.judge.against_baseline import compared
from tinyvmaf.judge.bounds import Bound
from tinyvmaf.judge.rows import Spot
from tinyvmaf.measure.agreement import cluster_bootstrap
from tinyvmaf.measure.loso import LosoReport, Trial, shown

WITHOUT_RECIPE: Final = (
    "leave-one-source-out: without a recipe that is here and gives this file nothing can be held out. What stands here"
    " is per-source evaluation of the file itself, which may have seen every source"
)
"""What is NOT CHECKED of a model without a recipe: nobody knows what it has seen."""


def write_report(trial: Trial, folder: Path) -> LosoReport:
    """The trial's report, also as JSON in the folder, written once.

    Raises:
        CouldNotRunError: a fold cannot be judged.
        TinyvmafError: it cannot be written.
    """
    out = folder / f"{trial.id}.json"
    if not trial.__dict__.get("report") or not out.exists():
        try:
            write_atomic(out, json.dumps(trial.report.as_dict(), indent=2) + "\n")
        except OSError as error:
            raise TinyvmafError(f"{out}: {error.strerror}", hint="--report DIR: where results go") from error
    return trial.report


def summary(report: LosoReport, reading: str, preferred: Bound) -> str:
    """One line: what a person wants to know of a subject."""
    pooled, worst = report.pooled[reading], report.worst(reading)
    plcc, srocc = report.mean(reading, "plcc"), report.mean(reading, "srocc")
    interval = report.intervals.get(reading, {}).get("rmse")
    between = f" (95 % {interval.low:.3g} to {interval.high:.3g})" if interval else ""
    liked = "" if preferred.accepts(plcc) and preferred.accepts(srocc) else f", preferred {preferred} not met"
    return (
        f"{report.subject}, {reading}s: PLCC {shown(plcc)} +- {report.std(reading, 'plcc'):.1g}, SROCC {shown(srocc)}, "
        f"KROCC {shown(report.mean(reading, 'krocc'))}, RMSE {pooled.rmse:.4g}{between}, max {pooled.max_error:.3g}, "
        f"bias {pooled.bias:+.2g}, slope {pooled.slope:.5f}, worst source {worst.held_out} "
        f"({worst.agreements[reading].rmse:.4g}){liked}"
    )


def pictures(trial: Trial, baseline: Path | None = None) -> dict[str, object]:
    """What the report draws of a model: every frame, each source with its interval, and its baseline beside it.

    Args:
        baseline: the file of `--baseline`; None for the accepted one of the same id.
    """
    report = trial.shown
    frames = report.frames
    assert frames is not None
    names, clips = (sorted(set(column.tolist())) for column in (frames.source, frames.clip))
    how = "each source scored by a fit that has not seen it"
    if trial.recipe is None:
        how = "the file itself on every source, which it may have seen: without a recipe nothing can be held out"
    elif not trial.registered and trial.recipe.sees_clips:
        how = "the file itself on every source, which it has seen; what its recipe does without is judged beside it"
    elif not trial.recipe.sees_clips:
        how = "its recipe sees no clip of any corpus, so that no source has been seen"
    finite = [value if math.isfinite(value) else None for value in frames.got.tolist()]
    each = {}
    for fold in report.folds:
        if fold.seed == report.folds[0].seed:
            found, part = fold.agreements["frame"], frames.of(fold.held_out)
            low: float | None
            high: float | None
            try:
                interval = cluster_bootstrap(part.clip.tolist(), part.expected, part.got)["rmse"]
                low, high = interval.low, interval.high
            except ValueError:  # constant scores, or too few clips
                low = high = None
            values = {name: value for name, value in found.as_dict().items() if isinstance(value, float | None)}
            each[fold.held_out] = values | {"low": low, "high": high}
    return {
        "frames": {
            "how": how,
            "teacher": trial.teacher.id,
            "sources": names,
            "clips": clips,
            "source": np.searchsorted(names, frames.source).tolist(),
            "clip": np.searchsorted(clips, frames.clip).tolist(),
            "frame": frames.frame.tolist(),
            "expected": frames.expected.tolist(),
            "got": finite,
        },
        "sources": each,
        "baseline": compared(trial, baseline),
    }


def places(reports: Mapping[str, LosoReport]) -> dict[str, Spot]:
    """The frame of the largest error of each fold, under the name of the fold."""
    found = {}
    for who, each in reports.items():
        if each.frames is None:
            continue
        for fold in each.folds:
            part = each.frames.of(fold.held_out)
            error = np.abs(part.got - part.expected)
            worst = int(np.where(np.isfinite(error), error, np.inf).argmax())
            place = Spot(source=fold.held_out, clip=str(part.clip[worst]), frame=int(part.frame[worst]))
            if fold.seed == each.folds[0].seed:  # the frames are of the first seed
                found[f"{who}, {fold.held_out}, seed {fold.seed}"] = place
    return found
