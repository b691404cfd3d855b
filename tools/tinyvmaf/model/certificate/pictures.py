"""Operators on pictures `[N, C, H, W]` of any height and width.

All cells of a channel are known alike: its arrays have one cell, `[C, 1, 1]`. So an operator that does the same to
every cell has the rule that it has without pictures (`each_cell`). A sum over a picture has as many terms as the
largest picture has cells.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.model.certificate.call import NodeCall, axis_of, whole
from tinyvmaf.model.certificate.choosing import one_of, reduce_choice, reduced_axes
from tinyvmaf.model.certificate.matrices import added
from tinyvmaf.model.certificate.values import FLOATS, Refusal, Values, constant, values
from tinyvmaf.model.certificate.windows import Sizes, average_pool, conv, max_pool, pad, picture

Rule = Callable[[NodeCall], Values | list[Values]]

_CHANNELS: Final = 1
_PLANE: Final = (1, 2)
"""Height and width in a row's arrays."""


def each_cell(rule: Rule) -> Rule:
    """The rule of an operator that does the same to every cell of its pictures."""

    def of_pictures(call: NodeCall) -> Values | list[Values]:
        for operand in call.inputs:
            if operand is not None and not operand.sizes and max(operand.shape[-2:], default=1) > 1:
                raise Refusal(
                    f"a tensor {list(operand.shape)} meets the height and width of a picture, which have any length",
                    "give it the shape [C, 1, 1]",
                )
        return _with_sizes(rule(call), _sizes(call))

    return of_pictures


def along_channels(rule: Rule) -> Rule:
    """The rule of an operator that joins or cuts along the axis of channels."""

    def of_pictures(call: NodeCall) -> Values | list[Values]:
        rank = 4
        if axis_of(int(call.attribute("axis", 0)), rank) != _CHANNELS:
            raise Refusal("it joins or cuts a picture along another axis than its channels")
        if call.op == "Concat" and not all(operand is not None and operand.sizes for operand in call.inputs):
            raise Refusal("it joins a picture with a tensor of one size")
        return _with_sizes(rule(call), _sizes(call))

    return of_pictures


def _sizes(call: NodeCall) -> Sizes:
    """Those of its pictures: engines refuse pictures that differ."""
    return next(operand.sizes for operand in call.inputs if operand is not None and operand.sizes)


def _with_sizes(made: Values | list[Values], sizes: Sizes) -> Values | list[Values]:
    if isinstance(made, list):
        return [replace(one, sizes=sizes) for one in made]
    return replace(made, sizes=sizes)


def reduce_sum(call: NodeCall) -> Values:
    """ReduceSum and ReduceSumSquare over channels, over height and width, or over all three."""
    a, (axes, keep, plane) = picture(call), _reduced(call)
    made = added(call, replace(a, sizes=()), axes, a.cells if plane else 1)

    def kept(array: NDArray[Any]) -> NDArray[Any]:
        return np.expand_dims(array, axes) if keep else array

    call.own_ends = call.own_ends and call.own_ends.moved(kept)
    return whole(replace(made.moved(kept), sizes=() if plane else a.sizes))


def reduce_extreme(call: NodeCall) -> Values:
    """ReduceMax and ReduceMin over the same axes."""
    a, (_, _, plane) = picture(call), _reduced(call)
    return replace(reduce_choice(call), sizes=() if plane else a.sizes)


def _reduced(call: NodeCall) -> tuple[tuple[int, ...], bool, bool]:
    """The axes in a row's arrays, whether they are kept, and whether height and width are among them."""
    a, keep = call.input(0), bool(call.attribute("keepdims", 1))
    axes = reduced_axes(call, a)
    there = {*axes} & {*_PLANE}
    if there and there != {*_PLANE}:
        raise Refusal("it goes along one of height and width", "name both")
    if not there and not keep:
        raise Refusal("it leaves a picture without an axis of channels", "keep the axis")
    return axes, keep, bool(there)


