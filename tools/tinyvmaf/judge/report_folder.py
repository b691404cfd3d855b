"""The folder of a report. A run of suites replaces the report of the run before, when it ends and not earlier."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.judge import verdict

UNFINISHED: Final = "unfinished.txt"
"""Lies in the folder while a run of suites goes on, and where one was killed."""
_NOTICE: Final = "A run of suites has begun and has not ended. This report is that of the run before.\n"


def begin(folder: Path) -> None:
    """Note in the folder that a run has begun, so that nobody takes the report there for that of a run that is killed.

    Raises:
        TinyvmafError: the folder cannot be written to.
    """
    try:
        write_atomic(folder / UNFINISHED, _NOTICE)
    except OSError as error:
        raise TinyvmafError(f"{folder}: {error.strerror}", hint="--report DIR: where the report goes") from error


def remove(folder: Path) -> None:
    """Remove a report, so that nobody takes it for that of a run that gave none.

    Raises:
        TinyvmafError: it cannot be removed.
    """
    try:
        for name in (*verdict.FILES, UNFINISHED):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise TinyvmafError(f"{folder}: {error.strerror}", hint="--report DIR: where the report goes") from error


def publish(folder: Path, record: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
    """Replace the report in the folder. verdict.json is written last: where a page fails, it must not say PASS.

    Raises:
        TinyvmafError: the folder cannot be written to, or the record lacks a field. Nothing of a report is there then.
    """
    verdict.check(record)
    remove(folder)
    try:
        from tinyvmaf.judge import report  # slow to import, and a part of a run writes none

        report.write(folder, record, evidence)
        verdict.write(folder, record, evidence)
    except BaseException:
        remove(folder)
        raise
