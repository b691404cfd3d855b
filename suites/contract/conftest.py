"""Fixtures of the contract gate: a model is looked at before it may run."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.kinds import kind_of
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.model import contract
from tinyvmaf.model.contract import OUTPUT
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_outputs
from tinyvmaf.model.subject import Subject

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@pytest.fixture
def looked_at(subject: Subject) -> Subject:
    """The model, if nothing is wrong with its file; else no further part of this gate opens the file."""
    if found := kind_of(subject).file_faults(subject.file):
        raise CouldNotRunError(f"{subject.id} does not keep the contract, so nothing more is tried with it: {found[0]}")
    return subject


@pytest.fixture
def run(looked_at: Subject, run_all: Run) -> Run:
    """Scores float32 `[N]` of rows float32 `[N, F]`; a run that fails fails the test."""
    return looked_at.output_of(OUTPUT, run_all)


@pytest.fixture
def run_all(looked_at: Subject) -> Run:
    """All outputs, `[N]` or `[N, K]`."""
    if contract.faults(looked_at.data):
        raise CouldNotRunError(f"{looked_at.file} changed while it was judged")
    with model_failed(looked_at.id):
        session = OnnxRuntimeCpu(looked_at.data)

    def scores(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        __tracebackhide__ = True
        with model_failed(looked_at.id):
            return all_outputs(session, rows)

    return scores


@pytest.fixture
def score_range(subject: Subject, bounds: Bounds) -> tuple[Bound, Bound]:
    """Where the model's scores lie: the clip of its teacher."""
    low, high = (bounds.for_subject(f"contract.range_{end}", subject) for end in ("low", "high"))
    return low, high
