"""A teacher: a VMAF model with its features, evaluated in float64."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import TeacherError
from tinyvmaf.vmaf.features import Feature
from tinyvmaf.vmaf.libvmaf import Model
from tinyvmaf.vmaf.teacher.svr import Svr


class Bagging(NamedTuple):
    """What a bootstrap collection says of each frame; float64 `[N]` each, in VMAF points."""

    mean: NDArray[np.float64]
    stddev: NDArray[np.float64]
    ci95_low: NDArray[np.float64]
    ci95_high: NDArray[np.float64]


@dataclass(frozen=True)
class Teacher:
    """A VMAF model, evaluated in float64."""

    id: str
    sha256: str
    """Of its JSON text."""
    json: bytes
    features: tuple[Feature, ...]
    svr: Svr
    bootstrap: tuple[Svr, ...] = ()
    """The further models of a collection (`vmaf_b_v0.6.3`: 20); empty for others."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features it takes, by our names, in this order."""
        return tuple(feature.name for feature in self.features)

    def model(self) -> Model:
        """This teacher as a model for libvmaf to run.

        Raises:
            TeacherError: a bootstrap collection, which FFmpeg's filter cannot run; its features can be extracted and
                evaluated here.
        """
        if self.bootstrap:
            raise TeacherError(f"{self.id}: FFmpeg's libvmaf filter does not run bootstrap collections")
        return Model(self.id, self.json, self.features)

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """Scores of feature rows, float64 `[N]` in VMAF points.

        Args:
            features: `[N, F]` in the order of `feature_names`, converted to float64.

        Raises:
            TeacherError: another shape, or a value that is not finite.
        """
        return self.svr.predict(self._checked(features))

    def bagging(self, features: ArrayLike) -> Bagging:
        """Mean, standard deviation and 95 % interval over the bootstrap models (libvmaf/src/predict.c).

        Statistics are taken of the raw scores; mean and interval are then transformed and clipped.

        Raises:
            TeacherError: as `predict`, and for a teacher without bootstrap models.
        """
        if not self.bootstrap:
            raise TeacherError(f"{self.id} has no bootstrap models")
        x = self._checked(features)
        scores = np.stack([svr.predict(x, finish=False) for svr in self.bootstrap])
        mean, low, high = scores.mean(axis=0), *np.percentile(scores, [2.5, 97.5], axis=0)
        finish = self.svr.finish
        return Bagging(finish(mean), scores.std(axis=0), finish(low), finish(high))

    def _checked(self, features: ArrayLike) -> NDArray[np.float64]:
        x = np.asarray(features, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.features):
            expected = f"[N, {len(self.features)}] ({', '.join(self.feature_names)})"
            raise TeacherError(f"{self.id} takes features {expected}, not {list(x.shape)}")
        if not np.isfinite(x).all():
            row, column = map(int, np.argwhere(~np.isfinite(x))[0])
            raise TeacherError(f"{self.id}: {self.feature_names[column]} of row {row} is {x[row, column]}")
        return x
