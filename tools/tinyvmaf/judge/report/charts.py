"""The pictures of a model: what it scores, where it errs, how long it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.judge.report.axes import (
    BOTTOM,
    COLOURS,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Floats,
    Scale,
    around,
    axes,
    dots,
    label,
    marker,
    polyline,
    svg,
    tick_words,
)
from tinyvmaf.judge.report.markup import Markup, join, tag
from tinyvmaf.judge.report.words import counted, finite, finite_values, line, number

RATIOS: Final[Mapping[str, str]] = {
    "floor": "times an Identity graph",
    "teacher": "times the teacher's SVR",
    "baseline": "times the stored baseline",
}
"""What a latency is held against, in words."""

_HEIGHT: Final = 280
_ROW: Final = 22
_UNTITLED: Final = 30
_NAMES: Final = 108
_LETTERS_OF_A_NAME: Final = 15
_VALUES: Final = 58
_BOUND_IN_VIEW: Final = 4.0
"""A bound up to so many times the largest error is drawn; a farther one would make a flat line of the errors."""


@dataclass(frozen=True)
class Frames:
    """Rows of a model that have a score on both sides."""

    sources: list[str]
    clips: list[str]
    source: Floats
    clip: Floats
    frame: Floats
    expected: Floats
    got: Floats
    lost: int
    """Rows without a finite score, which no picture shows."""

    @classmethod
    def of(cls, frames: Mapping[str, Any] | None) -> "Frames | None":
        """Rows of the evidence; None if there are none to draw."""
        if not frames or not frames["expected"]:
            return None
        names = ("source", "clip", "frame", "expected", "got")
        columns = [np.array([np.nan if v is None else v for v in frames[name]], dtype=np.float64) for name in names]
        whole = np.isfinite(columns[3]) & np.isfinite(columns[4])
        if not whole.any():
            return None
        source, clip, frame, expected, got = (column[whole] for column in columns)
        lost = int((~whole).sum())
        return cls(list(frames["sources"]), list(frames["clips"]), source, clip, frame, expected, got, lost)

    @property
    def error(self) -> Floats:
        """Got less expected, in VMAF points."""
        difference: Floats = self.got - self.expected
        return difference

    def name(self, index: float) -> str:
        """A source by its number."""
        return self.sources[int(index)] if 0 <= index < len(self.sources) else f"source {index:g}"

    def clip_name(self, index: float) -> str:
        """A clip by its number."""
        return self.clips[int(index)] if 0 <= index < len(self.clips) else f"clip {index:g}"

    def by_source(self) -> list[tuple[int, NDArray[np.intp]]]:
        """Each source with the places of its rows."""
        return [(int(index), np.flatnonzero(self.source == index)) for index in np.unique(self.source)]


def scatter(frames: Frames, grid: int) -> Markup:
    """Score of the model over that of the teacher."""
    low, high = around([*_ends(frames.expected), *_ends(frames.got)], least=1.0, margin=0.03)
    x = Scale(low, high, LEFT, WIDTH - RIGHT)
    y = Scale(low, high, _HEIGHT - BOTTOM, TOP)
    clouds = [
        dots(x.many(frames.expected[at]), y.many(frames.got[at]), index, frames.name(index), grid=grid)
        for index, at in frames.by_source()
    ]
    equal = polyline([(x(low), y(low)), (x(high), y(high))], "same")
    said = (
        f"Score of the model over the score of the teacher, {counted(len(frames.got), 'frame')}: the farthest is "
        f"{number(_largest(frames.error), 3)} VMAF points from the line on which both are equal"
    )
    return svg(_HEIGHT, said, axes(x, y, "teacher's score, VMAF points", "model's score, VMAF points"), equal, *clouds)


def errors(frames: Frames, bound: float | None, grid: int) -> Markup:
    """Error over the teacher's score."""
    x = Scale(*around(_ends(frames.expected), least=1.0, margin=0.03), LEFT, WIDTH - RIGHT)
    y, lines = _error_scale(frames.error, bound, x)
    clouds = [
        dots(x.many(frames.expected[at]), y.many(frames.error[at]), index, frames.name(index), grid=grid)
        for index, at in frames.by_source()
    ]
    said = (
        f"Error of the model over the score of the teacher: from {number(float(frames.error.min()), 3)} to "
        f"{number(float(frames.error.max()), 3)} VMAF points"
    )
    return svg(_HEIGHT, said, axes(x, y, "teacher's score, VMAF points", "error, VMAF points"), *clouds, lines)


