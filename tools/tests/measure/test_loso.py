"""Leave-one-source-out: what was fitted once is not fitted again nor served stale, a leak is found in the rows, and a
report says what the models' own scores say."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from tinyvmaf.data import dataset
from tinyvmaf.data.corpus import leave_one_source_out
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.store import Store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.measure.loso import LosoError, Report, evaluate, evaluate_recipe, leaked_rows
from tinyvmaf.model.certificate import certify
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.train.export_student import student_model
from tinyvmaf.train.folds import FitRequest, FoldModel, fold_models
from tinyvmaf.train.recipes import Recipe, read_recipe
from tinyvmaf.train.students import Architecture, Student, architecture
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

Array = NDArray[np.float64]
TEACHER = "vmaf_v0.6.1"
SOURCES = ("Bikes", "Flower", "Grain")
FOLDS = leave_one_source_out(SOURCES)
RECIPE = """\
summary = "a recipe for these tests"
teacher = "vmaf_v0.6.1"
method = "B1"
architecture = "mlp_small"
seeds = [0, 1]

[optimiser]
name = "adam"
steps = 4
batch = 8
learning_rate = 0.01
"""
MOS = "[mos]\nscale = [0, 100]\n"


@pytest.fixture(scope="module")
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg, TEACHER)


@pytest.fixture(scope="module")
def corpus() -> Dataset:
    """Of the embedded corpus three sources, four frames of each clip."""
    whole = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    keep = np.isin(whole.table["source"].to_pylist(), SOURCES) & (whole.table["frame"].to_numpy() < 4)
    return Dataset(whole.table.filter(pa.array(keep)), whole.provenance)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def recipe(folder: Path, text: str = RECIPE, name: str = "mine") -> Recipe:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return read_recipe(path)


def changed(data: Dataset, column: str, row: int, value: Any) -> Dataset:
    """The dataset with another value in one place."""
    values = data.table[column].to_pylist()
    values[row] = value
    where = data.table.column_names.index(column)
    return Dataset(
        data.table.set_column(where, column, pa.array(values, data.table.schema.field(column).type)), data.provenance
    )


# The models of the folds.


def entries(store: Store) -> int:
    return len(list(store.entries()))


def test_what_was_fitted_once_comes_from_the_store(
    teacher: Teacher, corpus: Dataset, store: Store, tmp_path: Path
) -> None:
    one, first, second = recipe(tmp_path), [], []
    fitted = fold_models(FitRequest(one, teacher, corpus, FOLDS), store, progress=lambda *at: first.append(at))
    stored = fold_models(FitRequest(one, teacher, corpus, FOLDS), store, progress=lambda *at: second.append(at))
    assert stored == fitted == fold_models(FitRequest(one, teacher, corpus, FOLDS), None)
    assert (len(first), len(second)) == (4, 0)
    assert [(model.held_out, model.seed) for model in stored] == [(s, seed) for s in SOURCES for seed in (0, 1)]


def test_a_models_file_says_what_it_was_made_from(teacher: Teacher, corpus: Dataset, tmp_path: Path) -> None:
    one = recipe(tmp_path, RECIPE + "[validation]\nevery = 2\npatience = 1\n")
    for model in fold_models(FitRequest(one, teacher, corpus, FOLDS, seeds=[7]), None):
        said = model.metadata()
        assert (said["recipe"], said["recipe_sha256"], said["seed"]) == ("mine", one.sha256, "7")
        assert (said["teacher"], said["teacher_sha256"]) == (TEACHER, teacher.sha256)
        assert said["feature_order"].split(",") == list(CANONICAL)
        assert sorted([model.held_out, *model.sources, said["validation_source"]]) == sorted(SOURCES)


def test_a_warm_store_needs_no_torch(teacher: Teacher, corpus: Dataset, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """In a process of its own: a second and a half saved, and a gate that runs where torch is not installed."""
    one = recipe(tmp_path)
    dataset.write(tmp_path / "features.parquet", corpus.table, corpus.provenance)
    code = """
