"""Models, engines and rows of the backends gate."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

# Threads that wait must not spin: as many processes as there are cores run at once. Read when PyTorch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.golden import load_rows
from tinyvmaf.errors import CouldNotRunError, ModelError, RegistryError, TinyvmafError
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.selection import subjects_of
from tinyvmaf.measure import engine_agreement
from tinyvmaf.model import engines
from tinyvmaf.model.certificate import certify
from tinyvmaf.model.contract.words import quoted
from tinyvmaf.model.engines import Engine, EngineError, Session, Settings, UnsupportedModelError
from tinyvmaf.model.registry import Entry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

EXACT_ROWS, OTHER_ROWS = 1_000_000, 50_000
LEAST_OF_A_KIND = 3_000  # where extreme rows, whose number grows with the square of the width, leave no room
SOME_ROWS = 4_500  # more than the largest batch
FAULT = pytest.StashKey[TinyvmafError]()
DEFAULT = Settings()
T = TypeVar("T")
Scores = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Candidate:
    """A model under test."""

    id: str
    data: bytes
    features: tuple[str, ...]
    engines: tuple[str, ...] | None
    """The engines that it is for; None: any."""
    exact: bool
    """Whether it is proven exact, in float32 or, for the engines that it is for, in float64."""
    in_float32: bool
    """Whether it is certified: proven exact in float32."""
    arithmetic: str
    """What an engine has to compute in, `float32` or `float64`."""
    gate: Bound
    """How far apart two engines may be."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test a model and an engine that it is for."""
    if "engine_name" in metafunc.fixturenames:
        models = subjects_of(metafunc.config).values()
        pairs = [(m.id, e) for m in models for e in _engines(metafunc.config) if e in (_engines_for(m) or (e,))]
        # Of the session, so that pytest runs all tests of a model and an engine in a row.
        metafunc.parametrize(("model", "engine_name"), pairs, ids=[f"{m}-{e}" for m, e in pairs], scope="session")


def _engines_for(one: Subject) -> tuple[str, ...] | None:
    """The engines that a model's sidecar names; None: any, and where it cannot be read, so that the gate says why."""
    try:
        return one.entry.sidecar().engines if one.entry else None
    except RegistryError:
        return None


