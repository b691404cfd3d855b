"""x (c - |x|), a sigmoid made of two parabolas: the one product whose factors are known to depend on each other.

If |x| <= c, the result is at most c^2 / 4 in magnitude; two independent factors of these ranges could reach c^2.
Engines compute it as written, or expanded to c x - x |x|. So both of these products must be exact; their difference is
then the result. The result is `closed`: its interval is that of the whole. It may be scaled, selected or rounded to an
integer, but not merged with a sum.
"""

from dataclasses import replace

import numpy as np

from tinyvmaf.model.certificate.call import NodeCall, align
from tinyvmaf.model.certificate.scales import merged_span, product_reach, product_span, require_reach
from tinyvmaf.model.certificate.terms import Terms, products, single, squares, stack, total
from tinyvmaf.model.certificate.values import FLOATS, Values, ints, own_subnormals, values


def parabola(call: NodeCall) -> Values | None:
    """The rule for x (c - |x|), or x (c - x) with x never below 0, if it is exact; None for any other Mul."""
    for x, rest in (call.names, call.names[::-1]):
        op, taken = call.makers.get(rest, ("", ()))
        if op != "Sub" or taken[0] not in call.known:
            continue
        inner = call.makers.get(taken[1], ("", ()))
        height = call.known[taken[0]]
        if height.fixed and (taken[1] == x or inner == ("Abs", (x,))):
            return _curved(call, call.known[x], height, call.known[rest], bare=taken[1] == x)
    return None


def _curved(call: NodeCall, x: Values, height: Values, rest: Values, *, bare: bool) -> Values | None:
    exact = not (x.rounded or rest.rounded or x.infinite or x.closed) and x.atom and x.kind in FLOATS
    if not exact or rest.shape != x.shape or rest.batched != x.batched:
        return None
    batched, (x, c) = align(call, x, height)
    if x.shape != rest.shape:
        return None
    unit = min(x.unit, c.unit)
    (lo, hi), (top, _) = x.at(unit), c.at(unit)
    over, under = ints(np.maximum(hi, 0)), ints(np.maximum(ints(-lo), 0))
    if np.any(over > top) or np.any(under > top) or (bare and np.any(under > 0)):
        return None
    peak = np.frompyfunc(_peak, 2, 1)
    grid = x.grid + np.minimum(x.grid, c.grid)
    bits = np.full(x.shape, FLOATS[x.kind].digits + 1)  # as many as its interval takes
    whole = values(x.kind, batched, ints(-ints(peak(under, top))), peak(over, top), 2 * unit, grid, bits)
    parts = [single(whole), products(x, c), squares(x)]
    if any(_fault(part, x.kind) for part in parts):
        return None
    call.flushed_terms([x, height], grid)
    span, reach = merged_span(x.kind, product_span(x, rest)), product_reach(x, rest)
    require_reach(call, x.kind, reach, [x, rest])
    made = replace(whole, atom=False, closed=True, span=span, reach=reach, masked=x.masked, narrow=x.narrow)
    return own_subnormals(made)


def _fault(part: Terms, kind: str) -> str | None:
    return total(stack([part]), 0, kind).fault


def _peak(most: int, height: int) -> int:
    """The largest q (height - q) for q from 0 to `most`, rounded up. `most` is at most `height`."""
    return -(-height * height // 4) if 2 * most >= height else most * (height - most)
