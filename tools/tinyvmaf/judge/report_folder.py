"""The folder of a report. A run of suites replaces the report of the run before, when it ends and not earlier."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.judge import report, verdict


def prepare(folder: Path) -> None:
    """Make the folder, so that a run does not find out at its end that it cannot write there.

    Raises:
        TinyvmafError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TinyvmafError(f"{folder}: {error.strerror}", hint="--report DIR: where the report goes") from error


def remove(folder: Path) -> None:
    """Remove a report, so that nobody takes it for that of a run that gave none.

    Raises:
        TinyvmafError: it cannot be removed.
    """
    try:
        for name in verdict.FILES:
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
        report.write(folder, record, evidence)
        verdict.write(folder, record, evidence)
    except BaseException:
        remove(folder)
        raise
