"""The models of the folds: fitted once, stored, free of leaks, and evaluated end to end."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tinyvmaf.data import dataset
from tinyvmaf.data.corpus import leave_one_source_out
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.store import Store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.measure.loso import evaluate, evaluate_recipe, leaked_rows
from tinyvmaf.model.certificate import certify
from tinyvmaf.train.folds import FitRequest, FoldModel, fold_models
from tinyvmaf.train.recipes import Recipe, read_recipe
from tinyvmaf.train.students import Architecture
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

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
    """Three sources of the embedded corpus, four frames of each clip."""
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
    """The dataset with one value changed."""
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
        metadata = model.metadata()
        assert (metadata["recipe"], metadata["recipe_sha256"], metadata["seed"]) == ("mine", one.sha256, "7")
        assert (metadata["teacher"], metadata["teacher_sha256"]) == (TEACHER, teacher.sha256)
        assert metadata["feature_order"].split(",") == list(CANONICAL)
        assert sorted([str(model.held_out), *model.sources, metadata["validation_source"]]) == sorted(SOURCES)


def test_a_warm_store_needs_no_torch(teacher: Teacher, corpus: Dataset, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """In a new process: saves 1.5 s, and the gate runs without torch."""
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
    """Each single change causes a new fit."""
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
    """Corpus and folds cannot change it, so it is fitted once for all folds."""
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
    """It has the metadata of every fitted file, and its certificate."""
    monkeypatch.setattr("tinyvmaf.train.fitting.samples._STARTS", 5)
    monkeypatch.setattr("tinyvmaf.train.fitting.samples._STEPS", 2)
    text = RECIPE.replace("B1", "B1f").replace("mlp_small", "quadratic_32").replace("[0, 1]", "[3]")
    text = text.replace("[optimiser]", f'arithmetic = "{arithmetic}"\n[optimiser]').replace("learning_rate = 0.01", "")
    text = text.replace("adam", "levenberg_marquardt").replace("batch = 8", "batch = 500")
    text += "[domain]\nsamples = 500\n[grid]\ninput_bits = 13\nlevel_bits = 12\nvalue_bits = 11\n"
    one = replace(recipe(tmp_path, text), architecture=Architecture("small", "mlp", (6, 6), "quadratic"))
    (model,) = fold_models(FitRequest(one, teacher, corpus, FOLDS, model_id="shipped"), None)
    metadata = model.metadata()
    assert (metadata["recipe"], metadata["recipe_sha256"], metadata["seed"]) == ("mine", one.sha256, "3")
    assert (metadata["teacher"], metadata["teacher_sha256"], metadata["sources"]) == (TEACHER, teacher.sha256, "")
    assert metadata["feature_order"].split(",") == list(CANONICAL)
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
    """Also a copy that was written to a log with six decimals."""
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


def test_the_folds_of_a_real_recipe_are_judged_end_to_end(teacher: Teacher, corpus: Dataset, tmp_path: Path) -> None:
    """Trained longer than the other models here, so its scores on unseen sources are near the teacher."""
    one = replace(recipe(tmp_path), seeds=(0,))
    one = replace(one, optimiser=one.optimiser.model_copy(update={"steps": 400, "batch": 64}))
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
    """On a scale from 5 down to 1; a recipe that does not fit opinions ignores them."""
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