import sys
from pathlib import Path
from tinyvmaf.data import dataset
from tinyvmaf.data.corpus import leave_one_source_out
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.train.recipes import read_recipe
from tinyvmaf.train.folds import FitRequest, fold_models
from tinyvmaf.measure.loso import evaluate
from tinyvmaf.data.store import Store
from tinyvmaf.vmaf.teacher import load_built_in
folder, ffmpeg = Path(sys.argv[1]), sys.argv[2]
data, teacher = dataset.read(folder / "features.parquet"), load_built_in(find_ffmpeg(ffmpeg))
folds = leave_one_source_out(data.table["source"].to_pylist())
request = FitRequest(read_recipe(folder / "mine.toml"), teacher, data, folds)
models = fold_models(request, Store(folder / "store"))
evaluate("mine", models, data, teacher.feature_names, teacher.id)
print(len(models), "torch" in sys.modules)
"""
    fold_models(FitRequest(one, teacher, corpus, FOLDS), Store(tmp_path / "store"))
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(ffmpeg.path)],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["6", "False"]
    assert entries(Store(tmp_path / "store")) == 1


def test_a_damaged_entry_is_fitted_anew(teacher: Teacher, corpus: Dataset, store: Store, tmp_path: Path) -> None:
    one, steps = recipe(tmp_path), []
    fitted = fold_models(FitRequest(one, teacher, corpus, FOLDS), store)
    (entry,) = store.entries()
    data = bytearray(entry.path.read_bytes())
    data[len(data) // 2] ^= 1
    entry.path.write_bytes(data)
    assert fold_models(FitRequest(one, teacher, corpus, FOLDS), store, progress=lambda *at: steps.append(at)) == fitted
    assert len(steps) == 4
    assert store.damaged == [entry.key]
    assert fold_models(FitRequest(one, teacher, corpus, FOLDS), store) == fitted


def test_whatever_a_fit_depends_on_is_a_part_of_its_key(
    teacher: Teacher, corpus: Dataset, store: Store, tmp_path: Path
) -> None:
    """One change at a time, and each is fitted anew."""
    one = recipe(tmp_path)
    clip = corpus.table["clip"][0].as_py()
    calls: list[Callable[[], list[FoldModel]]] = [
        lambda: fold_models(FitRequest(one, teacher, corpus, FOLDS), store),
        lambda: fold_models(FitRequest(one, teacher, changed(corpus, "adm2", 0, 0.5), FOLDS), store),
        lambda: fold_models(FitRequest(one, teacher, changed(corpus, TEACHER, 0, 50.0), FOLDS), store),
        lambda: fold_models(FitRequest(one, teacher, changed(corpus, "source", 0, "Grain"), FOLDS), store),
        lambda: fold_models(FitRequest(one, teacher, changed(corpus, "clip", 0, f"{clip}2"), FOLDS), store),
        lambda: fold_models(FitRequest(one, teacher, changed(corpus, "frame", 0, 99), FOLDS), store),
        lambda: fold_models(FitRequest(recipe(tmp_path, RECIPE + "\n"), teacher, corpus, FOLDS), store),
        lambda: fold_models(FitRequest(recipe(tmp_path, RECIPE, "other"), teacher, corpus, FOLDS), store),
        lambda: fold_models(FitRequest(one, teacher, corpus, FOLDS[:2]), store),
        lambda: fold_models(FitRequest(one, teacher, corpus, []), store),
        lambda: fold_models(FitRequest(one, teacher, corpus, FOLDS, seeds=[0]), store),
        lambda: fold_models(FitRequest(one, teacher, corpus, FOLDS, model_id="shipped"), store),
    ]
    for number, call in enumerate(calls, start=1):
        call()
        assert entries(store) == number
    for call in calls:
        call()
    assert entries(store) == len(calls)


def test_opinions_are_a_part_of_the_key(teacher: Teacher, corpus: Dataset, store: Store, tmp_path: Path) -> None:
    one = recipe(tmp_path, RECIPE.replace("B1", "B2") + MOS)
    opinions = {clip: (mean, 1.0) for clip, mean in corpus.clip_means(TEACHER).items()}
    first = next(iter(opinions))
    for number, voices in enumerate(
        (opinions, opinions | {first: (12.0, 1.0)}, opinions | {first: (12.0, 0.5)}), start=1
    ):
        fold_models(FitRequest(one, teacher, corpus, FOLDS, opinions=voices), store)
        assert entries(store) == number
    fold_models(FitRequest(one, teacher, corpus, FOLDS, opinions=dict(reversed(opinions.items()))), store)
    assert entries(store) == 3


def test_a_column_that_the_teacher_does_not_take_is_no_part_of_the_key(
    teacher: Teacher, corpus: Dataset, store: Store, tmp_path: Path
) -> None:
    one = recipe(tmp_path)
    fitted = fold_models(FitRequest(one, teacher, corpus, FOLDS), store)
    assert fold_models(FitRequest(one, teacher, changed(corpus, "motion3_mmxv_18", 0, 1.0), FOLDS), store) == fitted
    assert entries(store) == 1


def test_a_recipe_that_sees_no_clip_gives_one_model_for_all_folds(
    teacher: Teacher, corpus: Dataset, store: Store, tmp_path: Path
) -> None:
    """Which no corpus and no fold can change, so it is fitted once for all of them."""
    one = recipe(tmp_path, RECIPE.replace("B1", "B1f") + "[domain]\nsamples = 100\n")
    (model,) = fold_models(FitRequest(one, teacher, corpus, FOLDS, seeds=[0]), store)
    assert (model.held_out, model.sources) == (None, ())
    for data, folds in ((None, []), (changed(corpus, "adm2", 0, 0.5), FOLDS[:1])):
        assert fold_models(FitRequest(one, teacher, data, folds, seeds=[0]), store) == [model]
    assert entries(store) == 1
    report = evaluate("mine", [model], corpus, CANONICAL, TEACHER)
    assert [fold.held_out for fold in report.folds] == list(SOURCES)


@pytest.mark.parametrize(("arithmetic", "double"), [("float32", False), ("float64", True)])
def test_a_recipe_with_a_grid_gives_a_file_that_needs_no_luck_with_its_engine(
    arithmetic: str, double: bool, teacher: Teacher, corpus: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says of itself what every fitted file says, and has its certificate."""
    monkeypatch.setattr("tinyvmaf.train.fitting.run._SEARCH", {"samples": 300, "starts": 5, "steps": 2})
    text = RECIPE.replace("B1", "B1f").replace("mlp_small", "quadratic_32").replace("[0, 1]", "[3]")
    text = text.replace("[optimiser]", f'arithmetic = "{arithmetic}"\n[optimiser]').replace("learning_rate = 0.01", "")
    text = text.replace("adam", "levenberg_marquardt").replace("batch = 8", "batch = 500")
    text += "[domain]\nsamples = 500\n[grid]\ninput_bits = 13\nlevel_bits = 12\nvalue_bits = 11\n"
    one = replace(recipe(tmp_path, text), architecture=Architecture("small", "mlp", (6, 6), "quadratic"))
    (model,) = fold_models(FitRequest(one, teacher, corpus, FOLDS, model_id="shipped"), None)
    said = model.metadata()
    assert (said["recipe"], said["recipe_sha256"], said["seed"]) == ("mine", one.sha256, "3")
    assert (said["teacher"], said["teacher_sha256"], said["sources"]) == (TEACHER, teacher.sha256, "")
    assert said["feature_order"].split(",") == list(CANONICAL)
    found = certify(model.data)
    assert (found.certified, found.exact_in_float64) == (not double, True), found.explain()
    assert [fold.held_out for fold in evaluate("mine", [model], corpus, CANONICAL, TEACHER).folds] == list(SOURCES)


