"""The contract of models that take pictures, checked statically, as `contract` is for rows of features.

Input `luma` `[N, 1, H, W]`, float32 (samples / 255) or uint8, with N, H and W symbolic: any size from 64x64 up. Output
`score` float32 `[N, 1]`, or `picture` of the input's type and shape. The rest is as for rows: one file, opset 17,
allowed operators, finite weights. The size of every value grows with the pictures and with their pixels, no faster.
"""

import math
from collections.abc import Iterator
from typing import Final

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from tinyvmaf.model.contract import MAX_RANK, OUTPUT
from tinyvmaf.model.contract.luma import LUMA, PICTURE, SMALLEST
from tinyvmaf.model.contract.shapes import may_crash, shape_of, without_ml
from tinyvmaf.model.contract.words import in_one_line, node_name, quoted, type_name

OPERATORS: Final = frozenset(
    {
        *("AveragePool", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool", "GlobalMaxPool"),
        *("InstanceNormalization", "MaxPool", "Pad", "Resize", "SpaceToDepth"),
    }
)
"""Allowed beside `contract.OPERATORS`."""
MAX_VALUES_A_PIXEL: Final = 64
"""Limit for the elements of any value, per pixel of the input: 2.1 GB in float32 at 3840x2160."""
_FEW: Final = 100_000
"""Elements that a value may have whatever the size of the picture: weights that a node makes, or pooled features."""
_TYPES: Final = (TensorProto.FLOAT, TensorProto.UINT8)
_SIZES: Final = ((1, SMALLEST, SMALLEST), (3, SMALLEST, SMALLEST), (1, 67, 101), (1, 2160, 3840))
"""Number, height and width of pictures for which shapes are inferred."""
_HINT: Final = "export it with symbolic H and W; a mean over height and width makes any size one row"


def takes_pictures(graph: GraphProto) -> bool:
    """Whether the graph is meant for pictures: it has one input, of rank 4 or called `luma`."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input[:10] if value.name not in constants]
    return len(inputs) == 1 and (inputs[0].name == LUMA or len(inputs[0].type.tensor_type.shape.dim) == 4)


def interface_faults(graph: GraphProto, output: str | None = None) -> list[str]:
    """How the graph's interface differs from `luma` to `score` or `picture`.

    Args:
        output: which of the two its kind gives; None: either.
    """
    if len(graph.input) != 1 or len(graph.output) != 1:
        counts = f"{len(graph.input)} inputs and {len(graph.output)} outputs"
        return [f"the graph has {counts}; the contract of pictures is one input, {LUMA!r}, and one output"]
    taken, given = graph.input[0], graph.output[0]
    wanted = [output] if output else [OUTPUT, PICTURE]
    found = [] if taken.name == LUMA else [f"the input is called {quoted(taken.name)}; the contract is {LUMA!r}"]
    if given.name not in wanted:
        named = " or ".join(map(repr, wanted))
        found.append(f"the output is called {quoted(given.name)}; the contract is {named}")
    found += list(_input_faults(taken)) or list(_output_faults(taken, given))
    return found + [
        f"{node_name(i, node)} gives {len(node.output)} outputs; one is allowed"
        for i, node in enumerate(graph.node)
        if node.op_type in OPERATORS and len(node.output) != 1
    ]


def _input_faults(value: ValueInfoProto) -> Iterator[str]:
    shape, kind = shape_of(value), value.type.tensor_type.elem_type
    where = f"input {quoted(value.name)}"
    if kind not in _TYPES:
        yield f"{where} is of element type {type_name(kind)}; the contract is float32 (samples / 255) or uint8"
    if shape is None or len(shape) != 4:
        yield f"{where} has {'no shape' if shape is None else f'rank {len(shape)}'}; the contract is [N, 1, H, W]"
        return
    count, channels, height, width = shape
    if channels != 1:
        many = f"{channels} channels" if isinstance(channels, int) else "an open number of channels"
        yield (
            f"{where} has {many}, and the contract is luma alone, [N, 1, H, W]: a metric of colours would need the "
            "chroma of each video; make the channels of luma in the graph, by a first Conv, or train on luma"
        )
    if isinstance(count, int):
        yield f"{where} has a fixed batch of {count}; the contract is a symbolic N: any number of pictures"
    if isinstance(height, int) or isinstance(width, int):
        least = f"{SMALLEST}x{SMALLEST}"
        yield f"{where} needs pictures of {width}x{height}, and videos have any size from {least} up: {_HINT}"
    named = [axis for axis in (count, height, width) if isinstance(axis, str)]
    if len(named) == 3 and ("?" in named or len(set(named)) < 3):
        yield f"{where} has the axes {', '.join(named)}: N, H and W need a symbol each, and not the same one"


def _output_faults(taken: ValueInfoProto, given: ValueInfoProto) -> Iterator[str]:
    shape, wanted = shape_of(given), shape_of(taken)
    kind, expected = given.type.tensor_type.elem_type, taken.type.tensor_type.elem_type
    where = f"output {quoted(given.name)}"
    if given.name == PICTURE:
        if kind != expected:
            yield f"{where} is of element type {type_name(kind)}, its input {type_name(expected)}; they must be equal"
        if shape is None or len(shape) != 4:
            yield f"{where} is {shape}; the contract is the shape of the input, {wanted}"
    else:
        if kind != TensorProto.FLOAT:
            yield f"{where} is of element type {type_name(kind)}; the contract is float32"
        if shape is None or wanted is None or len(shape) != 2 or shape[0] != wanted[0] or shape[1] != 1:
            yield f"{where} is {shape}; the contract is [N, 1] with the N of the input: a score a picture"


def value_faults(model: ModelProto) -> list[str]:
    """Values whose size is unknown, too large, or not proportional to the number of pictures.

    Args:
        model: without other faults; `onnx.checker` accepts it.
    """
    known = []
    for count, height, width in _SIZES:
        try:
            known.append(_inferred(model, count, height, width))
        except onnx.shape_inference.InferenceError as error:
            return [f"its shapes do not fit {count} pictures of {width}x{height}: {in_one_line(error)}"]
    for i, node in enumerate(model.graph.node):
        for name in filter(None, node.output):
            if wrong := _growth([shape_of(one[name]) if name in one else None for one in known]):
                return [f"{node_name(i, node)}: {quoted(name)} {wrong}"]  # only the first: later ones follow from it
        if node.op_type == "SpaceToDepth" and (wrong := _left_over(node, known)):
            return [f"{node_name(i, node)} {wrong}"]
        if node.op_type == "Div" and may_crash(model.graph, node, known[0]):
            return [
                f"{node_name(i, node)} divides integers by what may be 0 or -1, which ends the process of an engine"
            ]
    name = model.graph.output[0].name
    for (count, height, width), one in zip(_SIZES, known, strict=True):
        shape, expected = shape_of(one[name]), [count, 1, height, width] if name == PICTURE else [count, 1]
        if shape != expected:
            return [f"output {name!r} of {count} pictures of {width}x{height} is {shape}, not {expected}"]
    return []


def _inferred(model: ModelProto, count: int, height: int, width: int) -> dict[str, ValueInfoProto]:
    """All values with their shapes for pictures of this number and size."""
    bare = ModelProto()
    bare.CopyFrom(model)
    without_ml(bare.graph)
    # Shape inference falls back on the declared shapes, so a file could claim that its values are small.
    del bare.graph.value_info[:]
    bare.graph.output[0].type.tensor_type.ClearField("shape")
    for axis, length in zip(bare.graph.input[0].type.tensor_type.shape.dim, (count, 1, height, width), strict=True):
        axis.dim_value = length
    # Without data_prop, which allocates constants.
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True).graph
    return {value.name: value for value in [*inferred.input, *inferred.value_info, *inferred.output]}


def _left_over(node: NodeProto, known: list[dict[str, ValueInfoProto]]) -> str:
    """Why a SpaceToDepth does not take every size, which shape inference overlooks; empty if it does."""
    block = next((one.i for one in node.attribute if one.name == "blocksize"), 1)
    for (_, height, width), one in zip(_SIZES, known, strict=True):
        shape = shape_of(one[node.input[0]]) or []
        if any(isinstance(axis, int) and axis % block for axis in shape[2:]):
            return f"takes multiples of {block} only, and gets {shape} of a picture of {width}x{height}: pad it first"
    return ""


def _growth(shapes: list[list[int | str] | None]) -> str:
    """What is wrong with the size of a value, given its shapes for `_SIZES`; empty if nothing."""
    sizes = []
    for shape in shapes:
        if shape is None or any(isinstance(axis, str) for axis in shape):
            return "has a shape that is unknown before it runs"
        if len(shape) > MAX_RANK:
            return f"has {len(shape)} axes; at most {MAX_RANK} are allowed"
        sizes.append(math.prod(axis for axis in shape if isinstance(axis, int)))
    one, three, *_ = sizes
    if not all(sizes):
        return "has no element for some size of picture, and engines differ in what they make of nothing"
    if three not in (one, 3 * one):
        return f"has {one} elements for one picture and {three} for three: not in proportion"
    for size, (count, height, width) in zip(sizes, _SIZES, strict=True):
        if size > max(MAX_VALUES_A_PIXEL * count * height * width, _FEW * count):
            return (
                f"has {size:,} elements for {count} pictures of {width}x{height}; at most {MAX_VALUES_A_PIXEL} a pixel "
                "are allowed"
            )
    return ""
