"""Runs one suite of gates in a process that ends with the call."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT
from typing import Any, Final, Literal, get_args

import anyio
import anyio.abc
from anyio.streams.text import TextReceiveStream

from tinyvmaf import children, scratch
from tinyvmaf.app.mcp_server.calls import Reporter
from tinyvmaf.app.mcp_server.limits import MAX_ENTRIES, LimitError
from tinyvmaf.app.mcp_server.results import GateResult
from tinyvmaf.errors import CouldNotRunError, TinyvmafError, install, known_hint
from tinyvmaf.files import home
from tinyvmaf.judge import suites_run
from tinyvmaf.judge.verdict import COULD_NOT_RUN, FAIL, PASS, STOPPED, VERDICT_FILE
from tinyvmaf.model.third_party import FeedOptions

Suite = Literal["golden", "contract", "backends", "loso", "external", "latency", "corpus"]
"""Without `mcp`, which would run itself, and `selftest`, which tests the gates and no model."""
_WITHOUT_MODEL: Final = ("corpus",)
_OPTIONS: Final[Mapping[str, Sequence[str]]] = {"backends": ("-n", "2"), "latency": ("--benchmark-quiet",)}
_PERCENT: Final = re.compile(r"\[ *([0-9]{1,3})%\]")
_TAIL: Final = 2_000
_WORSE_LAST: Final = (PASS, STOPPED, COULD_NOT_RUN, FAIL)


async def run_suite(
    suite: Suite, model: str | None, reporter: Reporter, *, feed: FeedOptions | None = None, seconds: float
) -> GateResult:
    """Run a suite and give its verdict.

    Args:
        model: id of a registered model, path of an `.onnx` file, or None for all registered models.
        feed: how the file is fed; None: as the sidecar beside it says.
        seconds: time limit.

    Raises:
        CouldNotRunError: there are no suites, no pytest, or the run gave no verdict.
        LimitError: the time limit passed.
    """
    if suite not in get_args(Suite):
        raise TinyvmafError(f"unknown suite {suite!r}", hint=known_hint(suite, get_args(Suite)))
    if model is not None and suite in _WITHOUT_MODEL:
        raise TinyvmafError(f"the suite {suite} judges no model", hint="leave out `model`")
    if feed and not (model or "").endswith(".onnx"):
        raise TinyvmafError("`feed` says how an .onnx file is fed", hint="name one as `model`, or leave out `feed`")
    if not (home() / "suites" / suite).is_dir():
        raise CouldNotRunError(f"{home()} has no suite {suite}", hint="install tinyvmaf anew")
    if find_spec("pytest") is None:
        raise CouldNotRunError("pytest is not installed", hint=install("gate"))
    with scratch.folder() as private:
        command = [*_command(suite, model, Path(private)), *(feed.words() if feed else ())]
        started, output = time.monotonic(), ""
        with anyio.move_on_after(seconds) as limit:
            output = await _run(command, suites_run.folder(), reporter)
        if limit.cancelled_caught:
            raise LimitError(f"{suite}: ended after {time.monotonic() - started:.0f} s, the time limit of a gate")
        try:
            found: dict[str, Any] = json.loads(Path(private, VERDICT_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CouldNotRunError(f"{suite}: pytest gave no verdict; its last lines:\n{output[-_TAIL:]}") from error
    return _verdict(suite, model, found)


def _command(suite: str, model: str | None, scratch: Path) -> list[str]:
    # One list element each and no shell, so a file name cannot become another option.
    chosen = [] if model is None else [f"--{'model' if model.endswith('.onnx') else 'models'}={model}"]
    plain = ["-v", "--color=no", "-p", "no:cacheprovider", f"--report={scratch}", f"--basetemp={scratch}/tests"]
    return [*children.python("pytest", *suites_run.arguments([suite])), *plain, *_OPTIONS.get(suite, ()), *chosen]


async def _run(command: Sequence[str], cwd: Path, reporter: Reporter) -> str:
    """Run the command and return the end of its output. A cancelled one is killed with all that it started."""
    output = ""
    environment = suites_run.environment() | {"PYTHONUNBUFFERED": "1"}
    # A session of its own, so that its workers and FFmpegs can be killed with it. Our own stdout carries the protocol.
    process = await anyio.open_process(
        command, cwd=cwd, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=environment, start_new_session=True
    )
    async with process:
        with _ending(process):
            assert process.stdout is not None
            sent = -1
            async for text in TextReceiveStream(process.stdout, errors="replace"):
                output = (output + text)[-2 * _TAIL :]
                shown = [int(percent) for percent in _PERCENT.findall(output)]
                if shown and shown[-1] > sent:
                    sent = shown[-1]
                    await reporter.report_progress(sent, 100, "tests")
            await process.wait()
    return output


@contextmanager
def _ending(process: anyio.abc.Process) -> Iterator[None]:
    """On exit, also of a cancelled call, kill the process and everything it started."""
    try:
        yield
    finally:
        if process.returncode is None:
            try:
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            except ProcessLookupError:
                pass


def _verdict(suite: str, model: str | None, found: Mapping[str, Any]) -> GateResult:
    by_path = model is not None and model.endswith(".onnx")  # then the run judged only this file
    asked = [one for one in found["models"] if by_path or one["id"] == model]

    def texts(name: str) -> list[str]:
        entries = list(dict.fromkeys(entry["text"] for entry in found[name]))
        more = len(entries) - MAX_ENTRIES
        return entries[:MAX_ENTRIES] + ([f"and {more} more"] if more > 0 else [])

    return GateResult(
        suite=suite,
        model=asked[0]["id"] if asked else None,
        # What the run found about no model, such as a fault of waivers.toml, stands in no model's verdict.
        verdict=max([found["verdict"], *(one["verdict"] for one in asked)], key=_WORSE_LAST.index),
        summary=found["summary"],
        seconds=found["seconds"],
        outcomes=found["counts"]["outcomes"],
        values=found["counts"]["values"],
        failures=texts("failures"),
        could_not_run=texts("could_not_run"),
        not_checked=texts("not_checked"),
        notes=texts("notes"),
    )