def slice_cells(rule: Rule) -> Rule:
    """The rule of Slice: of channels as without pictures; of height and width, any part has the same values."""

    def of_pictures(call: NodeCall) -> Values | list[Values]:
        a = picture(call)
        starts, steps = call.parameter(1, "starts") or [], call.parameter(4, "steps")
        ends, axes = call.parameter(2, "ends") or [], call.parameter(3, "axes")
        axes = list(range(len(starts))) if axes is None else [axis_of(axis, 4) for axis in axes]
        steps = [1] * len(starts) if steps is None else steps
        if not len(starts) == len(ends) == len(axes) == len(steps) or any(step < 1 for step in steps):
            raise Refusal("its bounds do not fit together, or it goes backwards")
        channels = [i for i, axis in enumerate(axes) if axis == _CHANNELS]
        if 0 in axes or len(set(axes)) != len(axes):
            raise Refusal("it cuts along the batch axis, or an axis twice")
        picked = [
            constant(np.array([part[i] for i in channels], dtype=np.int64)) for part in (starts, ends, axes, steps)
        ]
        made = rule(replace(call, inputs=[a, *picked])) if channels else a
        return _with_sizes(made, a.sizes)

    return of_pictures


def space_to_depth(call: NodeCall) -> Values:
    """SpaceToDepth: each channel becomes blocksize^2 channels."""
    a, block = picture(call), int(call.attribute("blocksize", 0))
    _block(call, block)
    call.spend(a.grid.size * block**2)
    made = a.moved(lambda x: np.tile(x, (block**2, 1, 1)))
    return whole(replace(made, sizes=tuple((h // block, w // block) for h, w in a.sizes)))


def depth_to_space(call: NodeCall) -> Values:
    """DepthToSpace: blocksize^2 channels become one."""
    a, block = picture(call), int(call.attribute("blocksize", 0))
    mode = call.attribute("mode", b"DCR")
    _block(call, block)
    if a.shape[0] % block**2 or mode not in (b"DCR", b"CRD"):
        raise Refusal(f"its {a.shape[0]} channels are no multiple of {block**2}, or its mode is unknown")
    call.spend(a.grid.size)
    by_block = (block**2, -1) if mode == b"DCR" else (-1, block**2)
    axis = by_block.index(block**2)

    def joined(array: NDArray[Any], least: bool) -> NDArray[Any]:
        blocks = array.reshape(by_block)
        chosen: NDArray[Any] = blocks.min(axis=axis) if least else blocks.max(axis=axis)
        return chosen.reshape(-1, 1, 1)

    made = values(
        a.kind,
        a.batched,
        joined(a.lo, True),
        joined(a.hi, False),
        a.unit,
        joined(a.grid, True),
        joined(a.bits, False),
    )
    made = replace(one_of(made, a), chosen=a.chosen, closed=a.closed)
    return replace(made, sizes=tuple((h * block, w * block) for h, w in a.sizes))


def _block(call: NodeCall, block: int) -> None:
    if not 1 <= block <= 64:
        raise Refusal(f"its blocksize is {block}")
    if call.input(0).kind not in FLOATS:
        raise Refusal(f"it moves {call.input(0).kind}, and not every engine has that")


def picture_rules(rules: dict[str, Rule]) -> dict[str, Rule]:
    """The rule of each operator that takes a picture.

    Args:
        rules: those of operators that do not.
    """
    of_cells = (
        *("Add", "Sub", "Sum", "Mul", "Div", "Neg", "Max", "Min", "Relu", "Clip", "Abs", "Where", "Round", "Floor"),
        *("Ceil", "Sign", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not"),
        *("Cast", "Identity"),
    )
    return {
        **{name: each_cell(rules[name]) for name in of_cells},
        **{name: along_channels(rules[name]) for name in ("Concat", "Split", "Gather")},
        "Slice": slice_cells(rules["Slice"]),
        "Conv": conv,
        "AveragePool": average_pool,
        "MaxPool": max_pool,
        "Pad": pad,
        **dict.fromkeys(("ReduceSum", "ReduceSumSquare"), reduce_sum),
        **dict.fromkeys(("ReduceMax", "ReduceMin"), reduce_extreme),
        "SpaceToDepth": space_to_depth,
        "DepthToSpace": depth_to_space,
    }
