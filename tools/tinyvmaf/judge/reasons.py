"""Why tests did not pass: each reason is said once, in the record and in its text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

AS: Final = "as "
"""Begins a reason that another test gave first; that test follows."""


def as_first(seen: dict[tuple[str | None, str], str], model: str | None, test: str, why: str) -> str:
    """What a test says of why it did not pass: the reason, or the test that gave it first."""
    first = seen.setdefault((model, why), test)
    return why if first == test else f"{AS}{first}"


def once(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The texts of findings, each reason once: with its remedy, and how many tests it stopped."""
    found = []
    for first, *others in by_reason(entries):
        lines = first["text"].splitlines()
        if others and first["test"]:
            lines[0] = lines[0].removeprefix(f"{first['test']}: ")
            who = f"{first['model']}: " if first["model"] and first["model"] not in lines[0] else ""
            suites = Counter(entry["suite"] for entry in (first, *others))
            lines[0] = f"{who}{lines[0]} ({', '.join(f'{count} tests of {suite}' for suite, count in suites.items())})"
        found.append("\n".join(lines[:2] if lines[1:2] and lines[1].startswith("  hint: ") else lines[:1]))
    return list(dict.fromkeys(found))


def by_reason(entries: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Findings of one reason together, the one that gives it first."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        test, text = entry["test"], entry["text"]
        why = text.removeprefix(f"{test}: ")
        groups.setdefault(why.removeprefix(AS) if test and why.startswith(AS) else test or text, []).append(entry)
    return list(groups.values())