def worst_clip(frames: Frames, bound: float | None) -> tuple[str, Markup]:
    """The name of the clip with the largest error of a frame, and its errors over its frames."""
    worst = int(np.abs(frames.error).argmax())
    rows = np.flatnonzero(frames.clip == frames.clip[worst])
    rows = rows[np.argsort(frames.frame[rows], kind="stable")]
    at, error = frames.frame[rows], frames.error[rows]
    x = Scale(*around(_ends(at), least=1.0, margin=0.02), LEFT, WIDTH - RIGHT)
    y, lines = _error_scale(error, bound, x)
    colour = f"s{int(frames.source[worst]) % COLOURS}"
    points = [(x(a), y(b)) for a, b in zip(at.tolist(), error.tolist(), strict=True)]
    marks = [
        marker(
            *point,
            f"{colour} {'far' if row == worst else 'near'}",
            _of_frame(frames, row),
            4.6 if row == worst else 2.6,
        )
        for point, row in zip(points, rows.tolist(), strict=True)
    ]
    name = f"{frames.clip_name(frames.clip[worst])}, source {frames.name(frames.source[worst])}"
    said = (
        f"Error over the frames of clip {name}: the largest, {number(float(frames.error[worst]), 3)} VMAF points, "
        f"is at frame {frames.frame[worst]:g}"
    )
    whole = [(tick, f"{tick:g}") for tick in x.ticks() if tick == int(tick)]
    drawn = axes(x, y, "frame", "error, VMAF points", x_ticks=whole)
    return name, svg(_HEIGHT, said, drawn, polyline(points, f"line {colour}"), *marks, lines)


def bound_is_seen(largest: float, bound: float | None) -> bool:
    """Whether a picture of errors has room for the bound."""
    return bound is not None and bound <= _BOUND_IN_VIEW * largest


def bars(sources: Mapping[str, Mapping[str, Any]], order: Sequence[str]) -> Markup:
    """RMSE of each source with its interval."""
    values = [v for s in sources.values() for v in finite_values((s.get("rmse"), s.get("high"), s.get("low")))]
    height = TOP + _ROW * len(sources) + BOTTOM
    x = Scale(0.0, max([*values, 1e-9]) * 1.04, _NAMES, WIDTH - _VALUES)
    parts: list[object] = _columns(x, height - BOTTOM, "RMSE, VMAF points")
    for n, (name, source) in enumerate(sources.items()):
        middle = TOP + _ROW * (n + 0.5)
        colour = order.index(name) if name in order else n
        rmse, low, high = (source.get(key) for key in ("rmse", "low", "high"))
        spread = (float(low), float(high)) if finite(low) and finite(high) else None
        between = f", 95 % between {number(low)} and {number(high)}" if spread else ""
        said = f"{name}: RMSE {number(rmse)} VMAF points{between}"
        parts.append(tag("g", tag("title", name), label(_NAMES - 8, middle + 4, line(name, _LETTERS_OF_A_NAME), "end")))
        if finite(rmse):
            parts.append(_bar(x, middle, float(rmse), colour, said))
        if spread:
            parts.append(_whisker(x, middle, *spread))
        parts.append(label(WIDTH - 4, middle + 4, number(rmse, 3), "end", "value"))
    return svg(height, f"RMSE of {counted(len(sources), 'source')} with 95 % intervals", *parts)


