"""What the charts are made of: scales, ticks, axes, dots."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.judge.report.markup import Markup, join, tag
from tinyvmaf.judge.report.words import number

WIDTH: Final = 440
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 26, 44
"""Margins: as wide as the largest letters, those on a phone, need."""
COLOURS: Final = 12
"""How many colours of sources there are."""

_WIDER: Final = 1 << 20
"""More than any chart is high, on any grid: one number then stands for a place."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """From values to places on the paper."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The place of one value."""
        low, high, value = (math.log(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def many(self, values: Floats) -> Floats:
        """The places of values, of a scale that is not logarithmic."""
        places: Floats = self.start + (values - self.low) / (self.high - self.low) * (self.end - self.start)
        return places

    def ticks(self, about: int = 5) -> list[float]:
        """Round values inside of the scale."""
        return _decades(self.low, self.high, about) if self.logarithmic else steps(self.low, self.high, about)


def steps(low: float, high: float, about: int = 5) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten between two values, about so many."""
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float, about: int) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        ticks = [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high]
        if len(ticks) >= min(about, 3):
            return ticks
    return steps(low, high, about)


def around(values: Sequence[float], *, least: float = 0.0, margin: float = 0.06) -> tuple[float, float]:
    """The ends of a scale that shows all values, and no less than a span."""
    low, high = min(values), max(values)
    half = max((high - low) / 2 * (1 + 2 * margin), least / 2, abs(high) * 1e-9, 1e-12)
    middle = (low + high) / 2
    return middle - half, middle + half


def svg(height: float, label: str, *content: object) -> Markup:
    """A chart with what a screen reader says of it."""
    view = f"0 0 {WIDTH} {height:g}"
    return tag("svg", *content, viewBox=view, role="img", aria_label=label, class_="chart")


def axes(
    x: Scale, y: Scale, x_title: str, y_title: str, *, x_ticks: Sequence[tuple[float, str]] | None = None
) -> Markup:
    """Grid, ticks and titles; the title of y stands above it, so that nobody turns their head."""
    parts: list[object] = []
    labels = tick_words(y.ticks())
    for value, text in labels:
        at = round(y(value), 1)
        parts.append(tag("line", x1=x.start, x2=x.end, y1=at, y2=at, class_="zero" if value == 0 else "grid"))
        parts.append(label(x.start - 7, at + 4, text, "end"))
    for value, text in x_ticks if x_ticks is not None else tick_words(x.ticks()):
        at = round(x(value), 1)
        parts.append(tag("line", x1=at, x2=at, y1=y.start, y2=y.start + 4, class_="axis"))
        parts.append(label(at, y.start + 17, text, "middle"))
    parts.append(tag("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis"))
    parts.append(label(x.end, y.start + 37, x_title, "end", "title"))
    parts.append(label(4, 13, y_title, "start", "title"))
    return join(parts)


def label(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> Markup:
    """A text on a chart."""
    return tag("text", text, x=f"{x:.4g}", y=f"{y:.4g}", class_=f"{kind} {anchor}")


def tick_words(values: Sequence[float]) -> list[tuple[float, str]]:
    """Each tick with what stands at it; all with the same number of places."""
    if not values:
        return []
    if any(v != 0 and not 1e-4 <= abs(v) < 1e6 for v in values):
        return [(v, number(v, 2)) for v in values]
    places = next((p for p in range(7) if all(abs(round(v, p) - v) <= 1e-9 * max(abs(v), 1e-3) for v in values)), 7)
    return [(v, f"{round(v, places) + 0.0:,.{places}f}".replace("-", "−")) for v in values]


def dots(x: Floats, y: Floats, colour: int, title: str, *, grid: int) -> Markup:
    """Points as one path of round caps; those that would lie in the same place are drawn once.

    Args:
        x, y: places on the paper, of one length.
        grid: into how many parts each unit of the paper is divided.
    """
    whole = np.rint(np.stack([x, y]) * grid).astype(np.int64)
    ordered = np.unique(whole[0] * _WIDER + whole[1])
    moves = np.diff(np.stack([ordered // _WIDER, ordered % _WIDER], axis=1), axis=0, prepend=0)
    path = "".join(["m%d %dh0" % (a, b) for a, b in moves.tolist()])  # noqa: UP031  (twice as fast as an f-string)
    scale = f"scale({1 / grid:g})" if grid != 1 else None
    return tag("path", tag("title", title), d=path, transform=scale, class_=f"dots s{colour % COLOURS}")


def polyline(points: Sequence[tuple[float, float] | None], kind: str) -> Markup:
    """A line through points; None is a gap."""
    parts, pen = [], "M"
    for point in points:
        if point is None:
            pen = "M"
        else:
            parts.append(f"{pen}{point[0]:.1f} {point[1]:.1f}")
            pen = "L"
    return tag("path", d="".join(parts), class_=kind)


def marker(x: float, y: float, kind: str, title: str, radius: float = 3.2) -> Markup:
    """A dot that says its value."""
    return tag("circle", tag("title", title), cx=f"{x:.1f}", cy=f"{y:.1f}", r=radius, class_=kind)
