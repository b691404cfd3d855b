"""One run of the gate: the suites side by side, then latency alone, and one verdict over both."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tinyvmaf import children, scratch
from tinyvmaf.data.store import Store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.judge import foreign, results, selftest_cache, suites_run
from tinyvmaf.judge.kinds import OWN
from tinyvmaf.judge.verdict import EXIT, FAIL, PASS, SUITES
from tinyvmaf.terminal import say_lines

_NO_TESTS: Final = 5
_INTERRUPTED: Final = (2, -signal.SIGINT, 128 + signal.SIGINT)
_ORDERLY: Final = (*EXIT.values(), _NO_TESTS, *_INTERRUPTED)

_NOT_TYPED: Final = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONOPTIMIZE")
"""Variables that could change what is judged without the reader of the verdict knowing."""


class GateRun:
    """Every suite that tinyvmaf brings, in two runs of pytest, on the models of the project."""

    interrupted = False
    """Whether Ctrl-C ended it."""

    def __init__(
        self,
        checkout: Path,
        *,
        options: Sequence[str],
        jobs: int,
        command: str,
        strict: bool = False,
        quiet: bool = False,
    ) -> None:
        """Find the suites.

        Args:
            options: for pytest.
            jobs: processes side by side.
            command: what was typed, for the report.
            strict: what was not checked counts as what could not run.
            quiet: pytest's output goes to nobody, unless it ends in another way than a run of tests does.

        Raises:
            TinyvmafError: there are no suites.
        """
        there = {path.parent.name for path in checkout.glob("suites/*/conftest.py")}
        if not there:
            raise TinyvmafError(f"{checkout} has no suites", hint="install tinyvmaf anew")
        self._checkout, self._there = checkout, there
        self._suites = sorted(there | {*SUITES, *OWN})  # a suite that was removed is missed
        self._options, self._jobs, self._command, self._strict = list(options), jobs, command, strict
        self._quiet = quiet
        self._notes: list[dict[str, Any]] = []
        self._not_checked: list[dict[str, Any]] = []
        self._excused: list[str] = []
        self._store: Store | None = None
        self._key = ""

    def leave_out_selftest(self, why: str) -> None:
        """Leave out the gates' own tests, and say why in the report."""
        suite = selftest_cache.SUITE
        self._suites.remove(suite)
        self._excused.append(suite)
        text = f"the gates' own tests were left out: {why}. tox -e selftest runs them"
        self._notes.append(results.finding(suite, None, None, text))

    def leave_out(self, suite: str, why: str) -> None:
        """Leave out a suite that judges no model of the project: NOT CHECKED."""
        self._suites.remove(suite)
        self._excused.append(suite)
        self._not_checked.append(results.finding(suite, None, None, f"{suite}: {why}"))

    def use_selftest_cache(self, store: Store, ffmpeg: str, *, fresh: bool) -> None:
        """Leave out the gates' own tests if these gates passed them before; else remember that they did.

        Args:
            ffmpeg: the one in use, in words, with its version.
            fresh: run them anyway.
        """
        self._store, self._key = store, selftest_cache.key(self._checkout, ffmpeg)
        if not fresh and (before := selftest_cache.when(store, self._key)):
            self.leave_out_selftest(f"these gates passed them, {before}")

    def __call__(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Run the suites.

        Returns:
            The finished record, and the data of its pictures.

        Raises:
            TinyvmafError: pytest found nothing at all.
        """
        parts: list[dict[str, Any]] = []
        with scratch.folder() as private:
            for number, (what, arguments) in enumerate(self._runs()):
                part = Path(private, f"{number}.json")
                log = Path(private, f"{number}.log") if self._quiet else None
                status = _pytest([f"--basetemp={private}/{number}", *arguments, "--part", str(part)], log)
                found = _read(part)
                if log is not None and (status not in _ORDERLY or (found is None and status != _NO_TESTS)):
                    say_lines(log.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
                if found is None and status != _NO_TESTS:  # also status 0: a run that judged leaves a part
                    found = _nothing(parts, what, status)
                elif found is not None and status not in _ORDERLY:
                    text = f"{what} ended with status {status}"
                    found["record"]["could_not_run"].append(results.finding(None, None, None, text))
                parts += [found] if found else []
                if status in _INTERRUPTED:
                    self.interrupted = True
                    break
        whole, evidence = self._joined(parts)
        if self._store and whole["verdict"] in (PASS, FAIL) and not whole["could_not_run"]:
            selftest_cache.remember(self._store, self._key, whole["tests"])
        return whole, evidence

    def _runs(self) -> Iterator[tuple[str, list[str]]]:
        side_by_side = ["-n", str(self._jobs), "--dist", "worksteal"] if self._jobs > 1 else []
        together = suites_run.arguments(name for name in self._suites if name in self._there and name != "latency")
        options = [*foreign.left_out(foreign.installed()), *self._options]
        yield "the suites that run side by side", [*together, *side_by_side, *options]
        yield "latency", [*suites_run.arguments(["latency"]), "--benchmark-quiet", *options]

    def _joined(self, parts: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        whole = results.join([part["record"] for part in parts])
        whole["command"] = self._command
        whole["notes"] += self._notes
        whole["not_checked"] += self._not_checked
        evidence: dict[str, Any] = {}
        for part in parts:
            results.merge(evidence, part["evidence"])
        stopped = self.interrupted or any(part["stopped"] for part in parts)
        selected = any(part["selected"] for part in parts)
        finished = results.finish(
            whole, strict=self._strict, stopped=stopped, selected=selected, excused=self._excused, suites=self._suites
        )
        return finished, {"schema": 1, "models": evidence}


def _pytest(arguments: Sequence[str], log: Path | None) -> int:
    """Run pytest to its end. At Ctrl-C pytest gets the signal itself, and still says what it has found."""
    variables = {name: value for name, value in suites_run.environment().items() if name not in _NOT_TYPED}
    command, folder = children.python("pytest", *arguments), suites_run.folder()
    if log is None:
        process = subprocess.Popen(command, cwd=folder, env=variables)
    else:
        with log.open("wb") as file:
            process = subprocess.Popen(command, cwd=folder, env=variables, stdout=file, stderr=subprocess.STDOUT)
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
    """A part for a run that wrote none."""
    if not parts:
        raise TinyvmafError(f"{what} ended with status {status}: no run to give a verdict on", hint="see pytest above")
    first = parts[0]["record"]
    lost = results.empty({name: first[name] for name in results.FACTS})
    lost["could_not_run"] = [results.finding(None, None, None, f"{what} ended with status {status} and no result")]
    return {"record": lost, "evidence": {}, "stopped": False, "selected": False}
