"""Models, their bounds and what was measured of them, in the latency gate."""

import os
import platform
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.app.cli.common import progress_bar
from tinyvmaf.errors import CouldNotRunError, ModelError, TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.selection import subjects_of
from tinyvmaf.measure import environment, latency, latency_history
from tinyvmaf.measure.latency import (
    BASELINE,
    FLOOR,
    MODEL,
    TEACHER,
    BaselineError,
    Footprint,
    Race,
    RatioBound,
    RatioVerdict,
    Subject,
    WholePath,
)
from tinyvmaf.measure.latency_history import Batch, ModelRun
from tinyvmaf.model import contract
from tinyvmaf.model import subject as model_subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg

PATH_PASSES = 9


@dataclass(frozen=True)
class Candidate:
    """A model under test, what is timed with it, and what is said of it."""

    subject: Subject
    path: Path
    """As it was named."""
    file: Path
    """What is timed: of an adopted model the file that it was made into."""
    tier: str
    registered: bool
    own_bounds: bool
    """Whether bounds of gates.toml that name it hold for it."""


@dataclass
class Measured:
    """What was measured of one model so far."""

    candidate: Candidate
    footprint: Footprint | None = None
    batches: dict[int, Race] = field(default_factory=dict)
    judged: list[RatioVerdict] = field(default_factory=list)


