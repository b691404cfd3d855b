"""A teacher's rule for silent chroma, for features in whole steps.

libvmaf replaces a chroma feature of exactly 0 by `factor (1 - luma feature)`: a jump, which no layer can follow. So a
graph selects. In steps, the replacement is `floor((offset - slope * luma) 2^-shift)`, and its sum is exact.

"Exactly 0" is below `SILENT` here, after the clip to 0: an engine that flushes subnormal numbers cannot tell them from
0, and all engines compare larger numbers alike. No picture has a chroma between 0 and `SILENT`.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.vmaf.teacher.svr import ChromaFromLuma

Array = NDArray[np.float64]

SILENT: Final = 2.0**-100


@dataclass(frozen=True)
class Silence:
    """The replacement of a silent chroma feature, in integers."""

    chroma: int
    """Index of the chroma feature."""
    luma: int
    """Index of the luma feature."""
    offset: int
    slope: int
    shift: int

    @classmethod
    def of(cls, rule: ChromaFromLuma, exponents: tuple[int, ...], high: int, most: int) -> "Silence":
        """A teacher's rule, as finely as a sum of at most `most` steps allows.

        Args:
            exponents: features are multiplied by 2 to these powers, floored, ...
            high: ... and clipped to `[0, high]`.
        """
        offset = math.ldexp(rule.factor, exponents[rule.chroma])
        slope = math.ldexp(rule.factor, exponents[rule.chroma] - exponents[rule.luma])
        # The luma feature was floored: half a step more on average.
        offset -= 0.5 * slope
        shift = math.floor(math.log2(max(most - high, 1) / (abs(offset) + abs(slope) * high + 1.0)))
        # No finer than needed: 120 has four bits.
        while shift > 0 and all(math.ldexp(number, shift - 1).is_integer() for number in (offset, slope)):
            shift -= 1
        return cls(rule.chroma, rule.luma, round(math.ldexp(offset, shift)), round(math.ldexp(slope, shift)), shift)

    def ends(self, high: int) -> tuple[int, int]:
        """The smallest and the largest replacement, for a luma feature of 0 to `high` steps."""
        ends = [self.offset, self.offset - self.slope * high]
        return math.floor(math.ldexp(min(ends), -self.shift)), math.floor(math.ldexp(max(ends), -self.shift))

    def reach(self, high: int) -> int:
        """The largest magnitude of any partial sum in the graph, in its steps."""
        return abs(self.offset) + abs(self.slope) * high

    def off(self, rule: ChromaFromLuma, exponents: tuple[int, ...], high: int) -> float:
        """How far the middle of a replacement's step is from the teacher's replacement, at most, in steps."""
        slope = math.ldexp(rule.factor, exponents[self.chroma] - exponents[self.luma])
        offset = math.ldexp(rule.factor, exponents[self.chroma]) - 0.5 * slope
        rounded = abs(math.ldexp(self.slope, -self.shift) - slope) * high
        rounded += abs(math.ldexp(self.offset, -self.shift) - offset)
        return 0.5 + 0.5 * abs(slope) + rounded

    def __call__(self, rows: Array, steps: Array) -> Array:
        """Steps with the replacement where a row is silent, `[N, F]`.

        Args:
            rows: features, `[N, F]`.
            steps: integers, `[N, F]`.
        """
        replaced = steps.copy()
        silent = rows[:, self.chroma] < SILENT
        replaced[silent, self.chroma] = np.floor(
            np.ldexp(self.offset - self.slope * steps[silent, self.luma], -self.shift)
        )
        return replaced

    def affine(self, features: int) -> tuple[Array, Array]:
        """The replacement before its floor as a layer, `[F, F]` and `[F]`, that leaves all other features."""
        weights: Array = np.eye(features)
        bias = np.zeros(features)
        weights[self.chroma, self.chroma] = 0.0
        weights[self.luma, self.chroma] = -math.ldexp(self.slope, -self.shift)
        bias[self.chroma] = math.ldexp(self.offset, -self.shift)
        return weights, bias
