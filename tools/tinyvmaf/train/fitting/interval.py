"""What the networks of a student with an interval learn: functions of its teacher's bootstrap models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.train.fitting.samples import Samples
from tinyvmaf.train.recipes import Recipe
from tinyvmaf.train.students.interval import MAGNIFIED_BITS, MIDDLE, SPREAD_BITS
from tinyvmaf.vmaf.teacher import Teacher

Array = NDArray[np.float64]
Name = Literal["score", "stddev", "low", "high"]

_SCALE: Final = (0.0, 100.0)
_BEYOND: Final = 3.0
"""VMAF points: where the mean is further beyond the scale, the standard deviation is 0, and its network is not used."""
_AT_ONCE: Final = 4096  # rows


@dataclass(frozen=True)
class BootstrapTarget:
    """A statistic of the raw scores of a teacher's bootstrap models, on the scale of a network, 0 to 100."""

    teacher: Teacher
    network: Name

    @property
    def score_range(self) -> tuple[float, float]:
        """The limits of a network's scale."""
        return _SCALE

    def of(self, mean: Array, stddev: Array) -> Array:
        """The target, `[N]`, of mean and standard deviation, VMAF points, `[N]` each."""
        if self.network == "stddev":
            return np.clip(np.ldexp(stddev, SPREAD_BITS), *_SCALE)
        end = self.teacher.svr.score_range[self.network == "high"]
        return np.clip(MIDDLE + np.ldexp(mean - end, MAGNIFIED_BITS), *_SCALE)

    def with_gradient(self, features: Array) -> tuple[Array, Array]:
        """The target, `[N]`, and its derivatives by each feature, `[N, F]`: 0 where it is clipped."""
        mean, stddev, of_mean, of_stddev = statistics(self.teacher, features)
        value = self.of(mean, stddev)
        bits, slope = (SPREAD_BITS, of_stddev) if self.network == "stddev" else (MAGNIFIED_BITS, of_mean)
        inside = (value > _SCALE[0]) & (value < _SCALE[1])
        return value, np.where(inside[:, None], np.ldexp(slope, bits), 0.0)


def networks(recipe: Recipe) -> Mapping[Name, Recipe]:
    """A recipe for each network of a student with an interval."""
    assert recipe.interval is not None
    parts: dict[Name, Recipe] = {"score": recipe}
    for name, one in (("stddev", recipe.interval.stddev), ("low", recipe.interval.low), ("high", recipe.interval.high)):
        parts[name] = replace(recipe, architecture=one.layers, optimiser=one.optimiser)  # type: ignore[index]
    return parts


def samples_of(recipe: Recipe, samples: Samples) -> Iterator[tuple[Name, Recipe, Samples]]:
    """Each network with its recipe and its samples; those of `stddev` have their mean on the scale, or nearly."""
    parts = [statistics(samples.teacher, rows)[:2] for rows in _in_parts(samples.rows)]
    mean, stddev = (np.concatenate(values) for values in zip(*parts, strict=True))
    low, high = samples.teacher.svr.score_range
    for name, one in networks(recipe).items():
        if name == "score":
            yield name, one, samples
            continue
        target = BootstrapTarget(samples.teacher, name)
        kept = (mean > low - _BEYOND) & (mean < high + _BEYOND) if name == "stddev" else np.ones(len(mean), np.bool_)
        yield name, one, samples.of_target(target, target.of(mean, stddev), kept)


def statistics(teacher: Teacher, features: Array) -> tuple[Array, Array, Array, Array]:
    """Mean and standard deviation of the raw scores over the bootstrap models, `[N]`, and their derivatives, `[N, F]`.

    Args:
        features: `[N, F]`, after the chroma correction.
    """
    parts = [replace(svr, transform=None, clip=None).with_gradient(features) for svr in teacher.bootstrap]
    scores, slopes = np.stack([one for one, _ in parts]), np.stack([one for _, one in parts])
    mean, stddev = scores.mean(axis=0), scores.std(axis=0)
    of_stddev = np.einsum("mn,mnf->nf", scores - mean, slopes) / (len(parts) * np.maximum(stddev, 1e-9)[:, None])
    return mean, stddev, slopes.mean(axis=0), of_stddev


def _in_parts(rows: Array) -> list[Array]:
    return [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
