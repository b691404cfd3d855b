"""Students: architectures as data, and a fitted student as numbers that float64 NumPy can evaluate.

Whatever the architecture, a student takes a teacher's features in the teacher's order, normalises them inside, and
gives VMAF points within the teacher's clip.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.teacher.svr import ChromaFromLuma, Svr

Array = NDArray[np.float64]
Activation = Literal["relu", "gelu", "tanh"]
Kind = Literal["mlp", "attention", "reweighted"]


class StudentError(TinyvmafError):
    """An architecture is unknown, or a student's numbers do not fit it."""


@dataclass(frozen=True)
class Architecture:
    """What a student is made of; how many features it takes is not part of it."""

    name: str
    kind: Kind
    """`mlp`: dense layers on each frame. `attention`: dense layers on each frame of one clip, then a mean of the
    frames' scores with weights that the frames themselves give; one clip a run. `reweighted`: a scale and a shift a
    feature, in front of the teacher's SVR."""
    hidden: tuple[int, ...] = ()
    """Widths of the hidden layers."""
    activation: Activation = "relu"
    dropout: float = 0.0
    """Share of hidden units dropped while fitting."""

    @property
    def per_clip(self) -> bool:
        """Whether a run takes the frames of one clip and gives one score."""
        return self.kind == "attention"

    def shapes(self, features: int) -> tuple[tuple[int, ...], ...]:
        """The shapes of the parameters: each layer's weights `[in, out]` and bias `[out]`.

        An attention head adds a column to the last layer: the weight of the frame, before the softmax.
        """
        if self.kind == "reweighted":
            return (features,), (features,)
        widths = (features, *self.hidden, 2 if self.kind == "attention" else 1)
        return tuple(shape for a, b in pairwise(widths) for shape in ((a, b), (b,)))

    def parameters(self, features: int) -> int:
        """How many numbers are fitted."""
        return sum(int(np.prod(shape)) for shape in self.shapes(features))


ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    a.name: a
    for a in (
        Architecture("linear", "mlp"),
        Architecture("mlp_small", "mlp", (16, 8)),
        Architecture("mlp_medium", "mlp", (64, 32)),
        Architecture("a1", "mlp", (64, 64)),
        Architecture("a2", "mlp", (128, 128, 128)),
        Architecture("fr_regressor", "mlp", (64, 64), "gelu", dropout=0.1),
        Architecture("a3", "attention", (32, 32), "gelu"),
        Architecture("a4", "reweighted"),
        Architecture("tanh_24", "mlp", (24, 24), "tanh"),
        Architecture("tanh_32", "mlp", (32, 32), "tanh"),
        Architecture("gelu_32", "mlp", (32, 32), "gelu"),
    )
}
"""The architectures that recipes name."""


def architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        StudentError: unknown; lists those that are known.
    """
    if name not in ARCHITECTURES:
        raise StudentError(f"unknown architecture {name!r}", hint=f"known: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]


@dataclass(frozen=True)
class Student:
    """A fitted student, in float64; `onnx_writer.student_model` writes it as ONNX.

    Raises:
        StudentError: parameters of other shapes than the architecture's, or not finite.
    """

    architecture: Architecture
    features: tuple[str, ...]
    """The features by our names, in the order that it takes them."""
    mean: Array
    """`[F]`: what normalisation takes off a feature."""
    std: Array
    """`[F]`: and what it divides by then."""
    parameters: tuple[Array, ...]
    """By `Architecture.shapes`. The last layer gives VMAF points."""
    limits: tuple[float, float]
    """Features are clipped to these before all else, so that no finite input can overflow on the way."""
    clip: tuple[float, float]
    """Scores are clipped to these, as the teacher's are."""
    chroma: ChromaFromLuma | None = None
    """The teacher's correction of a silent chroma feature, which is a jump that no smooth student could learn."""
    svr: Svr | None = field(default=None, compare=False)
    """The SVR behind a `reweighted` student; without the correction, which stands before all else."""

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
        """Weights and bias of each layer, normalisation folded into the first."""
        weights, biases = list(self.parameters[0::2]), list(self.parameters[1::2])
        biases[0] = biases[0] - (self.mean / self.std) @ weights[0]
        weights[0] = weights[0] / self.std[:, None]
        return list(zip(weights, biases, strict=True))

    def predict(self, rows: ArrayLike) -> Array:
        """Scores in float64: `[N]` of frames, or `[1]` of a clip if the architecture is per clip.

        Args:
            rows: `[N, F]`, in the order of `features`; of a per-clip student, the frames of one clip.
        """
        x = np.clip(np.asarray(rows, dtype=np.float64), *self.limits)
        if self.chroma is not None:
            x = self.chroma(x)
        if self.architecture.kind == "reweighted":
            assert self.svr is not None
            scale, shift = self.parameters
            return self.svr.predict(np.asarray(x * scale + shift))
        *hidden, (weights, bias) = self.layers()
        for w, b in hidden:
            x = activate(self.architecture.activation, x @ w + b)
        out = x @ weights + bias
        if self.architecture.per_clip:
            weight = np.exp(out[:, 1] - out[:, 1].max())
            return np.asarray(np.clip(weight @ out[:, :1] / weight.sum(), *self.clip))
        return np.asarray(np.clip(out[:, 0], *self.clip))


def activate(name: Activation, x: Array) -> Array:
    """An activation in float64; GELU is the exact one, `x Phi(x)` (Hendrycks and Gimpel, 2016)."""
    if name == "relu":
        return np.maximum(x, 0.0)
    if name == "tanh":
        return np.asarray(np.tanh(x))
    return np.asarray(0.5 * x * (1.0 + erf(x / np.sqrt(2.0))))
