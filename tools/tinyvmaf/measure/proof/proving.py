"""`prove`: the claim that a model is within so many points of its teacher, on all of the domain, on several processors.

Work is done in parts of the domain. Each finished part is a line of a journal, so that a run that was stopped goes on
where it was.
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.proof.boxes import Provable, ProvableNetwork, first_boxes
from tinyvmaf.measure.proof.branching import Branching, Progress
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.reading import read_network
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

PARTS: Final = 200
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Scores = Callable[[Floats], Floats]
"""From rows, `[N, F]`, to scores, `[N]`, in VMAF points: the model as an engine runs it."""


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


def provable(data: bytes, teacher: Teacher) -> Provable:
    """The model of an ONNX file, as proofs see it.

    Raises:
        NoProofError: a kind of graph, or of teacher, that no proof exists for; says which.
    """
    from tinyvmaf.measure.proof.fixed_point import read_fixed_point  # imported here: it writes a graph to compare

    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise NoProofError(f"not an ONNX model: {error!r}") from error
    found = read_fixed_point(data, teacher)
    return found or ProvableNetwork(read_network(model))


def prove(
    data: bytes,
    teacher: Teacher,
    bound: float,
    scores: Scores,
    *,
    jobs: int = 2,
    journal: Path | None = None,
    progress: Callable[[int, int, int], None] | None = None,
    parts: int | None = None,
) -> Found:
    """Prove that |model - teacher| <= bound at every row of the domain.

    Args:
        data: the ONNX file.
        bound: in VMAF points.
        scores: the model as an engine runs it, to confirm a row at which the bound seems to be exceeded.
        jobs: number of processes.
        journal: a file for what is done; if it holds parts of the same claim, they are not done again.
        progress: called with parts done, parts in all, and boxes looked at.
        parts: do only the first so many of `PARTS`; the rest counts as left.

    Raises:
        NoProofError: see `provable`.
    """
    provable(data, teacher)
    wanted = range(PARTS)[:parts]
    done = _read(journal)
    rows: list[tuple[float, list[float]]] = []
    with _pool(jobs, (data, teacher, bound)) as pool:
        waiting: set[Future[tuple[int, Progress]]] = {pool.submit(_settle, part) for part in wanted if part not in done}
        try:
            while True:
                for part in done.values():
                    rows += [(size, row) for size, row in part.candidates]
                if (worst := _confirmed(rows, teacher, scores, bound)) is not None:
                    return _found("refuted", bound, done, worst)
                if progress is not None:
                    progress(len(set(done) & set(wanted)), len(wanted), sum(part.boxes for part in done.values()))
                if not waiting:
                    break
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                rows = []
                for future in ready:
                    number, part = future.result()
                    done[number] = part
                    _write(journal, number, part)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    left = [part for part in done.values() if part.left]
    if len(done) == PARTS and not left:
        return _found("proven", bound, done, None)
    at = None
    if left:
        row = Gaussians(teacher).to_rows(np.array([left[0].left[0][0]]))
        at = float(np.abs(scores(row) - teacher.predict(row))[0]), row[0].tolist()
    return _found("open", bound, done, at)


def _found(status: str, bound: float, done: dict[int, Progress], at: tuple[float, list[float]] | None) -> Found:
    settled = sum(part.settled for part in done.values()) / PARTS
    return Found(
        status,
        bound,
        max((part.proven for part in done.values()), default=0.0),
        sum(part.boxes for part in done.values()),
        0.0 if status == "proven" else max(0.0, 1.0 - settled),
        None if at is None else at[1],
        None if at is None else at[0],
    )


def _confirmed(
    rows: list[tuple[float, list[float]]], teacher: Teacher, scores: Scores, bound: float
) -> tuple[float, list[float]] | None:
    """The worst of the rows at which the bound is really exceeded."""
    if not rows:
        return None
    points = np.array([row for _, row in rows])
    apart = np.abs(scores(points) - teacher.predict(points))
    apart = np.where(np.isfinite(apart), apart, np.inf)
    worst = int(apart.argmax())
    return (float(apart[worst]), points[worst].tolist()) if apart[worst] > bound else None


_claim: list[tuple[Branching, Floats]] = []


def _start(data: bytes, teacher: Teacher, bound: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the work
    domain, gaussians = Domain(teacher.features), Gaussians(teacher)
    cells, radius = first_boxes(domain, gaussians)
    _claim.append((Branching(provable(data, teacher), gaussians, domain, radius, bound), cells))


def _settle(part: int) -> tuple[int, Progress]:
    branching, cells = _claim[0]
    return part, branching.settle(cells[part::PARTS])


@contextmanager
def _pool(jobs: int, claim: tuple[Any, ...]) -> Iterator[ProcessPoolExecutor]:
    """Fresh processes, each with one thread: two processes with one are faster than one with two."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start, claim) as pool:
            yield pool
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _read(journal: Path | None) -> dict[int, Progress]:
    if journal is None or not journal.exists():
        return {}
    done = {}
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # the last line of a run that was killed
            continue
        left = [(centre, tuple(splits)) for centre, splits in entry.pop("left")]
        candidates = [(size, row) for size, row in entry.pop("candidates")]
        done[int(entry.pop("part"))] = Progress(**entry, left=left, candidates=candidates)
    return done


def _write(journal: Path | None, number: int, part: Progress) -> None:
    if journal is None:
        return
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        with journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"part": number} | asdict(part)) + "\n")
    except OSError as error:
        raise TinyvmafError(f"{journal}: {error.strerror}") from error
