"""A teacher's score transform without rounding: `p0 + y (p1 + p2 y)` of a raw score in whole steps.

The raw score and `p1 + p2 y` are rounded to 26 bits each, so their product is exact in float64. A raw score beyond `L`,
a power of two above the teacher's clip, counts as `L`: its transformed score is clipped all the same.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.vmaf.teacher.svr import ScoreTransform

_BITS: Final = 26  # of the raw score, of p1 + p2 y, and of what the latter has below its unit before it is floored
_BEYOND: Final = 8.0  # raw scores reach 225 in the teachers' domains, and L is 128


class _Bits(NamedTuple):
    limit: float
    """`L`."""
    score: int
    """The raw score is in units of `2^-score`."""
    factor: int
    """`p1 + p2 y` is in units of `2^-factor`."""


def _bits(transform: ScoreTransform, clip: tuple[float, float]) -> _Bits:
    limit = 2 ** math.ceil(math.log2(max(map(abs, clip)) + 1.0))
    largest = abs(transform.p1) + abs(transform.p2) * limit
    factor = _BITS - max(math.ceil(math.log2(largest + 2.0**-20)), 0)
    return _Bits(float(limit), _BITS - round(math.log2(limit)), factor)


def added(transform: ScoreTransform | None) -> float | None:
    """What a transform adds to any raw score; None if it does more."""
    if transform is None:
        return 0.0
    if (transform.p1, transform.p2) != (1.0, 0.0):
        return None
    least = max(transform.p0, 0.0) if transform.at_least_input else transform.p0
    return min(least, 0.0) if transform.at_most_input else least


def has_exact_polynomial(transform: ScoreTransform, clip: tuple[float, float]) -> bool:
    """Whether a transform fits, and clips all raw scores from `L` to eight times that, of either sign."""
    bits = _bits(transform, clip)
    beyond = bits.limit * np.linspace(1.0, _BEYOND, 1000)
    clipped = (transform(beyond) >= clip[1]).all() and (transform(-beyond) <= clip[0]).all()
    return bool(clipped and abs(transform.p0) <= bits.limit and bits.factor >= 0)


def polynomial_loss(transform: ScoreTransform, clip: tuple[float, float], raw: float) -> float:
    """The largest error of the transformed score, VMAF points, if the raw score is off by up to `raw`."""
    bits = _bits(transform, clip)
    slope = max(abs(transform.p1) + 2.0 * abs(transform.p2) * bits.limit, 1.0)
    factor = 2.0**-bits.factor  # half a unit because it is rounded, and half because its coefficients are
    return slope * (raw + 0.5 * 2.0**-bits.score) + bits.limit * factor + 2.0 ** -(bits.score + bits.factor)


def add_polynomial(graph: Graph, raw: str, unit: int, transform: ScoreTransform, clip: tuple[float, float]) -> str:
    """Add a transform after a raw score, float64 `[N, 1]`, in steps of `2^-unit`; returns VMAF points, not clipped."""
    bits = _bits(transform, clip)

    def double(name: str, value: object) -> str:
        return graph.constant(name, np.asarray(value, dtype=np.float64))

    # Half a step more, so that the floor rounds.
    y = graph.node("Add", [raw, double("half_step", 2.0 ** (unit - bits.score - 1))], "raw_score_and_half")
    y = graph.node("Mul", [y, double("score_scale", 2.0 ** (bits.score - unit))], "raw_score_exact")
    ends = (
        double(f"raw_score_{name}", sign * bits.limit * 2.0**bits.score) for name, sign in (("low", -1), ("high", 1))
    )
    y = graph.node("Clip", [graph.node("Floor", [y], "raw_score"), *ends], "raw_score_clipped")
    p2 = np.ldexp(np.rint(math.ldexp(transform.p2, bits.factor - bits.score + _BITS)), -_BITS)
    p1 = np.ldexp(np.rint(math.ldexp(transform.p1, bits.factor + _BITS)), -_BITS) + 0.5
    factor = graph.node("Gemm", [y, double("p2", [[p2]]), double("p1", [p1])], "factor_exact")
    product = graph.node("Mul", [y, graph.node("Floor", [factor], "factor")], "product")
    p0 = np.rint(math.ldexp(transform.p0, bits.score + bits.factor))
    out = graph.node("Add", [product, double("p0", p0)], "transformed_steps")
    if transform.at_least_input or transform.at_most_input:
        same = graph.node("Mul", [y, double("same_unit_as_score", 2.0**bits.factor)], "raw_score_steps_again")
        for op, wanted in (("Max", transform.at_least_input), ("Min", transform.at_most_input)):
            out = graph.node(op, [out, same], f"transformed_{op.lower()}") if wanted else out
    return graph.node("Mul", [out, double("transformed_scale", 2.0 ** -(bits.score + bits.factor))], "transformed")
