"""Gemm, MatMul and the Reduce operators that add: sums of products in any order."""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from tinyvmaf.model.certificate.arithmetic import product
from tinyvmaf.model.certificate.call import Ends, NodeCall, Reduction, align, whole
from tinyvmaf.model.certificate.choosing import reduced_axes
from tinyvmaf.model.certificate.scales import (
    factors,
    merged_span,
    product_reach,
    product_span,
    require_reach,
    sum_reach,
)
from tinyvmaf.model.certificate.terms import Terms, Total, products, require_exact, single, squares, total
from tinyvmaf.model.certificate.values import FLOATS, Ints, Refusal, Values, constant, ints, own_subnormals, values

_CHUNK = 20_000
"""Number of products in memory at a time."""


def matmul(call: NodeCall) -> Values:
    """MatMul, with the batch axis first in the result."""
    a, b = call.input(0), call.input(1)
    require_operands(call, a, b)
    return with_bias(call, *_row_matrices(a, b))


def gemm(call: NodeCall) -> Values:
    """Gemm: alpha A B + beta C, where alpha and beta are powers of two."""
    a, b, bias = call.input(0), call.input(1), call.optional(2)
    require_operands(call, a, b)
    if a.rank != 2 or b.rank != 2:
        raise Refusal(f"it takes matrices, not tensors of {a.rank} and {b.rank} axes")
    for flag, operand in (("transA", a), ("transB", b)):
        if call.attribute(flag, 0) and operand.batched:
            raise Refusal("it transposes the batch axis, so a row's result depends on the rows beside it")
    a, b = (
        v.moved(lambda array: array.T) if call.attribute(flag, 0) else v for v, flag in ((a, "transA"), (b, "transB"))
    )
    alpha, beta = (_scale(call, name, a.kind) for name in ("alpha", "beta"))
    if bias is not None:
        call.numbers(a, bias)
        call.exact(bias)
    if call.attribute("alpha", 1.0) != 1.0:
        # Engines scale before or after the sum, so factors, products and the scaled sum must all be exact.
        with_bias(replace(call, findings=replace(call.findings, reductions=[])), *_row_matrices(a, b))
        a, _ = _scaled(call, a, alpha), _scaled(call, b, alpha)
    if bias is not None and call.attribute("beta", 1.0) != 1.0:
        bias = _scaled(call, bias, beta)
    a, b, rows, columns = _row_matrices(a, b)
    added = None if bias is None else _bias(bias, (a.shape[-2], b.shape[-1]), a.batched or b.batched)
    return with_bias(call, a, b, rows, columns, added)


def require_operands(call: NodeCall, a: Values, b: Values) -> None:
    """Refuse factors that no sum of products takes: integers, rounded ones, weights of 8 bits."""
    if call.numbers(a, b) not in FLOATS:
        raise Refusal(f"it multiplies matrices of {a.kind}, and not every engine has that")
    call.exact(a, b)
    if a.narrow or b.narrow:
        raise Refusal(
            "it takes weights of 8 bits, and some engines then round its other input to 8 bits too",
            "store the weights as float32: the same few bits, four times the bytes",
        )


def _scale(call: NodeCall, name: str, kind: str) -> Values:
    scale = constant(np.asarray(call.attribute(name, 1.0), dtype=kind))
    if not scale.power_of_two or scale.zero.any():
        raise Refusal(
            f"its {name} is not a power of two, and engines multiply by it before or after they add",
            f"multiply the {'weights' if name == 'alpha' else 'bias'} instead, and let {name} be 1",
        )
    return scale


def _scaled(call: NodeCall, operand: Values, scale: Values) -> Values:
    made = product(call, operand.batched, *align(call, operand, scale)[1])
    if made.rounded or made.infinite:
        raise Refusal("alpha or beta times its operand underflows or overflows", "let them be 1")
    return made


