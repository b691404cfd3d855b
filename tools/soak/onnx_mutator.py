"""Mutated ONNX files: bytes, and the parts of a graph."""

from collections.abc import Callable
from random import Random
from typing import Final

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

NUMBERS: Final = (0, 1, -1, 2, 5, 7, 2**31 - 1, -(2**31), 2**31, 2**40, 2**62, 2**63 - 1, -(2**63))
FLOATS: Final = (0.0, -0.0, 1e-45, 1e38, -1e38, float("inf"), float("nan"), 0.5)
OPERATORS: Final = (
    *("Loop", "If", "Scan", "Expand", "Tile", "Range", "ConstantOfShape", "Resize", "Conv", "OneHot", "Einsum"),
    *("NonZero", "Pad", "TopK", "Unique", "Gather", "GatherND", "ScatterND", "Reshape", "Slice", "Split", "Shape"),
    *("Div", "Mod", "Pow", "Cast", "Relu", "Exp", "Log", "Sqrt", "Softmax", "ReduceMean", "ReduceSum", "Transpose"),
    *("Squeeze", "Unsqueeze", "Concat", "Clip", "Gemm", "MatMul", "QuantizeLinear", "DequantizeLinear", "Identity"),
    *("LayerNormalization", "BatchNormalization", "Dropout", "Where", "Flatten", "RandomNormal", "Optional"),
)


def _flip(data: bytearray, chance: Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 8))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _run(data: bytearray, chance: Random) -> None:
    start, length = chance.randrange(len(data)), chance.choice((1, 2, 4, 16, 300))
    data[start : start + length] = chance.choice((b"\xff", b"\x00", b"\x80", chance.randbytes(1))) * length


def _cut(data: bytearray, chance: Random) -> None:
    del data[chance.randrange(len(data)) :]


def _delete(data: bytearray, chance: Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 2, 8, 64))]


def _insert(data: bytearray, chance: Random) -> None:
    start, source = chance.randrange(len(data)), chance.randrange(len(data))
    data[start:start] = data[source : source + chance.choice((1, 8, 200))] * chance.choice((1, 1, 50))


def _dims(model: ModelProto, chance: Random) -> None:
    tensor = chance.choice(model.graph.initializer)
    if tensor.dims and chance.randrange(2):
        tensor.dims[chance.randrange(len(tensor.dims))] = chance.choice(NUMBERS)
    else:
        tensor.dims.append(chance.choice(NUMBERS))


def _type(model: ModelProto, chance: Random) -> None:
    chance.choice(model.graph.initializer).data_type = chance.randrange(30)


def _weights(model: ModelProto, chance: Random) -> None:
    tensor = chance.choice(model.graph.initializer)
    array = numpy_helper.to_array(tensor).copy()
    if not array.size:
        return
    flat, floats = array.reshape(-1), np.issubdtype(array.dtype, np.floating)
    with np.errstate(all="ignore"):
        for _ in range(chance.choice((1, 3, flat.size))):
            number = np.array(chance.choice(FLOATS) if floats else chance.choice(NUMBERS))
            flat[chance.randrange(flat.size)] = number.astype(array.dtype)
    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))


def _operator(model: ModelProto, chance: Random) -> None:
    chance.choice(model.graph.node).op_type = chance.choice(OPERATORS)


def _domain(model: ModelProto, chance: Random) -> None:
    chance.choice(model.graph.node).domain = chance.choice(("ai.onnx.ml", "com.microsoft", "nobody", "ai.onnx"))


def _wire(model: ModelProto, chance: Random) -> None:
    node = chance.choice(model.graph.node)
    names = [name for one in model.graph.node for name in (*one.input, *one.output)] + ["", "nowhere"]
    side = node.input if node.input and chance.randrange(3) else node.output
    if side:
        side[chance.randrange(len(side))] = chance.choice(names)


def _attribute(model: ModelProto, chance: Random) -> None:
    node = chance.choice(model.graph.node)
    if not node.attribute or not chance.randrange(3):
        name = chance.choice(("axis", "axes", "to", "keepdims", "transB", "perm", "alpha", "epsilon", "group", "pads"))
        number = chance.choice(NUMBERS)
        node.attribute.append(helper.make_attribute(name, chance.choice([number, [number] * 3, 1e38, "x"])))
        return
    attribute = chance.choice(node.attribute)
    attribute.i, attribute.f = chance.choice(NUMBERS), chance.choice(FLOATS)
    if attribute.ints:
        attribute.ints[chance.randrange(len(attribute.ints))] = chance.choice(NUMBERS)
    if attribute.floats:
        attribute.floats[chance.randrange(len(attribute.floats))] = chance.choice(FLOATS)
    if not chance.randrange(4):
        attribute.type = chance.randrange(16)


