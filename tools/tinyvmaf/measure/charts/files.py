"""matplotlib, loaded when something is drawn, and charts as SVG and PNG files."""

import importlib
import io
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tinyvmaf.errors import TinyvmafError, install
from tinyvmaf.files import write_named

# matplotlib comes with an extra, and takes a second to import.
if TYPE_CHECKING:
    from matplotlib.figure import Figure  # type: ignore[import-not-found, unused-ignore]

SUFFIXES: Final = (".svg", ".png")
_FILE_STYLE: Final[dict[Any, Any]] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
}
_ALWAYS: Final[dict[Any, Any]] = {
    "svg.hashsalt": "tinyvmaf",  # the same numbers give the same bytes
    "text.parse_math": False,  # a name may hold dollar signs
}
_COLOURS_OF_A_PNG: Final = 160
"""Dots and text need no more, and the file is a third."""


def matplotlib(module: str) -> Any:
    """A module of matplotlib; "" is the package itself.

    Raises:
        TinyvmafError: matplotlib is not installed.
    """
    try:
        return importlib.import_module(f"matplotlib.{module}".rstrip("."))
    except ImportError as error:
        raise TinyvmafError("drawing needs matplotlib, which is not installed", hint=install("plots")) from error


def render(figure: "Figure", kind: str, style: dict[Any, Any] | None = None, **options: Any) -> bytes:
    """A figure as an SVG or PNG file. The same figure gives the same bytes."""
    drawn = io.BytesIO()
    with matplotlib("").rc_context(_ALWAYS | (style or {})), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing")  # it is only measured here; a browser has more fonts
        figure.savefig(drawn, format=kind, metadata={"Date": None} if kind == "svg" else {}, **options)
    return drawn.getvalue()


def file_figure(width: float, height: float) -> "Figure":
    """An empty figure that lays itself out, for a file; drawn on inside of `file_style`.

    Args:
        width, height: inches.
    """
    figure: Figure = matplotlib("figure").Figure(figsize=(width, height), layout="constrained")
    return figure


def file_style(**more: Any) -> AbstractContextManager[None]:
    """The style of charts that are files, while they are drawn."""
    context: AbstractContextManager[None] = matplotlib("").rc_context(_FILE_STYLE | more)
    return context


def known_suffix(path: Path) -> str:
    """The suffix of a chart's file, in lower case.

    Raises:
        TinyvmafError: the suffix is not supported.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise TinyvmafError(
            f"{path}: cannot draw {path.suffix or 'a file without suffix'}",
            hint=f"choose a name that ends in {' or '.join(SUFFIXES)}",
        )
    return suffix


def save(figure: "Figure", path: Path, *, dpi: int = 150) -> None:
    """Write a figure on white as SVG or PNG, by the suffix; whole or not at all.

    Raises:
        TinyvmafError: the suffix is not supported, or the file cannot be written.
    """
    suffix = known_suffix(path)
    data = render(figure, suffix[1:], dpi=dpi, facecolor="white")
    if suffix == ".png":
        data = _with_few_colours(data)
    write_named(path, data, "--out")


def _with_few_colours(png: bytes) -> bytes:
    from PIL import Image  # comes with matplotlib

    small = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").quantize(_COLOURS_OF_A_PNG).save(small, "png", optimize=True)
    return small.getvalue()
