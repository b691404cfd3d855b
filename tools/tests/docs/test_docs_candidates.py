"""The way of docs/candidates.md, from torch.onnx.export to a verdict, as it stands there."""

import re
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.files import home

PAGE = (home() / "docs" / "candidates.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ (.*)$", PAGE.partition(SCRIPT)[2], re.MULTILINE)][:4]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the checkout, with the script, to work in."""
    for name in ("suites", "fixtures", "model"):
        shutil.copytree(home() / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "gates.toml", "pyproject.toml"):
        shutil.copy(home() / name, tmp_path)
    (tmp_path / "export.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def registry_files(checkout: Path) -> dict[Path, bytes]:
    """All that a registered model consists of."""
    folders = (checkout / "model", checkout / "fixtures")
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
def test_four_commands_lead_to_a_verdict(
    exporter: str, checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As shown. What they leave is what the gates ask of a registered model; `unregister` takes all of it back."""
    if exporter == "dynamo":
        pytest.importorskip("onnxscript", reason="torch.onnx.export(dynamo=True) needs onnxscript")
    before = registry_files(checkout)
    (python, script), *ours, gate = COMMANDS
    assert (python, gate) == ("python", ["tinyvmaf", "gate", "-k", "mine", "--allow", "selection"])
    monkeypatch.setattr(sys, "argv", [script, *(["dynamo"] if exporter == "dynamo" else [])])
    with warnings.catch_warnings():  # torch's, on its exporters
        warnings.simplefilter("ignore")
        exec(compile(SCRIPT, script, "exec"), {"__name__": "__main__"})
    for program, *words in ours:
        assert program == "tinyvmaf"
        assert main(words) == 0, capsys.readouterr().err
    shown = capsys.readouterr().out
    assert "features adm2, vif_scale0, vif_scale1, vif_scale2, vif_scale3, motion2 (features of mine.json)" in shown
    assert "missing" not in shown
    suite = ["suites/golden", *gate[2:], "-q", "-p", "no:cacheprovider"]  # one of the gate's: the others take minutes
    done = subprocess.run([sys.executable, "-m", "pytest", *suite], capture_output=True, text=True, timeout=300)
    failed = {re.sub(r".*::|\[.*", "", line) for line in done.stdout.splitlines() if line.startswith("FAILED")}
    assert failed == {"test_golden_frames_are_scored_about_as_libvmaf_does"}, done.stdout
    assert main(["unregister", "mine"]) == 0
    assert registry_files(checkout) == before
