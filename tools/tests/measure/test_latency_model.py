"""A model as a lane: what is timed, and that wrong outputs are found."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import ModelError, TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.judge.kinds import Material, find
from tinyvmaf.judge.opponents import opponents_of
from tinyvmaf.judge.subjects import named
from tinyvmaf.measure import latency
from tinyvmaf.measure.latency import BaselineError, Expected, FloorLane, ModelLane, Opponents, floor_model, race_of
from tinyvmaf.model import registry
from tinyvmaf.model.engines import EngineError
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.model.third_party.wrap import as_it_came
from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.vmaf.features import CANONICAL_FEATURES
from tinyvmaf.vmaf.ffmpeg import FFmpeg

MODEL = "tinyvmaf_nano"
ROWS = 300


@pytest.fixture
def subject() -> Subject:
    return Subject.at(registry.find(MODEL).file)


@pytest.fixture
def against(subject: Subject, ffmpeg: FFmpeg) -> Opponents:
    return opponents_of(subject, ffmpeg)


@pytest.fixture
def few(against: Opponents) -> Expected:
    return Expected(against.expected.rows[:ROWS], against.expected.scores[:ROWS], 1.0)


def wrong_on(data: bytes, row: np.ndarray, score: float) -> bytes:
    """The model, except that one row gets another score."""
    model = onnx.load_model_from_string(data)
    last = next(node for node in model.graph.node if "score" in node.output)
    last.output[0] = "right"
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(row.astype(np.float32)[None], "the_row"),
            numpy_helper.from_array(np.array(len(row) - 0.5, np.float32), "nearly_all"),
            numpy_helper.from_array(np.array([1]), "columns"),
            numpy_helper.from_array(np.array(score, np.float32), "wrong_score"),
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


def test_a_slow_lane_times_and_looks_at_its_only_call(subject: Subject, few: Expected) -> None:
    slow = ModelLane("model", subject.data, few, 16, clock=itertools.count(0, 20_000_000).__next__)
    other = ModelLane("baseline", subject.data, few, 16, like=slow)
    for lane in (slow, other):
        before = lane.checked
        lane.block()
        assert (lane.slow, lane.checked) == (True, before + 16)


@pytest.mark.parametrize("score", [99.0, 0.0])
@pytest.mark.parametrize("batch", [1, 16, 256])
def test_one_wrong_row_is_found_whatever_the_batch(subject: Subject, few: Expected, batch: int, score: float) -> None:
    row = 0 if batch == 1 else 140
    wrong = 50.0 if abs(few.scores[row] - score) < 2 else score
    lane = ModelLane("model", wrong_on(subject.data, few.rows[row], wrong), few, batch)
    for _ in range(30):  # where a call is slow, a block is one call
        lane.block()
    assert set(lane.wrong) == {f"batch {batch}, row {row}"}
    (found,) = lane.wrong.values()
    assert (found.expected, found.got) == (few.scores[row], float(np.float32(wrong)))
    assert lane.worst == pytest.approx(abs(few.scores[row] - wrong), abs=1e-3)


def test_every_row_is_in_some_window_of_every_batch_that_is_not_tiny(subject: Subject, against: Opponents) -> None:
    for batch in (256, 4096):
        lane = ModelLane("model", subject.data, against.expected, batch)
        covered = np.zeros(len(against.expected.rows), dtype=bool)
        for start, fed in lane._windows:
            assert np.array_equal(fed["features"], against.expected.rows[start : start + batch])
            covered[start : start + batch] = True
        assert covered.all()


def test_a_third_party_model_is_timed_as_it_came(tmp_path: Path, few: Expected) -> None:
    """Other order and scaler outside: neither Gather, Sub and Div nor the file with them runs."""
    path = home() / "fixtures/third_party/quickvmaf.onnx"
    (one,) = named([path], tmp_path, lambda _: CANONICAL_FEATURES, FeedOptions())
    assert one.adopted is not None
    came = as_it_came(one.adopted, one.features)
    assert came is not None
    assert {node.op_type for node in onnx.load_model_from_string(came.data).graph.node}.isdisjoint({"Gather", "Sub"})
    lane = ModelLane("model", b"never loaded", few, 16, came=came)
    assert lane.checked
    assert lane.worst < 6.0, "its own inputs, so VMAF's scores"


def test_nan_is_wrong_and_not_worst(subject: Subject, few: Expected) -> None:
    lane = ModelLane("model", wrong_on(subject.data, few.rows[0], np.nan), few, 1)
    assert np.isnan(lane.wrong["batch 1, row 0"].got)


def test_a_model_of_another_shape_is_no_candidate(few: Expected) -> None:
    with pytest.raises(ModelError, match=r"returned float32 \[16, 6\] for 16 rows"):
        ModelLane("model", floor_model(6), few, 16)


def test_a_model_that_does_not_run_says_at_which_batch(subject: Subject, few: Expected) -> None:
    narrow = replace(few, rows=few.rows[:, :5])
    with pytest.raises(ModelError, match="ONNX Runtime failed on 16 rows"):
        ModelLane("model", subject.data, narrow, 16)


def test_a_floor_that_is_not_the_identity_is_no_floor(few: Expected) -> None:
    model = onnx.load_model_from_string(floor_model(6))
    model.graph.node[0].op_type = "Floor"
    with pytest.raises(ModelError, match="differs from its input"):
        FloorLane("floor", model.SerializeToString(), few, 16)


@pytest.mark.parametrize("batch", [0, -1, ROWS + 1])
def test_a_batch_that_cannot_be_is_refused(subject: Subject, few: Expected, batch: int) -> None:
    with pytest.raises(ValueError, match="a batch of"):
        ModelLane("model", subject.data, few, batch)


def test_only_the_model_under_test_is_blamed(
    subject: Subject, against: Opponents, few: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    for data in (b"nothing", floor_model(6), wrong_on(subject.data, few.rows[0], 99.0)):
        with pytest.raises(BaselineError, match="baseline"):
            ModelLane("baseline", data, few, 1, fault=BaselineError)
    monkeypatch.setattr("tinyvmaf.measure.latency.contest.teacher_model", lambda _: subject.data)
    with pytest.raises(EngineError, match=r"teacher, batch 16, row \d+: expected \S+, got \S+"):
        race_of(subject.data, against, 16)

    class Full:
        def __init__(self, *_: object) -> None:
            self.input_name = "features"

        def bare(self, *_: object) -> None:
            raise MemoryError("std::bad_alloc")

    monkeypatch.setattr("tinyvmaf.measure.latency.lanes.OnnxRuntimeCpu", Full)
    with pytest.raises(EngineError, match="bad_alloc"):
        ModelLane("model", subject.data, few, 1)


def test_a_model_that_does_not_run_says_nothing_of_the_others_on_the_whole_path(
    subject: Subject, against: Opponents, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    inf = wrong_on(subject.data, np.zeros(6, np.float32), np.inf)
    models = {"good": subject.data, "broken": b"nothing", "inf": inf}
    found = latency.whole_path(models, against.teacher, ffmpeg, tmp_path, passes=1)
    assert (found.frames, len(found.libvmaf_s), set(found.models_s)) == (15, 1, {"good", "inf"})
    assert "cannot load it" in found.failed["broken"]
    assert list(tmp_path.iterdir()) == []


def test_another_lane_makes_as_many_calls(subject: Subject, few: Expected) -> None:
    like = ModelLane("model", subject.data, few, 1)
    assert ModelLane("baseline", subject.data, few, 1, like=like).calls == like.calls > 1


def test_a_race_has_the_baseline_only_if_there_is_one(subject: Subject, against: Opponents) -> None:
    alone = race_of(subject.data, replace(against, baseline=None), 16)
    assert [lane.name for lane in alone.lanes] == ["model", "floor", "teacher"]
    both = race_of(subject.data, replace(against, baseline=subject.data), 16)
    assert [lane.name for lane in both.lanes] == ["model", "floor", "teacher", "baseline"]


def test_a_corpus_with_fewer_rows_than_a_batch_is_refused(subject: Subject, against: Opponents) -> None:
    small = Mock(spec=Dataset)
    small.columns.side_effect = lambda *names: np.zeros((100, len(names)))

    with pytest.raises(TinyvmafError, match="100 rows, and the largest batch has 4096"):
        find(subject.kind).latency_inputs(subject, Material(small, lambda _: against.teacher))


def narrow() -> bytes:
    graph = Graph()
    graph.node("MatMul", ["features", graph.constant("weights", np.ones((5, 1), np.float32))], "score")
    return graph.model("narrow", 5, {})


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for suffix in (".onnx", ".json"):
        (tmp_path / f"{MODEL}{suffix}").write_bytes(registry.find(MODEL).file.with_suffix(suffix).read_bytes())
    return tmp_path / f"{MODEL}.onnx"


def test_a_subject_is_read_with_its_sidecar_or_not_at_all(copied: Path, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    assert Subject.at(copied).id == MODEL
    other = tmp_path / "other.onnx"
    other.write_bytes(b"nothing")
    with pytest.raises(BaselineError, match=r"other\.onnx does not keep the contract"):
        opponents_of(Subject.at(copied), ffmpeg, other)
    other.write_bytes(narrow())
    with pytest.raises(BaselineError, match="takes 5 features, not 6"):
        opponents_of(Subject.at(copied), ffmpeg, other)
    text = copied.with_suffix(".json").read_text(encoding="utf-8")

    def refused(change: Callable[[str], str], message: str) -> None:
        copied.with_suffix(".json").write_text(change(text), encoding="utf-8")
        with pytest.raises(ModelError, match=message):
            opponents_of(Subject.at(copied), ffmpeg)

    refused(lambda t: t.replace(registry.find(MODEL).sha256, "0" * 64), "its sidecar is of another file")
    swapped = {'"adm2"': '"vif_scale0"', '"vif_scale0"': '"adm2"'}
    lines = [next((line.replace(a, b) for a, b in swapped.items() if a in line), line) for line in text.splitlines()]
    refused(lambda _: "\n".join(lines), "not in its teacher's order")
    copied.with_suffix(".json").unlink()
    with pytest.raises(TinyvmafError, match="no sidecar"):
        opponents_of(Subject.at(copied), ffmpeg)
