"""`tinyvmaf score` with several tiny models: each beside its teacher, in one pass of libvmaf."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from tinyvmaf.errors import TeacherError
from tinyvmaf.files import home, sha256
from tinyvmaf.measure.scoring import with_their_teachers
from tinyvmaf.model import registry
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

from ..fixture_types import Clip
from .test_cli import RAW, run

V1 = "vmaf_v1.0.16_3d0h"


@pytest.fixture
def pair(clip: Clip) -> list[str]:
    return [str(clip("r.yuv")), str(clip("d.yuv", noise=9)), *RAW]


def test_models_of_two_teachers_are_scored_beside_their_teachers(
    clip: Clip, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No `--teacher` is needed: their teachers are scored, each once, in the models' order."""
    size = (320, 240)  # v1 refuses smaller frames
    pair = [str(clip("r.yuv", frames=2, size=size)), str(clip("d.yuv", frames=2, noise=9, size=size))]
    pair += ["--size", "320x240", "--pix-fmt", "yuv420p"]
    assert run(capsys, "export-teacher", "v1", "--out", str(tmp_path))[0] == 0
    models = ["tinyvmaf_nano", str(tmp_path / f"{V1}_svr.onnx"), "tinyvmaf_exact"]
    asked = [word for model in models for word in ("--model", model)]
    out, csv_file = tmp_path / "scores.json", tmp_path / "scores.csv"
    status, text, err = run(capsys, "score", *pair, *asked, "--out", str(out), "--out", str(csv_file))
    assert (status, err) == (0, "")
    log = json.loads(out.read_text())
    assert [one["id"] for one in log["teachers"].values()] == [DEFAULT, V1]
    assert list(log["teachers"]) == ["vmaf", V1]
    assert "tiny_model" not in log
    scores = {one["id"]: [frame["score"] for frame in one["frames"]] for one in log["tiny_models"]}
    assert list(scores) == ["tinyvmaf_nano", f"{V1}_svr", "tinyvmaf_exact"]
    truth = {name: [frame["metrics"][name] for frame in log["frames"]] for name in ("vmaf", V1)}
    np.testing.assert_allclose(scores["tinyvmaf_nano"], truth["vmaf"], atol=0.4)
    np.testing.assert_allclose(scores[f"{V1}_svr"], truth[V1], atol=1e-3)
    assert abs(truth["vmaf"][0] - truth[V1][0]) > 3.0  # the teachers cannot be taken for each other
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(csv_file.read_text()))}
    assert {DEFAULT, V1, *scores} <= rows.keys()
    assert rows["tinyvmaf_exact"]["sha256"] == registry.find("tinyvmaf_exact").sha256
    for name in (*scores, DEFAULT, V1):
        assert sum(line.split()[:1] == [name] for line in text.splitlines()) == 1, name


def test_a_teacher_that_was_asked_for_comes_first(pair: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(
        capsys, "score", *pair, "--teacher", "neg", "--model", "tinyvmaf_nano", "--model", "tinyvmaf_nano", "--json"
    )
    assert status == 0
    log = json.loads(out)
    assert [one["id"] for one in log["teachers"].values()] == ["vmaf_v0.6.1neg", DEFAULT]
    assert log["tiny_model"]["id"] == "tinyvmaf_nano"  # named twice, scored once


def test_the_file_of_a_users_own_teacher_is_believed_if_the_model_names_it(
    pair: list[str], capsys: pytest.CaptureFixture[str], ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    text = load_built_in(ffmpeg, DEFAULT).json + b"\n"
    mine = tmp_path / "mine.json"
    mine.write_bytes(text)
    model = onnx.load(home() / "model/tinyvmaf_nano.onnx")
    for one in model.metadata_props:
        one.value = {"teacher": "mine", "teacher_sha256": sha256(text)}.get(one.key, one.value)
    data = model.SerializeToString()
    (tmp_path / "student.onnx").write_bytes(data)
    sidecar = json.loads((home() / "model/tinyvmaf_nano.json").read_text())
    sidecar |= {"teacher": {"id": "mine", "sha256": sha256(text)}, "sha256": sha256(data), "bytes": len(data)}
    (tmp_path / "student.json").write_text(json.dumps(sidecar))
    asked = ["score", *pair, "--model", str(tmp_path / "student.onnx"), "--model", "tinyvmaf_exact"]
    status, _, err = run(capsys, *asked)
    assert status == 1
    assert f"student stands in for mine, sha256 {sha256(text)}, which is neither in {ffmpeg.path} nor" in err
    assert "give its model file with --teacher-json FILE" in err
    status, out, err = run(capsys, *asked, "--teacher-json", str(mine), "--json")
    assert (status, err) == (0, "")
    assert [one["id"] for one in json.loads(out)["teachers"].values()] == ["mine", DEFAULT]
    mine.write_bytes(text + b"\n")
    status, _, err = run(capsys, *asked, "--teacher-json", str(mine))
    assert status == 1
    assert "give its hash with --teacher-sha256" in err


def test_two_columns_never_have_one_name(pair: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("tinyvmaf_exact", DEFAULT):
        for suffix in ("onnx", "json"):
            shutil.copy(home() / f"model/tinyvmaf_nano.{suffix}", tmp_path / f"{name}.{suffix}")
    status, out, err = run(
        capsys, "score", *pair, "--model", "tinyvmaf_exact", "--model", str(tmp_path / "tinyvmaf_exact.onnx")
    )
    assert (status, out) == (1, "")
    assert "two models are called tinyvmaf_exact" in err
    status, out, err = run(capsys, "score", *pair, "--model", str(tmp_path / f"{DEFAULT}.onnx"))
    assert (status, out) == (1, "")
    assert f"two of the models and teachers are called {DEFAULT}" in err


def test_a_model_whose_teacher_this_libvmaf_lacks_is_refused(ffmpeg: FFmpeg) -> None:
    """Its id is known, its content is another: as good as missing."""
    model = registry.find("tinyvmaf_nano")
    teacher = model.sidecar.teacher.model_copy(update={"sha256": "0" * 64})
    model.__dict__["sidecar"] = model.sidecar.model_copy(update={"teacher": teacher})
    with pytest.raises(TeacherError, match=f"tinyvmaf_nano stands in for {DEFAULT}, sha256 0000"):
        with_their_teachers([model], [load_built_in(ffmpeg, DEFAULT)], ffmpeg, hint="")
