"""Runs the trials of a part one after another, and counts."""

import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import psutil

from tinyvmaf import children

from .part import BAD, Part, Result, Trial, Verdict

GRACE_S = 2.0
"""How long a process may take to end."""

_DEPTH = 6
"""How much of a traceback is shown."""


class HangError(BaseException):
    """A trial took too long. No trial may catch it, so it is no Exception."""


@dataclass
class Count:
    """What became of the trials of a part."""

    part: str
    seed: int
    of: Counter[tuple[str, Verdict]] = field(default_factory=Counter)
    bad: list[tuple[int, Result]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        """Trials that said something."""
        return sum(number for (_, verdict), number in self.of.items() if verdict is not Verdict.NOT_TRIED)

    def add(self, number: int, result: Result) -> None:
        """Count one."""
        self.of[result.what, result.verdict] += 1
        if result.verdict in BAD:
            self.bad.append((number, result))


def run(part: Part, seed: int, numbers: range, seconds: float, count: Count) -> None:
    """Try until the numbers or the seconds are over. `count` is filled meanwhile, so that Ctrl-C loses nothing."""
    begun = time.monotonic()
    try:
        with _private() as (folder, scratch), part.opened(folder) as trial:
            children.group()  # the guard of all programs, which stays
            before = _children(), _files(scratch)
            for number in numbers:
                if time.monotonic() - begun >= seconds or (part.cases is not None and number >= part.cases):
                    break
                peak = _peak_mb()
                result = _tried(part, trial, number, Random(f"{part.name} {seed} {number}"))
                if part.watched and result.verdict not in BAD:
                    result = _left(before, scratch) or result
                if part.memory_mb < _peak_mb() > peak and result.verdict not in BAD:
                    result = Result(result.what, Verdict.MEMORY, f"{_peak_mb()} MB, {result.verdict.value}")
                count.add(number, result)
                if result.verdict in BAD:
                    _report(part, seed, number, result)
    finally:
        count.seconds += time.monotonic() - begun


def _tried(part: Part, trial: Trial, number: int, chance: Random) -> Result:
    def late(_number: int, _frame: FrameType | None) -> None:
        raise HangError

    was: Any = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, part.limit_s)
    try:
        return trial(number, chance)
    except HangError:
        return Result("any", Verdict.HANG, f"over {part.limit_s:.0f} s\n{traceback.format_exc(-_DEPTH)}")
    except Exception:
        return Result("any", Verdict.CRASH, traceback.format_exc(-_DEPTH))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, was)


@contextmanager
def _private() -> Iterator[tuple[Path, Path]]:
    """A folder for the part, and a TMPDIR and a cache that are only its own."""
    names = {"TMPDIR": "scratch", "TINYVMAF_CACHE": "cache"}
    was, before = {name: os.environ.get(name) for name in names}, tempfile.tempdir
    top = Path(tempfile.mkdtemp(prefix="soak-"))
    for name, folder in names.items():
        (top / folder).mkdir()
        os.environ[name] = str(top / folder)
    (top / "work").mkdir()
    tempfile.tempdir = str(top / "scratch")
    try:
        yield top / "work", top / "scratch"
    finally:
        tempfile.tempdir = before
        for name, value in was.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        shutil.rmtree(top, ignore_errors=True)


def _peak_mb() -> int:
    """The most memory that a child took which has ended."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit // 1_000_000


def _children() -> dict[int, str]:
    found = {}
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if one.status() != psutil.STATUS_ZOMBIE:
                found[one.pid] = " ".join(one.cmdline())[:200]
    return found


def _files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _left(before: tuple[dict[int, str], set[str]], scratch: Path) -> Result | None:
    """What is still there after the grace."""
    end = time.monotonic() + GRACE_S
    while True:
        processes = {pid: line for pid, line in _children().items() if pid not in before[0]}
        files = _files(scratch) - before[1]
        if not processes and not files:
            return None
        if time.monotonic() >= end:
            break
        time.sleep(0.05)
    for pid in processes:  # so that the next trial is not blamed
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    before[1].update(files)
    return Result("any", Verdict.LEFT, f"processes {processes}, files {sorted(files)}")


def _report(part: Part, seed: int, number: int, result: Result) -> None:
    again = f"python -m soak {part.name} --seed {seed} --only {number}"
    print(f"{result.verdict.value}: {result.what}: {result.detail}\n    again: {again}", file=sys.stderr, flush=True)


def table(counts: list[Count]) -> str:
    """One row for each kind of attack."""
    shown = [one for one in Verdict if any(verdict is one for count in counts for _, verdict in count.of)]
    head = ["part", "attack", "trials", *(one.value for one in shown)]
    rows = [head, ["---"] * len(head)]
    for count in counts:
        for what in sorted({what for what, _ in count.of}):
            numbers = [count.of[what, one] for one in shown]
            rows.append([count.part, what, str(sum(numbers)), *map(str, numbers)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    ends = [
        f"{count.part}: {count.tried} trials in {count.seconds:.0f} s, {len(count.bad)} bad, seed {count.seed}"
        for count in counts
    ]
    return "\n".join([*lines, "", *ends])
