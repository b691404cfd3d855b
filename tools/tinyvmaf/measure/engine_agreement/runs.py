"""Run a session in batches, and list the settings of an engine."""

from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.model.engines import Engine, Session, Settings

BATCHES: Final = (1, 2, 7, 64, 4096)
THREADS: Final = (1, 2)


def settings_of(engine: Engine) -> list[Settings]:
    """All combinations of thread count and optimisation level that the engine supports; the default is first."""
    levels = sorted(engine.levels, key=lambda level: level != Settings().optimisation)
    return [Settings(t, level) for t, level in product(threads_of(engine), levels)]


def threads_of(engine: Engine) -> tuple[int, ...]:
    """The thread counts that the engine supports; the default is first."""
    return THREADS if engine.threaded else THREADS[:1]


def in_batches(session: Session, rows: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """Scores of rows, computed in batches; the last batch may be shorter.

    Args:
        rows: float32 `[N, F]`, N above 0.

    Returns:
        float32 `[N]`.

    Raises:
        ModelError: as `Session.run`.
    """
    return np.concatenate([session.run(rows[i : i + batch]) for i in range(0, len(rows), batch)])
