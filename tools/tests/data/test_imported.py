"""Published tables become sets: names, decimals, teachers, sources and opinions."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tinyvmaf.data import dataset
from tinyvmaf.data.imported import allowed_by_rounding, decimals_of, load, load_all, read_features, write_imported
from tinyvmaf.data.imported.layouts import clip_name
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_built_in

from .imported_samples import opinions, published, real_rows


@pytest.mark.parametrize(
    ("teacher", "prefix", "decimals"),
    [("vmaf_4k_v0.6.1", "integer_", 6), ("vmaf_v0.6.1", "", 5), ("vmaf_b_v0.6.3", "VMAF_integer_feature_", 6)],
)
def test_the_teacher_of_a_published_score_is_found(
    tmp_path: Path, ffmpeg: FFmpeg, teacher: str, prefix: str, decimals: int
) -> None:
    path = published(tmp_path, ffmpeg, teacher=teacher, prefix=prefix, decimals=decimals)
    if prefix.endswith("feature_"):
        table = pq.read_table(path)
        pq.write_table(table.rename_columns([f"{n}_score" if prefix in n else n for n in table.column_names]), path)
    found = load(path)
    assert [(s.published, s.teacher, s.how) for s in found.scores] == [("vmaf", teacher, "detected")]
    assert set(found.decimals.values()) == {decimals}
    assert found.data.provenance["teachers"] == {teacher: load_built_in(ffmpeg, teacher).sha256}
    assert found.data.columns(teacher).shape == (20, 1)
    assert sorted(set(found.data.table["source"].to_pylist())) == ["a", "b"]


def test_scores_of_no_teacher_keep_their_name_and_say_which_comes_nearest(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg)
    table = pq.read_table(path)
    table = table.set_column(8, "vmaf", pa.array(table["vmaf"].to_numpy() + 0.001))
    pq.write_table(table, path)
    (score,) = load(path).scores
    assert (score.column, score.teacher, score.how, score.nearest) == ("vmaf", None, "unknown", "vmaf_4k_v0.6.1")
    assert score.worst == pytest.approx(0.001, abs=2e-4)


def test_what_rounding_allows_holds_everywhere_in_the_domain_and_is_not_ten_times_too_much(ffmpeg: FFmpeg) -> None:
    for teacher_id in ("vmaf_v0.6.1", "vmaf_4k_v0.6.1neg", "vmaf_b_v0.6.3", "vmaf_v1.0.16_3d0h"):
        teacher = load_built_in(ffmpeg, teacher_id)
        rows = Domain(teacher.features).sample(4000, 3)
        for decimals in (3, 5):
            apart = np.abs(teacher.predict(rows) - teacher.predict(np.round(rows, decimals)))
            allowed = allowed_by_rounding(teacher, np.round(rows, decimals), decimals)
            assert (apart <= allowed + 1e-12).all(), (teacher_id, decimals)
            assert (apart / np.maximum(allowed, 1e-12)).max() > 0.5


def test_rounding_allows_nothing_where_nothing_was_rounded(ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg)
    assert not allowed_by_rounding(teacher, real_rows(10), None).any()
    some = allowed_by_rounding(teacher, real_rows(10), {"motion2": 6}, 4)
    assert (some > 5e-5).all()
    assert (some < allowed_by_rounding(teacher, real_rows(10), 6, 4)).all()


def test_a_set_that_was_stored_in_float32_keeps_its_teacher(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg, frames=40)
    table = pq.read_table(path)
    single = [pa.array(table[n].to_numpy().astype(np.float32)) for n in table.column_names[2:]]
    pq.write_table(pa.table([table["clip"], table["frame"], *single], names=table.column_names), path)
    found = load(path)
    (score,) = found.scores
    assert score.teacher == "vmaf_4k_v0.6.1"
    assert (found.decimals["adm2"], found.decimals["vmaf_4k_v0.6.1"]) == (5, 4)
    assert (score.share or 0.0) <= 1.0


def test_a_set_without_rows_is_refused(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg)
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    with pytest.raises(TinyvmafError, match="no rows"):
        load(path)


@pytest.mark.parametrize("comma", [False, True])
def test_scores_that_are_text_are_refused_and_not_left_out(tmp_path: Path, ffmpeg: FFmpeg, comma: bool) -> None:
    path = published(tmp_path, ffmpeg)
    table = pq.read_table(path)
    text = [f"{value:.6f}".replace(".", "," if comma else ".") for value in table["vmaf"].to_pylist()]
    at = table.column_names.index("vmaf")
    versions = pa.array(["3"] * len(table))
    table = table.append_column("libvmaf", versions).append_column("vmaf_version", versions)
    pq.write_table(table, path)
    assert load(path).scores
    pq.write_table(table.set_column(at, "vmaf", pa.array(text)), path)
    with pytest.raises(TinyvmafError, match="column vmaf holds text"):
        load(path)


def test_an_accent_may_be_a_letter_of_its_own_in_the_logs_or_the_opinions() -> None:
    assert clip_name("e\u0301te\u0301_q1.json") == clip_name("\u00e9t\u00e9_q1.mp4") == "\u00e9t\u00e9_q1"


def test_decimals_are_counted_without_the_noise_of_libvmaf_1() -> None:
    assert decimals_of([0.8942600000000001, 12.5, np.nan]) == 5
    assert decimals_of([1.0, 2.0]) == 0
    assert decimals_of([np.pi]) is None


def test_opinions_keep_tests_apart_and_say_what_stands_for_a_ci_of_0(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg)
    table = pq.read_table(path)
    both = pa.concat_tables([table.append_column("test", pa.array([n] * len(table))) for n in (1, 2)])
    pq.write_table(both, path)
    clips = sorted(set(table["clip"].to_pylist()))
    opinions(
        tmp_path,
        [{"test": t, "clip": c, "mos": 3 + t / 2, "ci": 0 if t == 1 else 0.25} for t in (1, 2) for c in clips],
    )
    found = load(path)
    assert len({o.clip for o in found.opinions}) == 8
    assert found.opinions[0].clip == f"1/{clips[0]}"
    assert found.scale == (1, 5)
    assert found.ci_floor() == 0.25
    assert found.weighed()[f"1/{clips[0]}"] == (3.5, 16.0)
    assert any("clips with a ci of 0: 4" in note for note in found.notes)


@pytest.mark.parametrize(
    ("cis", "note"),
    [
        (["0", "0", "0", "0"], "no opinion has a ci above 0; fits weigh all alike"),
        (["0.1", "0", "", "0.3"], "opinions without a ci: 1 of 4; fits weigh all alike"),
    ],
)
def test_opinions_that_cannot_be_weighed_by_their_ci_say_so(
    tmp_path: Path, ffmpeg: FFmpeg, cis: list[str], note: str
) -> None:
    path = published(tmp_path, ffmpeg)
    clips = sorted(set(pq.read_table(path)["clip"].to_pylist()))
    opinions(tmp_path, [{"clip": clip, "mos": 3, "ci": ci} for clip, ci in zip(clips, cis, strict=True)])
    found = load(path)
    assert note in found.notes
    assert not any("clips with a ci of 0" in text for text in found.notes)
    assert {weight for _, weight in found.weighed().values()} == {1.0}


def test_an_opinion_without_its_test_is_refused_where_the_clip_is_in_two(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg)
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table.append_column("test", pa.array([n] * len(table))) for n in (1, 2)]), path)
    opinions(tmp_path, [{"clip": "a__x264_10.mkv", "mos": 3}])
    with pytest.raises(TinyvmafError, match="names no test"):
        load(path)


def test_opinions_that_fall_as_the_quality_rises_get_a_scale_the_other_way_round(
    tmp_path: Path, ffmpeg: FFmpeg
) -> None:
    path = published(tmp_path, ffmpeg)
    means = load(path).data.clip_means("vmaf_4k_v0.6.1")
    opinions(tmp_path, [{"video_name": f"{clip}.mp4", "DMOS": 100 - mean} for clip, mean in means.items()])
    assert load(path).scale == (100, 0)


def test_an_imported_file_is_a_dataset_and_is_read_back_as_it_was(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg)
    found = load(path)
    out = tmp_path / "set.parquet"
    write_imported(out, found.data.table, found.data.provenance)
    assert load(out).scores == found.scores
    assert read_features(out).table.equals(dataset.read(out).table)
    assert read_features(path).table.equals(found.data.table)
    assert [s.name for s in load_all(tmp_path)] == ["set", "set"]


def test_a_frame_twice_and_a_folder_without_a_set_are_refused(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    with pytest.raises(TinyvmafError, match="no imported set"):
        load_all(tmp_path)
    path = published(tmp_path, ffmpeg)
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table.slice(3, 1)]), path)
    with pytest.raises(TinyvmafError, match="clip a__x264_10 has frame 3 twice"):
        load(path)


@pytest.mark.parametrize(("frame", "words"), [(8.5, "frame 8.5 in row 1"), (-8, "frame -8"), (None, "frame nan")])
def test_a_number_that_is_no_frames_is_refused(frame: float | None, words: str, tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg)
    table = pq.read_table(path)
    numbers = table["frame"].to_pylist()
    numbers[1] = frame
    place = table.column_names.index("frame")
    pq.write_table(table.set_column(place, "frame", pa.array(numbers, pa.float64())), path)
    with pytest.raises(TinyvmafError, match=words):
        load(path)


def test_names_in_another_encoding_are_refused_with_a_sentence(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = published(tmp_path, ffmpeg)
    lines = pq.read_table(path).to_pylist()
    text = ",".join(lines[0]) + "\n" + "".join(",".join(map(str, line.values())) + "\n" for line in lines)
    table = path.with_suffix(".csv")
    table.write_bytes(text.replace("a__x264", "caf\u00e9").encode("latin-1"))
    path.unlink()
    with pytest.raises(TinyvmafError, match="column clip"):
        load(table)


def test_a_column_that_names_its_teacher_declares_it(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    """Also where the rows do not agree."""
    path = published(tmp_path, ffmpeg, column="vmaf_v0.6.1")
    (score,) = load(path).scores
    assert (score.declared, score.teacher, score.how) == ("vmaf_v0.6.1", "vmaf_4k_v0.6.1", "detected")
    table = pq.read_table(path)
    off = pa.array(np.roll(table["vmaf_v0.6.1"].to_numpy(), 7))
    pq.write_table(table.set_column(table.column_names.index("vmaf_v0.6.1"), "vmaf_v0.6.1", off), path)
    (score,) = load(path).scores
    assert (score.declared, score.teacher, score.how) == ("vmaf_v0.6.1", None, "unknown")
