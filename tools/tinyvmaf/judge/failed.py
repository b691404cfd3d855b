"""What failed: each cause once, not each test. A line for the terminal, a block for the report."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tinyvmaf.judge.reasons import AS
from tinyvmaf.model.engines import all_engines

_RAISED: Final = re.compile(r"^E +(\S.*)", re.MULTILINE)
_OF_A_VALUE: Final = "the worst:"
"""Begins details that show the bits of a value; others explain."""
_MOST: Final = 240  # characters of a reason
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Cause:
    """One thing that failed, in however many tests."""

    suite: str | None
    model: str | None
    title: str
    """What was measured, or the reason."""
    value: str
    """What was measured and what it must be; empty where there is a reason only."""
    on: str
    """Engines and pairs, where they are not the model."""
    detail: str
    tests: Sequence[str]
    outcomes: Sequence[Entry]
    """Those that are outside, the worst first."""
    texts: Sequence[str]
    """What pytest says of each test."""

    @property
    def gates(self) -> list[str]:
        """Of what is outside."""
        return list(dict.fromkeys(one["gate"] for one in self.outcomes))

    def line(self) -> str:
        """For a terminal."""
        if not self.outcomes:
            names = f"{self.suite}: {self.title}; {_tests(self.tests)}" if len(self.tests) > 1 else ""
            return names or f"{self.tests[0]}: {self.title}"
        who = self.model or self.outcomes[0]["subject"]
        parts = [f"{self.suite}: {who}: {self.title}: {self.value}", f"on {self.on}" if self.on else "", self.detail]
        return "; ".join(filter(None, [*parts, _tests(one["test"] for one in self.outcomes)]))


def failed(record: Entry) -> list[str]:
    """Each cause once: what was measured of a model, how far it is off, why, on which engines, and in which tests."""
    return [cause.line() for cause in causes(record) if cause.tests]


def causes(record: Entry) -> list[Cause]:
    """Each cause once; those outside of any test last."""
    outside: dict[str, list[Entry]] = {}
    for one in record["outcomes"]:
        if one["status"] == "fail" and (one["type"] != "assertion" or one["details"]):
            outside.setdefault(one["test"], []).append(one)
    texts = {entry["test"]: entry["text"] for entry in record["failures"]}
    measured: dict[tuple[Any, ...], list[Entry]] = {}
    reasons: dict[tuple[Any, ...], list[str]] = {}
    alone: list[Cause] = []
    for entry in record["failures"]:
        test, of = entry["test"], (entry["suite"], entry["model"])
        for one in outside.get(test, ()):
            measured.setdefault((*of, one["metric"]), []).append(one)
        if test is None:
            alone.append(Cause(*of, entry["text"].partition("\n")[0], "", "", "", (), (), [entry["text"]]))
        elif test not in outside:
            text = texts.get(entry["text"].removeprefix(AS), entry["text"])
            reasons.setdefault((*of, _without_engines(text)), []).append(test)
    found = [_measured(suite, model, metric, ones, texts) for (suite, model, metric), ones in measured.items()]
    for (suite, model, text), tests in reasons.items():
        raised = _RAISED.search(text)
        why = (raised[1] if raised else text.partition("\n")[0])[:_MOST]
        found.append(Cause(suite, model, why, "", "", "", tests, (), [texts[test] for test in tests]))
    return [*found, *alone]


def _measured(suite: str, model: str | None, metric: str, found: Sequence[Entry], texts: Mapping[str, str]) -> Cause:
    subjects = dict.fromkeys(str(one["subject"]).rpartition(" on ")[2] for one in found)
    details = [one["details"].partition("\n")[0][:_MOST] for one in found]
    order = sorted(found, key=_distance, reverse=True)
    return Cause(
        suite,
        model,
        metric,
        _value(order[0]),
        ", ".join(one for one in subjects if one != model),
        next((one for one in details if one and not one.startswith(_OF_A_VALUE)), ""),
        list(dict.fromkeys(one["test"] for one in found)),
        order,
        [texts[test] for test in dict.fromkeys(one["test"] for one in found)],
    )


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
