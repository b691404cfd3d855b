"""Variants of 16 bits."""

import warnings

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract.words import in_one_line
from tinyvmaf.model.engines.interpreter import constants_of
from tinyvmaf.model.engines.onnxruntime_cpu import import_onnxruntime
from tinyvmaf.train.quantise.parent import products


def float16(model: ModelProto) -> bytes:
    """By ONNX Runtime's converter, its nodes put in order."""
    import_onnxruntime()
    from onnxruntime.transformers.float16 import convert_float_to_float16

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of weights that float16 rounds to 0
            found: ModelProto = convert_float_to_float16(model, keep_io_types=True)
    except Exception as error:  # it raises several types
        raise ModelError(f"ONNX Runtime's converter to float16 fails on it: {in_one_line(error)}") from error
    _sort(found)
    del found.graph.value_info[:]
    return bytes(found.SerializeToString(deterministic=True))


def bfloat16_weights(model: ModelProto) -> bytes:
    """Weights of products in bfloat16 behind a Cast. ONNX Runtime has no arithmetic in bfloat16 on a CPU."""
    for node in products(model):
        name = node.input[1]
        values = constants_of(model.graph)[name].astype(np.float32)
        (old,) = [one for one in model.graph.initializer if one.name == name]
        model.graph.initializer.remove(old)
        halves = _bfloat16(values)
        raw = halves.tobytes()
        model.graph.initializer.append(
            helper.make_tensor(f"{name}_half", TensorProto.BFLOAT16, values.shape, raw, raw=True)
        )
        model.graph.node.insert(0, helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    return bytes(model.SerializeToString(deterministic=True))


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper halves of float32, rounded to nearest, ties to even; uint16."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4").astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)).astype("<u2")


def _sort(model: ModelProto) -> None:
    """Put nodes behind those that they need."""
    graph = model.graph
    left, waiting = {name for node in graph.node for name in node.output}, list(graph.node)
    ordered = list[NodeProto]()
    while waiting:
        ready = [node for node in waiting if not left & set(node.input)]
        if not ready:
            raise ModelError("ONNX Runtime's converter to float16 wrote a circle")
        ordered += ready
        left -= {name for node in ready for name in node.output}
        waiting = [node for node in waiting if node not in ready]
    del graph.node[:]
    graph.node.extend(ordered)
    onnx.checker.check_model(model)
