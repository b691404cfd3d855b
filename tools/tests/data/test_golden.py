"""Golden files are the published ones, golden rows are recognised, and every fault of them is an error."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyvmaf.data import golden
from tinyvmaf.data.golden.files import ENV, natural_root, verify
from tinyvmaf.data.golden.published import PublishedFile
from tinyvmaf.errors import GoldenError
from tinyvmaf.files import home
from tinyvmaf.model import golden_records
from tinyvmaf.vmaf.features import CANONICAL, named
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.patterns import FRAMES, HEIGHT, WIDTH, build, checkerboard, git_blob_id
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, load_built_in

PATTERNS = [name for name, file in golden.load_files().items() if file.kind == "pattern"]


@pytest.fixture
def spare_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the fixtures that tests may damage."""
    copy = tmp_path / "home"
    shutil.copytree(home() / "fixtures", copy / "fixtures")
    shutil.copy(home() / "gates.toml", copy)
    monkeypatch.setenv("TINYVMAF_HOME", str(copy))
    return copy


def test_git_blob_id_is_that_of_git() -> None:
    """The well-known id of an empty file."""
    assert git_blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_rebuilt_bit_for_bit(name: str) -> None:
    assert git_blob_id(build(name)) == golden.load_files()[name].blob


def test_a_checkerboard_moves_one_pixel_a_frame() -> None:
    luma = np.frombuffer(checkerboard(0), dtype=np.uint8).reshape(FRAMES, -1)[:, : WIDTH * HEIGHT]
    frames = luma.reshape(FRAMES, HEIGHT, WIDTH)
    np.testing.assert_array_equal(frames[1][:, 1:], frames[0][:, :-1])


def test_an_unknown_pattern_is_an_error() -> None:
    with pytest.raises(GoldenError, match="unknown pattern"):
        build("checkerboard_640_480.yuv")


def test_each_changed_frame_is_named() -> None:
    import zlib

    frames = [bytes([i]) * 10 for i in range(3)]
    data = b"".join(frames)
    crcs, sums = tuple(f"{zlib.crc32(f):08x}" for f in frames), tuple(sum(f) for f in frames)
    file = PublishedFile("f", "natural", 30, git_blob_id(data), frame_crc32=crcs, frame_sum=sums)
    verify(file, data, "here")
    with pytest.raises(GoldenError, match=r"here: git blob id .*, published .*; changed: frame 1 \(.* off by \+3\)"):
        verify(file, data[:15] + bytes([data[15] + 3]) + data[16:], "here")
    with pytest.raises(GoldenError, match="29 bytes, published 30"):
        verify(file, data[:-1], "here")


def test_a_file_outside_the_set_is_not_golden(tmp_path: Path) -> None:
    files = golden.GoldenFiles(tmp_path)
    with pytest.raises(GoldenError, match="not in the golden set"):
        files.path("other.yuv")
    with pytest.raises(
        golden.GoldenFileMissingError, match=r"src01_hrc00_576x324\.yuv: not found; TINYVMAF_GOLDEN_ROOT is not set"
    ):
        files.path("src01_hrc00_576x324.yuv")


def test_a_wrongly_rebuilt_pattern_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyvmaf.data.golden.files.build", lambda name: build(name).replace(b"\xeb", b"\xea", 1))
    with pytest.raises(GoldenError, match=r"flat_.*|checkerboard_.*, as rebuilt here: git blob id"):
        golden.GoldenFiles(tmp_path).path("checkerboard_1920_1080_10_3_0_0.yuv")
    assert not list(tmp_path.iterdir())


def test_a_requested_golden_root_without_golden_files_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        monkeypatch.setenv(ENV, str(folder))
        with pytest.raises(GoldenError, match="holds none of"):
            natural_root()


