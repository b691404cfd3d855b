"""`tinyvmaf refit`: what it says of a fit, its exit status, and what it records."""

import argparse
import json
import shutil
from pathlib import Path

import onnx
import pytest

from tinyvmaf.app.cli import refit as command
from tinyvmaf.files import home
from tinyvmaf.model import registry
from tinyvmaf.model.refit_records import refit_files
from tinyvmaf.train.folds import FitRequest, fold_models
from tinyvmaf.train.recipes import read_recipe
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

ID = "quick"
RECIPE = """\
summary = "a student in no time"
teacher = "vmaf_v0.6.1"
method = "B1f"
architecture = "mlp_small"
seeds = [0]

[domain]
samples = 100

[optimiser]
name = "adam"
steps = 4
batch = 8
learning_rate = 0.01
"""


def run(*arguments: str) -> int:
    """Run the command on a parser of its own; gives the exit status."""
    parser = argparse.ArgumentParser()
    command.add_commands(parser.add_subparsers())
    parsed = parser.parse_args(["refit", *arguments])
    status: int = parsed.run(parsed)
    return status


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ffmpeg: FFmpeg) -> Path:
    """A checkout with one student, which its recipe has just given, beside a teacher."""
    own = tmp_path / "home"
    shutil.copytree(home() / "model", own / "model", ignore=shutil.ignore_patterns("refits"))
    for name in ("gates.toml", "fixtures"):
        (own / name).symlink_to(home() / name)
    content = json.loads((own / "model/registry.json").read_text("utf-8"))
    content["models"] = [one for one in content["models"] if one["id"] == f"{DEFAULT}_svr"]
    (own / "model/registry.json").write_text(json.dumps(content), encoding="utf-8")
    path = own / f"model/recipes/{ID}.toml"
    path.write_text(RECIPE, encoding="utf-8")
    monkeypatch.setenv("TINYVMAF_HOME", str(own))
    recipe, teacher = read_recipe(path), load_built_in(ffmpeg, DEFAULT)
    (model,) = fold_models(FitRequest(recipe, teacher, None, (), [0], None, ID), None)
    training = {"recipe": ID, "recipe_sha256": recipe.sha256, "seed": 0, "corpus_sha256": None, "commit": None}
    claims = {
        "kind": "regressor",
        "feature_order": list(teacher.feature_names),
        "teacher": {"id": teacher.id, "sha256": teacher.sha256},
        "engines": None,
        "training": training,
        "measured": {},
        "promised": {},
        "licence": "none",
    }
    registry.register(ID, model.data, claims, "card", own / "model")
    return own / "model"


def test_a_fit_is_recorded_and_compared_byte_for_byte(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By default of each model whose recipe sees no clip; a record of another file is an error on its own machine."""
    path, file = refit_files(ID, folder)
    assert run("--record") == 0
    out = capsys.readouterr().out
    assert f"{ID}: its recipe gives the registered file again, byte for byte; " in out
    assert f"recorded: {path}; commit it" in out
    assert not file.exists()
    assert run() == 0
    assert capsys.readouterr().out.splitlines()[1:] == []

    one = registry.find(ID, folder)
    model = onnx.load_model_from_string(one.data)
    model.producer_version = "another"
    record, claims = json.loads(path.read_text("utf-8")), one.sidecar.as_dict()
    forged = registry.register(ID, model.SerializeToString(), claims, "card", folder)
    assert not path.exists()
    assert run(ID) == 0, "on which machine it was made, nobody knows"
    assert "its recipe gives another file on this machine (" in capsys.readouterr().out
    content = record | {"sha256": forged.sha256, "fitted_sha256": forged.sha256}
    path.write_text(json.dumps(content), encoding="utf-8")
    assert run(ID) == 1
    assert "its recipe gives another file, on the machine (" in capsys.readouterr().out
    assert run(ID, "--record") == 0
    assert file.read_bytes() == one.data
    assert run(ID) == 0
    assert "its recipe gives the recorded file again, byte for byte" in capsys.readouterr().out


def test_what_no_recipe_gave_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{DEFAULT}_svr") == 2
    assert f"{DEFAULT}_svr was not fitted by a recipe: there is nothing to refit" in capsys.readouterr().err
    assert not list(folder.glob("refits/*"))
