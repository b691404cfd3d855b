"""The chart of a history: a panel for each model and batch size, with levels and change points."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tinyvmaf.measure.charts import INK, SOURCES, file_figure, file_style, known_suffix, save
from tinyvmaf.measure.latency_history.run import Ratio, Run
from tinyvmaf.measure.latency_history.series import Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes  # type: ignore[import-not-found, unused-ignore]
    from matplotlib.figure import Figure  # type: ignore[import-not-found, unused-ignore]

OVER: Final[dict[Ratio, str]] = {
    "floor": "an Identity graph",
    "svr": "the teacher's SVR",
    "baseline": "the stored baseline",
}
"""The reference of each ratio, in words."""

_MACHINES: Final = ("blue", "orange", "green", "pink", "brown")
"""Names of the first colours: one for each machine."""
_PANEL: Final = (2.9, 1.75)
"""Inches."""
_MARGINS: Final = (0.9, 1.9)
_TICKS: Final = 8
_SHORT: Final = 7
_LEAST_SPAN: Final = 0.06
"""Least span of the y axis, as a share of the level, so that noise does not look large."""
_LETTERS_AN_INCH: Final = 17


def draw(path: Path, runs: Sequence[Run], selected: Sequence[Series]) -> None:
    """Draw series of a history to an SVG or PNG file, by its suffix. The file is written atomically.

    Args:
        runs: the history.
        selected: one or more of its series, of one ratio, from `select`.

    Raises:
        TinyvmafError: the suffix is not supported, matplotlib is not installed, or the file cannot be written.
    """
    known_suffix(path)
    with file_style():
        save(_figure(runs, selected), path)


def _figure(runs: Sequence[Run], selected: Sequence[Series]) -> "Figure":
    machines = list(dict.fromkeys(one.machine for one in selected))
    models = list(dict.fromkeys(one.model for one in selected))
    batches = sorted({one.batch for one in selected})
    shown = [n for n, run in enumerate(runs) if run.machine.id in machines]
    width = max(_PANEL[0] * len(batches) + _MARGINS[0], 2.0 * _PANEL[0])
    figure = file_figure(width, _PANEL[1] * len(models) + _MARGINS[1])
    panels = figure.subplots(len(models), len(batches), squeeze=False)
    for column, batch in enumerate(batches):
        lowest = None
        for row, model in enumerate(models):
            here = [one for one in selected if (one.model, one.batch) == (model, batch)]
            axes = panels[row, column]
            if not here:
                axes.set_visible(False)
                continue
            _panel(axes, here, shown, [SOURCES[machines.index(one.machine) % len(_MACHINES)] for one in here])
            _ticks(axes, runs, shown, labelled=False)
            axes.set_title(f"{model}, batch {batch}", loc="left", fontsize=8, fontweight="bold")
            lowest = axes
        if lowest is not None:
            _ticks(lowest, runs, shown, labelled=True)
    ratio = selected[0].ratio
    letters = int(width * _LETTERS_AN_INCH)
    figure.suptitle("\n".join(textwrap.wrap(f"Latency over commits: time over that of {OVER[ratio]}", letters)))
    figure.supylabel(f"ratio of times, model / {ratio}", fontsize=8)
    figure.supxlabel("\n".join(["commit, the newest last", *_note(runs, machines, letters)]), fontsize=8)
    return figure


def _panel(axes: "Axes", here: Sequence[Series], shown: Sequence[int], colours: Sequence[str]) -> None:
    place = {n: x for x, n in enumerate(shown)}
    lines: list[tuple[float, float, str]] = []
    for one, colour in zip(here, colours, strict=True):
        x = np.array([place[n] for n in one.at])
        axes.plot(x, one.values, "o", color=colour, markersize=2.6, markeredgewidth=0, zorder=4)
        if one.intervals:
            known = [place[n] for n in one.intervals]
            axes.vlines(known, *zip(*one.intervals.values(), strict=True), color=colour, linewidth=0.8, alpha=0.7)
        for step in one.steps:
            ends = [x[step.start] - 0.4, x[step.stop - 1] + 0.4]
            axes.plot(ends, [step.level] * 2, color=INK["text"], linewidth=1.3, zorder=3)
        for change in one.changes:
            lines.append(
                (float(x[change.index - 1] + x[change.index]) / 2, change.factor, change.mark.replace("-", "−"))
            )
    ends = [np.array([*one.values, *(end for pair in one.intervals.values() for end in pair)]) for one in here]
    low, high = min(float(one.min()) for one in ends), max(float(one.max()) for one in ends)
    middle, half = (low + high) / 2, max((high - low) / 2, _LEAST_SPAN / 2 * (low + high) / 2)
    # Leave room above the values for each line of labels.
    heights = _heights([at for at, _, _ in sorted(lines)], len(shown))
    axes.set_ylim(middle - 1.15 * half, middle + (1.15 + 0.42 * (max(heights, default=-1) + 1)) * half)
    axes.set_xlim(-0.8, max(len(shown) - 0.2, 0.8))
    for (at, factor, text), height in zip(sorted(lines), heights, strict=True):
        colour = INK["fail" if factor > 1 else "pass"]
        axes.axvline(at, color=colour, linestyle=(0, (4, 2)), linewidth=1.0, zorder=2)
        right = at > 0.7 * len(shown)
        axes.annotate(
            text,
            (at, 1.0 - 0.13 * height),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-3 if right else 3, -1),
            textcoords="offset points",
            ha="right" if right else "left",
            va="top",
            color=colour,
            fontsize=7.5,
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},  # hides the line of a near change
            zorder=5,
        )
    axes.grid(axis="y", color=INK["grid"], linewidth=0.6)
    axes.set_axisbelow(True)


def _heights(places: Sequence[float], n: int) -> list[int]:
    """The line of each label, from the top: one below the previous label if that is near."""
    heights: list[int] = []
    for i, at in enumerate(places):
        near = i > 0 and at - places[i - 1] < 0.3 * n
        heights.append((heights[-1] + 1) % 3 if near else 0)
    return heights


def _ticks(axes: "Axes", runs: Sequence[Run], shown: Sequence[int], *, labelled: bool) -> None:
    """Ticks for a few runs, including the first and the last."""
    places = np.unique(np.linspace(0, len(shown) - 1, min(_TICKS, len(shown))).round().astype(int))
    names = [_short(runs[shown[x]]) for x in places] if labelled else [""] * len(places)
    axes.set_xticks(places, names, rotation=90, fontsize=7, family="monospace")
    axes.tick_params(length=2.5, width=0.6)


def _short(run: Run) -> str:
    return "unknown" if run.commit is None else run.commit[:_SHORT] + "+" * bool(run.dirty)


def _note(runs: Sequence[Run], machines: Sequence[str], letters: int) -> list[str]:
    """Lines that name the machines and the method."""
    about = {run.machine.id: run.machine for run in runs}
    lines = []
    for n, one in enumerate(about[name] for name in machines):
        colour = f" ({_MACHINES[n % len(_MACHINES)]})" if len(machines) > 1 else ""
        lines += textwrap.wrap(f"machine {one.id}{colour}: {one.cpu}, {one.cores} cores, {one.os}", letters)
    method = (
        "Dots are runs, with 99 % intervals where they are known; both models took turns in one process. Lines are the "
        "levels of a piecewise-constant L1 fit; + marks a slower level, − a faster one."
    )
    return [*lines, *textwrap.wrap(method, letters)]
