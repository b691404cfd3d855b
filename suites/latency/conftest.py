"""Fixtures of the latency gate: a model, what it is raced against, and what was measured of it so far."""

import os
import platform
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cache, partial
from typing import Any

import pytest

from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.judge import latency_run, picture_latency
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.latency_run import LatencyRun
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.plugin import Note
from tinyvmaf.judge.selection import subjects_of
from tinyvmaf.measure import environment, latency
from tinyvmaf.measure.latency import FrameCost, Measured, MeasuredPictures, RatioBound, WholePath
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg

RUN = pytest.StashKey[LatencyRun]()
Measure = Callable[[Subject], Measured]
MeasurePictures = Callable[[Subject], MeasuredPictures]
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
    latency_run.check_history(pytestconfig)


@pytest.fixture(autouse=True)
def _undisturbed(pytestconfig: pytest.Config) -> None:
    latency_run.check_undisturbed(pytestconfig)


@pytest.fixture
def timer(request: pytest.FixtureRequest) -> Timer:
    """Gives pytest-benchmark's fixture."""
    latency_run.check_benchmark(request.config)
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
    """The baseline; NOT CHECKED lists what cannot be compared with one."""
    return latency_run.baseline_of(subject, measured, pytestconfig.getoption("--baseline"), also_not_checked)


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


@pytest.fixture(scope="session")
def measure_pictures(pytestconfig: pytest.Config, ffmpeg: FFmpeg) -> MeasurePictures:
    """What was measured so far of a model that takes pictures."""
    results, baseline = pytestconfig.stash[RUN].pictures, pytestconfig.getoption("--baseline")
    return lambda subject: picture_latency.measured_pictures(results, subject, ffmpeg, baseline)


@pytest.fixture
def measured_pictures(subject: Subject, measure_pictures: MeasurePictures) -> MeasuredPictures:
    """What was measured of this one."""
    with model_failed():
        return measure_pictures(subject)


@pytest.fixture
def picture_baseline(
    subject: Subject, measured_pictures: MeasuredPictures, also_not_checked: Note, pytestconfig: pytest.Config
) -> bytes | None:
    """The baseline; NOT CHECKED lists what cannot be compared with one."""
    return latency_run.baseline_of(subject, measured_pictures, pytestconfig.getoption("--baseline"), also_not_checked)


@pytest.fixture(scope="session")
def frame_costs(
    pytestconfig: pytest.Config,
    measure_pictures: MeasurePictures,
    ffmpeg: FFmpeg,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], FrameCost]:
    """CPU time of a frame, of libvmaf and of every model that is held against it; measured when first asked for."""
    subjects = subjects_of(pytestconfig).values()

    @cache
    def measured() -> FrameCost:
        with progress_bar("libvmaf and models", "passes") as report:
            folder = tmp_path_factory.mktemp("frames")
            return picture_latency.frame_costs(subjects, measure_pictures, ffmpeg, folder, report)

    return measured


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    latency_run.end_run(session, exitstatus, session.config.stash[RUN])
