"""Students on a grid: every number is a short integer times a power of two, so that no operation ever rounds.

A feature becomes `floor(x 2^a)`, clipped to `[0, high]`. A hidden unit adds integers up exactly, and floors the sum:
its level `p`, which lies in `[-m, m]`. The last layer's sum is the score, in steps of a power of two. In between, a
level's value is either

- the quadratic sigmoid on integers, `p (2m - |p|)`, floored to `value_bits`, of a sum that was clipped to `[-m, m]`; or
- squared ReLU, `max(p, 0)^2`, of a sum that cannot leave `[-m, m]`, whatever the features are.

Each sum of whole steps stays at or below `2^24` (float32) or `2^53` (float64) in magnitude, whatever subset of its
terms is added first. So every partial sum is a number that the type holds, and order of summation, fused multiply-add,
threads and batch have nothing left to change. Flooring instead of rounding, because there is no tie to disagree about;
the half step that it takes off on the average is part of the next bias.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.train.students.architecture import ON_GRID, Architecture, Array, StudentError

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """How fine the integers are."""

    input_bits: int
    """The feature that ends first, at `t` up to 2, has `t 2^input_bits` steps; any other more than half as many."""
    level_bits: int
    """`m = 2^level_bits`: a hidden unit's sum is within `[-m, m]` before its activation, by a clip or by itself."""
    value_bits: int
    """The activation's values are integers in `[-R, R]`, `R = 2^value_bits`."""
    accumulator_bits: int = 24
    """24 for float32, 53 for float64: integers up to 2 to this are exact in it."""

    def __post_init__(self) -> None:
        if self.accumulator_bits not in (24, 53):
            raise StudentError(f"accumulators of {self.accumulator_bits} bits; float32 has 24, float64 53")
        if not 1 <= self.level_bits <= self.accumulator_bits // 2:
            raise StudentError(
                f"level_bits {self.level_bits}: a level times another must stay below 2^{self.accumulator_bits}"
            )
        if not (1 <= self.input_bits <= self.accumulator_bits and 1 <= self.value_bits <= 2 * self.level_bits):
            raise StudentError(
                "input_bits and value_bits are above 0, and no more than the accumulator or a square has"
            )

    @property
    def level(self) -> int:
        """`m`: a level lies in [-m, m]."""
        return 1 << self.level_bits

    @property
    def value(self) -> int:
        """`R`: a value lies in [-R, R]."""
        return 1 << self.value_bits

    @property
    def shift(self) -> int:
        """By how many bits the product `p (2m - |p|)` is shortened; a square is not."""
        return 2 * self.level_bits - self.value_bits

    @property
    def most(self) -> int:
        """The largest number of steps that a sum may reach."""
        return 1 << self.accumulator_bits

    def exponents(self, highest: ArrayLike) -> tuple[tuple[int, ...], int]:
        """The power of two by which each feature is multiplied, and the end of the scale of all of them.

        Args:
            highest: `[F]`, where each feature ends, above 0.
        """
        top = np.asarray(highest, dtype=np.float64)
        end = 2.0**self.input_bits * min(float(top.min()), 2.0)
        powers = tuple(math.floor(math.log2(end / t)) for t in top.tolist())
        return powers, math.ceil(max(math.ldexp(t, a) for t, a in zip(top.tolist(), powers, strict=True)))


@dataclass(frozen=True)
class Layer:
    """A layer in integers: column `j` stands for `(values @ weights + bias)[j] * 2^-steps[j]`."""

    weights: Integers
    """`[in, out]`."""
    bias: Integers
    """`[out]`."""
    steps: Integers
    """`[out]`."""

    def reach(self, low: ArrayLike, high: ArrayLike) -> NDArray[np.object_]:
        """The most steps that any subset of a sum's terms can add up to, for values within `[low, high]`.

        Args:
            low: integers, `[in]`.
            high: likewise.

        Returns:
            `[out]`, Python's integers: int64 would overflow where a sum is much too large, and seem small.
        """
        weights, bias = self.weights.astype(object), self.bias.astype(object)
        ends = np.stack([np.asarray(end).astype(object)[:, None] * weights for end in (low, high)])
        up = np.maximum(ends.max(axis=0), 0).sum(axis=0) + np.maximum(bias, 0)
        down = np.minimum(ends.min(axis=0), 0).sum(axis=0) + np.minimum(bias, 0)
        return np.asarray(np.maximum(up, -down), dtype=object)

    def real(self) -> tuple[Array, Array]:
        """Weights and bias as the graph has them, on their grids."""
        scale: Array = np.ldexp(1.0, -self.steps)
        return np.asarray(self.weights * scale), np.asarray(self.bias * scale)


