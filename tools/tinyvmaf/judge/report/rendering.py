"""The page's templates, and what they call."""

from collections.abc import Mapping
from functools import cache
from itertools import groupby
from typing import Any, Final

from jinja2 import Environment

from tinyvmaf.judge.answer import value_and_bound
from tinyvmaf.judge.outcomes import columns, fields
from tinyvmaf.judge.report import digest
from tinyvmaf.judge.report.words import MARKS, sentence_of
from tinyvmaf.measure.charts import words
from tinyvmaf.measure.charts.pages import environment

_COLOURS: Final[Mapping[str, str]] = {
    "pass": "pass",
    "fail": "fail",
    "passed": "pass",
    "failed": "fail",
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
    made = environment("tinyvmaf.judge.report")
    made.filters |= {
        "columns": columns,
        "fields": fields,
        "figure": lambda cause: value_and_bound(cause.outcomes[0]) if cause.outcomes else cause.value,
        "kind": lambda word: _COLOURS.get(word.lower(), "grey"),
        "mark": lambda word: MARKS.get(word, ""),
        "measured": _measured,
        "row_groups": _row_groups,
        "sentence": sentence_of,
        "sentence_case": lambda text: text[:1].upper() + text[1:],
        "together": digest.together,
        "who": digest.who,
        "who_of": lambda cause: ", ".join(filter(None, (cause.suite, cause.model))) or "the run",
    }
    return made


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
