"""Reads the bytes of a file into a graph that is safe to walk, or says why that is impossible."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from tinyvmaf.errors import ModelError
from tinyvmaf.model.certificate.casts import type_of
from tinyvmaf.model.certificate.values import FLOATS, Refusal, Values, graph_input
from tinyvmaf.model.contract import LARGEST, MAX_NODES, MAX_RANK, MAX_VALUES_A_ROW
from tinyvmaf.model.contract.tensors import tensor_faults
from tinyvmaf.model.contract.words import in_one_line, node_name, quoted

OPSETS: Final = range(13, 24)
"""Versions of ONNX's own operators that the rules cover."""

LARGEST_PICTURE: Final = (4320, 8192)
"""Height and width of the largest picture, or width and height: sums over larger ones may not be exact."""

_FIELDS: Final = {
    "ModelProto": {
        *("ir_version", "opset_import", "producer_name", "producer_version", "domain", "model_version", "doc_string"),
        *("graph", "metadata_props"),
    },
    "GraphProto": {"node", "name", "initializer", "doc_string", "input", "output", "value_info", "metadata_props"},
    "NodeProto": {"input", "output", "name", "op_type", "domain", "attribute", "doc_string", "metadata_props"},
    "AttributeProto": {"name", "doc_string", "type", "f", "i", "s", "t", "floats", "ints"},
}


def parse(data: bytes) -> ModelProto:
    """The model in the bytes of a file.

    Raises:
        ModelError: empty, too large, or not an ONNX file.
    """
    if len(data) >= LARGEST:
        raise ModelError(
            f"{len(data):,} bytes; the proof looks at files below {LARGEST:,}",
            hint="it follows every weight, which takes time",
        )
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        raise ModelError(
            f"not an ONNX file, or not all of one: {in_one_line(error)}",
            hint="give the .onnx file itself; a download may have been cut off",
        ) from error
    if not model.graph.output or not model.opset_import:
        raise ModelError(
            "not an ONNX file: it has no graph with outputs, or no operator set",
            hint="give the .onnx file itself, not its sidecar or an archive",
        )
    return model


def check(model: ModelProto) -> int:
    """Check everything except the operators; returns the version of the operator set.

    Raises:
        Refusal: something is unknown, too large, or not well-formed.
    """
    graph = model.graph
    counts = {
        "nodes": len(graph.node),
        "initializers": len(graph.initializer),
        "inputs": len(graph.input),
        "outputs": len(graph.output),
        "attributes": sum(len(node.attribute) for node in graph.node[:MAX_NODES]),
    }
    for what, count in counts.items():
        if count > MAX_NODES:
            raise Refusal(f"the graph has {count:,} {what}, more than the {MAX_NODES} that the proof looks at")
    _fields(model, "the model")
    _fields(graph, "the graph")
    versions = [entry.version for entry in model.opset_import[:100] if entry.domain in ("", "ai.onnx")]
    if len(versions) != 1 or versions[0] not in OPSETS:
        raise Refusal(
            f"its operator set is version {versions[:5]}; the proof knows {OPSETS[0]} to {OPSETS[-1]}",
            "export the model with opset 17",
        )
    _names(graph)
    for proto, where in _tensors(graph):
        for fault in tensor_faults(proto, where):
            raise Refusal(fault)
    try:
        onnx.checker.check_model(model)
    except Exception as error:  # ValidationError and others
        raise Refusal(f"onnx.checker refuses it: {in_one_line(error)}") from None
    return int(versions[0])


def _fields(message: Any, where: str) -> None:
    used = {descriptor.name for descriptor, _ in message.ListFields()}
    strange = sorted(used - _FIELDS[message.DESCRIPTOR.name])
    if strange:
        raise Refusal(f"{where} has {', '.join(strange)}, and the proof knows plain nodes with plain attributes only")


def _names(graph: GraphProto) -> None:
    """Require that every value has its own name, so that all engines resolve names alike."""
    known: set[str] = set()
    origins: Sequence[tuple[str, str]] = [
        *((value.name, "input") for value in graph.input),
        *((proto.name, "initializer") for proto in graph.initializer),
        *((name, "output of a node") for node in graph.node for name in node.output if name),
    ]
    for name, what in origins:
        if name in known:
            raise Refusal(
                f"{what} {quoted(name)} has the name of another value, and engines differ in which one they use"
            )
        known.add(name)


