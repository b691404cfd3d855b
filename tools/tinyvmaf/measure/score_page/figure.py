"""The charts of scores as an SVG or PNG file."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.charts import INK, file_figure, file_style, matplotlib, save
from tinyvmaf.measure.charts.words import line, number
from tinyvmaf.measure.score_page import drawing
from tinyvmaf.measure.score_page.blocks import FIGURES, Block, ShownCurve, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes  # type: ignore[import-not-found, unused-ignore]

_WIDTH: Final = 10.0
"""Inches."""
_TIME, _HALF, _ROW, _HEAD = 2.6, 2.4, 0.17, 0.5
"""Heights, in inches: the chart over time, the two below it, a row of the table, a title."""
_ROW_OF_A_HISTOGRAM: Final = 0.28
_MOST: Final = 200.0
"""Inches, of all blocks together: 30 references. matplotlib draws no more than 65,536 pixels."""
_COLUMNS: Final = 1000
_LETTERS: Final = 46
_LETTERS_OF_A_NOTE: Final = 150


def write_figure(path: Path, blocks: Sequence[Block], not_scored: Sequence[str] = ()) -> None:
    """Draw blocks one below the other.

    Args:
        not_scored: as `write_plot`.

    Raises:
        TinyvmafError: the suffix is not supported, matplotlib is not installed, the picture would be too high, or the
            file cannot be written.
    """
    # What is about no block is below the last one.
    notes = [_notes(block, not_scored if block is blocks[-1] else ()) for block in blocks]
    heights = [_height(*one) for one in zip(blocks, notes, strict=True)]
    if sum(heights) > _MOST:
        raise TinyvmafError(
            f"{path}: {len(blocks)} charts one below the other are too high for a picture",
            hint="--plot FILE.html has room for them",
        )
    with file_style():
        figure = file_figure(_WIDTH, sum(heights))
        parts = figure.subfigures(len(blocks), 1, height_ratios=heights, squeeze=False)
        for part, block, lines in zip(parts[:, 0], blocks, notes, strict=True):
            _draw(part, block, lines)
        save(figure, path)


def _notes(block: Block, not_scored: Sequence[str]) -> list[str]:
    """Lines below the charts: BD-rates and warnings."""
    anchor, rows = block.bd_rates()
    rates = [f"BD-rate of {row.name} against {anchor}: {row.text} ({row.about})" for row in rows]
    texts = [*rates, *(f"Warning: {line(text, 600)}" for text in block.warnings())]
    texts += [f"Not scored: {line(text, 600)}" for text in not_scored]
    return [part for text in texts for part in textwrap.wrap(text, _LETTERS_OF_A_NOTE)]


def _table_height(block: Block) -> float:
    return _ROW * (len(block.encodes) + 2) + 0.15


def _half(block: Block) -> float:
    return max(_HALF, _ROW_OF_A_HISTOGRAM * len(block.encodes))


def _height(block: Block, notes: Sequence[str]) -> float:
    return _HEAD + _TIME + _half(block) + _table_height(block) + 0.15 * len(notes)


def _draw(part: Any, block: Block, notes: Sequence[str]) -> None:
    curves = block.curves()
    part.suptitle(
        f"{block.score} of {line(block.reference.name, 80)}", fontsize=10, fontweight="bold", x=0.01, ha="left"
    )
    places = [["time", "time"], ["histogram", "bitrate" if curves else "histogram"], ["table", "table"]]
    axes = part.subplot_mosaic(places, height_ratios=[_TIME, _half(block), _table_height(block)])
    for name in axes.keys() - {"table", "histogram"}:
        axes[name].grid(axis="y", color=INK["grid"], linewidth=0.6)
        axes[name].set_axisbelow(True)
    drawing.over_time(axes["time"], block, _COLUMNS, _untitled)
    axes["time"].set(xlabel=drawing.time_axis(block)[0], ylabel="score, VMAF points")
    _histograms(axes["histogram"], block)
    if curves:
        _rates(axes["bitrate"], curves)
    _table(axes["table"], block)
    if notes:
        part.supxlabel("\n".join(notes), fontsize=7, x=0.01, ha="left")


def _histograms(axes: "Axes", block: Block) -> None:
    highest = drawing.histograms(axes, block, _untitled)
    axes.set(xlabel="score, VMAF points", ylabel="share of frames")
    for n, (one, share) in enumerate(zip(block.encodes, highest, strict=True)):
        text = f"{shortened(one.name, _LETTERS)}, to {number(share, 2)} %"
        axes.annotate(text, (0.004, 0.7 - n), xycoords=axes.get_yaxis_transform(), fontsize=6.5, color=INK["mute"])


def _rates(axes: "Axes", curves: Sequence[ShownCurve]) -> None:
    drawing.over_bitrate(axes, curves, _untitled)
    axes.set(xlabel="bitrate of the video stream, kbit/s (logarithmic)", ylabel="mean score, VMAF points")
    handle, lines = matplotlib("lines").Line2D, []
    for one in curves:
        style = {"color": drawing.colour(one.colour), "linestyle": drawing.line(one.colour)}
        lines.append(handle([], [], label=shortened(one.name, _LETTERS), **style))
    axes.legend(handles=lines, fontsize=7, frameon=False, loc="lower right")


def _table(axes: "Axes", block: Block) -> None:
    """Name, colour and percentiles of each encode: the legend of all charts."""
    axes.set_axis_off()
    intervals = any(one.low is not None for one in block.encodes)
    head = [
        "encode",
        *(name.replace("_", " ") for name in FIGURES),
        *(["95 % interval"] if intervals else []),
        "kbit/s",
    ]
    rows = []
    for one in block.encodes:
        ends = [] if one.low is None else ["–" if one.interval is None else "{:.2f} to {:.2f}".format(*one.interval)]
        rate = "–" if one.pair.bitrate is None else number(one.pair.bitrate / 1000)
        rows.append(
            [shortened(one.name, _LETTERS), *(f"{getattr(one.figures, figure):.3f}" for figure in FIGURES), *ends, rate]
        )
    widths = [0.3, 0.07, 0.11, *[0.07] * (len(FIGURES) - 2), *([0.13] if intervals else []), 0.08]
    whole = matplotlib("transforms").Bbox.from_bounds(0, 0, 1, 1)
    shown = axes.table(
        rows, colLabels=head, bbox=whole, edges="open", colWidths=widths, cellLoc="right", colLoc="right"
    )
    shown.auto_set_font_size(False)
    shown.set_fontsize(7)
    for (row, column), cell in shown.get_celld().items():
        cell.PAD = 0.02
        if row == 0:
            cell.get_text().set_color(INK["mute"])
        if column == 0:
            cell.get_text().set_horizontalalignment("left")
            if row:
                cell.get_text().set_color(drawing.colour(block.encodes[row - 1].colour))
                cell.get_text().set_fontweight("bold")


def _untitled(mark: Any, titles: str | Sequence[str]) -> None:
    """A file has no titles under the pointer."""
