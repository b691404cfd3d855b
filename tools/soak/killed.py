"""Signals at random moments: nothing runs on, the next run removes what was left, and its numbers are the same."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil

from tinyvmaf.files import home

from .part import Part, Result, Trial, Verdict

GRACE_S = 2.0
"""A program that a command started and that is there later was left behind."""
PATIENCE_S = 15.0
"""The command itself has ended by then: it may be in the middle of an import on a busy machine."""
MARK = "TINYVMAF_SOAK_MARK"
"""A variable of a command and of all that it starts."""
JUDGED, SCORED = 2, 3
"""Numbers of the calls of a server."""
ORDER = ("score", "extract", "mcp", "train", "score", "extract", "mcp", "train", "extract", "gate")
SIGNALS = (signal.SIGKILL, signal.SIGHUP, signal.SIGTERM)
SIZE = (128, 96)
RECIPE = """
summary = "A quick student"
teacher = "vmaf_v0.6.1"
method = "B1"
architecture = "mlp_small"
seeds = [0]

[optimiser]
name = "adam"
steps = 200
batch = 64
learning_rate = 0.01
"""


class Place:
    """Where one command runs: its temporary folder, store and output, which the next run shares."""

    def __init__(self, folder: Path, data: Path, checkout: Path) -> None:
        self.folder, self.data, self.mark = folder, data, uuid.uuid4().hex
        self.temporary, self.out = folder / "tmp", folder / "out"
        for path in (self.temporary, self.out):
            path.mkdir(parents=True)
        own = {"TMPDIR": self.temporary, "TINYVMAF_CACHE": folder / "cache", "TINYVMAF_HOME": checkout}
        self.environment = os.environ | {name: str(path) for name, path in own.items()} | {MARK: self.mark}
        self.environment["PYTHONPATH"] = str(checkout / "tools")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """`tinyvmaf words`, in a session of its own."""
        with (self.folder / "stdout").open("wb") as out, (self.folder / "stderr").open("wb") as errors:
            return subprocess.Popen(
                [sys.executable, "-m", "tinyvmaf", *words],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )

    def printed(self) -> str:
        """What the last one wrote to stdout."""
        return (self.folder / "stdout").read_text(encoding="utf-8")

    def processes(self) -> dict[int, str]:
        """Process id to command line of all that runs with the mark."""
        found = {}
        for one in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if one.environ().get(MARK) == self.mark and one.status() != psutil.STATUS_ZOMBIE:
                    found[one.pid] = " ".join(one.cmdline())[:200]
        return found

    def left(self) -> list[str]:
        """Temporary files and folders, also hidden ones beside outputs."""
        hidden = [*self.out.rglob(".*tinyvmaf-*"), *(self.folder / "cache").rglob(".*tinyvmaf-*")]
        return sorted(str(path.relative_to(self.folder)) for path in [*self.temporary.iterdir(), *hidden])


def guards(pids: set[int]) -> dict[int, str]:
    """The guards (tinyvmaf/children.py) of these processes."""
    found = {}
    for one in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            *_, last = one.cmdline() or [""]
            if last in {f"guard of {pid}" for pid in pids} and one.status() != psutil.STATUS_ZOMBIE:
                found[one.pid] = last
    return found


def score(place: Place) -> subprocess.Popen[bytes]:
    """A pair; the other reads the frames of it."""
    return place.start("score", *pair(place), "--json")


def pair(place: Place) -> list[str]:
    """Words of `score`."""
    names = [str(place.data / name) for name in ("ref/A_25fps.yuv", "dis/A_1_90_100.yuv")]
    return [*names, "--size", "{}x{}".format(*SIZE), "--pix-fmt", "yuv420p", "--feature", "psnr"]


def extract(place: Place) -> subprocess.Popen[bytes]:
    """A corpus of three sources, twice three clips at a time."""
    words = ["--assume-dims", "{}x{}".format(*SIZE), "--out", str(place.out / "rows.parquet"), "--jobs", "3"]
    return place.start("extract", "--data-root", str(place.data), *words)


def train(place: Place) -> subprocess.Popen[bytes]:
    """A student on the embedded corpus."""
    recipe = place.folder / "quick.toml"
    recipe.write_text(RECIPE, encoding="utf-8")
    return place.start("train", "--recipe", str(recipe), "--folds", "none", "--out", str(place.out))


def gate(place: Place) -> subprocess.Popen[bytes]:
    """Two suites of one model, in a copy of the checkout."""
    model = Path(place.environment["TINYVMAF_HOME"], "model", "tinyvmaf_nano.onnx")
    chosen = ["-k", "golden_scores or any_finite_input", "--allow", "selection", "--jobs", "2"]
    return place.start("gate", "--model", str(model), *chosen, "--report", str(place.out / "report"))


def mcp(place: Place) -> subprocess.Popen[bytes]:
    """A server with two calls: a suite in a process of its own, and a score."""
    server = place.start("mcp", "--root", str(place.data))
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
    scored: dict[str, Any] = {"reference": "ref/A_25fps.yuv", "distorted": "dis/A_1_90_100.yuv"}
    scored |= {"size": "{}x{}".format(*SIZE), "pix_fmt": "yuv420p"}
    messages: list[tuple[str, dict[str, Any], int | None]] = [
        ("initialize", hello, 1),
        ("notifications/initialized", {}, None),
        ("tools/call", {"name": "run_gate", "arguments": {"suite": "contract", "model": "tinyvmaf_nano"}}, JUDGED),
        ("tools/call", {"name": "vmaf_score", "arguments": scored}, SCORED),
    ]
    assert server.stdin is not None
    for method, params, number in messages:
        message = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if number is None else {"id": number})
        server.stdin.write(json.dumps(message).encode() + b"\n")
    server.stdin.flush()
    return server


def of_file(*names: str) -> Callable[[Place], object]:
    """Digests of files of the output."""
    return lambda place: {name: hashlib.sha256((place.out / name).read_bytes()).hexdigest() for name in names}


def of_score(place: Place) -> object:
    """All that was printed."""
    return json.loads(place.printed())


def of_gate(place: Place) -> object:
    """The verdict, and how many outcomes and values are behind it."""
    found = json.loads((place.out / "report" / "verdict.json").read_text(encoding="utf-8"))
    return found["verdict"], found["counts"]


def of_mcp(place: Place) -> object:
    """The scores."""
    return {name: value for name, value in answers(place)[SCORED].items() if name != "seconds"}


def answers(place: Place) -> dict[int, Any]:
    """The results by number of the call."""
    found = [json.loads(line) for line in place.printed().splitlines() if line.endswith("}")]
    return {
        one["id"]: one["result"]["structuredContent"]
        for one in found
        if one.get("id") in (JUDGED, SCORED) and "result" in one
    }


COMMANDS: dict[str, tuple[Callable[[Place], subprocess.Popen[bytes]], Callable[[Place], object]]] = {
    "score": (score, of_score),
    "extract": (extract, of_file("rows.parquet")),
    "mcp": (mcp, of_mcp),
    "train": (train, of_file("quick.onnx")),
    "gate": (gate, of_gate),
}
"""How each is started, and what must be the same."""


def whole(name: str, place: Place, *, undisturbed: bool = False) -> object:
    """Run a command to its end; what must be the same. Of a server, the end is that of its calls, or of the score."""
    start, outcome = COMMANDS[name]
    process = start(place)
    try:
        if name == "mcp":
            while SCORED not in answers(place) or (undisturbed and JUDGED not in answers(place)):
                assert process.poll() is None, (place.folder / "stderr").read_text(encoding="utf-8")
                time.sleep(0.1)
            assert process.stdin is not None
            process.stdin.close()
        status = process.wait()
    finally:
        end(place, process)
    assert status == 0, f"{name}: status {status}: {(place.folder / 'stderr').read_text(encoding='utf-8')[-500:]}"
    return outcome(place)


def end(place: Place, process: subprocess.Popen[bytes]) -> None:
    """Leave nothing of a trial."""
    for pid in place.processes():
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def still_there(place: Place, process: subprocess.Popen[bytes], known: set[int]) -> dict[int, str]:
    """What runs once the grace is over, without the command itself and its guard while it runs."""
    until = time.monotonic() + GRACE_S
    while True:
        found = place.processes()
        known |= set(found)
        if process.poll() is None:
            found.pop(process.pid, None)
            found |= guards(known - {process.pid})
        else:
            found |= guards(known)
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.05)


class Killed:
    """The trials. What a command gives undisturbed is measured when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data, self._checkout = folder, folder / "data", folder / "checkout"
        self._known = dict[str, tuple[object, float]]()
        corpus(self._data)

    def __call__(self, number: int, chance: Random) -> Result:
        """One trial."""
        name, sign = ORDER[number % len(ORDER)], chance.choice(SIGNALS)
        expected, seconds = self._undisturbed(name)
        what, moment = f"{name} {sign.name}", chance.uniform(0.0, seconds)
        place = Place(self._folder / str(number), self._data, self._checkout)
        process = COMMANDS[name][0](place)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        known = set(place.processes())
        process.send_signal(sign)
        left = still_there(place, process, known)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            end(place, process)
            return Result(what, Verdict.HANG, f"{moment:.2f} s, and {PATIENCE_S:g} s later it still runs")
        left |= still_there(place, process, known)
        after = place.left()
        end(place, process)
        if left:
            return Result(what, Verdict.LEFT, f"{moment:.2f} s, {GRACE_S:g} s later: {left}")
        found = whole(name, place)
        if files := place.left():
            return Result(what, Verdict.LEFT, f"{moment:.2f} s: {files}; before the next run {after}")
        shutil.rmtree(place.folder)
        return Result(what, *((Verdict.SAME,) if found == expected else (Verdict.WRONG, f"{moment:.2f} s: {found}")))

    def _undisturbed(self, name: str) -> tuple[object, float]:
        if name not in self._known:
            if not self._checkout.exists():
                copy(self._checkout)
            place = Place(self._folder / name, self._data, self._checkout)
            begun = time.monotonic()
            found = whole(name, place, undisturbed=True)
            self._known[name] = found, time.monotonic() - begun
            assert not place.left(), f"{name}, undisturbed: {place.left()}"
        return self._known[name]


