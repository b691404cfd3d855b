"""Division of integers, corrected by its remainder: exact however an engine rounds its quotient.

    d = Div(a, b), q = Floor(d), r = Sub(a, Mul(q, b))
    result = Sub(Add(q, Cast(GreaterOrEqual(r, b))), Cast(Less(r, 0)))

For integers a from 0 and b from 1, both below 2^24, the rounded d is within one half of a / b, so q is the floor of
a / b, or one beside it. Then q b lies within 2 b of a, r is exact, and tells which. An engine whose division is off by
less than 1 gives the same.

What is left, Sub(a, Mul(result, b)), is then an integer from 0 to b - 1: the next digit of a long division.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from onnx import NodeProto, TensorProto

from tinyvmaf.model.certificate.call import NodeCall, align
from tinyvmaf.model.certificate.values import FLOATS, WHOLE, Refusal, Values, bits_of, ints, values

_HINT: Final = "Floor what is divided, and the divisor: a quotient is proven of two integers"


@dataclass(frozen=True)
class Quotient:
    """Nodes of a graph that divide integers."""

    takes: tuple[str, str, str]
    """Names of the dividend, the divisor and the 0 that the remainder is compared with."""
    makes: str
    """Name of the result."""
    inner: frozenset[str]
    """Names of what is made in between, which nothing else reads."""
    rest: str = ""
    """Name of what is left, a - result * b; empty if the graph does not make it in this way."""


def quotients(nodes: Sequence[NodeProto], outputs: Sequence[str]) -> list[Quotient]:
    """All such divisions in a graph.

    Args:
        nodes: in the graph's order.
        outputs: names of the graph's outputs.
    """
    maker = {name: node for node in nodes for name in node.output}
    read = Counter(name for node in nodes for name in node.input)
    read.update(outputs)
    found = [_at(node, maker) for node in nodes if node.op_type == "Sub"]
    # Each of what is made in between is read as often as the pattern reads it.
    often = dict(zip("dqmrgulks", (1, 2, 1, 2, 1, 1, 1, 1, 1), strict=True))
    kept = [
        quotient
        for quotient, roles in (one for one in found if one is not None)
        if all(read[name] == often[role] for role, name in roles.items())
    ]
    return [_with_rest(quotient, nodes, maker, read) for quotient in kept]


def _with_rest(
    quotient: Quotient, nodes: Sequence[NodeProto], maker: dict[str, NodeProto], read: Counter[str]
) -> Quotient:
    """The division with what is left of it, if the graph makes that."""
    a, b, _ = quotient.takes
    for node in nodes:
        if node.op_type != "Sub" or len(node.input) != 2 or node.domain not in ("", "ai.onnx") or node.input[0] != a:
            continue
        product = maker.get(node.input[1])
        if product is None or product.op_type != "Mul" or product.domain not in ("", "ai.onnx"):
            continue
        if sorted(product.input) == sorted((quotient.makes, b)) and read[node.input[1]] == 1:
            return replace(quotient, inner=quotient.inner | {node.input[1]}, rest=node.output[0])
    return quotient


def _at(last: NodeProto, maker: dict[str, NodeProto]) -> tuple[Quotient, dict[str, str]] | None:
    """The division that this node ends, and the names of what is made in between, by their roles."""

    def made_by(name: str, op: str) -> list[str] | None:
        node = maker.get(name)
        plain = node is not None and node.op_type == op and node.domain in ("", "ai.onnx")
        return list(node.input) if plain and node is not None else None

    def number_of(name: str, op: str) -> list[str] | None:
        """The inputs of a comparison that is cast to float32."""
        of = made_by(name, "Cast")
        to = [attribute.i for attribute in maker[name].attribute if attribute.name == "to"] if of else []
        return made_by(of[0], op) if of and to == [TensorProto.FLOAT] else None

    if len(last.input) != 2 or last.domain not in ("", "ai.onnx"):
        return None
    s, k = last.input
    under, sums = number_of(k, "Less"), made_by(s, "Add")
    if under is None or sums is None:
        return None
    for q, u in (sums, sums[::-1]):
        over, floored = number_of(u, "GreaterOrEqual"), made_by(q, "Floor")
        divided = made_by(floored[0], "Div") if floored else None
        if over is None or floored is None or divided is None or len(divided) != 2:
            continue
        (a, b), r = divided, over[0]
        rest = made_by(r, "Sub")
        product = made_by(rest[1], "Mul") if rest else None
        if rest is None or product is None or over[1] != b or under[0] != r or rest[0] != a:
            continue
        if sorted(product) != sorted((q, b)):
            continue
        names = (floored[0], q, rest[1], r, maker[u].input[0], u, maker[k].input[0], k, s)
        roles = dict(zip("dqmrgulks", names, strict=True))
        return Quotient((a, b, under[1]), last.output[0], frozenset(names)), roles
    return None


def divide(call: NodeCall) -> Values:
    """The floor of a / b, of a call with the three inputs of `Quotient.takes`."""
    a, b, zero = call.input(0), call.input(1), call.input(2)
    kind = call.numbers(a, b, zero)
    call.exact(a, b)
    if kind not in FLOATS or not zero.fixed or not zero.zero.all():
        raise Refusal(f"it divides {kind}, or compares the remainder with something else than 0")
    if not (a.atom and b.atom) or min(a.lowest, b.lowest) < 0 or a.flush is not None or b.flush is not None:
        raise Refusal("it divides what is not proven to be integers, or what engines may merge with it", _HINT)
    if a.sizes or b.sizes:
        raise Refusal("it divides pictures, and the proof knows quotients of sums only")
    batched, (a, b) = align(call, a, b)
    (lo_a, hi_a), (lo_b, hi_b) = a.at(0), b.at(0)
    if int(np.min(lo_a)) < 0 or int(np.min(lo_b)) < 1:
        raise Refusal("its dividend may be below 0, or its divisor below 1")
    most = int(np.max(hi_a)) + 2 * int(np.max(hi_b))
    if most > WHOLE:
        raise Refusal(f"dividend and remainder reach {most:,}, and float32 counts to {WHOLE:,}", "Clip them before")
    lo, hi = ints(lo_a // hi_b), ints(hi_a // lo_b)
    none = np.zeros(hi.shape, dtype=np.int64)
    return values(kind, batched, lo, hi, 0, none, bits_of(hi, none.astype(np.object_)))


def remain(call: NodeCall) -> Values:
    """What is left of a / b: an integer from 0 to b - 1. The quotient was proven before."""
    batched, (a, b) = align(call, call.input(0), call.input(1))
    hi_a, hi_b = a.at(0)[1], b.at(0)[1]
    hi = ints(np.minimum(hi_a, hi_b - 1))
    none = np.zeros(hi.shape, dtype=np.int64)
    return values(call.input(0).kind, batched, 0, hi, 0, none, bits_of(hi, none.astype(np.object_)))
