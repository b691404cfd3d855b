"""Options that are declared once: argparse and pytest's parser take the same ones, and one hands them to the other."""

from pathlib import Path

import pytest

from tinyvmaf.app.cli import parser
from tinyvmaf.judge.options import OPTIONS, declare_for_pytest, handed_on


def test_what_pytest_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are of where the command was typed; a value that begins with a minus stays a value."""
    monkeypatch.chdir(tmp_path)
    typed = [
        *("gate", "--model", "a.onnx", "--model", "b.onnx", "--input-mean=-1,2", "-k", "a or b"),
        *("--engine", "numpy", "--waivers", "w.toml", "--report", "out", "--fail-not-checked", "--", "--durations=3"),
    ]
    assert handed_on(parser().parse_args(typed)) == [
        f"--model={tmp_path / 'a.onnx'}",
        f"--model={tmp_path / 'b.onnx'}",
        "--input-mean=-1,2",
        f"--waivers={tmp_path / 'w.toml'}",
        "--engine=numpy",
        "-k",
        "a or b",
        "--durations=3",
    ]


def test_pytest_takes_every_option() -> None:
    taken = pytest.Parser(_ispytest=True)
    declare_for_pytest(taken.getgroup("tinyvmaf").addoption)
    words = [f"--{one.name}" + ("" if one.metavar is None else "=x") for one in OPTIONS]
    found = vars(taken.parse_known_args(words))
    assert {name: found[name] for name in ("model", "record", "report", "history")} == {
        "model": ["x"],
        "record": True,
        "report": "x",
        "history": "x",
    }
    assert vars(taken.parse_known_args(["--history"]))["history"] == ""
    assert vars(taken.parse_known_args([]))["report"] == "report"
