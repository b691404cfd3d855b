"""Faults of a model file: its fields, operator sets, nodes and tensors."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

from tinyvmaf.model.contract import IR_VERSIONS, LARGEST, MAX_NODES, OPERATORS, OPSET, OUTPUTS, ml, pictures
from tinyvmaf.model.contract.shapes import interface_faults, value_faults
from tinyvmaf.model.contract.tensors import TYPES, elements, tensor_faults
from tinyvmaf.model.contract.words import in_one_line, node_name, quoted, type_name

# Allowed fields. A field of a later ONNX version is refused until somebody has reviewed it. `tensors` has the list of
# tensor fields.
_FIELDS: Final[dict[str, set[str]]] = {
    "ModelProto": {
        *("ir_version", "opset_import", "producer_name", "producer_version", "domain", "model_version", "doc_string"),
        *("graph", "metadata_props"),
    },
    "GraphProto": {"node", "name", "initializer", "doc_string", "input", "output", "value_info", "metadata_props"},
    "NodeProto": {
        "input",
        "output",
        "name",
        "op_type",
        "domain",
        "overload",
        "attribute",
        "doc_string",
        "metadata_props",
    },
    "AttributeProto": {"name", "doc_string", "type", "f", "i", "t", "floats", "ints"},
}
_OPSETS: Final = [
    [("", OPSET)],
    *(order for v in ml.VERSIONS for order in ([("", OPSET), (ml.DOMAIN, v)], [(ml.DOMAIN, v), ("", OPSET)])),
]
_WHY_NOT: Final = {
    "functions": "model-local functions hide operators from the list of allowed ones",
    "sparse_initializer": "not every engine has sparse tensors",
    "sparse_tensor": "not every engine has sparse tensors",
    "sparse_tensors": "not every engine has sparse tensors",
    "g": "a subgraph may loop, or depend on a value, so its cost is not known before it runs",
    "graphs": "a subgraph may loop, or depend on a value, so its cost is not known before it runs",
    "training_info": "a candidate is for inference",
}


def inspect(data: bytes, outputs: Sequence[str] | None = None) -> list[str]:
    """All faults of a model file, given its bytes; `outputs` as for `faults`.

    Raises:
        Exception: of any type, where protobuf or onnx fail on the bytes. The caller refuses the file then.
    """
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        return [f"it is not an ONNX file, or not all of one: {in_one_line(error)}"]
    if found := looked_at(model, outputs) or _checker_faults(model):
        return found
    return (pictures.value_faults if _of_pictures(model.graph, outputs) else value_faults)(model)


def _of_pictures(graph: GraphProto, outputs: Sequence[str] | None) -> bool:
    # A kind that names outputs takes rows; `luma` has what kinds of pictures ask.
    return outputs is None and pictures.takes_pictures(graph)


def looked_at(model: ModelProto, outputs: Sequence[str] | None = None) -> list[str]:
    """The faults that are seen without onnx's own C++."""
    graph = model.graph
    for name, count in (
        ("nodes", len(graph.node)),
        ("initializers", len(graph.initializer)),
        ("declared values", len(graph.value_info)),
        ("attributes", sum(len(node.attribute) for node in graph.node[:MAX_NODES])),
    ):
        if count > MAX_NODES:  # so that the loops below are bounded
            return [f"the graph has {count} {name}; at most {MAX_NODES} are allowed"]
    if _of_pictures(graph, outputs):
        interface = pictures.interface_faults(graph)
        return [*_model_faults(model), *graph_faults(graph, pictures.OPERATORS), *interface]
    return [*_model_faults(model), *graph_faults(graph), *interface_faults(graph, outputs)]


def _field_faults(message: Any, where: str, more: Collection[str] = ()) -> list[str]:
    # Whatever type an attribute declares: an engine might read the field all the same.
    used = {descriptor.name for descriptor, _ in message.ListFields()}
    strange = sorted(used - _FIELDS[message.DESCRIPTOR.name] - set(more))
    reason = "it is not known what engines do with it"
    return [f"{where} has a field {name}, which is refused: {_WHY_NOT.get(name, reason)}" for name in strange]


def _model_faults(model: ModelProto) -> list[str]:
    found = _field_faults(model, "the model")
    if model.ir_version not in IR_VERSIONS:
        found.append(f"IR version {model.ir_version} is not one of {IR_VERSIONS[0]} to {IR_VERSIONS[-1]}")
    opsets = [(o.domain, o.version) for o in model.opset_import[:10]]
    if opsets not in _OPSETS:
        listed = ", ".join(f"{quoted(domain)} version {version}" for domain, version in opsets) or "none"
        found.append(
            f"operator sets: {listed}; the contract is '' (ONNX's own) version {OPSET}, and no other domain but "
            f"{ml.DOMAIN!r} version {ml.VERSIONS[0]} to {ml.VERSIONS[-1]}"
        )
    size = model.ByteSize()
    known = ModelProto()
    known.CopyFrom(model)
    known.DiscardUnknownFields()
    if known.ByteSize() != size:
        unknown = size - known.ByteSize()
        found.append(
            f"{unknown} bytes are in fields that onnx {onnx.__version__} does not know, so they cannot be checked"
        )
    return found


