"""One pair through the real libvmaf: all results in one pass, and no score for a pair that must not be compared."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyvmaf.errors import FFmpegError, LogError, MediaError, NotComparableError, TinyvmafError
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import VmafModel, motion_epoch, score_pair
from tinyvmaf.vmaf.media import PairOptions, both
from tinyvmaf.vmaf.pooling import pool
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

from ..fixture_types import Clip, Encode

LARGE = (640, 360)  # cambi and speed_chroma need larger frames
RAW: dict[str, Any] = {"options": both(size="128x96", pix_fmt="yuv420p")}


def test_one_pass_gives_features_and_scores_of_several_teachers(clip: Clip, ffmpeg: FFmpeg) -> None:
    models = [load_built_in(ffmpeg, name).model() for name in ("vmaf_v0.6.1neg", "vmaf_v1.0.16_3d0h")]
    seen: list[tuple[int, int]] = []
    table = score_pair(
        clip("r.yuv", size=LARGE),
        clip("d.yuv", noise=9, size=LARGE),
        models=models,
        ffmpeg=ffmpeg,
        options=both(size="640x360", pix_fmt="yuv420p"),
        features=["psnr", "float_ssim"],
        on_frame=lambda *done: seen.append(done),
    )
    assert len(table) == 4
    assert table.features(CANONICAL).shape == (4, 6)
    assert {"vmaf_v0.6.1neg", "vmaf_v1.0.16_3d0h", "psnr_y", "float_ssim", "integer_adm2"} <= set(table.columns)
    assert seen[-1] == (4, 4)


def test_features_to_12_decimals_round_to_those_of_the_log(clip: Clip, ffmpeg: FFmpeg) -> None:
    table = score_pair(clip("r.yuv"), clip("d.yuv", noise=9), ffmpeg=ffmpeg, **RAW)
    for feature in CANONICAL_FEATURES:
        precise = table.features([feature.name])[:, 0]
        np.testing.assert_allclose(precise, table.column(feature.column), rtol=0, atol=5.1e-7)
        assert feature.name == "motion2" or (precise != table.column(feature.column)).any()


def test_without_models_there_are_only_features(clip: Clip, ffmpeg: FFmpeg) -> None:
    table = score_pair(clip(), clip(), models=[], ffmpeg=ffmpeg, **RAW)
    assert table.features(CANONICAL).shape == (4, 6)
    assert "vmaf" not in table.columns


def test_threads_do_not_change_a_digit(clip: Clip, ffmpeg: FFmpeg) -> None:
    one, two = (score_pair(clip("r.yuv"), clip("d.yuv", noise=5), threads=n, ffmpeg=ffmpeg, **RAW) for n in (1, 3))
    for name in one.columns:
        np.testing.assert_array_equal(one.column(name), two.column(name))


def test_pooling_equals_that_of_libvmaf(clip: Clip, ffmpeg: FFmpeg) -> None:
    table = score_pair(clip("r.yuv"), clip("d.yuv", noise=9), ffmpeg=ffmpeg, **RAW)
    for name, ours in ((name, dict[str, Any](pool(values))) for name, values in table.columns.items()):
        for key, value in table.pooled[name].items():
            assert abs(ours[key] - value) < 2e-6, (name, key)


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "quo'te",
        'dou"ble',
        "co:lon",
        "com,ma",
        "brack[et]",
        "per%03dcent",
        "back\\slash",
        "éü漢",
        "semi;=",
        "-i",
        "$HOME`id`",
        "a?b*",
        "http:",
        "new\nline",
    ],
)
@pytest.mark.parametrize("suffix", [".yuv", ".mkv"])
def test_no_character_in_a_path_is_special(
    name: str, suffix: str, clip: Clip, encode: Encode, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    make = clip if suffix == ".yuv" else encode
    path = make(f"{name}{suffix}", frames=2, folder=folder)
    table = score_pair(path, path, ffmpeg=ffmpeg, **(RAW if suffix == ".yuv" else {}))
    assert len(table) == 2


def test_a_relative_path_works(clip: Clip, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clip("-clip.yuv")
    monkeypatch.chdir(tmp_path)
    assert len(score_pair(Path("-clip.yuv"), Path("-clip.yuv"), ffmpeg=ffmpeg, **RAW)) == 4


def test_timestamps_do_not_matter(encode: Encode, ffmpeg: FFmpeg) -> None:
    """Frame n is compared with frame n, even if the containers play it at different times."""
    reference = encode("r.mkv", "-c:v", "ffv1")
    shifted = encode("d.mkv", "-c:v", "ffv1", "-vf", "setpts=PTS*1.7+0.5/TB", "-fps_mode", "passthrough")
    table = score_pair(reference, shifted, features=["psnr"], ffmpeg=ffmpeg)
    assert table.column("psnr_y").min() == 60.0


def test_raw_y4m_and_container_of_one_video_score_alike(encode: Encode, ffmpeg: FFmpeg) -> None:
    """A PSNR of 60 means identical frames."""
    kinds = [encode("a.yuv", "-f", "rawvideo"), encode("a.y4m"), encode("a.mkv", "-c:v", "ffv1")]
    for other in kinds[1:]:
        table = score_pair(kinds[0], other, features=["psnr"], ffmpeg=ffmpeg, **RAW)
        assert table.column("psnr_y").min() == 60.0


@pytest.mark.parametrize("suffix", ["yuv", "mkv", "webm"])
def test_different_frame_counts_are_refused(suffix: str, encode: Encode, ffmpeg: FFmpeg) -> None:
    """libvmaf's filter would repeat the last frame and give a score."""
    options = ("-f", "rawvideo") if suffix == "yuv" else ()
    raw = RAW if suffix == "yuv" else {}
    with pytest.raises(NotComparableError, match="frame count 10 against 9"):
        score_pair(encode(f"r.{suffix}", *options), encode(f"d.{suffix}", *options, frames=9), ffmpeg=ffmpeg, **raw)


