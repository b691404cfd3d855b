"""The chart of bounds: how much of each a model uses, what is outside first."""

from collections.abc import Mapping, Sequence
from math import isfinite, log10
from typing import Any, Final

from markupsafe import Markup

from tinyvmaf.judge.answer import of_the_bound, value_and_bound
from tinyvmaf.measure.charts import INK, SOURCES, Chart
from tinyvmaf.measure.charts.axes import WIDTH, drawn
from tinyvmaf.measure.charts.words import clean, counted, finite, line, number, one_minus

MOST: Final = 10
"""Rows of the chart."""
_ROW, _TOP, _BOTTOM, _LEFT, _RIGHT = 32, 8, 34, 4, WIDTH - 4
_BAR: Final = 7
_LETTERS: Final = 36
_END: Final = 2.0
"""The end of the axis, at a hundred times the bound; up to the bound it is linear, behind it logarithmic."""
_ALL_WITHIN: Final = 1.06
_ENDS: Final = "contract.range"


def margins(outcomes: Sequence[Mapping[str, Any]]) -> Markup | None:
    """A bar for each gate: the part of its bound that its worst value uses. None without a gate that has a bound.

    Args:
        outcomes: of one model.
    """
    found = nearest(outcomes)
    if not found:
        return None
    rows = found[:MOST]
    chart = Chart(WIDTH, _TOP + _ROW * len(rows) + _BOTTOM)
    axes = chart.panel(_LEFT, _TOP, _RIGHT, _TOP + _ROW * len(rows))
    outside = of_the_bound(rows[0]) > 1
    axes.set(xlim=(0, _END if outside else _ALL_WITHIN), ylim=(_ROW * len(rows), 0))
    axes.set_yticks([])
    axes.set_xticks([0, 1, 1.5, 2] if outside else [0, 0.25, 0.5, 0.75, 1])
    names = ["0", "bound", "10 times", "100 times"] if outside else ["0", "25 %", "50 %", "75 %", "bound"]
    axes.set_xticklabels(names)
    labels = axes.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")
    for n, one in enumerate(rows):
        used = of_the_bound(one)
        place = used if used <= 1 else min(1 + log10(used) / 2, _END) if isfinite(used) else _END
        colour = INK["fail"] if used > 1 else SOURCES[0]
        axes.barh(_ROW * (n + 0.78), _END if outside else _ALL_WITHIN, height=_BAR, color=INK["grid"], zorder=0)
        (bar,) = axes.barh(_ROW * (n + 0.78), max(place, 0.004), height=_BAR, color=colour)
        middle = _ROW * (n + 0.78)
        axes.plot([1, 1], [middle - _BAR, middle + _BAR], color=INK["bound"], linewidth=2)
        times = f"{number(used, 3)} times its bound" if used > 1 and isfinite(used) else f"{number(100 * used, 3)} %"
        chart.title(bar, f"{clean(one['gate'])}: {clean(value_and_bound(one))}: {times}")
        chart.write(_LEFT, _TOP + _ROW * (n + 0.5), _name(one))
        chart.write(_RIGHT, _TOP + _ROW * (n + 0.5), _value(one), "right", ink="fail" if used > 1 else "mute")
    return drawn(chart, f"How much of its bound each of {counted(len(rows), 'gate')} uses: {_spoken(rows[0])}")


def nearest(outcomes: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The worst outcome of each gate that has a bound, those outside or nearest to it first."""
    worst: dict[str, Mapping[str, Any]] = {}
    for one in outcomes:
        # A score that reaches an end of the scale is as near to its bound as it should be.
        known = one["type"] != "assertion" and (one["failures"] or not one["gate"].startswith(_ENDS))
        if known and (one["gate"] not in worst or of_the_bound(one) > of_the_bound(worst[one["gate"]])):
            worst[one["gate"]] = one
    return sorted(worst.values(), key=of_the_bound, reverse=True)


def _name(one: Mapping[str, Any]) -> str:
    return line(f"{one['gate'].partition('.')[0]}: {one['metric'].partition(',')[0]}", _LETTERS)


def _value(one: Mapping[str, Any]) -> str:
    value, _, _ = value_and_bound(one).partition(", must")
    if one["direction"] == "at least" and finite(one["value"]) and 0.99 < one["value"] < 1:
        return f"{one_minus(one['worst_value'])} of {one_minus(one['value'])}"
    return f"{value} of {number(one['value'], 3)}"


def _spoken(one: Mapping[str, Any]) -> str:
    used = of_the_bound(one)
    return (
        f"the most is {number(used, 3)} times the bound of {one['gate']}"
        if isfinite(used)
        else f"{one['gate']} is not finite"
    )
