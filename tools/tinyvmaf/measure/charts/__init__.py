"""Every chart: matplotlib with one palette, as a file or inside a page."""

from tinyvmaf.measure.charts.files import file_figure, file_style, known_suffix, matplotlib, save
from tinyvmaf.measure.charts.page import FONT_SIZE, Chart
from tinyvmaf.measure.charts.palette import INK, SOURCES

__all__ = [
    "FONT_SIZE",
    "INK",
    "SOURCES",
    "Chart",
    "file_figure",
    "file_style",
    "known_suffix",
    "matplotlib",
    "save",
]