def test_different_sizes_are_refused_and_scaled_when_asked(encode: Encode, ffmpeg: FFmpeg) -> None:
    reference, small = encode("r.mkv", size="128x96"), encode("d.mkv", size="64x48")
    with pytest.raises(NotComparableError, match=r"frame size 128x96 against 64x48(.|\n)*--scale bicubic"):
        score_pair(reference, small, ffmpeg=ffmpeg)
    assert len(score_pair(reference, small, options=PairOptions(scale="bicubic"), ffmpeg=ffmpeg)) == 10


def test_different_pixel_formats_are_refused(encode: Encode, ffmpeg: FFmpeg) -> None:
    with pytest.raises(NotComparableError, match="bit depth 8 against 10"):
        score_pair(encode("r.mkv"), encode("d.mkv", "-pix_fmt", "yuv420p10le"), ffmpeg=ffmpeg)
    with pytest.raises(NotComparableError, match="chroma layout yuv420p against yuv444p"):
        score_pair(encode("r.mkv"), encode("e.mkv", "-pix_fmt", "yuv444p"), ffmpeg=ffmpeg)


def test_full_range_is_compared_sample_by_sample(encode: Encode, ffmpeg: FFmpeg) -> None:
    """libvmaf's filter does not know FFmpeg's full-range formats; a conversion would change samples."""
    full = "-vf", "setparams=range=pc", "-color_range", "pc"
    pair = encode("r.mkv", *full, "-qp", "0"), encode("d.mkv", *full, "-crf", "40")
    raw = []
    for video in pair:
        raw.append(video.with_suffix(".yuv"))
        command: list[str | Path] = [ffmpeg.path, "-y", "-v", "error", "-nostdin", "-i", video, "-f", "rawvideo"]
        subprocess.run([*command, "-pix_fmt", "yuvj420p", raw[-1]], check=True, timeout=60)
    tagged = score_pair(*pair, features=["psnr"], ffmpeg=ffmpeg)
    plain = score_pair(*raw, features=["psnr"], ffmpeg=ffmpeg, **RAW)
    assert tagged.column("psnr_y").max() < 50
    for name in plain.columns:
        np.testing.assert_array_equal(tagged.column(name), plain.column(name))
    with pytest.raises(NotComparableError, match=r"range full against unstated(.|\n)*--range full,limited"):
        score_pair(pair[0], raw[1], ffmpeg=ffmpeg, **RAW)
    stated = both(size="128x96", pix_fmt="yuv420p", range="full")
    mixed = score_pair(pair[0], raw[1], options=stated, ffmpeg=ffmpeg)
    np.testing.assert_array_equal(mixed.column("vmaf_v0.6.1"), plain.column("vmaf_v0.6.1"))


def test_different_ranges_are_refused(encode: Encode, ffmpeg: FFmpeg) -> None:
    ranges = [("-vf", f"setparams=range={r}", "-color_range", r) for r in ("pc", "tv")]
    with pytest.raises(NotComparableError, match="range full against limited"):
        score_pair(encode("r.mkv", *ranges[0]), encode("d.mkv", *ranges[1]), ffmpeg=ffmpeg)


