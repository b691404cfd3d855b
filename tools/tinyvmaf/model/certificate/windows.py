"""Conv, AveragePool, MaxPool and Pad: what goes over windows of a picture.

A convolution is a sum of products in any order. Some engines compute it by Winograd's rule or by a Fourier transform,
which add before they multiply: of dense kernels with a stride of 1 (ARM's Compute Library, cuDNN).
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.model.certificate.call import NodeCall, axis_of
from tinyvmaf.model.certificate.choosing import either, one_of
from tinyvmaf.model.certificate.matrices import added, mean_of, require_operands, with_bias
from tinyvmaf.model.certificate.values import Refusal, Values, constant, ints

_WINOGRAD_HINT: Final = "let its stride be 2, its kernel 1 by 1, or give each channel a kernel of its own (group)"
Sizes = tuple[tuple[int, int], ...]


def picture(call: NodeCall) -> Values:
    """The first input, which has to be a picture."""
    a = call.input(0)
    if not a.sizes:
        raise Refusal("it takes a tensor whose height and width are not both symbols")
    return a


def conv(call: NodeCall) -> Values:
    """Conv with constant weights."""
    a, w, bias = picture(call), call.input(1), call.optional(2)
    require_operands(call, a, w)
    if not w.fixed or w.grid.ndim != 4:
        raise Refusal("its weights are not constants of four axes")
    group, kernel = int(call.attribute("group", 1)), w.shape[2:]
    outputs, channels = w.shape[0], a.shape[0]
    if group < 1 or channels != w.shape[1] * group or outputs % group:
        raise Refusal(f"its weights {list(w.shape)} and its group {group} do not fit {channels} channels")
    strides, dilations, pads = _window(call, kernel)
    by_channel = group == channels > 1
    if prod(kernel) > 1 and max(strides) == 1 and min(dilations) == 1 and not by_channel:
        raise Refusal(
            "some engines compute a dense kernel with a stride of 1 by Winograd's rule, which is not exact",
            _WINOGRAD_HINT,
        )
    sizes = _windows(a.sizes, kernel, strides, dilations, pads)
    if max(pads):
        a = _or_zero(a)
    # Of each group a row of its channels, each as often as the kernel has places, times the group's weights.
    rows = replace(a, sizes=()).moved(lambda x: np.repeat(x.reshape(group, 1, -1), prod(kernel), axis=2))
    columns = w.moved(lambda x: x.reshape(group, outputs // group, -1).transpose(0, 2, 1))
    if bias is not None:
        call.numbers(a, bias)
        call.exact(bias)
        if not bias.fixed or bias.shape != (outputs,):
            raise Refusal(f"its bias is not {outputs} constants")
        bias = bias.moved(lambda x: x.reshape(group, 1, -1))
    made = with_bias(call, rows, columns, True, True, bias)
    call.own_ends = call.own_ends and call.own_ends.moved(_to_channels)
    return replace(made.moved(_to_channels), sizes=sizes)


def _to_channels(array: NDArray[Any]) -> NDArray[Any]:
    return array.reshape(-1, 1, 1)


def _or_zero(a: Values) -> Values:
    """Zeros beside a picture: a sum at its border has fewer terms."""
    return replace(a, lo=ints(np.minimum(a.lo, 0)), hi=ints(np.maximum(a.hi, 0)))


def _window(call: NodeCall, kernel: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Strides, dilations and pads of a Conv or a pool."""
    named = [int(n) for n in call.attribute("kernel_shape", kernel)]
    strides = [int(n) for n in call.attribute("strides", (1, 1))]
    dilations = [int(n) for n in call.attribute("dilations", (1, 1))]
    pads = [int(n) for n in call.attribute("pads", (0, 0, 0, 0))]
    auto = call.attribute("auto_pad", b"NOTSET")
    if auto not in (b"NOTSET", b"VALID"):
        raise Refusal("its auto_pad leaves the pads to the engine", "write them into its attribute pads")
    if named != list(kernel) or (len(strides), len(dilations), len(pads)) != (2, 2, 4):
        raise Refusal(f"its kernel {named[:8]}, strides, dilations or pads do not fit a picture")
    if min(*named, *strides, *dilations) < 1 or min(pads) < 0:
        raise Refusal("its kernel, strides, dilations or pads are out of range")
    return strides, dilations, pads