def _tensors(graph: GraphProto) -> Iterator[tuple[TensorProto, str]]:
    for proto in graph.initializer:
        yield proto, f"initializer {quoted(proto.name)}"
    for i, node in enumerate(graph.node):
        _fields(node, node_name(i, node))
        for attribute in node.attribute:
            _fields(attribute, f"attribute {quoted(attribute.name)} of {node_name(i, node)}")
            if attribute.HasField("t"):
                yield attribute.t, f"attribute {quoted(attribute.name)} of {node_name(i, node)}"


def read_inputs(graph: GraphProto) -> dict[str, Values]:
    """The inputs: any finite values. The first axis is the batch if its length is a symbol.

    Raises:
        Refusal: an input is no float tensor, or an axis of a row has no fixed length.
    """
    found, symbols = {}, set()
    for value in graph.input:
        where = f"input {quoted(value.name)}"
        kind, shape = _type(value, where)
        if len(shape) == 4 and not any(isinstance(shape[axis], int) for axis in (0, 2, 3)):
            found[value.name] = _picture(kind, shape, where)
            symbols.add(shape[0])
            continue
        if kind not in FLOATS:
            raise Refusal(f"{where} is {kind}; the proof knows float32 and float64 inputs")
        batched = bool(shape) and not isinstance(shape[0], int)
        if batched:
            symbols.add(shape[0])
        row = shape[1:] if batched else shape
        lengths = [axis for axis in row if isinstance(axis, int)]
        if len(lengths) != len(row) or min(lengths, default=1) < 1:
            raise Refusal(f"{where} has the shape {shape}, and only the first axis may be of any length")
        size = 1
        for length in lengths:
            size *= length
        if size > MAX_VALUES_A_ROW:
            raise Refusal(f"{where} has {size:,} values a row; the limit is {MAX_VALUES_A_ROW:,}")
        found[value.name] = graph_input(kind, lengths, batched=batched)
    if len(symbols) > 1:
        raise Refusal(f"its inputs have {len(symbols)} batch symbols, and rows of one need not be rows of the other")
    return found


def _picture(kind: str, shape: list[int | str | None], where: str) -> Values:
    channels = shape[1]
    if kind not in (*FLOATS, "uint8") or not isinstance(channels, int) or not 1 <= channels <= MAX_VALUES_A_ROW:
        raise Refusal(f"{where} is {kind} {shape}; a picture is float32, float64 or uint8, with a number of channels")
    height, width = LARGEST_PICTURE
    made = graph_input(kind, (channels, 1, 1), batched=True)
    return replace(made, sizes=((height, width), (width, height)))


def _type(value: ValueInfoProto, where: str) -> tuple[str, list[int | str | None]]:
    """Element type and lengths of the axes: a number, a symbol, or None."""
    tensor = value.type.tensor_type
    if value.type.WhichOneof("value") != "tensor_type" or not tensor.HasField("shape"):
        raise Refusal(f"{where} has no shape, or is no tensor")
    if len(tensor.shape.dim) > MAX_RANK:
        raise Refusal(f"{where} has {len(tensor.shape.dim)} axes; the limit is {MAX_RANK}")
    try:
        kind = type_of(tensor.elem_type)
    except Refusal as refusal:
        raise Refusal(f"{where}: {refusal.why}") from None
    return kind, [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in tensor.shape.dim]


def declared_kind(value: ValueInfoProto) -> str:
    """The declared element type of an output."""
    return type_of(value.type.tensor_type.elem_type)


def live_nodes(graph: GraphProto) -> list[tuple[int, NodeProto]]:
    """The nodes that an output depends on, with their numbers, in the file's order. Others do not matter."""
    wanted = {value.name for value in graph.output}
    live = []
    for i, node in reversed(list(enumerate(graph.node))):
        if wanted & {name for name in node.output if name}:
            wanted |= {name for name in node.input if name}
            live.append((i, node))
    return live[::-1]


def attributes(node: NodeProto) -> dict[str, Any]:
    """Attributes by name: numbers, text, lists and tensors."""
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.name in found:
            raise Refusal(f"it has its attribute {quoted(attribute.name)} twice")
        if attribute.type == AttributeProto.TENSOR:
            found[attribute.name] = attribute.t
        else:
            found[attribute.name] = onnx.helper.get_attribute_value(attribute)
        if attribute.type in (AttributeProto.FLOAT, AttributeProto.FLOATS) and not np.all(
            np.isfinite(found[attribute.name])
        ):
            raise Refusal(f"its attribute {quoted(attribute.name)} is not finite")
    return found
