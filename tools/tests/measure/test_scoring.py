"""What is said of a model whose scores of a clip cannot be right, with the frame and the numbers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.measure import scoring
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.teacher import load_built_in


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


def table_of(rows: NDArray[np.float64]) -> FrameTable:
    return FrameTable("1", {}, {}, precise=dict(zip(CANONICAL, rows.T, strict=True)))


def with_stddev(share: float) -> Subject:
    """tinyvmaf_nano, whose standard deviation is a share of its score."""
    subject = registry.find("tinyvmaf_nano")
    model = onnx.load_model_from_string(subject.data)
    model.graph.initializer.append(numpy_helper.from_array(np.array(share, np.float32), "share"))
    model.graph.node.append(helper.make_node("Mul", ["score", "share"], ["stddev"]))
    model.graph.output.append(helper.make_tensor_value_info("stddev", TensorProto.FLOAT, ["N", 1]))
    subject.__dict__["data"] = model.SerializeToString()
    return subject


def test_a_model_with_a_standard_deviation_has_an_interval(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """Its ends are 1.96 standard deviations from the score, and stay on the scale."""
    rows = np.array([[0.9, 0.5, 0.8, 0.85, 0.9, 3.5], [1.0, 1.0, 1.0, 1.0, 1.0, 10.0]])
    teacher = load_built_in(ffmpeg, "vmaf_v0.6.1")
    table = replace(table_of(rows), columns={teacher.id: teacher.predict(rows)})
    pair = scoring.scored_pair(tmp_path, tmp_path, table, [teacher], models=[with_stddev(1 / 16)])
    columns = pair.columns()
    score = columns["tinyvmaf_nano"]
    np.testing.assert_array_equal(columns["tinyvmaf_nano_stddev"], score / 16)
    low, high = columns["tinyvmaf_nano_lo95"], columns["tinyvmaf_nano_hi95"]
    np.testing.assert_allclose(low, score - 1.96 * score / 16)
    assert high[0] == pytest.approx(score[0] * (1 + 1.96 / 16))
    assert high[1] == 100.0 == score[1]
    assert pair.ends("tinyvmaf_nano") == (low, high)
    assert pair.ends(teacher.id) is None
    assert {"tinyvmaf_nano_stddev", "tinyvmaf_nano_hi95"} <= pair.summary().keys()


def test_a_negative_standard_deviation_is_refused() -> None:
    rows = np.array([[0.9, 0.5, 0.8, 0.85, 0.9, 3.5]])
    with pytest.raises(ModelError, match=r"tinyvmaf_nano gives a standard deviation of -\d+\.\d+ for frame 0: \[0\.9"):
        scoring.tiny_scores(with_stddev(-1 / 16), table_of(rows))
