"""Charts with their titles and explanations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup

from tinyvmaf.judge.report import charts
from tinyvmaf.judge.report.frames import Frames
from tinyvmaf.measure.charts.words import finite, line, number

_FRAME_GATES: Final = ("loso.frame_max_error", "sidecar.frame_max_error")
"""What bounds the error of a frame: the suite, and the model's sidecar."""


@dataclass(frozen=True)
class Picture:
    """A chart, its title and what it shows; without a chart, what was not measured."""

    title: str
    about: str
    chart: Markup | None


@dataclass(frozen=True)
class Speed:
    """How long the model takes."""

    text: str
    figures: list[Picture]
    ratios: bool
    """Whether ratios are drawn, so that their signs are explained."""


def of_scores(frames: Frames, outcomes: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """Scores, errors and the worst clip, with the tightest bound on the error of a frame."""
    bound, _ = frame_bound(outcomes)
    scatter, worst = charts.scatter(frames), charts.worst_clip(frames, bound)
    return [
        Picture("Score against teacher", "A dot is a frame. On the line, both scores are equal.", scatter),
        errors_of(frames, outcomes),
        Picture("The worst clip", f"{line(frames.worst_clip()[0], 120)}, frame by frame.", worst),
    ]


def errors_of(frames: Frames, outcomes: Sequence[Mapping[str, Any]]) -> Picture:
    """Errors over the score, with the worst frame."""
    bound, gate = frame_bound(outcomes)
    if bound is None:
        held = "No bound was asked for in this run."
    elif charts.bound_is_seen(frames.largest, bound):
        held = f"The bound is ±{number(bound)}, by {gate}."
    else:
        times = number(bound / max(frames.largest, 1e-12), 2)
        held = f"The bound, ±{number(bound)} by {gate}, is outside of this chart: {times} times the largest error."
    return Picture("Error over score", f"{held} The large dot is the worst frame.", charts.errors(frames, bound))


def frame_bound(outcomes: Sequence[Mapping[str, Any]]) -> tuple[float | None, str]:
    """The tightest bound on the error of a frame that the model was held to, and its gate."""
    held = [
        (float(o["value"]), o["gate"])
        for o in outcomes
        if o["gate"].split(" ")[0] in _FRAME_GATES and finite(o["value"])
    ]
    return min(held, default=(None, ""))


def speed(seen: Mapping[str, Any]) -> Speed | None:
    """Latency now and in the runs before; None if it was not measured."""
    batches, runs = dict(sorted((seen.get("latency") or {}).items(), key=_size)), seen.get("history") or []
    if not batches and not runs and not finite(seen.get("whole_path")):
        return None
    times = [
        f"{number(b['ns_a_row'])} ns in a batch of {size}" for size, b in batches.items() if finite(b.get("ns_a_row"))
    ]
    text = f"A row takes {', '.join(times)}. " if times else ""
    if finite(seen.get("whole_path")):
        text += f"From two files to scores takes {number(seen['whole_path'])} times what libvmaf alone takes."
    now, before = charts.latency(batches), charts.history(runs, _ratio_bounds(batches))
    about = "The newest last, and larger, with 99 % intervals. Batch 1; the teacher's with the largest batch."
    return Speed(
        text.strip(),
        [
            Picture("Latency ratios" if now else "Ratios of times", "With 99 % intervals.", now),
            Picture("Over the runs before" if before else "Runs before", about, before),
        ],
        ratios=now is not None,
    )


def _size(batch: tuple[str, Any]) -> float:
    return float(batch[0]) if batch[0].isdecimal() else float("inf")


def _ratio_bounds(batches: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """The bound of each line of the history: that of batch 1, for the teacher that of the largest batch."""
    found: dict[str, float | None] = {}
    for to in charts.RATIOS:
        ratios = [(size, ((batch.get("ratios") or {}).get(to) or {}).get("bound")) for size, batch in batches.items()]
        chosen = ratios[-1:] if to == "teacher" else [r for r in ratios if r[0] == "1"]
        found[to] = float(chosen[0][1]) if chosen and finite(chosen[0][1]) else None
    return found
