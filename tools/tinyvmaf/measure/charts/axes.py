"""What the charts of pages share: sizes, axes, marks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from tinyvmaf.measure.charts import FONT_SIZE, INK, Chart, matplotlib
from tinyvmaf.measure.charts.words import clean, finite, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes  # type: ignore[import-not-found, unused-ignore]

WIDTH: Final = 440
LEFT, RIGHT, TOP, BOTTOM = 58, WIDTH - 14, 26, 44
"""Edges of a panel that leave room for the largest letters, those on a phone."""
VALUES: Final = WIDTH - 58
"""Where the panel of a chart with rows ends, and the values of its rows begin."""
ROW: Final = 22
_HEIGHT: Final = 280
_GRID: Final[dict[str, Any]] = {"visible": True, "color": INK["grid"], "linewidth": 1.0}

Floats = NDArray[np.float64]


def plot(x_title: str, y_title: str, width: float = WIDTH, height: float = _HEIGHT) -> tuple[Chart, "Axes"]:
    """A chart whose y title is above the axis, where it is read without turning."""
    chart = Chart(width, height)
    right, bottom = width - (WIDTH - RIGHT), height - BOTTOM
    axes = chart.panel(LEFT, TOP, right, bottom)
    axes.spines["bottom"].set(visible=True, color=INK["mute"], linewidth=1)
    ticks(axes, "x", 5)
    ticks(axes, "y", 5)
    axes.grid(**_GRID, axis="y")
    chart.write(right, bottom + 37, x_title, "right")
    chart.write(4, 13, y_title)
    return chart, axes


def named_rows(chart: Chart, left: float, top: float, names: Sequence[str]) -> "Axes":
    """A panel with a row for each name, from the top."""
    axes = chart.panel(left, top, VALUES, top + ROW * len(names))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    ticks(axes, "x", 4)
    axes.grid(**_GRID, axis="x")
    return axes


def marked(
    chart: Chart, axes: "Axes", x: Floats, y: Floats, titles: Sequence[str], large: int | None, colour: str
) -> None:
    """A dot with a title for each value; one of them large."""
    small = [n for n in range(len(titles)) if n != large]
    for places, size in ((small, 5), ([] if large is None else [large], 9)):
        if places:
            (dots,) = axes.plot(x[places], y[places], "o", color=colour, markersize=size, markeredgewidth=0)
            chart.title(dots, [titles[n] for n in places])


def interval(axes: "Axes", row: int, low: Any, high: Any) -> bool:
    """A line between the ends of an interval, if both are known and can be drawn."""
    if not finite(low) or not finite(high) or (axes.get_xscale() == "log" and low <= 0):
        return False
    axes.plot([low, high], [row, row], color=INK["text"], linewidth=1.3)
    return True


def bound_line(axes: "Axes", value: float, text: str) -> None:
    """A line across a chart, with its name above its right end."""
    axes.axhline(value, color=INK["bound"], linewidth=1.6, linestyle="--")
    place: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "ha": "right"}
    axes.annotate(text, (1, value), xytext=(0, 4), color=INK["bound"], size=FONT_SIZE, **place)


def value_of_row(chart: Chart, row: int, text: str, top: float = 0.0) -> None:
    """A number at the right of a row."""
    chart.write(WIDTH - 4, top + TOP + ROW * (row + 0.5) + 4, text, "right")


def around(values: Any, *, least: float = 0.0, margin: float = 0.06) -> tuple[float, float]:
    """The ends of an axis that shows all values, and no less than a span."""
    low, high = float(np.min(values)), float(np.max(values))
    half = max((high - low) / 2 * (1 + 2 * margin), least / 2, abs(high) * 1e-9, 1e-12)
    return (low + high) / 2 - half, (low + high) / 2 + half


def drawn(chart: Chart, label: str) -> Markup:
    """The finished chart, and what a screen reader says."""
    return Markup(chart.svg(clean(label)))


def ticks(axes: "Axes", which: str, about: int, *, logarithmic: bool = False) -> None:
    """About so many round numbers on an axis."""
    module = matplotlib("ticker")
    axis = axes.xaxis if which == "x" else axes.yaxis
    if logarithmic:
        low, high = axis.get_view_interval()
        axis.set_major_locator(module.LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
        axis.set_minor_locator(module.NullLocator())
    else:
        axis.set_major_locator(module.MaxNLocator(nbins=about, steps=(1, 2, 2.5, 5, 10)))
    axis.set_major_formatter(module.FuncFormatter(_tick))


def _tick(value: float, _: object) -> str:
    return f"{value:,.6g}".replace("-", "−") if abs(value) >= 1e-4 or abs(value) < 1e-15 else number(value, 2)
