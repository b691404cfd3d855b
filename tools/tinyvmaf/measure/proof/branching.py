"""Branch and bound: boxes are split until each is proven, or too small, or time is up."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.proof.boxes import BoxBounds, Provable, meets
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.vmaf.domain import Domain

_BATCH: Final = 512
# A box that was halved so often is not halved again: a half width of about 1e-5.
_MOST_SPLITS: Final = 90
_CANDIDATES: Final = 20
# A centre is evaluated if the polynomials differ there by so much of the bound.
_SUSPECT: Final = 0.6

Splits = tuple[int, ...]
"""How often a box was halved, by feature."""


@dataclass
class Progress:
    """What became of some boxes."""

    boxes: int = 0
    """Number of boxes looked at."""
    proven: float = 0.0
    """The largest bound of a box that is proven, in points."""
    settled: float = 0.0
    """Volume that is proven or outside of the domain, as a share of the boxes that were given."""
    candidates: list[tuple[float, list[float]]] = field(default_factory=list)
    """Rows at which the difference exceeds the bound: (difference, row), the worst first."""
    left: list[tuple[list[float], Splits]] = field(default_factory=list)
    """Some of the boxes that are not proven: centre and splits."""
    finished: bool = False
    """Whether each box is proven or outside of the domain."""
    boxes_of: list[int] = field(default_factory=list)
    """Number of boxes looked at, for each of the boxes that were given."""
    largest_of: list[float] = field(default_factory=list)
    """The largest proven bound, for each of the boxes that were given."""


class Branching:
    """A claim: |model - teacher| <= bound on the domain."""

    def __init__(
        self,
        model: Provable,
        teacher: Gaussians,
        domain: Domain,
        radius: Floats,
        bound: float,
        differences: Callable[[Floats], Floats],
    ) -> None:
        """Take a claim.

        Args:
            radius: half widths of the boxes to start from, `[F]`, in normalised features.
            bound: in points.
            differences: |model - teacher| at rows `[N, F]`, as an engine computes it: `[N]`, in points.
        """
        self._differences = differences
        self._model, self._teacher, self._domain = model, teacher, domain
        self._radius, self._bound = radius, bound
        self._largest = domain.bounds()[1]
        self._sizes: dict[Splits, BoxBounds] = {}

    def radius(self, splits: Splits) -> Floats:
        """Half widths of boxes that were halved so often."""
        radius: Floats = self._radius / np.exp2(np.array(splits))
        return radius

    def of_size(self, splits: Splits) -> BoxBounds:
        """Bounds on boxes of one size."""
        if splits not in self._sizes:
            if len(self._sizes) > 400:  # each takes about 1 MB
                self._sizes.clear()
            self._sizes[splits] = BoxBounds(self._model, self._teacher, self.radius(splits), self._largest)
        return self._sizes[splits]

    def settle(self, centres: Floats, go_on: Callable[[Progress], bool] | None = None) -> Progress:
        """Prove boxes of the first size, or find where that fails.

        Args:
            centres: `[N, F]`, on one grid.
            go_on: called after each batch; False stops.
        """
        if not len(centres):
            return Progress(settled=1.0, finished=True)
        progress, cells = Progress(), _Cells(centres, self._radius)
        start: Splits = (0,) * centres.shape[1]
        waiting: dict[Splits, list[Floats]] = {start: [centres]}
        whole = float(len(centres))
        while waiting:
            splits = _next(waiting)
            batch = np.concatenate(waiting.pop(splits))
            if len(batch) > _BATCH:
                waiting[splits] = [batch[_BATCH:]]
                batch = batch[:_BATCH]
            share = 2.0 ** -sum(splits) / whole
            inside = meets(self._domain, self._teacher, batch, self.radius(splits))
            progress.settled += share * float((~inside).sum())
            batch = batch[inside]
            if not len(batch):
                continue
            still_open = self._look(progress, splits, batch, share, waiting, cells)
            if progress.candidates or not (go_on is None or go_on(progress)):
                progress.left += [(z.tolist(), splits) for z in still_open[:_CANDIDATES]]
                break
        progress.finished = not waiting and not progress.left
        progress.boxes_of, progress.largest_of = cells.boxes.tolist(), cells.largest.tolist()
        return progress

    def _look(
        self,
        progress: Progress,
        splits: Splits,
        batch: Floats,
        share: float,
        waiting: dict[Splits, list[Floats]],
        cells: "_Cells",
    ) -> Floats:
        bounds = self.of_size(splits).bounds(batch)
        size = np.maximum(bounds.above, bounds.below)
        proven = size <= self._bound  # NaN is not
        progress.boxes += len(batch)
        progress.proven = max(progress.proven, float(size[proven].max(initial=0.0)))
        progress.settled += share * float(proven.sum())
        cells.count(batch, np.where(proven, size, 0.0))
        still_open = batch[~proven]
        self._keep_candidates(progress, batch, bounds.middle)
        if sum(splits) >= _MOST_SPLITS:
            progress.left += [(z.tolist(), splits) for z in still_open[: _CANDIDATES - len(progress.left)]]
            return still_open
        radius = self.radius(splits)
        for feature in range(batch.shape[1]):
            chosen = batch[~proven & (bounds.cut == feature)]
            if len(chosen):
                halved = tuple(count + (place == feature) for place, count in enumerate(splits))
                step = np.zeros(batch.shape[1])
                step[feature] = radius[feature] / 2.0
                waiting.setdefault(halved, []).append(np.concatenate([chosen - step, chosen + step]))
        return still_open

    def _keep_candidates(self, progress: Progress, batch: Floats, middle: Floats) -> None:
        over = np.flatnonzero(~(np.abs(middle) <= _SUSPECT * self._bound))
        rows = self._teacher.to_rows(batch[over]).astype(np.float32).astype(np.float64)
        rows = rows[self._domain.contains(rows)]
        if not len(rows):
            return
        sizes = self._differences(rows)
        broken = ~(sizes <= self._bound)
        found = sorted(zip(sizes[broken].tolist(), rows[broken].tolist(), strict=True), reverse=True)
        progress.candidates = sorted([*progress.candidates, *found], reverse=True)[:_CANDIDATES]


class _Cells:
    """What is counted of each box that was given."""

    def __init__(self, centres: Floats, radius: Floats) -> None:
        self._step = 2.0 * radius
        self._low = centres.min(axis=0)
        places = self._places(centres)
        self._many = places.max(axis=0) + 1
        codes = self._codes(places)
        self._order = codes.argsort()
        self._sorted = codes[self._order]
        self.boxes = np.zeros(len(centres), dtype=np.intp)
        self.largest = np.zeros(len(centres))

    def count(self, batch: Floats, proven: Floats) -> None:
        """Boxes about centres `[N, F]`, and what is proven of each, `[N]`."""
        cells = self._order[np.searchsorted(self._sorted, self._codes(self._places(batch)))]
        np.add.at(self.boxes, cells, 1)
        np.maximum.at(self.largest, cells, proven)

    def _places(self, centres: Floats) -> NDArray[np.intp]:
        """In the grid of the boxes that were given."""
        places: NDArray[np.intp] = np.rint((centres - self._low) / self._step).astype(np.intp)
        return places

    def _codes(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """One number for each place."""
        codes: NDArray[np.intp] = np.ravel_multi_index(tuple(places.T), tuple(self._many))
        return codes


def _next(waiting: dict[Splits, list[Floats]]) -> Splits:
    """Large batches first; of those, and of small ones, boxes that were split most, so that few wait."""
    full = [splits for splits, parts in waiting.items() if sum(map(len, parts)) >= _BATCH]
    if full:
        return max(full, key=sum)
    return min(waiting, key=sum)
