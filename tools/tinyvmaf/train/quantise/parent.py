"""The float model that is quantised, brought into a form that quantisers do well on."""

from collections import Counter
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model.engines.interpreter import constants_of
from tinyvmaf.model.engines.model_file import number_types
from tinyvmaf.model.engines.onnxruntime_cpu import bare_session
from tinyvmaf.model.subject import Subject

PRODUCTS: Final = ("Gemm", "MatMul")
_QUANTISED: Final = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul")
_KEPT: Final = ("feature_order", "teacher")  # of the metadata: a variant is not what the parent's recipe makes
Array = NDArray[np.float32]


def refuse(subject: Subject) -> None:
    """Refuse a model that cannot be quantised, or that nothing is gained for.

    Raises:
        ModelError: says why.
    """
    model = onnx.load_model_from_string(subject.data)
    graph = model.graph
    quantised = sorted({node.op_type for node in graph.node} & set(_QUANTISED))
    why, hint = "", "name the float32 model that it was made of"
    if subject.exact:
        why = "it is proven exact: its weights and activations are whole numbers already"
        hint = "quantise a float student, such as of the recipe mlp_small_domain; the table shows this model beside it"
    elif quantised:
        why = f"it is quantised already: it has {', '.join(quantised)}"
    elif halves := sorted(number_types(graph) & {"float16", "bfloat16"}):
        why = f"it computes in {' and '.join(halves)}"
    elif len(graph.output) > 1:
        why, hint = f"it has {len(graph.output)} outputs", "name a model that gives a score alone"
    elif subject.sidecar.outputs[0].shape[0] == 1:
        why, hint = "it scores clips, and calibration needs a score for each frame", "name a model that scores frames"
    elif not products(model):
        why = "it has no matrix product with constant weights"
        hint = "name a neural network: trees and support vectors have nothing that a quantiser takes"
    if why:
        raise ModelError(f"{subject.path} is not quantised: {why}", hint=hint)


def prepared(data: bytes, rows: Array | None) -> ModelProto:
    """The model in float32, every node named, without the metadata of its origin.

    Args:
        data: a file of the model contract.
        rows: `[N, F]`: each feature is divided by its largest value for them, in front of the first product, whose
            weights take the factor back. Eight bits over all features, whose ranges differ by a factor of 20, leave
            ADM eleven steps. None: the graph stays as it is.
    """
    model = onnx.load_model_from_string(data)
    _plain(model)
    _in_float32(model)
    if rows is not None:
        _scale_apart(model, rows)
    kept = [(one.key, one.value) for one in model.metadata_props if one.key in _KEPT]
    del model.metadata_props[:], model.graph.value_info[:]
    helper.set_model_props(model, dict(kept))
    return model


def products(model: ModelProto) -> list[NodeProto]:
    """The matrix products with constant weights, in the graph's order."""
    constants = constants_of(model.graph)
    return [
        node
        for node in model.graph.node
        if node.op_type in PRODUCTS and node.input[1] in constants and constants[node.input[1]].ndim == 2
    ]


def replace_constant(model: ModelProto, name: str, value: NDArray[np.generic]) -> None:
    """Set an initializer."""
    (tensor,) = [one for one in model.graph.initializer if one.name == name]
    tensor.CopyFrom(numpy_helper.from_array(value, name))


def attribute(node: NodeProto, name: str, default: float) -> float:
    """A number among the attributes of a node."""
    return next((helper.get_attribute_value(one) for one in node.attribute if one.name == name), default)


def _plain(model: ModelProto) -> None:
    """Constants as initializers, one for each product that has weights; a name for each node."""
    graph = model.graph
    constants = constants_of(graph)
    nodes = [node for node in graph.node if node.op_type != "Constant"]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    used = Counter(name for node in graph.node for name in node.input)
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}{number}"
        if node.op_type in PRODUCTS and used[node.input[1]] > 1 and node.input[1] in constants:
            own = f"{node.name}_weights"
            graph.initializer.append(numpy_helper.from_array(constants[node.input[1]], own))
            node.input[1] = own


def _in_float32(model: ModelProto) -> None:
    """Write float64 as float32, and take Casts that change nothing out."""
    graph = model.graph
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.DOUBLE:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    floats = (TensorProto.DOUBLE, TensorProto.FLOAT)
    casts = [node for node in graph.node if node.op_type == "Cast" and node.attribute[0].i in floats]
    known = {one.name: one.type.tensor_type.elem_type for one in _inferred(model)}
    for node in casts:
        if known.get(node.input[0], TensorProto.FLOAT) in floats:
            node.op_type = "Identity"
            del node.attribute[:]
        else:
            node.attribute[0].i = TensorProto.FLOAT
    _without_identities(model)


def _inferred(model: ModelProto) -> list[onnx.ValueInfoProto]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    return [*graph.value_info, *graph.input]


def _without_identities(model: ModelProto) -> None:
    graph, kept = model.graph, list[NodeProto]()
    ends, instead = {one.name for one in graph.output}, dict[str, str]()
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = instead.get(name, name)
        if node.op_type != "Identity":
            kept.append(node)
        elif node.output[0] not in ends:
            instead[node.output[0]] = node.input[0]
        elif kept and (made_by := next((one for one in kept if one.output[0] == node.input[0]), None)):
            made_by.output[0] = node.output[0]
            for other in kept:
                for i, name in enumerate(other.input):
                    other.input[i] = node.output[0] if name == node.input[0] else name
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def _scale_apart(model: ModelProto, rows: Array) -> None:
    """Divide what the first product takes, column by column, by its largest value for these rows."""
    found = products(model)
    if not found or attribute(found[0], "transA", 0):
        return
    graph, first = model.graph, found[0]
    largest = np.abs(_values(model, first.input[0], rows)).max(axis=0)
    factors = np.where(largest > 0, largest, np.float32(1)).astype(np.float32)
    weights = constants_of(graph)[first.input[1]].astype(np.float32)
    sides = factors[None, :] if attribute(first, "transB", 0) else factors[:, None]
    replace_constant(model, first.input[1], weights * sides)
    graph.initializer.append(numpy_helper.from_array(np.float32(1) / factors, "feature_factors"))
    scale = helper.make_node("Mul", [first.input[0], "feature_factors"], ["scaled_features"], name="ScaleFeatures")
    graph.node.insert(list(graph.node).index(first), scale)
    first.input[0] = "scaled_features"


def _values(model: ModelProto, name: str, rows: Array) -> Array:
    """What the graph computes under a name, `[N, K]`."""
    if name == model.graph.input[0].name:
        return rows
    part = ModelProto()
    part.CopyFrom(model)
    part.graph.output[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    (found,) = bare_session(part.SerializeToString()).run([name], {part.graph.input[0].name: rows})
    return np.asarray(found, np.float32)