def _row_matrices(a: Values, b: Values) -> tuple[Values, Values, bool, bool]:
    """Operands as stacks of matrices `[..., M, K]` and `[..., K, P]` of one row, and whether M and P are axes."""
    if a.batched and b.batched and (a.rank != b.rank or a.rank < 3):
        raise Refusal("it multiplies along the batch axis, so a row's result depends on the rows beside it")
    if a.batched and not b.batched:
        if a.rank == 1 or b.rank > max(a.rank, 2) or (b.rank > 2 and b.rank == a.rank and b.shape[0] != 1):
            raise Refusal("it multiplies along the batch axis, or moves it")
        if b.rank > 2 and b.rank == a.rank:
            b = b.moved(lambda array: array[0])
    if b.batched and not a.batched:
        if b.rank < 3 or a.rank > b.rank or (a.rank == b.rank and a.shape[0] != 1):
            raise Refusal("it multiplies along the batch axis, or moves it")
        if a.rank == b.rank:
            a = a.moved(lambda array: array[0])
    rows, columns = a.grid.ndim > 1, b.grid.ndim > 1
    if not rows:
        a = a.moved(lambda array: array[None, :])
    if not columns:
        b = b.moved(lambda array: array[:, None])
    if a.shape[-1] != b.shape[-2]:
        raise Refusal(f"it multiplies rows of {a.shape[-1]} by columns of {b.shape[-2]}")
    return a, b, rows, columns


