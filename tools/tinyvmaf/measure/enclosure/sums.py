"""Enclosures of matrix products, reductions, softmax and layer normalisation.

An engine adds in an order of its own: its sum of n products is off by at most (n + 8) units of rounding, times the sum
of the products' sizes. Eight more for what it may fuse.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from tinyvmaf.measure.enclosure.elementwise import (
    ADD,
    MULTIPLY,
    SUBTRACT,
    Attributes,
    Enclose,
    inexact,
    number,
    reciprocal,
    rising,
)
from tinyvmaf.measure.enclosure.enclosed import DIGITS, Enclosed, Floats, NoEnclosureError, rounded

_FUSED: Final = 8


def summed(
    low: Floats, high: Floats, sizes: Floats, count: int, dtype: str, grid: Floats, *, batched: bool = True
) -> Enclosed:
    """A sum's interval, from bounds in float64 and the sum of the sizes of its terms."""
    if dtype not in DIGITS:
        return rounded(low, high, dtype, grid, batched=batched)
    if np.all(sizes <= np.nan_to_num(grid, posinf=np.inf) * 2.0 ** DIGITS[dtype]):
        return rounded(low, high, dtype, grid, batched=batched)
    exact = sizes <= grid * 2.0 ** DIGITS[dtype]
    error = np.where(exact, 0.0, (count + _FUSED) * (2.0 ** -DIGITS[dtype] + 2.0**-52) * sizes)
    kept = exact.all(axis=0, keepdims=True) if batched else exact
    return rounded(low - error, high + error, dtype, np.where(kept, grid, 0.0), batched=batched)


def product(a: Enclosed, b: Enclosed, more: Enclosed | None = None) -> Enclosed:
    """a @ b, and a bias.

    Raises:
        NoEnclosureError: the right side is computed, or is no matrix.
    """
    if b.batched or b.low.ndim != 2 or a.low.ndim < 2:
        raise NoEnclosureError("no enclosure for a product of two computed tensors, or with a vector")
    middle, radius = (b.low + b.high) / 2.0, (b.high - b.low) / 2.0
    above, below, size = np.maximum(middle, 0.0), np.minimum(middle, 0.0), a.size
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = a.low @ above + a.high @ below, a.high @ above + a.low @ below
        if radius.any():
            low, high = low - size @ radius, high + size @ radius
        sizes = size @ b.size
        grid = np.nan_to_num(a.grid[..., :, None] * b.grid, nan=np.inf, posinf=np.inf).min(axis=-2)
    if more is not None:
        low, high, sizes, grid = low + more.low, high + more.high, sizes + more.size, np.minimum(grid, more.grid)
    return summed(low, high, sizes, b.low.shape[0] + 1, a.dtype, grid, batched=a.batched)


def _gemm(attributes: Attributes, a: Enclosed, b: Enclosed, c: Enclosed | None = None) -> Enclosed:
    if attributes.get("transA", 0) or attributes.get("alpha", 1.0) != 1.0 or attributes.get("beta", 1.0) != 1.0:
        raise NoEnclosureError("no enclosure for Gemm with transA, alpha or beta")
    if c is not None and c.batched:
        raise NoEnclosureError("no enclosure for Gemm with a computed bias")
    if attributes.get("transB", 0):
        b = Enclosed(b.low.T, b.high.T, b.dtype, b.grid.T, b.batched)
    return product(a, b, c)


def axes_of(x: Enclosed, axes: Sequence[int] | None) -> tuple[int, ...]:
    """Axes that a reduction folds.

    Raises:
        NoEnclosureError: that of the boxes is among them.
    """
    found = tuple(range(x.low.ndim)) if not axes else tuple(axis % x.low.ndim for axis in axes)
    if x.batched and 0 in found:
        raise NoEnclosureError("no enclosure for what depends on other rows")
    return found


