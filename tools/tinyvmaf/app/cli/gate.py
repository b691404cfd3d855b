"""`tinyvmaf gate`: every suite, one verdict, one report."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from tinyvmaf.app.cli.common import Commands, add_command, positive_int
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import TinyvmafError, install
from tinyvmaf.files import home
from tinyvmaf.judge import report, results, selftest_cache
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

What stands behind -- goes to pytest. A model that nobody here made says in a sidecar beside it, or by options, which
features it takes, in which order, and how they are normalised: docs/candidates.md.

exit status: 0 PASS, 1 FAIL, 10 COULD NOT RUN, 2 wrong use, 130 interrupted"""
_COLOUR: Final = {results.PASS: "bold green", results.FAIL: "bold red"}
_SUITES: Final = ("backends", "contract", "corpus", "golden", "latency", "loso", "mcp", "selftest")
_OF_MODELS: Final = ("contract", "golden", "backends", "loso", "latency")
_JUDGED: Final = ("pass", "fail", "waived", "could not run")
_INTERRUPTED: Final = 128 + signal.SIGINT
_MOST_JOBS: Final = 8  # each takes up to a GB
_NO_TESTS: Final = 5
_ORDERLY: Final = (*results.EXIT.values(), _NO_TESTS, -signal.SIGINT, _INTERRUPTED)


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
        return results.EXIT[results.COULD_NOT_RUN]


def _run(arguments: argparse.Namespace) -> int:
    if strange := [one for one in arguments.pytest if not one.startswith("-")]:
        raise TinyvmafError(
            f"not understood: {' '.join(strange)}", hint="a model is named by --model PATH, tests by -k"
        )
    if not arguments.model and any((arguments.feature_order, arguments.input_mean, arguments.input_std)):
        raise TinyvmafError("--feature-order, --input-mean and --input-std say how --model is fed", hint="name one")
    checkout, notes = home(), list[dict[str, Any]]()
    there = {path.parent.name for path in checkout.glob("suites/*/conftest.py")}
    suites = sorted(there | set(_SUITES))  # one that has gone is missed
    if not there:
        raise TinyvmafError(
            f"{checkout} has no suites", hint="the gates are run from a checkout, not from a wheel alone"
        )
    if lacking := [name for name in ("pytest", "xdist", "pytest_benchmark") if find_spec(name) is None]:
        raise TinyvmafError(f"not installed: {', '.join(lacking)}", hint=install("gate"))
    known, proof, why_not = Store(default_folder()), None, ""
    if arguments.model:
        why_not = "they are not about a model"
    elif not (arguments.k or arguments.pytest):
        proof = selftest_cache.key(checkout, str(find_ffmpeg(arguments.ffmpeg)))
        before = None if arguments.fresh else selftest_cache.when(known, proof)
        why_not = f"as they are here they passed, {before}" if before else ""
    if why_not:
        suites.remove(selftest_cache.SUITE)
        text = f"the gates' own tests were left out, for {why_not}: tox -e selftest runs them"
        notes.append(results.said(selftest_cache.SUITE, None, None, text))
    folder = Path(arguments.report).absolute() if arguments.report else checkout / "report"
    try:
        for name in results.FILES:  # an old one must not be taken for that of a run that dies
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise TinyvmafError(f"{folder}: {error.strerror}", hint="--report DIR: where the report goes") from error
    jobs = arguments.jobs or min(os.cpu_count() or 1, _MOST_JOBS)
    side_by_side = ["-n", str(jobs), "--dist", "worksteal"] if jobs > 1 else []
    together = [f"suites/{name}" for name in suites if name in there and name != "latency"]
    told = handed_on(arguments)
    runs = (
        ("the suites that run side by side", [*together, *side_by_side, *told]),
        ("latency", ["suites/latency", "--benchmark-quiet", *told]),
    )
    parts, interrupted = list[dict[str, Any]](), False
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-gate-") as scratch:
        for number, (what, command) in enumerate(runs):
            part = Path(scratch, f"{number}.json")
            status = _pytest(checkout, [*command, "--part", str(part), "--report", str(folder)])
            found = _read(part)
            if found is None and status not in (0, _NO_TESTS):
                found = _nothing(parts, what, status)
            elif found is not None and status not in _ORDERLY:
                found["record"]["could_not_run"] += [_said(f"{what} ended with status {status}")]
            parts += [found] if found else []
            if interrupted := status in (2, -signal.SIGINT, _INTERRUPTED):
                break
    whole, evidence = _joined(parts, suites, notes, stopped=interrupted, strict=arguments.fail_not_checked)
    if proof is not None and whole["verdict"] in (results.PASS, results.FAIL) and not whole["could_not_run"]:
        selftest_cache.remember(known, proof, whole["tests"])
    try:
        report.write(folder, whole, evidence)
        results.write(folder, whole, evidence)  # last: where a page fails, it must not say PASS
    except TinyvmafError:
        raise
    except Exception as error:  # of whatever a stranger's file has brought into it
        raise TinyvmafError(f"no report, and so no verdict: {error!r}") from error
    _print(whole, folder)
    return _INTERRUPTED if interrupted else int(whole["exit_status"])


