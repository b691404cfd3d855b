"""The page's templates, and what they call: everything that is not markup is made harmless and escaped."""

from collections.abc import Mapping
from functools import cache
from itertools import groupby
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tinyvmaf.judge.outcomes import columns, fields
from tinyvmaf.judge.report import digest, words

_COLOURS: Final[Mapping[str, str]] = {
    "pass": "pass",
    "fail": "fail",
    "regressed": "fail",
    "expired": "fail",
    "waived": "waived",
    "used": "waived",
    "could not run": "unsure",
    "unresolved": "unsure",
    "unused": "unsure",
}
"""The colours of words in small letters; any other is grey."""


def render(template: str, **values: Any) -> str:
    """A template with its values.

    Raises:
        jinja2.UndefinedError: the template names a value that there is not.
    """
    return _environment().get_template(template).render(**values)


def compile_templates() -> None:
    """Compile every template now: a process that forks before each page does it once for all of them."""
    environment = _environment()
    for name in environment.list_templates(extensions=["html"]):
        environment.get_template(name)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("tinyvmaf.judge.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "columns": columns,
        "counted": words.counted,
        "duration": words.duration,
        "fields": fields,
        "first_line": words.first_line,
        "kind": lambda word: _COLOURS.get(word.lower(), "grey"),
        "line": words.line,
        "lines": lambda text: words.clean(text).strip().splitlines() or ["(no text)"],
        "mark": lambda word: words.MARKS.get(word, ""),
        "measured": _measured,
        "number": words.number,
        "row_groups": _row_groups,
        "sentence": words.sentence_of,
        "test_name": words.test_name,
        "together": digest.together,
        "who": digest.who,
    }
    return made


def _shown(value: Any) -> Any:
    """Text without control characters; undefined values pass, to be refused by Jinja."""
    return words.clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _row_groups(text: str) -> list[tuple[bool, str]]:
    """Lines that are indented, which are rows of a table, and others, in turns."""
    lines = words.clean(text).splitlines(keepends=True)
    return [(rows, "".join(group)) for rows, group in groupby(lines, key=lambda line: line.startswith("  "))]


def _measured(outcome: Mapping[str, Any]) -> str:
    """What was measured, and the bound."""
    if outcome["type"] == "assertion":
        return "does not hold" if outcome["failures"] else "holds"
    if outcome["type"] == "limit":
        worst = f"worst {words.number(outcome['worst_value'])}"
    else:
        worst = f"at most {words.number(outcome['max_difference'], 3)} off"
    return f"{worst}, bound {words.line(outcome['bound'], 60)}"
