"""`tinyvmaf bench run` and `baseline`."""

import re
import shutil
from pathlib import Path

import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.files import home
from tinyvmaf.measure import latency
from tinyvmaf.model import registry

MODEL = "tinyvmaf_nano"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home, whose baseline may be changed."""
    folder = tmp_path / "home"
    shutil.copytree(home() / "model", folder / "model")
    shutil.copytree(home() / "fixtures", folder / "fixtures")
    shutil.copy(home() / "gates.toml", folder)
    monkeypatch.setenv("TINYVMAF_HOME", str(folder))
    return folder


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "PASSES", 2)
    monkeypatch.setattr(latency, "BATCHES", (1, 16))


@pytest.mark.usefixtures("_quick")
def test_a_model_is_timed_and_nothing_is_judged(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "run", MODEL]) == 0
    out = capsys.readouterr().out
    assert re.search(r"\d+ nodes run, \d+ multiply-adds a row\n", out), out
    assert "1 intra-op thread, sequential, no spinning, all optimisations" in out
    rows = re.findall(r"^ +(\d+) +\d+\.\d +\S+ \[.*\] +\S+ \[.*\] +\S+ \[.*\]$", out, re.MULTILINE)
    assert rows == ["1", "16"], out
    shutil.rmtree(copy / "model/baseline")
    assert main(["bench", "run", str(copy / f"model/{MODEL}.onnx")]) == 0
    assert capsys.readouterr().out.count("no baseline") == 2
    assert main(["bench", "run", MODEL, "--baseline", str(copy / "model/tinyvmaf_tiny.onnx")]) == 0
    assert "no baseline" not in capsys.readouterr().out


def test_an_unknown_or_broken_model_is_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "run", "unknown"]) == 1
    assert "no model 'unknown' is registered" in capsys.readouterr().err
    (copy / "model/broken.onnx").write_bytes(b"nothing")
    assert main(["bench", "run", str(copy / "model/broken.onnx")]) == 1
    assert "broken.onnx: it is not an ONNX file" in capsys.readouterr().err
    shutil.copy(copy / f"model/{MODEL}.json", copy / "model/broken.json")
    assert main(["bench", "run", str(copy / "model/broken.onnx")]) == 1
    assert "broken.onnx: it is not an ONNX file" in capsys.readouterr().err


def test_the_baseline_is_listed_and_accepted(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(copy / "model/baseline")
    assert main(["bench", "baseline"]) == 0
    assert capsys.readouterr().out.count("no baseline") == len(registry.subjects()) >= 4
    assert main(["bench", "baseline", "--accept", MODEL]) == 1
    assert "a new baseline needs a reason" in capsys.readouterr().err
    assert main(["bench", "baseline", "--reason", "why"]) == 1
    assert "--reason needs --accept ID" in capsys.readouterr().err
    assert main(["bench", "baseline", "--accept", MODEL, "--accept", MODEL, "--reason", "fewer nodes"]) == 0
    assert capsys.readouterr().out.count("is now the baseline") == 1
    assert main(["bench", "baseline"]) == 0
    listed = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(MODEL))
    assert re.fullmatch(rf"{MODEL} +\d{{4}}-\d\d-\d\d +same file +fewer nodes", listed), listed
    assert main(["bench", "baseline", "--accept", "all", "--reason", "all of them"]) == 0
    assert set(latency.baselines()) == {path.stem for path in (copy / "model").glob("*.onnx")}
    (copy / f"model/{MODEL}.onnx").write_bytes(b"another")
    assert main(["bench", "baseline", "--accept", MODEL, "--reason", "no"]) == 1
    assert "is not what was registered" in capsys.readouterr().err
