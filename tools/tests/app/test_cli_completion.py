"""`tinyvmaf completion`: real shells complete commands, options, values and files."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.app.cli.tasks import COMMANDS

_COMPLETED = """
source {script}
COMP_WORDS=({words}); COMP_CWORD={place}
_shtab_tinyvmaf
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["scor"], {"score", "scoreboard"}),
        (["store", ""], {"ls", "verify", "prune"}),
        (["score", "--jso"], {"--json"}),
        (["score", "--scale", ""], {"bicubic"}),
        (["gate", "--model", "th"], {"their.onnx"}),
        (["completion", "f"], {"fish"}),
    ],
)
def test_bash_completes(words: list[str], found: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if (bash := shutil.which("bash")) is None:
        pytest.skip("no bash here")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    Path(tmp_path, "their.onnx").touch()
    typed = " ".join(["tinyvmaf", *(word or "''" for word in words)])
    text = _COMPLETED.format(script=script, words=typed, place=len(words))
    done = subprocess.run([bash, "-c", text], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path)
    assert set(done.stdout.split()) == found, done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish", "tcsh", "powershell"])
def test_other_shells_know_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS)
