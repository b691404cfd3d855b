"""Models, engines and rows of the backends gate."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf import engines, parity, registry
from tinyvmaf.certificate import certify
from tinyvmaf.dataset import Dataset
from tinyvmaf.distil import Domain
from tinyvmaf.engines import Engine, EngineError, Session, Settings, UnsupportedModelError
from tinyvmaf.errors import ModelError, RegistryError
from tinyvmaf.features import CANONICAL
from tinyvmaf.ffmpeg import FFmpeg
from tinyvmaf.gates import CouldNotRunError, Gate, Gates
from tinyvmaf.golden import load_rows
from tinyvmaf.registry import Entry
from tinyvmaf.teacher import load_built_in

NO_MODEL = "no model"
REFERENCE = engines.all_engines()[0].name
EXACT_ROWS, OTHER_ROWS = 1_000_000, 50_000
SETTINGS_ROWS = 6_000
DEFAULT = Settings()
T = TypeVar("T")
Scores = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Candidate:
    """A registered model under test."""

    id: str
    data: bytes
    features: tuple[str, ...]
    engines: tuple[str, ...] | None
    """The engines that it is for; None: any."""
    exact: bool
    """Whether it is proven exact, in float32 or, for the engines that it is for, in float64."""
    in_float32: bool
    """Whether it is certified: proven exact in float32."""
    gate: Gate
    """How far apart two engines may be."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test a model, or a model and an engine that it is for."""
    if "engine_name" in metafunc.fixturenames:
        pairs = [(m, e) for m in _models() for e in _engines(metafunc.config) if e in (_engines_for(m) or (e,))]
        metafunc.parametrize(("model", "engine_name"), pairs, ids=[f"{m}-{e}" for m, e in pairs])
    elif "model" in metafunc.fixturenames:
        metafunc.parametrize("model", _models())


def _models() -> list[str]:
    try:
        return [entry.id for entry in registry.entries()]
    except RegistryError:
        return [NO_MODEL]  # a gate over no model would pass on nothing: the stand-in makes it say so


def _engines_for(model: str) -> list[str] | None:
    """The engines that a model's sidecar names; None: any, and where it cannot be read, so that the gate says why."""
    try:
        return registry.find(model).sidecar()["engines"]
    except RegistryError:
        return None


def _engines(config: pytest.Config) -> list[str]:
    asked = [*(config.getoption("--engine") or ()), *(config.getoption("--require-engine") or ())]
    here = [engine.name for engine in engines.all_engines() if engine.available().ok]
    return list(dict.fromkeys(asked if config.getoption("--engine") else [*here, *asked])) or [REFERENCE]


@pytest.fixture
def entry(model: str) -> Entry:
    """The registry's entry of the model under test."""
    if model == NO_MODEL:
        raise CouldNotRunError("no model is registered", hint="tinyvmaf train, then tinyvmaf register")
    return registry.find(model)


@pytest.fixture
def candidate(entry: Entry, gates: Gates) -> Candidate:
    """The model under test. What is proven of it is proven now; its sidecar is held against that by `contract`."""
    try:
        data = entry.onnx.read_bytes()
    except OSError as error:
        raise CouldNotRunError(f"{entry.onnx}: {error.strerror}") from error
    proof, sidecar = certify(data), entry.sidecar()
    named = sidecar["engines"]
    exact = proof.certified or (proof.exact_in_float64 and named is not None)
    return Candidate(
        entry.id, data, tuple(sidecar["feature_order"]), None if named is None else tuple(named), exact,
        proof.certified, gates["backends.exact" if exact else "backends.ulp"],
    )  # fmt: skip


@pytest.fixture
def engine(engine_name: str) -> Engine:
    """The engine under test, which was found, or asked for by name."""
    found = engines.find(engine_name)
    here = found.available()
    if not here.ok:
        raise CouldNotRunError(f"engine {engine_name} was asked for and is not here: {here.reason}")
    return found


@pytest.fixture
def load() -> Iterator[Callable[..., Session]]:
    """Loads a candidate into an engine, with settings or the default ones; what is loaded is closed at the end.

    A model has failed if an engine that it is for by its sidecar lacks what it takes.
    """

    def loaded(candidate: Candidate, engine: Engine, settings: Settings = DEFAULT) -> Session:
        __tracebackhide__ = True
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
        stack.callback(session.close)
        return session

    with ExitStack() as stack:
        yield loaded


class Run:
    """Runs sessions; where one fails, or gives what is no score, the model failed there, not the gate."""

    def __call__(self, session: Session, rows: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
        """Scores of rows, handed over so many at a time."""
        __tracebackhide__ = True
        return self.guarded(lambda: parity.in_batches(session, rows, batch))

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
    """Scores of the first engine of all at its default setting, to which the others are held."""
    session = load(candidate, engines.find(REFERENCE))
    return lambda rows: run(session, rows, max(parity.BATCHES))


@pytest.fixture(scope="session")
def domains(ffmpeg: FFmpeg) -> Callable[[str], Domain]:
    """Domains of teachers by id."""
    return lambda teacher: Domain(load_built_in(ffmpeg, teacher).features)


@pytest.fixture(scope="session")
def _rows() -> dict[tuple[object, ...], NDArray[np.float32]]:
    return {}


@pytest.fixture
def rows(
    candidate: Candidate,
    entry: Entry,
    data: Dataset,
    domains: Callable[[str], Domain],
    _rows: dict[tuple[object, ...], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Rows of the corpus, of the golden pairs, extreme ones, on boundaries, inside and outside of the domain."""
    sidecar = entry.sidecar()
    count = EXACT_ROWS if candidate.in_float32 else OTHER_ROWS
    key = (candidate.features, sidecar["teacher"]["id"], count)
    if key not in _rows:
        domain = domains(sidecar["teacher"]["id"])
        order = [domain.names.index(name) for name in candidate.features]
        golden = [pair.features for pair in load_rows().pairs.values()] if domain.names == CANONICAL else []
        parts = [data.columns(*domain.names), *golden, parity.extremes(len(order))]
        left = count - sum(len(part) for part in parts)
        parts += [
            parity.boundaries(domain, left // 3, 0), parity.inside(domain, left // 3, 0),
            parity.outside(domain, left - 2 * (left // 3), 0),
        ]  # fmt: skip
        _rows[key] = np.concatenate([np.asarray(part, dtype=np.float32) for part in parts])[:, order]
    return _rows[key]


@pytest.fixture
def some_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Some of each kind, for what takes long."""
    return rows[:: max(1, len(rows) // SETTINGS_ROWS)]
