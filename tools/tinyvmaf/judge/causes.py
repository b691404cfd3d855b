"""One cause, one line: tests that fail for the same reason are said once in the terminal; the report has them all."""

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import pytest

from tinyvmaf.judge import suites_run
from tinyvmaf.judge.options import OPTIONS
from tinyvmaf.judge.properties import COULD_NOT_RUN, OUTCOME, model_of, values
from tinyvmaf.judge.selection import subjects_of
from tinyvmaf.model.engines import all_engines

_NOT_REPEATED: Final = ("model", "report", "allow", "fail-not-checked", "record", "recipe", "history", "part")
_OF_A_WORKER: Final = re.compile(r"\A\[gw\d+\] .*\n")
_CATEGORIES: Final = ("failed", "error")
_TELLING: Final = "test_a_score_does_not_depend_on_its_batch"
"""Of tests that fail for one reason, this one names it best."""


def repeated(command: str, config: pytest.Config, model: str | None) -> str:
    """A command that shows something again, with the model and the options of this run; it can be pasted."""
    command = suites_run.command(command)
    subject = subjects_of(config).get(model) if model is not None else None
    words = [] if subject is None or subject.registered else [f"--model={subject.path.absolute()}"]
    words += [word for one in OPTIONS if one.name not in _NOT_REPEATED for word in one.words(config.option)]
    if not words:
        return command
    begin, dashes, rest = command.partition(" -- ")
    options = shlex.join(words)
    return (
        f"{begin} -- {options} {rest}" if dashes else f"{command} {'-- ' if begin.startswith('tox') else ''}{options}"
    )


def collapse(stats: dict[str, list[Any]]) -> None:
    """Of reports that failed for one cause, leave one in pytest's summary, and count the others beside it."""
    groups: dict[tuple[Any, ...], list[tuple[str, pytest.TestReport]]] = {}
    for category in _CATEGORIES:
        for report in stats.pop(category, ()):
            groups.setdefault(_cause(report), []).append((category, report))
    for key, reports in groups.items():
        (category, telling), *others = sorted(reports, key=lambda one: _TELLING not in one[1].nodeid)
        if len(key) > 1:
            telling.sections = []  # what it printed; the reason is said
            telling.longrepr = "\n".join([*_brief(telling), *_also([report for _, report in others])])
        stats.setdefault(category, []).append(telling)
        for own, report in others:
            stats.setdefault("for the same reason" if len(key) > 1 else own, []).append(report)


def _cause(report: pytest.TestReport) -> tuple[Any, ...]:
    """What tells causes apart: the reason in words, or what was measured; one element if it is about no model."""
    if not isinstance(report, pytest.TestReport) or (model := model_of(report)) is None:
        return (report.nodeid,)
    if outside := _outside(report):
        return (model, *sorted({one["metric"] for one in outside}))
    text = next(iter(values(report, COULD_NOT_RUN)), None) or text_of(report)
    names = sorted((one.name for one in all_engines()), key=len, reverse=True)
    return (model, re.sub("|".join(map(re.escape, names)), "ENGINE", text))


def text_of(report: pytest.TestReport) -> str:
    """Why a test failed, without the line of xdist."""
    return _OF_A_WORKER.sub("", report.longreprtext)


def _outside(report: pytest.TestReport) -> list[dict[str, Any]]:
    return [one for text in values(report, OUTCOME) if text and (one := json.loads(text))["status"] == "fail"]


def _brief(report: pytest.TestReport) -> list[str]:
    """A failure in a few lines: what, the worst row, why the bound is, and the command that shows it again."""
    outside = [one for one in _outside(report) if one["type"] != "assertion" or one["details"]]
    if not outside:
        return text_of(report).splitlines()[:6]
    first = outside[0]
    found = f"{first['failures']} of {first['count']} values outside {first['bound']}"
    rows = [(row["label"], row.get("value", row.get("got"))) for row in first.get("worst", ())[:1]]
    details = first["details"].splitlines()
    why = [line for line in details[:1] if not line.startswith("the worst:")]
    inputs = [*why, *(line for line in details if "inputs:" in line)]
    return [
        f"{first['subject']}: {first['metric']}: {found}",
        *(f"  the worst: {label}: {'not finite' if value is None else value}" for label, value in rows),
        *(f"  {line.strip()}" for line in inputs),
        f"why this bound: {first['reason']}",
        f"again: {first['reproduce']}",
    ]


def _also(others: Iterable[pytest.TestReport]) -> list[str]:
    names = Counter(one.nodeid.split("::")[-1].partition("[")[0].removeprefix("test_") for one in others)
    listed = ", ".join(f"{name} ({count})" if count > 1 else name for name, count in names.items())
    return [f"for the same reason: {listed}; the report has each"] if names else []
