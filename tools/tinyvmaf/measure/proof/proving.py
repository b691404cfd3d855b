"""`prove`: the claim that a model is within so many points of its teacher, on all of the domain, on several processors.

Work is done in parts of the domain. Each finished part is a line of a journal, so that a run that was stopped goes on
where it was.
"""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
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
from tinyvmaf.measure.proof.fixed_point import read_fixed_point
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.reading import read_network
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_scores
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

PARTS: Final = 200
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


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


def provable(data: bytes, teacher: Teacher, feature_order: Sequence[str]) -> Provable:
    """The model of an ONNX file, as proofs see it.

    Args:
        feature_order: the names of the model's features, in the order of its columns.

    Raises:
        NoProofError: a kind of graph, or of teacher, that no proof exists for; says which.
    """
    if sorted(feature_order) != sorted(teacher.feature_names):
        raise NoProofError(f"the model takes {', '.join(feature_order)}, not the features of {teacher.id}")
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise NoProofError(f"not an ONNX model: {error!r}") from error
    columns = [list(feature_order).index(name) for name in teacher.feature_names]
    if columns == list(range(len(columns))) and (found := read_fixed_point(data, teacher)) is not None:
        return found
    return ProvableNetwork(read_network(model).with_columns(columns))


def differences(data: bytes, teacher: Teacher, feature_order: Sequence[str]) -> Callable[[Floats], Floats]:
    """|model - teacher| at rows in the teacher's order, `[N, F]`, with ONNX Runtime; infinite in place of NaN."""
    session = OnnxRuntimeCpu(data)
    columns = [teacher.feature_names.index(name) for name in feature_order]

    def found(rows: Floats) -> Floats:
        apart = np.abs(
            all_scores(session, rows[:, columns].astype(np.float32)).astype(np.float64) - teacher.predict(rows)
        )
        return np.where(np.isfinite(apart), apart, np.inf)

    return found


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

    Raises:
        NoProofError: see `provable`.
    """
    provable(data, teacher, feature_order)
    wanted = range(PARTS)[:parts]
    done = _read(journal)
    with _pool(jobs, (data, teacher, bound, tuple(feature_order))) as pool:
        waiting: set[Future[tuple[int, Progress]]] = {pool.submit(_settle, part) for part in wanted if part not in done}
        try:
            while True:
                broken = [candidate for part in done.values() for candidate in part.candidates]
                if broken:
                    return _found("refuted", bound, done, max(broken))
                if progress is not None:
                    progress(len(set(done) & set(wanted)), len(wanted), sum(part.boxes for part in done.values()))
                if not waiting:
                    break
                ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
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
        at = float(differences(data, teacher, feature_order)(row)[0]), row[0].tolist()
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


_claim: list[tuple[Branching, Floats]] = []


def _start(data: bytes, teacher: Teacher, bound: float, feature_order: Sequence[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the work
    domain, gaussians = Domain(teacher.features), Gaussians(teacher)
    cells, radius = first_boxes(domain, gaussians)
    model, apart = provable(data, teacher, feature_order), differences(data, teacher, feature_order)
    _claim.append((Branching(model, gaussians, domain, radius, bound, apart), cells))


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
