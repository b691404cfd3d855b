"""The series of a history: one ratio of one model and batch over the runs of one machine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.latency_history.changes import Change, Step, changes, steps
from tinyvmaf.measure.latency_history.run import Ratio, Run

ALL: Final = "all"
"""Stands for every machine."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Series:
    """A ratio of a model and batch on a machine, over runs."""

    machine: str
    """Its id."""
    model: str
    batch: int
    ratio: Ratio
    at: tuple[int, ...]
    """Where in the history the runs are, `[n]`."""
    values: NDArray[np.float64]
    """float64 `[n]`."""

    @cached_property
    def steps(self) -> list[Step]:
        """Its levels."""
        return steps(self.values)

    @cached_property
    def changes(self) -> list[Change]:
        """Where they change."""
        return changes(self.values)


def select(
    runs: Sequence[Run],
    *,
    model: str | None = None,
    batch: int | None = None,
    ratio: Ratio = "floor",
    machine: str | None = None,
) -> list[Series]:
    """The series of a history that hold a value: by machine and model as they appear in it, then by batch.

    Args:
        runs: one or more.
        model, batch: only this one; all by default.
        machine: id, or `all`; that of the last run by default.

    Raises:
        TinyvmafError: there is no such value; says which there are.
    """
    machines = _one("machine", None if machine == ALL else machine or runs[-1].machine.id, (r.machine.id for r in runs))
    here = [run for run in runs if run.machine.id in machines]
    models = _one("model", model, (name for run in here for name in run.models))
    measured = (one for run in here for name, one in run.models.items() if name in models)
    batches = _one("batch", batch, sorted({rows for one in measured for rows in one.batches}))
    every = [_series(runs, m, b, ratio, one) for one in machines for m in models for b in batches]
    found = [one for one in every if one.at]
    if not found:
        raise TinyvmafError(
            f"no run of {', '.join(machines)} holds the ratio {ratio!r} of {', '.join(models)}",
            hint="choose another by --ratio",
        )
    return found


def _series(runs: Sequence[Run], model: str, batch: int, ratio: Ratio, machine: str) -> Series:
    ratios = ((n, run.ratio(model, batch, ratio)) for n, run in enumerate(runs) if run.machine.id == machine)
    measured = [(n, value) for n, value in ratios if value is not None]
    values = np.array([value for _, value in measured], dtype=np.float64)
    return Series(machine, model, batch, ratio, tuple(n for n, _ in measured), values)


def _one(what: str, wanted: _T | None, known: Iterable[_T]) -> list[_T]:
    """All that are known, in their order, or the one that is wanted."""
    distinct = list(dict.fromkeys(known))
    if wanted is None:
        return distinct
    if wanted not in distinct:
        raise TinyvmafError(f"no run of {what} {wanted} in the history", hint=f"it has {', '.join(map(str, distinct))}")
    return [wanted]