def copy(checkout: Path) -> None:
    """The files that git does not ignore, as they are now."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(words, cwd=home(), capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (home() / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(home() / name, checkout / name)


def corpus(root: Path) -> None:
    """Three sources of moving noise, with three distortions each."""
    width, height = SIZE
    for folder in ("ref", "dis"):
        (root / folder).mkdir(parents=True)
    for number, source in enumerate("ABC"):
        dice = np.random.default_rng(number)
        base = dice.normal(128, 30, (height, width + 60))
        for name, noise in (("ref/{}_25fps", 0), *((f"dis/{{}}_{n}_{90 * n}_{100 * n}", 5 * n) for n in (1, 2, 3))):
            path = root / f"{name.format(source)}.yuv"
            with path.open("wb") as file:
                for t in range(60):
                    luma = base[:, t : t + width] + noise * dice.normal(size=(height, width))
                    file.write(luma.clip(0, 255).astype(np.uint8).tobytes() + bytes([128]) * (width * height // 2))
            os.utime(path, (time.time() - 100,) * 2)  # the digests of old files are stored


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """The trials."""
    was = signal.signal(signal.SIGHUP, lambda *_: sys.exit(1))  # commands would inherit that nohup ignores it
    try:
        yield Killed(folder)
    finally:
        signal.signal(signal.SIGHUP, was)


PART = Part(
    "killed", "signals at random moments of extract, gate, mcp, train, score", opened, limit_s=600.0, watched=False
)