# Leaks.


def renamed(data: Dataset, source: str, alias: str, share: float = 1.0, decimals: int = 12) -> Dataset:
    """The dataset with a copy of some rows of a source under another name."""
    rows = data.table.filter(pa.array(np.array(data.table["source"].to_pylist()) == source))
    rows = rows.slice(0, round(share * rows.num_rows))
    for name in rows.column_names[3:]:
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(np.round(rows[name].to_numpy(), decimals)))
    for name in ("source", "clip"):
        rows = rows.set_column(
            rows.column_names.index(name), name, pa.array([v.replace(source, alias) for v in rows[name].to_pylist()])
        )
    return Dataset(pa.concat_tables([data.table, rows.cast(data.table.schema)]), data.provenance)


@pytest.mark.parametrize("decimals", [12, 6])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_copy_of_a_source_under_another_name_is_found(decimals: int, share: float, corpus: Dataset) -> None:
    """Also one that went through a log of six decimals."""
    leaky = renamed(corpus, "Bikes", "Cycles", share, decimals)
    assert leaked_rows(leaky, CANONICAL, "Bikes", ("Cycles", "Flower")) == pytest.approx(share, abs=0.02)
    assert leaked_rows(leaky, CANONICAL, "Bikes", ("Flower", "Grain")) == 0.0