def _node(model: ModelProto, chance: Random) -> None:
    """A node more, in front of the first or behind the last."""
    graph = model.graph
    names = [one.name for one in (*graph.input, *graph.initializer)] + [x for one in graph.node for x in one.output]
    inner = f"extra{chance.randrange(10**6)}"
    extra = helper.make_node(
        chance.choice(OPERATORS), [chance.choice(names) for _ in range(chance.randrange(4))], [inner]
    )
    graph.node.insert(chance.choice((0, len(graph.node))), extra)
    if chance.randrange(2):
        reader = chance.choice(graph.node)
        if reader.input:
            reader.input[0] = inner


def _fewer(model: ModelProto, chance: Random) -> None:
    repeated = chance.choice((model.graph.node, model.graph.initializer, model.graph.input, model.opset_import))
    if repeated:
        del repeated[chance.randrange(len(repeated))]


def _more(model: ModelProto, chance: Random) -> None:
    repeated = chance.choice((model.graph.node, model.graph.initializer, model.graph.input, model.graph.output))
    for _ in range(chance.choice((1, 2, 600))):
        repeated.add().CopyFrom(chance.choice(repeated))


def _interface(model: ModelProto, chance: Random) -> None:
    value = chance.choice((*model.graph.input, *model.graph.output))
    kind = value.type.tensor_type
    if not chance.randrange(3):
        kind.elem_type = chance.randrange(25)
    elif kind.shape.dim and chance.randrange(4):
        axis = chance.choice(kind.shape.dim)
        axis.dim_value = chance.choice(NUMBERS)
    else:
        kind.shape.dim.add().dim_value = chance.choice(NUMBERS)


def _versions(model: ModelProto, chance: Random) -> None:
    if model.opset_import and chance.randrange(3):
        model.opset_import[0].version = chance.choice((*range(1, 30), *NUMBERS))
    else:
        model.ir_version = chance.choice((*range(1, 15), *NUMBERS))


def _external(model: ModelProto, chance: Random) -> None:
    tensor: TensorProto = chance.choice(model.graph.initializer)
    tensor.data_location = TensorProto.EXTERNAL
    if chance.randrange(2):
        tensor.ClearField("raw_data")
    where = ("/dev/zero", "../data", "data", "", "m.onnx", ".", "data\0", "C:\\data", "//x/y")
    for key, text in {"location": where, "offset": NUMBERS, "length": NUMBERS}.items():
        if key == "location" or chance.randrange(2):
            tensor.external_data.add(key=key, value=str(chance.choice(text)))


BYTES: Final = {one.__name__[1:]: one for one in (_flip, _run, _cut, _delete, _insert)}
_OF_PARTS: Final[tuple[Callable[[ModelProto, Random], None], ...]] = (
    *(_dims, _type, _weights, _operator, _domain, _wire, _attribute, _node, _fewer, _more),
    *(_interface, _versions, _external),
)
PARTS: Final = {one.__name__[1:]: one for one in _OF_PARTS}


def mutated(data: bytes, chance: Random) -> tuple[str, bytes]:
    """The name of a kind of mutation, and the file with one to three of that kind."""
    if not chance.randrange(4):
        return _of_bytes(data, chance)
    name = chance.choice(sorted(PARTS))
    model = onnx.load_model_from_string(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        try:
            PARTS[name](model, chance)
        except (IndexError, ValueError, TypeError, OverflowError):  # nothing of that kind is left, or it cannot be
            continue
    if model == onnx.load_model_from_string(data):  # it has no weights, for example
        return _of_bytes(data, chance)
    return name, bytes(model.SerializeToString())


def _of_bytes(data: bytes, chance: Random) -> tuple[str, bytes]:
    name = chance.choice(sorted(BYTES))
    changed = bytearray(data)
    BYTES[name](changed, chance)
    return name, bytes(changed)
