"""pytest plugin of the gates: the fixtures through which a test judges, and what becomes of its result.

A test in `suites/` hands its outcomes to the fixture `judge`, and names with `not_checked` what it could not check. A
skip without `not_checked` counts as COULD NOT RUN. `collector` gives the verdict at the end.
"""

import json
import math
import os
import shlex
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

from tinyvmaf import children
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.judge import waivers
from tinyvmaf.judge.causes import repeated
from tinyvmaf.judge.collector import COLLECTOR, WAIVERS, Collector
from tinyvmaf.judge.options import declare_for_plugin
from tinyvmaf.judge.outcomes import Assertion, Outcome
from tinyvmaf.judge.properties import (
    COULD_NOT_RUN,
    EVIDENCE,
    MODEL,
    NOT_CHECKED,
    NOTE,
    OUTCOME,
    RAISED,
    SHA256,
    WAIVED,
    is_gate,
    suite_of,
)
from tinyvmaf.judge.selection import may_be_waived, subjects_of
from tinyvmaf.judge.waivers import Waiver
from tinyvmaf.terminal import shown_lines

if TYPE_CHECKING:
    from tinyvmaf.data.dataset import Dataset

_PATH: Final = Path(children.__file__).parents[1]
_END_WITH_PARENT: Final = """
import sys
sys.path.insert(0, {path!r})
from tinyvmaf import children
del sys.path[0]
children.end_with_parent({pid})
"""
Judge = Callable[..., None]
NotChecked = Callable[[str], NoReturn]
Note = Callable[[str], None]
Evidence = Callable[[Mapping[str, Any]], None]


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Judge:
    """Record outcomes, and fail the test with all of them that are outside their bounds and not waived."""
    node = request.node
    model, suite = _model_of(node), suite_of(node.nodeid)

    def judge_outcomes(*outcomes: Outcome) -> None:
        __tracebackhide__ = True
        failed = []
        for found in outcomes:
            again = repeated(found.reproduce, request.config, model)
            outcome = found.model_copy(update={"reproduce": again})
            waiver = _waiver(request.config, model, outcome.gate) if outcome.failed else None
            waived = waiver is not None and (waiver.up_to is None or outcome.within(waiver.up_to))
            placed = outcome.placed(test=node.nodeid, suite=suite, model=model, waived=waived)
            node.user_properties.append((OUTCOME, placed.model_dump_json()))
            if waived:
                node.user_properties.append((WAIVED, outcome.gate))
            elif outcome.failed:
                failed.append(outcome)
        if failed:
            pytest.fail(shown_lines("\n\n".join(outcome.explain() for outcome in failed)), pytrace=False)

    return judge_outcomes


@pytest.fixture
def judged_by_assertions(request: pytest.FixtureRequest) -> None:
    """For a test whose assertions are the judgement: it counts as one outcome on one value."""
    request.node.user_properties.append((OUTCOME, ""))


@pytest.fixture
def not_checked(request: pytest.FixtureRequest) -> NotChecked:
    """End the test, and list under NOT CHECKED what it could not check."""

    def end(what: str) -> NoReturn:
        request.node.user_properties.append((NOT_CHECKED, what))
        pytest.skip(f"NOT CHECKED: {what}")

    return end


