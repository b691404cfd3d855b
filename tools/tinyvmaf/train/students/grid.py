"""Students on a grid: every number is a short integer times a power of two, so no operation rounds.

A feature `x` becomes `floor(x 2^a)`, clipped to `[0, high]`; silent chroma is then replaced (`silence`). A hidden unit
adds integers exactly and floors the sum. The result is its level `p`, in `[-m, m]`. The activation turns the level into
the unit's value, in one of two ways:

- quadratic sigmoid on integers: the sum is clipped to `[-m, m]`; the value is `p (2m - |p|)`, floored to `value_bits`;
- squared ReLU: the sum stays within `[-m, m]` for all features; the value is `max(p, 0)^2`.

The sum of the last layer is the score, in steps of a power of two.

Every partial sum, in any order of its terms, is an integer of at most `2^24` (float32) or `2^53` (float64) steps, which
the type holds exactly. So order of summation, fused multiply-add, threads and batch size cannot change the result.
Values are floored, not rounded, because engines may break ties differently. Flooring subtracts half a step on average;
the next bias adds it back.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.train.students.architecture import ON_GRID, Architecture, Array, StudentError
from tinyvmaf.vmaf.teacher.silence import Silence

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """The bits of the integers."""

    input_bits: int
    """The feature with the largest maximum `t` of those up to 2 has `t 2^input_bits` steps; each other more than half
    of that. If all maxima are above 2, `t` is 2."""
    level_bits: int
    """`m = 2^level_bits`: a hidden unit's sum is within `[-m, m]` before its activation, clipped or not."""
    value_bits: int
    """The activation's values are integers in `[-R, R]`, with `R = 2^value_bits`."""
    accumulator_bits: int = 24
    """24 for float32, 53 for float64: integers up to `2^accumulator_bits` are exact."""

    def __post_init__(self) -> None:
        if self.accumulator_bits not in (24, 53):
            raise StudentError(f"accumulator_bits is {self.accumulator_bits}, not 24 (float32) or 53 (float64)")
        if not 1 <= self.level_bits <= self.accumulator_bits // 2:
            raise StudentError(
                f"level_bits is {self.level_bits}, not 1 to {self.accumulator_bits // 2}, half of accumulator_bits"
            )
        if not (1 <= self.input_bits <= self.accumulator_bits and 1 <= self.value_bits <= 2 * self.level_bits):
            raise StudentError("input_bits must be 1 to accumulator_bits, and value_bits 1 to twice level_bits")

    @property
    def level(self) -> int:
        """`m`: levels lie in [-m, m]."""
        return 1 << self.level_bits

    @property
    def value(self) -> int:
        """`R`: values lie in [-R, R]."""
        return 1 << self.value_bits

    @property
    def shift(self) -> int:
        """How many low bits of the product `p (2m - |p|)` are dropped; squares drop none."""
        return 2 * self.level_bits - self.value_bits

    @property
    def most(self) -> int:
        """The largest number of steps that a sum may reach."""
        return 1 << self.accumulator_bits

    def exponents(self, highest: ArrayLike) -> tuple[tuple[int, ...], int]:
        """The exponent of two for each feature, and the upper end of all scaled features.

        Args:
            highest: `[F]`, the maximum of each feature, above 0.
        """
        top = np.asarray(highest, dtype=np.float64)
        end = 2.0**self.input_bits * (float(top[top <= 2.0].max()) if (top <= 2.0).any() else 2.0)
        powers = tuple(math.floor(math.log2(end / t)) for t in top.tolist())
        return powers, math.ceil(max(math.ldexp(t, a) for t, a in zip(top.tolist(), powers, strict=True)))


@dataclass(frozen=True)
class Layer:
    """A layer in integers: output `j` is `(values @ weights + bias)[j] * 2^-steps[j]`."""

    weights: Integers
    """`[in, out]`."""
    bias: Integers
    """`[out]`."""
    steps: Integers
    """`[out]`."""

    def reach(self, low: ArrayLike, high: ArrayLike) -> NDArray[np.object_]:
        """The largest magnitude of any partial sum, in steps, for values within `[low, high]`.

        Args:
            low, high: integers, `[in]`.

        Returns:
            `[out]`, Python integers, because int64 could overflow.
        """
        weights, bias = self.weights.astype(object), self.bias.astype(object)
        ends = np.stack([np.asarray(end).astype(object)[:, None] * weights for end in (low, high)])
        up = np.maximum(ends.max(axis=0), 0).sum(axis=0) + np.maximum(bias, 0)
        down = np.minimum(ends.min(axis=0), 0).sum(axis=0) + np.minimum(bias, 0)
        return np.asarray(np.maximum(up, -down), dtype=object)

    def columns(self, start: int, end: int) -> "Layer":
        """Some of the outputs."""
        return Layer(self.weights[:, start:end], self.bias[start:end], self.steps[start:end])

    def behind(self, count: int) -> "Layer":
        """The same layer with this many inputs more, in front, which it does not use."""
        return Layer(np.pad(self.weights, ((count, 0), (0, 0))), self.bias, self.steps)

    def real(self) -> tuple[Array, Array]:
        """Weights and bias as floats, as in the graph."""
        scale: Array = np.ldexp(1.0, -self.steps)
        return np.asarray(self.weights * scale), np.asarray(self.bias * scale)


