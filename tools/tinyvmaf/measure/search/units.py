"""Finds what a graph does only in a corner of the domain, by the graph itself: branch and bound on its units.

A unit is one element of a value inside the graph. Samples show which values it takes, an enclosure bounds which values
it may take. A unit whose samples fill only a small part of its enclosure sleeps: a pocket of 0.01 of the domain in each
coordinate has 10^-12 of its volume, so no sample meets it, but its bump, its step or its table entry is such a unit.
Halving the box whose bound is the largest leads to where the unit wakes, or proves that it does nowhere in the domain.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.enclosure import Enclosure, leaf_boxes
from tinyvmaf.vmaf.domain import Domain

Rows = NDArray[np.float64]

SLEEPS: Final = 0.2
"""Share of its enclosure, beyond the samples, from which on a unit is searched."""
_ROUNDS: Final = {True: 150, False: 60}
"""Halvings for a unit whose samples are all alike, and for any other."""
HALVINGS: Final = 1500
"""The same for all units together whose samples are all alike, so that a search ends; for the others a third."""
_AT_ONCE: Final = 8
_LEAVES: Final = 5000
_FILLED: Final = 3
_ALIKE: Final = 1e-4  # of the enclosure: wider than what an enclosure of one row may have
_AWAKE: Final = 0.5  # of the way from the samples to the bound


@dataclass(frozen=True)
class Unit:
    """A unit and a direction in which its samples stop short of its enclosure."""

    name: str
    place: int
    """Index into the unit's row, flattened."""
    sign: int
    """1: upward, -1: downward."""
    seen: float
    """The largest sample of `sign` times its value."""
    bound: float
    """The same of its enclosure over the whole domain."""
    gap: float
    """The share of its enclosure beyond the samples."""
    alike: bool
    """Whether all samples are."""


@dataclass(frozen=True)
class Woken:
    """What became of the units of a graph that sleep in all samples."""

    rows: Rows
    """Where they wake, and the leaves that no sample is in, float64 `[K, F]`."""
    asleep: int
    """Units whose samples are all alike, though the graph allows others."""
    reached: int
    ruled_out: int
    """Proven to do nowhere in the domain what no sample has shown."""

    def __str__(self) -> str:
        if not self.asleep:
            return "no unit of its graph sleeps in them"
        left = self.asleep - self.reached - self.ruled_out
        return (
            f"{self.asleep} units of its graph sleep in them: {self.reached} were woken, {self.ruled_out} cannot wake "
            f"anywhere in the domain, {left} are open"
        )