def _windows(
    sizes: Sizes, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], pads: Sequence[int]
) -> Sizes:
    """How many windows a picture has, at most, in height and width."""
    found = []
    for size in sizes:
        spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
        room = [
            n + before + after - span for n, before, after, span in zip(size, pads[:2], pads[2:], spans, strict=True)
        ]
        if min(room) < 0:
            raise Refusal(f"its kernel covers {spans[0]} by {spans[1]} cells, more than the largest picture has here")
        found.append((room[0] // strides[0] + 1, room[1] // strides[1] + 1))
    return tuple(found)


def average_pool(call: NodeCall) -> Values:
    """AveragePool of a power of two of cells, without pads."""
    a = picture(call)
    kernel = [int(n) for n in call.attribute("kernel_shape", ())]
    strides, dilations, pads = _window(call, kernel)
    call.attribute("count_include_pad", 0)  # without pads it says nothing
    count = prod(kernel)
    if count & (count - 1):
        raise Refusal(f"it divides by {count}, which is no power of two, and engines multiply by the reciprocal")
    if max(pads) or call.attribute("ceil_mode", 0):
        raise Refusal("at the border it divides by another count", "leave out pads and ceil_mode")
    call.spend(count * a.grid.size)
    plain = replace(a, sizes=())
    window = plain.moved(lambda x: np.broadcast_to(x, (count, *x.shape)))
    made = mean_of(call, added(call, window, (0,)), plain, count)
    return replace(made, sizes=_windows(a.sizes, kernel, strides, dilations, pads))


def max_pool(call: NodeCall) -> Values:
    """MaxPool, which selects; cells beside the picture never win."""
    a = picture(call)
    call.numbers(a)
    call.exact(a)
    kernel = [int(n) for n in call.attribute("kernel_shape", ())]
    strides, dilations, pads = _window(call, kernel)
    call.attribute("storage_order", 0)  # of its second output
    if call.attribute("ceil_mode", 0):
        raise Refusal("engines differ in how many windows ceil_mode gives", "leave it out")
    if any(pad >= n for pad, n in zip(pads, [*kernel, *kernel], strict=True)):
        raise Refusal("a window lies beside the picture")
    call.spend(a.grid.size)
    return replace(one_of(a, a), sizes=_windows(a.sizes, kernel, strides, dilations, pads))


def pad(call: NodeCall) -> Values:
    """Pad of height and width: by a constant, or by cells of the picture."""
    a, amounts = picture(call), call.parameter(1, "pads") or []
    axes = call.parameter(3, "axes")
    places = list(range(4)) if axes is None else [axis_of(axis, 4) for axis in axes]
    if len(amounts) != 2 * len(places) or len(set(places)) != len(places) or min(amounts, default=0) < 0:
        raise Refusal("its pads do not fit the picture, or cut it")
    by_axis = dict(zip(places, zip(amounts[: len(places)], amounts[len(places) :], strict=True), strict=True))
    if any(max(amount) for axis, amount in by_axis.items() if axis < 2):
        raise Refusal("it adds pictures or channels")
    rows, columns = (sum(by_axis.get(axis, (0, 0))) for axis in (2, 3))
    mode = call.attribute("mode", b"constant")
    made = a
    if mode == b"constant":
        fill = call.optional(2)
        fill = constant(np.zeros((), dtype=a.kind)) if fill is None else fill
        call.numbers(a, fill)
        if not fill.fixed or fill.grid.size != 1 or a.infinite or fill.infinite:
            raise Refusal("it fills with no constant, or its input may be infinite", "Clip it first")
        made = either(a, fill.moved(lambda x: x.reshape(())).spread(a.shape))
    elif mode not in (b"edge", b"reflect"):
        raise Refusal(f"the proof does not know its mode {mode!r:.20}")
    call.spend(a.grid.size)
    return replace(made, sizes=tuple((height + rows, width + columns) for height, width in a.sizes))
