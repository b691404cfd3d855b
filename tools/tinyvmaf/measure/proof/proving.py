"""`prove`: the claim that a model is within so many points of its teacher, on all of the domain, on several processors.

Work is done in parts of the domain. Each finished part is a line of a journal, so that a run that was stopped goes on
where it was.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.futures import finished
from tinyvmaf.measure.environment import with_variables
from tinyvmaf.measure.proof.branching import Progress
from tinyvmaf.measure.proof.journal import add_to_journal, read_journal
from tinyvmaf.measure.proof.parts import Parts
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.provable import differences
from tinyvmaf.vmaf.teacher import Teacher

PARTS: Final = 200
# Two processes with one thread are faster than one with two.
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Found:
    """How a proof ended."""

    status: str
    """`proven`, `refuted`, or `open`: neither, with what is left."""
    bound: float
    """What was to be proven, in points."""
    largest: float
    """The largest bound of any box that is proven: no difference there exceeds it."""
    boxes: int
    """How many boxes were looked at."""
    left: float
    """The share of the domain's first boxes, by volume, that is not proven."""
    row: list[float] | None = None
    """Where the bound is exceeded, or if `open` the centre of a box that is not proven."""
    difference: float | None = None
    """|model - teacher| at `row`."""
    done: int = 0
    """Number of parts that are done, of `PARTS`."""
    boxes_of: NDArray[np.intp] | None = field(default=None, repr=False)
    """Number of boxes looked at in each of the domain's first boxes, `[N]`; 0 in those that are not done."""
    largest_of: Floats | None = field(default=None, repr=False)
    """The largest proven bound of a box in each of them, in points."""


def prove(
    data: bytes,
    teacher: Teacher,
    bound: float,
    feature_order: Sequence[str],
    *,
    jobs: int = 2,
    journal: Path | None = None,
    progress: Callable[[int, int, int], None] | None = None,
    parts: int | None = None,
    seconds: float = np.inf,
) -> Found:
    """Prove that |model - teacher| <= bound at every row of the domain.

    Args:
        data: the ONNX file.
        bound: in VMAF points.
        feature_order: see `provable`.
        jobs: number of processes.
        journal: a file for what is done; if it holds parts of the same claim, they are not done again.
        progress: called with parts done, parts in all, and boxes looked at.
        parts: do only the first so many of `PARTS`; the rest counts as left.
        seconds: stop then; the rest counts as left.

    Raises:
        NoProofError: see `provable`, or the domain is too large.
        TinyvmafError: the journal cannot be written, or a process was killed.
    """
    cells = len(Parts(data, teacher, bound, feature_order))
    wanted = range(PARTS)[:parts]
    done, stopped = read_journal(journal), list[Progress]()

    def found(status: str, at: tuple[float, list[float]] | None) -> Found:
        return _found(status, bound, done, stopped, cells, at)

    def refuted(part: Progress) -> Found | None:
        return found("refuted", part.candidates[0]) if part.candidates else None

    def tell() -> None:
        if progress is not None:
            boxes = sum(part.boxes for part in [*done.values(), *stopped])
            progress(len(set(done) & set(wanted)), len(wanted), boxes)

    for part in done.values():
        if (end := refuted(part)) is not None:
            return end
    tell()
    claim = data, teacher, bound, tuple(feature_order), time.monotonic() + seconds
    with closing(_work(claim, jobs, [one for one in wanted if one not in done])) as work:
        for number, part, whole in work:
            if whole:
                done[number] = part
                add_to_journal(journal, number, part)
            else:
                stopped.append(part)
            if (end := refuted(part)) is not None:
                return end
            tell()
    if len(done) == PARTS and all(part.finished for part in done.values()):
        return found("proven", None)
    left = [part.left[0] for part in [*done.values(), *stopped] if part.left]
    if not left:
        return found("open", None)
    row = left[0][0]
    return found("open", (float(differences(data, teacher, feature_order)(np.array([row]))[0]), row))


def _found(
    status: str,
    bound: float,
    done: dict[int, Progress],
    stopped: list[Progress],
    cells: int,
    at: tuple[float, list[float]] | None,
) -> Found:
    parts = [*done.values(), *stopped]
    boxes_of, largest_of = np.zeros(cells, dtype=np.intp), np.zeros(cells)
    for number, part in done.items():
        boxes_of[number::PARTS], largest_of[number::PARTS] = part.boxes_of, part.largest_of
    return Found(
        status,
        bound,
        max((part.proven for part in parts), default=0.0),
        sum(part.boxes for part in parts),
        0.0 if status == "proven" else max(0.0, 1.0 - sum(part.settled for part in parts) / PARTS),
        None if at is None else at[1],
        None if at is None else at[0],
        len(done),
        boxes_of,
        largest_of,
    )


_claim: list[tuple[Parts, Event, float]] = []


def _start(
    data: bytes, teacher: Teacher, bound: float, feature_order: Sequence[str], until: float, stop: Event
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the work
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _claim.append((Parts(data, teacher, bound, feature_order), stop, until))


def _end_with_parent() -> None:
    """A process whose parent was killed would work on, or wait forever."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _settle(number: int) -> tuple[int, Progress, bool]:
    """A part, and whether nobody stopped it."""
    parts, stop, until = _claim[0]
    whole = True

    def go_on(progress: Progress) -> bool:
        nonlocal whole
        del progress
        whole = not stop.is_set() and time.monotonic() < until
        return whole

    if not go_on(Progress()):
        return number, Progress(), False
    part = parts.settle(np.arange(number, len(parts), PARTS), go_on)
    return number, part, whole or part.finished


def _work(
    claim: tuple[Any, ...], jobs: int, numbers: Iterable[int]
) -> Generator[tuple[int, Progress, bool], None, None]:
    """Each part as it is done. Closing the iterator stops the work."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    try:
        with with_variables(_ONE_THREAD), ProcessPoolExecutor(jobs, context, _start, (*claim, stop)) as pool:
            waiting = [pool.submit(_settle, number) for number in numbers]
            try:
                for future in finished(waiting):
                    yield future.result()
            finally:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
    except BrokenProcessPool as error:
        raise TinyvmafError("a process of the proof was killed", hint="--jobs 1 takes less memory") from error
