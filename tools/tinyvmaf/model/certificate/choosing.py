"""Operators that select one of their inputs, round to integers, or compare: monotone, and without a rounding error.

A selection also takes rounded and infinite values: rounding is monotone, so to round and to select commute. Engines
merge no affine operation through a rounding to integers or a comparison.
"""

from dataclasses import replace
from functools import reduce

import numpy as np

from tinyvmaf.model.certificate.call import Ends, NodeCall, align, row_axis, whole
from tinyvmaf.model.certificate.scales import require_reach, sum_reach, sum_span
from tinyvmaf.model.certificate.terms import negative, single, stack, total
from tinyvmaf.model.certificate.values import EVERY, FLOATS, Refusal, Values, constant, ints, values


def maximum(call: NodeCall) -> Values:
    """Max and Min of any number of tensors."""
    operands = [call.input(i) for i in range(len(call.inputs))]
    call.numbers(*operands)
    _, operands = align(call, *operands)
    return reduce(_larger if call.op == "Max" else _smaller, operands)


def relu(call: NodeCall) -> Values:
    """Relu, the larger of 0 and the input."""
    a = call.input(0)
    kind = call.numbers(a)
    _, (a, zero) = align(call, a, constant(np.zeros((), dtype=kind)))
    return _larger(a, zero)


def clip(call: NodeCall) -> Values:
    """Clip, with either bound or none."""
    made = call.input(0)
    bounds = [call.optional(1), call.optional(2)]
    given = [bound for bound in bounds if bound is not None]
    call.numbers(made, *given)
    if not all(bound.fixed and bound.grid.size == 1 and bound.rank <= 1 for bound in given):
        raise Refusal("its bounds are not constant numbers, and engines treat other bounds differently")
    call.spend(made.grid.size * len(given))
    if len(given) == 2:
        low, high = (bound.at(min(b.unit for b in given))[0] for bound in given)
        if low.item() > high.item():
            raise Refusal("its lower bound is above the upper one, and engines then differ in which one they use")
    for bound, choose in zip(bounds, (_larger, _smaller), strict=True):
        if bound is not None:
            made = choose(made, bound.spread(made.shape))
    return made


def _larger(a: Values, b: Values) -> Values:
    unit = min(a.unit, b.unit)
    (lo_a, hi_a), (lo_b, hi_b) = a.at(unit), b.at(unit)
    return _either(a, b, np.maximum(lo_a, lo_b), np.maximum(hi_a, hi_b), unit, hi_a > lo_b, hi_b > lo_a)


def _smaller(a: Values, b: Values) -> Values:
    unit = min(a.unit, b.unit)
    (lo_a, hi_a), (lo_b, hi_b) = a.at(unit), b.at(unit)
    return _either(a, b, np.minimum(lo_a, lo_b), np.minimum(hi_a, hi_b), unit, lo_a < hi_b, lo_b < hi_a)


def _either(a: Values, b: Values, lo: object, hi: object, unit: int, a_may: object, b_may: object) -> Values:
    """One of two, element by element.

    Args:
        a_may: where the result may be `a`; `b_may` likewise. Where neither is set, both are equal, and both count.
    """
    takes_a, takes_b = np.asarray(a_may, dtype=np.bool_), np.asarray(b_may, dtype=np.bool_)
    both = ~(takes_a ^ takes_b)
    grid = np.where(both, np.minimum(a.grid, b.grid), np.where(takes_a, a.grid, b.grid))
    bits = np.where(both, np.maximum(a.bits, b.bits), np.where(takes_a, a.bits, b.bits))
    made = one_of(values(a.kind, a.batched or b.batched, lo, hi, unit, grid, bits), a, b)
    # A bound that is never reached may have any value, even infinity.
    met = [one for one, never in ((a, takes_b & ~takes_a), (b, takes_a & ~takes_b)) if not (one.fixed and never.all())]
    return made if made.reach is None else replace(made, reach=sum_reach(met, 1))


