"""Series of a history: one ratio of one model and batch size, over the runs of one machine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.latency_history.changes import Change, Step, changes, steps
from tinyvmaf.measure.latency_history.run import Ratio, Run

ALL: Final = "all"
"""Selects all machines."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Series:
    """A ratio of a model and batch size on a machine, over runs."""

    machine: str
    """The machine's id."""
    model: str
    batch: int
    ratio: Ratio
    at: tuple[int, ...]
    """Indices of the runs in the history, `[n]`."""
    values: NDArray[np.float64]
    """The ratios, float64 `[n]`."""
    intervals: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    """The 99 % interval of each run that has one, by the run's index in the history."""

    @cached_property
    def steps(self) -> list[Step]:
        """The levels of the series."""
        return steps(self.values)

    @cached_property
    def changes(self) -> list[Change]:
        """The changes between levels."""
        return changes(self.values)


def select(
    runs: Sequence[Run],
    *,
    model: str | None = None,
    batch: int | None = None,
    ratio: Ratio = "floor",
    machine: str | None = None,
) -> list[Series]:
    """The series of a history that have values, by machine and model in order of appearance, then by batch size.

    Args:
        runs: one or more.
        model, batch: only this one; None: all.
        machine: id, or `all`; None: the machine of the last run.

    Raises:
        TinyvmafError: there are no such values; names the known ones.
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
            f"no run of {', '.join(machines)} has the ratio {ratio!r} of {', '.join(models)}",
            hint="choose another with --ratio",
        )
    return found


def _series(runs: Sequence[Run], model: str, batch: int, ratio: Ratio, machine: str) -> Series:
    ratios = ((n, run.ratio(model, batch, ratio)) for n, run in enumerate(runs) if run.machine.id == machine)
    measured = [(n, value) for n, value in ratios if value is not None]
    values = np.array([value for _, value in measured], dtype=np.float64)
    known = {n: found for n, _ in measured if (found := runs[n].interval(model, batch, ratio))}
    return Series(machine, model, batch, ratio, tuple(n for n, _ in measured), values, known)


def _one(what: str, wanted: _T | None, known: Iterable[_T]) -> list[_T]:
    """All known values in order, or only the wanted one."""
    distinct = list(dict.fromkeys(known))
    if wanted is None:
        return distinct
    if wanted not in distinct:
        raise TinyvmafError(
            f"the history has no run of {what} {wanted}", hint=f"it has {', '.join(map(str, distinct))}"
        )
    return [wanted]
