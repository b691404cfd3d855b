"""What the page and the comment both show: a table of models and suites, and texts grouped by who they are about."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tinyvmaf.judge.reasons import by_reason
from tinyvmaf.judge.report.words import MARKS
from tinyvmaf.measure.charts.words import DASH

NO_MODEL: Final = "(no single model)"
_WORST_FIRST: Final = ("fail", "could not run", "waived", "pass", "not checked")
_STATUSES: Final = {"failures": "fail", "could_not_run": "could not run", "not_checked": "not checked"}


@dataclass(frozen=True)
class Cell:
    """What a suite found on a model."""

    status: str
    """The worst status of its tests; a dash if there are none."""
    not_checked: int
    """How many things it could not check."""

    def words(self) -> str:
        """Sign and word."""
        words = f"{MARKS[self.status]} {self.status}".strip()
        return f"{words}, {self.not_checked} not checked" if self.not_checked and self.status == "pass" else words


def findings(verdict: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every entry of a record that failed, could not run or was not checked, with that status."""
    for kind, status in _STATUSES.items():
        for entry in verdict[kind]:
            yield status, entry


def matrix(verdict: Mapping[str, Any]) -> list[tuple[str, list[Cell]]]:
    """A row for each model, a cell for each suite; a last row for tests of no single model, if there are any."""
    models: list[str | None] = [model["id"] for model in verdict["models"]]
    statuses: dict[tuple[str | None, str], list[str]] = {}
    for test in verdict["tests"]:
        statuses.setdefault((test["model"], test["suite"]), []).append(test["status"])
    for status, entry in findings(verdict):
        if entry["suite"] is not None:
            statuses.setdefault((entry["model"], entry["suite"]), []).append(status)
    others = [model for model, _ in statuses if model not in models]
    rows = [*models, *sorted({m for m in others if m is not None}), *([None] if None in others else [])]
    unchecked = Counter((entry["model"], entry["suite"]) for entry in verdict["not_checked"])
    return [
        (
            NO_MODEL if model is None else model,
            [Cell(_worst(statuses.get((model, s), ())), unchecked[model, s]) for s in suites(verdict)],
        )
        for model in rows
    ]


def tiles(verdict: Mapping[str, Any]) -> list[tuple[str, int]]:
    """How many checks there were, and how many ended in which way, which adds up to it."""
    statuses = Counter(test["status"] for test in verdict["tests"])
    known = {test["test"] for test in verdict["tests"]}
    for status, entry in findings(verdict):
        if entry["test"] not in known:  # what is outside of any test is a check of its own
            statuses[status] += 1
    words = ("pass", "passed"), ("fail", "failed"), ("waived",) * 2, ("could not run",) * 2, ("not checked",) * 2
    return [("checks", sum(statuses.values())), *((word, statuses[status]) for status, word in words)]


def unchecked(verdict: Mapping[str, Any]) -> str:
    """How many checks were not made, and how many only in part."""
    whole = dict(tiles(verdict))["not checked"]
    made = {test["test"] for test in verdict["tests"] if test["status"] != "not checked"}
    parts = len({entry["test"] for entry in verdict["not_checked"] if entry["test"] in made})
    words = [f"{whole:,} check{'' if whole == 1 else 's'}"] if whole or not parts else []
    return ", ".join([*words, *([f"parts of {parts:,} others"] if parts else [])])


def suites(verdict: Mapping[str, Any]) -> list[str]:
    """Every suite that ran or is named by an entry, in the order of the run."""
    named = [*verdict["suites"], *(t["suite"] for t in verdict["tests"]), *(o["suite"] for o in verdict["outcomes"])]
    return list(dict.fromkeys([*named, *(entry["suite"] for _, entry in findings(verdict) if entry["suite"])]))


def who(entry: Mapping[str, Any]) -> str:
    """Suite and model that an entry is about."""
    return ", ".join(entry[key] for key in ("suite", "model") if entry[key]) or "the run"


def together(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Each reason once, without the name of a test, with all suites and models that it is about."""
    grouped: dict[str, list[str]] = {}
    for first, *others in by_reason(entries):
        names = grouped.setdefault(first["text"].removeprefix(f"{first['test']}: "), [])
        names += [name for name in map(who, (first, *others)) if name not in names]
    return [(text, list(dict.fromkeys(names))) for text, names in grouped.items()]


def _worst(statuses: Sequence[str]) -> str:
    return next((status for status in _WORST_FIRST if status in statuses), DASH)
