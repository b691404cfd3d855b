"""Add, Sub, Mul, Div, Neg and Sum: exact in every order, or rounded once where engines cannot move the rounding."""

from dataclasses import replace

import numpy as np

from tinyvmaf.model.certificate.call import NodeCall, Reduction, align
from tinyvmaf.model.certificate.parabola import parabola
from tinyvmaf.model.certificate.scales import (
    factors,
    masked,
    merged_span,
    product_reach,
    product_span,
    require_reach,
    sum_reach,
    sum_span,
)
from tinyvmaf.model.certificate.terms import Terms, Total, negative, products, require_exact, single, stack, total
from tinyvmaf.model.certificate.values import (
    FLOATS,
    Format,
    Refusal,
    Values,
    constant,
    ints,
    own_subnormals,
    values,
)

_MERGE_HINT = "make it exact with fewer bits, or Round what comes before"


def add(call: NodeCall) -> Values:
    """Add and Sub of two tensors, a sum of two terms."""
    a, b = call.input(0), call.input(1)
    kind = call.numbers(a, b)
    call.exact(a, b)
    batched, (a, b) = align(call, a, b)
    parts = [single(a), negative(single(b)) if call.op == "Sub" else single(b)]
    return _sum(call, kind, batched, [a, b], parts)


def add_all(call: NodeCall) -> Values:
    """Sum of any number of tensors."""
    operands = [call.input(i) for i in range(len(call.inputs))]
    kind = call.numbers(*operands)
    call.exact(*operands)
    batched, operands = align(call, *operands)
    return _sum(call, kind, batched, operands, [single(operand) for operand in operands])


def _sum(call: NodeCall, kind: str, batched: bool, operands: list[Values], parts: list[Terms]) -> Values:
    terms = stack(parts)
    found = total(terms, 0, kind)
    fixed = all(operand.fixed for operand in operands)
    span = merged_span(kind, sum_span(operands, len(operands)))
    reach = sum_reach(operands, len(operands))
    require_reach(call, kind, reach, operands)  # a subnormal sum never rounds
    call.flushed_terms(operands, terms.grid)
    # Engines do not split a sum of constants, so its interval is the sum itself.
    lo, hi = (ints(np.add.reduce(end)) for end in (terms.lo, terms.hi)) if fixed else (found.lo, found.hi)
    made = values(
        kind,
        batched,
        lo,
        hi,
        found.unit,
        found.grid,
        found.bits,
        atom=fixed,
        span=span,
        reach=reach,
        masked=any(operand.masked for operand in operands),
        chosen=any(operand.chosen for operand in operands),
        narrow=any(operand.narrow for operand in operands),
    )
    if found.fault is None:
        if not fixed:
            bits = max(int(operand.bits.max()) for operand in operands)
            call.findings.reductions.append(Reduction(call.name, call.op, found.accumulator_bits, (bits, 1)))
        return own_subnormals(made)
    if len(operands) > 2:
        require_exact(found)
    return _rounded(call, operands, made, found)


def multiply(call: NodeCall) -> Values:
    """Mul of two tensors."""
    a, b = call.input(0), call.input(1)
    call.numbers(a, b)
    curved = parabola(call)
    if curved is not None:
        return curved
    batched, (a, b) = align(call, a, b)
    return product(call, batched, a, b)


def divide(call: NodeCall) -> Values:
    """Div by a constant power of two, as a multiplication by its reciprocal."""
    a, b = call.input(0), call.input(1)
    if call.numbers(a, b) not in FLOATS:
        raise Refusal("it divides integers, and engines differ in what they do with the remainder")
    if not b.power_of_two or b.zero.any():
        raise Refusal(
            "its divisor is not a constant power of two, and engines that multiply by the reciprocal round twice",
            "multiply by a constant instead",
        )
    batched, (a, b) = align(call, a, b)
    return product(call, batched, a, _reciprocal(b))


def reciprocal(call: NodeCall) -> Values:
    """Reciprocal of a constant power of two."""
    a = call.input(0)
    if call.numbers(a) not in FLOATS or not a.power_of_two or a.zero.any():
        raise Refusal("engines have different approximations of it", "multiply by a constant instead")
    call.spend(a.grid.size)
    return _reciprocal(a)


def _reciprocal(b: Values) -> Values:
    form = FLOATS[b.kind]
    if not (form.normal <= -b.top and -b.lowest < form.top):
        raise Refusal(f"the reciprocal of its divisor is no normal {b.kind}")
    signs = np.where(np.asarray(b.lo < 0, dtype=np.bool_), -1.0, 1.0)
    made = constant(np.asarray(np.ldexp(signs, -b.grid)).astype(b.kind))
    low, high = factors(b)
    return replace(made, span=(-high, -low), reach=None if b.reach is None else (-b.reach[1], -b.reach[0]))