class Units:
    """The units of a graph over a domain."""

    def __init__(self, model: bytes, columns: NDArray[np.intp], domain: Domain) -> None:
        """Read the graph.

        Args:
            columns: the place of each of the model's features among the teacher's, `[F]`.

        Raises:
            NoEnclosureError: the graph has none.
        """
        self._graph, self._columns, self._domain = Enclosure(model), columns, domain

    def woken(self, rows: Rows, rng: np.random.Generator, halvings: int = HALVINGS) -> Woken:
        """Wake the units that sleep in all rows, `[N, F]`, and reach the leaves of trees that none of them reaches."""
        found, left = [self.leaves(rows, rng)], {True: halvings, False: halvings // 3}
        asleep, reached, ruled_out = 0, 0, 0
        for unit in self.asleep(rows):
            if len(found) > 1 and self._awake(unit, np.concatenate(found[1:])):
                row, settled = found[1], True
            else:
                row, rounds, settled = self.wake(unit, rng, min(_ROUNDS[unit.alike], left[unit.alike]))
                left[unit.alike] -= rounds
                found += [row] if len(row) else []
            asleep += unit.alike
            reached += unit.alike and settled and len(row) > 0
            ruled_out += unit.alike and settled and not len(row)
        return Woken(np.concatenate(found), asleep, reached, ruled_out)

    def leaves(self, rows: Rows, rng: np.random.Generator) -> Rows:
        """Rows in each leaf of the trees that none of the given rows is in, where the domain has some; `[K, F]`."""
        low, high = self._domain.bounds()
        found = [np.empty((0, len(low)))]
        for trees in self._graph.forests:
            given = rows[:, self._columns]
            ends = [one[:_LEAVES] for one in leaf_boxes(trees, given.shape[1])[:2]]
            empty = np.array(
                [not np.any(np.all((given > a) & (given <= b), axis=1)) for a, b in zip(*ends, strict=True)]
            )
            inset = 1e-3 * (high - low)[self._columns]
            for a, b in zip(*(one[empty] for one in ends), strict=True):
                a, b = np.maximum(a, low[self._columns]), np.minimum(b, high[self._columns])
                middle = (a + b) / 2.0
                inside = np.clip(
                    given[rng.integers(len(given), size=_FILLED)],
                    np.minimum(a + inset, middle),
                    np.maximum(b - inset, middle),
                )
                row = np.empty_like(inside)
                row[:, self._columns] = inside
                found.append(row)
        return self._domain.rows(self._domain.cube(np.concatenate(found)))

    def _awake(self, unit: Unit, rows: Rows) -> bool:
        return bool(self._ends(unit, rows, rows)[0].max() >= unit.seen + _AWAKE * (unit.bound - unit.seen))

    def asleep(self, rows: Rows) -> list[Unit]:
        """Units that sleep in all rows: those whose samples are all alike in the order of the graph, then by gap."""
        corners = self._domain.shrunk(*(bound[None] for bound in self._domain.bounds()))
        whole, sampled = (self._graph.values(*(x[:, self._columns] for x in ends)) for ends in (corners, (rows, rows)))
        found: list[Unit] = []
        for name in self._graph.choices:
            low, high = whole[name].low.ravel(), whole[name].high.ravel()
            width = np.where(np.isfinite(high - low), high - low, 0.0)
            least, most = (flat(one).T for one in (sampled[name].low, sampled[name].high))
            alike = most.max(axis=1) - least.min(axis=1) <= _ALIKE * width
            for sign, bound, seen in ((1, high, most.max(axis=1)), (-1, -low, -least.min(axis=1))):
                gap = (bound - seen) / np.where(width > 0.0, width, np.inf)
                found += [
                    Unit(name, int(i), sign, float(seen[i]), float(bound[i]), float(gap[i]), bool(alike[i]))
                    for i in np.flatnonzero(gap > SLEEPS)
                ]
        return sorted(found, key=lambda unit: -2.0 if unit.alike else -unit.gap)

    def wake(self, unit: Unit, rng: np.random.Generator, rounds: int) -> tuple[Rows, int, bool]:
        """The row of the domain where a unit goes furthest, `[1, F]`, or `[0, F]` if none goes beyond the samples.

        Also the halvings that it took, and whether the unit is settled: it was reached at least half of the way to its
        bound, or it is proven that no row of the domain goes beyond the samples.
        """
        low, high = (corner[None] for corner in self._domain.bounds())
        extent = high - low
        bounds, best, found = np.array([unit.bound]), unit.seen, np.empty((0, low.shape[1]))
        for done in range(rounds):
            order = np.argsort(-bounds, kind="stable")
            top, rest = order[:_AT_ONCE], order[_AT_ONCE:]
            if not len(top) or bounds[top[0]] - unit.seen <= 1e-3 * (unit.bound - unit.seen):
                return found, done, True
            if best >= unit.seen + _AWAKE * (bounds[top[0]] - unit.seen):
                return found, done, True
            lows, highs, upper = self._halves(unit, low[top], high[top], extent, rng)
            points = self._domain.rows(self._domain.cube((lows + highs) / 2.0))
            values = self._ends(unit, points, points)[0]
            if len(values) and values.max() > best:
                best, found = float(values.max()), points[[int(values.argmax())]]
            low, high = np.concatenate([low[rest], lows]), np.concatenate([high[rest], highs])
            bounds = np.concatenate([bounds[rest], upper])
        return found, rounds, False

    def _halves(
        self, unit: Unit, low: Rows, high: Rows, extent: Rows, rng: np.random.Generator
    ) -> tuple[Rows, Rows, Rows]:
        """Each box in two parts, cut across the feature that lowers the bounds most, and the parts' bounds."""
        count, width = low.shape
        cut = low + (high - low) * rng.uniform(0.4, 0.6, low.shape)  # not in the middle, where an edge may lie
        lows = np.broadcast_to(low[:, None, None], (count, width, 2, width)).copy()
        highs = np.broadcast_to(high[:, None, None], (count, width, 2, width)).copy()
        each = np.arange(width)
        highs[:, each, 0, each], lows[:, each, 1, each] = cut, cut
        lows, highs = (x.reshape(-1, width) for x in (lows, highs))
        lows, highs = self._domain.shrunk(lows, highs)
        empty = np.any(lows > highs, axis=1)
        upper = np.where(empty, -np.inf, self._ends(unit, np.minimum(lows, highs), highs)[1])
        parts = upper.reshape(count, width, 2)
        span = np.maximum(unit.bound - unit.seen, 1e-300)
        left = np.clip((parts - unit.seen) / span, 0.0, 1.0).sum(axis=2)
        chosen = np.argmin(left - 1e-3 * (high - low) / extent, axis=1)  # where none helps, the widest
        take = (np.arange(count)[:, None] * width + chosen[:, None]) * 2 + np.arange(2)
        take = take.ravel()[~empty[take.ravel()]]
        return lows[take], highs[take], upper[take]

    def _ends(self, unit: Unit, low: Rows, high: Rows) -> tuple[Rows, Rows]:
        """Bounds of `sign` times the unit's value."""
        found = self._graph.values(low[:, self._columns], high[:, self._columns], [unit.name])[unit.name]
        least, most = flat(found.low)[:, unit.place], flat(found.high)[:, unit.place]
        return (least, most) if unit.sign > 0 else (-most, -least)


def flat(value: Rows) -> Rows:
    """Rows of one dimension, `[N, K]`."""
    return value.reshape(len(value), -1)
