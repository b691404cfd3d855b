"""The same graph in float64: how far float32 is from what the numbers in the file mean."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from tinyvmaf.model.engines import Settings, find
from tinyvmaf.model.engines.interpreter import Program
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.numpy_ops import NumpyLibrary


def in_float64(model: bytes, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores of a graph whose every float32 is float64: weights and features keep their values, and no operation
    rounds to float32.

    Args:
        model: an ONNX file of the contract.
        rows: `[N, F]`.

    Returns:
        float64 `[N]`.

    Raises:
        ModelError: not a model that NumPy can run.
    """
    file = parse(model, find("numpy"), Settings())
    graph = file.proto.graph
    held = [*graph.initializer, *(a.t for node in graph.node for a in node.attribute if a.HasField("t"))]
    for tensor in held:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for node in graph.node:
        if node.op_type == "Cast":
            _cast_to_double(node)
    with np.errstate(all="ignore"):
        scores = Program(file, NumpyLibrary())(rows.astype(np.float64))
    return np.asarray(scores, dtype=np.float64)[:, 0]


def _cast_to_double(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.DOUBLE