def one_of(made: Values, *chosen: Values) -> Values:
    """The values, with the combined state of the tensors that they were selected from."""
    flushes = [one.flush for one in chosen if one.flush is not None]
    atom = all(one.atom for one in chosen)
    flush = max(flushes) if flushes and made.lowest < max(flushes) else None
    return replace(
        made,
        atom=atom,
        chosen=not atom,
        rounded=next((one.rounded for one in chosen if one.rounded), ""),
        flush=flush,
        span=sum_span(chosen, 1),
        reach=None if all(one.reach is None for one in chosen) else sum_reach(chosen, 1),
        masked=any(one.masked for one in chosen),
        narrow=any(one.narrow for one in chosen),
    )


def absolute(call: NodeCall) -> Values:
    """Abs, the larger of the input and its negative."""
    a = call.input(0)
    call.numbers(a)
    call.spend(a.grid.size)
    over, under = np.maximum(a.lo, 0), np.maximum(ints(-a.hi), 0)
    made = values(a.kind, a.batched, np.maximum(over, under), np.maximum(a.hi, ints(-a.lo)), a.unit, a.grid, a.bits)
    return one_of(made, a)


def select(call: NodeCall) -> Values:
    """Where: one of two tensors, by a condition that is the same in every engine."""
    condition, a, b = call.input(0), call.input(1), call.input(2)
    if condition.kind != "bool":
        raise Refusal(f"its condition is {condition.kind}, not bool")
    call.numbers(a, b)
    for one in (a, b):
        if one.infinite:
            raise Refusal("its input may be infinite", "Clip it first")
    batched, (_, a, b) = align(call, condition, a, b)
    return replace(either(a, b), batched=batched)


def either(a: Values, b: Values) -> Values:
    """One of two tensors of one shape, whichever."""
    unit = min(a.unit, b.unit)
    (lo_a, hi_a), (lo_b, hi_b) = a.at(unit), b.at(unit)
    always = np.ones(a.shape, dtype=np.bool_)
    return _either(a, b, np.minimum(lo_a, lo_b), np.maximum(hi_a, hi_b), unit, always, always)


def reduce_choice(call: NodeCall) -> Values:
    """ReduceMax and ReduceMin over axes that are not the batch."""
    a = call.input(0)
    call.numbers(a)
    call.exact(a)
    call.spend(a.grid.size)
    axes, keep = reduced_axes(call, a), bool(call.attribute("keepdims", 1))
    choose = np.max if call.op == "ReduceMax" else np.min
    lo, hi = (ints(choose(end, axis=axes, keepdims=keep)) for end in (a.lo, a.hi))
    grid, bits = a.grid.min(axis=axes, keepdims=keep), a.bits.max(axis=axes, keepdims=keep)
    return one_of(values(a.kind, a.batched, lo, hi, a.unit, grid, bits), a)


def reduced_axes(call: NodeCall, a: Values) -> tuple[int, ...]:
    """The axes of a Reduce operator, counted in a row's arrays; from its attribute or its second input."""
    given = call.parameter(1, "axes") if len(call.inputs) > 1 else call.attribute("axes", None)
    nothing = call.attribute("noop_with_empty_axes", 0)
    if not given and nothing:
        raise Refusal("it reduces nothing, and not every engine knows that")
    if not given and a.batched:
        raise Refusal("it goes along the batch axis, so a row's result depends on the rows beside it")
    listed = list(range(a.rank)) if not given else [row_axis(a, int(axis), "goes") for axis in given]
    if len(set(listed)) != len(listed):
        raise Refusal("it names an axis twice")
    return tuple(listed)


