"""A proof that was recorded, tried again on some boxes of the domain, drawn at random."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.proof.branching import Progress
from tinyvmaf.measure.proof.parts import Parts
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.vmaf.teacher import Teacher

MOST: Final = 100
# Rounding may differ by machine, and with it a few splits.
_ROOM: Final = 2
_TOGETHER: Final = 4


@dataclass(frozen=True)
class Sample:
    """What became of the first boxes that were drawn."""

    proven: int
    """How many are proven again."""
    of: int
    """How many the domain has."""
    boxes: int
    """Into how many they were split."""
    largest: float = 0.0
    """The largest bound of any of these, in points."""
    fault: str = ""
    """A box that is not proven as it should be; empty if all are."""


def prove_sample(
    data: bytes,
    teacher: Teacher,
    bound: float,
    feature_order: Sequence[str],
    hardest: int,
    seed: int,
    *,
    seconds: float = 1.5,
    most: int = MOST,
) -> Sample:
    """Prove first boxes of the domain again, in a random order, until time is up or `most` are.

    In the middle of the first one, the teacher's score is not clipped: two boxes of five are proven at once because the
    teacher's and the model's are, and a sample of these alone shows nothing.

    Args:
        hardest: into how many boxes the proof split a first box, at most. A box that takes far more refutes the record.
        seed: of the order.
        seconds: on the CPU. Boxes that are not done by then do not count, unless it is the first.

    Raises:
        NoProofError: see `proving.provable`.
    """
    parts = Parts(data, teacher, bound, feature_order)
    middles = parts.middles()
    # Of this thread: the libraries below may have others, which wait for work.
    until, proven, boxes, largest = time.thread_time() + seconds, 0, 0, 0.0
    order = _order(teacher.predict(middles), teacher.svr.score_range, seed)[:most]
    # The first alone, because it is always finished; the others together, which is faster.
    for group in (order[:1], *np.array_split(order[1:], range(_TOGETHER, len(order) - 1, _TOGETHER))):
        allowed = _ROOM * hardest * len(group)
        found = parts.settle(group, partial(_goes_on, allowed, until if proven else np.inf))
        boxes += found.boxes
        if found.finished:
            proven, largest = proven + len(group), max([largest, *found.largest_of])
        elif found.candidates or found.boxes > allowed or time.thread_time() < until:
            return Sample(proven, len(parts), boxes, largest, _why(found, middles[group[0]], hardest))
        if time.thread_time() >= until:
            break
    return Sample(proven, len(parts), boxes, largest)


def _order(middle: Floats, score_range: tuple[float, float], seed: int) -> NDArray[np.intp]:
    """A random order of boxes, of which the first is not clipped, by the teacher's scores in their middle, `[N]`."""
    low, high = score_range
    order = np.random.default_rng(seed).permutation(len(middle))
    first = ((middle[order] > low) & (middle[order] < high)).argmax()
    return np.concatenate([order[[first]], np.delete(order, first)])


def _goes_on(allowed: int, until: float, now: Progress) -> bool:
    return now.boxes <= allowed and time.thread_time() < until


def _why(found: Progress, row: Floats, hardest: int) -> str:
    middle = ", ".join(f"{value:.4g}" for value in row)
    if found.candidates:
        size, at = found.candidates[0]
        return f"at [{', '.join(f'{value:.6g}' for value in at)}] the difference is {size:.4g}"
    return (
        f"near [{middle}], {found.boxes:,} boxes do not prove it; the record says {hardest:,} at most for a first box"
    )
