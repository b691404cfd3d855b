"""The names that people use for teachers."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.errors import TeacherError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import score_pair
from tinyvmaf.vmaf.media import both
from tinyvmaf.vmaf.teacher import KNOWN, PHONE, SHORT, load_named, teacher_id

from ..fixture_types import Clip


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *((name, name) for name in KNOWN),
        *((name.removeprefix("vmaf_"), name) for name in KNOWN),
        ("NEG", "vmaf_v0.6.1neg"),
        ("VMAF_v0.6.1neg", "vmaf_v0.6.1neg"),
        (" 4k ", "vmaf_4k_v0.6.1"),
        ("4kneg", "vmaf_4k_v0.6.1neg"),
        ("v1", "vmaf_v1.0.16_3d0h"),
        ("phone", PHONE),
    ],
)
def test_a_name_means_a_teacher(name: str, meant: str) -> None:
    assert teacher_id(name) == meant


@pytest.mark.parametrize(
    ("name", "near"),
    [("negg", "neg"), ("4kn", "4k or 4kneg"), ("vmaf_v0.6.1ne", "vmaf_v0.6.1neg"), ("fone", "phone")],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(TeacherError, match=f"unknown teacher '{name}'") as caught:
        teacher_id(name)
    assert f"did you mean {near}" in str(caught.value.hint)
    with pytest.raises(TeacherError) as caught:
        teacher_id("zzzzzz")
    assert str(caught.value.hint).startswith(f"known: {', '.join(SHORT)}")


def test_phone_is_libvmafs_transform(clip: Clip, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """Against libvmaf's own switch, to the last digit that it logs."""
    pair = clip("r.yuv"), clip("d.yuv", noise=20)
    teacher = load_named(ffmpeg, "phone")
    assert teacher.sha256 == KNOWN["vmaf_v0.6.1"]
    table = score_pair(*pair, options=both(size="128x96", pix_fmt="yuv420p"), models=[teacher.model()], ffmpeg=ffmpeg)
    raw = ["-f", "rawvideo", "-video_size", "128x96", "-pixel_format", "yuv420p", "-i"]
    model = r"model=version=vmaf_v0.6.1\\:enable_transform=true"
    command = [str(ffmpeg.path), "-v", "error", "-nostdin", *raw, str(pair[1]), *raw, str(pair[0])]
    graph = f"libvmaf=log_path=log.json:log_fmt=json:{model}"
    subprocess.run([*command, "-lavfi", graph, "-f", "null", "-"], cwd=tmp_path, check=True, timeout=60)
    log = json.loads((tmp_path / "log.json").read_text(encoding="utf-8"))
    theirs = [frame["metrics"]["vmaf"] for frame in log["frames"]]
    assert table.column(PHONE).tolist() == theirs
    np.testing.assert_allclose(teacher.predict(table.features(teacher.feature_names)), theirs, atol=1e-6)
    plain = load_named(ffmpeg, "v0.6.1").predict(table.features(teacher.feature_names))
    assert (np.array(theirs) > plain + 1).all()
