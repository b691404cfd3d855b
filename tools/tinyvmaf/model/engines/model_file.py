"""Checks that a model must pass before an engine loads it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import MOST_OUTPUTS
from tinyvmaf.model.engines.pictures import PictureForm
from tinyvmaf.model.engines.protocol import Engine, EngineError, Settings, UnsupportedModelError

if TYPE_CHECKING:
    import onnx

FLOATS: Final = {"FLOAT": "float32", "DOUBLE": "float64", "FLOAT16": "float16", "BFLOAT16": "bfloat16"}
"""Floating-point types by their ONNX names. Types of 8 bits and fewer only store values."""

INTERFACE: Final = "the contract is one input [N, F], and one output [N, 1] or a second one for its uncertainty"


@dataclass(frozen=True)
class ModelFile:
    """A parsed model with one input, rows `[N, F]` or pictures `[N, 1, H, W]`."""

    proto: "onnx.ModelProto"
    input: str
    width: int | str
    """F, or its symbol if the model leaves it open; of pictures the width, mostly a symbol."""
    outputs: tuple[str, ...]
    form: PictureForm | None = None
    """Of a model that takes pictures."""


def parse(model: bytes, engine: Engine, settings: Settings, *, most: int = 1, pictures: bool = False) -> ModelFile:
    """Parse a model and check that the engine can load it.

    Number types are checked here because some engines do not: `openvino` silently computes float64 in float32, and
    `opencv` gives wrong scores for it.

    Args:
        most: outputs that the engine returns.
        pictures: whether its session takes pictures.

    Raises:
        EngineError: the engine is not available, or lacks the optimisation level.
        ModelError: not ONNX, refused by `onnx.checker`, or without one input of rank 2, or without outputs.
        UnsupportedModelError: the model has more outputs, or a floating-point type that the engine does not compute in.
    """
    here = engine.available()
    if not here.ok:
        raise EngineError(f"{engine.name} is not available: {here.reason}")
    if settings.optimisation not in engine.levels:
        raise EngineError(
            f"{engine.name} has no optimisation level {settings.optimisation!r}", hint=f"it has {list(engine.levels)}"
        )
    # Slow to import, so only when a model is loaded.
    import onnx

    try:
        proto = onnx.load_model_from_string(model)
        onnx.checker.check_model(proto)
    except Exception as error:  # protobuf's and onnx's errors have no common base
        raise ModelError(f"model: {engine.name} cannot load it: {error}") from error
    constants = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in constants]
    outputs = list(proto.graph.output)
    shapes = [_shape(value) for value in inputs]
    form = None
    if len(inputs) == len(outputs) == 1 and len(shapes[0]) == 4:
        form = _form(inputs[0], shapes[0], outputs[0])
        if not pictures:
            raise UnsupportedModelError(f"model: {engine.name} takes no pictures", hint="choose another engine for it")
    elif len(inputs) != 1 or not 1 <= len(outputs) <= MOST_OUTPUTS or len(shapes[0]) != 2:
        raise ModelError(f"model: {len(inputs)} inputs {shapes} and {len(outputs)} outputs", hint=INTERFACE)
    if len(outputs) > most:
        raise UnsupportedModelError(
            f"model: {engine.name} returns {most} of its {len(outputs)} outputs", hint="choose another engine for it"
        )
    if strange := number_types(proto.graph) - engine.arithmetic:
        raise UnsupportedModelError(
            f"model: {engine.name} does not compute in {' or '.join(sorted(strange))}, which the model uses",
            hint="choose another engine for this model",
        )
    return ModelFile(proto, inputs[0].name, shapes[0][-1], tuple(value.name for value in outputs), form)


def _form(taken: "onnx.ValueInfoProto", shape: list[int | str], given: "onnx.ValueInfoProto") -> PictureForm:
    from onnx.helper import tensor_dtype_to_np_dtype

    dtype = tensor_dtype_to_np_dtype(taken.type.tensor_type.elem_type).name
    return PictureForm.of("model", shape, dtype, _shape(given))


def _shape(value: "onnx.ValueInfoProto") -> list[int | str]:
    dims = value.type.tensor_type.shape.dim
    return [d.dim_value if d.HasField("dim_value") else d.dim_param for d in dims]


def number_types(graph: "onnx.GraphProto") -> set[str]:
    """The floating-point types in a graph, by the names in `FLOATS`."""
    import onnx

    floats = {onnx.TensorProto.DataType.Value(theirs): name for theirs, name in FLOATS.items()}
    return {floats[t] for t in _types(graph) if t in floats}


def _types(graph: "onnx.GraphProto") -> Iterator[int]:
    """Element types in a graph: of inputs, outputs, constants, and in attributes that name a type."""
    for value in (*graph.input, *graph.output, *graph.value_info):
        yield value.type.tensor_type.elem_type
    yield from (tensor.data_type for tensor in graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t.data_type
            elif attribute.name in ("to", "dtype"):
                yield attribute.i
            for part in (attribute.g, *attribute.graphs):
                yield from _types(part)
