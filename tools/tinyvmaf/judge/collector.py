"""The verdict of one run of pytest, from what the tests of the suites reported.

- PASS (exit status 0): every outcome that was asked for is within its bound, or waived;
- FAIL (1): a model, or the libvmaf here, is outside a bound, or a waiver has expired or was not needed;
- COULD NOT RUN (10): nothing is outside a bound, but a gate lacked what it needs, or nothing was judged.

Statuses 2 to 5 are pytest's own. A run that was stopped has no verdict.
"""

import json
import platform
import shlex
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from filelock import FileLock

from tinyvmaf import __version__
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.judge import causes, doubts, kinds, own_bounds, reasons, report_folder, results, verdict
from tinyvmaf.judge.asked import Asked
from tinyvmaf.judge.bounds import for_no_model, load_bounds
from tinyvmaf.judge.properties import (
    COULD_NOT_RUN,
    EVIDENCE,
    NOT_CHECKED,
    NOTE,
    OUTCOME,
    RAISED,
    SHA256,
    WAIVED,
    is_gate,
    model_of,
    suite_of,
    values,
)
from tinyvmaf.judge.report_folder import FolderInUseError
from tinyvmaf.judge.selection import left_out, may_be_waived
from tinyvmaf.judge.waivers import Waiver
from tinyvmaf.measure import environment
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.subject import Subject
from tinyvmaf.terminal import shown, shown_lines

_COLOUR: Final[dict[str, dict[str, Any]]] = {
    verdict.PASS: {"green": True},
    verdict.FAIL: {"red": True},
    verdict.COULD_NOT_RUN: {"yellow": True},
    verdict.STOPPED: {"yellow": True},
}
_PACKAGES: Final = ("numpy", "onnx", "onnxruntime", "openvino", "opencv-python-headless", "torch", "pytest")
WAIVERS = pytest.StashKey[list[Waiver]]()
"""The waivers of the run."""
COLLECTOR: Final = "tinyvmaf-verdict"
"""The name under which the collector is registered with pytest."""


