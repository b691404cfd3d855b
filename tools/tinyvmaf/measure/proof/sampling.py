"""A proof that was recorded, tried again on some boxes of the domain, drawn at random."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tinyvmaf.measure.proof.boxes import first_boxes
from tinyvmaf.measure.proof.branching import Branching, Progress
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.proving import differences, provable
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

MOST: Final = 100
# Rounding may differ by machine, and with it a few splits.
_ROOM: Final = 2


@dataclass(frozen=True)
class Sample:
    """What became of the first boxes that were drawn."""

    proven: int
    """How many are proven again."""
    of: int
    """How many the domain has."""
    boxes: int
    """Into how many they were split."""
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

    Args:
        hardest: into how many boxes the proof split a first box, at most. A box that takes far more refutes the record.
        seed: of the order.
        seconds: of this process, on the CPU. A box that is not done by then does not count, unless it is the first.

    Raises:
        NoProofError: see `proving.provable`.
    """
    domain, gaussians = Domain(teacher.features), Gaussians(teacher)
    cells, radius = first_boxes(domain, gaussians)
    model, apart = provable(data, teacher, feature_order), differences(data, teacher, feature_order)
    branching = Branching(model, gaussians, domain, radius, bound, apart)
    until, proven, boxes = time.process_time() + seconds, 0, 0

    def go_on(progress: Progress) -> bool:
        return progress.boxes <= _ROOM * hardest and (proven == 0 or time.process_time() < until)

    for number in np.random.default_rng(seed).permutation(len(cells))[:most]:
        found = branching.settle(cells[number : number + 1], go_on)
        boxes += found.boxes
        if found.finished:
            proven += 1
        elif found.candidates or found.boxes > _ROOM * hardest or time.process_time() < until:
            return Sample(proven, len(cells), boxes, _why(found, gaussians, cells[number], hardest))
        if time.process_time() >= until:
            break
    return Sample(proven, len(cells), boxes)


def _why(found: Progress, gaussians: Gaussians, cell: Floats, hardest: int) -> str:
    middle = ", ".join(f"{value:.4g}" for value in gaussians.to_rows(cell[None])[0])
    if found.candidates:
        size, row = found.candidates[0]
        return f"at [{', '.join(f'{value:.6g}' for value in row)}] the difference is {size:.4g}"
    return f"the box about [{middle}] is not proven by {found.boxes:,} boxes; the record says {hardest:,} at most"
