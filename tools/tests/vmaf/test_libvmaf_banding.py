"""Frames that are so wide that libvmaf's CAMBI writes beyond its memory are refused before FFmpeg dies of them."""

import subprocess
from pathlib import Path

import pytest

from tinyvmaf.errors import NotComparableError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, VmafModel, score_pair
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

V1 = "vmaf_v1.0.16_3d0h"


def _scored(folder: Path, ffmpeg: FFmpeg, size: str, teacher: str, features: tuple[str, ...] = ()) -> FrameTable:
    made = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r=25,format=yuv420p", "-frames:v", "1", str(folder / "r.y4m")]
    subprocess.run([ffmpeg.path, "-y", "-v", "error", *made], check=True)
    model = VmafModel(DEFAULT) if teacher == DEFAULT else load_built_in(ffmpeg, teacher).model()
    return score_pair(folder / "r.y4m", folder / "r.y4m", models=[model], features=features, ffmpeg=ffmpeg)


def test_a_frame_as_wide_as_libvmaf_can_measure_is_scored(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    assert V1 in _scored(tmp_path, ffmpeg, "2560x244", V1).columns
    assert DEFAULT in _scored(tmp_path, ffmpeg, "2560x180", DEFAULT).columns


@pytest.mark.parametrize(("teacher", "features", "what"), [(V1, (), V1), (DEFAULT, ("cambi",), "cambi")])
def test_a_wider_one_is_refused_with_the_least_height(
    tmp_path: Path, ffmpeg: FFmpeg, teacher: str, features: tuple[str, ...], what: str
) -> None:
    with pytest.raises(NotComparableError, match=f"which {what} takes, needs a height of 243") as refused:
        _scored(tmp_path, ffmpeg, "2560x180", teacher, features)
    assert refused.value.hint is not None
    assert what in refused.value.hint