def _pytest(checkout: Path, command: Sequence[str]) -> int:
    """Run pytest to its end, also where Ctrl-C is typed: it hears that itself, and says what it has found."""
    # What the environment adds would choose tests behind the back of whoever reads the verdict.
    variables = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    process = subprocess.Popen([sys.executable, "-m", "pytest", *command], cwd=checkout, env=variables)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
        except BaseException:  # this process is ended
            process.terminate()
            process.wait()
            raise


def _read(part: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(part.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content


def _nothing(parts: Sequence[Mapping[str, Any]], what: str, status: int) -> dict[str, Any]:
    """A part for a run that said nothing of itself."""
    if not parts:
        raise TinyvmafError(
            f"{what} ended with status {status} and found nothing", hint="pytest says above what is wrong"
        )
    first = parts[0]["record"]
    facts = {name: first[name] for name in ("started", "command", "tinyvmaf", "environment", "models", "waivers")}
    lost = results.empty(facts)
    lost["could_not_run"] = [_said(f"{what} ended with status {status} and said nothing")]
    return {"record": lost, "evidence": {}, "stopped": False, "selected": False}


def _said(text: str) -> dict[str, Any]:
    return results.said(None, None, None, text)


def _joined(
    parts: Sequence[Mapping[str, Any]],
    suites: Iterable[str],
    notes: Iterable[dict[str, Any]],
    *,
    stopped: bool,
    strict: bool,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The verdict on what all runs found, and what pictures are drawn from."""
    whole = results.join([part["record"] for part in parts])
    whole["command"] = " ".join(["tinyvmaf", *sys.argv[1:]])
    evidence: dict[str, Any] = {}
    for part in parts:
        results.merge(evidence, part["evidence"])
    stopped = stopped or any(part["stopped"] for part in parts)
    selected = any(part["selected"] for part in parts)
    whole["notes"] += notes
    if not (stopped or selected):
        whole["could_not_run"] += _not_run(whole, suites)
    finished = results.finish(whole, strict=strict, stopped=stopped, selected=selected)
    return finished, {"schema": 1, "models": evidence}


def _not_run(whole: Mapping[str, Any], suites: Iterable[str]) -> list[dict[str, Any]]:
    """Suites that judged nothing, and models that a suite did not judge: nobody may take that for a pass."""
    judged = {(test["suite"], test["model"]) for test in whole["tests"] if test["status"] in _JUDGED}
    found = [
        results.said(suite, None, None, f"{suite}: no test of it ran")
        for suite in suites
        if suite not in {name for name, _ in judged}
    ]
    for model in whole["models"]:
        exempt = {"loso"} if model["registered"] and model["recipe"] is None else set()  # a teacher, not a student
        found += [
            results.said(suite, model["id"], None, f"{suite}: nothing was judged of {model['id']}")
            for suite in suites
            if suite in _OF_MODELS and suite not in exempt and (suite, model["id"]) not in judged
        ]
    return found


def _print(whole: Mapping[str, Any], folder: Path) -> None:
    console, colour = Console(highlight=False, soft_wrap=True), _COLOUR.get(whole["verdict"], "bold yellow")
    *lines, last = results.as_text(whole)
    console.print(Text(f"\n{' verdict of all suites ':=^80}", style=colour))
    for model in whole["models"]:
        console.print(Text(f"  {model['id']}: {model['verdict']}"))
    failed = dict.fromkeys(f"{entry['test'] or entry['text']}" for entry in whole["failures"])
    for line in ["FAILED:", *(f"  - {one}" for one in failed)] if failed else []:
        console.print(Text(line))
    for line in lines:
        console.print(Text(line))
    console.print(Text(f"report: {folder / report.PAGE_FILE}"))
    console.print(Text(last, style=colour))
