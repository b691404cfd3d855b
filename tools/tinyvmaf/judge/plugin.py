"""pytest plugin of the gates: one verdict a run, what was NOT CHECKED, and a report.

A test in `suites/` hands its outcome to the fixture `judge`, and says with `not_checked` what it could not look at.
At the end there is one verdict:

- PASS (exit status 0): every outcome that was asked for is within its bound, or waived;
- FAIL (1): a model, or the libvmaf here, is outside a bound, or a waiver has expired or was of no use;
- COULD NOT RUN (10): nothing is outside a bound, but a gate lacked what it needs, or nothing was judged at all.

A skip that nobody accounted for counts as COULD NOT RUN. Statuses 2 to 5 are pytest's own; a run that was stopped has
no verdict, whatever it had found by then.
"""

import json
import platform
import re
import shlex
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from tinyvmaf import __version__
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.judge import report as reports
from tinyvmaf.judge import results, waivers
from tinyvmaf.judge.outcomes import Outcome
from tinyvmaf.judge.waivers import Waiver
from tinyvmaf.measure import environment
from tinyvmaf.model.engines.installed import version

_COLOUR: Final[dict[str, dict[str, Any]]] = {
    results.PASS: {"green": True},
    results.FAIL: {"red": True},
    results.COULD_NOT_RUN: {"yellow": True},
    results.STOPPED: {"yellow": True},
}
_PACKAGES: Final = ("numpy", "onnx", "onnxruntime", "openvino", "opencv-python-headless", "torch", "pytest")
_OUTCOME, _NOT_CHECKED, _COULD_NOT_RUN, _NOTE = "outcome", "not_checked", "could_not_run", "note"
_MODEL, _WAIVED, _EVIDENCE = "model", "waived", "evidence"
_OF_A_WORKER: Final = re.compile(r"\A\[gw\d+\] .*\n")  # a line of xdist, which says nothing of what failed
_WAIVERS = pytest.StashKey[list[Waiver]]()


_Judge = Callable[..., None]


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> _Judge:
    """Record outcomes, and fail the test with all of them that are outside their bounds and not waived."""
    node, known = request.node, request.config.stash[_WAIVERS]

    def judge_outcomes(*outcomes: Outcome) -> None:
        __tracebackhide__ = True
        failed = []
        for outcome in outcomes:
            waiver = waivers.find(known, _model_of(node), outcome.gate.name) if outcome.failed else None
            waived = waiver is not None and _as_far_as(waiver, outcome)
            said = results.of_outcome(
                outcome, test=node.nodeid, suite=_suite(node.nodeid), model=_model_of(node), waived=waived
            )
            node.user_properties.append((_OUTCOME, json.dumps(said)))
            if waived:
                node.user_properties.append((_WAIVED, outcome.gate.name))
            elif outcome.failed:
                failed.append(outcome)
        if failed:
            pytest.fail("\n\n".join(outcome.explain() for outcome in failed), pytrace=False)

    return judge_outcomes


def _as_far_as(waiver: Waiver, outcome: Outcome) -> bool:
    """Whether what is outside the bound is within what the waiver allows."""
    if waiver.up_to is None:
        return True
    if outcome.gate.direction == "at least":
        return replace(outcome.gate, value=waiver.up_to).accepts(outcome.worst[0].got)
    # The furthest off stands first, so that what holds of it holds of all.
    worst = outcome.worst[0]
    measured = abs(worst.got) if worst.expected == outcome.gate.value else worst.difference
    return measured <= waiver.up_to


@pytest.fixture
def judged_by_assertions(request: pytest.FixtureRequest) -> None:
    """For a test whose assertions are the judgement: it counts as one outcome on one value."""
    request.node.user_properties.append((_OUTCOME, ""))


@pytest.fixture
def not_checked(request: pytest.FixtureRequest) -> Callable[[str], NoReturn]:
    """End the test and list under NOT CHECKED what it could not look at."""

    def end(what: str) -> NoReturn:
        request.node.user_properties.append((_NOT_CHECKED, what))
        pytest.skip(f"NOT CHECKED: {what}")

    return end