def test_a_size_that_changes_midway_is_an_error(encode: Encode, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    reference = encode("r.h264", frames=20)
    changing = tmp_path / "d.h264"
    first, second = encode("1.h264"), encode("2.h264", size="64x48")
    changing.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(MediaError, match=r"d\.h264: its frames change in the middle, from w:128 .* to w:64"):
        score_pair(reference, changing, ffmpeg=ffmpeg)


def test_missing_or_wrong_arguments_are_errors(clip: Clip, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    good = clip()
    with pytest.raises(MediaError, match="no such file"):
        score_pair(good, tmp_path / "none.yuv", ffmpeg=ffmpeg, **RAW)
    with pytest.raises(MediaError, match="both its frame size and its pixel format"):
        score_pair(good, good, options=both(size="128x96"), ffmpeg=ffmpeg)
    with pytest.raises(TinyvmafError, match="unknown scaler"):
        score_pair(good, good, options=replace(RAW["options"], scale="nearest"), ffmpeg=ffmpeg)
    with pytest.raises(TinyvmafError, match="named twice"):
        score_pair(good, good, models=[VmafModel("vmaf_v0.6.1")] * 2, ffmpeg=ffmpeg, **RAW)
    with pytest.raises(FFmpegError, match=r"its last lines:(.|\n)*no_such_model"):
        score_pair(good, good, models=[VmafModel("no_such_model")], ffmpeg=ffmpeg, **RAW)
    with pytest.raises(FFmpegError, match=r"has no feature 'ssim'\n  hint: did you mean float_ssim"):
        score_pair(good, good, features=["ssim"], ffmpeg=ffmpeg, **RAW)


@pytest.mark.parametrize("name", ["psnr|name=x", "psnr':log_path=/x", "PSNR", "", "psnr:a", "psnr:a=b,c", "psnr]"])
def test_a_feature_cannot_smuggle_options_in(name: str, clip: Clip) -> None:
    with pytest.raises(TinyvmafError, match="is not a libvmaf feature"):
        score_pair(clip(), clip(), features=[name], **RAW)


def test_a_model_id_cannot_smuggle_options_in(clip: Clip) -> None:
    with pytest.raises(TinyvmafError, match="is not a model id"):
        score_pair(clip(), clip(), models=[VmafModel("a':log_path=x")], **RAW)


def test_a_feature_with_an_option_is_passed_on(clip: Clip, ffmpeg: FFmpeg) -> None:
    table = score_pair(clip(), clip(), features=["psnr:enable_chroma=false"], ffmpeg=ffmpeg, **RAW)
    assert {"psnr_y"} == {name for name in table.columns if name.startswith("psnr")}


def test_infinite_values_of_equal_planes_lose_no_clip(clip: Clip, ffmpeg: FFmpeg) -> None:
    table = score_pair(clip(), clip(), features=["psnr_hvs", "ciede"], ffmpeg=ffmpeg, **RAW)
    for name in ("psnr_hvs", "psnr_hvs_y", "ciede2000"):
        assert np.isnan([*table.column(name), table.pooled[name]["mean"]]).all()
    assert np.isfinite(table.column("vmaf_v0.6.1")).all()


def test_a_value_that_is_not_finite_is_an_error_elsewhere(clip: Clip, ffmpeg: FFmpeg) -> None:
    with pytest.raises(LogError, match=r"'psnr_hvs_?\w*' at frame 0 .*not a finite number\n  hint: "):
        score_pair(clip(), clip(), features=["psnr_hvs"], may_be_null=(), ffmpeg=ffmpeg, **RAW)


def test_a_time_limit_ends_the_run(clip: Clip, ffmpeg: FFmpeg) -> None:
    video = clip(frames=200, size=(640, 360))
    with pytest.raises(FFmpegError, match="time limit"):
        score_pair(
            video,
            video,
            features=["float_ms_ssim"],
            timeout=0.3,
            threads=1,
            ffmpeg=ffmpeg,
            options=both(size="640x360", pix_fmt="yuv420p"),
        )


def test_frames_too_small_for_a_feature_are_an_error_with_the_reason(clip: Clip, ffmpeg: FFmpeg) -> None:
    with pytest.raises(LogError, match=r"no log for frames of 128x96 yuv420p; its last lines:(.|\n)*hint: .*cambi"):
        score_pair(clip(), clip(), models=[VmafModel("vmaf_v1.0.16_3d0h")], ffmpeg=ffmpeg, **RAW)


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "vmaf_b_v0.6.3"])
def test_each_teacher_in_float64_equals_libvmaf_to_the_last_digit(name: str, clip: Clip, ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, name)
    pair = clip("r.yuv", size=LARGE), clip("d.yuv", noise=9, size=LARGE)
    table = score_pair(*pair, options=both(size="640x360", pix_fmt="yuv420p"), models=[teacher.model()], ffmpeg=ffmpeg)
    scores = teacher.predict(table.features(teacher.feature_names))
    assert np.abs(scores - table.column(name)).max() <= 1e-6


def test_the_epoch_is_measured(ffmpeg: FFmpeg, old_ffmpeg: FFmpeg) -> None:
    """With the current libvmaf, and with a real 2.3.0."""
    assert motion_epoch(ffmpeg)[0] == "mirror-fix"
    assert motion_epoch(old_ffmpeg) == ("before", "2.3.0")


def test_an_unknown_epoch_is_an_error(ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyvmaf.vmaf.libvmaf.epoch.RATIOS", {"before": 1.4259})
    with pytest.raises(LogError, match=r"no known epoch: .* counts 1\.0000 times"):
        motion_epoch(ffmpeg)


def test_no_temporary_file_is_left(clip: Clip, ffmpeg: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video, scratch = clip(), tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    score_pair(video, video, ffmpeg=ffmpeg, **RAW)
    assert not list(scratch.iterdir())


def test_the_command_is_in_the_table(clip: Clip, ffmpeg: FFmpeg) -> None:
    command = score_pair(clip(), clip(), ffmpeg=ffmpeg, **RAW).command
    assert command[0] == str(ffmpeg.path)
    assert subprocess.list2cmdline(command).count("-i ") == 2
