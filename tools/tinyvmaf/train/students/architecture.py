"""Architectures as data, and their activations in float64 NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import TinyvmafError, known_hint

Array = NDArray[np.float64]
Activation = Literal["relu", "gelu", "tanh", "quadratic", "squared_relu"]
Kind = Literal["mlp", "attention", "reweighted", "pooled"]


ON_GRID: Final[tuple[Activation, ...]] = ("quadratic", "squared_relu")
"""The activations that integers compute exactly."""


class StudentError(TinyvmafError):
    """An architecture is unknown, or a student's parameters do not fit it."""


@dataclass(frozen=True)
class Architecture:
    """The layers of a student. The number of features is not part of it."""

    name: str
    kind: Kind
    """`mlp`: dense layers on each frame. `attention`: dense layers on each frame of one clip give a score and a weight;
    the clip's score is the weighted mean; one clip per run. `reweighted`: a scale and a shift per feature, in front of
    the teacher's SVR. `pooled`: a polynomial of the teacher's score of a clip; one clip per run."""
    hidden: tuple[int, ...] = ()
    """Widths of the hidden layers."""
    activation: Activation = "relu"
    dropout: float = 0.0
    """Share of the hidden units that are dropped while fitting."""
    degree: int = 0
    """Of the polynomial of a `pooled` student."""

    @property
    def per_clip(self) -> bool:
        """Whether one run takes the frames of one clip and returns one score."""
        return self.kind in ("attention", "pooled")

    def shapes(self, features: int) -> tuple[tuple[int, ...], ...]:
        """The shapes of the parameters: weights `[in, out]` and bias `[out]` of each layer.

        Attention adds a column to the last layer: the frame's weight, before the softmax. `pooled`: the polynomial's
        coefficients, the constant first, and the pooling.
        """
        if self.kind == "pooled":
            return (self.degree + 1,), (1,)
        if self.kind == "reweighted":
            return (features,), (features,)
        widths = (features, *self.hidden, 2 if self.kind == "attention" else 1)
        return tuple(shape for a, b in pairwise(widths) for shape in ((a, b), (b,)))

    def parameters(self, features: int) -> int:
        """The number of fitted parameters."""
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
        Architecture("teacher_line", "pooled", degree=1),
        Architecture("teacher_cubic", "pooled", degree=3),
        Architecture("tanh_24", "mlp", (24, 24), "tanh"),
        Architecture("tanh_32", "mlp", (32, 32), "tanh"),
        Architecture("gelu_32", "mlp", (32, 32), "gelu"),
        Architecture("quadratic_32", "mlp", (32, 32), "quadratic"),
        Architecture("quadratic_1x16", "mlp", (16,), "quadratic"),
        Architecture("quadratic_1x32", "mlp", (32,), "quadratic"),
        Architecture("quadratic_1x40", "mlp", (40,), "quadratic"),
        Architecture("quadratic_1x64", "mlp", (64,), "quadratic"),
        Architecture("quadratic_2x40", "mlp", (40, 40), "quadratic"),
        Architecture("squared_relu_1x128", "mlp", (128,), "squared_relu"),
    )
}
"""The architectures that recipes may name."""


def architecture(name: str) -> Architecture:
    """The architecture with this name.

    Raises:
        StudentError: unknown; lists the known ones.
    """
    if name not in ARCHITECTURES:
        raise StudentError(f"unknown architecture {name!r}", hint=known_hint(name, ARCHITECTURES))
    return ARCHITECTURES[name]


def activate(name: Activation, x: Array) -> Array:
    """An activation in float64.

    GELU is exact, `x Phi(x)` (Hendrycks and Gimpel, 2016). `quadratic` is `x (2 - |x|)` within [-1, 1] and constant
    outside: two parabolas, similar to tanh, and the smoothest sigmoid that short integers compute exactly. Squared ReLU
    is `max(x, 0)^2` (So et al., 2021): it has no kink and needs two graph nodes.
    """
    if name == "relu":
        return np.maximum(x, 0.0)
    if name == "tanh":
        return np.asarray(np.tanh(x))
    if name == "quadratic":
        c = np.clip(x, -1.0, 1.0)
        return np.asarray(c * (2.0 - np.abs(c)))
    if name == "squared_relu":
        return np.square(np.maximum(x, 0.0))
    from scipy.special import erf  # here: it takes a quarter of a second to import, and few commands need it

    return np.asarray(0.5 * x * (1.0 + erf(x / np.sqrt(2.0))))
