"""Run a session in batches, and list the settings of an engine."""

from collections.abc import Mapping
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.measure.engine_agreement.ulp import apart
from tinyvmaf.model.engines import Engine, EngineError, Session, Settings, UnsupportedModelError, all_outputs
from tinyvmaf.model.engines.trial import check_survives
from tinyvmaf.model.subject import Subject

BATCHES: Final = (1, 2, 7, 64, 4096)
THREADS: Final = (1, 2)
DEFAULT: Final = Settings()


def settings_of(engine: Engine) -> list[Settings]:
    """All combinations of thread count and optimisation level that the engine supports; the default is first."""
    levels = sorted(engine.levels, key=lambda level: level != Settings().optimisation)
    return [Settings(t, level) for t, level in product(threads_of(engine), levels)]


def threads_of(engine: Engine) -> tuple[int, ...]:
    """The thread counts that the engine supports; the default is first."""
    return THREADS if engine.threaded else THREADS[:1]


def in_batches(session: Session, rows: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """The outputs of rows, computed in batches; the last batch may be shorter.

    Args:
        rows: float32 `[N, F]`, N above 0.

    Returns:
        float32 `[N]`, or `[N, K]` of a model with K outputs, also what is not finite.

    Raises:
        ModelError: as `Session.run`.
    """
    return np.concatenate([all_outputs(session, rows[i : i + batch]) for i in range(0, len(rows), batch)])


def odd_one_out(scores: Mapping[tuple[str, str], NDArray[np.float32]], bound: int) -> list[str]:
    """The levels of one engine that differ from all else, which agrees within a bound in ULP; none if nobody can tell.

    Args:
        scores: float32 `[N]` or `[N, K]` on the same rows, by engine and optimisation level.
    """
    for engine in {engine: None for engine, _ in scores}:
        others = [found for (name, _), found in scores.items() if name != engine]
        if not others or any(apart(others[0], other).max() > bound for other in others):
            continue
        own = {level: found for (name, level), found in scores.items() if name == engine}
        odd = [level for level, found in own.items() if apart(others[0], found).max() > bound]
        if odd and len(scores) - len(odd) > 1:
            return [f"{engine} at level {level}" for level in odd]
    return []


def load(subject: Subject, engine: Engine, settings: Settings = DEFAULT) -> Session:
    """A model in an engine, to be closed by the caller.

    Raises:
        CouldNotRunError: the engine itself fails.
        ModelError: the model does not load; also if an engine that it is for by its sidecar lacks what it takes.
    """
    try:
        if not subject.registered:  # a registered model ran everywhere before
            check_survives(engine.name, subject.data, len(subject.features))
        return engine.load(subject.data, settings)
    except EngineError as error:
        raise CouldNotRunError(f"{subject.id} on {engine.name}: {error.message}", hint=error.hint) from error
    except ModelError as error:
        reason = f"{subject.id} on {engine.name}: {error.message}"
        if isinstance(error, UnsupportedModelError):
            named = "any engine" if subject.engines is None else ", ".join(subject.engines)
            reason += f"; by its sidecar it is for {named}"
        raise ModelError(reason) from error


class Sessions:
    """Sessions that tests share, since compiling one takes seconds."""

    def __init__(self) -> None:
        self._shared: dict[tuple[bytes, str, Settings], Session] = {}
        self._fresh: list[Session] = []

    def load(self, subject: Subject, engine: Engine, settings: Settings = DEFAULT, *, fresh: bool = False) -> Session:
        """As `load`; `fresh` for one that nothing shares."""
        key = (subject.data, engine.name, settings)
        if fresh or key not in self._shared:
            session = load(subject, engine, settings)
            if fresh:
                self._fresh.append(session)
                return session
            self._shared[key] = session
        return self._shared[key]

    def close_fresh(self) -> None:
        """Close those that nothing shares."""
        while self._fresh:
            self._fresh.pop().close()

    def close(self) -> None:
        """Close all."""
        self.close_fresh()
        for session in self._shared.values():
            session.close()
