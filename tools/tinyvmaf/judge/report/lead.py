"""The picture of a model that explains its verdict, and the words over it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from tinyvmaf.judge.answer import of_the_bound
from tinyvmaf.judge.report import charts
from tinyvmaf.judge.report.frames import Frames
from tinyvmaf.judge.report.pictures import Picture, errors_of
from tinyvmaf.judge.report.ulp import UlpTable
from tinyvmaf.measure.charts.words import finite, finite_values, line, number

_ACCURACY: Final = ("loso", "sidecar", "external", "golden", "latency.output")
_ONE_SOURCE: Final = 3.0
"""A source whose RMSE is so many times the median of the others' is missed alone."""
_ALL_MOVED: Final = 0.8
"""The share of the RMSE from which on the bias explains it."""
_NAME: Final = 60
Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Lead:
    """What a reader sees first of a model."""

    title: str
    picture: Picture | None
    """None where it is the table of distances between engines."""
    beside: Picture | None
    """How much of each bound the model uses or, if that is the picture, its errors; None if there is nothing."""


def lead(outcomes: Entries, frames: Frames | None, seen: Mapping[str, Any], ulp: UlpTable | None) -> Lead:
    """The picture that explains the verdict on a model.

    Args:
        outcomes: of the model.
        seen: its evidence.
    """
    drawn, found = charts.margins(outcomes), charts.nearest(outcomes)
    within = "The part of each bound that the worst value uses, the nearest first."
    bounds = Picture("Each bound", within, drawn) if drawn is not None else None
    failed = [one for one in outcomes if one["status"] == "fail"]
    if frames is not None and any(one["gate"].startswith(_ACCURACY) for one in failed):
        return _of_scores(frames, outcomes, seen.get("sources") or {}, bounds)
    if ulp is not None and any(one["suite"] == "backends" for one in failed):
        worst = max((v for batches in seen["ulp"].values() for v in finite_values(batches.values())), default=None)
        return Lead(f"Engines disagree by up to {number(worst)} ULP", None, bounds)
    if any(one["suite"] == "latency" for one in failed) and (times := charts.latency(seen.get("latency") or {})):
        return Lead("It is too slow", Picture("Latency ratios", "With 99 % intervals.", times), bounds)
    if failed:
        return Lead("What is outside of its bound", bounds, None)
    if not found:
        return Lead("", None, None)
    nearest = found[0]
    used = number(100 * of_the_bound(nearest), 3)
    title = f"The nearest to its bound is {nearest['gate']}, at {used} % of it"
    return Lead(title, bounds, None if frames is None else errors_of(frames, outcomes))


def _of_scores(
    frames: Frames, outcomes: Entries, sources: Mapping[str, Mapping[str, Any]], bounds: Picture | None
) -> Lead:
    rmse = {name: float(row["rmse"]) for name, row in sources.items() if finite(row.get("rmse"))}
    worst = max(rmse, key=lambda name: rmse[name], default=None)
    others = [value for name, value in rmse.items() if name != worst]
    if worst is not None and len(others) > 1 and rmse[worst] > _ONE_SOURCE * max(float(np.median(others)), 1e-9):
        rest = f"of the others at most {number(max(others), 3)}"
        title = f"Source {line(worst, _NAME)} is missed: RMSE {number(rmse[worst], 3)}, {rest}"
        chart = charts.bars(sources, frames.sources, _bound(outcomes, "loso.rmse"))
        return Lead(title, Picture("RMSE by source", "With 95 % intervals, where they were computed.", chart), bounds)
    bias, error = float(frames.error.mean()), float((frames.error**2).mean() ** 0.5)
    picture = errors_of(frames, outcomes)
    if abs(bias) > _ALL_MOVED * error:
        side = "high" if bias > 0 else "low"
        return Lead(f"Scores are too {side} everywhere, by {number(abs(bias), 3)} points on average", picture, bounds)
    return Lead(f"The worst frame of the corpus is {number(frames.largest, 3)} points off", picture, bounds)


def _bound(outcomes: Entries, gate: str) -> float | None:
    return min((float(one["value"]) for one in outcomes if one["gate"] == gate and finite(one["value"])), default=None)
