"""A teacher that nobody knew needs one entry in a table: then it has rows, golden rows, and registered models."""

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data import dataset, golden
from tinyvmaf.files import home, sha256
from tinyvmaf.judge.kinds import find
from tinyvmaf.judge.subjects import features_by
from tinyvmaf.model.golden_records import load_record
from tinyvmaf.train.export_teacher import export_teacher
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import named
from tinyvmaf.vmaf.ffmpeg import ENV, FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, PHONE, load_built_in, load_teacher

from ..fixture_types import Clip

ID = "vmaf_v0.7.0_other"
OPTIONS = {"adm2": {"adm_enhn_gain_limit": 1.5}, "vif": {"vif_enhn_gain_limit": 1.5}, "motion2": {"motion_max_val": 12}}
PAIR = "checkerboard_1px"


@pytest.fixture
def newer(ffmpeg: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FFmpeg:
    """An FFmpeg whose libvmaf carries one model more, which is the entry in the table; and a spare checkout."""
    content = json.loads(load_built_in(ffmpeg).json)
    model = content["model_dict"]
    model["feature_opts_dicts"] = [
        next(options for base, options in OPTIONS.items() if base in name) for name in model["feature_names"]
    ]
    raw = json.dumps(content, indent=4).encode()
    path = tmp_path / "ffmpeg"
    shutil.copy(ffmpeg.path, path)
    path.chmod(0o755)
    with path.open("ab") as file:
        file.write(b"\0" + raw + b"\0")
    monkeypatch.setattr("tinyvmaf.data.golden.freezing.KNOWN", {DEFAULT: KNOWN[DEFAULT], ID: sha256(raw)})
    monkeypatch.setitem(KNOWN, ID, sha256(raw))
    monkeypatch.setattr("tinyvmaf.vmaf.teacher.own.NETFLIX", (*KNOWN, PHONE))
    monkeypatch.setenv(ENV, str(path))
    spare = tmp_path / "home"
    shutil.copytree(home() / "fixtures" / "golden", spare / "fixtures" / "golden")
    shutil.copy(home() / "gates.toml", spare)
    monkeypatch.setenv("TINYVMAF_HOME", str(spare))
    monkeypatch.chdir(tmp_path)
    return find_ffmpeg()


class _OnePair(golden.GoldenFiles):
    def path(self, name: str) -> Path:
        if name not in ("checkerboard_1920_1080_10_3_0_0.yuv", "checkerboard_1920_1080_10_3_1_0.yuv"):
            raise golden.GoldenFileMissingError(name)
        return super().path(name)


def test_one_of_a_users_own_has_its_golden_rows_beside_its_json(
    newer: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a model of it is recorded on the pairs that were at hand."""
    monkeypatch.delenv("TINYVMAF_HOME")
    monkeypatch.delitem(KNOWN, ID)
    (tmp_path / "tinyvmaf.toml").touch()
    teachers = tmp_path / "model" / "teachers"
    teachers.mkdir(parents=True)
    content = json.loads(load_built_in(newer).json)
    content["model_dict"]["feature_opts_dicts"] = [{"adm_enhn_gain_limit": 1.5}, *[{}] * 5]
    (teachers / "house.json").write_text(json.dumps(content), encoding="utf-8")
    teacher = load_teacher(newer, "house")
    made = export_teacher(teacher, find("teacher"), Path("out"))
    assert not any(name.startswith("golden") for name in made.sidecar.measured)
    assert main(["register", str(made.file), "--all"]) == 1
    assert "the golden rows do not have\n  hint: tinyvmaf golden freeze --teacher house" in capsys.readouterr().err
    assert main(["golden", "freeze", "--teacher", "mouse"]) == 1
    assert "has no mouse.json" in capsys.readouterr().err

    assert golden.freeze(_OnePair(tmp_path / "work", None), newer, own=teacher)[0] == [PAIR, "checkerboard_same"]
    rows = golden.load_rows()
    assert set(rows.teachers) == {*KNOWN, "house"}
    assert set(rows.pairs_with(teacher.feature_names)) == {PAIR, "checkerboard_same"} < set(rows.pairs)
    assert (
        np.abs(rows.scores_by(teacher)[PAIR] - teacher.predict(rows.features(teacher.feature_names)[:3])).max() < 1e-6
    )
    assert main(["register", str(made.file), "--all"]) == 0, capsys.readouterr().err
    assert np.abs(load_record(made.id)[PAIR] - rows.scores_by(teacher)[PAIR]).max() < 1e-4


def test_it_goes_through_dataset_golden_rows_and_registration(
    newer: FFmpeg, clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = load_built_in(newer, ID)
    names = teacher.feature_names
    assert names[0] == "adm2_egl_1.5"
    assert names[-1] == "motion2_mmxv_12"
    assert tuple(map(named, names)) == teacher.features

    for folder, name, noise in (("ref", "A_25fps.yuv", 0.0), ("dis", "A_1_90_100.yuv", 9.0)):
        (tmp_path / "root" / folder).mkdir(parents=True)
        os.utime(clip(name, folder=tmp_path / "root" / folder, noise=noise), (time.time() - 100,) * 2)
    assert (
        main(["extract", "--data-root", "root", "--assume-dims", "128x96", "--teacher", ID, "--out", "f.parquet"]) == 0
    )
    data = dataset.read(Path("f.parquet"))
    assert data.provenance["teachers"] == {ID: KNOWN[ID]}
    assert np.abs(data.columns(ID)[:, 0] - teacher.predict(data.columns(*names))).max() < 1e-6
    assert Domain(teacher.features).contains(data.columns(*names)).all()

    before = golden.load_rows()
    assert before.lacking(names)
    assert golden.freeze(_OnePair(tmp_path / "work", None), newer)[0] == [PAIR, "checkerboard_same"]
    rows = golden.load_rows()
    assert rows.teachers[ID].features == names
    assert np.abs(rows.scores_by(teacher)[PAIR] - teacher.predict(rows.pairs[PAIR].features(names))).max() < 1e-6
    assert np.array_equal(rows.pairs[PAIR].scores(DEFAULT), before.pairs[PAIR].scores(DEFAULT))
    assert golden.is_golden_row(rows.pairs[PAIR].features(names), names).all()
    assert tuple(features_by(None)(ID)) == teacher.features

    made = export_teacher(teacher, find("teacher"), Path("out"))
    assert made.sidecar.measured["golden_frame_max_abs_error_points"] < 1e-4
    assert main(["register", str(made.file), "--all"]) == 0, capsys.readouterr().err
    assert "its golden record" in capsys.readouterr().out
    assert np.abs(load_record(made.id)[PAIR] - rows.pairs[PAIR].scores(ID)).max() < 1e-4
