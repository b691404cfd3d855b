"""Operators that only move data: each output element is an input element, and rows stay separate."""

import math
from dataclasses import replace

import numpy as np

from tinyvmaf.model.certificate.call import NodeCall, axis_of, broadcast, row_axis, whole
from tinyvmaf.model.certificate.choosing import one_of
from tinyvmaf.model.certificate.scales import factors
from tinyvmaf.model.certificate.values import INTEGERS, Refusal, Values, ints, values
from tinyvmaf.model.contract import MAX_RANK

_BATCH = "it moves or resizes the batch axis, which has to stay the first one with its length"


def identity(call: NodeCall) -> Values:
    """Identity."""
    return call.input(0)


def flatten(call: NodeCall) -> Values:
    """Flatten into two axes."""
    a = call.input(0)
    axis = int(call.attribute("axis", 1))
    axis = a.rank if axis == a.rank else axis_of(axis, a.rank)
    if a.batched:
        if axis != 1:
            raise Refusal(_BATCH)
        return a.moved(lambda array: array.reshape(-1))
    return a.moved(lambda array: array.reshape(math.prod(a.shape[:axis]), -1))


def reshape(call: NodeCall) -> Values:
    """Reshape to a constant shape that keeps the rows: 0 for the batch axis, or -1 if the rest makes up a row."""
    a, shape = call.input(0), call.parameter(1, "shape") or []
    if call.attribute("allowzero", 0) and 0 in shape:
        raise Refusal("it makes a tensor without elements")
    if any(length < -1 for length in shape) or shape.count(-1) > 1 or len(shape) > MAX_RANK:
        raise Refusal(f"its shape {shape[:10]} is invalid")
    full = [1, *a.shape] if a.batched else a.shape
    wanted = [full[i] if length == 0 and i < len(full) else length for i, length in enumerate(shape)]
    if a.batched:
        wanted = wanted[1:]
        if not shape or shape[0] not in (0, -1) or (shape[0] == -1 and math.prod(wanted) != a.grid.size):
            raise Refusal(_BATCH)
    return whole(a.moved(lambda array: array.reshape(wanted)))


def squeeze(call: NodeCall) -> Values:
    """Squeeze of named axes."""
    a, axes = call.input(0), call.parameter(1, "axes")
    if axes is None:
        if a.batched:
            raise Refusal("it names no axes, and one row or many then give other shapes")
        return a.moved(np.squeeze)
    named = tuple(row_axis(a, axis, "squeezes") for axis in axes)
    return a.moved(lambda array: np.squeeze(array, axis=named))


def unsqueeze(call: NodeCall) -> Values:
    """Unsqueeze at named axes."""
    a, axes = call.input(0), call.parameter(1, "axes") or []
    rank = a.rank + len(axes)
    if rank > MAX_RANK:
        raise Refusal(f"its result has {rank} axes; the limit is {MAX_RANK}")
    named = sorted(axis_of(axis, rank) for axis in axes)
    if a.batched and 0 in named:
        raise Refusal(_BATCH)
    return a.moved(lambda array: np.expand_dims(array, tuple(axis - a.batched for axis in named)))


def transpose(call: NodeCall) -> Values:
    """Transpose that leaves the batch axis first."""
    a = call.input(0)
    order = [int(i) for i in call.attribute("perm", range(a.rank)[::-1])]
    if sorted(order) != list(range(a.rank)):
        raise Refusal(f"its perm {order[:10]} is no order of {a.rank} axes")
    if a.batched and order[0] != 0:
        raise Refusal(_BATCH)
    return a.moved(lambda array: array.transpose([axis - a.batched for axis in order[int(a.batched) :]]))


def concat(call: NodeCall) -> Values:
    """Concat along an axis that is not the batch."""
    parts = [call.input(i) for i in range(len(call.inputs))]
    first = parts[0]
    if any((p.kind, p.batched, p.rank) != (first.kind, first.batched, first.rank) for p in parts):
        raise Refusal("its inputs differ in type or number of axes, or only some have a batch axis")
    axis = row_axis(first, int(call.attribute("axis", 0)), "joins")
    call.spend(sum(part.grid.size for part in parts))
    unit = min(part.unit for part in parts)
    ends = [part.at(unit) for part in parts]
    made = values(
        first.kind,
        first.batched,
        np.concatenate([lo for lo, _ in ends], axis),
        np.concatenate([hi for _, hi in ends], axis),
        unit,
        np.concatenate([p.grid for p in parts], axis),
        np.concatenate([p.bits for p in parts], axis),
    )
    return replace(
        one_of(made, *parts), chosen=any(part.chosen for part in parts), closed=any(part.closed for part in parts)
    )


