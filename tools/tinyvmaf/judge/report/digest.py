"""What page and comment both say of a record: which suite said what of which model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tinyvmaf.judge.report.words import DASH, MARKS

NO_MODEL: Final = "(no single model)"
_GRAVEST_FIRST: Final = ("fail", "could not run", "waived", "pass", "not checked")


@dataclass(frozen=True)
class Cell:
    """What a suite said of a model."""

    status: str
    """A status of a test, the gravest; a dash where the suite had nothing to say."""
    not_checked: int
    """How many things it could not look at."""

    def words(self) -> str:
        """Sign and word."""
        said = f"{MARKS[self.status]} {self.status}".strip()
        return f"{said}, {self.not_checked} not checked" if self.not_checked and self.status == "pass" else said


def matrix(verdict: Mapping[str, Any]) -> list[tuple[str, list[Cell]]]:
    """A row of cells, one a suite, for each model; the last one for what is about no single model, if anything is."""
    models: list[str | None] = [model["id"] for model in verdict["models"]]
    said: dict[tuple[str | None, str], list[str]] = {}
    for test in verdict["tests"]:
        said.setdefault((test["model"], test["suite"]), []).append(test["status"])
    for kind, status in (("failures", "fail"), ("could_not_run", "could not run"), ("not_checked", "not checked")):
        for entry in verdict[kind]:
            if entry["suite"] is not None:
                said.setdefault((entry["model"], entry["suite"]), []).append(status)
    others = [model for model, _ in said if model not in models]
    rows = [*models, *sorted({m for m in others if m is not None}), *([None] if None in others else [])]
    unseen: dict[tuple[str | None, str], int] = {}
    for entry in verdict["not_checked"]:
        if entry["suite"] is not None:
            unseen[entry["model"], entry["suite"]] = unseen.get((entry["model"], entry["suite"]), 0) + 1
    return [
        (
            NO_MODEL if model is None else model,
            [Cell(_gravest(said.get((model, s), ())), unseen.get((model, s), 0)) for s in suites(verdict)],
        )
        for model in rows
    ]


def suites(verdict: Mapping[str, Any]) -> list[str]:
    """Every suite that ran or that something is said of, in the order of the run."""
    named = [*verdict["suites"], *(t["suite"] for t in verdict["tests"]), *(o["suite"] for o in verdict["outcomes"])]
    named += [e["suite"] for kind in ("failures", "could_not_run", "not_checked") for e in verdict[kind] if e["suite"]]
    return list(dict.fromkeys(named))


def who(entry: Mapping[str, Any]) -> str:
    """Suite and model of something that was said."""
    return ", ".join(entry[key] for key in ("suite", "model") if entry[key]) or "the run"


def together(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    """Texts, each once, with everybody whom it is said of."""
    grouped: dict[str, list[str]] = {}
    for entry in entries:
        names = grouped.setdefault(entry["text"], [])
        if who(entry) not in names:
            names.append(who(entry))
    return list(grouped.items())


def _gravest(statuses: Sequence[str]) -> str:
    return next((status for status in _GRAVEST_FIRST if status in statuses), DASH)
