"""A claim about all of a domain: its slices, each with boxes of its own."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.proof.boxes import BoxBounds, Provable, first_boxes
from tinyvmaf.measure.proof.branching import Branching, Progress
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.provable import differences, provable
from tinyvmaf.measure.proof.slices import Slice, slices_of
from tinyvmaf.measure.proof.transformed import TransformedBounds, TransformedBranching
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

GoOn = Callable[[Progress], bool]


def box_bounds(one: Slice, model: Provable, radius: Floats) -> BoxBounds:
    """What bounds a model on boxes of one size in a slice.

    Args:
        radius: half widths, `[F]`, in the slice's normalised features.
    """
    sized = model, Gaussians(one.teacher), radius, Domain(one.teacher.features).bounds()[1]
    return BoxBounds(*sized) if one.behind is None else TransformedBounds(*sized, one.behind)


class Parts:
    """The first boxes of a claim, of all slices, one after the other."""

    def __init__(self, data: bytes, teacher: Teacher, bound: float, feature_order: Sequence[str]) -> None:
        """Take a claim: that |model - teacher| <= bound on the domain.

        Args:
            feature_order: see `provable`.

        Raises:
            NoProofError: see `provable`, or the domain is too large.
        """
        self.slices = [SliceClaim(data, teacher, bound, feature_order, one) for one in slices_of(teacher)]

    def __len__(self) -> int:
        return sum(len(one.cells) for one in self.slices)

    def middles(self) -> Floats:
        """The teacher's features in the middle of each first box, `[N, F]`."""
        return np.concatenate([one.rows(one.cells) for one in self.slices])

    def settle(self, chosen: NDArray[np.intp], go_on: GoOn | None = None) -> Progress:
        """`Branching.settle` of first boxes. Candidates, and centres of what is left, are rows of features.

        Args:
            chosen: their numbers, in rising order.
            go_on: called after each batch, with what became of all these boxes until then; False stops.
        """
        whole, start = Progress(finished=True), 0
        for one in self.slices:
            mine = chosen[(chosen >= start) & (chosen < start + len(one.cells))] - start
            start += len(one.cells)
            if len(mine):
                share = len(mine) / len(chosen)
                whole = _joined(whole, one.settle(mine, go_on, whole) if whole.finished else _untouched(mine), share)
        return whole if len(chosen) else Progress(settled=1.0, finished=True)


class SliceClaim:
    """A claim about a slice."""

    def __init__(self, data: bytes, teacher: Teacher, bound: float, order: Sequence[str], one: Slice) -> None:
        self._slice, self._width = one, len(teacher.features)
        self._apart = differences(data, teacher, order)
        self.domain, self.gaussians = Domain(one.teacher.features), Gaussians(one.teacher)
        self.cells, radius = first_boxes(self.domain, self.gaussians)
        self.model = provable(data, teacher, order, one)
        claim = self.model, self.gaussians, self.domain, radius, bound, self._apart_in
        self.branching = Branching(*claim) if one.behind is None else TransformedBranching(*claim, one.behind)

    def settle(self, mine: NDArray[np.intp], go_on: GoOn | None, before: Progress) -> Progress:
        """See `Parts.settle`; `before`: of the slices before."""
        found = self.branching.settle(self.cells[mine], go_on and partial(_told, go_on, before))
        found.candidates = [(size, self._whole(np.array([row]))[0].tolist()) for size, row in found.candidates]
        found.left = [(self.rows(np.array([centre]))[0].tolist(), splits) for centre, splits in found.left]
        return found

    def rows(self, z: Floats) -> Floats:
        """The teacher's features at normalised rows of the slice."""
        return self._whole(self.gaussians.to_rows(z))

    def _whole(self, rows: Floats) -> Floats:
        return self._slice.whole(rows, self._width)

    def _apart_in(self, rows: Floats) -> Floats:
        return self._apart(self._whole(rows))


def _told(go_on: GoOn, before: Progress, now: Progress) -> bool:
    return go_on(_joined(before, now, 0.0))


def _untouched(mine: NDArray[np.intp]) -> Progress:
    return Progress(boxes_of=[0] * len(mine), largest_of=[0.0] * len(mine))


def _joined(one: Progress, other: Progress, share: float) -> Progress:
    """Both; `share`: how much of the whole the other is about."""
    return Progress(
        boxes=one.boxes + other.boxes,
        proven=max(one.proven, other.proven),
        settled=one.settled + share * other.settled,
        candidates=one.candidates + other.candidates,
        left=one.left + other.left,
        finished=one.finished and other.finished,
        boxes_of=one.boxes_of + other.boxes_of,
        largest_of=one.largest_of + other.largest_of,
    )
