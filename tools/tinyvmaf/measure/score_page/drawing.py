"""What is drawn of a block, in a page and in a file: scores over time, their histogram, quality over bitrate."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tinyvmaf.measure.charts import INK, SOURCES
from tinyvmaf.measure.charts.axes import around, ticks
from tinyvmaf.measure.charts.words import number
from tinyvmaf.measure.rate_quality import BdRateError
from tinyvmaf.measure.score_page.blocks import Block, Floats, ShownCurve, ShownEncode

if TYPE_CHECKING:
    from matplotlib.axes import Axes  # type: ignore[import-not-found, unused-ignore]

Titled = Callable[[Any, str | Sequence[str]], None]
"""Gives a mark its titles; those of a file have none."""

MINUTES_FROM: Final = 180.0
"""Seconds: a longer clip has an axis in minutes."""
_BINS: Final = 40
_STEPS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_FILLED: Final = 0.62
"""How much of its row the highest bar takes: its name is above."""
_LINES: Final[tuple[Any, ...]] = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
"""Encodes that share a colour differ in the line."""


def colour(number: int) -> str:
    """The colour of an encode or a curve."""
    return SOURCES[number % len(SOURCES)]


def cycle(number: int) -> int:
    """How often the colours came round before this number, up to the kinds of lines that there are."""
    return number // len(SOURCES) % len(_LINES)


def line(number: int) -> Any:
    """The kind of line of an encode or a curve."""
    return _LINES[cycle(number)]


def time_axis(block: Block) -> tuple[str, float]:
    """The title of the axis over time, and how many of its units a frame takes."""
    if block.fps is None:
        return "frame", 1.0
    seconds = float(1 / block.fps)
    longest = max(len(one.values) for one in block.encodes) * seconds
    return ("time, s", seconds) if longest < MINUTES_FROM else ("time, min", seconds / 60)


def over_time(axes: "Axes", block: Block, columns: int, title: Titled) -> None:
    """A line for each encode, its interval as a band, and its worst frames as dots.

    Args:
        columns: about how many points of an encode are drawn: of more, the least and the greatest of each column.
    """
    _, unit = time_axis(block)
    for one in block.encodes:
        if one.low is not None and one.high is not None:
            known = np.isfinite(one.low)
            kept = thinned(np.where(known, one.low, np.inf), np.where(known, one.high, -np.inf), columns)
            for at in np.split(kept, np.flatnonzero(np.diff(known[kept])) + 1):
                if known[at[0]]:  # a clipped frame has no interval, and no band
                    axes.fill(
                        unit * np.concatenate([at, at[::-1]]),
                        np.concatenate([one.low[at], one.high[at][::-1]]),
                        color=colour(one.colour),
                        alpha=0.2,
                        linewidth=0,
                    )
    for one in block.encodes:
        at = thinned(one.values, one.values, columns)
        style = {"color": colour(one.colour), "linestyle": line(one.colour), "linewidth": 1.4}
        axes.plot(at * unit, one.values[at], **style)  # a single frame is a worst one, and has a dot
    for one in block.encodes:
        worst = np.array(one.worst)
        (dots,) = axes.plot(
            worst * unit, one.values[worst], "o", color=colour(one.colour), markersize=7, markeredgewidth=0
        )
        title(dots, [f"{one.name}: {frame_text(one, frame)}" for frame in one.worst])
    drawn = np.concatenate([v for one in block.encodes for v in (one.values, one.low, one.high) if v is not None])
    axes.set_ylim(around(drawn[np.isfinite(drawn)], least=1.0))
    axes.set_xlim(around([0.0, max(max(len(one.values) for one in block.encodes) - 1, 1) * unit], margin=0.01))
    ticks(axes, "y", 5)


def frame_text(one: ShownEncode, frame: int) -> str:
    """A frame's number, time and score."""
    time = one.pair.time_code(frame)
    return f"frame {frame}{f', {time}' if time else ''}: {one.values[frame]:.3f}"


def thinned(low: Floats, high: Floats, columns: int) -> Any:
    """Frames to draw, rising: all, or of each of so many columns the first, the last, the lowest and the highest."""
    if len(low) <= 4 * columns:
        return np.arange(len(low))
    edges = np.linspace(0, len(low), columns + 1).astype(int)
    parts = [(a, a + int(low[a:b].argmin()), a + int(high[a:b].argmax()), b - 1) for a, b in pairwise(edges)]
    return np.unique(parts)


def histograms(axes: "Axes", block: Block, title: Titled) -> list[float]:
    """A row for each encode, from the top: the share of its frames by score, scaled to its highest bar.

    Row n is between -n and 1 - n on the y axis.

    Returns:
        The highest bar of each row, in percent of its frames.
    """
    values = [one.values for one in block.encodes]
    low, high = min(v.min() for v in values), max(v.max() for v in values)
    step = next((s for s in _STEPS if (high - low) / s <= _BINS), _STEPS[-1])
    first = np.floor(low / step)
    edges = step * np.arange(first, max(np.ceil(high / step), first + 1) + 1)
    highest = []
    for n, one in enumerate(block.encodes):
        shares = 100.0 * np.histogram(one.values, edges)[0] / len(one.values)
        most = int(shares.argmax())
        highest.append(float(shares[most]))
        heights = _FILLED * shares / shares[most]
        bars = axes.stairs(heights - n, edges, baseline=-n, fill=True, color=colour(one.colour))
        there = f"{edges[most]:g} to {edges[most + 1]:g}"
        title(bars, f"{one.name}: {number(highest[-1], 3)} % of its frames score {there}, more than in any other bar")
        axes.axhline(-n, color=INK["mute"], linewidth=0.6)
    axes.set_xlim(around(edges, margin=0.01))
    axes.set_ylim(1 - len(values), 1)
    axes.set_yticks([])
    ticks(axes, "x", 6)
    return highest


def over_bitrate(axes: "Axes", curves: Sequence[ShownCurve], title: Titled) -> None:
    """A line for each curve, and a dot for each encode: mean score over bitrate, on a logarithmic axis."""
    rates = [(one.pair.bitrate or 0.0) / 1000 for curve in curves for one in curve.encodes]
    axes.set_xscale("log")
    room = max(max(rates) / min(rates), 1.5) ** 0.06
    axes.set_xlim(min(rates) / room, max(rates) * room)
    for curve in curves:
        style = {"color": colour(curve.colour), "linestyle": line(curve.colour), "linewidth": 1.6}
        axes.plot(*_path(curve), **style)
        x = [(one.pair.bitrate or 0.0) / 1000 for one in curve.encodes]
        (dots,) = axes.plot(
            x, [one.mean for one in curve.encodes], "o", color=style["color"], markersize=6, markeredgewidth=0
        )
        texts = zip(curve.encodes, x, strict=True)
        title(dots, [f"{one.name}: {number(kbits, 4)} kbit/s, mean {one.mean:.3f}" for one, kbits in texts])
    axes.set_ylim(around([one.mean for curve in curves for one in curve.encodes], least=1.0))
    ticks(axes, "x", 5, logarithmic=True)


def _path(curve: ShownCurve) -> tuple[Floats, Floats]:
    """The function that BD-rate integrates; straight lines where there is none. Bitrates in kbit/s."""
    from scipy.interpolate import PchipInterpolator

    rung = curve.rate_curve()
    try:
        rung.require_rising()
    except BdRateError:
        return rung.bitrates / 1000, rung.qualities
    qualities = np.linspace(rung.qualities[0], rung.qualities[-1], 60)
    return np.exp(PchipInterpolator(rung.qualities, np.log(rung.bitrates))(qualities)) / 1000, qualities
