"""What a test tells the collector, as text in properties of pytest's reports, which xdist sends between processes."""

from typing import Any, Final

import pytest

OUTCOME: Final = "outcome"
"""An outcome as JSON; empty for a test whose assertions are the judgement, until it ends."""
NOT_CHECKED: Final = "not_checked"
COULD_NOT_RUN: Final = "could_not_run"
NOTE: Final = "note"
MODEL: Final = "model"
WAIVED: Final = "waived"
EVIDENCE: Final = "evidence"
RAISED: Final = "raised"
"""Of a test that ended with an exception: its type."""
SHA256: Final = "sha256"
"""Of the file that a test judged."""


def values(report: pytest.TestReport, name: str) -> list[Any]:
    """All values of a property."""
    return [value for key, value in report.user_properties if key == name]


def model_of(report: pytest.TestReport) -> str | None:
    """The model of a test; None if it has none, or if its xdist worker crashed."""
    return next(iter(values(report, MODEL)), None)


def is_gate(nodeid: str) -> bool:
    """Whether a test belongs to a suite."""
    return nodeid.startswith("suites/")


def suite_of(nodeid: str) -> str:
    """The suite of a test."""
    return nodeid.split("::")[0].split("/")[1]
