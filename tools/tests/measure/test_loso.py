"""The leave-one-source-out report, checked against numbers computed by hand."""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.loso import LosoError, LosoReport, evaluate
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.train.export_student import student_model
from tinyvmaf.train.folds import FoldModel
from tinyvmaf.train.students import Student, architecture

# The report.


def toy(truth: dict[str, dict[str, list[float]]], **extra: Any) -> Dataset:
    """Frames by source, clip and their truth; feature x is the truth, and y its difference to the clip's first."""
    rows = [
        {"source": source, "clip": clip, "frame": n, "x": value, "y": value - values[0], "truth": value}
        for source, clips in truth.items()
        for clip, values in clips.items()
        for n, value in enumerate(values)
    ]
    return Dataset(pa.Table.from_pylist(rows), {"teachers": {"truth": "of truth"}} | extra)


TOY = toy(
    {
        "A": {"a1": [10.0, 20.0], "a2": [40.0, 50.0], "a3": [70.0, 90.0]},
        "B": {"b1": [5.0, 15.0, 25.0], "b2": [35.0, 45.0, 55.0], "b3": [65.0, 75.0, 85.0]},
    }
)


def linear(held_out: str | None, weights: Sequence[float] = (1.0, 0.0), bias: float = 0.0, seed: int = 0) -> FoldModel:
    """A model of x and y that scores a straight line."""
    student = Student(
        architecture("linear"),
        ("x", "y"),
        np.zeros(2),
        np.ones(2),
        (np.array(weights)[:, None], np.array([bias])),
        (-1e3, 1e3),
        (0.0, 100.0),
    )
    others = json.dumps(sorted({"A", "B"} - {held_out}))
    return FoldModel(held_out, seed, student_model(student, "m", {"sources": others}))


def judged(*models: FoldModel, data: Dataset = TOY, **options: Any) -> LosoReport:
    return evaluate("toy", models, data, ("x", "y"), "truth", **options)


def test_a_report_has_the_numbers_that_its_models_scores_have() -> None:
    """Scores are truth + 1 for source A and truth - 2 for B, so that errors are easy to compute."""
    report = judged(linear("A", bias=1.0), linear("B", bias=-2.0))
    for reading, n in (("frame", 6), ("clip", 3), ("clip_pooled_first", 3)):
        one, other = (fold.agreements[reading] for fold in report.folds)
        assert (one.n, one.bias, one.rmse, one.max_error, one.slope) == pytest.approx((n, 1.0, 1.0, 1.0, 1.0), abs=1e-5)
        assert (other.bias, other.rmse, other.max_error) == pytest.approx((-2.0, 2.0, 2.0), abs=1e-5)
        assert (one.plcc, one.srocc, one.krocc) == pytest.approx((1.0, 1.0, 1.0), abs=1e-9)
        assert report.mean(reading, "bias") == pytest.approx(-0.5, abs=1e-5)
        assert report.std(reading, "bias") == pytest.approx(math.sqrt(4.5), abs=1e-5)
        assert report.worst(reading).held_out == "B"
    assert report.pooled["frame"].n == 6 + 9
    assert report.pooled["frame"].rmse == pytest.approx(math.sqrt((6 * 1.0 + 9 * 4.0) / 15), abs=1e-5)
    assert report.pooled["clip"].rmse == pytest.approx(math.sqrt((1.0 + 4.0) / 2), abs=1e-5)
    interval = report.intervals["frame"]["rmse"]
    assert 1.0 <= interval.low <= report.pooled["frame"].rmse <= interval.high <= 2.0


def test_each_source_is_scored_by_the_model_that_holds_it_out() -> None:
    """Once per seed; the sources named in the file are reported too."""
    report = judged(linear("A"), linear("A", bias=1.0, seed=1), linear("B", bias=2.0))
    found = [(f.held_out, f.seed, f.sources, round(f.agreements["frame"].bias, 4)) for f in report.folds]
    assert found == [("A", 0, ("B",), 0.0), ("A", 1, ("B",), 1.0), ("B", 0, ("A",), 2.0)]
    assert report.std("frame", "bias") == pytest.approx(1.0, abs=1e-5)


