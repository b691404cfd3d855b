"""Charts of scores: what a model scores, and where it errs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import Markup

from tinyvmaf.judge.report.frames import Floats, Frames
from tinyvmaf.measure.charts import INK, SOURCES, Chart
from tinyvmaf.measure.charts.axes import (
    BOTTOM,
    ROW,
    TOP,
    VALUES,
    WIDTH,
    around,
    bound_line,
    drawn,
    interval,
    marked,
    named_rows,
    plot,
    ticks,
    value_of_row,
)
from tinyvmaf.measure.charts.words import clean, counted, finite, finite_values, line, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes  # type: ignore[import-not-found, unused-ignore]

_NAMES: Final = 108
"""Where the panel of a chart with named rows begins."""
_LETTERS_OF_A_NAME: Final = 15
_BOUND_IN_VIEW: Final = 4.0
"""A bound up to so many times the largest error is drawn; a farther one would flatten the errors to a line."""


def scatter(frames: Frames) -> Markup:
    """Score of the model over that of the teacher."""
    chart, axes = plot("teacher's score, VMAF points", "model's score, VMAF points")
    limits = around([*frames.expected, *frames.got], least=1.0, margin=0.03)
    axes.plot(limits, limits, color=INK["mute"], linewidth=1, linestyle=(0, (4, 3)))
    axes.set(xlim=limits, ylim=limits)
    _clouds(chart, axes, frames, frames.got)
    return drawn(
        chart,
        f"Score of the model over the score of the teacher, {counted(len(frames.got), 'frame')}: the farthest is "
        f"{number(frames.largest, 3)} VMAF points from the line on which both are equal",
    )


def errors(frames: Frames, bound: float | None) -> Markup:
    """Error over the teacher's score."""
    chart, axes = plot("teacher's score, VMAF points", "error, VMAF points")
    axes.set_xlim(around(frames.expected, least=1.0, margin=0.03))
    _error_axis(axes, frames.error, bound)
    _clouds(chart, axes, frames, frames.error)
    _worst_frame(chart, axes, frames)
    return drawn(
        chart,
        f"Error of the model over the score of the teacher: from {number(float(frames.error.min()), 3)} to "
        f"{number(float(frames.error.max()), 3)} VMAF points",
    )


def worst_clip(frames: Frames, bound: float | None) -> Markup:
    """The errors of each frame of the clip with the largest one."""
    name, rows, worst = frames.worst_clip()
    at, error = frames.frame[rows], frames.error[rows]
    chart, axes = plot("frame", "error, VMAF points")
    colour = SOURCES[int(frames.source[rows[worst]]) % len(SOURCES)]
    axes.plot(at, error, color=colour, linewidth=1.6)
    titles = [
        f"frame {frames.frame[row]:g}: error {number(float(frames.error[row]), 3)}, model "
        f"{number(float(frames.got[row]), 6)}, teacher {number(float(frames.expected[row]), 6)}"
        for row in rows
    ]
    marked(chart, axes, at, error, titles, worst, colour)
    axes.set_xlim(around(at, least=1.0, margin=0.02))
    ticks(axes, "x", min(5, int(np.ptp(at)) or 1))
    _error_axis(axes, error, bound)
    return drawn(
        chart,
        f"Error over the frames of clip {name}: the largest, {number(float(error[worst]), 3)} VMAF points, "
        f"is at frame {at[worst]:g}",
    )


def bars(sources: Mapping[str, Mapping[str, Any]], order: Sequence[str], bound: float | None = None) -> Markup:
    """RMSE of each source with its interval; the bound, if there is one and it is near."""
    chart = Chart(WIDTH, TOP + ROW * len(sources) + BOTTOM)
    axes = named_rows(chart, _NAMES, TOP, [line(name, _LETTERS_OF_A_NAME) for name in sources])
    for n, (name, source) in enumerate(sources.items()):
        rmse, low, high = (source.get(key) for key in ("rmse", "low", "high"))
        between = f", 95 % between {number(low)} and {number(high)}" if finite(low) and finite(high) else ""
        if finite(rmse):
            colour = SOURCES[(order.index(name) if name in order else n) % len(SOURCES)]
            (bar,) = axes.barh(n, float(rmse), height=0.64, color=colour)
            chart.title(bar, f"{clean(name)}: RMSE {number(rmse)} VMAF points{between}")
        interval(axes, n, low, high)
        value_of_row(chart, n, number(rmse, 3))
    values = finite_values(v for s in sources.values() for v in (s.get("rmse"), s.get("high"), s.get("low")))
    if bound is not None and bound_is_seen(max([*values, 1e-9]), bound):
        axes.axvline(bound, color=INK["bound"], linewidth=1.6, linestyle="--")
        values.append(bound)
        chart.write(VALUES, 13, f"bound {number(bound)}", "right", ink="bound")
    axes.set_xlim(0.0, max([*values, 1e-9]) * 1.04)
    chart.write(VALUES, chart.height - BOTTOM + 36, "RMSE, VMAF points", "right")
    return drawn(chart, f"RMSE of {counted(len(sources), 'source')} with 95 % intervals")


def bound_is_seen(largest: float, bound: float | None) -> bool:
    """Whether a chart of errors has room for the bound."""
    return bound is not None and bound <= _BOUND_IN_VIEW * largest


def _worst_frame(chart: Chart, axes: "Axes", frames: Frames) -> None:
    """A large dot for the frame of the largest error, and its name at the top."""
    worst = int(np.abs(frames.error).argmax())
    name, error = clean(frames.name(float(frames.source[worst]))), number(float(frames.error[worst]), 3)
    at, colour = (frames.expected[worst], frames.error[worst]), SOURCES[int(frames.source[worst]) % len(SOURCES)]
    (ring,) = axes.plot(*at, "o", color=INK["text"], mfc=colour, markersize=9, markeredgewidth=1.6)
    frame = f"{frames.frame[worst]:g}"
    chart.title(ring, [f"{name}, frame {frame}: {error} VMAF points"])
    chart.write(WIDTH - 4, 13, f"worst: {line(name, 14)}, frame {frame}: {error}", "right")


def _clouds(chart: Chart, axes: "Axes", frames: Frames, values: Floats) -> None:
    """A dot for each frame, in the colour of its source."""
    for index, at in frames.by_source():
        chart.cloud(axes, frames.expected[at], values[at], SOURCES[index % len(SOURCES)], clean(frames.name(index)))


def _error_axis(axes: "Axes", error: Floats, bound: float | None) -> None:
    """A y axis with 0 in its middle, and the bound on both sides where there is room for it."""
    largest = max(float(np.abs(error).max()), 1e-9)
    end = largest
    if bound is not None and bound_is_seen(largest, bound):
        end = max(largest, bound)
        bound_line(axes, bound, f"bound ±{number(bound)}")
        bound_line(axes, -bound, "")
    axes.set_ylim(around([-end, end]))
