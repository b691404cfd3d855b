"""What a run of gates found, for people and for CI: a page, a comment on a pull request, JUnit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.judge.report.junit import junit
from tinyvmaf.judge.report.markdown import summary
from tinyvmaf.judge.report.page import page

PAGE_FILE: Final = "index.html"
SUMMARY_FILE: Final = "summary.md"
JUNIT_FILE: Final = "junit.xml"


def write(folder: Path, verdict: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
    """Write the page, the summary and the JUnit file into a folder, each whole or not at all.

    Args:
        folder: made if it is missing.
        verdict: as in verdict.json.
        evidence: what only the charts of the page need.

    Raises:
        TinyvmafError: the folder cannot be written to.
    """
    files = {JUNIT_FILE: junit(verdict), SUMMARY_FILE: summary(verdict), PAGE_FILE: page(verdict, evidence)}
    try:
        for name, content in files.items():
            write_atomic(folder / name, content)
    except OSError as error:
        raise TinyvmafError(f"{folder}: {error.strerror}", hint="--report DIR: where results go") from error


__all__ = ["JUNIT_FILE", "PAGE_FILE", "SUMMARY_FILE", "junit", "page", "summary", "write"]
