"""Fixtures of the contract gate: a model is looked at before it may run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.model import contract
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.registry import Entry

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
T = TypeVar("T")


@dataclass(frozen=True)
class Candidate:
    """A model that keeps the contract as far as can be told by looking, ready to run."""

    id: str
    file: Path
    features: tuple[str, ...]
    """Names of the columns it takes, in its order."""
    run: Run
    """Scores float32 `[N]` of rows float32 `[N, F]`; a run that fails, or gives NaN or infinity, fails the test."""


@pytest.fixture
def looked_at(entry: Entry) -> Entry:
    """The entry, if nothing is wrong with its file; else no further part of this gate opens the file."""
    if found := contract.file_faults(entry.onnx):
        raise CouldNotRunError(f"{entry.id} does not keep the contract, so nothing more is tried with it: {found[0]}")
    return entry


@pytest.fixture
def candidate(looked_at: Entry) -> Candidate:
    """The model in a session, made from bytes that were looked at."""
    data = looked_at.onnx.read_bytes()
    if contract.faults(data):
        raise CouldNotRunError(f"{looked_at.onnx} changed while it was judged")
    features = looked_at.sidecar().feature_order
    session = or_fail(looked_at, lambda: OnnxRuntimeCpu(data))
    return Candidate(looked_at.id, looked_at.onnx, features, lambda rows: or_fail(looked_at, lambda: session.run(rows)))


def or_fail(entry: Entry, attempt: Callable[[], T]) -> T:
    """What an attempt to use the model gives; if it does not, then the model failed, not the gate."""
    __tracebackhide__ = True
    try:
        return attempt()
    except ModelError as error:
        reason = error.message
    pytest.fail(f"{entry.id}: {reason}", pytrace=False)


@pytest.fixture
def score_range(entry: Entry, bounds: Bounds) -> tuple[Bound, Bound]:
    """Where the model's scores lie: the clip of its teacher."""
    teacher = entry.sidecar().teacher.id
    return bounds.for_("contract.range_low", teacher=teacher), bounds.for_("contract.range_high", teacher=teacher)
