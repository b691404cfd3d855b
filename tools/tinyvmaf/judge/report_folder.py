"""The folder of a report. A run of suites replaces the report of the run before, when it ends and not earlier.

One run at a time: a run locks its folder until it has ended.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filelock import FileLock, Timeout

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.judge import verdict
from tinyvmaf.measure import environment
from tinyvmaf.project import project

if TYPE_CHECKING:
    import pytest

UNFINISHED: Final = "unfinished.txt"
"""Lies in the folder while a run of suites goes on, and where one was killed."""
LOCK: Final = ".lock"
"""Is locked by the run whose report comes into the folder."""
_GOES_ON: Final = " has begun and has not ended."
_HINT: Final = "--report DIR: where the report goes"


class FolderInUseError(TinyvmafError):
    """Another run of suites writes its report to this folder."""


def of(config: "pytest.Config") -> Path:
    """The folder of a run of pytest: that of `--report`, in the project."""
    root = config.rootpath if project().is_home else project().root
    return root / (config.getoption("--report") or "report")


def begin(folder: Path, command: str) -> FileLock:
    """Lock the folder, and note in it that a run has begun: the report there is not that of this run.

    Args:
        command: what was typed.

    Returns:
        The lock, which is held until it is released or this process ends.

    Raises:
        FolderInUseError: another run has locked it.
        TinyvmafError: the folder cannot be written to.
    """
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        who = f"{command!r} (process {os.getpid()}, {environment.now()})"
        write_atomic(folder / UNFINISHED, f"{who}{_GOES_ON}\nA report here is that of the run before.\n")
    except Timeout as error:
        raise FolderInUseError(
            f"{folder}: another run of suites writes its report there: {_other(folder)}",
            hint="wait until it has ended, or --report DIR",
        ) from error
    except (OSError, NotImplementedError) as error:
        lock.release()
        raise TinyvmafError(f"{folder}: {getattr(error, 'strerror', None) or error}", hint=_HINT) from error
    return lock


def _other(folder: Path) -> str:
    try:
        return (folder / UNFINISHED).read_text(encoding="utf-8").partition("\n")[0].removesuffix(_GOES_ON)
    except (OSError, ValueError):  # it has just begun, or is about to end
        return "unknown"


def remove(folder: Path) -> None:
    """Remove a report, so that nobody takes it for that of a run that gave none.

    Raises:
        TinyvmafError: it cannot be removed.
    """
    try:
        for name in (*verdict.FILES, UNFINISHED):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise TinyvmafError(f"{folder}: {error.strerror}", hint=_HINT) from error


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
