"""Hostile and mutated models through every command that takes a model.

The commands run by their own entry, `tinyvmaf.app.cli.main`, in a forked child that has everything imported. The child
tells its parent what it begins and how that ended, so a crash, a hang and a leak are those of one command on one file.
"""

import hashlib
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import IO, Final

from tinyvmaf import children
from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

from .hostile import MAKERS
from .onnx_mutator import mutated
from .part import Part, Result, Trial, Verdict

SECONDS: Final = 10.0
"""Of one command on one file; by CPU time, because a busy machine takes many times as long."""
_WALL: Final = 300.0
MEGABYTES: Final = 1024
SLOW: Final = 100
"""One file of so many goes through the commands that take seconds on a sound model."""
_SECONDS: Final = ("prove", "bench")
OURS: Final = ("tinyvmaf_nano", "tinyvmaf_tiny", "tinyvmaf_exact", "vmaf_v0.6.1_svr")
_IMPORTED: Final = (
    *("onnx.checker", "onnx.inliner", "onnx.version_converter", "pyarrow.parquet", "tinyvmaf.model.door"),
    *("tinyvmaf.judge.opened", "tinyvmaf.judge.registering", "tinyvmaf.judge.feeding", "tinyvmaf.judge.proofs"),
    *("tinyvmaf.measure.proof.proving", "tinyvmaf.model.third_party.wrap", "tinyvmaf.app.mcp_server.models"),
    *("tinyvmaf.measure.scoring", "tinyvmaf.measure.latency", "tinyvmaf.model.contract.graph"),
)
"""Once, so that a child need not. Not ONNX Runtime, which has threads that a fork loses."""


@dataclass(frozen=True)
class Ended:
    """How one command ended."""

    command: str
    status: int
    seconds: float
    """Of CPU, with what it started."""
    megabytes: float
    """The most that the child or anything that it started held."""
    output: str


def commands(path: Path, clips: Sequence[Path], *, slow: bool) -> dict[str, list[str]]:
    """The command lines that take a model. `mcp` stands for the tools, which open a model in one way."""
    file, out = str(path), path.parent
    found = {
        "verify": ["verify", file],
        "models": ["models", file],
        "score": ["score", *map(str, clips), "--model", file],
        "certify": ["certify", file],
        "adopt": ["adopt", file, "--out", str(out / "adopted")],
        "register": ["register", file, "--into", str(out / "registry")],
        "mcp": ["mcp", file],
        "prove": ["prove", file, "--seconds", "0.5", "--bound", "5", "--jobs", "1"],
        "bench": ["bench", "run", file],
    }
    if slow:
        found["baseline"] = ["bench", "run", "tinyvmaf_nano", "--baseline", file]
        found["gate"] = ["gate", "--model", file, "-k", "contract", "--report", str(out / "report"), "--jobs", "1"]
        found["scoreboard"] = ["scoreboard", str(out), "--out", str(out / "board")]
    return found


def through(lines: dict[str, list[str]], *, slow: bool) -> tuple[list[Ended], str]:
    """Run command lines in a forked child; how each ended, and why the last one did not; '' if all did.

    Args:
        slow: also those of `_SECONDS` on a model that `verify` finds sound.
    """
    here, there = os.pipe()
    child = os.fork()
    if not child:
        os.close(here)
        _child(lines, there, slow=slow)
    os.close(there)
    with suppress(OSError):
        os.setpgid(child, child)
    found, wrong = list[Ended](), ""
    names = list(lines)
    with os.fdopen(here, "rb") as pipe:
        while len(found) < len(names):
            name = names[len(found)]
            if not select.select([pipe], [], [], _WALL)[0]:
                wrong = f"{name} was not done after {_WALL:g} s"
                break
            if not (line := pipe.readline()):
                break
            found.append(Ended(name, *json.loads(line)))
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL if wrong else signal.SIGCONT)
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it left
    if not wrong and len(found) < len(names):
        wrong = f"{names[len(found)]} ended its process with {os.waitstatus_to_exitcode(status)}"
    return found, wrong


def _child(lines: dict[str, list[str]], there: int, *, slow: bool) -> None:
    """Run them all, tell the parent of each, and end."""
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        with open("child.log", "w+b", buffering=0) as log:  # noqa: PTH123 - beside the model
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            sys.stdout, sys.stderr = (os.fdopen(n, "w", closefd=False, errors="replace") for n in (1, 2))
            sound = False
            for name, words in lines.items():
                left_out: list[object] = [0, 0.0, 0.0, "left out"]
                ended = left_out if sound and name in _SECONDS and not slow else _one(words, log)
                sound |= name == "verify" and ended[0] == 0
                os.write(there, f"{json.dumps(ended)}\n".encode())
    finally:
        children.end_all()
        os._exit(0)


def _one(words: list[str], log: IO[bytes]) -> list[object]:
    log.seek(0)
    log.truncate()
    before = _seconds()
    try:
        status = _mcp(Path(words[1])) if words[0] == "mcp" else _main(words)
    except BaseException:
        traceback.print_exc()
        status = 99
    sys.stdout.flush()
    sys.stderr.flush()
    log.seek(0)
    output = log.read().decode(errors="replace")
    both = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return [status, _seconds() - before, max(both) / 1024, output[-3000:]]


