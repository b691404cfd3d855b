"""What a run of the latency gate adds to the history, and what the history knows of its models."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.measure import environment, latency
from tinyvmaf.measure.latency import BASELINE, FLOOR, MODEL, TEACHER, Measured, MeasuredPictures, Race, cost
from tinyvmaf.measure.latency_history.history import append, read
from tinyvmaf.measure.latency_history.run import Batch, ModelRun, Ratio, Run


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


def picture_run(measured: MeasuredPictures) -> ModelRun | None:
    """A model that takes pictures in a line of the history; None if it was not timed."""
    if measured.times is None:
        return None
    counted, times = cost(measured.data), measured.times
    names: dict[str, Ratio] = {FLOOR: "floor", BASELINE: "baseline"}
    intervals = {
        names[to]: (one.low, one.high) for to, one in times.ratios.items() if one.low > 0 and math.isfinite(one.high)
    }
    baseline = times.ratios[BASELINE].value if BASELINE in times.ratios else None
    batch = Batch(times.ns_a_picture, times.ratios[FLOOR].value, None, baseline, intervals or None)
    return ModelRun(
        sha256(measured.data), counted.bytes, counted.nodes, counted.multiply_adds, times.creation_ms, None, {1: batch}
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
    found: dict[Ratio, latency.Ratio] = {"floor": race.ratio(MODEL, FLOOR), "svr": race.ratio(MODEL, TEACHER)}
    if BASELINE in race.times:
        found["baseline"] = race.ratio(MODEL, BASELINE)
    # Of few passes an interval is 0 to infinity, which says nothing.
    intervals = {to: (one.low, one.high) for to, one in found.items() if one.low > 0 and math.isfinite(one.high)}
    baseline = found["baseline"].value if "baseline" in found else None
    return Batch(race.median(MODEL), found["floor"].value, found["svr"].value, baseline, intervals or None)


def _row(run: Run, name: str) -> dict[str, Any]:
    first, last = min(latency.BATCHES), max(latency.BATCHES)
    asked: dict[str, tuple[int, Ratio]] = {
        "floor": (first, "floor"),
        "teacher": (last, "svr"),
        "baseline": (first, "baseline"),
    }
    return {
        "at": run.at,
        "commit": run.label(),
        **{kind: run.ratio(name, batch, to) for kind, (batch, to) in asked.items()},
        "intervals": {kind: found for kind, one in asked.items() if (found := run.interval(name, *one))},
    }
