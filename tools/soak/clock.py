"""A clock that jumps, and files whose times lie: a result is always that of the content, never one that was kept.

Each trial is a few runs of one command with one store. Before each, the clock moves by up to thirty years either way,
and the file is changed, keeps its size, and at times its old time; or only its time changes.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pyarrow.parquet

from .part import Part, Result, Trial, Verdict

_LIMIT_S: Final = 120.0
_RUNS: Final = 3
_YEAR: Final = 365 * 86_400
_SHIFTS: Final = (0, 0, -1, 3600, -3600, -86_400, 86_400, -30 * _YEAR, 30 * _YEAR)
_A, _B, _C = "root/ref/A_25fps.yuv", "root/dis/A_1_90_100.yuv", "root/dis/A_2_180_200.yuv"
_CHANGES: Final = ("nothing", "rewritten", "rewritten, old time", "replaced, old time", "future", "1970")
_RAW: Final = ("--size", "64x48", "--pix-fmt", "yuv420p")
_BYTES: Final = 64 * 48 * 3 // 2 * 4
# Python imports a module of this name when it starts.
_SITE: Final = """\
import os, time
_shift, _time, _time_ns = float(os.environ["SOAK_CLOCK"]), time.time, time.time_ns
time.time = lambda: _time() + _shift
time.time_ns = lambda: _time_ns() + int(_shift * 1e9)
"""
COMMANDS: Final = {
    "score": ("score", _A, _B, *_RAW, "--out", "OUT"),
    "score of two": ("score", _A, _B, _C, *_RAW, "--out", "OUT"),
    "extract": ("extract", "--data-root", "root", "--assume-dims", "64x48", "--jobs", "1", "--out", "OUT"),
}


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """A corpus with two versions of one clip."""
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(_SITE, encoding="utf-8")
    dice = random.Random(20)
    for name in (_A, _C):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(dice.randbytes(_BYTES))
    reference, path = folder / _A, folder / _B
    versions = (dice.randbytes(_BYTES), bytes(b // 2 for b in reference.read_bytes()))
    expected = dict[tuple[str, int], Any]()

    def run(name: str, cache: Path, shift: float) -> Any:
        out = folder / ("t.parquet" if name == "extract" else "s.csv")
        out.unlink(missing_ok=True)
        environment = os.environ | {"TINYVMAF_CACHE": str(cache), "SOAK_CLOCK": str(shift)}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder / "site"), os.environ.get("PYTHONPATH")]))
        done = subprocess.run(
            [sys.executable, "-m", "tinyvmaf", *(word.replace("OUT", str(out)) for word in COMMANDS[name])],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
        if done.returncode or "Traceback" in done.stderr:
            raise RuntimeError(f"status {done.returncode}, clock {shift:+.0f} s: {done.stderr[-500:]}")
        if name == "extract":
            return pyarrow.parquet.read_table(out).to_pydict()
        return [line for line in out.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]

    def trial(number: int, chance: Random) -> Result:
        name = list(COMMANDS)[number % len(COMMANDS)]
        cache, version = folder / f"cache-{number}", 0
        path.write_bytes(versions[version])
        os.utime(path, (time.time() - 1000,) * 2)  # old enough that its content is remembered
        done = list[str]()
        for _ in range(_RUNS):
            before = path.stat()
            what = chance.choice(
                ("nothing", "rewritten", "rewritten, old time", "replaced, old time", "future", "1970")
            )
            if what.startswith("re"):
                version = 1 - version
                if what.startswith("replaced"):
                    path.unlink()
                path.write_bytes(versions[version])
            if "old time" in what:
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            elif what == "future":
                os.utime(path, (time.time() + _YEAR,) * 2)
            elif what == "1970":
                os.utime(path, (0, 0))
            shift = chance.choice(_SHIFTS)
            done.append(f"{what}, clock {shift:+d} s")
            if (name, version) not in expected:
                expected[name, version] = run(name, folder / f"plain-{name}-{version}", 0)
            if run(name, cache, shift) != expected[name, version]:
                return Result(name, Verdict.WRONG, f"not the score of the content: {'; '.join(done)}")
        return Result(name, Verdict.SAME, "; ".join(done))

    yield trial


PART = Part("clock", "a clock that jumps, and files whose times lie", opened, (_RUNS + 2) * _LIMIT_S)
