"""The inputs and outputs of a third-party graph: their number, types and axes."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from onnx import GraphProto, TensorProto, ValueInfoProto

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import MAX_FEATURES
from tinyvmaf.model.contract.words import quoted, type_name

_UNCERTAINTY: Final = re.compile(r"(.*[^a-z])?(std|stddev|sigma|uncertainty|variance|var|error|interval|ci)([^a-z].*)?")
_TYPES: Final = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)


def free_axes(graph: GraphProto) -> None:
    """Axes without a length: some exporters write -1 or 0 for a batch of any size."""
    for value in (*graph.input, *graph.output):
        for axis in value.type.tensor_type.shape.dim:
            if axis.HasField("dim_value") and axis.dim_value < 1:
                axis.ClearField("dim_value")


def inputs_of(path: Path, graph: GraphProto) -> list[ValueInfoProto]:
    """The inputs that are no weights.

    Raises:
        ModelError: none, or more than a candidate may have.
    """
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if not 1 <= len(inputs) <= MAX_FEATURES:
        raise ModelError(f"{path}: it has {len(inputs)} inputs; a candidate has one for all features, or one for each")
    return inputs


def type_of_inputs(path: Path, inputs: Sequence[ValueInfoProto], width: int) -> tuple[int, bool]:
    """The type of the inputs, and whether they have columns."""
    if len(inputs) not in (1, width):
        raise ModelError(f"{path}: it has {len(inputs)} inputs, and {width} features are named")
    found = set()
    for one in inputs:
        kind, shape = tensor_of(path, "input", one)
        where = f"{path}: input {quoted(one.name)}"
        alone = len(inputs) > 1
        if shape is None or len(shape) not in ((1, 2) if alone else (2,)):
            takes = "[frames] or [frames, 1] for each feature" if alone else "[frames, features]"
            hint = "export it with an input of rank 2: featureInputLayer in MATLAB, Input(shape=(features,)) in Keras"
            raise ModelError(f"{where} has {rank_in_words(shape)}; a candidate takes {takes}", hint=hint)
        if shape[0] == width and len(shape) == 2 and not alone and isinstance(shape[1], str):
            raise ModelError(f"{where} is [features, frames]; a candidate takes [frames, features]")
        if isinstance(shape[0], int):
            raise fixed_batch(where, shape[0])
        columns = 1 if alone else width
        if len(shape) == 2 and isinstance(shape[1], int) and shape[1] != columns:
            named = "it is of one feature" if alone else f"{width} features are named"
            raise ModelError(f"{where} has {shape[1]} columns, and {named}")
        found.add((kind, len(shape) == 2))
    if len(found) > 1:
        raise ModelError(f"{path}: its inputs are of several types or ranks; a candidate's are of one")
    return found.pop()


def fixed_batch(where: str, batch: int) -> ModelError:
    """What to raise of an input or output whose number of frames is fixed."""
    return ModelError(
        f"{where} has a fixed batch of {batch}; it must be symbolic",
        hint="export it again: torch.onnx.export(..., dynamo=True, dynamic_shapes=({0: 'N'},)), or with dynamo=False "
        "dynamic_axes={input: {0: 'N'}, output: {0: 'N'}}; in Keras, Input(shape=(features,)) without a batch size",
    )


def outputs_of(path: Path, graph: GraphProto) -> tuple[ValueInfoProto, ValueInfoProto | None]:
    """The score, and the model's own uncertainty if there is a second output."""
    given = list(graph.output)
    unsure = [one for one in given if _UNCERTAINTY.fullmatch(one.name.lower())]
    if len(given) == 1:
        return given[0], None
    if len(given) != 2 or len(unsure) != 1:
        names = ", ".join(quoted(one.name) for one in given[:5]) or "none"
        raise ModelError(
            f"{path}: it has {len(given)} outputs: {names}; a candidate has one, or a second one for its uncertainty",
            hint="name the second one std",
        )
    return next(one for one in given if one is not unsure[0]), unsure[0]


def tensor_of(path: Path, kind: str, value: ValueInfoProto) -> tuple[int, list[int | str] | None]:
    """Its type, and its axes: a number, or a symbol (possibly empty). None for an unknown rank."""
    tensor = value.type.tensor_type
    if value.type.WhichOneof("value") != "tensor_type" or tensor.elem_type not in _TYPES:
        raise ModelError(
            f"{path}: {kind} {quoted(value.name)} is {type_name(tensor.elem_type)}; "
            "a candidate has float32, float64 or float16"
        )
    if not tensor.HasField("shape"):
        return tensor.elem_type, None
    shape = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in tensor.shape.dim]
    return tensor.elem_type, shape


def rank_in_words(shape: list[int | str] | None) -> str:
    """For a sentence."""
    return "no shape" if shape is None else f"rank {len(shape)}"