def graph_faults(graph: GraphProto, newer: Collection[str] = ()) -> list[str]:
    """Faults of a graph's fields, operators and tensors. Inputs and outputs are not checked.

    Args:
        newer: operators that are allowed besides those of the contract, with their domain in front if they have one.
    """
    found = _field_faults(graph, "the graph")
    total = 0
    names: set[str] = set()
    for tensor, where in _tensors(graph):
        found += tensor_faults(tensor, where)
        count = elements(tensor.dims)
        total += count if isinstance(count, int) else 0
    if total >= LARGEST:
        found.append(f"all tensors together declare {total} elements, which no file below {LARGEST} bytes can hold")
    for initializer in graph.initializer:
        if initializer.name in names:
            found.append(f"initializer {quoted(initializer.name)} is there twice; engines differ in which one they use")
        names.add(initializer.name)
    for value in graph.input[:10]:
        if value.name in names:
            found.append(f"initializer {quoted(value.name)} is an input too, so a caller could replace it")
    for i, node in enumerate(graph.node):
        where = node_name(i, node)
        operator = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        if operator not in newer:
            found += [*_operator_faults(node, where)]
        found += _field_faults(node, where)
        for attribute in node.attribute:
            text = operator in newer or node.domain == ml.DOMAIN  # such as the kind of a Gelu or a kernel
            found += _attribute_faults(attribute, f"attribute {quoted(attribute.name)} of {where}", text=text)
    return found


def _operator_faults(node: NodeProto, where: str) -> Iterator[str]:
    if node.domain not in ("", ml.DOMAIN):
        yield f"{where} is of the domain {quoted(node.domain)}; only ONNX's own operators are allowed"
    elif node.op_type not in (ml.OPERATORS if node.domain else OPERATORS):
        known = ml.OPERATORS if node.domain else OPERATORS
        yield f"{where} is not of an allowed operator; those are {', '.join(sorted(known))}"
    elif len(node.output) > OUTPUTS.get(node.op_type, 1) or _trains(node):
        yield f"{where} is of training: it has one output and no training_mode in a model for inference"
    elif node.op_type == "Cast" and (strange := {one.i for one in node.attribute if one.name == "to"} - TYPES):
        yield f"{where} casts to {type_name(strange.pop())}, which not every engine has"
    elif node.domain:
        try:
            ml.read(node)
        except ValueError as error:
            yield f"{where}: {error}"


def _trains(node: NodeProto) -> bool:
    """Whether a batch normalisation or a dropout depends on the batch or on chance, or could."""
    chosen = node.op_type == "Dropout" and len(node.input) > 2 and bool(node.input[2])
    return chosen or any(one.name == "training_mode" and one.i for one in node.attribute)


def _attribute_faults(attribute: AttributeProto, where: str, *, text: bool) -> list[str]:
    found = _field_faults(attribute, where, {"s", "strings"} if text else ())
    if not np.isfinite([attribute.f, *attribute.floats]).all():
        found.append(f"{where} holds a value that is not finite")
    return found


def _tensors(graph: GraphProto) -> Iterator[tuple[onnx.TensorProto, str]]:
    """Every tensor that holds data, and a phrase that says where it is."""
    for tensor in graph.initializer:
        yield tensor, f"initializer {quoted(tensor.name)}"
    # Any use of these fields is a fault by itself, so ten of each are enough to describe.
    for sparse in graph.sparse_initializer[:10]:
        yield sparse.values, f"sparse initializer {quoted(sparse.values.name)}"
        yield sparse.indices, f"the indices of sparse initializer {quoted(sparse.values.name)}"
    for i, node in enumerate(graph.node):
        for attribute in node.attribute:
            where = f"attribute {quoted(attribute.name)} of {node_name(i, node)}"
            held = [attribute.t] if attribute.HasField("t") else []
            for sparse in [attribute.sparse_tensor, *attribute.sparse_tensors[:10]]:
                held += [part for part in (sparse.values, sparse.indices) if part.ByteSize()]
            for tensor in [*held, *attribute.tensors[:10]]:
                yield tensor, where


def _checker_faults(model: ModelProto) -> list[str]:
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # ValidationError, or an error of shape inference
        return [f"onnx.checker refuses it: {in_one_line(error)}"]
    return []