def test_golden_files_are_recognised_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "training_clip.yuv"
    data = build("flat_1920_1080_0.yuv")
    path.write_bytes(data)
    assert golden.is_golden_file(path)
    path.write_bytes(data[:-1] + b"\0")
    assert not golden.is_golden_file(path)
    path.write_bytes(b"short")
    assert not golden.is_golden_file(path)


def test_golden_rows_are_recognised_in_any_precision() -> None:
    """By the features of any teacher; but any corpus can have a row whose features are all 1 or at their ends."""
    frozen = golden.load_rows()
    telling = ("checkerboard_1px", "natural_10bit")
    for teacher, names in ((name, one.features) for name, one in frozen.teachers.items()):
        pairs = telling if "v1" in teacher or "float" in teacher else [name for name in frozen.pairs if name != "flat"]
        rows = np.concatenate([frozen.pairs[pair].features(names) for pair in pairs])
        for variant in (rows, rows.astype(np.float32), np.round(rows, 6)):
            assert golden.is_golden_row(variant, names).all(), teacher
        assert not golden.is_golden_row(rows + 1e-4, names).any()


def test_the_row_of_a_lossless_still_frame_is_not_golden() -> None:
    assert not golden.is_golden_row([[1, 1, 1, 1, 1, 0]], CANONICAL).any()


def test_rows_of_another_width_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"must be \[N, 6\]"):
        golden.is_golden_row([[1.0, 2.0]], CANONICAL)


def test_golden_errors_are_those_of_the_worst_frame_and_the_worst_clip_mean(ffmpeg: FFmpeg) -> None:
    """The model is off by 3 points on the first frame of each pair, and by -1 on the others."""
    rows, teacher = golden.load_rows(), load_built_in(ffmpeg)
    known = {pair.features(CANONICAL).tobytes(): pair.scores(teacher.id) for pair in rows.pairs.values()}

    def run(features: np.ndarray) -> np.ndarray:
        return known[features.tobytes()] + np.where(np.arange(len(features)) == 0, 3.0, -1.0)

    means = [abs(3.0 - (len(scores) - 1)) / len(scores) for scores in known.values()]
    assert golden.golden_errors(run, teacher) == pytest.approx(
        {"golden_frame_max_abs_error_points": 3.0, "golden_clip_max_abs_error_points": max(means)}
    )
    for name in KNOWN:
        other = load_built_in(ffmpeg, name)
        assert max(golden.golden_errors(other.predict, other).values()) < 1e-6
    mine = replace(teacher, id="mine")  # of known features: what it says of the rows is the truth
    assert max(golden.golden_errors(teacher.predict, mine).values()) < 1e-9
    strange = replace(teacher, features=(named("motion2_mmxv_9"), *teacher.features[1:]))
    assert golden.golden_errors(run, strange) == {}


def test_published_pairs_are_complete() -> None:
    pairs = golden.load_pairs()
    assert len(pairs) == 7
    assert {pair.places for pair in pairs.values()} == {4}
    for pair in pairs.values():
        assert {pair.ref, pair.dis} <= set(golden.load_files())


def test_the_motion_epochs_have_different_values() -> None:
    pair = golden.load_pairs()["natural_8bit"]
    fixed, before = pair.values("mirror-fix"), pair.values("before")
    assert fixed is not None
    assert before is not None
    assert abs(fixed[DEFAULT] - before[DEFAULT]) > 1e-3
    assert golden.load_pairs()["natural_10bit"].values("before") is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[pair]]", "[[pairs]]", r"published\.toml"),
        ("motion2 = ", "motion3 = ", "not \\["),
        ("ref = ", "reference = ", "reference"),
        ("= ", "", r"published\.toml"),
        ("[[pair]]", f"deep = {'[' * 9999}", r"published\.toml"),
        ('id = "flat"', 'id = "checkerboard_10px"', "appears twice"),
    ],
)
def test_a_damaged_list_of_values_is_an_error(old: str, new: str, message: str, spare_home: Path) -> None:
    path = spare_home / "fixtures/golden/published.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(GoldenError, match=message):
        golden.load_pairs()