def _engines(config: pytest.Config) -> list[str]:
    asked = [*(config.getoption("--engine") or ()), *(config.getoption("--require-engine") or ())]
    here = [engine.name for engine in engines.all_engines() if engine.available().ok]
    return list(dict.fromkeys(asked if config.getoption("--engine") else [*here, *asked])) or [
        engines.all_engines()[0].name
    ]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """If an option asks for an engine in vain, one test is left, to say so. Last: -k must have chosen by then."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    ran = {
        item.callspec.params.get("engine_name")
        for item in ours
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
    }
    try:
        for name in _engines(config) if ours else ():
            _asked_for(config, name, ran)
    except TinyvmafError as error:
        config.stash[FAULT] = error
        config.hook.pytest_deselected(items=ours[1:])
        items[:] = [item for item in items if item not in ours[1:]]


def _asked_for(config: pytest.Config, name: str, ran: set[object]) -> None:
    """Hold that an engine is known and here, and that something runs on it if it is required."""
    here = engines.find(name).available()
    if not here.ok:
        raise CouldNotRunError(f"engine {name} was asked for and is not here: {here.reason}")
    if name in (config.getoption("--require-engine") or ()) and name not in ran:
        raise CouldNotRunError(
            f"engine {name} is required, and no test that was chosen runs on it",
            hint="-k, -m or the sidecars of the models leave it out",
        )


@pytest.fixture(autouse=True)
def _options(pytestconfig: pytest.Config, also_not_checked: Callable[[str], None]) -> None:
    """What the options ask for is there, and what they leave out is said, whichever tests are chosen."""
    if FAULT in pytestconfig.stash:
        raise pytestconfig.stash[FAULT]
    if pytestconfig.getoption("--engine"):
        asked = _engines(pytestconfig)
        left = [engine.name for engine in engines.all_engines() if engine.name not in asked]
        also_not_checked(f"engines that --engine left out: {', '.join(left)}")


@pytest.fixture
def candidate(entry: Entry, bounds: Bounds) -> Candidate:
    """The model under test. What is proven of it is proven now; its sidecar is held against that by `contract`."""
    try:
        data = entry.onnx.read_bytes()
    except OSError as error:
        raise CouldNotRunError(f"{entry.onnx}: {error.strerror}") from error
    sidecar = entry.sidecar()
    named = sidecar.engines
    if unknown := set(named or ()) - {engine.name for engine in engines.all_engines()}:
        reason = f"{entry.id}: its sidecar names engines that nobody knows: {', '.join(map(quoted, sorted(unknown)))}"
        pytest.fail(reason, pytrace=False)
    try:
        proof = certify(data)
    except ModelError as error:
        reason = f"{entry.id}: {error.message}"
    else:
        reason = ""
    if reason:
        pytest.fail(reason, pytrace=False)
    exact = proof.certified or (proof.exact_in_float64 and named is not None)
    return Candidate(
        entry.id,
        data,
        sidecar.feature_order,
        named,
        exact,
        proof.certified,
        proof.arithmetic,
        bounds.for_("backends.exact" if exact else "backends.ulp"),
    )


@pytest.fixture
def engine(engine_name: str) -> Engine:
    """The engine under test, which was found, or asked for by name."""
    return engines.find(engine_name)


Loaded = dict[tuple[bytes, str, Settings], Session]


@pytest.fixture(scope="session")
def _loaded() -> Iterator[Loaded]:
    """Sessions that tests share, since compiling one takes seconds; a test may ask for a fresh one."""
    sessions: Loaded = {}
    yield sessions
    for session in sessions.values():
        session.close()


@pytest.fixture
def load(_loaded: Loaded) -> Iterator[Callable[..., Session]]:
    """Loads a candidate into an engine, with settings or the default ones.

    A model has failed if an engine that it is for by its sidecar lacks what it takes.
    """

    def loaded(candidate: Candidate, engine: Engine, settings: Settings = DEFAULT, *, fresh: bool = False) -> Session:
        __tracebackhide__ = True
        key = (candidate.data, engine.name, settings)
        if not fresh and key in _loaded:
            return _loaded[key]
        try:
            session = engine.load(candidate.data, settings)
        except EngineError as error:
            raise CouldNotRunError(error.message, hint=error.hint) from error
        except ModelError as error:
            reason = error.message
            if isinstance(error, UnsupportedModelError):
                said = "any engine" if candidate.engines is None else ", ".join(candidate.engines)
                reason += f"; by its sidecar it is for {said}"
            pytest.fail(f"{candidate.id} on {engine.name}: {reason}", pytrace=False)
        if fresh:
            stack.callback(session.close)
        else:
            _loaded[key] = session
        return session

    with ExitStack() as stack:
        yield loaded


class Run:
    """Runs sessions; where one fails, or gives what is no score, the model failed there, not the gate."""

    def __call__(self, session: Session, rows: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
        """Scores of rows, handed over so many at a time."""
        __tracebackhide__ = True
        return self.guarded(lambda: engine_agreement.in_batches(session, rows, batch))

    def guarded(self, attempt: Callable[[], T]) -> T:
        """What an attempt gives."""
        __tracebackhide__ = True
        try:
            return attempt()
        except ModelError as error:
            reason = error.message
        pytest.fail(reason, pytrace=False)


@pytest.fixture
def run() -> Run:
    """Runs sessions."""
    return Run()


@pytest.fixture
def reference(candidate: Candidate, load: Callable[..., Session], run: Run) -> Scores:
    """Scores of the first engine of all that the model is for and that is here, at its default setting: to these the
    others are held.
    """
    fit = [e for e in engines.all_engines() if candidate.engines is None or e.name in candidate.engines]
    here = next((engine for engine in fit if engine.available().ok), None)
    if here is None:
        raise CouldNotRunError(f"{candidate.id}: no engine that it is for is here", hint="the header lists what is")
    session = load(candidate, here)
    return lambda rows: run(session, rows, max(engine_agreement.BATCHES))


@pytest.fixture(scope="session")
def domains(ffmpeg: FFmpeg) -> Callable[[str], Domain]:
    """Domains of teachers by id."""
    return lambda teacher: Domain(load_built_in(ffmpeg, teacher).features)


class Tried(NamedTuple):
    """What a model is tried on: float32 `[N, F]` each."""

    every: NDArray[np.float32]
    some: NDArray[np.float32]
    """Some of each kind, mixed, for what takes long."""
    kinds: NDArray[np.str_]
    """Of each of some."""


@pytest.fixture(scope="session")
def _made() -> dict[tuple[object, ...], Tried]:
    return {}


@pytest.fixture
def _tried(
    candidate: Candidate,
    entry: Entry,
    data: Dataset,
    domains: Callable[[str], Domain],
    also_not_checked: Callable[[str], None],
    _made: dict[tuple[object, ...], Tried],
) -> Tried:
    """Rows of the corpus, of the golden pairs, extreme ones, on boundaries, inside and outside of the domain."""
    teacher = entry.sidecar().teacher.id
    domain = domains(teacher)
    if unknown := [name for name in candidate.features if name not in domain.names]:
        pytest.fail(f"{candidate.id} takes {', '.join(unknown)}, which {teacher} does not have", pytrace=False)
    if domain.names != CANONICAL:
        also_not_checked(f"{candidate.id}: rows of the golden pairs, whose features {teacher} does not take")
    count = EXACT_ROWS if candidate.in_float32 else OTHER_ROWS
    key = (candidate.features, teacher, count)
    if key not in _made:
        kinds = {"corpus": data.columns(*domain.names), "extreme": engine_agreement.extremes(len(domain.names))}
        if domain.names == CANONICAL:
            kinds["golden"] = np.concatenate([pair.features for pair in load_rows().pairs.values()])
        each = max((count - sum(map(len, kinds.values()))) // 3, LEAST_OF_A_KIND)
        kinds |= {
            "boundary": engine_agreement.boundaries(domain, each, 0),
            "inside": engine_agreement.inside(domain, each, 0),
        }
        kinds["outside"] = engine_agreement.outside(domain, max(count - sum(map(len, kinds.values())), each), 0)
        order = [domain.names.index(name) for name in candidate.features]
        chosen = {kind: np.asarray(rows, dtype=np.float32)[:, order] for kind, rows in kinds.items()}
        some, of = engine_agreement.mixed(chosen, SOME_ROWS, 0, whole=[kind for kind in chosen if kind == "golden"])
        _made[key] = Tried(np.concatenate(list(chosen.values())), some, of)
    return _made[key]


@pytest.fixture
def rows(_tried: Tried) -> NDArray[np.float32]:
    """All of them."""
    return _tried.every


@pytest.fixture
def some_rows(_tried: Tried) -> NDArray[np.float32]:
    """Some of each kind, mixed, for what takes long."""
    return _tried.some


@pytest.fixture
def kinds(_tried: Tried) -> NDArray[np.str_]:
    """The kind of each of `some_rows`."""
    return _tried.kinds