RESULTS = pytest.StashKey[dict[str, Measured]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test a batch size, for each model."""
    if "batch" in metafunc.fixturenames:
        metafunc.parametrize("batch", latency.BATCHES)


def pytest_configure(config: pytest.Config) -> None:
    """Room for what is measured."""
    # Where -k leaves nothing to time, there is nothing to save either, and the verdict says what -k left out.
    # That is said behind pytest's own handling of warnings, so it is Python's filter that counts.
    warnings.filterwarnings("ignore", message="Not saving anything, no benchmarks have been run")
    config.stash[RESULTS] = {}


@pytest.fixture(scope="session", autouse=True)
def _history_can_be_added_to(pytestconfig: pytest.Config) -> None:
    """A history that cannot be read is found out before anything is measured, not after."""
    if pytestconfig.getoption("--history") is not None:
        latency_history.read(_history(pytestconfig))


def _history(config: pytest.Config) -> Path:
    asked = config.getoption("--history")  # empty where the option has no value, None where it is not there
    return Path(asked) if asked else latency_history.default_path()


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """A saved run says which versions it timed, and not whose machine it was."""
    machine_info.pop("node", None)
    machine_info["versions"] = asdict(environment.versions())


@pytest.fixture(autouse=True)
def _undisturbed(pytestconfig: pytest.Config) -> None:
    """Nothing else of this run may be at work, beside the tests or within them."""
    if os.environ.get("PYTEST_XDIST_WORKER") or pytestconfig.getoption("numprocesses", None):
        raise CouldNotRunError(
            "latency cannot be measured while other tests run beside it (xdist)",
            hint="tox -e latency, or pytest suites/latency -n 0",
        )
    if by := latency.disturbed():
        raise CouldNotRunError(
            f"latency cannot be measured under {by}: it costs by the call",
            hint="run the suite without --cov, coverage, debugger and profiler",
        )


@pytest.fixture
def timer(request: pytest.FixtureRequest) -> Callable[[], Any]:
    """pytest-benchmark's fixture, asked for when there is something to time: unused, it would warn."""
    if not request.config.pluginmanager.has_plugin("benchmark"):
        raise CouldNotRunError(
            "pytest-benchmark is not here, or was switched off with -p no:benchmark",
            hint="pip install -c constraints.txt -e '.[gate]'",
        )

    def get() -> Any:
        found = request.getfixturevalue("benchmark")
        if found.disabled:
            raise CouldNotRunError(
                "pytest-benchmark was switched off, so nothing would be timed", hint="leave out --benchmark-disable"
            )
        return found

    return get


@pytest.fixture
def candidate(judged: model_subject.Subject, pytestconfig: pytest.Config, ffmpeg: FFmpeg, bounds: Bounds) -> Candidate:
    """The model under test. One that cannot be a candidate has failed, not the gate."""
    known = pytestconfig.stash[RESULTS]
    reason = ""
    try:
        if judged.id not in known:
            known[judged.id] = Measured(_candidate(judged, pytestconfig, ffmpeg, bounds))
    except ModelError as error:
        reason = error.message
    if reason:
        pytest.fail(reason, pytrace=False)
    return known[judged.id].candidate


@pytest.fixture
def measured(candidate: Candidate, model: str, pytestconfig: pytest.Config) -> Measured:
    """What was measured of it so far."""
    del candidate  # which makes the entry
    return pytestconfig.stash[RESULTS][model]


def _candidate(judged: model_subject.Subject, config: pytest.Config, ffmpeg: FFmpeg, bounds: Bounds) -> Candidate:
    if judged.entry is None:
        raise judged.fault or AssertionError("neither model nor fault")
    named = config.getoption("--baseline")
    subject, sidecar = latency.read_subject(judged.entry.onnx, ffmpeg, None if named is None else Path(named))
    own = judged.registered  # a stranger has chosen its own name, and no bound goes by that
    most = bounds.for_("latency.output", model=subject.id if own else None).value
    most = min(most, sidecar.promised.get("frame_max_error", most))
    subject = replace(subject, expected=replace(subject.expected, most=most))
    return Candidate(subject, judged.path, judged.entry.onnx, contract.tier(len(subject.data)), judged.registered, own)


@pytest.fixture
def baseline(
    candidate: Candidate, also_not_checked: Callable[[str], None], pytestconfig: pytest.Config
) -> bytes | None:
    """The baseline. A registered model has one; of another, what cannot be compared is said."""
    if (named := pytestconfig.getoption("--baseline")) and candidate.registered:
        also_not_checked(f"{candidate.subject.id} against the stored baseline: --baseline {named} stood in for it")
    if candidate.subject.baseline is None:
        said = f"{candidate.subject.id} has no baseline to be compared with"
        if candidate.registered:
            raise BaselineError(said, hint=f"tinyvmaf bench baseline --accept {candidate.subject.id} --reason '...'")
        also_not_checked(f"{said}: --baseline PATH names one")
    return candidate.subject.baseline


@pytest.fixture
def race_bounds(candidate: Candidate, baseline: bytes | None, batch: int, bounds: Bounds) -> dict[RatioBound, Bound]:
    """What holds of the model's times at this batch size."""
    subject, found = candidate.subject, dict[RatioBound, Bound]()
    wanted: list[tuple[str, str]] = []
    if batch == min(latency.BATCHES):
        wanted.append((FLOOR, "latency.floor"))
    if batch == max(latency.BATCHES):
        wanted.append((TEACHER, "latency.teacher"))
    if baseline is not None:
        wanted.append((BASELINE, "latency.baseline"))
    for to, name in wanted:
        bound = bounds.for_(name, model=subject.id if candidate.own_bounds else None)
        found[RatioBound(MODEL, to, bound.value)] = bound
    return found


@pytest.fixture(scope="session")
def path_times(
    pytestconfig: pytest.Config, ffmpeg: FFmpeg, bounds: Bounds, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, WholePath]:
    """The whole path at 1080p with every model, by model; a run of libvmaf serves all models of its teacher."""
    known, groups = pytestconfig.stash[RESULTS], dict[str, list[str]]()
    for model, judged in subjects_of(pytestconfig).items():
        try:
            if model not in known:
                known[model] = Measured(_candidate(judged, pytestconfig, ffmpeg, bounds))
            groups.setdefault(known[model].candidate.subject.teacher.id, []).append(model)
        except TinyvmafError:
            continue  # its own tests say so
    out = {}
    for number, models in enumerate(groups.values()):
        subjects = [known[model].candidate.subject for model in models]
        folder = tmp_path_factory.mktemp(f"path{number}")
        with progress_bar("whole path", "passes") as report:
            found = latency.whole_path(subjects, ffmpeg, folder, passes=PATH_PASSES, progress=report)
        out |= dict.fromkeys(models, found)
    return out


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With --history, the run is one line more in the file: whole, or not at all if it was stopped or chose tests."""
    config = session.config
    verdict = config.pluginmanager.get_plugin("tinyvmaf-verdict")
    if verdict is not None:
        verdict.add_evidence(_past(config))
    if (
        config.getoption("--history") is None
        or hasattr(config, "workerinput")
        or exitstatus > pytest.ExitCode.TESTS_FAILED
    ):
        return
    path = _history(config)
    models = {
        measured.candidate.subject.id: entry
        for measured in config.stash[RESULTS].values()
        if (entry := _entry(measured)) is not None
    }
    why_not = "" if models else "no model was measured at every batch size"
    if config.getoption("--model") or config.getoption("--baseline"):
        why_not = "it is that of the registered models and the stored baseline"
    if session.shouldstop or session.shouldfail:
        why_not = "the run was stopped"
    if why_not:
        verdict.note(f"history: nothing was added, for {why_not}")
        return
    try:
        commit, dirty = environment.commit()
        latency_history.append(
            path,
            latency_history.Run(
                environment.now(), commit, dirty, environment.machine(), environment.versions(), models
            ),
        )
    except (TinyvmafError, OSError) as error:
        verdict.could_not(f"history: nothing was added to {path}: {error}")
    else:
        verdict.note(f"history: {path} has one line more, of {len(models)} models")


def _past(config: pytest.Config) -> dict[str, Any]:
    """What the history says of the models on this machine, for the report; one that cannot be read says nothing."""
    try:
        runs = [run for run in latency_history.read(_history(config)) if run.machine.id == environment.machine().id]
    except TinyvmafError:
        return {}
    first, last = min(latency.BATCHES), max(latency.BATCHES)
    return {
        name: {
            "history": [
                {
                    "at": run.at,
                    "commit": run.label(),
                    "floor": run.ratio(name, first, "floor"),
                    "teacher": run.ratio(name, last, "svr"),
                    "baseline": run.ratio(name, first, "baseline"),
                }
                for run in runs
                if name in run.models
            ]
        }
        for name in (one.candidate.subject.id for one in config.stash[RESULTS].values())
    }


def _entry(measured: Measured) -> ModelRun | None:
    """A model in a line of the history; None if it was not measured at every batch size."""
    if set(measured.batches) != set(latency.BATCHES) or measured.footprint is None:
        return None
    subject, footprint = measured.candidate.subject, measured.footprint
    counted = latency.cost(subject.data)
    return ModelRun(
        sha256(subject.data),
        counted.bytes,
        counted.nodes,
        counted.multiply_adds,
        footprint.creation_ms,
        footprint.peak_kib,
        {batch: _batch(race) for batch, race in sorted(measured.batches.items())},
    )


def _batch(race: Race) -> Batch:
    baseline = race.ratio(MODEL, BASELINE).value if BASELINE in race.times else None
    return Batch(race.median(MODEL), race.ratio(MODEL, FLOOR).value, race.ratio(MODEL, TEACHER).value, baseline)


def pytest_report_header() -> list[str]:
    """How sessions are set, whichever machine this is."""
    return [f"latency: {latency.SETTINGS}; {platform.machine()}, {os.cpu_count()} cores"]


@pytest.fixture
def or_fail() -> Callable[[Subject, Callable[[], Any]], Any]:
    """What an attempt to run the model gives; if it does not, then the model failed, not the gate."""

    def attempt(subject: Subject, run: Callable[[], Any]) -> Any:
        __tracebackhide__ = True
        try:
            return run()
        except ModelError as error:
            reason = f"{subject.id}: {error.message}"
        pytest.fail(reason, pytrace=False)

    return attempt
