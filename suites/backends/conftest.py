"""Fixtures of the backends gate: one model on one engine, the reference, and what both are tried on."""

import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

# Threads that wait must not spin: as many processes as there are cores run at once. Read when PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.pictures import PictureSet, embedded_pictures
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.judge import asked_engines, backends_run
from tinyvmaf.judge.backends_run import BackendsRun, Scorer
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.plugin import NotChecked, Note
from tinyvmaf.judge.selection import asked_subjects
from tinyvmaf.measure.engine_agreement import Inputs, Rows, sole
from tinyvmaf.model import engines
from tinyvmaf.model.engines import Engine
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_teacher

REAL = ("BigBuckBunny", "China")
"""Sources of the corpus whose frames are shown to models that take pictures."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each model and each engine that it is for."""
    if "engine_name" in metafunc.fixturenames:
        pairs = asked_engines.pairs(asked_subjects(metafunc), asked_engines.engines_of_run(metafunc.config))
        # Of the session, so that pytest runs all tests of a model and an engine in a row.
        metafunc.parametrize(("model", "engine_name"), pairs, ids=["-".join(pair) for pair in pairs], scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Last: -k must have chosen by then."""
    asked_engines.leave_one_to_fail(config, items, Path(__file__).parent)


@pytest.fixture(autouse=True)
def _options(pytestconfig: pytest.Config, also_not_checked: Note) -> None:
    """What the options ask for is there, and NOT CHECKED lists what they leave out, whichever tests are chosen."""
    if left_out := asked_engines.check_options(pytestconfig):
        also_not_checked(left_out)


@pytest.fixture
def candidate(subject: Subject) -> Subject:
    """The model, if it can be run at all."""
    return backends_run.check_candidate(subject)


@pytest.fixture
def ulp_bound(candidate: Subject, engine: Engine, bounds: Bounds) -> Bound:
    return backends_run.ulp_bound(candidate, engine, bounds)


@pytest.fixture
def engine(
    engine_name: str, candidate: Subject, runs: BackendsRun, not_checked: NotChecked, pytestconfig: pytest.Config
) -> Engine:
    """The engine. What it lacks for a third-party model is NOT CHECKED, unless the engine is required."""
    found = engines.find(engine_name)
    required = pytestconfig.getoption("--require-engine") or ()
    if engine_name not in required and (lacking := runs.lacking(candidate, found)):
        not_checked(lacking)
    return found


@pytest.fixture(scope="session")
def _runs(data: Dataset, ffmpeg: FFmpeg) -> Iterator[BackendsRun]:
    def pictures() -> PictureSet:
        return embedded_pictures(Store(default_folder()), ffmpeg, sources=REAL)

    with closing(BackendsRun(data, partial(load_teacher, ffmpeg), pictures)) as started:
        yield started


@pytest.fixture
def runs(_runs: BackendsRun) -> Iterator[BackendsRun]:
    """Loads and runs models, in sessions that tests share; a fresh one is closed behind the test."""
    yield _runs
    _runs.close_fresh()


@pytest.fixture
def reference(candidate: Subject, runs: BackendsRun) -> Scorer:
    return runs.reference(candidate)


@pytest.fixture
def inputs(candidate: Subject, runs: BackendsRun, also_not_checked: Note) -> Inputs:
    """What the model is tried on."""
    found = runs.inputs(candidate)
    if found.left_out:
        also_not_checked(f"{candidate.id}: {found.left_out}")
    return found


@pytest.fixture
def rows(inputs: Inputs) -> Rows:
    return sole(inputs.every)


@pytest.fixture
def some_rows(inputs: Inputs) -> Rows:
    """Some of each group, mixed, for what takes long."""
    return sole(inputs.some)