def product(call: NodeCall, batched: bool, a: Values, b: Values) -> Values:
    """The product of two aligned tensors of one type, element by element."""
    kind = a.kind
    scale, other = (b, a) if b.fixed else (a, b)
    scaled = scale.power_of_two
    call.exact(a, b, closed=scaled)
    terms = products(a, b)
    found = total(stack([terms]), 0, kind)
    fixed = a.fixed and b.fixed
    span, reach = merged_span(kind, product_span(a, b)), product_reach(a, b)
    require_reach(call, kind, reach, [a, b], rounds=found.fault is not None)
    made = values(
        kind,
        batched,
        terms.lo,
        terms.hi,
        terms.unit,
        terms.grid,
        found.bits,
        span=span,
        reach=reach,
        masked=masked(a, b, scale),
        atom=fixed or (scaled and other.atom),
        chosen=a.chosen or b.chosen,
        narrow=a.narrow or b.narrow,
        closed=other.closed,
        flush=_scaled_flush(call, scale, other),
    )
    if scale.fixed and not scaled and other.chosen:
        raise Refusal(
            "it multiplies what was selected from a sum, and engines may multiply before they select and merge that "
            "with the sum",
            "multiply by a power of two, or Round before",
        )
    if found.fault is None and not fixed and kind == "float64" and _one_number(scale):
        raise Refusal(
            "it multiplies float64 by one number that is no power of two, and engines may keep that as float32",
            "multiply by a power of two, or put the number into the weights",
        )
    # A product that is too large rounds to infinity. In another form it need not, so only atoms are accepted.
    if found.fault is None or (made.atom and made.infinite and _exact_but_large(made)):
        return own_subnormals(made)
    return _rounded(call, [a, b], made, found)


def _one_number(scale: Values) -> bool:
    """Whether all elements are the same constant, which is not a power of two."""
    return scale.fixed and not scale.power_of_two and len(set(scale.lo.ravel())) == 1


def _exact_but_large(made: Values) -> bool:
    form = FLOATS.get(made.kind)
    return form is not None and bool((made.bits <= form.digits).all()) and made.lowest >= form.lowest


def _scaled_flush(call: NodeCall, scale: Values, other: Values) -> int | None:
    """The product's `flush`: values below 2^flush, times a constant below 2^top, are below 2^(flush + top)."""
    if scale.fixed and scale.flush is None:
        return None if other.flush is None else other.flush + scale.top
    if scale.flush is not None or other.flush is not None:
        call.may_show_flushing()
    return None


def _rounded(call: NodeCall, operands: list[Values], made: Values, found: Total) -> Values:
    """The result of one correct rounding. Refused unless the operands are atoms, which engines cannot merge with it."""
    form = FLOATS.get(made.kind)
    if form is None or not all(operand.atom for operand in operands):
        why = (
            found.fault
            if form is None
            else f"{found.fault}; so it rounds, and engines may merge it with what is before"
        )
        raise Refusal(why or "", _MERGE_HINT)
    return own_subnormals(rounded(call.name, made, form))


def rounded(name: str, exact: Values, form: Format) -> Values:
    """Values of a format, correctly rounded from exact ones; interval ends are rounded outward."""
    unit = min(exact.unit, form.lowest)
    lo, hi = exact.at(unit)

    def up(value: int) -> int:
        drop = max(abs(value).bit_length() - form.digits, form.lowest - unit)  # not below 0, as `unit` is the finer
        return -(-value >> drop) << drop

    outward = np.frompyfunc(up, 1, 1)
    made = values(
        form.name,
        exact.batched,
        ints(-ints(outward(-lo))),
        ints(outward(hi)),
        unit,
        np.maximum(exact.grid, form.lowest),
        np.minimum(exact.bits, form.digits),
        flush=exact.flush,
    )
    return replace(
        made,
        rounded=name,
        atom=exact.atom,
        chosen=exact.chosen,
        span=exact.span,
        reach=exact.reach,
        masked=exact.masked,
        narrow=exact.narrow,
        closed=exact.closed,
    )


def negate(call: NodeCall) -> Values:
    """Neg, which changes only the sign."""
    a = call.input(0)
    call.numbers(a)
    call.spend(a.grid.size)
    return replace(a, lo=ints(-a.hi), hi=ints(-a.lo))