def rows_content(spare_home: Path) -> tuple[Path, dict[str, Any]]:
    path = spare_home / "fixtures/golden/rows.json"
    return path, json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", ["libvmaf", "motion_epoch", "teachers", "command"])
def test_rows_without_provenance_are_refused(key: str, spare_home: Path) -> None:
    path, content = rows_content(spare_home)
    del content["provenance"][key]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(GoldenError, match=f"provenance without .*{key}"):
        golden.load_rows()


def test_malformed_rows_are_refused(spare_home: Path) -> None:
    path, content = rows_content(spare_home)
    flat = content["pairs"]["flat"]
    changes: tuple[dict[str, object], ...] = (
        {"pairs": {}},
        {"provenance": content["provenance"] | {"teachers": {}}},
        {"provenance": content["provenance"] | {"teachers": {"new": {"sha256": "0", "features": ["adm2"]}}}},
        {"provenance": content["provenance"] | {"teachers": {"vmaf_v0.6.1": {"sha256": "0", "features": ["adm9"]}}}},
        {"pairs": {"flat": [[1.0]]}},
        {"pairs": {"flat": flat | {"adm2": [None] * 3}}},
        {"pairs": {"flat": flat | {"adm2": [1.0]}}},
        {"pairs": {"flat": {name: [] for name in flat}}},
        {"pairs": {"flat": {}}},
    )
    for text in (*(json.dumps(content | change) for change in changes), "[" * 200_000):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(GoldenError, match=r"rows\.json"):
            golden.load_rows()


class _TwoPairs(golden.GoldenFiles):
    """Has the files of two pairs: the golden suite measures all of them."""

    AT_HAND = ("checkerboard_1920_1080_10_3_0_0.yuv", "checkerboard_1920_1080_10_3_1_0.yuv")

    def path(self, name: str) -> Path:
        if name not in self.AT_HAND:
            raise golden.GoldenFileMissingError(name)
        return super().path(name)


def test_freezing_again_changes_no_byte(spare_home: Path, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """With the libvmaf that froze them; pairs with missing files keep their rows."""
    path = spare_home / "fixtures/golden/rows.json"
    before = path.read_bytes()
    golden.freeze(_TwoPairs(tmp_path / "work", None), ffmpeg)
    assert path.read_bytes() == before


def test_a_damaged_file_does_not_keep_the_rows_from_being_written(
    spare_home: Path, ffmpeg: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = rows_content(spare_home)
    path.write_text(json.dumps({"provenance": {}, "features": []}), encoding="utf-8")
    monkeypatch.setattr(_TwoPairs, "AT_HAND", ())
    with pytest.raises(GoldenError, match="the files of all golden pairs are missing"):
        golden.freeze(_TwoPairs(tmp_path / "work", None), ffmpeg)


def test_rows_that_miss_a_published_value_are_not_frozen(spare_home: Path, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = spare_home / "fixtures/golden/published.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("7.985898744818505", "7.985998744818505"), encoding="utf-8")
    with pytest.raises(GoldenError, match=r"checkerboard_10px: .*gives vmaf_v0.6.1 7\.985899, published 7\.985999"):
        golden.freeze(golden.GoldenFiles(tmp_path / "work", None), ffmpeg)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"model": "other", "scores": {}}',
        '{"model": "m", "scores": {"flat": [null]}}',
        '{"model": "m", "scores": {"flat": 3}}',
        "[" * 200_000,
    ],
)
def test_a_damaged_record_is_an_error(content: str, spare_home: Path) -> None:
    (spare_home / "fixtures/golden/records/m.json").write_text(content, encoding="utf-8")
    with pytest.raises(GoldenError, match=r"m\.json(.|\n)*--record"):
        golden_records.load_record("m")


def test_a_missing_record_says_how_to_make_one() -> None:
    with pytest.raises(GoldenError, match=r"m has no record(.|\n)*--record"):
        golden_records.load_record("m")
