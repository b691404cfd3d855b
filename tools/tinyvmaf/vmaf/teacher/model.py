"""A teacher: a VMAF model with its features, evaluated in float64."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import TeacherError
from tinyvmaf.vmaf.features import Feature
from tinyvmaf.vmaf.libvmaf import VmafModel
from tinyvmaf.vmaf.teacher.svr import Svr

_DELTA: Final = 0.01  # VMAF points, as in libvmaf


class Bagging(NamedTuple):
    """Statistics over the models of a bootstrap collection, float64 `[N]` each, in VMAF points."""

    mean: NDArray[np.float64]
    stddev: NDArray[np.float64]
    ci95_low: NDArray[np.float64]
    ci95_high: NDArray[np.float64]


@dataclass(frozen=True)
class Teacher:
    """A VMAF model, evaluated in float64."""

    id: str
    sha256: str
    """sha256 of the JSON text."""
    json: bytes
    features: tuple[Feature, ...]
    svr: Svr
    bootstrap: tuple[Svr, ...] = ()
    """The other models of a bootstrap collection (20 in `vmaf_b_v0.6.3`); empty for other teachers."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the teacher's features, in the order of its inputs."""
        return tuple(feature.name for feature in self.features)

    def model(self) -> VmafModel:
        """This teacher as a model for libvmaf to run.

        Raises:
            TeacherError: FFmpeg's filter cannot run a bootstrap collection; extract its features and call `predict`.
        """
        if self.bootstrap:
            raise TeacherError(f"{self.id}: FFmpeg's libvmaf filter does not run bootstrap collections")
        return VmafModel(self.id, self.json, self.features)

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """Scores of feature rows, float64 `[N]` in VMAF points.

        Args:
            features: `[N, F]` in the order of `feature_names`, converted to float64.

        Raises:
            TeacherError: another shape, or a value is not finite.
        """
        return self.svr.predict(self._checked(features))

    def bagging(self, features: ArrayLike) -> Bagging:
        """Mean, standard deviation and 95 % interval over the bootstrap models (libvmaf/src/predict.c).

        The statistics are those of the raw scores; mean and interval are then transformed and clipped, and the standard
        deviation is multiplied by the slope of transform and clip at the mean: 0 where the mean is clipped.

        Raises:
            TeacherError: as `predict`, or a teacher without bootstrap models.
        """
        if not self.bootstrap:
            raise TeacherError(f"{self.id} has no bootstrap models")
        x = self._checked(features)
        scores = np.stack([svr.predict(x, finish=False) for svr in self.bootstrap])
        mean, low, high = scores.mean(axis=0), *np.percentile(scores, [2.5, 97.5], axis=0)
        finish = self.bootstrap[0].finish
        slope = (finish(mean + _DELTA) - finish(mean - _DELTA)) / (2.0 * _DELTA)
        return Bagging(finish(mean), scores.std(axis=0) * slope, finish(low), finish(high))

    def _checked(self, features: ArrayLike) -> NDArray[np.float64]:
        x = np.asarray(features, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.features):
            expected = f"[N, {len(self.features)}] ({', '.join(self.feature_names)})"
            raise TeacherError(f"{self.id} takes features {expected}, not {list(x.shape)}")
        if not np.isfinite(x).all():
            row, column = map(int, np.argwhere(~np.isfinite(x))[0])
            raise TeacherError(f"{self.id}: {self.feature_names[column]} of row {row} is {x[row, column]}")
        return x
