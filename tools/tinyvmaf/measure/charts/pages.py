"""Templates of pages: everything that is not markup is made harmless and escaped."""

import re
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tinyvmaf.measure.charts import words

_ROW: Final = re.compile(r"(?=<tr)")


def environment(package: str) -> Environment:
    """The templates of a package, and those of this one that all pages share: `base.css` and `tables.html`."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("tinyvmaf.measure.charts")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "counted": words.counted,
        "duration": words.duration,
        "labelled": _labelled,
        "first_line": words.first_line,
        "line": words.line,
        "lines": lambda text: words.clean(text).strip().splitlines() or ["(no text)"],
        "number": words.number,
    }
    return made


def _labelled(rows: str, head: Sequence[str]) -> Markup:
    """Rows of a table, each cell with the title of its column, which a phone shows beside it."""
    titles = [escape(words.line(title, 40)) for title in head]
    parts = []
    for row in _ROW.split(rows):
        cells = row.split("<td")  # texts are escaped, so this is a cell
        named = zip(chain(titles, repeat("")), cells[1:], strict=False)
        parts += [cells[0], *(f'<td data-label="{title}"{cell}' for title, cell in named)]
    return Markup("".join(parts))


def _shown(value: Any) -> Any:
    """Text without control characters; undefined values pass, to be refused by Jinja."""
    return words.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
