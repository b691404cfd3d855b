"""A model that gives no number for a frame is named, with the frame and what to type."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.measure import scoring
from tinyvmaf.model import registry


def test_a_score_that_is_not_finite_names_model_and_frame() -> None:
    """0 / 0 in the second frame."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["features", "axis"], ["sum"], keepdims=1),
            helper.make_node("Div", ["sum", "sum"], ["score"]),
        ],
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(np.array([1]), "axis")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    subject = registry.find("tinyvmaf_nano")
    subject.__dict__["data"] = model.SerializeToString()
    rows = np.ones((3, 6))
    rows[1] = 0.0
    with pytest.raises(ModelError, match=r"tinyvmaf_nano gives nan for frame 1: \[0\.0") as caught:
        scoring.run(subject, rows)
    assert "-k contract" in str(caught.value.hint)
