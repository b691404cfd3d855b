"""Charts inside a page: marks are where the values are, colours are the page's, and a title is only text."""

import re
import warnings
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from tinyvmaf.measure.charts import INK, SOURCES, Chart, file_figure, file_style, save


def chart_of(title: str = "a", *, points: int = 4) -> Chart:
    """A chart of 100 by 100 pixels, with a cloud, markers and a bar, all with a title."""
    chart = Chart(100, 100)
    panel = chart.panel(0, 0, 100, 100)
    panel.set(xlim=(0, 100), ylim=(0, 100), xticks=[], yticks=[])
    x = np.linspace(10, 90, points)
    chart.cloud(panel, x, x + 0.2, SOURCES[3], title)
    (line,) = panel.plot([20, 30], [40, 50], "o", color=INK["pass"], markersize=6, markeredgewidth=0)
    chart.title(line, [title, "second"])
    (bar,) = panel.barh(70, 50, color=SOURCES[0])
    chart.title(bar, title)
    chart.write(3, 20, title)
    return chart


def test_dots_are_where_the_values_are_and_those_on_one_pixel_are_drawn_once() -> None:
    chart = Chart(100, 100)
    panel = chart.panel(0, 0, 100, 100)
    panel.set(xlim=(0, 100), ylim=(0, 100))
    chart.cloud(panel, np.array([10.0, 20.2, 20.3, 3.0]), np.array([5.0, 6.0, 6.1, 99.0]), SOURCES[0], "a")
    (path,) = re.findall(r'd="([^"]*h0)"', chart.svg("x"))
    assert sorted(path.removeprefix("M").split("M")) == ["10 95h0", "20 94h0", "3 1h0"]


def test_thousands_of_dots_are_one_path() -> None:
    chart = Chart(440, 280)
    panel = chart.panel(0, 0, 440, 280)
    panel.set(xlim=(0, 1), ylim=(0, 1))
    x, y = np.random.default_rng(0).uniform(0, 1, (2, 7000))
    chart.cloud(panel, x, y, SOURCES[0], "a")
    found = chart.svg("x")
    assert len(ET.fromstring(found).findall("path")) == 1
    assert 6000 < found.count("h0") <= 7000
    assert len(found) < 80_000


def test_markers_are_circles_with_a_title_each() -> None:
    circles = ET.fromstring(chart_of().svg("x")).findall("circle")
    assert [(c.get("cx"), c.get("cy"), c.get("r"), c.findtext("title")) for c in circles] == [
        ("20", "60", "3", "a"),
        ("30", "50", "3", "second"),
    ]


def test_every_colour_is_a_variable_of_the_page_and_nothing_else_is_asked_of_it() -> None:
    found = chart_of().svg("x")
    assert "#" not in found
    assert {"var(--s3)", "var(--pass)", "var(--s0)", "var(--text)"} <= set(re.findall(r"var\([^)]*\)", found))
    root = ET.fromstring(found)
    assert {element.tag for element in root.iter()} == {"svg", "path", "circle", "text", "title"}
    assert not {"id", "style", "href", "clip-path"} & {name for element in root.iter() for name in element.attrib}


@pytest.mark.parametrize(
    "text", ["<script>", "a & b", "$\\frac{1}{0}$ $", "\"'><", "名前 🎬", "]]>", "\\n", "_x", "%s {0}"]
)
def test_any_title_is_shown_as_it_is(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        root = ET.fromstring(chart_of(text).svg(text))
    assert root.get("aria-label") == text
    assert text in [element.text for element in root.iter("text")]
    assert [element.text for element in root.iter("title")].count(text) == 3


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert chart_of(points=300).svg("x") == chart_of(points=300).svg("x")


def test_a_png_has_few_colours(tmp_path: Path) -> None:
    with file_style():
        figure = file_figure(2, 2)
        figure.subplots().plot([1, 2], color=SOURCES[0])
        save(figure, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        assert min(image.size) == 300
