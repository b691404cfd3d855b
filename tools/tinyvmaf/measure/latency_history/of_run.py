"""What a run of the latency gate adds to the history, and what the history knows of its models."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.measure import environment, latency
from tinyvmaf.measure.latency import BASELINE, FLOOR, MODEL, TEACHER, Measured, Race, cost
from tinyvmaf.measure.latency_history.history import append, read
from tinyvmaf.measure.latency_history.run import Batch, ModelRun, Run


def model_run(measured: Measured) -> ModelRun | None:
    """A model in a line of the history; None if it was not measured at every batch size."""
    if not measured.every_batch or measured.footprint is None:
        return None
    counted = cost(measured.data)
    return ModelRun(
        sha256(measured.data),
        counted.bytes,
        counted.nodes,
        counted.multiply_adds,
        measured.footprint.creation_ms,
        measured.footprint.peak_kib,
        {batch: _batch(race) for batch, race in sorted(measured.batches.items())},
    )


def add_run(path: Path, models: Mapping[str, ModelRun]) -> None:
    """Add a line: these models, now, on this machine and commit.

    Raises:
        TinyvmafError: as `append`.
    """
    commit, dirty = environment.commit()
    run = Run(environment.now(), commit, dirty, environment.machine(), environment.versions(), dict(models))
    try:
        append(path, run)
    except OSError as error:
        raise TinyvmafError(f"{path}: {error.strerror}") from error


def past(path: Path, models: Iterable[str]) -> dict[str, Any]:
    """What the history knows of models on this machine, for the report; a file that cannot be read tells nothing."""
    try:
        runs = [run for run in read(path) if run.machine.id == environment.machine().id]
    except TinyvmafError:
        return {}
    return {name: {"history": [_row(run, name) for run in runs if name in run.models]} for name in models}


def _batch(race: Race) -> Batch:
    baseline = race.ratio(MODEL, BASELINE).value if BASELINE in race.times else None
    return Batch(race.median(MODEL), race.ratio(MODEL, FLOOR).value, race.ratio(MODEL, TEACHER).value, baseline)


def _row(run: Run, name: str) -> dict[str, Any]:
    first, last = min(latency.BATCHES), max(latency.BATCHES)
    return {
        "at": run.at,
        "commit": run.label(),
        "floor": run.ratio(name, first, "floor"),
        "teacher": run.ratio(name, last, "svr"),
        "baseline": run.ratio(name, first, "baseline"),
    }
