"""A data root is paired by its file names, and all its faults are reported at once."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.app.cli import main
from tinyvmaf.data.corpus import (
    check_corpus,
    clip_name,
    data_root,
    hash_sample,
    hash_split,
    leave_one_source_out,
    reference_name,
    scan,
)
from tinyvmaf.data.corpus.scan import ENV
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.patterns import build

from ..fixture_types import Clip

DIMS = "128x96"


@pytest.fixture
def root(tmp_path: Path, clip: Clip) -> Path:
    """Two sources with two clips each."""
    folder = tmp_path / "root"
    for name in ("ref", "dis"):
        (folder / name).mkdir(parents=True)
    for number, source in enumerate(("Crowd_Run", "Tennis")):
        clip(f"{source}_25fps.yuv", folder=folder / "ref", noise=number / 8)
        for rung in (1, 2):
            clip(f"{source}_{rung}_{90 * rung}_{100 * rung}.yuv", folder=folder / "dis", noise=number + 5.0 * rung)
    return folder


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("BigBuckBunny_25fps.yuv", "BigBuckBunny"),
        ("ElFuente1_29.97fps.y4m", "ElFuente1"),
        ("a_b_24fps.MP4", "a_b"),
        ("Tennis_0_1080_0.yuv", "Tennis"),
        ("Tennis_1_1080_0.yuv", None),
        ("Tennis_0_1080_300.yuv", None),
        ("Tennis.yuv", None),
        ("_25fps.yuv", None),
        (".x_25fps.yuv", None),
        ("Tennis_25fps.avi", None),
        ("Tennis_25.yuv", None),
        ("Tennis_fps.yuv", None),
    ],
)
def test_names_of_references(name: str, source: str | None) -> None:
    assert reference_name(PurePath(name)) == source


@given(
    source=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True),
    numbers=st.tuples(st.integers(0, 99), st.integers(1, 4320), st.integers(0, 99999)),
    extension=st.sampled_from([".yuv", ".y4m", ".mkv", ".mp4", ".mov", ".webm", ".YUV"]),
)
def test_a_clip_name_parses_into_its_fields(source: str, numbers: tuple[int, int, int], extension: str) -> None:
    parsed = clip_name(PurePath(f"{source}_{numbers[0]}_{numbers[1]}_{numbers[2]}{extension}"))
    assert parsed is not None
    assert (parsed.source, parsed.quality, parsed.height, parsed.kbps) == (source, *numbers)


@pytest.mark.parametrize("name", ["a_1_2.yuv", "a_1_2_3.avi", "_1_2_3.yuv", "a_1_2_x.yuv", "a_-1_2_3.yuv", "1_2_3.yuv"])
def test_another_name_is_not_a_clip_name(name: str) -> None:
    assert clip_name(PurePath(name)) is None


def test_a_sound_root_has_no_fault(root: Path, ffmpeg: FFmpeg) -> None:
    corpus = scan(root, assume=DIMS)
    assert list(corpus.references) == ["Crowd_Run", "Tennis"]
    assert [clip.id for clip in corpus.clips] == sorted(p.stem for p in (root / "dis").iterdir())
    report = check_corpus(corpus, ffmpeg)
    assert not report.faults
    assert {video.frames for video in report.videos.values()} == {4}


def test_the_data_root_comes_from_the_option_then_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENV:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TinyvmafError, match="no data root"):
        data_root(None)
    monkeypatch.setenv("VMAF_DATA_ROOT", "b")
    assert data_root(None) == Path("b")
    monkeypatch.setenv("TINYVMAF_DATA_ROOT", "a")
    assert data_root(None) == Path("a")
    assert data_root(Path("c")) == Path("c")


def test_geometry_comes_from_the_option_the_source_the_corpus_or_is_1080p(root: Path) -> None:
    assert str(scan(root).geometries["Tennis"]) == "1920x1080 yuv420p"
    (root / "corpus.toml").write_text(
        'geometry = "128x96"\n[sources.Tennis]\ngeometry = "64x48:yuv444p10le"\n', encoding="utf-8"
    )
    assert [str(g) for g in scan(root).geometries.values()] == ["128x96 yuv420p", "64x48 yuv444p10le"]
    assert {str(g) for g in scan(root, assume="32x32:yuv422p").geometries.values()} == {"32x32 yuv422p"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("geometry = 3", "geometry is 3; '3' is not a frame size"),
        ('geometry = "big"', "'big' is not a frame size"),
        ("x = 1", "unknown key x"),
        ("nonsense", ""),
        ('geometry = "1x1:rgb"', "unknown pixel"),
        ('[sources.Tennis]\nfps = "1"', r"sources\.Tennis\.geometry is missing; unknown key sources\.Tennis\.fps"),
    ],
)
def test_malformed_settings_are_an_error(text: str, message: str, root: Path) -> None:
    (root / "corpus.toml").write_text(text, encoding="utf-8")
    with pytest.raises(TinyvmafError, match=rf"corpus\.toml: .*({message})"):
        scan(root)


Spoil = Callable[[Path], object]


def move(old: str, new: str) -> Spoil:
    return lambda root: (root / old).rename(root / new)


def copy(old: str, new: str) -> Spoil:
    return lambda root: shutil.copy(root / old, root / new)


def write(name: str, data: bytes) -> Spoil:
    return lambda root: (root / name).write_bytes(data)


def cut(name: str, count: int) -> Spoil:
    return lambda root: (root / name).write_bytes((root / name).read_bytes()[:count])


def link(name: str, target: str) -> Spoil:
    return lambda root: (root / name).symlink_to(target)


def remove(name: str) -> Spoil:
    return lambda root: (root / name).unlink()


CLIP, REF = "dis/Tennis_1_90_100.yuv", "ref/Tennis_25fps.yuv"
FRAME = 128 * 96 * 3 // 2

# A change to the root, and the fault it must give: code, path and a part of the text.
SPOILS: list[tuple[Spoil, str, str, str]] = [
    (remove(REF), "orphan", CLIP, "has no reference: no ref/Tennis_<fps>fps"),
    (copy(REF, "ref/Tennis_30fps.yuv"), "two-references", "ref/Tennis_30fps.yuv", "already has a reference"),
    (copy(REF, "ref/Tennis_0_1080_0.yuv"), "two-references", REF, "already has a reference: Tennis_0_1080_0.yuv"),
    (move(CLIP, "dis/Tennis-1-90-100.yuv"), "name", "dis/Tennis-1-90-100.yuv", "is not named as a distorted clip"),
    (copy(REF, "ref/Tennis.yuv"), "name", "ref/Tennis.yuv", "is not named as a reference"),
    (cut(CLIP, FRAME * 3 + 7), "unreadable", CLIP, "are not a whole number of frames"),
    (cut(CLIP, FRAME * 3), "differs", CLIP, "frame count 4 against 3"),
    (cut(CLIP, 0), "unreadable", CLIP, "the file is empty"),
    (cut(REF, FRAME - 1), "unreadable", REF, "are not a whole number of frames"),
    (write("dis/Tennis_3_90_100.mp4", b"no video"), "unreadable", "dis/Tennis_3_90_100.mp4", "FFmpeg cannot read it"),
    (
        write("dis/Tennis_3_90_100.y4m", b"YUV4MPEG2 W64 H48 C420\nFRAME\n" + bytes(4608)),
        "differs",
        "dis/Tennis_3_90_100.y4m",
        "frame size 128x96 against 64x48; frame count 4 against 1",
    ),
    (
        write("dis/Tennis_3_90_100.y4m", b"YUV4MPEG2 W128 H96 C444\nFRAME\n" + bytes(36864)),
        "differs",
        "dis/Tennis_3_90_100.y4m",
        "chroma layout yuv420p against yuv444p",
    ),
    (link("dis/Tennis_3_90_100.yuv", "/etc/passwd"), "outside", "dis/Tennis_3_90_100.yuv", "link out of the data root"),
    (link("dis/Tennis_3_90_100.yuv", "../../x.yuv"), "outside", "dis/Tennis_3_90_100.yuv", "link out of the data root"),
    (link("dis/Tennis_3_90_100.yuv", "nothing.yuv"), "dangling", "dis/Tennis_3_90_100.yuv", "is a link to nothing"),
    (copy(CLIP, "dis/Tennis_3_90_100.yuv"), "duplicate", CLIP, "has the same content as dis/Tennis_3_90_100.yuv"),
    (copy(REF, "ref/Other_25fps.yuv"), "duplicate", "ref/Other_25fps.yuv", "has the same content as"),
    (copy(CLIP, "dis/Crowd_Run_3_90_100.yuv"), "duplicate", "dis/Crowd_Run_3_90_100.yuv", "has the same content as"),
    (copy(CLIP, "dis/Tennis_1_90_100.y4m"), "same-id", CLIP, "has the same name as Tennis_1_90_100.y4m"),
    (copy(REF, "ref/tennis_25fps.yuv"), "case", "ref/tennis_25fps.yuv", "differ only in case"),
]


@pytest.mark.parametrize(("spoil", "code", "path", "text"), SPOILS, ids=lambda v: v if isinstance(v, str) else "")
def test_each_fault_has_its_own_message(
    spoil: Spoil, code: str, path: str, text: str, root: Path, ffmpeg: FFmpeg
) -> None:
    spoil(root)
    report = check_corpus(scan(root, assume=DIMS), ffmpeg)
    found = [fault for fault in report.faults if (fault.code, fault.path) == (code, path)]
    assert found, report.faults
    assert text in found[0].text
    assert report.spoils


@pytest.mark.parametrize(
    ("spoil", "code", "path"),
    [
        (remove("dis/Tennis_1_90_100.yuv"), "unused", REF),
        (write("dis/notes.txt", b"x"), "extension", "dis/notes.txt"),
        (copy(REF, "dis/Tennis_0_96_0.yuv"), "lossless", "dis/Tennis_0_96_0.yuv"),
        (lambda root: (root / "dis/more").mkdir(), "folder", "dis/more"),
        (write("corpus.toml", b'[sources.Nobody]\ngeometry = "1x1"'), "settings", "corpus.toml"),
    ],
    ids=["unused", "extension", "lossless", "folder", "settings"],
)
def test_a_fault_that_spoils_no_result_is_a_note(
    spoil: Spoil, code: str, path: str, root: Path, ffmpeg: FFmpeg
) -> None:
    spoil(root)
    if code == "unused":
        (root / "dis/Tennis_2_180_200.yuv").unlink()
    report = check_corpus(scan(root, assume=DIMS), ffmpeg)
    assert [(fault.code, fault.path) for fault in report.faults] == [(code, path)]
    assert not report.spoils


def test_the_command_reports_all_faults_at_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut(CLIP, FRAME * 3)(root)
    copy(REF, "ref/Other_25fps.yuv")(root)
    link("dis/Tennis_3_90_100.yuv", "/etc/passwd")(root)
    write("dis/x.yuv", b"x")(root)
    arguments = ["corpus", "check", "--data-root", str(root), "--assume-dims", DIMS]
    assert main(arguments) == 1
    text = capsys.readouterr().out
    assert text.count("FAULT") == 4
    assert text.splitlines()[-1] == "4 faults that make results wrong, 1 notes"
    assert main([*arguments, "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert {fault["code"] for fault in content["faults"]} == {"differs", "duplicate", "outside", "name", "unused"}
    assert content["sources"]["Tennis"] == {
        "reference": REF,
        "clips": 2,
        "frames": 4,
        "geometry": "128x96 yuv420p",
    }


def test_a_file_outside_the_root_is_never_opened(root: Path, ffmpeg: FFmpeg, clip: Clip, tmp_path: Path) -> None:
    """Not even to hash it or to look at its header."""
    outside = clip("outside.yuv", folder=tmp_path)
    before = outside.stat().st_atime_ns
    link("dis/Tennis_3_90_100.yuv", str(outside))(root)
    report = check_corpus(scan(root, assume=DIMS), ffmpeg)
    assert "dis/Tennis_3_90_100.yuv" not in report.videos
    assert outside.stat().st_atime_ns == before


@pytest.mark.parametrize("name", ["ref", "dis", "corpus.toml"])
def test_the_folders_and_settings_may_not_lie_outside_the_root(name: str, root: Path) -> None:
    """The error shows neither file names nor text from outside."""
    elsewhere = root.parent / "elsewhere"
    if name == "corpus.toml":
        elsewhere.write_text("secret = 1\n", encoding="utf-8")
    else:
        shutil.move(root / name, elsewhere)
    (root / name).symlink_to(elsewhere)
    with pytest.raises(TinyvmafError, match=f"{name} is a link out of the data root: not opened") as caught:
        scan(root, assume=DIMS)
    assert "secret" not in str(caught.value)


def test_a_file_replaced_by_a_link_out_after_the_scan_is_not_opened(
    root: Path, ffmpeg: FFmpeg, clip: Clip, tmp_path: Path
) -> None:
    corpus = scan(root, assume=DIMS)
    (root / CLIP).unlink()
    (root / CLIP).symlink_to(clip("outside.yuv", folder=tmp_path))
    report = check_corpus(corpus, ffmpeg)
    assert CLIP not in report.videos
    (fault,) = [fault for fault in report.faults if fault.path == CLIP]
    assert fault.text == "has become a link out of the data root: not opened"


def test_a_golden_file_in_a_corpus_is_a_fault(root: Path, ffmpeg: FFmpeg) -> None:
    (root / "ref/Flat_25fps.yuv").write_bytes(build("flat_1920_1080_0.yuv"))
    report = check_corpus(scan(root, assume="1920x1080"), ffmpeg)
    assert ("golden", "ref/Flat_25fps.yuv") in {(fault.code, fault.path) for fault in report.faults}
    assert report.spoils


@pytest.mark.parametrize("missing", ["ref", "dis", "."])
def test_a_root_without_its_folders_is_an_error(missing: str, root: Path) -> None:
    shutil.rmtree(root / missing)
    with pytest.raises(TinyvmafError, match="not a folder" if missing == "." else f"no folder {missing}/"):
        scan(root)


def test_an_empty_root_is_spoiled(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    for name in ("ref", "dis"):
        (tmp_path / name).mkdir()
    report = check_corpus(scan(tmp_path), ffmpeg)
    assert [fault.code for fault in report.faults] == ["empty", "empty"]
    assert report.spoils


def test_leave_one_source_out_holds_each_out_once() -> None:
    folds = leave_one_source_out(["b", "a", "c", "a"])
    assert [(fold.held_out, fold.train) for fold in folds] == [
        ("a", ("b", "c")),
        ("b", ("a", "c")),
        ("c", ("a", "b")),
    ]
    with pytest.raises(TinyvmafError, match="two sources or more, not 1"):
        leave_one_source_out(["a", "a"])


CLIPS = [(f"s{i}", f"dis/s{i}_{q}_90_100.yuv") for i in range(20) for q in range(3)]


@given(st.randoms(use_true_random=False))
def test_a_split_does_not_depend_on_the_order_of_the_folder(order: random.Random) -> None:
    shuffled = list(CLIPS)
    order.shuffle(shuffled)
    assert hash_split(shuffled) == hash_split(CLIPS)


def test_a_split_by_source_keeps_sources_together() -> None:
    split = hash_split(CLIPS, test_share=0.4)
    owner = {path: source for source, path in CLIPS}
    train, test = ({owner[path] for path in part} for part in (split.train, split.test))
    assert not train & test
    assert sorted([*split.train, *split.test]) == sorted(path for _, path in CLIPS)


def test_an_added_clip_moves_no_other_to_another_part() -> None:
    more = [*CLIPS, ("new", "dis/new_1_90_100.yuv")]
    before, after = hash_split(CLIPS), hash_split(more)
    assert set(before.train) <= set(after.train)
    assert set(before.test) <= set(after.test)


def test_a_split_by_path_warns_that_sources_leak() -> None:
    with pytest.warns(UserWarning, match="clips of one source fall on both sides"):
        split = hash_split(CLIPS, by="path")
    assert split.by == "path"


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, 2.0, float("nan")])
def test_a_share_outside_0_to_1_is_an_error(share: float) -> None:
    with pytest.raises(TinyvmafError, match="between 0 and 1"):
        hash_split(CLIPS, test_share=share)


def test_a_part_without_clips_is_an_error() -> None:
    with pytest.raises(TinyvmafError, match="part is empty"):
        hash_split([("a", "dis/a")])


def test_the_command_prints_splits(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["corpus", "split", "--data-root", str(root)]
    assert main(arguments) == 0
    assert [fold["held_out"] for fold in json.loads(capsys.readouterr().out)] == ["Crowd_Run", "Tennis"]
    assert main([*arguments, "--by", "path", "--test-share", "0.5"]) == 0
    assert "both sides" in json.loads(capsys.readouterr().out)["warnings"][0]


def test_a_sample_does_not_depend_on_the_order_of_names() -> None:
    names = [f"clip{i}" for i in range(30)]
    assert hash_sample(names, 4) == hash_sample(names[::-1] * 2, 4)
    assert len(set(hash_sample(names, 4))) == 4