def test_a_single_fold_has_no_spread() -> None:
    assert judged(linear("B")).std("frame", "rmse") == 0.0


def test_the_features_are_taken_by_name_in_the_models_order() -> None:
    report = evaluate("toy", [linear("A", weights=(0.0, 1.0))], TOY, ("y", "x"), "truth")
    assert report.folds[0].agreements["frame"].rmse == pytest.approx(0.0, abs=1e-5)


def test_pooling_before_and_after_a_straight_line_is_the_same() -> None:
    """A linear model's mean score is its score of the mean row, as long as nothing is clipped."""
    agreements = judged(linear("A", weights=(0.7, 0.4), bias=3.0)).folds[0].agreements
    for metric in ("plcc", "rmse", "bias", "slope"):
        before, after = getattr(agreements["clip_pooled_first"], metric), getattr(agreements["clip"], metric)
        assert before == pytest.approx(after, abs=1e-5)


def test_pooling_before_and_after_a_bent_model_differs() -> None:
    """Scores are 2 x - 60, clipped at 0. Frames 10 and 50 give 0 and 40, mean 20; their mean 30 gives 0."""
    data = toy({"A": {"a1": [10.0, 50.0], "a2": [40.0, 60.0], "a3": [60.0, 80.0]}})
    agreements = judged(linear("A", weights=(2.0, 0.0), bias=-60.0), data=data).folds[0].agreements
    assert agreements["clip"].bias == pytest.approx(((20 - 30) + (40 - 50) + (80 - 70)) / 3, abs=1e-5)
    assert agreements["clip_pooled_first"].bias == pytest.approx(((0 - 30) + (40 - 50) + (80 - 70)) / 3, abs=1e-5)


def test_a_model_per_clip_is_run_on_the_frames_of_each_clip_and_has_no_frame_scores() -> None:
    student = Student(
        architecture("a3"),
        ("x", "y"),
        np.array([50.0, 0.0]),
        np.array([30.0, 10.0]),
        tuple(np.random.default_rng(0).normal(0.0, 0.5, s) for s in architecture("a3").shapes(2)),
        (-1e3, 1e3),
        (-100.0, 100.0),
    )
    model = FoldModel("A", 0, student_model(student, "m"))
    report = judged(model, per_clip=True)
    assert set(report.pooled) == {"clip"}
    engine, truth = OnnxRuntimeCpu(model.data), np.array([15.0, 45.0, 80.0])
    frames = [np.array(rows) for rows in ([[10, 0], [20, 10]], [[40, 0], [50, 10]], [[70, 0], [90, 20]])]
    got = np.array([engine.run_clip(clip) for clip in frames])
    assert report.pooled["clip"].bias == pytest.approx((got - truth).mean(), abs=1e-6)


def test_opinions_are_the_truth_of_clips_and_of_no_frame() -> None:
    """A clip without an opinion has no truth, so it is not evaluated."""
    data = toy({"A": {f"a{i}": [10.0 * i, 10.0 * i + 4.0] for i in range(1, 6)}})
    opinions = {"a1": 11.0, "a2": 21.0, "a4": 41.0, "a5": 51.0}
    report = judged(linear("A"), data=data, opinions=opinions)
    assert set(report.pooled) == {"clip", "clip_pooled_first"}
    assert report.pooled["clip"].n == 4
    assert report.pooled["clip"].bias == pytest.approx(1.0, abs=1e-5)


