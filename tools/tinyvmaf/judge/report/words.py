"""The words of a verdict and of its tests, for people."""

from collections.abc import Mapping
from typing import Final

from tinyvmaf.measure.charts.words import DASH

MARKS: Final[Mapping[str, str]] = {
    "pass": "✓",
    "fail": "✗",
    "waived": "≈",
    "could not run": "!",
    "not checked": "○",
    DASH: "",
}
"""A sign for each status. It stands beside the word and never replaces it."""

SENTENCES: Final[Mapping[str, str]] = {
    "PASS": "Everything that was judged is within its bound.",
    "FAIL": "Something that was judged is outside its bound.",
    "COULD NOT RUN": "Nothing is outside a bound, but a gate lacked what it needs, or nothing was judged.",
    "NONE": "The run was stopped before its end, so there is no verdict.",
}
"""What each verdict means."""


def test_name(nodeid: str) -> str:
    """The test in a node id, without its file."""
    return nodeid.rsplit("::", 1)[-1] if "::" in nodeid.partition("[")[0] else nodeid


def sentence_of(nodeid: str, known: str | None = None) -> str:
    """A test's name as words, `the file keeps the contract`, without a parameter that is already known."""
    name, _, parameters = nodeid.removesuffix(f"[{known}]").partition("[")
    return name.rsplit("::", 1)[-1].removeprefix("test_").replace("_", " ") + (f" [{parameters}" if parameters else "")
