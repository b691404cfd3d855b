"""What the processor here can do, for tests of what depends on it."""

from functools import cache

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper


@cache
def saturates() -> bool:
    """Whether products of uint8 and int8 lose their upper part, as on processors with AVX2 and without VNNI."""
    weights = numpy_helper.from_array(np.full((64, 16), 127, dtype=np.int8), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [4, 64])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [4, 16])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.full((4, 64), 255, dtype=np.uint8)})
    return bool((found != 64 * 255 * 127).any())


SATURATES = "products of 8 bits saturate on this processor, so quantised files give other scores here"
whole_products = pytest.mark.skipif(saturates(), reason=SATURATES)