def to_integers(call: NodeCall) -> Values:
    """Round (ties to even), Floor and Ceil."""
    a = call.input(0)
    if call.numbers(a) not in FLOATS:
        raise Refusal(f"it rounds {a.kind}")
    call.spend(a.grid.size)
    if a.flush is not None and _flushing_shows(a, a.flush, call.op):
        call.may_show_flushing()
    ends = Ends(a.lo, a.hi, a.unit)
    if a.flush is None and call.names:  # a flushed sum may be outside of its ends
        ends = call.ends.get(call.names[0], ends)
    finer = max(-ends.unit, 0)
    rule = {"Round": _even, "Floor": _floor, "Ceil": _ceil}[call.op]
    lo, hi = (ints(np.frompyfunc(lambda n: rule(n, finer), 1, 1)(end)) for end in (ends.lo, ends.hi))
    return whole(values(a.kind, a.batched, lo, hi, max(ends.unit, 0), np.maximum(a.grid, 0), a.bits, narrow=a.narrow))


def _floor(n: int, shift: int) -> int:
    return n >> shift


def _ceil(n: int, shift: int) -> int:
    return -(-n >> shift)


def _even(n: int, shift: int) -> int:
    whole, rest = n >> shift, n & ((1 << shift) - 1)
    up = 2 * rest > 1 << shift or (2 * rest == 1 << shift and whole % 2 == 1)
    return whole + up


def _flushing_shows(a: Values, flush: int, op: str) -> bool:
    """Whether flushing values below 2^flush may change the rounded integer."""
    if op == "Round":
        return flush > -1  # all below one half rounds to 0
    small = a.grid < flush
    side = np.asarray(a.lo < 0 if op == "Floor" else a.hi > 0, dtype=np.bool_)
    return flush > 0 or bool((small & side).any())


def sign(call: NodeCall) -> Values:
    """Sign: -1, 0 or 1."""
    a = call.input(0)
    kind = call.numbers(a)
    call.exact(a)
    call.spend(a.grid.size)
    if a.flush is not None:
        call.may_show_flushing()
    lo, hi = (ints(np.sign(end)) for end in (a.lo, a.hi))
    return values(kind, a.batched, lo, hi, 0, np.zeros(a.shape), np.ones(a.shape))


def compare(call: NodeCall) -> Values:
    """Equal, Less, Greater and the like, of exact values.

    Engines may compare the difference with 0, or move constants to the other side. So the difference must be exact
    too, unless both are atoms, which have nothing to move.
    """
    a, b = call.input(0), call.input(1)
    kind = call.numbers(a, b)
    call.exact(a, b)
    batched, (a, b) = align(call, a, b)
    if not (a.atom and b.atom):
        fault = total(stack([single(a), negative(single(b))]), 0, kind).fault
        if fault is not None:
            raise Refusal(f"the difference of its inputs is not exact: {fault}", "Round them before")
    require_reach(call, kind, sum_reach([a, b], 2), [a, b])
    for one, other in ((a, b), (b, a)):
        if one.flush is not None and not (other.fixed and _all_above(other, one.flush)):
            call.may_show_flushing()
    if call.op in ("Equal", "LessOrEqual", "GreaterOrEqual") and len(set(call.names)) == 1:
        return replace(truth(batched, a.shape), lo=ints(np.ones(a.shape, dtype=np.object_)))  # it is its own equal
    return truth(batched, a.shape)


def _all_above(constant: Values, exponent: int) -> bool:
    magnitude = np.where(constant.zero, -EVERY, constant.grid)  # a value that is not 0 is at least its grid
    return bool((magnitude >= exponent).all())


def logic(call: NodeCall) -> Values:
    """And, Or, Xor and Not."""
    operands = [call.input(i) for i in range(len(call.inputs))]
    if any(operand.kind != "bool" for operand in operands):
        raise Refusal("its inputs are not bool")
    batched, operands = align(call, *operands)
    return truth(batched, operands[0].shape)


def truth(batched: bool, shape: tuple[int, ...]) -> Values:
    """Truth values."""
    one = np.ones(shape, dtype=np.int64)
    return values("bool", batched, one * 0, one, 0, one * 0, one)