def test_sources_that_share_no_row_leak_none(corpus: Dataset) -> None:
    for fold in FOLDS:
        assert leaked_rows(corpus, CANONICAL, fold.held_out, fold.train) == 0.0
        assert leaked_rows(corpus, CANONICAL, fold.held_out, ()) == 0.0


def test_a_source_that_is_trained_on_by_name_leaks_whole(corpus: Dataset) -> None:
    assert leaked_rows(corpus, CANONICAL, "Bikes", ("Bikes", "Grain")) == 1.0


def test_a_source_without_rows_is_no_leak_but_an_error(corpus: Dataset) -> None:
    with pytest.raises(TinyvmafError, match="the corpus has no row of source Nobody"):
        leaked_rows(corpus, CANONICAL, "Nobody", ("Bikes",))


# The report.


def toy(truth: dict[str, dict[str, list[float]]], **extra: Any) -> Dataset:
    """Frames by source, clip and their truth; feature x is the truth, and y its difference to the clip's first."""
    rows = [
        {"source": source, "clip": clip, "frame": n, "x": value, "y": value - values[0], "truth": value}
        for source, clips in truth.items()
        for clip, values in clips.items()
        for n, value in enumerate(values)
    ]
    return Dataset(pa.Table.from_pylist(rows), extra)


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


def judged(*models: FoldModel, data: Dataset = TOY, **options: Any) -> Report:
    return evaluate("toy", models, data, ("x", "y"), "truth", **options)


def test_a_report_has_the_numbers_that_its_models_scores_have() -> None:
    """Scores of truth + 1 of A and of truth - 2 of B: errors that can be done in the head."""
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
    """And by each seed of it; what a file says of its sources is put down beside."""
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
    """The mean of a line's values is the line's value at the mean, as long as nothing is clipped."""
    agreements = judged(linear("A", weights=(0.7, 0.4), bias=3.0)).folds[0].agreements
    for metric in ("plcc", "rmse", "bias", "slope"):
        before, after = getattr(agreements["clip_pooled_first"], metric), getattr(agreements["clip"], metric)
        assert before == pytest.approx(after, abs=1e-5)


def test_pooling_before_and_after_a_bent_model_differs() -> None:
    """Scores of 2 x - 60, clipped at 0. Of the frames 10 and 50 that is 0 and 40, so 20; of their mean 30 it is 0."""
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
    """Of a clip without one nothing is known, so it is not judged."""
    data = toy({"A": {f"a{i}": [10.0 * i, 10.0 * i + 4.0] for i in range(1, 6)}})
    opinions = {"a1": 11.0, "a2": 21.0, "a4": 41.0, "a5": 51.0}
    report = judged(linear("A"), data=data, opinions=opinions)
    assert set(report.pooled) == {"clip", "clip_pooled_first"}
    assert report.pooled["clip"].n == 4
    assert report.pooled["clip"].bias == pytest.approx(1.0, abs=1e-5)


