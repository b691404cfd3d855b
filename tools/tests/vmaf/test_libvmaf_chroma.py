"""Damage to chroma that a teacher of VMAF v1 cannot see, as the frames are too small, is not passed over in silence."""

import subprocess
from pathlib import Path

import pytest

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, score_pair
from tinyvmaf.vmaf.libvmaf.chroma import least_size
from tinyvmaf.vmaf.media import Geometry, pixel_format
from tinyvmaf.vmaf.teacher import load_built_in

V1 = "vmaf_v1.0.16_3d0h"
DAMAGE = {"luma": "lutyuv=y=val*0.9", "chroma": "hue=h=40", "gray": "hue=s=0,lutyuv=y=val*0.9"}


def _scored(
    folder: Path, ffmpeg: FFmpeg, size: str, damage: str, teacher: str = V1, features: tuple[str, ...] = ()
) -> FrameTable:
    before = "hue=s=0," if damage == "gray" else ""
    for name, filters in (("r", "null"), ("d", DAMAGE[damage])):
        source = f"testsrc2=s={size}:r=25,{before}{filters},format=yuv420p"
        made = ["-f", "lavfi", "-i", source, "-frames:v", "2", str(folder / f"{name}.y4m")]
        subprocess.run([ffmpeg.path, "-y", "-v", "error", *made], check=True)
    model = load_built_in(ffmpeg, teacher).model()
    return score_pair(folder / "r.y4m", folder / "d.y4m", models=[model], features=features, ffmpeg=ffmpeg)


def _silent(table: FrameTable) -> list[str]:
    assert table.inputs is not None
    return [one for one in table.inputs.warnings if "chroma feature is 0" in one]


@pytest.mark.parametrize(
    ("size", "damage", "teacher", "least"),
    [
        ("320x180", "chroma", V1, "320x320"),
        ("480x300", "chroma", "vmaf_v1.0.16_5d0h", "532x532"),
        ("640x480", "chroma", "vmaf_v1.0.16_3d0h_2160", "638x638"),
        ("320x180", "luma", V1, None),
        ("320x180", "gray", V1, None),
        ("320x320", "chroma", V1, None),
        ("320x180", "chroma", "vmaf_v0.6.1", None),
    ],
)
def test_a_chroma_feature_that_is_silent_on_damaged_chroma_is_told(
    tmp_path: Path, ffmpeg: FFmpeg, size: str, damage: str, teacher: str, least: str | None
) -> None:
    table = _scored(tmp_path, ffmpeg, size, damage, teacher)
    told = _silent(table)
    assert len(told) == (least is not None)
    assert all(teacher in one and f"{size} is too small, it needs {least}" in one for one in told)
    assert not any(name.startswith("psnr") for name in (*table.columns, *table.pooled))  # nobody asked for it


def test_psnr_that_was_asked_for_stays(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    table = _scored(tmp_path, ffmpeg, "320x180", "chroma", features=("psnr", "psnr_hvs"))
    assert {"psnr_y", "psnr_cb", "psnr_hvs"} <= set(table.columns)
    assert _silent(table)


@pytest.mark.parametrize(
    ("teacher", "least"),
    [(V1, "160x160"), ("vmaf_v1.0.16_5d0h", "266x266"), ("vmaf_v1.0.16_3d0h_2160", "318x318")],
)
def test_frames_on_which_ffmpeg_would_die_are_refused_with_the_least_size(
    tmp_path: Path, ffmpeg: FFmpeg, teacher: str, least: str
) -> None:
    side = int(least.partition("x")[0])
    with pytest.raises(NotComparableError, match=f"too small for the chroma feature: {teacher} needs {least}"):
        _scored(tmp_path, ffmpeg, f"640x{side - 2}", "chroma", teacher)
    assert teacher in _scored(tmp_path, ffmpeg, f"640x{side}", "chroma", teacher).columns


def test_a_feature_that_was_asked_for_is_refused_too(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    with pytest.raises(NotComparableError, match=r"speed_chroma:speed_prescale=0\.5 needs 318x318"):
        _scored(tmp_path, ffmpeg, "320x180", "chroma", "vmaf_v0.6.1", ("speed_chroma:speed_prescale=0.5",))


def test_the_least_size_goes_by_the_layout_of_chroma() -> None:
    sizes = [least_size(Geometry(64, 64, pixel_format(f"yuv{one}p")), 1.0, 160) for one in ("420", "422", "444")]
    assert sizes == ["320x320", "320x160", "160x160"]


@pytest.mark.parametrize(("teacher", "told"), [(V1, 1), ("vmaf_v0.6.1", 0)])
def test_another_place_of_chroma_is_told_where_a_teacher_reads_chroma(
    tmp_path: Path, ffmpeg: FFmpeg, teacher: str, told: int
) -> None:
    files = []
    for place in ("left", "topleft"):
        files.append(tmp_path / f"{place}.mkv")
        tagged = f"testsrc2=s=320x320:r=25,format=yuv420p,setparams=chroma_location={place}"
        made = [
            "-f",
            "lavfi",
            "-i",
            tagged,
            "-frames:v",
            "2",
            "-chroma_sample_location",
            place,
            "-c:v",
            "ffv1",
            files[-1],
        ]
        subprocess.run([ffmpeg.path, "-v", "error", *made], check=True)
    table = score_pair(*files, models=[load_built_in(ffmpeg, teacher).model()], ffmpeg=ffmpeg)
    assert table.inputs is not None
    assert len([one for one in table.inputs.warnings if "topleft" in one]) == told
