"""`tinyvmaf score`: its tables, JSON, and what it says of a model."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from tinyvmaf.files import home
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

from ..fixture_types import Clip
from .test_cli import RAW, run


def mean_in(out: str) -> float:
    """The mean of the first teacher in a summary."""
    lines = out.splitlines()
    header = next(n for n, line in enumerate(lines) if line.split()[:1] == ["mean"])
    return float(lines[header + 1].split()[1])


@pytest.fixture
def pair(clip: Clip) -> list[str]:
    return [str(clip("r.yuv")), str(clip("d.yuv", noise=9))]


def test_score_prints_tables(pair: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "score", *pair, *RAW, "--frames")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("FFmpeg ")
    assert lines[2] == f"teacher vmaf_v0.6.1, sha256 {KNOWN['vmaf_v0.6.1']}"
    assert lines[-5].split() == ["frame", *CANONICAL, "vmaf_v0.6.1"]
    assert [line.split()[0] for line in lines[-4:]] == ["0", "1", "2", "3"]
    frames = [float(line.split()[-1]) for line in lines[-4:]]
    status, out, err = run(capsys, "score", *pair, *RAW)
    assert (status, err) == (0, "")
    assert mean_in(out) == pytest.approx(np.mean(frames), abs=1e-6)
    assert out.splitlines()[-4].split() == [str(np.argmin(frames)), f"{min(frames):.6f}"]


def test_json_is_libvmafs_layout(
    pair: list[str], capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    """Programs that read libvmaf's log find everything where they expect it."""
    arguments = ["--json", "--teacher", "vmaf_v0.6.1", "--teacher", "vmaf_v0.6.1neg", "--model", "vmaf_v0.6.1_svr"]
    status, out, _ = run(capsys, "score", *pair, *RAW, *arguments)
    assert status == 0
    log = json.loads(out)

    def shape(value: object) -> object:
        if isinstance(value, dict):
            return {key: shape(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [shape(value[0])] if value else []
        return type(value).__name__

    assert shape(log) == snapshot
    assert [frame["frameNum"] for frame in log["frames"]] == [0, 1, 2, 3]
    scores = [frame["metrics"]["vmaf"] for frame in log["frames"]]
    tiny = [frame["score"] for frame in log["tiny_model"]["frames"]]
    np.testing.assert_allclose(tiny, scores, atol=3e-5)  # the error of its exact form: docs/exactness.md
    assert log["pooled_metrics"]["vmaf"]["mean"] == pytest.approx(np.mean(scores), abs=1e-6)
    expected = {"id": "vmaf_v0.6.1", "sha256": KNOWN["vmaf_v0.6.1"], "features": list(CANONICAL)}
    assert log["teachers"]["vmaf"] == expected


def test_frames_outside_the_domain_are_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A strobe: each frame differs from both neighbours by 200 steps of luma; frame 0 has no motion and lies inside."""
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 20, 128 * 96, dtype=np.uint8)
    frames = b"".join((texture + 200 * (n % 2)).astype(np.uint8).tobytes() + bytes([128] * 6144) for n in range(4))
    path = tmp_path / "strobe.yuv"
    path.write_bytes(frames)
    command = ["score", str(path), str(path), *RAW, "--model", "vmaf_v0.6.1_svr"]
    status, out, err = run(capsys, *command, "--json")
    assert status == 0
    block = json.loads(out)["tiny_model"]
    assert [frame["outside_domain"] > 0.0 for frame in block["frames"]] == [False, True, True, True]
    assert block["outside_domain"]["frames"] == 3
    furthest = max(frame["outside_domain"] for frame in block["frames"])
    assert block["outside_domain"]["largest_distance"] == furthest == pytest.approx(170.0, abs=5.0)
    assert block["outside_domain"]["furthest"].startswith("motion2 ")
    warning = "tinyvmaf: warning: 3 of 4 frames are outside the domain, where nothing is promised of vmaf_v0.6.1_svr; "
    assert warning in err
    assert " too high\n" in err
    status, _, err = run(capsys, *command)
    assert status == 0
    assert warning in err


def test_frames_inside_the_domain_give_no_warning(pair: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "score", *pair, *RAW, "--model", "vmaf_v0.6.1_svr", "--json")
    assert status == 0
    assert "warning" not in err
    expected = {"frames": 0, "largest_distance": 0.0, "furthest": ""}
    assert json.loads(out)["tiny_model"]["outside_domain"] == expected


def test_json_equals_libvmafs_own_log(
    pair: list[str], capsys: pytest.CaptureFixture[str], ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    """Every metric and digit equals the log that a bare FFmpeg command writes."""
    raw = ["-f", "rawvideo", "-video_size", "128x96", "-pixel_format", "yuv420p", "-i"]
    subprocess.run(
        [
            ffmpeg.path,
            "-v",
            "error",
            "-nostdin",
            *raw,
            pair[1],
            *raw,
            pair[0],
            "-lavfi",
            "libvmaf=log_path=log.json:log_fmt=json",
            "-f",
            "null",
            "-",
        ],
        cwd=tmp_path,
        check=True,
        timeout=60,
    )
    theirs = json.loads((tmp_path / "log.json").read_text(encoding="utf-8"))
    ours = json.loads(run(capsys, "score", *pair, *RAW, "--json")[1])
    assert ours["version"] == theirs["version"]
    for mine, yours in zip(ours["frames"], theirs["frames"], strict=True):
        assert mine == yours
    assert ours["pooled_metrics"] == theirs["pooled_metrics"]


def test_a_bootstrap_teacher_is_evaluated_here(pair: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "score", *pair, *RAW, "--teacher", "vmaf_b_v0.6.3", "--json")
    assert status == 0
    assert 0 < json.loads(out)["pooled_metrics"]["vmaf"]["mean"] < 100


def test_a_teacher_from_a_file(
    pair: list[str], capsys: pytest.CaptureFixture[str], ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    path = tmp_path / "with 'quotes'.json"
    path.write_bytes(load_built_in(ffmpeg, "vmaf_4k_v0.6.1").json)
    status, out, _ = run(capsys, "score", *pair, *RAW, "--teacher-json", str(path))
    assert status == 0
    assert "vmaf_4k_v0.6.1" in out


def test_a_model_by_path_needs_its_sidecar(pair: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = home() / "model"
    shutil.copy(source / "vmaf_v0.6.1_svr.onnx", tmp_path / "mine.onnx")
    path = str(tmp_path / "mine.onnx")
    status, _, err = run(capsys, "score", *pair, *RAW, "--model", path)
    assert status == 1
    assert "mine.onnx: no sidecar says which features the model takes" in err
    shutil.copy(source / "vmaf_v0.6.1_svr.json", tmp_path / "mine.json")
    status, out, _ = run(capsys, "score", *pair, *RAW, "--model", path)
    assert status == 0
    assert "mine" in out


def test_patterns_can_be_scored(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, "golden", "patterns", "--to", str(tmp_path))[0] == 0
    names = [str(tmp_path / f"checkerboard_1920_1080_10_3_{shift}_0.yuv") for shift in (0, 1)]
    status, out, _ = run(capsys, "score", *names, "--size", "1920x1080", "--pix-fmt", "yuv420p")
    assert status == 0
    assert mean_in(out) == 35.068667


def test_a_closed_pipe_is_no_crash(pair: list[str]) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "tinyvmaf", "score", *pair, *RAW, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert command.stdout is not None
    command.stdout.close()
    _, err = command.communicate(timeout=60)
    assert b"Traceback" not in err


def test_a_spoiled_registered_model_is_not_run(
    pair: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(home() / "model", tmp_path / "model")
    shutil.copy(home() / "gates.toml", tmp_path)
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    assert run(capsys, "verify")[0] == 0
    path = tmp_path / "model/vmaf_v0.6.1_svr.onnx"
    path.write_bytes(path.read_bytes().replace(b"vmaf_v0.6.1_svr", b"vmaf_v0.6.2_svr"))
    status, out, err = run(capsys, "score", *pair, *RAW, "--model", "vmaf_v0.6.1_svr")
    assert (status, out) == (1, "")
    assert "is not what was registered" in err
    status, out, _ = run(capsys, "verify")
    assert status == 1
    assert "sha256 is" in out