def _sum(attributes: Attributes, x: Enclosed, axes: Sequence[int] | None = None) -> Enclosed:
    axes = axes or attributes.get("axes")
    if not axes and attributes.get("noop_with_empty_axes", 0):
        return x
    over, keep = axes_of(x, axes), bool(attributes.get("keepdims", 1))
    low, high, sizes = (one.sum(axis=over, keepdims=keep) for one in (x.low, x.high, x.size))
    count = math.prod(x.low.shape[axis] for axis in over)
    return summed(low, high, sizes, count, x.dtype, x.grid.min(axis=over, keepdims=keep), batched=x.batched)


def _mean(attributes: Attributes, x: Enclosed) -> Enclosed:
    total = _sum(attributes, x)
    count = math.prod(x.low.shape[axis] for axis in axes_of(x, attributes.get("axes")))
    return rounded(total.low / count, total.high / count, x.dtype, batched=x.batched)


def _extreme(name: str) -> Enclose:
    def enclosed(attributes: Attributes, x: Enclosed) -> Enclosed:
        over, keep = axes_of(x, attributes.get("axes")), bool(attributes.get("keepdims", 1))
        low, high = (getattr(one, name)(axis=over, keepdims=keep) for one in (x.low, x.high))
        return Enclosed(low, high, x.dtype, x.grid.min(axis=over, keepdims=keep), x.batched)

    return enclosed


def _softmax(attributes: Attributes, x: Enclosed) -> Enclosed:
    (axis,) = axes_of(x, [attributes.get("axis", -1)])
    low, high = np.moveaxis(x.low, axis, -1), np.moveaxis(x.high, axis, -1)
    shift = high.max(axis=-1, keepdims=True)
    least, most = np.exp(low - shift), np.exp(high - shift)
    others = 1.0 - np.eye(low.shape[-1])  # not the sum less one: that would cancel
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = least / (least + most @ others), most / (most + least @ others)
    low, high = np.nan_to_num(np.moveaxis(low, -1, axis)), np.moveaxis(high, -1, axis)
    slack = x.low.shape[axis] * 2.0**-40  # of sums and exponentials
    found = inexact(np.maximum(low - slack, 0.0), np.where(np.isnan(high), 1.0, np.minimum(high + slack, 1.0)), x)
    return inexact(found.low, found.high, x)


def _layer_normalization(
    attributes: Attributes, x: Enclosed, scale: Enclosed, bias: Enclosed | None = None
) -> Enclosed:
    axis = attributes.get("axis", -1) % x.low.ndim
    over = {"axes": list(range(axis, x.low.ndim))}
    count = math.prod(x.low.shape[axis:])
    centred = SUBTRACT({}, x, _mean(over, x))
    variance = ADD({}, _mean(over, MULTIPLY({}, centred, centred)), number(attributes.get("epsilon", 1e-5), x.dtype))
    positive = Enclosed(np.maximum(variance.low, 0.0), variance.high, x.dtype, variance.grid, x.batched)
    normal = MULTIPLY({}, centred, reciprocal(rising("Sqrt")({}, positive)))
    furthest = math.sqrt(count)  # no number is further from the mean of n than sqrt(n - 1) of their deviations
    normal = inexact(np.maximum(normal.low, -furthest), np.minimum(normal.high, furthest), x)
    y = MULTIPLY({}, normal, scale)
    return y if bias is None else ADD({}, y, bias)


OPERATORS_OF_SUMS: Final[Mapping[str, Enclose]] = {
    "Gemm": _gemm,
    "LayerNormalization": _layer_normalization,
    "MatMul": lambda _, a, b: product(a, b),
    "ReduceMax": _extreme("max"),
    "ReduceMean": _mean,
    "ReduceMin": _extreme("min"),
    "ReduceSum": _sum,
    "ReduceSumSquare": lambda attributes, x: _sum(attributes, MULTIPLY({}, x, x)),
    "Softmax": _softmax,
}