def slice_(call: NodeCall) -> Values:
    """Slice by constant bounds, forwards."""
    a, starts, ends = call.input(0), call.parameter(1, "starts") or [], call.parameter(2, "ends") or []
    axes = call.parameter(3, "axes")
    axes = list(range(len(starts))) if axes is None else axes
    steps = call.parameter(4, "steps")
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or any(step < 1 for step in steps):
        raise Refusal("its bounds do not fit together, or it goes backwards")
    pick = [slice(None)] * a.grid.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        pick[row_axis(a, axis, "cuts")] = slice(start, end, step)
    return whole(_part(a, tuple(pick)))


def split(call: NodeCall) -> list[Values]:
    """Split into equal or listed parts."""
    a, sizes = call.input(0), call.parameter(1, "sizes")
    axis = row_axis(a, int(call.attribute("axis", 0)), "cuts")
    length, count = a.shape[axis], int(call.attribute("num_outputs", call.outputs))
    if sizes is None:
        if count != call.outputs or length % count:
            raise Refusal(f"it cuts an axis of {length} into {call.outputs} parts, which are not of one size")
        sizes = [length // count] * count
    if len(sizes) != call.outputs or sum(sizes) != length or min(sizes) < 1:
        raise Refusal(f"its parts {sizes[:10]} are not the axis of {length}")
    before = (slice(None),) * axis
    return [_part(a, (*before, slice(end - size, end))) for end, size in zip(np.cumsum(sizes), sizes, strict=True)]


def _part(a: Values, pick: tuple[slice, ...]) -> Values:
    return a.moved(lambda array: array[pick])


def expand(call: NodeCall) -> Values:
    """Expand to a constant shape that leaves the batch axis alone."""
    a, shape = call.input(0), call.parameter(1, "shape") or []
    if any(length < 1 for length in shape) or len(shape) > MAX_RANK:
        raise Refusal(f"its shape {shape[:10]} is invalid")
    if a.batched:
        if len(shape) > a.rank or (len(shape) == a.rank and shape[0] != 1):
            raise Refusal(_BATCH)
        shape = shape[1:] if len(shape) == a.rank else shape
    wanted = broadcast(a.shape, tuple(shape))
    call.spend(math.prod(wanted))
    return whole(a.spread(wanted))


def gather(call: NodeCall) -> Values:
    """Gather: constant indices along an axis, or computed indices into the rows of a constant table."""
    a, places = call.input(0), call.input(1)
    if places.kind not in INTEGERS:
        raise Refusal(f"its indices are {places.kind}")
    if places.fixed:
        axis = row_axis(a, int(call.attribute("axis", 0)), "picks")
        lo, _ = places.at(min(places.unit, 0))
        listed = lo.astype(np.int64) if places.within(-(1 << 31), 1 << 31) else None
        length = a.shape[axis]
        if listed is None or (listed < -length).any() or (listed >= length).any():
            raise Refusal(f"it picks beyond the {length} places that there are")
        call.spend(math.prod(a.shape[:axis]) * listed.size * math.prod(a.shape[axis + 1 :]))
        return whole(a.moved(lambda array: np.take(array, listed, axis=axis)))
    return _look_up(call, a, places)


def _look_up(call: NodeCall, table: Values, places: Values) -> Values:
    if not table.fixed or axis_of(int(call.attribute("axis", 0)), table.rank) != 0:
        raise Refusal("its indices are computed, and it does not look up rows of a constant table")
    call.exact(places)
    length = table.shape[0]
    if not places.within(0, length - 1):
        raise Refusal(f"its indices are not proven to be from 0 to {length - 1}", "Clip before the Cast to integers")
    width = math.prod(table.shape[1:])
    call.spend(places.grid.size * width + table.grid.size)
    first, last = int(np.min(places.at(0)[0])), int(np.max(places.at(0)[1]))
    rows = table.moved(lambda array: array[first : last + 1])
    shape = (*places.shape, *table.shape[1:])
    lo, hi = (np.broadcast_to(ints(end), shape) for end in (rows.lo.min(axis=0), rows.hi.max(axis=0)))
    grid, bits = (np.broadcast_to(part, shape) for part in (rows.grid.min(axis=0), rows.bits.max(axis=0)))
    # The result counts as a variable. Its coefficients are those that the table was scaled by, if any.
    span = (0, 0) if table.reach is None else factors(table)
    return whole(
        values(
            table.kind,
            places.batched,
            lo,
            hi,
            table.unit,
            grid,
            bits,
            flush=table.flush,
            narrow=table.narrow,
            span=span,
            reach=table.reach,
            masked=table.masked,
        )
    )