@pytest.fixture
def also_not_checked(request: pytest.FixtureRequest) -> Note:
    """List a part under NOT CHECKED, and go on with the rest of the test."""
    return lambda what: request.node.user_properties.append((NOT_CHECKED, what))


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Print something in the summary of a run that passes, such as a measured value."""
    return lambda text: request.node.user_properties.append((NOTE, text))


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """Add data for the report's pictures of the test's model. A number that is not finite becomes None."""
    model = _model_of(request.node)

    def add(more: Mapping[str, Any]) -> None:
        request.node.user_properties.append((EVIDENCE, json.dumps(_finite({model: more}), allow_nan=False)))

    return add


@pytest.fixture(scope="session")
def imported_corpus(on_disk: object | None, pytestconfig: pytest.Config) -> "Dataset | None":
    """The sets of --features as one corpus, for loso and corpus; None where a corpus on disk is named, or no set."""
    from tinyvmaf.data.external import as_corpus  # not every run needs pyarrow

    named = pytestconfig.getoption("--features")
    return as_corpus(named) if named and on_disk is None else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell a gate that could not run from one that failed, print such an error as a sentence, and apply waivers."""
    error = call.excinfo.value if call.excinfo is not None else None
    gate = is_gate(item.nodeid)
    if call.excinfo is not None and gate and isinstance(error, TinyvmafError):
        # The error is printed as a sentence. Without this, pytest spends seconds on sources of frames that nobody sees.
        call.excinfo.traceback = call.excinfo.traceback[-1:]
    report = yield
    if not gate:
        return report
    judged = isinstance(error, (AssertionError, pytest.fail.Exception))
    if error is not None and not isinstance(error, pytest.skip.Exception):
        report.user_properties.append((RAISED, type(error).__name__))
    if report.failed and not judged:
        why = str(error) if isinstance(error, TinyvmafError) else call.excinfo.exconly() if call.excinfo else ""
        report.user_properties.append((COULD_NOT_RUN, why))
        if isinstance(error, TinyvmafError):
            report.longrepr = shown_lines(f"COULD NOT RUN: {error}", "  ")
    outcomes = [str(text) for name, text in item.user_properties if name == OUTCOME]
    by_assertions = not any(text and json.loads(text)["status"] == "fail" for text in outcomes)
    if report.failed and judged and call.when == "call" and by_assertions:
        waiver = _waiver(item.config, _model_of(item), _gate_of(item))
        if waiver is not None and waiver.up_to is None:
            report.outcome, report.longrepr = "passed", None
            report.user_properties.append((WAIVED, _gate_of(item)))
    if "" in outcomes:  # only now it is known how the test ended
        report.user_properties.remove((OUTCOME, ""))
        if judged or not report.failed:
            report.user_properties.append((OUTCOME, _assertion(item, report).model_dump_json()))
    report.user_properties += [(MODEL, _model_of(item)), *((SHA256, one) for one in _digest(item))]
    return report


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _assertion(item: pytest.Item, report: pytest.TestReport) -> Outcome:
    """The outcome of a test whose assertions are the judgement."""
    suite, name = suite_of(item.nodeid), _gate_of(item)
    waived = any(key == WAIVED for key, _ in report.user_properties)
    docstring = getattr(getattr(item, "function", None), "__doc__", None) or ""
    outcome = Assertion(
        gate=name,
        metric=name.partition(".")[2].replace("_", " "),
        subject=item.name,
        count=1,
        failures=int(report.failed or waived),
        status="pass",
        reason=docstring.strip().split("\n")[0],
        source=f"suites/{suite}/README.md",
        reproduce=repeated(f"pytest {shlex.quote(item.nodeid)}", item.config, _model_of(item)),
    )
    return outcome.placed(test=item.nodeid, suite=suite, model=_model_of(item), waived=waived)


def pytest_addoption(parser: pytest.Parser) -> None:
    declare_for_plugin(parser.getgroup("tinyvmaf").addoption)


def pytest_configure(config: pytest.Config) -> None:
    """Register the collector in the main process; a worker of xdist only reports."""
    named, fault = config.getoption("--waivers", default=None), ""
    config.stash[WAIVERS] = []
    try:
        config.stash[WAIVERS] = waivers.read_waivers(None if named is None else Path(named))
    except TinyvmafError as error:
        fault = str(error)
    if not hasattr(config, "workerinput"):
        collector = Collector(config)
        config.pluginmanager.register(collector, COLLECTOR)
        if fault:
            collector.could_not(fault)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Have a worker of xdist end with this process, before it imports anything that takes long."""
    if node.gateway.spec.popen:  # else it is no child of this process
        node.gateway.remote_exec(_END_WITH_PARENT.format(pid=os.getpid(), path=str(_PATH))).waitclose()


def _waiver(config: pytest.Config, model: str | None, gate: str) -> Waiver | None:
    known = config.stash[WAIVERS]
    found = waivers.find(known, model, gate)
    return found if found is not None and may_be_waived(config, model) else None


def _gate_of(item: pytest.Item) -> str:
    """The gate's name of a test that no bound of gates.toml is for."""
    name = getattr(item, "originalname", None) or item.name
    return f"{suite_of(item.nodeid)}.{name.removeprefix('test_')}"


def _digest(item: pytest.Item) -> list[str]:
    """sha256 of the file that a test judged; empty if it read none, or an adopted one."""
    model = _model_of(item)
    subject = None if model is None else subjects_of(item.config).get(model)
    read = subject is not None and subject.adopted is None and "data" in vars(subject)
    return [sha256(subject.data)] if subject is not None and read else []


def _model_of(item: pytest.Item) -> str | None:
    """The model that a test is about. A recipe under test is not a model."""
    if item.config.getoption("--recipe", default=None) and "subject_id" in getattr(item, "fixturenames", ()):
        return None
    callspec = getattr(item, "callspec", None)
    found = {} if callspec is None else callspec.params
    named = found.get("model", found.get("subject_id"))
    return named if isinstance(named, str) else None  # pytest has an object of its own where there is no model
