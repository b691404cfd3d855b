"""The page: one file that needs nothing else, with charts, tables and the worst frames."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import isnan
from typing import Any, Final

from jinja2 import Environment
from markupsafe import Markup

from tinyvmaf.measure.charts import INK, SOURCES, Chart
from tinyvmaf.measure.charts.axes import BOTTOM, LEFT, RIGHT, TOP, WIDTH, drawn, plot
from tinyvmaf.measure.charts.pages import environment
from tinyvmaf.measure.charts.words import counted, number
from tinyvmaf.measure.score_page import drawing
from tinyvmaf.measure.score_page.blocks import FIGURES, Block, Floats, ShownCurve, ShownEncode, inputs_of, shortened
from tinyvmaf.vmaf.libvmaf.pictures import GAIN, MOST_WIDE, FramePictures

_WIDE: Final = 1140
_HEIGHT, _NARROW_HEIGHT = 330, 300
_ROW, _ONE_ROW, _EDGE = 42, 210, 8
"""Of histograms: the least height of a row, the height of a single one, and the margin."""
_LETTERS: Final = 38
_DECIMALS: Final = 3
"""Of a frame's score in the page: more is not seen, and makes it large."""


@dataclass(frozen=True)
class Shots:
    """The worst frames of an encode as pictures, or why there are none."""

    encode: ShownEncode
    frames: Sequence[FramePictures]
    absent: str = ""


def page(
    blocks: Sequence[Block], shots: Sequence[Shots], facts: Mapping[str, str], not_scored: Sequence[str] = ()
) -> str:
    """The whole page: no network, no other file. Without its script, everything but values under the pointer is there.

    Args:
        shots: in any order; those of a block are found by their encodes.
        facts: what the scores were made with, by title.
        not_scored: as `write_plot`.

    Raises:
        TinyvmafError: matplotlib is not installed.
    """
    script = _script()
    views = [_view(block, shots) for block in blocks]
    warnings = dict.fromkeys(f"not scored: {text}" for text in not_scored)
    warnings |= dict.fromkeys(text for block in blocks for text in block.warnings())
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=_title(blocks),
            views=views,
            several=len({block.reference for block in blocks}) > 1,
            figures=[name.replace("_", " ") for name in FIGURES],
            facts=[*facts.items()],
            inputs=[(one.name, inputs_of(one.pair)) for one in _each_pair_once(blocks)],
            gain=GAIN,
            most_wide=MOST_WIDE,
            warnings=[*warnings],
            data=[view["data"] for view in views],
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            ink=INK,
            colours=SOURCES,
        )
    )


@cache
def _environment() -> Environment:
    made = environment("tinyvmaf.measure.score_page")
    made.filters["shortened"] = shortened
    made.filters["cycle"] = drawing.cycle
    made.filters["data_uri"] = lambda jpeg: f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return made


def _script() -> str:
    return resources.files("tinyvmaf.measure.score_page").joinpath("templates/page.js").read_text(encoding="utf-8")


def _each_pair_once(blocks: Sequence[Block]) -> list[ShownEncode]:
    return [*{id(one.pair): one for block in blocks for one in block.encodes}.values()]


def _title(blocks: Sequence[Block]) -> str:
    encodes = len(_each_pair_once(blocks))
    if encodes == 1:
        (first, *_) = blocks
        return f"{first.encodes[0].name}: {first.score} {first.encodes[0].mean:.2f}"
    references = len({block.reference for block in blocks})
    of = blocks[0].reference.name if references == 1 else counted(references, "reference")
    return f"{counted(encodes, 'encode')} of {of}"


def _view(block: Block, shots: Sequence[Shots]) -> dict[str, Any]:
    """What the template shows of a block."""
    curves = block.curves()
    anchor, rows = block.bd_rates()
    x_title, unit = drawing.time_axis(block)
    wide, where = _over_time(block, _WIDE, _HEIGHT)
    narrow, narrow_where = _over_time(block, WIDTH, _NARROW_HEIGHT)
    frames = max(len(one.values) for one in block.encodes)
    return {
        "block": block,
        "rows": [(one, [f"{getattr(one.figures, name):.3f}" for name in FIGURES]) for one in block.encodes],
        "intervals": any(one.low is not None for one in block.encodes),
        "alike": any(one.interval is not None and one.alike is not None for one in block.encodes),
        "modelled": any(block.score == tiny.id for one in block.encodes for tiny in one.pair.tiny),
        "bitrates": any(one.pair.bitrate is not None for one in block.encodes),
        "wide": wide,
        "narrow": narrow,
        "frames": frames,
        "histogram": _histograms(block),
        "curves": curves,
        "over_bitrate": _over_bitrate(block, curves) if curves else None,
        "anchor": anchor,
        "bd": rows,
        "shots": [one for one in shots if any(one.encode is encode for encode in block.encodes)],
        "data": {
            "unit": unit,
            "per": x_title.removeprefix("time, ") if "," in x_title else "",
            "fps": float(block.fps) if block.fps else None,
            "where": [where, narrow_where],
            "values": [_rounded(one.values) for one in block.encodes],
            "low": [_rounded(one.low) for one in block.encodes],
            "high": [_rounded(one.high) for one in block.encodes],
        },
    }


def _rounded(values: Floats | None) -> list[float | None] | None:
    """JSON has no NaN."""
    return None if values is None else [None if isnan(v) else round(v, _DECIMALS) for v in values.tolist()]


def _over_time(block: Block, width: int, height: int) -> tuple[Markup, list[float]]:
    """The chart, and where its panel is: left, right, top, bottom in its own units, and the times at left and right."""
    x_title, _ = drawing.time_axis(block)
    chart, axes = plot(x_title, "score, VMAF points", width, height)
    drawing.over_time(axes, block, width, chart.title)
    low = min(block.encodes, key=lambda one: float(one.values.min()))
    label = (
        f"Score by {block.score} over time, {counted(len(block.encodes), 'encode')}: the lowest is "
        f"{number(float(low.values.min()))}, of {low.name}, {drawing.frame_text(low, low.worst[0])}"
    )
    svg = drawn(chart, label)
    bottom = height - (axes.get_position().y0 * height)
    return svg, [LEFT, width - (WIDTH - RIGHT), TOP, round(bottom, 1), *axes.get_xlim()]


def _histograms(block: Block) -> Markup:
    rows = len(block.encodes)
    row = max(_ROW, _ONE_ROW // rows)
    chart = Chart(WIDTH, TOP + row * rows + BOTTOM)
    axes = chart.panel(2 * _EDGE, TOP, RIGHT - _EDGE, TOP + row * rows)
    highest = drawing.histograms(axes, block, chart.title)
    for n, one in enumerate(block.encodes):
        chart.write(_EDGE, TOP + row * n + 14, shortened(one.name, _LETTERS), ink="mute")
        chart.write(RIGHT, TOP + row * n + 14, f"to {number(highest[n], 2)} %", "right", ink="mute")
    chart.write(_EDGE, 13, "frames, %")
    chart.write(RIGHT, chart.height - BOTTOM + 37, "score, VMAF points", "right")
    return drawn(chart, f"Histograms of the scores by {block.score}, {counted(rows, 'encode')}")


def _over_bitrate(block: Block, curves: Sequence[ShownCurve]) -> Markup:
    chart, axes = plot("bitrate of the video stream, kbit/s (logarithmic)", "mean score, VMAF points")
    drawing.over_bitrate(axes, curves, chart.title)
    return drawn(chart, f"Mean score by {block.score} over bitrate, {counted(len(curves), 'curve')}")