def with_bias(call: NodeCall, a: Values, b: Values, rows: bool, columns: bool, added: Values | None = None) -> Values:
    """A B plus a bias: each element is a sum of K products and, if there is one, a bias.

    Args:
        a: `[..., M, K]`; `b`: `[..., K, P]`.
        rows: whether M is an axis of the result; `columns` likewise of P.
        added: the bias, `[..., M, P]`.
    """
    batched = a.batched or b.batched
    stacked = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    m, k, p = *a.shape[-2:], b.shape[-1]
    call.spend(prod(stacked) * m * k * p)
    left = a.spread((*stacked, m, k))
    right = b.spread((*stacked, k, p))
    width = max(1, _CHUNK // max(prod(stacked) * m * k, 1))
    totals = []
    for start in range(0, p, width):
        terms = _products(left, _columns(right, start, width))
        if added is not None:
            terms = _append(terms, single(_columns(added, start, width)))
        totals.append(total(terms, -2, a.kind))
    for found in totals:
        require_exact(found)
    call.findings.reductions.append(
        Reduction(call.name, call.op, max(t.accumulator_bits for t in totals), (int(a.bits.max()), int(b.bits.max())))
    )
    span = merged_span(a.kind, _sum_span(a, b, k, added))
    operands = [a, b] if added is None else [a, b, added]
    made = _joined(call, totals, a.kind, batched, operands)
    made = replace(made, span=span, reach=_sum_reach(call, a, b, k, added))
    drop = tuple(axis for axis, there in ((-2, rows), (-1, columns)) if not there)
    (least, most), unit = _one_array(totals, "least", "most")
    call.own_ends = Ends(ints(np.squeeze(least, axis=drop)), ints(np.squeeze(most, axis=drop)), unit)
    return made.moved(lambda array: np.squeeze(array, axis=drop)) if drop else made


def _columns(values: Values, start: int, count: int) -> Values:
    return values.moved(lambda array: array[..., start : start + count])


def _products(left: Values, right: Values) -> Terms:
    """All products, `[..., M, K, P]`."""
    shape = (*left.shape, right.shape[-1])
    column = left.moved(lambda array: array[..., None])
    row = right.moved(lambda array: array[..., None, :, :])
    return products(column.spread(shape), row.spread(shape))


def _append(terms: Terms, more: Terms) -> Terms:
    """One term more for each sum, along the axis of the products."""
    unit = min(terms.unit, more.unit)
    parts = [(part, 1 << (part.unit - unit)) for part in (terms, replace(more, **_as_rows(more)))]
    lo, hi = (np.concatenate([ints(getattr(part, end) * f) for part, f in parts], axis=-2) for end in ("lo", "hi"))
    grid, bits = (np.concatenate([getattr(part, what) for part, _ in parts], axis=-2) for what in ("grid", "bits"))
    return Terms(ints(lo), ints(hi), unit, grid, bits)


def _as_rows(terms: Terms) -> dict[str, Any]:
    return {what: getattr(terms, what)[..., None, :] for what in ("lo", "hi", "grid", "bits")}


def _bias(bias: Values, shape: tuple[int, int], batched: bool) -> Values:
    """A bias, broadcast to `[M, P]` of one row."""
    if batched and not bias.batched and bias.rank == 2:
        if bias.shape[0] != 1:
            raise Refusal(f"its bias {list(bias.shape)} meets the batch axis, which has any length")
        bias = bias.moved(lambda array: array[0])
    if bias.batched and (not batched or bias.rank != 2):
        raise Refusal("its bias has a batch axis where the product has none")
    try:
        return bias.spread(shape)
    except ValueError:
        raise Refusal(f"its bias {list(bias.shape)} does not fit the product") from None


def _sum_span(a: Values, b: Values, k: int, bias: Values | None) -> tuple[int, int]:
    low, high = product_span(a, b)
    high += (k - 1).bit_length()
    if bias is None:
        return low, high
    own = factors(bias)
    return min(low, own[0]), max(high, own[1]) + 1


def _sum_reach(call: NodeCall, a: Values, b: Values, k: int, bias: Values | None) -> tuple[int, int]:
    fine, most = product_reach(a, b)
    most += (k - 1).bit_length()
    operands = [a, b]
    if bias is not None:
        operands.append(bias)
        # The product counts as one term; engines may divide the bias by its coefficients.
        scaled = replace(a if not a.fixed else b, reach=(fine, most), span=product_span(a, b))
        fine, most = sum_reach([scaled, bias], 2)
    require_reach(call, a.kind, (fine, most), operands)
    return fine, most


def _joined(call: NodeCall, totals: list[Total], kind: str, batched: bool, operands: list[Values]) -> Values:
    """Join sums that were computed in parts along the last axis."""
    for t in totals:
        call.flushed_terms(operands, t.grid)
    (lo, hi), unit = _one_array(totals, "lo", "hi")
    grid, bits = (np.concatenate([getattr(t, what) for t in totals], axis=-1) for what in ("grid", "bits"))
    return whole(own_subnormals(values(kind, batched, lo, hi, unit, grid, bits, atom=False)))


def _one_array(totals: list[Total], *ends: str) -> tuple[list[Ints], int]:
    """Ends of sums that were computed in parts along the last axis, and their unit."""
    unit = min(t.unit for t in totals)
    steps = [1 << (t.unit - unit) for t in totals]
    joined = [[ints(getattr(t, end) * step) for t, step in zip(totals, steps, strict=True)] for end in ends]
    return [ints(np.concatenate(parts, axis=-1)) for parts in joined], unit


def reduce_sum(call: NodeCall) -> Values:
    """ReduceSum, ReduceSumSquare, and ReduceMean of a power of two of elements."""
    a = call.input(0)
    axes, keep = reduced_axes(call, a), bool(call.attribute("keepdims", 1))
    count = prod(a.shape[axis] for axis in axes)
    if call.op == "ReduceMean" and count & (count - 1):
        raise Refusal(f"it divides by {count}, which is no power of two, and engines multiply by the reciprocal")
    made = added(call, a, axes)
    if call.op == "ReduceMean":
        made = mean_of(call, made, a, count)
    if keep:
        made = made.moved(lambda array: np.expand_dims(array, axes))
    call.own_ends = None  # nobody needs them nearer
    return whole(made)


def added(call: NodeCall, a: Values, axes: tuple[int, ...], times: int = 1) -> Values:
    """The sum of elements, or of their squares, along axes of a row's arrays, which it lacks.

    Args:
        times: the most elements that each of these stands for; at least one.
    """
    kind = call.numbers(a)
    call.exact(a)
    call.spend(a.grid.size)
    if kind not in FLOATS:
        raise Refusal(f"it adds {kind}, and not every engine has that")
    squared = call.op == "ReduceSumSquare"
    terms = squares(a) if squared else single(a)
    found = total(terms, axes, kind, times)
    require_exact(found)
    more = (prod(a.shape[axis] for axis in axes) * times - 1).bit_length()
    low, high = product_span(a, a) if squared else factors(a)
    fine, most = product_reach(a, a) if squared else a.extent
    span, reach = (low, high + more), (fine, most + more)
    require_reach(call, kind, reach, [a])
    bits = int(a.bits.max())
    call.findings.reductions.append(
        Reduction(call.name, call.op, found.accumulator_bits, (bits, bits if squared else 1))
    )
    call.flushed_terms([a], terms.grid)
    call.own_ends = Ends(found.least, found.most, found.unit)
    return own_subnormals(
        values(
            kind,
            a.batched,
            found.lo,
            found.hi,
            found.unit,
            found.grid,
            found.bits,
            atom=False,
            span=merged_span(kind, span),
            reach=reach,
        )
    )


def mean_of(call: NodeCall, sums: Values, a: Values, count: int) -> Values:
    """Sums divided by their count, a power of two: engines scale each element, or the sum."""
    call.own_ends = None  # of the sum
    part = constant(np.asarray(1.0 / count, dtype=sums.kind))
    made, _ = _scaled(call, sums, part), _scaled(call, a, part)
    return made
