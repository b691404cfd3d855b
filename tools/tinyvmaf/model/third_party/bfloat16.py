"""bfloat16 arithmetic, written out: each operator in float32, and its result rounded to bfloat16.

PyTorch computes so, to the bit. ONNX Runtime has no kernel for bfloat16 on a CPU except Cast. onnx's evaluator rounds
the product of a Gemm once more.
"""

from typing import Final

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

SENTENCE: Final = "bfloat16 written out: each operator computes in float32, and its result is rounded to bfloat16"
_EXACT: Final = frozenset(
    {
        *("Abs", "Clip", "Concat", "Constant", "Dropout", "Flatten", "Gather", "Identity", "Max", "Min", "Neg", "Relu"),
        *("ReduceMax", "ReduceMin", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze", "Where"),
    }
)
"""Operators whose result is one of their inputs, or its negative: nothing is rounded."""


def written_out(model: ModelProto) -> bool:
    """Write bfloat16 arithmetic out, in place.

    Args:
        model: a graph that `onnx.checker` accepts, of any opset; its inputs and outputs are not bfloat16.

    Returns:
        Whether there was any.
    """
    graph = model.graph
    tensors = [*graph.initializer, *(one.t for node in graph.node for one in node.attribute if one.HasField("t"))]
    casts = [one for node in graph.node if node.op_type == "Cast" for one in node.attribute if one.name == "to"]
    if TensorProto.BFLOAT16 not in {*(one.data_type for one in tensors), *(one.i for one in casts)}:
        return False
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    kinds = {one.name: one.type.tensor_type.elem_type for one in (*inferred.value_info, *inferred.output)}
    for tensor in tensors:
        if tensor.data_type == TensorProto.BFLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    nodes = list[NodeProto]()
    for node in graph.node:
        nodes.append(node)
        for i, name in enumerate(node.output):
            if kinds.get(name) == TensorProto.BFLOAT16 and node.op_type not in _EXACT:
                node.output[i], rounded = f"{name}/exact", f"{name}/bfloat16"
                if node.op_type == "Cast":
                    node.output[i] = rounded
                else:
                    nodes.append(helper.make_node("Cast", [node.output[i]], [rounded], to=TensorProto.BFLOAT16))
                nodes.append(helper.make_node("Cast", [rounded], [name], to=TensorProto.FLOAT))
    del graph.node[:]
    graph.node.extend(nodes)
    return True
