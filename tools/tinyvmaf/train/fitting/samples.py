"""Samples of a teacher's domain with their scores, and the search of a fit for the rows where a student is worst.

The search climbs like that of `vmaf.domain.search`, but starts at samples that have their scores already, and takes the
teacher's gradient from its formula: one evaluation of the teacher a step instead of thirteen.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.train.fitting.examples import corrected
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.domain.search import climb, slopes
from tinyvmaf.vmaf.teacher import Teacher

Array = NDArray[np.float64]
Points = Callable[[Array], Array]
"""A student: from rows, float64 `[N, F]`, after the chroma correction, to VMAF points, not clipped."""

_STARTS: Final = 300  # ascents of a search: half from the worst samples, half from random ones; as many from faces
_STEPS: Final = 40
_KEEPS: Final = 60  # rows of each search, the worst ones
_ORDINARY: Final = 0.75  # share of the samples that are like ordinary video
_AT_A_FACE: Final = 4  # one in so many of the others lies at a face of the cube
_STILL: Final = 8  # one in so many of these is still, like the first frame of every clip


class Target(Protocol):
    """What a student learns: a teacher's SVR, or another function of its features, in VMAF points."""

    @property
    def score_range(self) -> tuple[float, float]:
        """The limits of its values."""
        ...

    def with_gradient(self, features: Array) -> tuple[Array, Array]:
        """Its values `[N]` for rows `[N, F]` after the chroma correction, and their derivatives `[N, F]`."""
        ...


@dataclass(frozen=True)
class Samples:
    """Samples of a teacher's domain."""

    teacher: Teacher
    domain: Domain
    cube: Array
    """Points of the unit cube, float64 `[N, F]`."""
    rows: Array
    """Their rows as a student gets them, so with float32 values, after the chroma correction, float64 `[N, F]`."""
    scores: Array
    """The target's values of these, `[N]`."""
    target: Target

    @classmethod
    def of(cls, teacher: Teacher, count: int, seed: int) -> "Samples":
        """Draw samples.

        Most are like ordinary video, as far as definitions tell: ADM in the middle of what VIF scale 3 allows, little
        motion. The others cover the domain evenly, with its faces, edges and corners.
        """
        domain = Domain(teacher.features)
        cube = domain.cube_sample(count, seed)
        rng = np.random.default_rng([seed, 4])
        ordinary = np.flatnonzero(rng.uniform(size=count) < _ORDINARY)
        others = np.setdiff1d(np.arange(count), ordinary)[::_AT_A_FACE]
        cube[others] = _to_faces(rng, cube[others])
        for column, feature in enumerate(teacher.features):
            if feature.measures == "detail":
                cube[ordinary, column] = rng.uniform(size=(len(ordinary), 2)).mean(axis=1)
            elif feature.measures == "motion":
                cube[ordinary, column] = rng.uniform(size=len(ordinary)) ** 3
                cube[ordinary[::_STILL], column] = 0.0
        rows = _rows(teacher, domain, cube)
        return cls(teacher, domain, cube, rows, teacher.svr.with_gradient(rows)[0], teacher.svr)

    def of_target(self, target: Target, values: Array, kept: NDArray[np.bool_]) -> "Samples":
        """The samples that are kept, for another target, of which the values are known."""
        return replace(self, target=target, cube=self.cube[kept], rows=self.rows[kept], scores=values[kept])

    def highest(self) -> Array:
        """The maximum of each feature in the domain, after the chroma correction, float64 `[F]`."""
        low, high = self.domain.bounds()
        if (rule := self.teacher.svr.chroma) is not None:
            high[rule.chroma] = max(high[rule.chroma], rule.factor * (1.0 - low[rule.luma]))
        return high

    def worst(self, student: Points, seed: int) -> tuple[Array, Array, float]:
        """The rows on which a search finds a student furthest off, the target's values, and the largest difference
        found.

        Returns:
            Rows after the chroma correction, float64 `[K, F]`; the target's values, `[K]`; VMAF points.
        """

        def clipped(rows: Array) -> Array:
            return np.clip(student(rows), *self.target.score_range)

        def at(cube: Array) -> Array:
            return _rows(self.teacher, self.domain, cube)

        def difference(cube: Array) -> Array:
            rows = at(cube)
            return np.abs(clipped(rows) - self.target.with_gradient(rows)[0])

        def gradient(cube: Array) -> Array:
            rows = at(cube)
            scores, by_feature = self.target.with_gradient(rows)
            of_target = np.einsum("nik,nk->ni", slopes(at, cube), by_feature)
            of_student = slopes(lambda points: clipped(at(points)), cube)
            return np.asarray((of_student - of_target) * np.sign(clipped(rows) - scores)[:, None])

        off = np.abs(clipped(self.rows) - self.scores)
        half = min(_STARTS // 2, len(off))
        rng = np.random.default_rng([seed, 3])
        starts = self.cube[np.argsort(-off, kind="stable")[:half]], self.cube[rng.permutation(len(off))[:half]]
        begin = np.concatenate([*starts, _to_faces(rng, starts[1])])
        found = climb(difference, gradient, self.domain, begin, difference(begin), _STEPS)
        rows = corrected(self.teacher, found.rows[:_KEEPS])
        return rows, self.target.with_gradient(rows)[0], float(found.differences[0])


def _to_faces(rng: np.random.Generator, cube: Array) -> Array:
    """Points of the cube with a third of their coordinates at 0 or 1, whichever is nearer."""
    return np.where(rng.uniform(size=cube.shape) < 1 / 3, np.rint(cube), cube)


def _rows(teacher: Teacher, domain: Domain, cube: Array) -> Array:
    return corrected(teacher, domain.rows(cube).astype(np.float32).astype(np.float64))
