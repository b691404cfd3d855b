"""A Reshape to a shape that the graph computes from the number of frames, as `x.view(x.size(0), -1)` is exported.

The computed shape is followed with a symbol for the number of frames. Where that settles it, a constant takes its
place.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError

_FRAMES: Final = "frames/N"
_MOST: Final = 8  # elements of a shape
_ROUNDS: Final = 8  # behind a Reshape, shapes are known in the next round
_SAME: Final = ("Cast", "Identity", "Squeeze", "Unsqueeze")
Shape = list[int | str]
"""Each a length, `_FRAMES`, or '' if nobody knows."""


def settled(model: ModelProto) -> bool:
    """Put constants in place of computed shapes, in place.

    Args:
        model: a graph that `onnx.checker` accepts, whose inputs have frames on their first axis.

    Returns:
        Whether there was one.

    Raises:
        ModelError: it computes with a shape in another way.
    """
    graph = model.graph
    for done in range(_ROUNDS):
        if not any(node.op_type == "Shape" for node in graph.node):
            return done > 0
        shapes = _shapes_of(model)
        values = _followed(graph, shapes)
        for node in graph.node:
            wanted = values.get(node.input[1]) if node.op_type == "Reshape" and len(node.input) == 2 else None
            if wanted and _FRAMES in wanted and (constant := _constant(wanted, shapes.get(node.input[0], []))):
                name = f"{node.output[0]}/shape"
                graph.initializer.append(numpy_helper.from_array(np.array(constant, dtype=np.int64), name))
                node.input[1] = name
        _remove_unused(graph, values)
    left = next((node for node in graph.node if node.op_type == "Shape"), None)
    if left is None:
        return True
    raise ModelError(
        f"node {(left.name or left.output[0])[:40]!r} (Shape): what is computed from it is not known before it runs",
        hint="reshape to constants and one -1",
    )


def _shapes_of(model: ModelProto) -> dict[str, Shape]:
    copy = ModelProto()
    copy.CopyFrom(model)
    for value in copy.graph.input:
        value.type.tensor_type.shape.dim[0].dim_param = _FRAMES
    del copy.graph.output[:], copy.graph.value_info[:]
    copy.graph.output.extend(helper.make_empty_tensor_value_info(one.name) for one in model.graph.output)
    inferred = onnx.shape_inference.infer_shapes(copy).graph
    return {
        one.name: [axis.dim_value or (_FRAMES if axis.dim_param == _FRAMES else "") for axis in shape.dim]
        for one in (*inferred.input, *inferred.value_info, *inferred.output)
        for shape in [one.type.tensor_type.shape]
        if one.type.tensor_type.HasField("shape")
    }


def _followed(graph: onnx.GraphProto, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """The values that shapes are made of, by name: constants, shapes, and what is made of them."""
    found: dict[str, Shape] = {}
    tensors = {one.name: one for one in graph.initializer}
    tensors |= {n.output[0]: a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute if a.HasField("t")}
    for name, tensor in tensors.items():
        if tensor.data_type in (TensorProto.INT64, TensorProto.INT32) and np.prod(tensor.dims) <= _MOST:
            found[name] = [int(one) for one in numpy_helper.to_array(tensor).ravel()]
    for node in graph.node:
        given = [found[name] for name in node.input if name in found]
        if node.op_type == "Shape" and node.input[0] in shapes:
            attributes = {one.name: one.i for one in node.attribute}
            found[node.output[0]] = shapes[node.input[0]][attributes.get("start", 0) : attributes.get("end")]
        elif given and len(given) == len([name for name in node.input if name]):
            value = _made(node, given)
            if value is not None:
                found[node.output[0]] = value
    return found


def _made(node: NodeProto, given: Sequence[Shape]) -> Shape | None:
    first, *others = given
    numbers = [[one for one in other if isinstance(one, int)] for other in others]
    if node.op_type in _SAME:
        return first
    if node.op_type == "Concat":
        return [one for part in given for one in part]
    if node.op_type == "Gather" and all(-len(first) <= i < len(first) for i in numbers[0]):
        return [first[i] for i in numbers[0]]
    if node.op_type == "Slice" and len(numbers) > 1 and len(numbers[0]) == len(numbers[1]) == 1:
        step = numbers[3][0] if len(numbers) > 3 else 1
        return first[numbers[0][0] : numbers[1][0] : step] if step else None
    return None


def _constant(wanted: Shape, of: Shape) -> list[int] | None:
    """The shape without the symbol: -1, or 0 where that axis is copied; None if it cannot be said."""
    if wanted.count(_FRAMES) != 1 or "" in wanted:
        return None
    place = wanted.index(_FRAMES)
    if -1 in wanted:
        if place >= len(of) or of[place] != _FRAMES:
            return None
        return [0 if one == _FRAMES else int(one) for one in wanted]
    return [-1 if one == _FRAMES else int(one) for one in wanted]


def _remove_unused(graph: onnx.GraphProto, values: Mapping[str, Shape]) -> None:
    """Remove nodes that only made shapes, if nothing reads them any more."""
    kept, read = list[NodeProto](), {one.name for one in graph.output}
    for node in reversed(graph.node):
        if set(node.output) & read or not set(node.output) <= set(values):
            kept.append(node)
            read |= set(node.input)
    del graph.node[:]
    graph.node.extend(reversed(kept))
