"""`tinyvmaf gate`: run every suite, give one verdict and one report."""

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from tinyvmaf.app.cli.common import Commands, add_command, feed_of, positive_int
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import TinyvmafError, install, known_hint
from tinyvmaf.files import home
from tinyvmaf.judge import report, report_folder, results, suites_run, verdict
from tinyvmaf.judge.failed import failed
from tinyvmaf.judge.gate_run import GateRun
from tinyvmaf.judge.options import OPTIONS, declare_for_gate, handed_on
from tinyvmaf.model.engines import all_engines
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.project import project
from tinyvmaf.terminal import say_lines, shown, shown_lines
from tinyvmaf.vmaf.features import ORDER
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

_DESCRIPTION: Final = """\
Run every suite of quality gates on the registered models, or on the files of --model, and give one verdict.

Suites run in parallel; latency runs alone at the end. The report is a folder: index.html for people, verdict.json for
programs, junit.xml for CI, summary.md for a pull request.

The features of a --model, their order and their normalisation come from the sidecar beside it, or from --feature-order,
--input-mean, --input-std and --normalisation: docs/candidates.md."""
_EXAMPLES: Final = f"""\
tinyvmaf gate
tinyvmaf gate --model candidates/tinyvmaf_nano.onnx
tinyvmaf gate --model their.onnx --feature-order {ORDER}
tinyvmaf gate -k 'contract and nano' --allow selection
tinyvmaf gate -- --durations=10"""
_COLOUR: Final = {verdict.PASS: "bold green", verdict.FAIL: "bold red"}
_INTERRUPTED: Final = 128 + signal.SIGINT
_MOST_JOBS: Final = 8  # each uses up to 1 GB


def add_commands(commands: Commands) -> None:
    """Add `gate`."""
    command = add_command(
        commands,
        "gate",
        _gate,
        description=_DESCRIPTION,
        examples=_EXAMPLES,
        exit_status="0 PASS, 1 FAIL, 10 COULD NOT RUN, 2 wrong use, 130 interrupted",
    )
    declare_for_gate(command.add_argument)
    command.add_argument(
        "--jobs", type=positive_int, metavar="N", help="parallel processes (default: one per core, at most 8)"
    )
    command.add_argument(
        "--fresh", action="store_true", help="run the gates' own tests (selftest) even if they passed before"
    )
    command.add_argument("-k", metavar="EXPRESSION", help="run only tests that match, as pytest's -k")
    command.add_argument("pytest", nargs="*", metavar="-- ...", help="further options for pytest")


def _gate(arguments: argparse.Namespace) -> int:
    try:
        return _run(arguments)
    except TinyvmafError as error:  # exit status 1 would say that the model failed
        say_lines(f"tinyvmaf gate: COULD NOT RUN: {error}", file=sys.stderr)
        return verdict.EXIT[verdict.COULD_NOT_RUN]


def _run(arguments: argparse.Namespace) -> int:
    if strange := [one for one in arguments.pytest if not one.startswith("-")]:
        raise TinyvmafError(f"not an option: {' '.join(strange)}", hint="name a model with --model PATH, tests with -k")
    ours = {f"--{option.name}" for option in OPTIONS}
    if behind := [one for one in arguments.pytest if one.split("=")[0] in ours]:
        raise TinyvmafError(f"{', '.join(behind)} after --", hint="options of the gate come before --")
    if feed_of(arguments) and not arguments.model:
        raise TinyvmafError(f"{FeedOptions.listed()} need --model PATH")
    # At once: else every suite would run, to say it of every test.
    for path in map(Path, arguments.model or ()):
        if not path.is_file():
            hint = None if path.suffix else "--model takes an ONNX file; registered models are judged without it"
            raise TinyvmafError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}", hint=hint)
    if asked := [*(arguments.engine or ()), *(arguments.require_engine or ())]:
        names = [engine.name for engine in all_engines()]
        for name in asked:
            if name not in names:
                raise TinyvmafError(f"unknown engine {name!r}", hint=known_hint(name, names))
    if missing := [name for name in ("pytest", "xdist", "pytest_benchmark") if find_spec(name) is None]:
        raise TinyvmafError(f"not installed: {', '.join(missing)}", hint=install("gate"))
    if not project().is_home and project().settings.bounds:
        from tinyvmaf.judge.bounds import load_bounds  # imported here: slow

        load_bounds()  # at once: else every test would say what is wrong
    folder = Path(arguments.report).absolute() if arguments.report else project().root / "report"
    command = " ".join(["tinyvmaf", *sys.argv[1:]])
    lock = report_folder.begin(folder, command)
    try:
        return _run_into(folder, arguments, command)
    finally:
        lock.release()


def _run_into(folder: Path, arguments: argparse.Namespace, command: str) -> int:
    run = GateRun(
        home(),
        options=[*handed_on(arguments), f"--report={folder}"],  # loso writes beside the report
        quiet=arguments.quiet,
        jobs=arguments.jobs or min(os.cpu_count() or 1, _MOST_JOBS),
        command=command,
        strict=arguments.fail_not_checked,
    )
    if arguments.model:
        run.leave_out_selftest("they judge no model")
    elif not project().is_home:
        run.leave_out_selftest("they are tests of tinyvmaf itself, for a checkout of it")
    elif not (arguments.k or arguments.pytest):
        run.use_selftest_cache(Store(default_folder()), str(find_ffmpeg(arguments.ffmpeg)), fresh=arguments.fresh)
    for suite in ("corpus", "mcp") if not project().is_home else ():
        if lacking := suites_run.lacking(suite):
            run.leave_out(suite, f"it judges no model of a project, and needs {', '.join(lacking)}: {install(suite)}")
    try:
        if {"--collect-only", "--co"}.intersection(arguments.pytest):
            text = "--collect-only lists tests: no run to give a verdict on"
            raise TinyvmafError(text, hint="python -m pytest suites --collect-only -q")
        whole, evidence = run()
        report_folder.publish(folder, whole, evidence)
    except TinyvmafError:
        report_folder.remove(folder)
        raise
    except Exception as error:  # a third-party model can break the page in ways we do not know
        report_folder.remove(folder)
        raise TinyvmafError(f"the report could not be written, so there is no verdict: {error!r}") from error
    _print(whole, folder, quiet=arguments.quiet)
    return _INTERRUPTED if run.interrupted else int(whole["exit_status"])


def _print(whole: Mapping[str, Any], folder: Path, *, quiet: bool) -> None:
    console, colour = Console(highlight=False, soft_wrap=True), _COLOUR.get(whole["verdict"], "bold yellow")
    *lines, found, last = results.as_text(whole)
    console.print(Text(f"\n{' verdict ':=^80}", style=colour))
    for model in whole["models"]:
        console.print(Text(shown(f"  {model['id']}: {model['verdict']}")))
    causes = failed(whole)
    for line in ["FAILED:", *(f"  - {one}" for one in causes)] if causes else []:
        console.print(Text(shown_lines(line, "  ")))
    for line in [] if quiet else lines:
        console.print(Text(shown_lines(line, "  ")))
    console.print(Text(shown(f"report: {folder / report.PAGE_FILE}")))
    console.print(Text(shown(found)))
    console.print(Text(shown(last), style=colour))
