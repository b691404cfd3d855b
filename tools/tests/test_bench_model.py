"""A model as a lane: what is timed, and that a wrong output does not get past."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tinyvmaf import bench, registry
from tinyvmaf.bench import ANY_SCORE, Expected, FloorLane, ModelLane, Subject, floor_model
from tinyvmaf.errors import ModelError, TinyvmafError

MODEL = "tinyvmaf_nano"
ROWS = 300


@pytest.fixture
def subject(ffmpeg) -> Subject:
    return bench.read_subject(registry.find(MODEL).onnx, ffmpeg)[0]


@pytest.fixture
def few(subject: Subject) -> Expected:
    return Expected(subject.expected.rows[:ROWS], subject.expected.scores[:ROWS], 1.0)


def wrong_on(data: bytes, row: np.ndarray, score: float) -> bytes:
    """The model, but for one row of features, which gets another score."""
    model = onnx.load_model_from_string(data)
    last = next(node for node in model.graph.node if "score" in node.output)
    last.output[0] = "right"
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(row.astype(np.float32)[None], "the_row"),
            numpy_helper.from_array(np.float32(len(row) - 0.5), "nearly_all"),
            numpy_helper.from_array(np.array([1]), "columns"),
            numpy_helper.from_array(np.float32(score), "wrong_score"),
        ]
    )
    model.graph.node.extend(
        [
            helper.make_node("Equal", ["features", "the_row"], ["same"]),
            helper.make_node("Cast", ["same"], ["ones"], to=onnx.TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["ones", "columns"], ["number"], keepdims=1),
            helper.make_node("Floor", ["number"], ["floored"]),
            helper.make_node("Greater", ["floored", "nearly_all"], ["all_same"]),
            helper.make_node("Where", ["all_same", "wrong_score", "right"], ["score"]),
        ]
    )
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("batch", [1, 16, 256])
def test_a_block_looks_at_all_that_it_computed(subject: Subject, few: Expected, batch: int) -> None:
    lane = ModelLane("model", subject.data, few, batch)
    before = lane.checked
    assert lane.block() > 0
    assert lane.checked == before + (lane.calls + 1) * batch  # and the call that warms the caches
    assert not lane.wrong
    assert 0 < lane.worst < 0.5


@pytest.mark.parametrize("score", [99.0, 0.0])
@pytest.mark.parametrize("batch", [1, 16, 256])
def test_one_wrong_row_is_found_whatever_the_batch(subject: Subject, few: Expected, batch: int, score: float) -> None:
    row = 0 if batch == 1 else 140
    wrong = 50.0 if abs(few.scores[row] - score) < 2 else score
    lane = ModelLane("model", wrong_on(subject.data, few.rows[row], wrong), few, batch)
    for _ in range(3):
        lane.block()
    assert set(lane.wrong) == {f"batch {batch}, row {row}"}
    (found,) = lane.wrong.values()
    assert (found.expected, found.got) == (few.scores[row], np.float32(wrong))
    assert lane.worst == pytest.approx(abs(few.scores[row] - wrong), abs=1e-3)


def test_every_row_is_in_some_window_of_every_batch_that_is_not_tiny(subject: Subject) -> None:
    for batch in (256, 4096):
        lane = ModelLane("model", subject.data, subject.expected, batch)
        covered = np.zeros(len(subject.expected.rows), dtype=bool)
        for start, rows in lane._windows:
            assert (rows == subject.expected.rows[start : start + batch]).all()
            covered[start : start + batch] = True
        assert covered.all()


def test_nan_is_wrong_and_not_worst(subject: Subject, few: Expected) -> None:
    lane = ModelLane("model", wrong_on(subject.data, few.rows[0], np.nan), few, 1)
    assert np.isnan(lane.wrong["batch 1, row 0"].got)


def test_a_model_of_another_shape_is_no_candidate(few: Expected) -> None:
    with pytest.raises(ModelError, match=r"gave float32 \[16, 6\] for 16 rows"):
        ModelLane("model", floor_model(6), few, 16)


def test_a_model_that_does_not_run_says_at_which_batch(subject: Subject, few: Expected) -> None:
    narrow = replace(few, rows=few.rows[:, :5])
    with pytest.raises(ModelError, match="ONNX Runtime failed on 16 rows"):
        ModelLane("model", subject.data, narrow, 16)


def test_a_floor_that_is_not_the_identity_is_no_floor(few: Expected) -> None:
    model = onnx.load_model_from_string(floor_model(6))
    model.graph.node[0].op_type = "Floor"
    with pytest.raises(ModelError, match="changed its input"):
        FloorLane("floor", model.SerializeToString(), few, 16)


@pytest.mark.parametrize("batch", [0, -1, ROWS + 1])
def test_a_batch_that_cannot_be_is_refused(subject: Subject, few: Expected, batch: int) -> None:
    with pytest.raises(ValueError, match="a batch of"):
        ModelLane("model", subject.data, few, batch)


def test_another_lane_makes_as_many_calls(subject: Subject, few: Expected) -> None:
    like = ModelLane("model", subject.data, few, 1)
    assert ModelLane("baseline", subject.data, few, 1, like=like).calls == like.calls > 1


def test_a_race_has_the_baseline_only_if_there_is_one(subject: Subject) -> None:
    alone = replace(subject, baseline=None)
    assert [lane.name for lane in alone.race(16).lanes] == ["model", "floor", "teacher"]
    both = replace(subject, baseline=subject.data).race(16)
    assert [lane.name for lane in both.lanes] == ["model", "floor", "teacher", "baseline"]


def test_a_corpus_with_fewer_rows_than_a_batch_is_refused(subject: Subject) -> None:
    class Small:
        def columns(self, *names: str) -> np.ndarray:
            return np.zeros((100, len(names)))

    with pytest.raises(TinyvmafError, match="100 rows, and the largest batch has 4096"):
        bench.expected_of(Small(), subject.teacher, ANY_SCORE)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for suffix in (".onnx", ".json"):
        (tmp_path / f"{MODEL}{suffix}").write_bytes(registry.find(MODEL).onnx.with_suffix(suffix).read_bytes())
    return tmp_path / f"{MODEL}.onnx"


def test_a_subject_is_read_with_its_sidecar_or_not_at_all(copied: Path, ffmpeg, tmp_path: Path) -> None:
    assert bench.read_subject(copied, ffmpeg)[0].id == MODEL
    other = tmp_path / "other.onnx"
    other.write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"other\.onnx does not keep the contract"):
        bench.read_subject(copied, ffmpeg, other)
    text = copied.with_suffix(".json").read_text(encoding="utf-8")

    def refused(change: Callable[[str], str], said: str) -> None:
        copied.with_suffix(".json").write_text(change(text), encoding="utf-8")
        with pytest.raises(ModelError, match=said):
            bench.read_subject(copied, ffmpeg)

    refused(lambda t: t.replace(registry.find(MODEL).sha256, "0" * 64), "its sidecar is of another file")
    swapped = {'"adm2"': '"vif_scale0"', '"vif_scale0"': '"adm2"'}
    lines = [next((line.replace(a, b) for a, b in swapped.items() if a in line), line) for line in text.splitlines()]
    refused(lambda _: "\n".join(lines), "not in its teacher's order")
    copied.with_suffix(".json").unlink()
    with pytest.raises(TinyvmafError, match="No such file"):
        bench.read_subject(copied, ffmpeg)