def latency(batches: Mapping[str, Mapping[str, Any]]) -> Markup | None:
    """Ratios of times, a panel for each thing that a time is held against, a row for each batch."""
    panels, top = [], 0.0
    for kind, words in RATIOS.items():
        rows = [(size, (batch.get("ratios") or {}).get(kind) or {}) for size, batch in batches.items()]
        rows = [(size, ratio) for size, ratio in rows if finite(ratio.get("value")) and ratio["value"] > 0]
        if rows:
            panels.append(tag("g", _panel(words, rows), transform=f"translate(0 {top:g})"))
            top += TOP + _ROW * len(rows) + _UNTITLED + 6
    return (
        svg(top, f"Time of a call as a multiple, for {counted(len(batches), 'size')} of a batch", *panels)
        if panels
        else None
    )


def history(runs: Sequence[Mapping[str, Any]], bounds: Mapping[str, float | None]) -> Markup | None:
    """The same ratios over the runs before, a panel for each that was measured."""
    panels, top, high = [], 0.0, 92.0
    x = Scale(*around([0, max(len(runs) - 1, 1)], margin=0.02), LEFT, WIDTH - RIGHT)
    for kind, words in RATIOS.items():
        values = [run.get(kind) for run in runs]
        known = finite_values(values)
        if not known:
            continue
        bound = bounds.get(kind)
        seen = bound if bound is not None and bound <= 2 * max(known) else None
        ends = [*known, *([seen] if seen is not None else [])]
        y = Scale(*around(ends, least=0.06 * abs(float(np.median(known)))), TOP + high, TOP)
        places = [(x(n), y(v)) if finite(v) else None for n, v in enumerate(values)]
        parts: list[object] = [label(4, 13, words, "start", "title")]
        for value, text in tick_words(y.ticks(3)):
            parts.append(tag("line", x1=x.start, x2=x.end, y1=f"{y(value):.1f}", y2=f"{y(value):.1f}", class_="grid"))
            parts.append(label(x.start - 7, y(value) + 4, text, "end"))
        parts += [polyline(places, "line"), *_run_marks(runs, values, places)]
        if seen is not None:
            parts.append(_bound_line(x, y(seen), f"bound {number(seen)}"))
        panels.append(tag("g", *parts, transform=f"translate(0 {top:g})"))
        top += TOP + high + 18
    if not panels:
        return None
    ends_of_time = [label(LEFT, top + 4, str(runs[0].get("at") or "")[:10], "start")]
    if len(runs) > 1:
        ends_of_time.append(label(WIDTH - RIGHT, top + 4, str(runs[-1].get("at") or "")[:10], "end"))
    return svg(top + 12, f"Ratios of times over {counted(len(runs), 'run')}, the newest last", *panels, *ends_of_time)


def _run_marks(runs: Sequence[Mapping[str, Any]], values: Sequence[Any], places: Sequence[Any]) -> list[Markup]:
    marks = []
    for n, (run, value, place) in enumerate(zip(runs, values, places, strict=True)):
        if place is not None:
            last = n == len(runs) - 1
            when, commit = run.get("at") or "at an unknown time", str(run.get("commit") or "unknown")[:12]
            said = f"{number(value)}, {when}, commit {commit}"
            marks.append(marker(place[0], place[1], "far" if last else "near", said, 4.0 if last else 2.2))
    return marks


