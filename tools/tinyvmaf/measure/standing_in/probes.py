"""Rows of a teacher's domain on which a model is held beside the clips of a corpus."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.standing_in.scored import Floats, Scored
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

SAMPLES: Final = 40_000
STARTS: Final = 200
POINTS: Final = 17
"""Of a path."""
MOTIONS: Final = 121
"""Amounts of motion of identical pictures: 0 to 30 in steps of a quarter."""
_SEED: Final = 2003  # no fit and no search uses it


@dataclass(frozen=True)
class Probed:
    """What a model says of the probes, beside its teacher."""

    sample: Scored
    paths: tuple[Floats, Floats]
    """The teacher's and the model's scores, `[P, K]` each."""
    identical: Scored
    """Pictures that are their own reference."""


@dataclass(frozen=True)
class Probes:
    """Rows, float64 `[N, F]` in the teacher's order, that float32 can represent, and the teacher's scores `[N]`."""

    names: tuple[str, ...]
    sample: Floats
    paths: Floats
    """`[P, K, F]`: each path raises one feature, or all features of quality, from its least value to its largest."""
    identical: Floats
    expected: Floats
    """Of the sample, the paths, and the identical pictures, one after the other."""

    def of(self, model: Callable[[NDArray[np.float32]], NDArray[np.floating]]) -> Probed:
        """Score all probes by a model, in one call.

        Args:
            model: from rows in the teacher's order, float32 `[N, F]`, to scores `[N]`.
        """
        got = np.asarray(model(self._rows().astype(np.float32)), dtype=np.float64)
        (a, b), shape = (len(self.sample), len(self.sample) + self.paths[..., 0].size), self.paths.shape[:2]
        want = self.expected
        return Probed(
            Scored("rows of the domain", want[:a], got[:a], lambda row: self.in_words(self.sample[row])),
            (want[a:b].reshape(shape), got[a:b].reshape(shape)),
            Scored("identical", want[b:], got[b:], lambda row: self.in_words(self.identical[row])),
        )

    def in_words(self, row: Floats) -> str:
        """A row with the names of its features."""
        return ", ".join(f"{name} {value:.4g}" for name, value in zip(self.names, row, strict=True))

    def _rows(self) -> Floats:
        return np.concatenate([self.sample, self.paths.reshape(-1, len(self.names)), self.identical])


_made: dict[tuple[str, int, int], Probes] = {}


def probes_of(teacher: Teacher, samples: int = SAMPLES, starts: int = STARTS) -> Probes:
    """The probes of a teacher's domain, with its scores; made once, for all models of a teacher."""
    key = teacher.sha256, samples, starts
    if key not in _made:
        _made[key] = _probes(teacher, samples, starts)
    return _made[key]


def _probes(teacher: Teacher, samples: int, starts: int) -> Probes:
    domain = Domain(teacher.features)
    sample, paths = domain.sample(samples, _SEED), _paths(domain, starts)
    identical = _identical(domain)
    sample, paths, identical = (rows.astype(np.float32).astype(np.float64) for rows in (sample, paths, identical))
    probes = Probes(domain.names, sample, paths, identical, np.empty(0))
    return Probes(domain.names, sample, paths, identical, teacher.predict(probes._rows()))


def _paths(domain: Domain, starts: int) -> Floats:
    """In the cube a coordinate rises alone; what its feature bounds rises with it, and nothing falls."""
    cube, along = domain.cube_sample(starts, _SEED + 1), np.linspace(0.0, 1.0, POINTS)
    width = len(domain.features)
    quality = [column for column, feature in enumerate(domain.features) if feature.is_quality]
    moved = [[column] for column in range(width)] + ([quality] if len(quality) > 1 else [])
    points = np.repeat(cube[None, :, None, :], len(moved), axis=0).repeat(POINTS, axis=2)
    for path, columns in enumerate(moved):
        points[path][:, :, columns] = along[:, None]
    return domain.rows(points.reshape(-1, width)).reshape(-1, POINTS, width)


def _identical(domain: Domain) -> Floats:
    """Rows of pictures that are their own reference: nothing is lost, whatever moves."""
    rows = np.zeros((MOTIONS, len(domain.features)))
    _, high = domain.bounds()
    for column, feature in enumerate(domain.features):
        if feature.is_quality:
            rows[:, column] = 1.0
        elif feature.measures == "motion":
            rows[:, column] = np.linspace(0.0, high[column], MOTIONS)
    return rows
