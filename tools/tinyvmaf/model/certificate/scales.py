"""Constant factors: engines multiply them in any order, so every possible product of them must be representable.

An engine may compute (c x) W as c (x W), and merge scales from both sides of a matrix product. So a term is a product
of factors since the last rounding to integers, and an engine may compute any partial product. Partial products of
constants are merged coefficients: they must be normal numbers (`Values.span`). Partial products with a variable are
intermediate values: they must be exact and finite (`Values.reach`). A constant that is added to or compared with scaled
values may be divided by their scales, as in (x + b / c) c for c x + b.
"""

from collections.abc import Sequence

from tinyvmaf.model.certificate.call import NodeCall
from tinyvmaf.model.certificate.values import FLOATS, Refusal, Values

_HINT = "keep scales near 1, or Round between them"


def factors(operand: Values) -> tuple[int, int]:
    """The finest grid and the largest magnitude, as exponents, of any product of an operand's coefficients."""
    low, high = operand.span
    if not operand.fixed or operand.zero.all():
        return low, high
    return min(low, operand.lowest), max(high, operand.top)


def product_span(a: Values, b: Values) -> tuple[int, int]:
    """Coefficient range of a product: any subset of the coefficients of both factors."""
    (low_a, high_a), (low_b, high_b) = factors(a), factors(b)
    return low_a + low_b, high_a + high_b


def sum_span(operands: Sequence[Values], count: int) -> tuple[int, int]:
    """Coefficient range of a sum of `count` terms: the finest one, and `count` times the largest."""
    spans = [factors(operand) for operand in operands]
    return min(low for low, _ in spans), max(high for _, high in spans) + (count - 1).bit_length()


def merged_span(kind: str, span: tuple[int, int]) -> tuple[int, int]:
    """The same range; refused if it underflows or overflows.

    Checked in float32 for float64 too: ONNX Runtime keeps the scale of any fused matrix product as float32.
    """
    form = FLOATS["float32"]
    if kind in FLOATS and (span[0] < form.normal or span[1] >= form.top):
        raise Refusal(
            f"constants that engines may merge multiply to between 2^{span[0]} and 2^{span[1]}, and the normal numbers "
            f"of {form.name}, in which some engines keep them, are from 2^{form.normal} to 2^{form.top}",
            "keep scales near 1",
        )
    return span


def product_reach(a: Values, b: Values) -> tuple[int, int]:
    """`Values.reach` of a product: over all partial products with at least one variable."""
    (fine_a, most_a), (fine_b, most_b) = a.extent, b.extent
    (low_a, high_a), (low_b, high_b) = factors(a), factors(b)
    with_a, with_b = (fine_a + low_b, most_a + high_b), (fine_b + low_a, most_b + high_a)
    if b.fixed:
        return with_a
    if a.fixed:
        return with_b
    return min(fine_a + fine_b, with_a[0], with_b[0]), max(most_a + most_b, with_a[1], with_b[1])


def sum_reach(operands: Sequence[Values], count: int) -> tuple[int, int]:
    """`Values.reach` of a sum of `count` terms; with `count` 1, of a selection."""
    ends = []
    variable = [operand.span for operand in operands if not operand.fixed]
    for operand in operands:
        if not operand.zero.all():
            fine, most = operand.extent
            if operand.fixed and variable:
                fine, most = fine - max(high for _, high in variable), most - min(low for low, _ in variable)
            ends.append((fine, most))
    fine, most = min((fine for fine, _ in ends), default=0), max((most for _, most in ends), default=0)
    return fine, most + (count - 1).bit_length()


def require_reach(
    call: NodeCall, kind: str, reach: tuple[int, int], operands: Sequence[Values], *, rounds: bool = False
) -> None:
    """Refuse a result whose factors an engine may multiply in an order that underflows or overflows.

    Operands without scales have only one order, which the operator's rule has checked.

    Args:
        reach: of the result.
        rounds: the product is rounded, so it must be normal: otherwise a scale before or after changes bits.
    """
    form = FLOATS.get(kind)
    if form is None or all(operand.reach is None for operand in operands):
        return
    if reach[0] < (form.normal if rounds else form.lowest) or reach[1] >= form.top:
        ends = f"normal numbers are from 2^{form.normal}" if rounds else f"numbers are from 2^{form.lowest}"
        raise Refusal(
            f"engines may apply its scales in another order, which gives steps of 2^{reach[0]} and reaches "
            f"2^{reach[1]}, and {kind}'s {ends} to 2^{form.top}",
            _HINT,
        )
    if reach[0] < form.normal:
        call.may_show_flushing()


def masked(a: Values, b: Values, scale: Values) -> bool:
    """Whether a factor of 0 makes elements of a product 0. Refused if scales may first make the others infinite.

    Values before a Clip may be infinite, and 0 times infinity is NaN.
    """
    zeros = scale.fixed and bool(scale.zero.any())
    if not (zeros or a.masked or b.masked):
        return False
    if any(operand.reach is not None for operand in (a, b)) and max(factors(a)[1], factors(b)[1]) > 0:
        raise Refusal("it multiplies by 0 what is scaled as well, and engines may scale it to infinity before", _HINT)
    return True
