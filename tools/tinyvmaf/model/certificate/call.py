"""One node as the rule of its operator sees it: inputs, attributes, and the findings to report."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.model.certificate.values import EVERY, FLOATS, INTEGERS, WHOLE, Exponents, Ints, Refusal, Values, ints
from tinyvmaf.model.contract import MAX_RANK, MAX_VALUES_A_ROW

MAX_WORK: Final = 1_500_000
"""Limit for the elements and products of one proof, which takes seconds. The largest file has 250,000 weights."""


@dataclass(frozen=True)
class Reduction:
    """A sum that was proven exact."""

    node: str
    op: str
    accumulator_bits: int
    """Bits of the largest partial sum, in steps of the finest grid of its terms."""
    operand_bits: tuple[int, int]
    """Significant bits of the two factors of its products. With at most 11 each, TF32 is exact too; with 8, bfloat16.
    The second is 1 if terms are only added."""


@dataclass
class Findings:
    """What a proof collects on its walk through a graph."""

    reductions: list[Reduction] = field(default_factory=list)
    flushed: list[str] = field(default_factory=list)
    """Nodes whose result may change if an engine flushes subnormals to zero."""
    work: int = 0


@dataclass(frozen=True)
class Ends:
    """The ends of a sum as a whole: nearer than those of `Values`, which bound every part of it."""

    lo: Ints
    hi: Ints
    unit: int
    """The ends are in steps of 2^unit."""

    def moved(self, move: Callable[[NDArray[Any]], NDArray[Any]]) -> "Ends":
        """The same ends in another arrangement, by a function of arrays."""
        return Ends(ints(move(self.lo)), ints(move(self.hi)), self.unit)


@dataclass
class NodeCall:
    """A node with the values of its inputs."""

    name: str
    op: str
    inputs: Sequence[Values | None]
    """None for an omitted optional input."""
    outputs: int
    opset: int
    attributes: dict[str, Any]
    findings: Findings
    names: Sequence[str] = ()
    """Names of the inputs."""
    makers: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """By value name: the operator that made it, and the names of that operator's inputs."""
    known: Mapping[str, Values] = field(default_factory=dict)
    ends: Mapping[str, Ends] = field(default_factory=dict)
    """By value name: of sums."""
    own_ends: Ends | None = None
    """Of what this node makes; its rule may set it."""
    looked_at: set[str] = field(default_factory=set)

    def attribute(self, name: str, default: Any) -> Any:
        """An attribute, or its default."""
        self.looked_at.add(name)
        return self.attributes.get(name, default)

    def input(self, number: int) -> Values:
        """A required input."""
        found = self.optional(number)
        if found is None:
            raise Refusal(f"it lacks its input {number}")
        return found

    def optional(self, number: int) -> Values | None:
        """An input, or None if it is omitted."""
        return self.inputs[number] if number < len(self.inputs) else None

    def parameter(self, number: int, what: str) -> list[int] | None:
        """An input that is a parameter, such as a shape or axes: constant integers. None if it is omitted."""
        found = self.optional(number)
        if found is None:
            return None
        if not found.fixed or found.kind not in INTEGERS or found.grid.ndim > 1:
            raise Refusal(f"its {what} are not constants, so what it does is not known before it runs")
        lo, _ = found.at(min(found.unit, 0))
        return [int(n) for n in lo.ravel()]

    def spend(self, elements: int) -> None:
        """Count elements against the limits, before memory is allocated for them."""
        if elements > MAX_VALUES_A_ROW * 4:
            raise Refusal(f"it has {elements:,} elements or products a row, more than the proof looks at")
        self.findings.work += elements
        if self.findings.work > MAX_WORK:
            raise Refusal(f"up to here the graph has more than {MAX_WORK:,} elements and products a row, the limit")

    def exact(self, *operands: Values, closed: bool = False) -> None:
        """Refuse operands that are rounded, may be infinite, or, unless `closed`, must not be merged."""
        for operand in operands:
            if operand.rounded:
                raise Refusal(
                    f"it takes what {operand.rounded} has rounded, and engines may merge the two operations",
                    "let only Round, Floor, Ceil, Clip, Relu, Min, Max or the output follow a value that is rounded",
                )
            if operand.closed and not closed:
                raise Refusal(
                    "it takes a parabola, which engines may expand and merge with it", "Floor or Round it first"
                )
            if operand.infinite:
                raise Refusal(
                    "its input may be infinite", "Clip it first: only selections and roundings take infinity alike"
                )

    def numbers(self, *operands: Values) -> str:
        """The common type of all operands. Refuses mixed types, other types, and integers that are too large."""
        kind = operands[0].kind
        if any(operand.kind != kind for operand in operands):
            raise Refusal(f"its inputs are of the types {', '.join(sorted({o.kind for o in operands}))}, not of one")
        if kind not in FLOATS and kind not in INTEGERS:
            raise Refusal(f"it computes with {kind}, and the proof knows float32, float64, int32 and int64")
        if kind in INTEGERS and not all(operand.within(-WHOLE, WHOLE) for operand in operands):
            raise Refusal(f"its input goes beyond {WHOLE:,}, the limit of engines that use float32 for integers")
        return kind

    def may_show_flushing(self) -> None:
        """Report that flushing subnormals to zero may change the result here."""
        self.findings.flushed.append(self.name)

    def flushed_terms(self, operands: Sequence[Values], grid: Exponents) -> None:
        """Report a sum that flushing may change: its operands are flushed, or its partial sums may be subnormal.

        Args:
            grid: of the sum's terms, or of the sum.
        """
        normal = FLOATS[operands[0].kind].normal if operands[0].kind in FLOATS else -EVERY
        if any(operand.flush is not None for operand in operands) or grid.min() < normal:
            self.may_show_flushing()