def test_a_frame_without_a_finite_score_hides_no_other() -> None:
    data = toy({"A": {f"a{i}": [0.0, 10.0 * i, 10.0 * i + 4.0] for i in range(1, 6)}})
    file = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17], metadata_props: ["sources": "[\\"B\\"]"]>
        m (float[N, 2] features) => (float[N, 1] score)
        <float limit = {42.0}, float none = {0.0}, int64[1] first = {0}> {
            x = Gather <axis = 1> (features, first)
            left = Sub (limit, x)
            root = Sqrt (left)
            nan_above = Mul (root, none)
            score = Add (x, nan_above)
        }""")
    report = judged(FoldModel("A", 0, file.SerializeToString()), data=data)
    found = report.folds[0].agreements["frame"]
    assert found.n < 15
    assert found.plcc > 0.99
    assert math.isnan(found.max_error)
    assert "3 of 15 frames have no finite score on ONNX Runtime, the first is frame 2 of a4: nan" in report.not_finite
    assert json.dumps(report.as_dict(), allow_nan=False)
    assert not judged(linear("A")).not_finite


def test_a_constant_model_has_no_correlation_and_passes_no_bound() -> None:
    """The model failed, and the report shows it; its errors are still numbers."""
    report = judged(linear("A", weights=(0.0, 0.0), bias=50.0), linear("B"))
    constant = report.folds[0].agreements["frame"]
    assert all(math.isnan(v) for v in (constant.plcc, constant.srocc, constant.krocc, report.mean("frame", "plcc")))
    assert constant.max_error == pytest.approx(40.0)
    alone = judged(linear("A", weights=(0.0, 0.0), bias=50.0))
    assert not alone.intervals


def test_a_report_is_json_without_nan() -> None:
    """Strict JSON has no NaN; null replaces it."""
    report = judged(linear("A", weights=(0.0, 0.0), bias=50.0), linear("B"), facts={"recipe": "mine"})
    found = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert (found["schema"], found["subject"], found["recipe"]) == (1, "toy", "mine")
    assert found["folds"][0]["frame"]["plcc"] is None
    assert found["summary"]["frame"]["mean"]["plcc"] is None
    assert found["summary"]["frame"]["std"]["plcc"] is None
    assert found["summary"]["frame"]["mean"]["rmse"] == pytest.approx(report.mean("frame", "rmse"))
    assert found["summary"]["clip"]["worst_source"] == "A"
    assert len(found["summary"]["frame"]["interval95"]["rmse"]) == 2
    assert [(f["held_out"], f["sources"]) for f in found["folds"]] == [("A", ["B"]), ("B", ["A"])]


def test_too_few_clips_for_an_interval_leave_it_out() -> None:
    """One in nine resamples of three clips draws one clip alone, which has no correlation: no interval is better than
    one of a biased choice. Frames of a clip differ, so theirs has one."""
    report = judged(linear("A", bias=1.0))
    assert set(report.pooled) == {"frame", "clip", "clip_pooled_first"}
    assert set(report.intervals) == {"frame"}
    assert json.dumps(report.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("truth", "options", "reason"),
    [
        ({"A": {"a1": [7.0, 7.0], "a2": [7.0, 7.0], "a3": [7.0]}}, {}, "toy, frame, source A: the expected values are"),
        ({"A": {"a1": [7.0, 9.0], "a2": [8.0, 8.0], "a3": [8.0]}}, {}, "toy, clip, source A: the expected values are"),
        ({"A": {"a1": [1.0, 2.0], "a2": [3.0, 4.0]}}, {}, "toy, clip, source A: agreement needs three values or more"),
        ({"A": {"a1": [1.0], "a2": [3.0], "a3": [5.0]}}, {"opinions": {"a1": 1.0}}, "three values or more, not 1"),
        (
            {"A": {"a1": [1.0], "a2": [3.0], "a3": [5.0]}},
            {"opinions": dict.fromkeys(("a1", "a2", "a3"), 4.0)},
            "toy, clip, source A: the expected values are constant",
        ),
        ({"B": {"b1": [1.0], "b2": [3.0], "b3": [5.0]}}, {}, "toy: the corpus has no row of source A"),
    ],
    ids=["constant-frames", "constant-clips", "two-clips", "one-opinion", "constant-opinions", "no-source"],
)
def test_what_cannot_be_judged_is_an_error(truth: Any, options: dict[str, Any], reason: str) -> None:
    """With a constant truth no model can be evaluated, so it must not pass."""
    with pytest.raises(LosoError, match=reason):
        judged(linear("A"), data=toy(truth), **options)


def test_no_model_is_no_report() -> None:
    with pytest.raises(LosoError, match="toy: there is no fold to evaluate"):
        judged()


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(TinyvmafError, match="no column 'z'"):
        evaluate("toy", [linear("A")], TOY, ("x", "z"), "truth")