class Collector:
    """Collects what the tests of the suites found, from their reports, and gives the verdict."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._begun, self._started = time.monotonic(), environment.now()
        self._ran = self._any_ran = self._collection_failed = self._stopped = self._report_begun = False
        self._locked: FileLock | None = None
        self._found = results.empty({})
        self._tests: dict[str, dict[str, Any]] = {}
        self._subjects: list[Subject] = []
        self._models: list[dict[str, Any]] = []
        self._digests: dict[str, list[str | None]] = {}
        self._judged_files: dict[str, set[str]] = {}
        self._called: set[str] = set()
        self._allowed = doubts.allowed(config.invocation_params.args)
        self._evidence: dict[str, Any] = {}
        self._waived: set[tuple[str | None, str]] = set()
        self._header: list[str] = []
        self._reasons: dict[tuple[str | None, str], str] = {}

    def could_not(self, what: str) -> None:
        """What a suite could not do outside of any test."""
        self._say("could_not_run", None, what)

    def note(self, text: str) -> None:
        """What a suite says outside of any test."""
        self._say("notes", None, text)

    def under_test(self, subjects: Iterable[Subject], header: Iterable[str] = ()) -> None:
        """Set the models of the run, and the lines of its header."""
        self._subjects, self._header = list(subjects), list(header)
        self._models = [{"verdict": verdict.STOPPED, **kinds.listed(one)} for one in self._subjects]
        self._digests = doubts.digests(self._subjects)

    def add_evidence(self, models: Mapping[str, Mapping[str, Any]]) -> None:
        """What pictures are drawn from, by model, that a suite found outside of any test."""
        results.merge(self._evidence, models)

    def _say(self, where: str, report: pytest.TestReport | None, text: str) -> None:
        if report is None:
            entry = results.finding(None, None, None, text)
        else:
            entry = results.finding(suite_of(report.nodeid), model_of(report), report.nodeid, text)
        if entry not in self._found[where]:
            self._found[where].append(entry)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Note in the report's folder that a run of suites has begun."""
        folder = self._folder()
        listed = self._config.option.collectonly  # then there may be a report, which is not of this run
        if folder is not None and Asked.of(self._config) and (not listed or (folder / verdict.VERDICT_FILE).is_file()):
            try:
                self._locked = report_folder.begin(folder, self._command())
            except FolderInUseError as error:  # its report stays as it is
                if not listed:
                    pytest.exit(f"COULD NOT RUN: {error}", returncode=verdict.EXIT[verdict.COULD_NOT_RUN])
            except TinyvmafError as error:
                self.could_not(str(error))
            else:
                self._report_begun = not listed

    def pytest_unconfigure(self) -> None:
        """The next run may write its report."""
        if self._locked is not None:
            self._locked.release()

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Ctrl-C or `pytest.exit` stopped the run. pytest calls this after a failed collection too: that is no stop."""
        self._stopped = not isinstance(excinfo.value, pytest.Session.Interrupted)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A suite that cannot be collected could not run."""
        if report.failed and is_gate(report.nodeid):
            self._ran = self._collection_failed = True
            lines = [line for line in report.longreprtext.splitlines() if line.startswith("E  ")]
            text = f"{report.nodeid}: {lines[-1][1:].strip()}" if lines else report.nodeid
            self._found["could_not_run"].append(results.finding(suite_of(report.nodeid), None, report.nodeid, text))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what a test of the suites said. Called in the main process also when tests run in workers."""
        self._any_ran = True
        if not is_gate(report.nodeid):
            return
        self._ran = True
        suite, model = suite_of(report.nodeid), model_of(report)
        if suite not in self._found["suites"]:
            self._found["suites"].append(suite)
        test = self._tests.setdefault(
            report.nodeid, {"test": report.nodeid, "suite": suite, "model": model, "seconds": 0.0, "status": "pass"}
        )
        test["seconds"] += report.duration
        if report.when == "call" or not report.passed:
            self._called.add(report.nodeid)
        if model is not None:
            self._judged_files.setdefault(model, set()).update(values(report, SHA256))
        if report.when == "call" and not report.skipped:
            self._found["outcomes"] += [json.loads(text) for text in values(report, OUTCOME)]
            for text in values(report, NOTE):
                self._say("notes", report, text)
        for text in values(report, EVIDENCE) if report.when == "call" else ():
            results.merge(self._evidence, json.loads(text))
        if report.failed:
            self._failed(report, test)
        elif skipped := values(report, NOT_CHECKED):
            test["status"] = "not checked" if report.skipped else test["status"]
            for text in skipped:
                self._say("not_checked", report, text)
        elif report.skipped:
            test["status"] = "could not run"
            self._say("could_not_run", report, f"{report.nodeid} (skipped without an account)")
        waived = values(report, WAIVED)
        if report.passed and not waived and (raised := values(report, RAISED)):
            test["status"] = "could not run"
            self._say("could_not_run", report, f"{report.nodeid}: it ended with {raised[0]}, and is reported as passed")
        if waived:
            self._waived |= {(model, gate) for gate in waived}
            test["status"] = "waived" if test["status"] == "pass" else test["status"]

    def _failed(self, report: pytest.TestReport, test: dict[str, Any]) -> None:
        text = causes.text_of(report)
        if why := values(report, COULD_NOT_RUN):
            test["status"] = "could not run"
            reason = reasons.as_first(self._reasons, test["model"], report.nodeid, why[0])
            self._say("could_not_run", report, f"{report.nodeid}: {reason}")
            return
        test["status"] = "fail"
        outside = [json.loads(text) for text in values(report, OUTCOME)]
        gates = [outcome["gate"] for outcome in outside if outcome["status"] == "fail"]
        name = report.nodeid.split("::")[-1].partition("[")[0].removeprefix("test_")
        self._found["failures"].append(
            {
                "suite": test["suite"],
                "model": test["model"],
                "test": report.nodeid,
                "gates": list(dict.fromkeys(gates)) or [f"{test['suite']}.{name}"],
                "text": reasons.as_first(self._reasons, test["model"], report.nodeid, text),
            }
        )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Generator[None, None, None]:
        """Of a file of `--model`, each cause is said once."""
        if self._config.getoption("--model", default=None):
            causes.collapse(terminalreporter.stats)
        yield

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
        """Behind pytest's own summary: the verdict, and its exit status unless pytest itself was stopped."""
        yield
        option = self._config.option
        if not self._ran or option.collectonly:
            self._end_without_a_test()
            asked = Asked.of(self._config)
            # Tests were listed, or are those of a suite under another name.
            if asked and (asked.alone or not self._any_ran) and exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
            return
        code = pytest.ExitCode
        broken_off = (code.INTERRUPTED, code.INTERNAL_ERROR, code.USAGE_ERROR)
        stopped = self._stopped or (exitstatus in broken_off and not self._collection_failed)
        self._doubt(stopped=stopped)
        with suppress(TinyvmafError):  # gates.toml cannot be read, and each test that asks for a bound says so
            bounds = load_bounds()
            for text in [*own_bounds.told(bounds), *for_no_model(bounds)]:
                self._say("not_checked", None, text)
        selected = bool(doubts.selections(self._config))
        part = self._config.getoption("--part", default=None)
        if part is not None:  # `tinyvmaf gate` gives the verdict
            payload = {"record": self._record(), "evidence": self._evidence, "stopped": stopped, "selected": selected}
            try:
                write_atomic(Path(part), json.dumps(payload, allow_nan=False))
            except OSError as error:
                why = f"{part}: {error.strerror}; make room there, or set TMPDIR to another folder"
                pytest.exit(why, returncode=code.INTERNAL_ERROR)
        whole = self._finish(stopped=stopped, selected=selected)
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and part is None:
            colour = _COLOUR[whole["verdict"]]
            terminal.section("verdict", bold=True, **colour)
            *lines, last = results.as_text(whole)
            for line in lines:
                terminal.write_line(shown_lines(line, "  "))
            terminal.write_line(shown(last), bold=True, **colour)
        outside_failed = exitstatus == code.TESTS_FAILED and not (whole["failures"] or whole["could_not_run"])
        if exitstatus <= code.INTERRUPTED and not stopped and not outside_failed:
            session.exitstatus = whole["exit_status"]

    def _end_without_a_test(self) -> None:
        """Remove the report of the run before: nobody may take it for that of a run of suites that ran no test."""
        if self._report_begun and (folder := self._folder()) is not None:
            with suppress(TinyvmafError):
                report_folder.remove(folder)

    def _doubt(self, *, stopped: bool) -> None:
        """Say what makes the verdict doubtful: COULD NOT RUN, or NOT CHECKED where `--allow` takes it."""
        for test in self._tests.keys() - self._called:
            self._tests[test]["status"] = "could not run"
        if named := getattr(self._config.option, "recipe", None):
            self._say("not_checked", None, f"models, by loso: --recipe {', '.join(named)} is judged in their place")
        try:
            if others := left_out(self._config):
                self._say("not_checked", None, f"registered models that --models leaves out: {', '.join(others)}")
            found = [
                *doubts.of_run(self._config, self._tests),
                *doubts.of_tests(self._config, self._subjects, self._called, stopped=stopped),
                *doubts.of_models(self._digests, self._subjects, self._judged_files),
            ]
        except TinyvmafError as error:
            self.could_not(f"what should have been judged is not known: {error}")
            return
        for one in found:
            if one.word in self._allowed:
                self._say("not_checked", None, f"--allow {one.word}: {one.text}")
            else:
                self._say("could_not_run", None, one.told())

    def _finish(self, *, stopped: bool, selected: bool) -> dict[str, Any]:
        """The record with its verdict, written where it is asked for."""
        strict = self._config.getoption("--fail-not-checked", default=False)

        def finished() -> dict[str, Any]:
            record = self._record()
            # With --recipe, recipes are judged in place of models.
            whole = selected or bool(getattr(self._config.option, "recipe", None))
            suites = () if whole else record["suites"]
            return results.finish(record, strict=strict, stopped=stopped, selected=selected, suites=suites)

        whole = finished()
        if (folder := self._folder()) is not None:
            seen = {"schema": 1, "models": self._evidence}
            try:
                report_folder.publish(folder, whole, seen)
            except Exception as error:  # a stranger's file may bring anything into a page
                self.could_not(f"no report: {error}")
                whole = finished()
                with suppress(Exception):
                    verdict.write(folder, whole, seen)
        return whole

    def _folder(self) -> Path | None:
        named = self._config.getoption("--report", default=None)
        none = named is None or self._config.getoption("--part", default=None) is not None
        return None if none else report_folder.of(self._config)

    def _command(self) -> str:
        return shlex.join(["pytest", *map(str, self._config.invocation_params.args)])

    def _record(self) -> dict[str, Any]:
        commit, dirty = environment.commit()
        machine = environment.machine()
        packages = {name: found for name in _PACKAGES if (found := version(name, module=name)) is not None}
        facts = {
            "started": self._started,
            "command": self._command(),
            "tinyvmaf": {"version": __version__, "commit": commit, "dirty": dirty},
            "environment": {
                "python": platform.python_version(),
                "system": machine.os,
                "cpu": machine.cpu,
                "cores": machine.cores,
                "packages": packages,
                "header": self._header,
            },
            "models": self._models,
            "waivers": [waiver.as_dict() | {"state": self._state(waiver)} for waiver in self._config.stash[WAIVERS]],
        }
        return {
            **self._found,
            **facts,
            "tests": list(self._tests.values()),
            "seconds": round(time.monotonic() - self._begun, 3),
        }

    def _state(self, waiver: Waiver) -> str:
        """What became of a waiver. `not asked`: the run judges only files of `--model`, or leaves out its model."""
        known = [model["id"] for model in self._models if may_be_waived(self._config, model["id"])]
        ours = any(model["registered"] for model in self._models)
        if waiver.model not in known and (not ours or waiver.model in left_out(self._config)):
            return "not asked"
        if waiver.expired():
            return "expired"
        return "used" if (waiver.model, waiver.gate) in self._waived else "unused"
