"""What each suite found, of one model or of none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class SuiteBlock:
    """What one suite found."""

    suite: str
    outcomes: Entries
    """Those that failed come first."""
    tests: Entries
    failed: bool

    @classmethod
    def each(cls, outcomes: Entries, tests: Entries, suites: Sequence[str]) -> list["SuiteBlock"]:
        """A block for each suite that found anything, in their order."""
        blocks = []
        for suite in suites:
            here = sorted(
                (found for found in outcomes if found["suite"] == suite),
                key=lambda found: ("fail", "waived", "pass").index(found["status"]),
            )
            ran = [test for test in tests if test["suite"] == suite]
            if here or ran:
                blocks.append(cls(suite, here, ran, any(one["status"] == "fail" for one in (*here, *ran))))
        return blocks
