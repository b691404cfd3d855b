"""Sets that others measured: which frames count, how far published scores may be off, and models on every frame."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.imported import Imported, load
from tinyvmaf.data.imported.load import built_in_teacher
from tinyvmaf.data.store import Store
from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.measure.external import (
    LacksError,
    SetRows,
    claimed_recipe,
    hold_column,
    hold_model,
    nearest_teacher,
    rows_of,
)
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT

from ..data.imported_samples import published

FOUR_K = "vmaf_4k_v0.6.1"


@pytest.fixture
def imported(tmp_path: Path, ffmpeg: FFmpeg) -> Imported:
    return load(published(tmp_path, ffmpeg, frames=25))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def of(imported: Imported, store: Store) -> SetRows:
    return rows_of(imported, built_in_teacher(DEFAULT), store)


@pytest.fixture(scope="module")
def nano() -> Subject:
    return Subject.at(registry.find("tinyvmaf_nano").file)


def changed(imported: Imported, name: str, values: np.ndarray) -> Imported:
    table = imported.data.table
    at = table.column_names.index(name)
    return Imported(Dataset(table.set_column(at, name, pa.array(values)), imported.data.provenance))


def column(imported: Imported, name: str) -> np.ndarray:
    return np.array(imported.data.table[name].to_numpy())


def test_frames_keep_their_clips_and_numbers(imported: Imported, of: SetRows) -> None:
    table = imported.data.table
    assert of.clips == tuple(sorted(set(table["clip"].to_pylist())))
    assert [of.clips[i] for i in of.clip] == table["clip"].to_pylist()
    assert of.frame.tolist() == table["frame"].to_pylist()
    assert np.array_equal(of.rows, imported.data.columns(*CANONICAL))
    assert of.left_out == 0
    assert np.array_equal(of.expected, built_in_teacher(DEFAULT).predict(of.rows))
    means = imported.data.clip_means(FOUR_K)
    assert of.clip_means(column(imported, FOUR_K)) == pytest.approx(list(means.values()))


def test_frames_without_a_feature_are_left_out_and_counted(imported: Imported, store: Store) -> None:
    values = column(imported, "vif_scale1")
    values[:30] = np.nan  # the whole first clip, and a part of the second
    of = rows_of(changed(imported, "vif_scale1", values), built_in_teacher(DEFAULT), store)
    assert (of.left_out, len(of.rows), len(of.clips)) == (30, 70, 3)
    assert of.index.tolist() == list(range(30, 100))
    assert np.bincount(of.clip).tolist() == [20, 25, 25]


@pytest.mark.parametrize("how", ["dropped", "empty", "never together"])
def test_a_set_that_lacks_a_feature_is_an_error(how: str, imported: Imported, store: Store) -> None:
    table, message = imported.data.table, "set has no vif_scale1, which vmaf_v0.6.1 takes"
    if how == "dropped":
        imported = Imported(Dataset(table.drop_columns(["vif_scale1"]), imported.data.provenance))
    elif how == "empty":
        imported = changed(imported, "vif_scale1", np.full(100, np.nan))
    else:
        even, message = np.arange(100) % 2 == 0, "no frame with all features"
        imported = changed(imported, "vif_scale1", np.where(even, np.nan, 0.5))
        imported = changed(imported, "adm2", np.where(even, 0.5, np.nan))
    with pytest.raises(LacksError, match=message):
        rows_of(imported, built_in_teacher(DEFAULT), store)


def test_a_value_that_no_libvmaf_gives_is_damage(imported: Imported, store: Store) -> None:
    values = column(imported, "vif_scale1")
    values[57] = -1e300
    damaged = changed(imported, "vif_scale1", values)
    with pytest.raises(CouldNotRunError, match=r"set: vif_scale1 of clip \S+ frame 7 is -1e\+300, which no libvmaf"):
        rows_of(damaged, built_in_teacher(DEFAULT), store)


def test_a_label_names_clip_frame_features_and_distance(of: SetRows) -> None:
    rows = of.rows.copy()
    rows[3, 5] = 90.0
    far = replace(of, rows=rows)
    assert of.label(3).startswith(f"{of.clips[0]} frame 3: adm2 ")
    assert "outside" not in of.label(3)
    assert "motion2 90, " in far.labels[3]
    assert far.labels[3].endswith("outside the domain")
    assert far.distance.argmax() == 3
    assert len(far.labels) == 100
    assert far.labels[2:4] == [far.label(2), far.label(3)]


def test_what_is_computed_is_kept_under_rows_and_teacher(of: SetRows, store: Store) -> None:
    expected = of.expected
    assert len(list(store.entries())) == 1
    again = replace(of, teacher=replace(of.teacher, svr=None))  # type: ignore[arg-type]
    assert np.array_equal(again.expected, expected)  # from the store
    other = replace(of, rows=of.rows + 1e-6)
    assert not np.array_equal(other.expected, expected)
    assert len(list(store.entries())) == 2


def test_published_scores_are_within_what_their_decimals_allow(imported: Imported, store: Store) -> None:
    (score,) = imported.scores
    held = hold_column(score, imported, rows_of(imported, built_in_teacher(FOUR_K), store))
    shares = held.worst_of_clips()
    assert len(shares) == 4
    assert 0 < max(shares.values()) <= 1
    assert held.nearly
    assert not held.coarse
    assert held.left_out == 0


def test_one_published_score_that_is_off_is_named(imported: Imported, store: Store) -> None:
    values = column(imported, FOUR_K)
    values[57] += 0.001
    values[3] = np.nan
    off = changed(imported, FOUR_K, values)
    held = hold_column(imported.scores[0], off, rows_of(off, built_in_teacher(FOUR_K), store))
    worst = max(held.worst_of_clips().items(), key=lambda one: one[1])
    assert worst[0].startswith(f"{held.of.clips[held.of.clip[57]]} frame 7: published ")
    assert worst[1] > 1
    assert held.left_out == 1
    empty = changed(imported, FOUR_K, np.full(100, np.nan))
    with pytest.raises(CouldNotRunError, match="no score"):
        hold_column(imported.scores[0], empty, held.of)


@pytest.mark.parametrize(
    ("change", "nearly"),
    [
        (lambda values: values + 0.01, True),
        (lambda values: values - 0.9, True),
        (lambda values: np.where(np.arange(100) % 3 == 0, values / 2, values), True),
        (lambda values: values * 0.8 + 7, False),
        (lambda values: values + 5, False),
    ],
)
def test_scores_that_are_nearly_a_teachers_are_his(change, nearly, imported: Imported, store: Store) -> None:  # type: ignore[no-untyped-def]
    off = changed(imported, FOUR_K, change(column(imported, FOUR_K)))

    def of_teacher(name: str) -> SetRows:
        return rows_of(off, built_in_teacher(name), store)

    (score,) = imported.scores
    found = nearest_teacher(score, off, of_teacher)
    assert found is not None
    assert hold_column(score, off, of_teacher(found)).nearly == nearly
    if nearly:
        assert found == FOUR_K


def test_saturated_scores_say_nothing_of_the_teacher(imported: Imported, store: Store) -> None:
    perfect = imported
    for name in CANONICAL:
        perfect = changed(perfect, name, np.full(100, 0.0 if name == "motion2" else 1.04))
    perfect = changed(perfect, FOUR_K, np.full(100, 100.0))
    of = rows_of(perfect, built_in_teacher(FOUR_K), store)
    assert (of.expected == 100).all()
    assert not hold_column(imported.scores[0], perfect, of).nearly


def test_a_set_whose_features_no_teacher_takes_has_no_nearest(imported: Imported, store: Store) -> None:
    table = imported.data.table.drop_columns(["adm2"])
    lacking = Imported(Dataset(table, imported.data.provenance))
    (score,) = imported.scores
    assert nearest_teacher(score, lacking, lambda name: rows_of(lacking, built_in_teacher(name), store)) is None


def test_a_model_is_held_on_every_frame(nano: Subject, of: SetRows) -> None:
    held = hold_model(nano, of)
    assert held.got.shape == (100,)
    assert 0 < np.abs(held.error).max() < 0.3
    assert held.rmse == pytest.approx(np.sqrt(np.mean((held.got - of.expected) ** 2)))
    assert held.plcc is not None
    assert held.plcc > 0.9999
    worst = held.clips[0]
    at = int(np.abs(held.error).argmax())
    assert (worst.clip, worst.worst_frame) == (of.clips[of.clip[at]], int(of.frame[at]))
    assert worst.worst == pytest.approx(np.abs(held.error).max())
    mine = of.clip == of.clip[at]
    assert worst.frames == 25
    assert [worst.expected, worst.got] == pytest.approx([of.expected[mine].mean(), held.got[mine].mean()])
    errors = [clip.worst or 0.0 for clip in held.clips]
    assert errors == sorted(errors, reverse=True)
    shown = held.as_dict()
    assert (shown["frames"], shown["outside"], len(shown["clips"])) == (100, 0, 4)
    assert shown["max_error"] == worst.worst


def test_scores_of_another_file_are_not_taken_from_the_store(nano: Subject, of: SetRows, tmp_path: Path) -> None:
    """By its bytes, whatever hash its sidecar claims."""
    before = hold_model(nano, of).got
    path = tmp_path / "tinyvmaf_nano.onnx"
    path.write_bytes(registry.find("tinyvmaf_exact").file.read_bytes())
    path.with_suffix(".json").write_bytes(registry.find("tinyvmaf_nano").file.with_suffix(".json").read_bytes())
    assert not np.array_equal(hold_model(Subject.at(path), of).got, before)


def test_a_model_that_cannot_be_loaded_could_not_run(nano: Subject, of: SetRows, tmp_path: Path) -> None:
    path = tmp_path / "tinyvmaf_nano.onnx"
    path.write_bytes(nano.data[:1000])
    path.with_suffix(".json").write_bytes(nano.file.with_suffix(".json").read_bytes())
    with pytest.raises(CouldNotRunError):
        hold_model(Subject.at(path), of)


def test_a_feature_that_its_teacher_does_not_take_is_the_models_fault(nano: Subject, of: SetRows) -> None:
    with pytest.raises(ModelError, match=r"tinyvmaf_nano takes adm2, which vmaf_v0\.6\.1 does not"):
        hold_model(nano, replace(of, teacher=replace(of.teacher, features=of.teacher.features[1:])))


def test_a_set_of_few_or_equal_scores_has_no_correlation(nano: Subject, of: SetRows) -> None:
    two = replace(of, rows=of.rows[:2], clip=of.clip[:2], frame=of.frame[:2], index=of.index[:2], clips=of.clips[:1])
    assert hold_model(nano, two).plcc is None
    same = replace(of, rows=np.repeat(of.rows[:1], 100, axis=0))
    assert hold_model(nano, same).plcc is None
    held = hold_model(nano, of)
    assert np.isnan(replace(held, got=np.full(100, 50.0)).plcc or 0.0)


def test_a_score_that_is_not_finite_is_the_worst_and_hides_no_other(nano: Subject, of: SetRows) -> None:
    held = hold_model(nano, of)
    got = held.got.copy()
    got[57], got[60] = np.nan, np.inf
    odd = replace(held, got=got)
    assert odd.clips[0].clip == of.clips[of.clip[57]]
    assert len(odd.clips) == len(held.clips)
    assert odd.rmse == pytest.approx(held.rmse, rel=0.1)
    shown = odd.as_dict()
    assert (shown["max_error"], shown["max_clip_error"], shown["clips"][0][5]) == (None, None, None)
    assert json.dumps(shown, allow_nan=False)
    nothing = replace(held, got=np.full(100, np.nan))
    assert np.isnan(nothing.rmse)
    assert json.dumps(nothing.as_dict(), allow_nan=False)


def test_a_model_of_clips_is_held_on_clips(nano: Subject, of: SetRows) -> None:
    held = replace(hold_model(nano, of), got=of.clip_means(of.expected) + np.eye(4)[2] * 2, per_clip=True)
    assert held.clips[0].clip == of.clips[2]
    assert (held.clips[0].rmse, held.clips[0].worst_frame) == (None, None)
    assert held.as_dict()["max_clip_error"] == pytest.approx(2.0)
    assert "rmse" not in held.as_dict()


def test_the_recipe_is_the_one_that_the_sidecar_names(nano: Subject) -> None:
    recipe = claimed_recipe(nano)
    assert recipe is not None
    assert recipe.id == "tinyvmaf_nano"
    assert claimed_recipe(Subject.at(registry.find("vmaf_v0.6.1_svr").file)) is None


def test_two_tests_with_one_clip_stay_apart(tmp_path: Path, ffmpeg: FFmpeg, store: Store) -> None:
    path = published(tmp_path, ffmpeg)
    table = pq.read_table(path)
    both = pa.concat_tables([table.append_column("test", pa.array([n] * len(table))) for n in (1, 2)])
    pq.write_table(both, path)
    of = rows_of(load(path), built_in_teacher(DEFAULT), store)
    assert len(of.clips) == 8
    assert np.bincount(of.clip).tolist() == [5] * 8