def axis_of(axis: int, rank: int) -> int:
    """An axis counted from 0."""
    if not -rank <= axis < rank:
        raise Refusal(f"it names axis {axis} of {rank}")
    return axis % rank


def row_axis(values: Values, axis: int, what: str) -> int:
    """An axis of a row's arrays, which lack the batch axis.

    Args:
        what: what happens along the axis, for the sentence.
    """
    axis = axis_of(axis, values.rank)
    if values.batched and axis == 0:
        raise Refusal(f"it {what} along the batch axis, so a row's result depends on the rows beside it")
    return axis - values.batched


def align(call: NodeCall, *operands: Values) -> tuple[bool, list[Values]]:
    """Broadcast operands as ONNX does. Returns whether there is a batch axis, and the operands."""
    batched = any(operand.batched for operand in operands)
    ranks = {operand.rank for operand in operands if operand.batched}
    if len(ranks) > 1:
        raise Refusal(f"it brings the batch axis of tensors of {' and '.join(map(str, sorted(ranks)))} axes together")
    rows = [_row(operand, max(ranks)) if batched else operand for operand in operands]
    shape = broadcast(*(row.shape for row in rows))
    call.spend(math.prod(shape) * len(rows))
    return batched, [row.spread(shape) for row in rows]


def _row(operand: Values, rank: int) -> Values:
    if operand.batched or operand.rank < rank:
        return operand
    if operand.rank > rank or operand.shape[0] != 1:
        raise Refusal(f"a tensor {list(operand.shape)} meets the batch axis, which has any length")
    return operand.moved(lambda array: array[0])


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of broadcast operands."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise Refusal(f"the shapes {', '.join(str(list(s)) for s in shapes[:5])} do not fit together") from None


def whole(values: Values) -> Values:
    """The same values, if their size is within the limits."""
    if not values.grid.size:
        raise Refusal("a result without elements")
    if values.grid.size > MAX_VALUES_A_ROW or values.rank > MAX_RANK:
        raise Refusal(f"its result has {values.grid.size:,} elements a row; the limit is {MAX_VALUES_A_ROW:,}")
    return values
