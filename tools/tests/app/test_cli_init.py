"""`tinyvmaf init`, and a project in which it was typed."""

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import onnx
import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.files import home
from tinyvmaf.project import project

ORDER = "adm2,vif_scale0,vif_scale1,vif_scale2,vif_scale3,motion2"
FED = ["--feature-order", ORDER]


def hand_made(path: Path) -> Path:
    """The graph of a good model, as nobody's."""
    model = onnx.load(home() / "model" / "tinyvmaf_nano.onnx")
    del model.metadata_props[:]
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, with one model."""
    monkeypatch.delenv("TINYVMAF_HOME", raising=False)
    found = tmp_path / "project"
    found.mkdir()
    monkeypatch.chdir(found)
    hand_made(found / "mine.onnx")
    return found


def there(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_init_makes_a_project_with_the_model_of_the_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *FED]) == 0
    told = capsys.readouterr().out
    made = ["baseline/baseline.json", "baseline/mine.onnx", "mine.json", "mine.md", "mine.onnx", "records/mine.json"]
    files = [".github/workflows/tinyvmaf.yml", "mine.onnx", *(f"model/{one}" for one in made), "tinyvmaf.toml"]
    assert there(folder) == sorted([*files, "model/registry.json"])
    assert "mine is registered\n  features adm2" in told
    assert told.endswith("next: tinyvmaf gate\n")
    assert project().root == folder
    assert main(["models"]) == 0
    assert "mine" in capsys.readouterr().out
    assert main(["verify"]) == 0
    assert capsys.readouterr().out == "mine: as registered\n"


def test_nothing_is_left_of_an_init_that_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 1
    assert "pass --feature-order" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["mine.onnx"]


def test_files_that_are_there_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workflow = folder / ".github/workflows/tinyvmaf.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("mine", encoding="utf-8")
    assert main(["init", *FED]) == 0
    assert workflow.read_text(encoding="utf-8") == "mine"
    assert ".github/workflows/tinyvmaf.yml: is there, and stays as it is" in capsys.readouterr().out
    before = (folder / "tinyvmaf.toml").read_bytes()
    assert main(["init", *FED]) == 1
    assert "tinyvmaf.toml makes this folder a project already" in capsys.readouterr().err
    assert (folder / "tinyvmaf.toml").read_bytes() == before


def test_of_several_models_one_must_be_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hand_made(folder / "other.onnx")
    assert main(["init", *FED]) == 1
    assert "2 models are here: mine.onnx, other.onnx\n  hint: name the first one: --model" in capsys.readouterr().err


def test_without_a_model_none_is_registered(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.onnx").unlink()
    assert main(["init"]) == 0
    assert "tinyvmaf register MODEL.onnx --all adds one" in capsys.readouterr().out
    assert there(folder) == [".github/workflows/tinyvmaf.yml", "tinyvmaf.toml"]
    assert main(["models"]) == 1
    assert "registry.json" in capsys.readouterr().err


def test_the_workflow_uses_the_actions_of_our_own() -> None:
    """At the same commits, so that both are renewed together."""
    own = "".join(path.read_text("utf-8") for path in (home() / ".github/workflows").glob("*.yml"))
    text = (home() / "tools/tinyvmaf/app/cli/templates/tinyvmaf.yml").read_text("utf-8")
    used = re.findall(r"uses: (\S+@[0-9a-f]{40} # \S+)", text)
    assert len(used) == text.count("uses:") == 3
    assert [one for one in used if one not in own] == []


def test_a_suite_judges_the_projects_models(folder: Path) -> None:
    """By its name from anywhere; the report goes to the project."""
    assert main(["init", *FED]) == 0
    (folder / "tests").mkdir()
    (folder / "tests" / "conftest.py").write_text("", encoding="utf-8")  # theirs
    for name in ("onnx.py", "tinyvmaf.py"):
        (folder / "tests" / name).write_text("raise SystemExit(9)", encoding="utf-8")
    bounds = '[bounds.golden.svr_frame]\nvalue = 0.0009\nreason = "ours"\n'
    (folder / "tinyvmaf.toml").write_text(bounds, encoding="utf-8")
    found = {one.name for one in entry_points(group="pytest11")}  # none where tinyvmaf is on the path, not installed
    plugin = [] if "tinyvmaf" in found else ["-p", "tinyvmaf.judge.users_plugin"]
    command = [sys.executable, "-P", "-m", "pytest", *plugin, "--pyargs", "tinyvmaf.suites.golden"]
    done = subprocess.run(command, cwd=folder / "tests", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "looser bound: golden.svr_frame" in done.stdout
    assert re.search(r"VERDICT: PASS .*; looser bounds than tinyvmaf's: golden\.svr_frame\n", done.stdout)
    assert (folder / "report" / "index.html").is_file()
    assert not (folder / "tests" / "report").exists()
