"""What is said of a model whose scores of a clip cannot be right, with the frame and the numbers."""

from typing import Any

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


def tiny(**more: Any) -> scoring.TinyScores:
    scores = np.array([50.0, 60.0, 70.0])
    return scoring.TinyScores("theirs", "", [], scores, np.zeros(3), "", **{"alone": {}} | more)


def test_a_model_that_is_far_from_its_teacher_is_warned_of_with_numbers() -> None:
    truth = np.array([52.0, 67.0, 85.0])
    assert tiny(teacher="vmaf_v0.6.1", truth=truth).warnings == [
        "theirs is more than 3 points from vmaf_v0.6.1 on 2 of 3 frames, 8.00 in the mean; "
        "furthest is frame 2: 70.00 for 85.00"
    ]
    assert tiny(teacher="vmaf_v0.6.1", truth=truth - [0, 6, 14]).warnings == []
    assert tiny().warnings == []


def test_a_model_whose_scores_depend_on_their_batch_is_warned_of() -> None:
    """0.01 points is more than sums in another order make."""
    assert tiny(alone={0: 50.009, 2: 69.5}).warnings == [
        "a score of theirs depends on the frames that it is given together: frame 2 is 70.00 with all 3, "
        "and 69.50 alone"
    ]
    assert tiny(alone={0: 50.009}).warnings == []
