"""Charts of times: how long a model takes, now and over the runs before."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from markupsafe import Markup

from tinyvmaf.measure.charts import INK, SOURCES, Chart
from tinyvmaf.measure.charts.axes import (
    LEFT,
    RIGHT,
    ROW,
    TOP,
    WIDTH,
    around,
    bound_line,
    drawn,
    interval,
    marked,
    named_rows,
    ticks,
    value_of_row,
)
from tinyvmaf.measure.charts.words import clean, counted, finite, finite_values, line, number

RATIOS: Final[Mapping[str, str]] = {
    "floor": "times an Identity graph",
    "teacher": "times the teacher's SVR",
    "baseline": "times the stored baseline",
}
"""What each ratio of times is over, in words."""

_INKS: Final = {"pass": "pass", "regressed": "fail", "unresolved": "unsure"}
_BATCHES: Final = 92
"""Where the panel of a chart with a row for each batch begins."""
_LINEAR_UP_TO: Final = 4.0
"""The axis is logarithmic where the largest ratio is more than so many times the least."""
_BETWEEN: Final = 36
_RUNS: Final = 92
"""Height of a panel of the history."""


def latency(batches: Mapping[str, Mapping[str, Any]]) -> Markup | None:
    """Ratios of times: a panel for each thing that a time is held against, a row for each batch."""
    panels = {}
    for kind in RATIOS:
        rows = {size: (batch.get("ratios") or {}).get(kind) or {} for size, batch in batches.items()}
        rows = {size: ratio for size, ratio in rows.items() if finite(ratio.get("value")) and ratio["value"] > 0}
        if rows:
            panels[kind] = rows
    if not panels:
        return None
    top = 0.0
    chart = Chart(WIDTH, sum(TOP + ROW * len(rows) + _BETWEEN for rows in panels.values()))
    for kind, rows in panels.items():
        _ratios(chart, top, RATIOS[kind], rows)
        top += TOP + ROW * len(rows) + _BETWEEN
    return drawn(chart, f"Time of a call as a multiple, for {counted(len(batches), 'size')} of a batch")


def history(runs: Sequence[Mapping[str, Any]], bounds: Mapping[str, float | None]) -> Markup | None:
    """The same ratios over the runs before, a panel for each that was measured."""
    kinds = [kind for kind in RATIOS if finite_values(run.get(kind) for run in runs)]
    if not kinds:
        return None
    step = TOP + _RUNS + 18
    chart = Chart(WIDTH, step * len(kinds) + 12)
    for n, kind in enumerate(kinds):
        _history(chart, step * n, kind, runs, bounds.get(kind))
    chart.write(LEFT, chart.height - 8, clean(runs[0].get("at") or "")[:10], ink="mute")
    if len(runs) > 1:
        chart.write(RIGHT, chart.height - 8, clean(runs[-1].get("at") or "")[:10], "right", ink="mute")
    return drawn(chart, f"Ratios of times over {counted(len(runs), 'run')}, the newest last")


def _ratios(chart: Chart, top: float, words: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    axes = named_rows(chart, _BATCHES, top + TOP, [f"batch {line(size, 7)}" for size in rows])
    chart.write(4, top + 13, words)
    ends = [v for r in rows.values() for v in finite_values(r.get(k) for k in ("value", "low", "high", "bound"))]
    least, most = min(v for v in ends if v > 0), max(ends)
    room = max(most / least, 1.08) ** 0.06
    axes.set_xscale("log" if most / least > _LINEAR_UP_TO else "linear")
    axes.set_xlim(least / room, most * room)
    ticks(axes, "x", 4, logarithmic=most / least > _LINEAR_UP_TO)
    for n, (size, ratio) in enumerate(rows.items()):
        value, low, high, bound = (ratio.get(key) for key in ("value", "low", "high", "bound"))
        verdict = ratio.get("verdict")
        between = f" [{number(low)}, {number(high)}]" if interval(axes, n, low, high) else ""
        if finite(bound) and bound > 0:
            (mark,) = axes.plot([bound, bound], [n - 0.4, n + 0.4], color=INK["bound"], linewidth=1.6, linestyle="--")
            chart.title(mark, f"bound {number(bound)}")
        colour = INK[_INKS[verdict]] if verdict in _INKS else SOURCES[0]
        face = colour if verdict in ("pass", "regressed") else INK["surface"]
        (dot,) = axes.plot(float(value or 1), n, "o", color=colour, mfc=face, markersize=7, markeredgewidth=2)
        held = f", bound {number(bound)}" if finite(bound) else ", no bound"
        ruling = f", {clean(verdict)}" if verdict else ""
        chart.title(dot, [f"batch {clean(size)}: {number(value)}{between} {words}{held}{ruling}"])
        value_of_row(chart, n, number(value), top)


def _history(chart: Chart, top: float, kind: str, runs: Sequence[Mapping[str, Any]], bound: float | None) -> None:
    axes = chart.panel(LEFT, top + TOP, RIGHT, top + TOP + _RUNS)
    chart.write(4, top + 13, RATIOS[kind])
    values = np.array([float(v) if finite(v := run.get(kind)) else np.nan for run in runs])
    between = [_between(run, kind) for run in runs]
    axes.plot(values, color=SOURCES[0], linewidth=1.6)
    for n, ends_of_run in enumerate(between):
        if ends_of_run:
            axes.plot([n, n], ends_of_run, color=INK["mute"], linewidth=1.3)
    known = np.flatnonzero(np.isfinite(values)).tolist()
    titles = [
        f"{number(values[n])}{_words(between[n])}, {clean(runs[n].get('at') or 'at an unknown time')}, commit "
        f"{clean(runs[n].get('commit') or 'unknown')[:12]}"
        for n in known
    ]
    last = len(known) - 1 if known[-1] == len(runs) - 1 else None
    marked(chart, axes, np.array(known), values[known], titles, last, SOURCES[0])
    ends = [*values[known], *(end for pair in between for end in pair)]
    if bound is not None and bound <= 2 * max(ends):
        ends.append(bound)
        bound_line(axes, bound, f"bound {number(bound)}")
    axes.set_ylim(around(ends, least=0.06 * abs(float(np.median(values[known])))))
    axes.set_xlim(around([0, max(len(runs) - 1, 1)], margin=0.02))
    axes.set_xticks([])
    ticks(axes, "y", 3)
    axes.grid(visible=True, axis="y", color=INK["grid"], linewidth=1.0)


def _between(run: Mapping[str, Any], kind: str) -> list[float]:
    """The ends of the 99 % interval of a run; none where they are not known."""
    ends = finite_values((run.get("intervals") or {}).get(kind) or ())
    return ends if len(ends) == 2 else []


def _words(between: Sequence[float]) -> str:
    return f" [{number(between[0])}, {number(between[1])}]" if between else ""
