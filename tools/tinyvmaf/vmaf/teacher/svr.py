"""libvmaf's SVR in float64: normalisation, RBF kernel, transform and clip (libvmaf/src/predict.c and svm.cpp)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

# The distances of 1024 rows fit the CPU cache: five times as fast as 16,384 rows, with the same bits.
_CHUNK_ROWS: Final = 1024
_SCALE: Final = (0.0, 100.0)
_STEP: Final = 1e-6  # points, for the slope of transform and clip


@dataclass(frozen=True)
class ScoreTransform:
    """libvmaf's polynomial after the SVR: `p0 + p1 y + p2 y^2`, optionally not below or not above `y`."""

    p0: float
    p1: float
    p2: float
    at_least_input: bool
    at_most_input: bool

    def __call__(self, y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transform scores, float64 `[N]`."""
        out = self.p0 + self.p1 * y + self.p2 * y * y
        if self.at_least_input:
            out = np.maximum(out, y)
        return np.minimum(out, y) if self.at_most_input else out


@dataclass(frozen=True)
class ChromaFromLuma:
    """libvmaf replaces a chroma feature of exactly 0, which carries no information, by `factor (1 - luma feature)`."""

    factor: float
    chroma: int
    """Index of the chroma feature."""
    luma: int
    """Index of the luma feature."""

    def __call__(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """A corrected copy of feature rows, float64 `[N, F]`."""
        corrected = features.copy()
        zero = corrected[:, self.chroma] == 0.0
        corrected[zero, self.chroma] = self.factor * (1.0 - corrected[zero, self.luma])
        return corrected


@dataclass(frozen=True)
class Svr:
    """A nu-SVR with RBF kernel and its normalisation, evaluated like libvmaf."""

    gamma: float
    rho: float
    coefficients: NDArray[np.float64]
    """`[S]`."""
    support_vectors: NDArray[np.float64]
    """`[S, F]`, in normalised units."""
    slopes: NDArray[np.float64]
    """`[1 + F]`: of the score, then of each feature."""
    intercepts: NDArray[np.float64]
    """`[1 + F]`."""
    transform: ScoreTransform | None
    clip: tuple[float, float] | None
    chroma: ChromaFromLuma | None

    @property
    def score_range(self) -> tuple[float, float]:
        """The limits of a student's scores: the teacher's clip, else VMAF's scale."""
        return self.clip or _SCALE

    def predict(self, features: NDArray[np.float64], *, finish: bool = True) -> NDArray[np.float64]:
        """Scores of feature rows.

        Args:
            features: float64 `[N, F]`.
            finish: apply the transform and the clip.

        Returns:
            float64 `[N]`, VMAF points.
        """
        if self.chroma is not None:
            features = self.chroma(features)
        x = features * self.slopes[1:] + self.intercepts[1:]
        out = np.empty(len(x))
        for start in range(0, len(x), _CHUNK_ROWS):
            part = x[start : start + _CHUNK_ROWS]
            distance = np.zeros((len(part), len(self.coefficients)))
            for column in range(x.shape[1]):  # exact differences; |a|^2 + |b|^2 - 2ab would cancel
                distance += np.square(part[:, column, None] - self.support_vectors[None, :, column])
            out[start : start + _CHUNK_ROWS] = np.exp(-self.gamma * distance) @ self.coefficients - self.rho
        scores = (out - self.intercepts[0]) / self.slopes[0]
        return self.finish(scores) if finish else scores

    def with_gradient(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scores and their derivatives by each feature, for an ascent: several times as fast as `predict`.

        Distances come from products, which cancel: scores differ from those of `predict` by up to about 1e-9 points.

        Args:
            features: float64 `[N, F]`, after the chroma correction.

        Returns:
            Scores, float64 `[N]`, and derivatives, `[N, F]`: 0 where the score is clipped.
        """
        x = features * self.slopes[1:] + self.intercepts[1:]
        sums = np.empty((len(x), 1 + x.shape[1]))
        weights = self.coefficients[:, None] * np.column_stack(
            [np.ones(len(self.support_vectors)), self.support_vectors]
        )
        half, squares = 2.0 * self.gamma * self.support_vectors.T, np.square(self.support_vectors).sum(axis=1)
        for start in range(0, len(x), _CHUNK_ROWS):
            part = x[start : start + _CHUNK_ROWS]
            power = part @ half - self.gamma * (np.square(part).sum(axis=1)[:, None] + squares)
            sums[start : start + _CHUNK_ROWS] = np.exp(power) @ weights
        raw = (sums[:, 0] - self.rho - self.intercepts[0]) / self.slopes[0]
        scores = self.finish(raw)
        slope = (self.finish(raw + _STEP) - self.finish(raw - _STEP)) / (2.0 * _STEP * self.slopes[0])
        return scores, 2.0 * self.gamma * (sums[:, 1:] - x * sums[:, :1]) * self.slopes[1:] * slope[:, None]

    def finish(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transform, then clip."""
        if self.transform is not None:
            scores = self.transform(scores)
        return scores if self.clip is None else np.clip(scores, *self.clip)
