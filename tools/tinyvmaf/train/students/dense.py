"""A fitted student, evaluated by NumPy in float64."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.train.students.architecture import Architecture, Array, StudentError, activate
from tinyvmaf.vmaf.teacher.svr import ChromaFromLuma, Svr


@dataclass(frozen=True)
class Student:
    """A fitted student, in float64; `export_student.student_model` writes it as ONNX.

    Raises:
        StudentError: parameters have other shapes than the architecture's, or are not finite.
    """

    architecture: Architecture
    features: tuple[str, ...]
    """Our names of the features, in input order."""
    mean: Array
    """`[F]`: normalisation subtracts this from each feature ..."""
    std: Array
    """`[F]`: ... and then divides by this."""
    parameters: tuple[Array, ...]
    """With the shapes of `Architecture.shapes`. The last layer gives VMAF points."""
    limits: tuple[float, float]
    """Features are first clipped to this range, so that no finite input overflows."""
    clip: tuple[float, float]
    """Scores are clipped to this range, the teacher's."""
    chroma: ChromaFromLuma | None = None
    """The teacher's correction of a chroma feature that is silent: a jump, which no smooth student can learn."""
    svr: Svr | None = field(default=None, compare=False)
    """The SVR of a `reweighted` or `pooled` student, without the chroma correction, which is applied before."""

    def __post_init__(self) -> None:
        found = tuple(p.shape for p in self.parameters)
        expected = self.architecture.shapes(len(self.features))
        if found != expected:
            raise StudentError(f"{self.architecture.name}: parameters of shapes {found}, not {expected}")
        if not all(np.isfinite(p).all() for p in (*self.parameters, self.mean, self.std)):
            raise StudentError(f"{self.architecture.name}: a parameter is not finite")
        if self.mean.shape != (len(self.features),) or self.std.shape != self.mean.shape or (self.std <= 0.0).any():
            raise StudentError(f"{self.architecture.name}: one mean and one std above 0 for each of {self.features}")

    def layers(self) -> list[tuple[Array, Array]]:
        """Weights and bias of each layer, with normalisation folded into the first."""
        weights, biases = list(self.parameters[0::2]), list(self.parameters[1::2])
        biases[0] = biases[0] - (self.mean / self.std) @ weights[0]
        weights[0] = weights[0] / self.std[:, None]
        return list(zip(weights, biases, strict=True))

    def predict(self, rows: ArrayLike) -> Array:
        """Scores in float64: `[N]`, one per frame, or `[1]` for the clip if the architecture is per clip.

        Args:
            rows: `[N, F]`, in the order of `features`; for a per-clip student, the frames of one clip.
        """
        x = np.clip(np.asarray(rows, dtype=np.float64), *self.limits)
        if self.chroma is not None:
            x = self.chroma(x)
        if self.architecture.kind == "reweighted":
            assert self.svr is not None
            scale, shift = self.parameters
            return self.svr.predict(np.asarray(x * scale + shift))
        if self.architecture.kind == "pooled":
            assert self.svr is not None
            numbers, (pooling,) = self.parameters
            score = pooled_score(self.svr.predict(x), np.zeros(1, dtype=np.int64), pooling)
            return np.asarray(np.clip(np.polynomial.polynomial.polyval(score / 100.0, numbers), *self.clip))
        *hidden, (weights, bias) = self.layers()
        for w, b in hidden:
            x = activate(self.architecture.activation, x @ w + b)
        out = x @ weights + bias
        if self.architecture.per_clip:
            weight = np.exp(out[:, 1] - out[:, 1].max())
            return np.asarray(np.clip(weight @ out[:, :1] / weight.sum(), *self.clip))
        return np.asarray(np.clip(out[:, 0], *self.clip))


def pooled_score(scores: Array, starts: NDArray[np.int64], pooling: float) -> Array:
    """The mean over each clip's frames, weighted by `exp(pooling * score / 100)`, VMAF points, `[C]`.

    A `pooling` of 0 is the plain mean. Above 0 the better frames count more, below 0 the worse ones.

    Args:
        scores: `[N]`, clip by clip.
        starts: `[C]`, the first frame of each clip.
    """
    logits = pooling / 100.0 * scores
    peaks = np.repeat(np.maximum.reduceat(logits, starts), np.diff(starts, append=len(scores)))
    weights = np.exp(logits - peaks)
    return np.asarray(np.add.reduceat(weights * scores, starts) / np.add.reduceat(weights, starts))
