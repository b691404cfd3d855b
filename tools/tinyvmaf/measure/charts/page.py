"""A chart inside a page: matplotlib's SVG, reduced to marks that the page's CSS colours."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.charts.files import matplotlib, render
from tinyvmaf.measure.charts.palette import INK, SOURCES

if TYPE_CHECKING:
    from matplotlib.artist import Artist  # type: ignore[import-not-found, unused-ignore]
    from matplotlib.axes import Axes  # type: ignore[import-not-found, unused-ignore]

FONT_SIZE: Final = 11.5
"""Of charts in a page, in its pixels."""

_VARIABLES: Final = {colour: f"var(--s{n})" for n, colour in enumerate(SOURCES)} | {
    colour: f"var(--{name})" for name, colour in INK.items()
}
_PIXELS_AN_INCH: Final = 72
_NUMBER: Final = re.compile(r"-?\d+\.\d+")
_DOT: Final = re.compile(r"M (\S+ \S+) L \1(?: |$)")
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
_KEPT: Final = ("x", "y", "d", "fill", "stroke", "text-anchor", "opacity")
_KEPT_OF_A_LINE: Final = ("stroke-width", "stroke-dasharray", "stroke-linecap")

Floats = NDArray[np.float64]
Titles = str | Sequence[str]


class Chart:
    """A figure for a page, measured in the page's pixels from the top left, and the titles of its marks."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._titles: dict[str, Titles] = {}
        size = (width / _PIXELS_AN_INCH, height / _PIXELS_AN_INCH)
        self._figure = matplotlib("figure").Figure(figsize=size, dpi=_PIXELS_AN_INCH)

    def panel(self, left: float, top: float, right: float, bottom: float) -> "Axes":
        """Axes between four edges, without frame and tick marks."""
        place = (left / self.width, 1 - bottom / self.height, (right - left) / self.width, (bottom - top) / self.height)
        axes: Axes = self._figure.add_axes(place)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, pad=6, labelcolor=INK["mute"], labelsize=FONT_SIZE)
        axes.set_axisbelow(True)
        return axes

    def write(self, x: float, y: float, text: str, align: str = "left", ink: str = "text") -> None:
        """A text with its baseline at a place."""
        place = (x / self.width, 1 - y / self.height)
        self._figure.text(*place, text, ha=align, va="baseline", color=INK[ink], size=FONT_SIZE)

    def cloud(self, axes: "Axes", x: Floats, y: Floats, colour: str, title: str) -> None:
        """Dots of one kind, in axes that have their final limits; those on the same pixel are drawn once.

        They are one path with round caps: thousands of markers would make a large page.
        """
        pixels = np.unique(axes.transData.transform(np.column_stack([x, y])).round(), axis=0)
        path = matplotlib("path").Path
        dots = path(np.repeat(pixels, 2, axis=0), [path.MOVETO, path.LINETO] * len(pixels))
        dots.should_simplify = False  # it would drop lines without length
        style = {"edgecolor": colour, "fill": False, "linewidth": 3, "alpha": 0.75, "capstyle": "round"}
        self.title(axes.add_artist(matplotlib("patches").PathPatch(dots, transform=None, **style)), title)

    def title(self, mark: "Artist", titles: Titles) -> None:
        """What a mark says when it is pointed at: one text, or one for each marker of a line."""
        name = f"titled {len(self._titles)}"
        mark.set_gid(name)
        self._titles[name] = titles

    def svg(self, label: str) -> str:
        """The chart as an element of a page, without ids, styles or links; its colours are the page's CSS variables.

        Markers must be circles with a title each.

        Args:
            label: what a screen reader says.
        """
        drawn = ET.fromstring(render(self._figure, "svg", {"svg.fonttype": "none"}, transparent=True))
        about = {"viewBox": f"0 0 {self.width:g} {self.height:g}", "role": "img", "aria-label": label, "class": "chart"}
        chart = ET.Element("svg", about)
        shapes = {f"#{shape.get('id')}": shape for shape in drawn.iterfind(".//{*}defs/{*}path")}
        chart.extend(self._marks(drawn, "", shapes))
        return ET.tostring(chart, encoding="unicode")

    def _marks(self, element: ET.Element, titles: Titles, shapes: Mapping[str, ET.Element]) -> Iterator[ET.Element]:
        """What is drawn below an element, one after the other, without groups."""
        kind = element.tag.rpartition("}")[2]
        if kind in ("svg", "g"):
            titles = self._titles.get(element.get("id", ""), titles)
            if uses := element.findall("{*}use"):
                yield from _circles(uses, shapes[uses[0].get(_LINK, "")], titles)
            else:
                for child in element:
                    yield from self._marks(child, titles, shapes)
        elif kind in ("path", "text"):
            known = _attributes(element)
            if kind == "text" or known.get("fill") != "none" or "stroke" in known:
                yield _titled(ET.Element(kind, known), titles, element.text if kind == "text" else None)


def _circles(uses: Sequence[ET.Element], shape: ET.Element, titles: Titles) -> Iterator[ET.Element]:
    """A circle with its title for each marker, all of one shape."""
    radius = shape.get("d", "").split()[2]  # the path of a circle begins below its middle
    for use, title in zip(uses, titles, strict=True):
        known = _attributes(use, shape.get("style", ""))
        place = {"cx": known.pop("x"), "cy": known.pop("y"), "r": radius}
        yield _titled(ET.Element("circle", place | known), title)


def _attributes(element: ET.Element, style: str = "") -> dict[str, str]:
    """Attributes and styles of an element that a page needs, with numbers to a tenth of a pixel."""
    known = dict(element.attrib)
    styles = (part.partition(":") for part in f"{style};{known.pop('style', '')}".split(";"))
    known |= {name.strip(): value.strip() for name, _, value in styles}
    kept = (*_KEPT, *_KEPT_OF_A_LINE) if "stroke" in known else _KEPT
    known = {name: " ".join(known[name].split()) for name in kept if name in known}
    for name in {"x", "y", "d"} & known.keys():
        short = _NUMBER.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), known[name])
        known[name] = _DOT.sub(r"M\1h0", short)
    for name in {"fill", "stroke"} & known.keys():
        known[name] = _VARIABLES.get(known[name], known[name])
    return known


def _titled(mark: ET.Element, title: Titles, text: str | None = None) -> ET.Element:
    mark.text = text
    if isinstance(title, str) and title:
        ET.SubElement(mark, "title").text = title
    return mark