def _seconds() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _main(words: list[str]) -> int:
    from tinyvmaf.app.cli import main

    try:
        return main(words)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1


def _mcp(path: Path) -> int:
    """As the tools of the MCP server open a model."""
    from tinyvmaf.app.mcp_server.models import readable
    from tinyvmaf.app.mcp_server.roots import Roots
    from tinyvmaf.errors import TinyvmafError
    from tinyvmaf.judge.opened import read_whole

    try:
        with readable(path.name, Roots([path.parent])) as name:
            read_whole(name)
    except TinyvmafError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def judged(found: Sequence[Ended], wrong: str) -> tuple[Verdict, str]:
    """What became of a file."""
    if wrong:
        return (Verdict.HANG if "not done" in wrong else Verdict.CRASH), wrong
    for one in found:
        last = one.output.strip().splitlines()[-1:] or [""]
        if "Traceback (most recent" in one.output or one.status not in (0, 1, 2, 10):
            return Verdict.CRASH, f"{one.command}: status {one.status}: {last[0]}"
        if one.status and not one.output.strip():
            return Verdict.WRONG, f"{one.command}: status {one.status}, and it does not say why"
        if one.seconds > SECONDS and one.command not in ("gate", "bench", "scoreboard"):
            return Verdict.HANG, f"{one.command}: {one.seconds:.1f} s"
        if one.megabytes > MEGABYTES:
            return Verdict.MEMORY, f"{one.command}: {one.megabytes:.0f} MB"
    by = {one.command: one.status for one in found}
    if by["verify"] and (let := [name for name in ("models", "score", "register", "mcp") if not by[name]]):
        return Verdict.WRONG, f"verify refuses what {', '.join(let)} take"
    return (Verdict.REFUSED, "") if by["verify"] else (Verdict.ACCEPTED, "")


def _originals() -> dict[str, tuple[bytes, dict[str, object]]]:
    """Models and their sidecars, by name: ours, and small ones of other makers."""
    found = dict[str, tuple[bytes, dict[str, object]]]()
    for name in OURS:
        path = home() / "model" / f"{name}.onnx"
        found[name] = path.read_bytes(), json.loads(path.with_suffix(".json").read_bytes())
    for path in sorted((home() / "tools/tests/model/converted").glob("*.onnx")):
        if path.stat().st_size < 100_000:
            found[path.stem] = path.read_bytes(), {"features": list(CANONICAL)}
    return found


def write(folder: Path, data: bytes, sidecar: dict[str, object]) -> Path:
    """A model whose sidecar is of this very file."""
    digest = hashlib.sha256(data).hexdigest()
    about = sidecar | ({"sha256": digest, "bytes": len(data), "id": "m"} if "sha256" in sidecar else {})
    (folder / "m.json").write_text(json.dumps(about), encoding="utf-8")
    (folder / "m.md").write_text("# m\n", encoding="utf-8")
    path = folder / "m.onnx"
    path.write_bytes(data)
    return path


@contextmanager
def opened(folder: Path) -> Iterator[Trial]:
    """Everything imported once, and a pair of tiny clips."""
    from tinyvmaf.app.cli import parser

    parser()
    for name in _IMPORTED:
        import_module(name)
    clips, ffmpeg = (folder / "ref.y4m", folder / "dis.y4m"), find_ffmpeg(None)
    for clip, crf in zip(clips, ("0", "40"), strict=True):
        drawn = ["-f", "lavfi", "-i", "testsrc2=s=128x96:r=25", "-frames:v", "3"]
        coded = folder / "coded.mkv"
        base = [str(ffmpeg.path), "-v", "error", "-nostdin", "-y"]
        subprocess.run([*base, *drawn, "-c:v", "libx264", "-crf", crf, str(coded)], check=True, timeout=60)
        subprocess.run([*base, "-i", str(coded), "-pix_fmt", "yuv420p", str(clip)], check=True, timeout=60)
    originals, makers = _originals(), sorted(MAKERS)
    names = sorted(originals)

    def trial(number: int, chance: Random) -> Result:
        there = folder / "trial"
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir()
        if number < len(makers):  # those first, each once
            what, path = f"made by hand: {makers[number]}", there / "m.onnx"
            MAKERS[makers[number]](there)
        else:
            data, sidecar = originals[chance.choice(names)]
            what, changed = mutated(data, chance)
            plain: dict[str, object] = {"features": list(CANONICAL)}
            path = write(there, changed, sidecar if chance.randrange(2) else plain)
        with _inside(there):
            slow = number % SLOW == SLOW - 1
            found, wrong = through(commands(path, clips, slow=slow), slow=slow)
        verdict, why = judged(found, wrong)
        return Result(what, verdict, why)

    yield trial


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


PART = Part("onnx", "hostile and mutated models through every command that takes one", opened, 600.0, watched=False)