def _panel(words: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Markup:
    ends = [v for _, r in rows for v in finite_values(r.get(k) for k in ("value", "low", "high", "bound")) if v > 0]
    least, most = min(ends), max(ends)
    room = max(most / least, 1.08) ** 0.06
    x = Scale(least / room, most * room, 92.0, WIDTH - _VALUES, logarithmic=most / least > 4)
    bottom = TOP + _ROW * len(rows)
    parts: list[object] = [label(4, 13, words, "start", "title"), *_columns(x, bottom, "")]
    for n, (size, ratio) in enumerate(rows):
        middle = TOP + _ROW * (n + 0.5)
        value, low, high, bound = (ratio.get(key) for key in ("value", "low", "high", "bound"))
        verdict = ratio.get("verdict")
        kind = verdict if verdict in ("pass", "regressed", "unresolved") else "known"
        spread = (float(low), float(high)) if finite(low) and finite(high) else None
        between = f" [{number(low)}, {number(high)}]" if spread else ""
        held = f", bound {number(bound)}" if finite(bound) else ", no bound"
        said = f"batch {size}: {number(value)}{between} {words}{held}{f', {verdict}' if verdict else ''}"
        parts.append(label(84, middle + 4, f"batch {line(size, 7)}", "end"))
        if spread and spread[0] > 0:
            parts.append(_whisker(x, middle, *spread))
        if finite(bound) and bound > 0:
            at = f"{x(bound):.1f}"
            mark = tag(
                "line",
                tag("title", f"bound {number(bound)}"),
                x1=at,
                x2=at,
                y1=middle - 9,
                y2=middle + 9,
                class_="bound",
            )
            parts.append(mark)
        parts.append(marker(x(value or 1.0), middle, f"ratio {kind}", said, 4.2))
        parts.append(label(WIDTH - 4, middle + 4, number(value), "end", "value"))
    return join(parts)


def _columns(x: Scale, bottom: float, title: str) -> list[object]:
    """The grid of a chart with rows, and its ticks below."""
    parts: list[object] = []
    for value, text in tick_words(x.ticks(4)):
        at = f"{x(value):.1f}"
        parts.append(tag("line", x1=at, x2=at, y1=TOP - 4, y2=bottom, class_="grid"))
        parts.append(label(x(value), bottom + 17, text, "middle"))
    if title:
        parts.append(label(x.end, bottom + 36, title, "end", "title"))
    return parts


def _bar(x: Scale, middle: float, value: float, colour: int, said: str) -> Markup:
    return tag(
        "rect",
        tag("title", said),
        x=x.start,
        y=middle - 7,
        width=f"{max(x(value) - x.start, 0.5):.1f}",
        height=14,
        class_=f"bar s{colour % COLOURS}",
    )


def _whisker(x: Scale, middle: float, low: float, high: float) -> Markup:
    a, b = round(x(low), 1), round(x(high), 1)
    return tag("path", d=f"M{a} {middle - 4}v8M{a} {middle}H{b}M{b} {middle - 4}v8", class_="whisker")


def _error_scale(error: Floats, bound: float | None, x: Scale) -> tuple[Scale, Markup]:
    """The scale of errors, and lines at the bound where there is room for it."""
    largest = max(_largest(error), 1e-9)
    ends = [-largest, largest]
    seen = bound_is_seen(largest, bound)
    if seen and bound is not None:
        ends = [min(-largest, -bound), max(largest, bound)]
    y = Scale(*around(ends), _HEIGHT - BOTTOM, TOP)
    if not seen or bound is None:
        return y, join([])
    return y, join([_bound_line(x, y(bound), f"bound ±{number(bound)}"), _bound_line(x, y(-bound), "")])


def _bound_line(x: Scale, at: float, text: str) -> Markup:
    drawn = tag("line", x1=x.start, x2=x.end, y1=f"{at:.1f}", y2=f"{at:.1f}", class_="bound")
    return join([drawn, label(x.end, at - 4, text, "end", "bounded") if text else None])


def _of_frame(frames: Frames, row: int) -> str:
    return (
        f"frame {frames.frame[row]:g}: error {number(float(frames.error[row]), 3)}, model "
        f"{number(float(frames.got[row]), 6)}, teacher {number(float(frames.expected[row]), 6)}"
    )


def _ends(values: Floats) -> list[float]:
    return [float(values.min()), float(values.max())]


def _largest(values: Floats) -> float:
    return float(np.abs(values).max())
