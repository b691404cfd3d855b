"""Operators on pictures `[N, C, H, W]` at opset 17, written once for NumPy and PyTorch, as `operators` is.

Windows are taken by slices, so each operator is a few whole-array sums; only PyTorch convolves by its own kernel.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final

import numpy as np

from tinyvmaf.model.engines.library import Array, Attributes, Library, Operator
from tinyvmaf.model.engines.protocol import UnsupportedModelError

INTEGERS: Final[Mapping[str, tuple[int, ...]]] = {"Pad": (1,), "Resize": (3,)}
"""As `operators.INTEGERS`."""
_PADDED: Final = {"constant", "edge", "reflect"}


def windows(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Iterator[tuple[tuple[int, int], Array]]:
    """Each place of a kernel, and what lies under it while the kernel moves over x: `[N, C, h, w]`."""
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    sizes = [(n - span) // s + 1 for n, span, s in zip(x.shape[2:], spans, strides, strict=True)]
    if min(sizes) < 1:
        raise ValueError(f"a kernel of {list(kernel)} on {list(x.shape)}")
    for i, j in product(*map(range, kernel)):
        rows, columns = (
            slice(at * d, at * d + (n - 1) * s + 1, s)
            for at, d, n, s in zip((i, j), dilations, sizes, strides, strict=True)
        )
        yield (i, j), x[:, :, rows, columns]


def _pair(attributes: Attributes, name: str) -> Sequence[int]:
    return tuple(attributes.get(name, (1, 1)))


def _two_axes(x: Array, operator: str) -> None:
    if x.ndim != 4:
        raise UnsupportedModelError(f"{operator} of {x.ndim} axes: only pictures [N, C, H, W] are supported")


def _pads(attributes: Attributes, x: Array, kernel: Sequence[int], operator: str) -> Sequence[int]:
    """Rows and columns to add: top, left, bottom, right."""
    automatic = attributes.get("auto_pad", b"NOTSET").decode()
    if attributes.get("ceil_mode", 0):
        raise UnsupportedModelError(f"{operator} with ceil_mode: not supported")
    if automatic == "NOTSET":
        return tuple(attributes.get("pads", (0, 0, 0, 0)))
    if automatic == "VALID":
        return (0, 0, 0, 0)
    first, last = [], []
    sizes = zip(x.shape[2:], kernel, _pair(attributes, "strides"), _pair(attributes, "dilations"), strict=True)
    for n, k, s, d in sizes:
        all_of_it = max(0, (math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n)
        less, more = all_of_it // 2, all_of_it - all_of_it // 2
        first.append(less if automatic == "SAME_UPPER" else more)
        last.append(more if automatic == "SAME_UPPER" else less)
    return (*first, *last)


def _filled(lib: Library, x: Array, axis: int, places: int, value: float) -> Array:
    shape = tuple(places if i == axis else n for i, n in enumerate(x.shape))
    return lib.constant(np.full(shape, value, dtype=str(x.dtype).removeprefix("torch.")))


def _framed(lib: Library, x: Array, pads: Sequence[int], value: float = 0.0) -> Array:
    """With rows and columns of one value around it."""
    for axis, before, after in ((2, pads[0], pads[2]), (3, pads[1], pads[3])):
        parts = [_filled(lib, x, axis, before, value), x, _filled(lib, x, axis, after, value)]
        x = lib.xp.concatenate(parts, axis) if before or after else x
    return x


def _conv(lib: Library, attributes: Attributes, x: Array, weights: Array, bias: Array = None) -> Array:
    _two_axes(x, "Conv")
    x = _framed(lib, x, _pads(attributes, x, weights.shape[2:], "Conv"))
    strides, dilations = _pair(attributes, "strides"), _pair(attributes, "dilations")
    y = lib.convolve(x, weights, strides, dilations, attributes.get("group", 1))
    return y if bias is None else y + bias.reshape((-1, 1, 1))


def _conv_transpose(lib: Library, attributes: Attributes, x: Array, weights: Array, bias: Array = None) -> Array:
    _two_axes(x, "ConvTranspose")
    if attributes.get("auto_pad", b"NOTSET") != b"NOTSET" or "output_shape" in attributes:
        raise UnsupportedModelError("ConvTranspose with auto_pad or output_shape: not supported")
    strides, dilations, group = _pair(attributes, "strides"), _pair(attributes, "dilations"), attributes.get("group", 1)
    pads, more = attributes.get("pads", (0, 0, 0, 0)), attributes.get("output_padding", (0, 0))
    count, given, *size = x.shape
    made, kernel = weights.shape[1] * group, weights.shape[2:]
    spans = [(n - 1) * s + d * (k - 1) + 1 for n, s, d, k in zip(size, strides, dilations, kernel, strict=True)]
    y = _filled(lib, x[:, :1, :1, :1], 1, made, 0.0)
    y = _framed(lib, y, (0, 0, max(spans[0], spans[0] + more[0]) - 1, max(spans[1], spans[1] + more[1]) - 1))
    cells = x.reshape((count, group, given // group, -1))
    for i, j in product(*map(range, kernel)):
        tap = lib.xp.moveaxis(weights[:, :, i, j].reshape((group, given // group, -1)), 1, 2)
        rows, columns = (
            slice(at * d, at * d + (n - 1) * s + 1, s)
            for at, d, n, s in zip((i, j), dilations, size, strides, strict=True)
        )
        y[:, :, rows, columns] += lib.xp.matmul(tap, cells).reshape((count, made, *size))
    y = y[:, :, pads[0] : y.shape[2] - pads[2], pads[1] : y.shape[3] - pads[3]]
    return y if bias is None else y + bias.reshape((-1, 1, 1))


def _average_pool(lib: Library, attributes: Attributes, x: Array) -> Array:
    _two_axes(x, "AveragePool")
    kernel, strides = attributes["kernel_shape"], _pair(attributes, "strides")
    pads = _pads(attributes, x, kernel, "AveragePool")
    count: Array = math.prod(kernel)
    if any(pads) and not attributes.get("count_include_pad", 0):
        count = sum(part for _, part in windows(_framed(lib, x * 0 + 1, pads), kernel, strides, (1, 1)))
    return sum(part for _, part in windows(_framed(lib, x, pads), kernel, strides, (1, 1))) / count


def _max_pool(lib: Library, attributes: Attributes, x: Array) -> Array:
    _two_axes(x, "MaxPool")
    kernel = attributes["kernel_shape"]
    if attributes.get("storage_order", 0) or "float" not in str(x.dtype):
        raise UnsupportedModelError(f"MaxPool of {x.dtype}, or by columns: not supported")
    x = _framed(lib, x, _pads(attributes, x, kernel, "MaxPool"), -math.inf)
    parts = [part for _, part in windows(x, kernel, _pair(attributes, "strides"), _pair(attributes, "dilations"))]
    y = parts[0]
    for part in parts[1:]:
        y = lib.xp.maximum(y, part)
    return y


def _global(name: str) -> Operator:
    def reduce(lib: Library, _: Attributes, x: Array) -> Array:
        axes = tuple(range(2, x.ndim))
        if name == "amax":
            return lib.xp.amax(x, axes, keepdims=True)
        return lib.xp.sum(x, axis=axes, keepdims=True, dtype=x.dtype) / math.prod(x.shape[2:])

    return reduce


def _pad(lib: Library, attributes: Attributes, x: Array, pads: Sequence[int], value: Array = None) -> Array:
    mode = attributes.get("mode", b"constant").decode()
    if mode not in _PADDED or min(pads) < 0:
        raise UnsupportedModelError(f"Pad of mode {mode}, {list(pads)}: {', '.join(sorted(_PADDED))} of 0 and more")
    for axis, (before, after) in enumerate(zip(pads[: x.ndim], pads[x.ndim :], strict=True)):
        if not before and not after:
            continue
        if mode == "constant":
            constant = 0.0 if value is None else float(value.reshape(()))
            parts = [_filled(lib, x, axis, before, constant), x, _filled(lib, x, axis, after, constant)]
            x = lib.xp.concatenate(parts, axis)
        else:
            places = np.pad(np.arange(x.shape[axis]), (before, after), mode="edge" if mode == "edge" else "reflect")
            x = _taken(x, axis, places.tolist())
    return x


def _taken(x: Array, axis: int, places: list[int]) -> Array:
    return x[(slice(None),) * axis + (places,)]


def _depth_to_space(lib: Library, attributes: Attributes, x: Array) -> Array:
    size, (count, depth, height, width) = attributes["blocksize"], x.shape
    left = depth // size**2
    if attributes.get("mode", b"DCR") == b"DCR":
        x, order = x.reshape((count, size, size, left, height, width)), (0, 3, 4, 1, 5, 2)
    else:
        x, order = x.reshape((count, left, size, size, height, width)), (0, 1, 4, 2, 5, 3)
    return lib.xp.moveaxis(x, order, tuple(range(6))).reshape((count, left, height * size, width * size))


def _space_to_depth(lib: Library, attributes: Attributes, x: Array) -> Array:
    size, (count, depth, height, width) = attributes["blocksize"], x.shape
    x = x.reshape((count, depth, height // size, size, width // size, size))
    x = lib.xp.moveaxis(x, (0, 3, 5, 1, 2, 4), tuple(range(6)))
    return x.reshape((count, depth * size**2, height // size, width // size))


def _resize(
    lib: Library, attributes: Attributes, x: Array, _: Array = None, scales: Array = None, sizes: object = None
) -> Array:
    mode = attributes.get("mode", b"nearest").decode()
    where = attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    rounded = attributes.get("nearest_mode", b"round_prefer_floor").decode()
    if scales is None or sizes is not None or mode not in ("nearest", "linear"):
        raise UnsupportedModelError(f"Resize of mode {mode}: nearest and linear by constant scales are supported")
    for axis, scale in enumerate(map(float, scales)):
        if scale == 1.0:
            continue
        size = x.shape[axis]
        at = np.arange(int(size * scale), dtype=np.float64)
        if where == "asymmetric":
            at /= scale
        elif where in ("half_pixel", "pytorch_half_pixel"):
            at = (at + 0.5) / scale - 0.5
        elif where == "align_corners":
            at = at * (size - 1) / max(len(at) - 1, 1)
        else:
            raise UnsupportedModelError(f"Resize by coordinates {where}: not supported")
        if mode == "nearest":
            ways = {"floor": np.floor(at), "ceil": np.ceil(at), "round_prefer_floor": np.ceil(at - 0.5)}
            places = ways.get(rounded, np.floor(at + 0.5)).clip(0, size - 1)
            x = _taken(x, axis, places.astype(int).tolist())
            continue
        low = np.floor(at)
        share = lib.constant((at - low).astype(np.float32).reshape((-1,) + (1,) * (x.ndim - axis - 1)))
        first, second = (places.clip(0, size - 1).astype(int).tolist() for places in (low, low + 1))
        x = _taken(x, axis, first) * (1 - share) + _taken(x, axis, second) * share
    return x


def _instance_normalization(_: Library, attributes: Attributes, x: Array, scale: Array, bias: Array) -> Array:
    axes = tuple(range(2, x.ndim))
    count = math.prod(x.shape[2:])
    centred = x - x.sum(axes, keepdims=True) / count
    variance = (centred * centred).sum(axes, keepdims=True) / count
    scale, bias = (one.reshape((-1, *(1,) * len(axes))) for one in (scale, bias))
    return centred / (variance + attributes.get("epsilon", 1e-5)) ** 0.5 * scale + bias


PICTURE_OPERATORS: Final[Mapping[str, Operator]] = {
    "AveragePool": _average_pool,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "GlobalAveragePool": _global("sum"),
    "GlobalMaxPool": _global("amax"),
    "InstanceNormalization": _instance_normalization,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Resize": _resize,
    "SpaceToDepth": _space_to_depth,
}
"""What models of pictures may have beside `operators.OPERATORS`."""
