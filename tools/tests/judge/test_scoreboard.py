"""The scoreboard measures what it can of each candidate, and nothing in a folder ends it."""

import importlib.util
import json
import os
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.judge.scoreboard import FIGURES, Line, candidates_in, measured_apart

THEIRS = home() / "fixtures/third_party/quickvmaf.onnx"


def test_a_file_that_is_refused_gets_the_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    line = measured_apart(tmp_path / "bad.onnx", None, lambda _: None)
    (note,) = line.notes
    assert note.startswith("refused: ")
    assert "it is not an ONNX file" in note
    assert line.figures == {}


def test_a_step_that_takes_too_long_ends_its_line(tmp_path: Path) -> None:
    """What was measured before it stays."""
    for path in THEIRS.parent.iterdir():
        shutil.copy(path, tmp_path)
    steps: list[str] = []
    line = measured_apart(tmp_path / THEIRS.name, None, steps.append, seconds=0.01)
    assert line.notes == ["reading it: not done after 0.01 s"]
    assert not steps


def test_a_line_shows_what_is_missing() -> None:
    line = Line("theirs", {"bytes": 1234, "rmse": 0.01234}, ["engines: none"])
    assert line.cells()[:4] == ["theirs", "1,234", "0.0123", "—"]
    assert len(line.cells()) == 1 + len(FIGURES)
    assert line.as_dict()["notes"] == ["engines: none"]


def test_a_folder_without_candidates_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TinyvmafError, match="is not a folder"):
        candidates_in(tmp_path / "nowhere")
    assert main(["scoreboard", str(tmp_path)]) == 1
    assert "holds no ONNX file" in capsys.readouterr().err


def test_the_command_prints_json_and_writes_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    out = tmp_path / "table.md"
    assert main(["scoreboard", str(tmp_path), "--json", "--out", str(out)]) == 1  # not all of it was measured
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["name"], line["figures"]) == ("bad", {})
    assert out.read_text(encoding="utf-8").startswith("| model | bytes | RMSE |")
    assert "- `bad`: refused: " in out.read_text(encoding="utf-8")


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, home() / f"tools/examples/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.zoo
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif("TINYVMAF_ZOO" not in os.environ, reason="tox -e zoo runs it")
def test_every_member_of_the_zoo_is_measured(tmp_path: Path) -> None:
    """Each has its figures of accuracy, whatever made it; nothing in it ends the run."""
    assert example("zoo").main(tmp_path) == 0
    files = candidates_in(tmp_path)
    assert len(files) == len(TABLE)
    lines = [measured_apart(path, None, lambda _: None) for path in files]
    refused = {line.name: line.notes for line in lines if "rmse" not in line.figures}
    assert refused == {}
    assert all(line.figures["rmse"] < 20 for line in lines), [(line.name, line.figures["rmse"]) for line in lines]


PAGE = (home() / "docs/scoreboard.md").read_text(encoding="utf-8")
TABLE = {
    cells[0]: dict(zip(("verdict", *example("zoo_judged").SUITES, "before"), cells[1:], strict=True))
    for line in PAGE.partition("| model | verdict |")[2].partition("\n\n")[0].splitlines()[2:]
    for cells in [[one.strip() for one in line.strip("| ").split(" | ")]]
}
"""docs/scoreboard.md: by member of the zoo, its verdict and why it does not pass a suite."""


def test_every_member_of_the_zoo_is_in_both_tables() -> None:
    members = set(example("zoo").ZOO)
    assert set(TABLE) == members
    assert {line.split(" | ")[0][2:] for line in PAGE.splitlines() if line.startswith("| ")} >= members


def test_the_reasons_of_a_verdict_are_given_by_suite() -> None:
    judged = example("zoo_judged")
    batch = "suites/backends/test_backends.py::test_a_score_does_not_depend_on_its_batch[m-onnxruntime-cpu]"
    verdict = {
        "models": [{"id": "m", "verdict": "FAIL"}],
        "failures": [
            {"model": "m", "suite": "backends", "test": batch, "gates": ["backends.ulp"]},
            {"model": "m", "suite": "backends", "test": "a::test_agrees[m-numpy]", "gates": ["backends.ulp"]},
            {"model": "m", "suite": "loso", "test": "b::test_b[m]", "gates": ["loso.new"]},
            {"model": None, "suite": "mcp", "test": "c::test_c", "gates": ["mcp.c"]},
        ],
        "could_not_run": [{"model": "m", "suite": "golden"}],
    }
    found = judged.reasons(verdict, "m")
    assert found["backends"] == ["batches", "engines"]
    assert (found["golden"], found["loso"], found["contract"]) == (["could not run"], ["loso.new"], [])
    assert judged.line("m", verdict).startswith("| m | FAIL | pass | could not run | loso.new | pass |")


@pytest.mark.zoo
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif("TINYVMAF_ZOO" not in os.environ, reason="tox -e zoo runs it")
@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_member_of_the_zoo_is_judged_by_all_suites_as_the_page_says(name: str, tmp_path: Path) -> None:
    """The verdict and the reason for each suite, but for suites whose answer may be another one elsewhere."""
    zoo, judged = example("zoo"), example("zoo_judged")
    needed = {name, *(["torch_relu_trace"] if name in ("float16", "bfloat16") or name.startswith("int8") else [])}
    for other in set(zoo.ZOO) - needed:
        del zoo.ZOO[other]
    assert zoo.main(tmp_path) == 0
    found = judged.judged(tmp_path / f"{name}.onnx", tmp_path / "report")
    assert found["models"][0]["verdict"] == TABLE[name]["verdict"]
    for suite, reasons in judged.reasons(found, name).items():
        if suite not in judged.OF_THE_MACHINE:
            assert set(reasons) == set(TABLE[name][suite].split(", ")) - {"pass"}, (suite, found["failures"])
    assert (tmp_path / "report/index.html").stat().st_size < 1_000_000
