"""Fixtures of the latency gate: a model, what it is raced against, and what was measured of it so far."""

import os
import platform
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import pytest

from tinyvmaf.app.cli.common import progress_bar
from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.judge import latency_run
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.latency_run import LatencyRun, history_path
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.plugin import Note
from tinyvmaf.judge.selection import subjects_of
from tinyvmaf.measure import environment, latency, latency_history
from tinyvmaf.measure.latency import BaselineError, Measured, RatioBound, WholePath
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg

RUN = pytest.StashKey[LatencyRun]()
Measure = Callable[[Subject], Measured]
Timer = Callable[[], Any]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "batch" in metafunc.fixturenames:
        metafunc.parametrize("batch", latency.BATCHES)


def pytest_configure(config: pytest.Config) -> None:
    # -k may leave nothing to save, and the verdict tells. pytest-benchmark warns where only Python's own filter
    # counts.
    warnings.filterwarnings("ignore", message="Not saving anything, no benchmarks have been run")
    config.stash[RUN] = LatencyRun()


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """A saved run tells which versions it timed, and not whose machine it was."""
    machine_info.pop("node", None)
    machine_info["versions"] = asdict(environment.versions())


def pytest_report_header() -> list[str]:
    return [f"latency: {latency.SETTINGS}; {platform.machine()}, {os.cpu_count()} cores"]


@pytest.fixture(scope="session", autouse=True)
def _history_can_be_added_to(pytestconfig: pytest.Config) -> None:
    """A history that cannot be read is found out before anything is measured, not after."""
    if (option := pytestconfig.getoption("--history")) is not None:
        latency_history.read(history_path(option))


@pytest.fixture(autouse=True)
def _undisturbed(pytestconfig: pytest.Config) -> None:
    latency_run.check_undisturbed(pytestconfig)


@pytest.fixture
def timer(request: pytest.FixtureRequest) -> Timer:
    """Gives pytest-benchmark's fixture."""
    if not request.config.pluginmanager.has_plugin("benchmark"):
        raise CouldNotRunError(
            "pytest-benchmark is not here, or was switched off with -p no:benchmark",
            hint="pip install -c constraints.txt -e '.[gate]'",
        )
    return partial(latency_run.benchmark_of, request)


@pytest.fixture(scope="session")
def measure(pytestconfig: pytest.Config, ffmpeg: FFmpeg, bounds: Bounds) -> Measure:
    """What was measured of a model so far."""
    baseline = pytestconfig.getoption("--baseline")
    return lambda subject: pytestconfig.stash[RUN].measured(subject, ffmpeg, bounds, baseline)


@pytest.fixture
def measured(subject: Subject, measure: Measure) -> Measured:
    """What was measured of this one. A model that cannot be raced has failed, not the gate."""
    with model_failed():
        return measure(subject)


@pytest.fixture
def baseline(subject: Subject, measured: Measured, also_not_checked: Note, pytestconfig: pytest.Config) -> bytes | None:
    """The baseline. A registered model has one; NOT CHECKED lists what others cannot be compared with."""
    if (named := pytestconfig.getoption("--baseline")) and subject.registered:
        also_not_checked(f"{subject.id} against the stored baseline: --baseline {named} stood in for it")
    if measured.against.baseline is None:
        lacking = f"{subject.id} has no baseline to be compared with"
        if subject.registered:
            raise BaselineError(lacking, hint=f"tinyvmaf bench baseline --accept {subject.id} --reason '...'")
        also_not_checked(f"{lacking}: --baseline PATH names one")
    return measured.against.baseline


@pytest.fixture
def race_bounds(
    subject: Subject, measured: Measured, baseline: bytes | None, batch: int, bounds: Bounds
) -> Mapping[RatioBound, Bound]:
    """What holds of the model's times at this batch size; `baseline` tells what cannot be compared."""
    del baseline
    return latency_run.race_bounds(subject, measured, batch, bounds)


@pytest.fixture(scope="session")
def path_times(
    pytestconfig: pytest.Config, measure: Measure, ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, WholePath]:
    """The whole path at 1080p with every model, by model."""
    subjects, folder = subjects_of(pytestconfig).values(), tmp_path_factory.mktemp
    with progress_bar("whole path", "passes") as report:
        return pytestconfig.stash[RUN].whole_paths(subjects, measure, ffmpeg, folder, report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With --history, the run is one line more in the file: whole, or not at all if it was stopped or chose tests."""
    config, option = session.config, session.config.getoption("--history")
    verdict, run = config.pluginmanager.get_plugin("tinyvmaf-verdict"), config.stash[RUN]
    if verdict is None:  # in a worker of xdist
        return
    path = history_path(option)
    verdict.add_evidence(latency_history.past(path, run.results))
    if option is None or exitstatus > pytest.ExitCode.TESTS_FAILED:
        return
    others = bool(config.getoption("--model") or config.getoption("--baseline"))
    try:
        stopped = bool(session.shouldstop or session.shouldfail)
        verdict.note(run.add_to_history(path, stopped=stopped, others=others))
    except TinyvmafError as error:
        verdict.could_not(f"history: nothing was added to {path}: {error}")