@pytest.fixture
def also_not_checked(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """List a part under NOT CHECKED and go on with the rest of the test."""
    return lambda what: request.node.user_properties.append((_NOT_CHECKED, what))


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say something in the summary of a run that passes, such as a measured value."""
    return lambda text: request.node.user_properties.append((_NOTE, text))


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Callable[[Mapping[str, Any]], None]:
    """Add what a picture of the test's model is drawn from to the report; what is not finite is null in it."""
    model = _model_of(request.node)

    def add(more: Mapping[str, Any]) -> None:
        request.node.user_properties.append((_EVIDENCE, json.dumps({model: more}, allow_nan=False)))

    return add


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell a gate that could not run from one that failed, show such an error as a sentence, and let a waiver act."""
    error = call.excinfo.value if call.excinfo is not None else None
    if call.excinfo is not None and _is_gate(item.nodeid) and isinstance(error, TinyvmafError):
        # It is shown as a sentence; pytest would spend seconds on sources of frames that nobody sees.
        call.excinfo.traceback = call.excinfo.traceback[-1:]
    report = yield
    if not _is_gate(item.nodeid):
        return report
    judged = isinstance(error, (AssertionError, pytest.fail.Exception))
    if report.failed and not judged:
        why = str(error) if isinstance(error, TinyvmafError) else call.excinfo.exconly() if call.excinfo else ""
        report.user_properties.append((_COULD_NOT_RUN, why))
        if isinstance(error, TinyvmafError):
            report.longrepr = f"COULD NOT RUN: {error}"
    model, said = _model_of(item), [str(text) for name, text in item.user_properties if name == _OUTCOME]
    by_assertions = not any(text and json.loads(text)["status"] == "fail" for text in said)
    if report.failed and judged and call.when == "call" and by_assertions:
        known: list[Waiver] = item.config.stash[_WAIVERS]
        waiver = waivers.find(known, model, _gate_of(item))
        if waiver is not None and waiver.up_to is None:
            report.outcome, report.longrepr = "passed", None
            report.user_properties.append((_WAIVED, _gate_of(item)))
    if "" in said:  # which says how it ended, so it can be said only now
        report.user_properties.remove((_OUTCOME, ""))
        if judged or not report.failed:
            report.user_properties.append((_OUTCOME, json.dumps(_by_assertions(item, report))))
    report.user_properties.append((_MODEL, model))
    return report


def _by_assertions(item: pytest.Item, report: pytest.TestReport) -> dict[str, Any]:
    words = _gate_of(item).partition(".")[2].replace("_", " ")
    waived = any(name == _WAIVED for name, _ in report.user_properties)
    return {
        "test": item.nodeid,
        "suite": _suite(item.nodeid),
        "model": _model_of(item),
        "gate": _gate_of(item),
        "metric": words,
        "bound": "holds",
        "value": None,
        "unit": "",
        "direction": "at most",
        "subject": item.name,
        "count": 1,
        "failures": int(report.failed or waived),
        "status": "waived" if waived else "fail" if report.failed else "pass",
        "max_difference": None,
        "worst": [],
        "reason": (getattr(getattr(item, "function", None), "__doc__", None) or "").strip().split("\n")[0],
        "source": f"suites/{_suite(item.nodeid)}/README.md",
        "reproduce": f"pytest '{item.nodeid}'",
        "details": "",
    }


def pytest_configure(config: pytest.Config) -> None:
    """Collect outcomes and give the verdict in the main process; a worker of xdist only reports."""
    named, fault = config.getoption("--waivers", default=None), ""
    config.stash[_WAIVERS] = []
    try:
        config.stash[_WAIVERS] = waivers.read_waivers(None if named is None else Path(named))
    except TinyvmafError as error:
        fault = str(error)
    if not hasattr(config, "workerinput"):
        verdict = Verdict(config)
        config.pluginmanager.register(verdict, "tinyvmaf-verdict")
        if fault:
            verdict.could_not(fault)


def _is_gate(nodeid: str) -> bool:
    return nodeid.startswith("suites/")


def _suite(nodeid: str) -> str:
    return nodeid.split("::")[0].split("/")[1]


def _gate_of(item: pytest.Item) -> str:
    """What a waiver calls a test that no bound of gates.toml is for."""
    name = getattr(item, "originalname", None) or item.name
    return f"{_suite(item.nodeid)}.{name.removeprefix('test_')}"


def _model_of(item: pytest.Item) -> str | None:
    """The model that a test is about; a recipe is none, whatever it is called."""
    if item.config.getoption("--recipe", default=None) and "subject_id" in getattr(item, "fixturenames", ()):
        return None
    callspec = getattr(item, "callspec", None)
    found = {} if callspec is None else callspec.params
    return found.get("model", found.get("subject_id"))


class Verdict:
    """What the tests of the suites said, from their reports, and the verdict on it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._begun, self._started = time.monotonic(), environment.now()
        self._ran = self._collection_failed = self._stopped = False
        self._found = results.empty({})
        self._tests: dict[str, dict[str, Any]] = {}
        self._models: list[dict[str, Any]] = []
        self._evidence: dict[str, Any] = {}
        self._waived: set[tuple[str | None, str]] = set()
        self._header: list[str] = []

    def could_not(self, what: str) -> None:
        """What a suite could not do outside of any test."""
        self._say("could_not_run", None, what)

    def note(self, text: str) -> None:
        """What a suite says outside of any test."""
        self._say("notes", None, text)

    def under_test(self, models: Iterable[Mapping[str, Any]], header: Iterable[str] = ()) -> None:
        """The models that the run is about, as `record.SCHEMA` has them, and what stands at the head of the run."""
        self._models, self._header = [{"verdict": results.STOPPED, **model} for model in models], list(header)

    def add_evidence(self, models: Mapping[str, Mapping[str, Any]]) -> None:
        """What pictures are drawn from, by model, that a suite found outside of any test."""
        results.merge(self._evidence, models)

    def _say(self, where: str, report: pytest.TestReport | None, text: str) -> None:
        if report is None:
            entry = results.said(None, None, None, text)
        else:
            entry = results.said(_suite(report.nodeid), _model(report), report.nodeid, text)
        if entry not in self._found[where]:
            self._found[where].append(entry)

    def pytest_sessionstart(self) -> None:
        """The report of an earlier run must not be taken for that of one that dies."""
        if (folder := self._folder()) is not None and not self._config.option.collectonly:
            try:
                for name in results.FILES:
                    (folder / name).unlink(missing_ok=True)
            except OSError as error:
                self.could_not(f"{folder}: {error.strerror}; --report DIR says where the report goes")

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Also where a suite itself ends the run, with a status of its own; not where one cannot be collected."""
        self._stopped = not isinstance(excinfo.value, pytest.Session.Interrupted)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A suite that cannot be collected could not run."""
        if report.failed and _is_gate(report.nodeid):
            self._ran = self._collection_failed = True
            self._found["could_not_run"].append(results.said(_suite(report.nodeid), None, report.nodeid, report.nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what a test of the suites said. Called in the main process also when tests run in workers."""
        if not _is_gate(report.nodeid):
            return
        self._ran = True
        suite, model = _suite(report.nodeid), _model(report)
        if suite not in self._found["suites"]:
            self._found["suites"].append(suite)
        test = self._tests.setdefault(
            report.nodeid, {"test": report.nodeid, "suite": suite, "model": model, "seconds": 0.0, "status": "pass"}
        )
        test["seconds"] += report.duration
        if report.when == "call" and not report.skipped:
            self._found["outcomes"] += [json.loads(text) for text in _properties(report, _OUTCOME)]
            for text in _properties(report, _NOTE):
                self._say("notes", report, text)
        for text in _properties(report, _EVIDENCE) if report.when == "call" else ():
            results.merge(self._evidence, json.loads(text))
        if report.failed:
            self._failed(report, test)
        elif skipped := _properties(report, _NOT_CHECKED):
            test["status"] = "not checked" if report.skipped else test["status"]
            for text in skipped:
                self._say("not_checked", report, text)
        elif report.skipped:
            test["status"] = "could not run"
            self._say("could_not_run", report, f"{report.nodeid} (skipped without an account)")
        if waived := _properties(report, _WAIVED):
            self._waived |= {(model, gate) for gate in waived}
            test["status"] = "waived" if test["status"] == "pass" else test["status"]

    def _failed(self, report: pytest.TestReport, test: dict[str, Any]) -> None:
        text = _OF_A_WORKER.sub("", report.longreprtext)
        if why := _properties(report, _COULD_NOT_RUN):
            test["status"] = "could not run"
            self._say("could_not_run", report, f"{report.nodeid}: {why[0]}")
            return
        test["status"] = "fail"
        outside = [json.loads(text) for text in _properties(report, _OUTCOME)]
        gates = [outcome["gate"] for outcome in outside if outcome["status"] == "fail"]
        name = report.nodeid.split("::")[-1].partition("[")[0].removeprefix("test_")
        self._found["failures"].append(
            {
                "suite": test["suite"],
                "model": test["model"],
                "test": report.nodeid,
                "gates": list(dict.fromkeys(gates)) or [f"{test['suite']}.{name}"],
                "text": text,
            }
        )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
        """Behind pytest's own summary: the verdict, and its exit status unless pytest itself was stopped."""
        yield
        option = self._config.option
        if not self._ran or option.collectonly:
            return
        chosen = (("-k", option.keyword), ("-m", option.markexpr), ("--deselect", option.deselect))
        others = ("ignore", "ignore_glob", "lf", "stepwise", "recipe")
        # pytest keeps its own switches of strictness there as well.
        settings = [one for one in option.override_ini or () if not one.startswith("strict_")]
        found = (
            *chosen,
            *((f"--{name.replace('_', '-')}", getattr(option, name, None)) for name in others),
            ("-o", settings),
        )
        for name, value in found:
            if value:
                self._say("not_checked", None, f"whatever {name} {value!r} left out")
        selected = any(value for _, value in chosen)
        code = pytest.ExitCode
        broken_off = (code.INTERRUPTED, code.INTERNAL_ERROR, code.USAGE_ERROR)
        stopped = self._stopped or (exitstatus in broken_off and not self._collection_failed)
        part = self._config.getoption("--part", default=None)
        if part is not None:  # `tinyvmaf gate` gives the verdict
            payload = {"record": self._record(), "evidence": self._evidence, "stopped": stopped, "selected": selected}
            write_atomic(Path(part), json.dumps(payload, allow_nan=False))
        whole = self._finish(stopped=stopped, selected=selected or self._some_tests())
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None and part is None:
            colour = _COLOUR[whole["verdict"]]
            terminal.section("verdict", bold=True, **colour)
            *lines, last = results.as_text(whole)
            for line in lines:
                terminal.write_line(line)
            terminal.write_line(last, bold=True, **colour)
        outside_failed = exitstatus == code.TESTS_FAILED and not (whole["failures"] or whole["could_not_run"])
        if exitstatus <= code.INTERRUPTED and not stopped and not outside_failed:
            session.exitstatus = whole["exit_status"]

    def _some_tests(self) -> bool:
        """Whether an argument names a test or a file rather than suites."""
        return any("::" in str(argument) or str(argument).endswith(".py") for argument in self._config.args)

    def _finish(self, *, stopped: bool, selected: bool) -> dict[str, Any]:
        """The record with its verdict, written where it is asked for."""
        strict = self._config.getoption("--fail-not-checked", default=False)

        def finished() -> dict[str, Any]:
            return results.finish(self._record(), strict=strict, stopped=stopped, selected=selected)

        whole = finished()
        if (folder := self._folder()) is not None:
            seen = {"schema": 1, "models": self._evidence}
            try:
                reports.write(folder, whole, seen)
                results.write(folder, whole, seen)  # last: where a page fails, it must not say PASS
            except Exception as error:  # of whatever a stranger's file has brought into it
                self.could_not(f"no report: {error}")
                whole = finished()
                with suppress(Exception):
                    results.write(folder, whole, seen)
        return whole

    def _folder(self) -> Path | None:
        named = self._config.getoption("--report", default=None)
        none = named is None or self._config.getoption("--part", default=None) is not None
        return None if none else Path(self._config.rootpath, named)

    def _record(self) -> dict[str, Any]:
        commit, dirty = environment.commit()
        machine = environment.machine()
        packages = {name: found for name in _PACKAGES if (found := version(name, module=name)) is not None}
        facts = {
            "started": self._started,
            "command": shlex.join(["pytest", *map(str, self._config.invocation_params.args)]),
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
            "waivers": [waiver.as_dict() | {"state": self._state(waiver)} for waiver in self._config.stash[_WAIVERS]],
        }
        return {
            **self._found,
            **facts,
            "tests": list(self._tests.values()),
            "seconds": round(time.monotonic() - self._begun, 3),
        }

    def _state(self, waiver: Waiver) -> str:
        """What became of a waiver; of a model that is registered and not under test it says nothing."""
        known = [model["id"] for model in self._models]
        if waiver.model not in known and not any(model["registered"] for model in self._models):
            return "not asked"
        if waiver.expired():
            return "expired"
        return "used" if (waiver.model, waiver.gate) in self._waived else "unused"


def _properties(report: pytest.TestReport, wanted: str) -> list[Any]:
    return [value for name, value in report.user_properties if name == wanted]


def _model(report: pytest.TestReport) -> str | None:
    """The model of a test; that of a worker that crashed names none."""
    return next(iter(_properties(report, _MODEL)), None)
