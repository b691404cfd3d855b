"""The same graph computed in float64, to measure the rounding error of float32."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import MOST_OUTPUTS, ml
from tinyvmaf.model.engines import Settings, find
from tinyvmaf.model.engines.interpreter import Program
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.numpy_ops import NumpyLibrary


def in_float64(model: bytes, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores of the graph with every float32 replaced by float64. Weights and features keep their values; no operation
    rounds to float32.

    Args:
        model: an ONNX file that keeps the contract.
        rows: `[N, F]`.

    Returns:
        float64 `[N]`, or `[N, K]` of a model with K outputs.

    Raises:
        ModelError: NumPy cannot run the model, or it has operators that give float32 by their definition.
    """
    file = parse(model, find("numpy"), Settings(), most=MOST_OUTPUTS)
    graph = file.proto.graph
    if any(node.domain == ml.DOMAIN for node in graph.node):
        raise ModelError(f"operators of {ml.DOMAIN} give float32, whatever they take")
    held = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute if a.HasField("t"))]
    for tensor in held:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for node in graph.node:
        if node.op_type == "Cast":
            _cast_to_double(node)
    with np.errstate(all="ignore"):
        outputs = Program(file, NumpyLibrary())(rows.astype(np.float64))
    found = np.concatenate(outputs, axis=1, dtype=np.float64)
    return found if len(outputs) > 1 else found[:, 0]


def _cast_to_double(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.DOUBLE