@dataclass(frozen=True)
class GridStudent:
    """A fitted student on a grid.

    Raises:
        StudentError: integers of other shapes than the architecture's, or a sum that could leave the grid or, where
            nothing clips it, the levels.
    """

    architecture: Architecture
    features: tuple[str, ...]
    """The features by our names, in the order that it takes them."""
    grid: Grid
    exponents: tuple[int, ...]
    """`[F]`: a feature is multiplied by 2 to this."""
    high: int
    """And then clipped to `[0, high]`."""
    layers: tuple[Layer, ...]
    clip: tuple[float, float]
    """Scores are clipped to these, as the teacher's are."""

    def __post_init__(self) -> None:
        if self.architecture.kind != "mlp" or self.architecture.activation not in ON_GRID:
            raise StudentError(f"{self.architecture.name}: only layers with {' or '.join(ON_GRID)} units have a grid")
        if not self.clipped and self.grid.shift:
            raise StudentError(f"{self.architecture.name}: a square is not shortened: value_bits is twice level_bits")
        if len(self.exponents) != len(self.features) or self.high <= 0:
            raise StudentError("one exponent a feature, and a scale that ends above 0")
        widths = (len(self.features), *self.architecture.hidden, 1)
        if len(self.layers) != len(widths) - 1:
            raise StudentError(f"{self.architecture.name}: {len(self.layers)} layers, not {len(widths) - 1}")
        for number, (layer, (a, b)) in enumerate(zip(self.layers, pairwise(widths), strict=True)):
            found = layer.weights.shape, layer.bias.shape, layer.steps.shape
            if found != ((a, b), (b,), (b,)):
                raise StudentError(f"{self.architecture.name}: layer {number} has shapes {found}")
            reach = layer.reach(*self._range(number))
            if reach.max() > self.grid.most:
                raise StudentError(
                    f"layer {number}: partial sums reach {reach.max():,} steps, exact are {self.grid.most:,}",
                    hint="fewer steps, bits or units",
                )
            farthest = np.ldexp(reach.astype(np.float64), -layer.steps).max()
            if number < len(self.layers) - 1 and not self.clipped and farthest > self.grid.level:
                raise StudentError(
                    f"layer {number}: a sum may reach {farthest:,}, the levels end at {self.grid.level:,}",
                    hint="nothing clips it: smaller weights, or more level_bits",
                )

    @property
    def clipped(self) -> bool:
        """Whether sums are clipped to the levels; else they never leave them."""
        return self.architecture.activation == "quadratic"

    def _range(self, number: int) -> tuple[Integers, Integers]:
        """The least and the largest of the integers that a layer takes."""
        width = len(self.layers[number].weights)
        low, high = (0, self.high) if number == 0 else (-self.grid.value if self.clipped else 0, self.grid.value)
        return np.full(width, low), np.full(width, high)

    def predict(self, rows: ArrayLike) -> Array:
        """Scores in float64, `[N]`, exactly those of the ONNX graph (before its last cast, with float64 inside).

        Args:
            rows: `[N, F]`, finite, in the order of `features`; taken as float32.
        """
        x = np.asarray(rows, dtype=np.float32).astype(np.float64)
        x = np.floor(np.clip(np.ldexp(x, np.array(self.exponents)), 0.0, self.high))
        *hidden, last = self.layers
        for layer in hidden:
            weights, bias = layer.real()
            x = self._values(x @ weights + bias)
        weights, bias = last.real()
        return np.asarray(np.clip((x @ weights + bias)[:, 0], *self.clip))

    def _values(self, sums: Array) -> Array:
        """The activation: whole numbers, as float64."""
        if not self.clipped:
            return np.square(np.maximum(np.floor(sums), 0.0))
        m = self.grid.level
        p = np.floor(np.clip(sums, -m, m))
        return np.asarray(np.floor(np.ldexp(p * (2 * m - np.abs(p)), -self.grid.shift)))
