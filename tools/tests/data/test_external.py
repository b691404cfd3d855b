"""Where sets of others are found, and several of them as one corpus."""

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tinyvmaf.data import external
from tinyvmaf.data.external import as_corpus, find_sets, load_set
from tinyvmaf.data.imported.load import built_in_teacher
from tinyvmaf.data.store import Store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher

from .imported_samples import published


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout, so that no set lies beside it."""
    folder = tmp_path / "around" / "checkout"
    folder.mkdir(parents=True)
    monkeypatch.setattr(external, "home", lambda: folder)
    return folder


def place(folder: Path, ffmpeg: FFmpeg, name: str = "set") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = published(folder, ffmpeg)
    return path.rename(folder / f"{name}_frames.parquet")


def test_sets_are_found_by_name_by_variable_and_beside_the_checkout(
    tmp_path: Path, checkout: Path, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, one, two = (place(tmp_path / name, ffmpeg, name) for name in ("named", "one", "two"))
    beside = place(checkout.parent / "shared/avt", ffmpeg, "beside")
    monkeypatch.setenv(external.ENV, os.pathsep.join([str(one.parent), "", str(two)]))
    assert [(found.name, found.path) for found in find_sets([named])] == [
        ("named", named),
        ("one", one),
        ("two", two),
        ("beside", beside),
    ]


def test_no_set_is_nothing_and_a_file_is_found_once(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    assert find_sets() == []
    path = place(tmp_path / "a", ffmpeg)
    other = place(tmp_path / "b", ffmpeg)
    again = tmp_path / "a" / ".." / "a" / path.name
    assert [(found.name, found.path) for found in find_sets([path, again, other])] == [("set", path), ("set-2", other)]


@pytest.mark.parametrize("what", ["missing", "empty folder", "text"])
def test_a_place_without_a_set_is_listed_with_its_fault(what: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    if what == "empty folder":
        path.mkdir()
    if what == "text":
        path.write_text("no parquet", encoding="utf-8")
    (found,) = find_sets([path])
    assert found.name == "mine"
    with pytest.raises(TinyvmafError, match=r"mine\.parquet"):
        load_set(found, built_in_teacher, Store(tmp_path / "store"), "this")


def test_a_set_without_rows_could_not_run(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = place(tmp_path / "a", ffmpeg)
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    (found,) = find_sets([path])
    with pytest.raises(TinyvmafError, match="no rows"):
        load_set(found, built_in_teacher, Store(tmp_path / "store"), "this")


def test_a_published_table_is_read_anew_when_anything_of_it_changes(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path, store = place(tmp_path / "a", ffmpeg), Store(tmp_path / "store")
    (file,) = find_sets([path])
    first = load_set(file, built_in_teacher, store, "this")

    def refuse(name: str) -> Teacher:
        raise AssertionError(name)

    again = load_set(file, refuse, store, "this")
    assert again.data.table.equals(first.data.table)
    assert (again.scores, again.opinions, again.decimals) == (first.scores, first.opinions, first.decimals)
    with pytest.raises(AssertionError):
        load_set(file, refuse, store, "another libvmaf")
    clips = path.with_name("set_clips.csv")
    clips.write_text("clip,mos\na__x264_10,3\n", encoding="utf-8")
    assert len(load_set(file, built_in_teacher, store, "this").opinions) == 1
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 10), path)
    assert load_set(file, built_in_teacher, store, "this").data.table.num_rows == 10


def test_rows_that_were_extracted_are_published_by_their_teachers(tmp_path: Path) -> None:
    (found,) = find_sets([home() / "fixtures/corpus/features.parquet"])
    imported = load_set(found, built_in_teacher, Store(tmp_path / "store"), "this")
    assert ("vmaf_v0.6.1", "vmaf_v0.6.1") in [(one.column, one.teacher) for one in imported.scores]
    assert imported.decimals["vmaf_v0.6.1"] == 6
    assert imported.name == "features"


def test_several_sets_are_one_corpus_with_their_common_columns(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    one, two = (place(tmp_path / name, ffmpeg, name) for name in ("one", "two"))
    table = pq.read_table(two)
    pq.write_table(table.drop_columns(["vmaf"]), two)
    whole = as_corpus([one, two.parent])
    assert whole.table.column_names[:3] == ["source", "clip", "frame"]
    assert "vmaf_4k_v0.6.1" not in whole.table.column_names
    assert whole.provenance["teachers"] == {}
    assert whole.table.num_rows == 40
    clips = set(whole.table["clip"].to_pylist())
    assert clips == {f"{name}/{clip}" for name in ("one", "two") for clip in set(table["clip"].to_pylist())}
    assert set(whole.table["source"].to_pylist()) == {"a", "b"}  # the same source in both is held out from both
    clip = np.array(whole.table["clip"].to_pylist())
    assert (whole.table["frame"].to_numpy()[1:][clip[1:] == clip[:-1]] > 0).all()
    assert as_corpus([one]).provenance["set"] == "one"
    assert whole.provenance["corpus_sha256"] != as_corpus([one]).provenance["corpus_sha256"]


def test_a_name_can_be_chosen_by_k(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    assert find_sets([place(tmp_path / "a", ffmpeg, "odd [name]; $x::y")])[0].name == "odd_name_x_y"
    assert find_sets([place(tmp_path / "b", ffmpeg, "; ;")])[0].name == "set"


def test_no_set_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(TinyvmafError, match="no set is named"):
        as_corpus([])
    with pytest.raises(TinyvmafError, match="no such file"):
        as_corpus([tmp_path / "nothing"])