def test_a_constant_model_has_no_correlation_and_passes_no_bound() -> None:
    """It failed, and the report says so; its errors are still numbers."""
    report = judged(linear("A", weights=(0.0, 0.0), bias=50.0), linear("B"))
    constant = report.folds[0].agreements["frame"]
    assert all(math.isnan(v) for v in (constant.plcc, constant.srocc, constant.krocc, report.mean("frame", "plcc")))
    assert constant.max_error == pytest.approx(40.0)
    alone = judged(linear("A", weights=(0.0, 0.0), bias=50.0))
    assert not alone.intervals


def test_a_report_is_json_without_nan() -> None:
    """Strict JSON has none; null stands for it."""
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
        ({"A": {"a1": [1.0, 2.0], "a2": [3.0, 4.0]}}, {}, "toy, clip, source A: agreement takes three values or more"),
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
    """A truth that does not vary says nothing of any model, so it must not pass for one that is well predicted."""
    with pytest.raises(LosoError, match=reason):
        judged(linear("A"), data=toy(truth), **options)


def test_no_model_is_no_report() -> None:
    with pytest.raises(LosoError, match="toy: no fold to judge"):
        judged()


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(TinyvmafError, match="no column 'z'"):
        evaluate("toy", [linear("A")], TOY, ("x", "z"), "truth")


def test_the_folds_of_a_real_recipe_are_judged_end_to_end(teacher: Teacher, corpus: Dataset, tmp_path: Path) -> None:
    """Trained longer than the others here: what it says of sources that it has not seen is near the teacher."""
    one = replace(recipe(tmp_path), seeds=(0,))
    one = replace(one, optimiser=replace(one.optimiser, steps=400, batch=64))
    report = evaluate("mine", fold_models(FitRequest(one, teacher, corpus, FOLDS), None), corpus, CANONICAL, TEACHER)
    assert [fold.held_out for fold in report.folds] == list(SOURCES)
    assert report.pooled["frame"].n == corpus.table.num_rows
    assert report.mean("frame", "plcc") > 0.95
    assert report.mean("clip", "srocc") > 0.9


def test_a_recipes_report_says_where_it_comes_from(teacher: Teacher, corpus: Dataset, tmp_path: Path) -> None:
    one = recipe(tmp_path)
    models = fold_models(FitRequest(one, teacher, corpus, FOLDS, seeds=[0]), None)
    report = evaluate_recipe("shipped", one, teacher, models, corpus)
    assert report.facts == {
        "recipe": "mine",
        "recipe_sha256": one.sha256,
        "teacher": TEACHER,
        "teacher_sha256": teacher.sha256,
        "fits": 3,
        "sees_clips": True,
        **{name: corpus.provenance[name] for name in ("corpus_sha256", "libvmaf", "motion_epoch")},
    }
    assert report.as_dict() == evaluate("shipped", models, corpus, CANONICAL, TEACHER, facts=report.facts).as_dict()


def test_a_recipe_that_fits_opinions_is_judged_by_them_in_points(
    teacher: Teacher, corpus: Dataset, tmp_path: Path
) -> None:
    """On a scale from 5 down to 1; of a recipe that fits none they are of no account."""
    one = recipe(tmp_path, RECIPE.replace("B1", "B2") + "[mos]\nscale = [5, 1]\n", "opinionated")
    points = {clip: 0.5 * mean + 20.0 for clip, mean in corpus.clip_means(TEACHER).items()}
    opinions = {clip: (5.0 - 0.04 * value, 2.0) for clip, value in points.items()}
    models = fold_models(FitRequest(one, teacher, corpus, FOLDS, seeds=[0], opinions=opinions), None)
    found = evaluate_recipe("o", one, teacher, models, corpus, opinions=opinions).pooled
    wanted = evaluate("o", models, corpus, CANONICAL, TEACHER, opinions=points).pooled
    assert set(found) == set(wanted) == {"clip", "clip_pooled_first"}
    assert found["clip"].rmse == pytest.approx(wanted["clip"].rmse, abs=1e-9)
    plain = recipe(tmp_path)
    assert "frame" in evaluate_recipe("o", plain, teacher, models, corpus, opinions=opinions).pooled
