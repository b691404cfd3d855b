"""pytest plugin of the gates: one verdict a run, and what was NOT CHECKED.

A test in `suites/` hands its outcome to the fixture `judge`, and says with `not_checked` what it could not look at.
At the end there is one verdict:

- PASS (exit status 0): every outcome that was asked for is within its bound;
- FAIL (1): a model, or the libvmaf here, is outside a bound;
- COULD NOT RUN (10): nothing is outside a bound, but a gate lacked what it needs, or nothing was judged at all.

A skip that nobody accounted for counts as COULD NOT RUN. Statuses 2 to 5 are pytest's own; a run that was stopped has
no verdict, whatever it had found by then.
"""

import json
from collections.abc import Callable, Generator
from typing import Any, Final, NoReturn

import pytest
from _pytest.terminal import TerminalReporter

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.gates import Outcome

EXIT_FAIL: Final = 1
EXIT_COULD_NOT_RUN: Final = 10
_STATUS: Final = {"PASS": 0, "FAIL": EXIT_FAIL, "COULD NOT RUN": EXIT_COULD_NOT_RUN}
_COLOUR: Final[dict[str, dict[str, Any]]] = {
    "PASS": {"green": True},
    "FAIL": {"red": True},
    "COULD NOT RUN": {"yellow": True},
}
_OUTCOME, _NOT_CHECKED, _COULD_NOT_RUN, _NOTE = "outcome", "not_checked", "could_not_run", "note"


_Judge = Callable[..., None]


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> _Judge:
    """Record outcomes, and fail the test with all of them that are outside their bounds."""

    def judge_outcomes(*outcomes: Outcome) -> None:
        __tracebackhide__ = True
        for outcome in outcomes:
            said = {
                "gate": outcome.gate.name,
                "subject": outcome.subject,
                "count": outcome.count,
                "failed": outcome.failed,
            }
            request.node.user_properties.append((_OUTCOME, json.dumps(said)))
        if failed := [outcome for outcome in outcomes if outcome.failed]:
            pytest.fail("\n\n".join(outcome.explain() for outcome in failed), pytrace=False)

    return judge_outcomes


@pytest.fixture
def judged_by_assertions(request: pytest.FixtureRequest) -> None:
    """For a test whose assertions are the judgement: it counts as one outcome on one value."""
    said = {"gate": "assertions", "subject": request.node.name, "count": 1, "failed": False}
    request.node.user_properties.append((_OUTCOME, json.dumps(said)))


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell a gate that could not run from one that failed, and show such an error as a sentence."""
    report = yield
    error = call.excinfo.value if call.excinfo is not None else None
    if report.failed and _is_gate(item.nodeid) and not isinstance(error, (AssertionError, pytest.fail.Exception)):
        report.user_properties.append((_COULD_NOT_RUN, ""))
        if isinstance(error, TinyvmafError):
            report.longrepr = f"COULD NOT RUN: {error}"
    return report


def pytest_configure(config: pytest.Config) -> None:
    """Collect outcomes and give the verdict in the main process; a worker of xdist only reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Verdict(config), "tinyvmaf-verdict")


def _is_gate(nodeid: str) -> bool:
    return nodeid.startswith("suites/")


class Verdict:
    """What the tests of the suites said, from their reports, and the verdict on it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._gates_ran = False
        self._judged = self._values = 0
        self._failed: list[str] = []
        self._could_not_run: list[str] = []
        self._not_checked: dict[str, None] = {}
        self._notes: dict[str, None] = {}
        self._collection_failed = False

    @property
    def _word(self) -> str:
        if self._failed:
            return "FAIL"
        strict = self._config.getoption("--fail-not-checked", default=False)
        incomplete = self._could_not_run or not self._judged or (strict and self._not_checked)
        return "COULD NOT RUN" if incomplete else "PASS"

    def could_not(self, what: str) -> None:
        """What a suite could not do outside of any test."""
        self._could_not_run.append(what)

    def note(self, text: str) -> None:
        """What a suite says outside of any test."""
        self._notes[text] = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A suite that cannot be collected could not run."""
        if report.failed and _is_gate(report.nodeid):
            self._gates_ran = self._collection_failed = True
            self._could_not_run.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what a test of the suites said. Called in the main process also when tests run in workers."""
        if not _is_gate(report.nodeid):
            return
        self._gates_ran = True
        said: dict[str, list[Any]] = {}
        for name, value in report.user_properties:
            said.setdefault(name, []).append(value)
        if report.when == "call" and not report.skipped:
            outcomes = [json.loads(text) for text in said.get(_OUTCOME, [])]
            self._judged += len(outcomes)
            self._values += sum(outcome["count"] for outcome in outcomes)
            self._notes |= dict.fromkeys(said.get(_NOTE, []))
        if report.failed:
            (self._could_not_run if _COULD_NOT_RUN in said else self._failed).append(report.nodeid)
        elif _NOT_CHECKED in said:
            self._not_checked |= dict.fromkeys(said[_NOT_CHECKED])
        elif report.skipped:
            self._could_not_run.append(f"{report.nodeid} (skipped without an account)")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
        """Behind pytest's own summary: the verdict, and its exit status unless pytest itself was stopped."""
        yield
        option = self._config.option
        if not self._gates_ran or option.collectonly:
            return
        for name, value in (("-k", option.keyword), ("-m", option.markexpr), ("--deselect", option.deselect)):
            if value:
                self._not_checked[f"whatever {name} {value!r} left out"] = None
        code = pytest.ExitCode
        broken_off = (code.INTERRUPTED, code.INTERNAL_ERROR, code.USAGE_ERROR)
        stopped = exitstatus in broken_off and not self._collection_failed
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            self._print(terminal, stopped=stopped)
        outside_failed = exitstatus == code.TESTS_FAILED and not (self._failed or self._could_not_run)
        if exitstatus <= code.INTERRUPTED and not stopped and not outside_failed:
            session.exitstatus = _STATUS[self._word]

    def _print(self, terminal: TerminalReporter, *, stopped: bool) -> None:
        colour = _COLOUR["COULD NOT RUN" if stopped else self._word]
        terminal.section("verdict", bold=True, **colour)
        for text in self._notes:
            terminal.write_line(f"  {text}")
        for title, lines in (
            ("COULD NOT RUN", self._could_not_run),
            ("NOT CHECKED", list(self._not_checked)),
        ):
            if lines:
                terminal.write_line(f"{title}:")
                for line in lines:
                    terminal.write_line(f"  - {line}")
        found = f"{self._judged} outcomes on {self._values} values, {len(self._failed)} failed"
        summary = f"{self._word} ({found if self._judged else 'nothing was judged'})"
        if stopped:
            summary = f"none, stopped after {found}"
        terminal.write_line(f"VERDICT: {summary}", bold=True, **colour)
