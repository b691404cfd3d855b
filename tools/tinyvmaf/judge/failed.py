"""What failed, for the terminal: a line for each cause, not for each test. The report has each test."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tinyvmaf.judge.reasons import AS
from tinyvmaf.model.engines import all_engines

_RAISED: Final = re.compile(r"^E +(\S.*)", re.MULTILINE)
_OF_A_VALUE: Final = "the worst:"
"""Begins details that show the bits of a value; others explain."""
_MOST: Final = 240  # characters of a reason
Entry = Mapping[str, Any]


def failed(record: Entry) -> list[str]:
    """Each cause once: what was measured of a model, how far it is off, why, on which engines, and in which tests."""
    outside: dict[str, list[Entry]] = {}
    for one in record["outcomes"]:
        if one["status"] == "fail" and (one["type"] != "assertion" or one["details"]):
            outside.setdefault(one["test"], []).append(one)
    texts = {entry["test"]: entry["text"] for entry in record["failures"]}
    measured: dict[tuple[Any, ...], list[Entry]] = {}
    reasons: dict[tuple[Any, ...], list[str]] = {}
    for entry in record["failures"]:
        test, of = entry["test"], (entry["suite"], entry["model"])
        for one in outside.get(test, ()):
            measured.setdefault((*of, one["metric"]), []).append(one)
        if test is not None and test not in outside:
            text = texts.get(entry["text"].removeprefix(AS), entry["text"])
            reasons.setdefault((*of, _without_engines(text)), []).append(test)
    found = [_measured(suite, model, metric, ones) for (suite, model, metric), ones in measured.items()]
    for (suite, _, text), tests in reasons.items():
        raised = _RAISED.search(text)
        why = (raised[1] if raised else text.partition("\n")[0])[:_MOST]
        found.append(f"{suite}: {why}; {_tests(tests)}" if len(tests) > 1 else f"{tests[0]}: {why}")
    return found


def _measured(suite: str, model: str | None, metric: str, found: Sequence[Entry]) -> str:
    subjects = dict.fromkeys(str(one["subject"]).rpartition(" on ")[2] for one in found)
    on = ", ".join(one for one in subjects if one != model)
    worst = max(found, key=_distance)
    parts = [f"{suite}: {model or worst['subject']}: {metric}: {_value(worst)}", f"on {on}" if on else ""]
    details = [one["details"].partition("\n")[0][:_MOST] for one in found]
    parts += [next((one for one in details if one and not one.startswith(_OF_A_VALUE)), "")]
    return "; ".join(filter(None, [*parts, _tests(one["test"] for one in found)]))


def _distance(one: Entry) -> float:
    """How far it is outside; infinitely if it is not finite."""
    value = one.get("max_difference", one.get("worst_value", 0.0))
    return float("inf") if value is None else abs(value - (one["value"] or 0.0))


def _value(one: Entry) -> str:
    if one["type"] == "assertion":
        return "does not hold"
    value = one.get("max_difference", one.get("worst_value"))
    return f"{'not finite' if value is None else format(value, '.6g')}, must be {one['bound']}"


def _tests(tests: Iterable[str]) -> str:
    """The names of tests, with how often each failed."""
    names = Counter(test.rpartition("::")[2].partition("[")[0].removeprefix("test_") for test in tests)
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in names.items())


def _without_engines(text: str) -> str:
    names = sorted((one.name for one in all_engines()), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, names)), "an engine", text)
