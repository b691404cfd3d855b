"""`tinyvmaf gate`: every suite, one verdict, one report."""

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

from tinyvmaf.app.cli.common import Commands, add_command, positive_int
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import TinyvmafError, install
from tinyvmaf.files import home
from tinyvmaf.judge import report, report_folder, results, verdict
from tinyvmaf.judge.gate_run import GateRun
from tinyvmaf.judge.options import declare_for_gate, handed_on
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

_DESCRIPTION: Final = """\
Run every suite on the registered models, or on the files of --model, and give one verdict.

What may run side by side does; latency runs by itself at the end. The report is a folder: index.html for people,
verdict.json for programs, junit.xml for CI, summary.md for a pull request."""
_EXAMPLES: Final = """\
examples:
  tinyvmaf gate
  tinyvmaf gate --model candidates/tinyvmaf_nano.onnx
  tinyvmaf gate --model their.onnx --feature-order adm2,motion2,vif_scale0,vif_scale1,vif_scale2,vif_scale3
  tinyvmaf gate -k 'contract and nano'
  tinyvmaf gate -- --durations=10

pytest gets what follows --. A sidecar beside a model of --model, or options, say which features it takes, in which
order, and how they are normalised: docs/candidates.md.

exit status: 0 PASS, 1 FAIL, 10 COULD NOT RUN, 2 wrong use, 130 interrupted"""
_COLOUR: Final = {verdict.PASS: "bold green", verdict.FAIL: "bold red"}
_INTERRUPTED: Final = 128 + signal.SIGINT
_MOST_JOBS: Final = 8  # each takes up to a GB


def add_commands(commands: Commands) -> None:
    """gate."""
    command = add_command(
        commands, "gate", _gate, summary="run every suite and give one verdict", description=_DESCRIPTION
    )
    command.epilog = _EXAMPLES
    declare_for_gate(command.add_argument)
    command.add_argument(
        "--jobs", type=positive_int, metavar="N", help="processes side by side (default: one a core, up to 8)"
    )
    command.add_argument(
        "--fresh", action="store_true", help="run the gates' own tests, even if they are known to pass"
    )
    command.add_argument("-k", metavar="EXPRESSION", help="only tests whose names match, as pytest's -k")
    command.add_argument("pytest", nargs="*", metavar="-- ...", help="what pytest is told as well")


def _gate(arguments: argparse.Namespace) -> int:
    try:
        return _run(arguments)
    except TinyvmafError as error:  # whoever reads the exit status must not take it for a model that failed
        print(f"tinyvmaf gate: COULD NOT RUN: {error}", file=sys.stderr)
        return verdict.EXIT[verdict.COULD_NOT_RUN]


def _run(arguments: argparse.Namespace) -> int:
    if strange := [one for one in arguments.pytest if not one.startswith("-")]:
        raise TinyvmafError(f"not an option: {' '.join(strange)}", hint="--model PATH names a model, -k chooses tests")
    if not arguments.model and any((arguments.feature_order, arguments.input_mean, arguments.input_std)):
        raise TinyvmafError("--feature-order, --input-mean and --input-std need --model PATH")
    if lacking := [name for name in ("pytest", "xdist", "pytest_benchmark") if find_spec(name) is None]:
        raise TinyvmafError(f"not installed: {', '.join(lacking)}", hint=install("gate"))
    folder = Path(arguments.report).absolute() if arguments.report else home() / "report"
    report_folder.begin(folder)
    run = GateRun(
        home(),
        options=handed_on(arguments),
        jobs=arguments.jobs or min(os.cpu_count() or 1, _MOST_JOBS),
        command=" ".join(["tinyvmaf", *sys.argv[1:]]),
        strict=arguments.fail_not_checked,
    )
    if arguments.model:
        run.leave_out_selftest("they are not about a model")
    elif not (arguments.k or arguments.pytest):
        run.use_selftest_cache(Store(default_folder()), str(find_ffmpeg(arguments.ffmpeg)), fresh=arguments.fresh)
    try:
        whole, evidence = run()
        report_folder.publish(folder, whole, evidence)
    except TinyvmafError:
        report_folder.remove(folder)
        raise
    except Exception as error:  # a stranger's file may bring anything into a page
        report_folder.remove(folder)
        raise TinyvmafError(f"no report, and so no verdict: {error!r}") from error
    _print(whole, folder)
    return _INTERRUPTED if run.interrupted else int(whole["exit_status"])


def _print(whole: Mapping[str, Any], folder: Path) -> None:
    console, colour = Console(highlight=False, soft_wrap=True), _COLOUR.get(whole["verdict"], "bold yellow")
    *lines, last = results.as_text(whole)
    console.print(Text(f"\n{' verdict ':=^80}", style=colour))
    for model in whole["models"]:
        console.print(Text(f"  {model['id']}: {model['verdict']}"))
    failed = dict.fromkeys(f"{entry['test'] or entry['text']}" for entry in whole["failures"])
    for line in ["FAILED:", *(f"  - {one}" for one in failed)] if failed else []:
        console.print(Text(line))
    for line in lines:
        console.print(Text(line))
    console.print(Text(f"report: {folder / report.PAGE_FILE}"))
    console.print(Text(last, style=colour))
