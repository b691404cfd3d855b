"""Two runs of suites at once, into one report folder or two, at times one of them killed: each report tells of its run.

What is run is the golden suite of this checkout. The reports are in a private folder.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, Final

from tinyvmaf import children
from tinyvmaf.files import home
from tinyvmaf.judge.verdict import COULD_NOT_RUN, EXIT, PASS

from .part import Part, Result, Trial, Verdict

_LIMIT_S: Final = 300.0
_IN_USE: Final = "another run of suites writes its report there"
_SUITE: Final = "golden"
_LONGEST_DELAY_S: Final = 5.0


def _started(report: Path, scratch: Path) -> "subprocess.Popen[str]":
    command = children.python("pytest", "-p", "no:cacheprovider", "-q", f"suites/{_SUITE}", "--report", str(report))
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    environment = os.environ | {"PYTHONOPTIMIZE": "", "TMPDIR": str(scratch)}
    return subprocess.Popen(command, cwd=home(), text=True, env=environment, **pipes)


def _verdict(report: Path) -> str:
    """The verdict of a whole report."""
    assert (report / "index.html").read_text(encoding="utf-8").rstrip().endswith("</html>"), "half a page"
    assert (report / "junit.xml").stat().st_size > 0
    return str(json.loads((report / "verdict.json").read_text(encoding="utf-8"))["verdict"])


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """The folder, and one for temporary files: pytest leaves its own there."""
    scratch = folder / "tmp"
    scratch.mkdir()

    def trial(number: int, chance: Random) -> Result:
        what = ("one folder", "two folders", "one folder, the first killed")[number % 3]
        one = folder / f"{number}-a"
        two = folder / f"{number}-b" if what == "two folders" else one
        first = _started(one, scratch)
        time.sleep(chance.uniform(0.0, _LONGEST_DELAY_S))
        if what.endswith("killed"):
            first.kill()
            first.communicate(timeout=_LIMIT_S)
        second = _started(two, scratch)
        try:
            outputs = [process.communicate(timeout=_LIMIT_S)[0] for process in (first, second)]
        finally:
            for process in (first, second):
                with suppress(OSError):
                    process.kill()
        statuses = [process.returncode for process in (first, second)]
        detail = f"statuses {statuses}: {outputs[1][-400:]}"
        if left := sorted(path.name for path in scratch.glob("tinyvmaf-*")):
            return Result(what, Verdict.LEFT, f"{left}; {detail}")
        found = _verdict(two)
        if found != PASS or (two != one and _verdict(one) != PASS):
            return Result(what, Verdict.WRONG, f"the report says {found}; {detail}")
        fine = [EXIT[PASS], EXIT[PASS]]
        if what.endswith("killed"):
            return Result(what, Verdict.SAME if statuses == [-signal.SIGKILL, EXIT[PASS]] else Verdict.WRONG, detail)
        if statuses == fine:
            return Result(what, Verdict.SAME)
        loser = statuses.index(EXIT[COULD_NOT_RUN]) if EXIT[COULD_NOT_RUN] in statuses else -1
        if two != one or sorted(statuses) != sorted([EXIT[PASS], EXIT[COULD_NOT_RUN]]) or _IN_USE not in outputs[loser]:
            return Result(what, Verdict.WRONG, detail)
        return Result(what, Verdict.REFUSED)

    yield trial


PART = Part("gates", "two runs of suites at once", opened, 3 * _LIMIT_S)