@dataclass(frozen=True)
class GridStudent:
    """A fitted student on a grid.

    Raises:
        StudentError: the integers have other shapes than the architecture's; or a sum could exceed the accumulator or,
            without a clip, the levels.
    """

    architecture: Architecture
    features: tuple[str, ...]
    """Our names of the features, in input order."""
    grid: Grid
    exponents: tuple[int, ...]
    """`[F]`: a feature is multiplied by 2 to this power ..."""
    high: int
    """... and then clipped to `[0, high]`."""
    layers: tuple[Layer, ...]
    clip: tuple[float, float]
    """Scores are clipped to this range, the teacher's."""
    silence: Silence | None = None
    """The teacher's rule for silent chroma."""

    def __post_init__(self) -> None:
        if self.architecture.kind != "mlp" or self.architecture.activation not in ON_GRID:
            raise StudentError(f"{self.architecture.name}: a grid needs {' or '.join(ON_GRID)} layers")
        if not self.clipped and self.grid.shift:
            raise StudentError(f"{self.architecture.name}: value_bits of a square must be twice level_bits")
        if len(self.exponents) != len(self.features) or self.high <= 0:
            raise StudentError("one exponent for each feature, and an upper end above 0")
        if self.silence is not None and self.silence.reach(self.high) > self.grid.most:
            raise StudentError(
                f"the rule for silent chroma reaches {self.silence.reach(self.high):,} steps, more than "
                f"{self.grid.most:,}",
                hint="fewer input_bits",
            )
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
                    f"layer {number}: partial sums reach {reach.max():,} steps, more than {self.grid.most:,}",
                    hint="fewer steps, bits or units",
                )
            farthest = np.ldexp(reach.astype(np.float64), -layer.steps).max()
            if number < len(self.layers) - 1 and not self.clipped and farthest > self.grid.level:
                raise StudentError(
                    f"layer {number}: a sum may reach {farthest:,}, and the levels end at {self.grid.level:,}",
                    hint="smaller weights, or more level_bits",
                )

    @property
    def clipped(self) -> bool:
        """Whether sums are clipped to the levels; if not, they stay within them."""
        return self.architecture.activation == "quadratic"

    def _range(self, number: int) -> tuple[Integers, Integers]:
        """The smallest and the largest input integers of a layer."""
        if number == 0:
            return ends(len(self.features), self.high, self.silence)
        width = len(self.layers[number].weights)
        return np.full(width, -self.grid.value if self.clipped else 0), np.full(width, self.grid.value)

    def predict(self, rows: ArrayLike) -> Array:
        """Scores in float64, `[N]`, equal to those of the ONNX graph (with float64 inside: before its last cast).

        Args:
            rows: `[N, F]`, finite, in the order of `features`; converted to float32.
        """
        return np.asarray(np.clip(self.sums(rows), *self.clip))

    def sums(self, rows: ArrayLike) -> Array:
        """As `predict`, without the clip of the scores."""
        x = np.asarray(rows, dtype=np.float32).astype(np.float64)
        steps = np.floor(np.clip(np.ldexp(x, np.array(self.exponents)), 0.0, self.high))
        x = steps if self.silence is None else self.silence(x, steps)
        *hidden, last = self.layers
        for layer in hidden:
            weights, bias = layer.real()
            x = self._values(x @ weights + bias)
        weights, bias = last.real()
        return np.asarray((x @ weights + bias)[:, 0])

    def _values(self, sums: Array) -> Array:
        """The activation's values: integers, as float64."""
        if not self.clipped:
            return np.square(np.maximum(np.floor(sums), 0.0))
        m = self.grid.level
        p = np.floor(np.clip(sums, -m, m))
        return np.asarray(np.floor(np.ldexp(p * (2 * m - np.abs(p)), -self.grid.shift)))


def ends(features: int, high: int, silence: Silence | None) -> tuple[Integers, Integers]:
    """The smallest and the largest number of steps of each feature, `[F]`, after silent chroma was replaced."""
    least, most = np.zeros(features, dtype=np.int64), np.full(features, high)
    if silence is not None:
        low, top = silence.ends(high)
        least[silence.chroma], most[silence.chroma] = min(low, 0), max(top, high)
    return least, most
