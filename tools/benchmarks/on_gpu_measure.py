"""Measures models on one engine, in a process of its own: a crash or a hang of the engine ends its part and no other.

Rows and the scores of the reference are files, so that all engines get the same.
"""

import multiprocessing
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.engine_agreement import Rows, in_batches
from tinyvmaf.measure.engine_agreement.ulp import compare
from tinyvmaf.measure.environment import with_variables
from tinyvmaf.model.engines import Engine, Session, all_scores

BATCH: Final = 4096  # of the comparison with the reference
_SMALL: Final = {1: 120, 7: 840, 64: 4096}
"""Rows that are scored again in batches of this size: the engine against itself."""
_CALLS: Final = 20
_SECONDS: Final = 1.0  # of timing, at most, unless one call takes longer


@dataclass(frozen=True)
class Task:
    """A model with the files of its rows and its reference scores."""

    model: str
    data: bytes
    rows: Path
    """float32 `[N, F]`."""
    scores: Path
    """float32 `[N]`: written by the reference, read by all others."""


@dataclass(frozen=True)
class Contender:
    """An engine in one setting."""

    name: str
    engine: Engine
    like: str
    """The engine of this project whose models it takes, as their sidecars name it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of its process."""
    optional: bool = False
    """Whether it may be missing, unless it was asked for by name."""
    reference: bool = False
    """Whether the others are compared with it."""


def rows_per_second(session: Session, rows: Rows, batch: int) -> dict[str, float]:
    """Time whole calls, from rows in the host's memory to scores there: the median after two calls that warm up.

    Args:
        rows: float32 `[N, F]`; repeated if there are fewer than a batch.
    """
    several = np.ascontiguousarray(np.resize(rows, (batch, rows.shape[1])))
    taken = list[float]()
    for _ in range(2):
        all_scores(session, several)
    while len(taken) < _CALLS and sum(taken) < _SECONDS:
        begin = time.perf_counter()
        all_scores(session, several)
        taken.append(time.perf_counter() - begin)
    median = statistics.median(taken)
    return {"ms": 1000.0 * median, "rows_per_s": batch / median}


def _compared(expected: Rows, got: Rows, rows: Rows) -> int | None:
    """The largest distance in ULP; None if a score is finite for one only."""
    found = compare(expected, got, bound=0, inputs=rows)
    return None if "not finite" in found.histogram else found.max


def _measured(contender: Contender, task: Task, batches: Sequence[int]) -> Iterator[dict[str, Any]]:
    """What was found so far of a model, after each step."""
    rows = np.load(task.rows)
    found: dict[str, Any] = {"rows": len(rows)}
    with contender.engine.load(task.data) as session:
        scores = in_batches(session, rows, BATCH)
        if contender.reference:
            np.save(task.scores, scores)
        elif not task.scores.is_file():
            raise TinyvmafError("the reference gave no scores to compare with")
        expected = np.load(task.scores)
        found["ulp"] = _compared(expected, scores, rows)
        found["points"] = float(np.nanmax(np.abs(expected.astype(np.float64) - scores)))
        parts = [
            _compared(scores[:count], in_batches(session, rows[:count], batch), rows[:count])
            for batch, count in _SMALL.items()
        ]
        found["ulp_between_batches"] = None if None in parts else max(part or 0 for part in parts)
        yield found
        for batch in batches:
            found.setdefault("batches", {})[str(batch)] = rows_per_second(session, rows, batch)
            yield found


def _work(contender: Contender, tasks: Sequence[Task], batches: Sequence[int], report: Connection) -> None:
    for task in tasks:
        last: dict[str, Any] = {}
        try:
            for last in _measured(contender, task, batches):
                report.send((task.model, last))
        except (TinyvmafError, OSError) as error:
            report.send((task.model, last | {"reason": " ".join(str(error).split())[:300]}))
        except Exception as error:  # an engine's library may raise anything
            report.send(
                (task.model, last | {"reason": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})
            )
    report.send(("", {}))


def measured_apart(
    contender: Contender, tasks: Sequence[Task], batches: Sequence[int], *, seconds: float
) -> dict[str, dict[str, Any]]:
    """Measure all models on an engine in a process of its own.

    Args:
        seconds: the most that it may take.

    Returns:
        By model: rows, ULP, points, ULP between batches, times by batch; `reason` says what is missing.
    """
    found: dict[str, dict[str, Any]] = {}
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(contender, tasks, batches, there), daemon=True)
    with with_variables(contender.variables):
        child.start()
    there.close()
    deadline, why = time.monotonic() + seconds, f"not done after {seconds:.0f} s"
    try:
        while here.poll(max(deadline - time.monotonic(), 0.0)):
            model, part = here.recv()
            if not model:
                why = ""
                break
            found[model] = part
    except EOFError:
        child.join()
        code = child.exitcode or 0
        why = f"its process ended with {f'signal {-code}' if code < 0 else f'status {code}'}"
    finally:
        child.kill()
        child.join()
        here.close()
    for task in tasks if why else ():
        part = found.setdefault(task.model, {})
        if len(part.get("batches", ())) < len(batches):
            part.setdefault("reason", why)
    return found
