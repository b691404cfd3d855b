"""A disk that is full, at a random moment: TMPDIR, the cache, or the folder of the outputs, by bytes or by files.

A command gives its whole result, or a sentence that speaks of the disk, with status 1. It leaves nothing half-written:
what it has written is whole, and the same command with room on the disk gives the same result afterwards.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import pyarrow.parquet

from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

from .part import Part, Result, Trial, Verdict

_LIMIT_S: Final = 120.0
PLACES: Final = ("tmp", "cache", "out")
_DISK: Final = ("space", "disk", "too large", "room", "full", "File size limit")
# A small file system of its own where that is allowed, which is gone with the command: its content is copied.
_SMALL: Final = """\
mount -t tmpfs -o "size=$1,nr_inodes=$2" none "$3" || exit 99
place=$3 copy=$4; shift 4; "$@"; status=$?
cp -a "$place/." "$copy/" 2>/dev/null
exit $status
"""
_LIMITED: Final = 'ulimit -f "$1"; shift; exec "$@"'


@dataclass(frozen=True)
class Task:
    """A command, and what it gives."""

    words: tuple[str, ...]
    """`OUT` stands for the folder of the outputs."""
    result: Callable[[Path], Any]
    """Of a folder of outputs; None: nothing is there. Raises if something is there that is not whole."""


def _csv(folder: Path) -> Any:
    path = folder / "scores.csv"
    return path.read_text(encoding="utf-8") if path.exists() else None


def _json(folder: Path) -> Any:
    path = folder / "scores.json"
    return json.loads(path.read_text(encoding="utf-8"))["frames"] if path.exists() else None


def _page(folder: Path) -> Any:
    path = folder / "page.html"
    return path.read_text(encoding="utf-8").rstrip().endswith("</html>") if path.exists() else None


def _table(folder: Path) -> Any:
    path = folder / "table.parquet"
    return pyarrow.parquet.read_table(path).to_pydict() if path.exists() else None


TASKS: Final = {
    "score": Task(("score", "ref.y4m", "dis.y4m", "--out", "OUT/scores.csv"), _csv),
    "score --model": Task(
        ("score", "ref.y4m", "dis.y4m", "--model", "tinyvmaf_nano", "--out", "OUT/scores.json"), _json
    ),
    "score --plot": Task(("score", "ref.y4m", "dis.y4m", "--plot", "OUT/page.html"), _page),
    "extract": Task(
        ("extract", "--data-root", "root", "--assume-dims", "64x48", "--jobs", "1", "--out", "OUT/table.parquet"),
        _table,
    ),
}


def make_inputs(folder: Path) -> None:
    """A pair, and a corpus of two clips."""
    dice = random.Random(20)
    for name in ("root/ref", "root/dis"):
        (folder / name).mkdir(parents=True)
    for name in ("root/ref/A_25fps.yuv", "root/dis/A_1_90_100.yuv", "root/dis/A_2_180_200.yuv"):
        (folder / name).write_bytes(dice.randbytes(64 * 48 * 3 // 2 * 4))
    base = [str(find_ffmpeg(None).path), "-v", "error", "-nostdin", "-y", "-f", "lavfi"]
    for name, noise in (("ref", 3), ("dis", 30)):
        source = f"testsrc2=s=64x48:r=25,noise=alls={noise}:all_seed=3"
        command = [*base, "-i", source, "-frames:v", "6", "-pix_fmt", "yuv420p", str(folder / f"{name}.y4m")]
        subprocess.run(command, check=True, timeout=_LIMIT_S)


def namespaces() -> bool:
    """Whether this process may mount a file system of its own."""
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /tmp"]
    return subprocess.run(command, capture_output=True, check=False, timeout=_LIMIT_S).returncode == 0


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """Inputs, and what each command gives on a disk with room, when a trial first needs it."""
    make_inputs(folder)
    mounts, expected = namespaces(), dict[str, Any]()
    places = {name: folder / name for name in PLACES}

    def fresh() -> None:
        for place in (*places.values(), folder / "copy"):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()

    def run(task: Task, *before: str) -> subprocess.CompletedProcess[str]:
        words = [word.replace("OUT", str(places["out"])) for word in task.words]
        environment = os.environ | {"TMPDIR": str(places["tmp"]), "TINYVMAF_CACHE": str(places["cache"])}
        return subprocess.run(
            [*before, sys.executable, "-m", "tinyvmaf", *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )

    def trial(number: int, chance: Random) -> Result:
        name = list(TASKS)[number % len(TASKS)]
        task, place = TASKS[name], chance.choice(PLACES)
        if name not in expected:
            fresh()
            done = run(task)
            assert done.returncode == 0, done.stderr
            expected[name] = task.result(places["out"])
            assert expected[name]
        fresh()
        size = int(2 ** chance.uniform(0, 9))
        if mounts and chance.random() < 0.7:
            files = chance.choice((0, 0, 0, 2, 3, 4, 6, 10))
            before = ["unshare", "-rm", "sh", "-c", _SMALL, "small", f"{max(4, size)}k", str(files)]
            done, limit = run(task, *before, str(places[place]), str(folder / "copy")), f"{size} kB, {files} files"
            if place == "out":
                shutil.copytree(folder / "copy", places["out"], dirs_exist_ok=True)
        else:
            place, limit = "every file", f"{size} blocks of 512 bytes"
            done = run(task, "sh", "-c", _LIMITED, "small", str(size))
        return _judged(f"{name}, {place}", limit, done, task, expected[name], places, run)

    yield trial


def _judged(
    what: str,
    limit: str,
    done: subprocess.CompletedProcess[str],
    task: Task,
    expected: Any,
    places: dict[str, Path],
    run: Callable[[Task], subprocess.CompletedProcess[str]],
) -> Result:
    detail = f"{limit}: status {done.returncode}: {done.stderr[-600:].strip()}"
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        return Result(what, Verdict.CRASH, detail)
    try:
        found = task.result(places["out"])
    except Exception as error:
        return Result(what, Verdict.WRONG, f"half-written: {error!r}; {detail}")
    if found != expected and (found is not None or done.returncode == 0):
        return Result(what, Verdict.WRONG, f"another result; {detail}")
    if done.returncode and not any(word in done.stderr for word in _DISK):
        return Result(what, Verdict.WRONG, f"does not speak of the disk; {detail}")
    left = [path for place in (places["tmp"], places["out"]) for path in place.iterdir() if "tinyvmaf-" in path.name]
    if left:
        return Result(what, Verdict.LEFT, f"{[path.name for path in left]}; {detail}")
    again = run(task)
    if again.returncode or task.result(places["out"]) != expected:
        return Result(what, Verdict.WRONG, f"afterwards status {again.returncode}: {again.stderr[-300:]}; {detail}")
    return Result(what, Verdict.REFUSED if done.returncode else Verdict.SAME, detail)


PART = Part("disk", "a full disk: TMPDIR, the cache or the outputs, at random moments", opened, 3 * _LIMIT_S)
