"""Templates of pages: everything that is not markup is made harmless and escaped."""

from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tinyvmaf.measure.charts import words


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
        "first_line": words.first_line,
        "line": words.line,
        "lines": lambda text: words.clean(text).strip().splitlines() or ["(no text)"],
        "number": words.number,
    }
    return made


def _shown(value: Any) -> Any:
    """Text without control characters; undefined values pass, to be refused by Jinja."""
    return words.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
