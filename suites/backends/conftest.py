"""Fixtures of the backends gate: one model on one engine, the reference, and what both are tried on."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.judge.plugin import Note

# Threads that wait must not spin: as many processes as there are cores run at once. Read when PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.judge import asked_engines
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.kinds import Material, kind_of
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.selection import asked_subjects
from tinyvmaf.measure import engine_agreement
from tinyvmaf.measure.engine_agreement import Inputs, Sessions, sole
from tinyvmaf.measure.engine_agreement.runs import DEFAULT
from tinyvmaf.model import engines
from tinyvmaf.model.engines import Engine, Session, Settings
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

FAULT = pytest.StashKey[TinyvmafError]()
Rows = NDArray[np.float32]
Run = Callable[[Session, Rows, int], Rows]
Load = Callable[..., Session]
Scorer = Callable[[Rows], Rows]


def _engines(config: pytest.Config) -> list[str]:
    return asked_engines.asked_engines(config.getoption("--engine"), config.getoption("--require-engine"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each model and each engine that it is for."""
    if "engine_name" in metafunc.fixturenames:
        pairs = asked_engines.pairs(asked_subjects(metafunc), _engines(metafunc.config))
        # Of the session, so that pytest runs all tests of a model and an engine in a row.
        metafunc.parametrize(("model", "engine_name"), pairs, ids=["-".join(pair) for pair in pairs], scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """If an option asks for an engine in vain, one test is left, to say so. Last: -k must have chosen by then."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    run = [item for item in ours if hasattr(item, "callspec") and not item.get_closest_marker("skip")]
    ran = {item.callspec.params.get("engine_name") for item in run}
    try:
        for name in _engines(config) if ours else ():
            asked_engines.check_asked(name, config.getoption("--require-engine") or (), ran)
    except TinyvmafError as error:
        config.stash[FAULT] = error
        left = (run or ours)[0]
        left.own_markers = []  # a test that is skipped would not say so
        others = [item for item in ours if item is not left]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


@pytest.fixture(autouse=True)
def _options(pytestconfig: pytest.Config, also_not_checked: Note) -> None:
    """What the options ask for is there, and NOT CHECKED lists what they leave out, whichever tests are chosen."""
    if FAULT in pytestconfig.stash:
        raise pytestconfig.stash[FAULT]
    if pytestconfig.getoption("--engine"):
        left = [engine.name for engine in engines.all_engines() if engine.name not in _engines(pytestconfig)]
        also_not_checked(f"engines that --engine left out: {', '.join(left)}")


@pytest.fixture
def candidate(subject: Subject) -> Subject:
    """The model; one that names unknown engines, or that nothing can be said of, has failed."""
    subject.data  # noqa: B018 - the gate cannot run without
    with model_failed(subject.id):
        asked_engines.check_named(subject)
        subject.proof  # noqa: B018 - proven now; `contract` holds the sidecar against it
    return subject


@pytest.fixture
def ulp_bound(candidate: Subject, engine: Engine, bounds: Bounds) -> Bound:
    """How far apart the engine and the reference may be."""
    return bounds.for_subject(f"backends.{'exact' if candidate.exact else 'ulp'}", candidate, engine=engine.name)


@pytest.fixture
def engine(engine_name: str) -> Engine:
    """The engine under test, which was found, or asked for by name."""
    return engines.find(engine_name)


@pytest.fixture(scope="session")
def _sessions() -> Iterator[Sessions]:
    with closing(Sessions()) as sessions:
        yield sessions


@pytest.fixture
def load(_sessions: Sessions) -> Iterator[Load]:
    """Loads a model into an engine; tests share sessions, unless one asks for a fresh one."""

    def loaded(subject: Subject, engine: Engine, settings: Settings = DEFAULT, *, fresh: bool = False) -> Session:
        __tracebackhide__ = True
        with model_failed():
            return _sessions.load(subject, engine, settings, fresh=fresh)

    yield loaded
    _sessions.close_fresh()


@pytest.fixture
def run() -> Run:
    """Scores of rows, handed over so many at a time; where a session fails, the model failed, not the gate."""

    def scores(session: Session, rows: Rows, batch: int) -> Rows:
        __tracebackhide__ = True
        with model_failed():
            return engine_agreement.in_batches(session, rows, batch)

    return scores


@pytest.fixture
def reference(candidate: Subject, load: Load, run: Run) -> Scorer:
    """Scores of the first engine that the model is for and that is here, at its default setting."""
    session = load(candidate, asked_engines.reference_engine(candidate))
    return lambda rows: run(session, rows, max(engine_agreement.BATCHES))


@pytest.fixture(scope="session")
def _made() -> dict[tuple[object, ...], Inputs]:
    return {}


@pytest.fixture
def inputs(
    candidate: Subject,
    data: Dataset,
    ffmpeg: FFmpeg,
    also_not_checked: Note,
    _made: dict[tuple[object, ...], Inputs],
) -> Inputs:
    """What the model is tried on; models of one shape share it."""
    key = (candidate.kind, candidate.features, candidate.teacher_id, candidate.proof.certified)
    if key not in _made:
        with model_failed():
            _made[key] = kind_of(candidate).engine_inputs(candidate, Material(data, partial(load_built_in, ffmpeg)))
    if _made[key].left_out:
        also_not_checked(f"{candidate.id}: {_made[key].left_out}")
    return _made[key]


@pytest.fixture
def rows(inputs: Inputs) -> Rows:
    """All of them."""
    return sole(inputs.every)


@pytest.fixture
def some_rows(inputs: Inputs) -> Rows:
    """Some of each group, mixed, for what takes long."""
    return sole(inputs.some)
