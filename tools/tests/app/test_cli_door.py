"""Every command that takes a model lets in only what comes through the one door."""

import argparse
import inspect
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

from tinyvmaf.app.cli import main, parser
from tinyvmaf.app.mcp_server.tools import Tools
from tinyvmaf.files import home
from tinyvmaf.judge import selection

from ..model.contract_samples import behind, dumps, subgraphs

CALLS: dict[tuple[str, str], Callable[[str], list[str]]] = {
    ("bench run", "baseline"): lambda model: ["bench", "run", "tinyvmaf_nano", "--baseline", model],
    ("bench run", "model"): lambda model: ["bench", "run", model],
    ("adopt", "model"): lambda model: ["adopt", model, "--out", f"{model}.out"],
    ("certify", "models"): lambda model: ["certify", model],
    ("init", "model"): lambda model: ["init", "--model", model],
    ("models", "models"): lambda model: ["models", model],
    ("prove", "models"): lambda model: ["prove", model, "--seconds", "1"],
    ("quantise", "model"): lambda model: ["quantise", model, "--out", f"{model}.out"],
    ("register", "model"): lambda model: ["register", model, "--into", f"{model}.out"],
    ("score", "model"): lambda model: ["score", "ref.mp4", "dis.mp4", "--model", model],
    ("scoreboard", "folder"): lambda model: ["scoreboard", str(Path(model).parent)],
    ("verify", "models"): lambda model: ["verify", model],
    ("web", "model"): lambda model: ["web", "--model", model, "--out", f"{model}.html"],
}
"""What to type, for each argument that takes a model file."""
BY_SUITES = {("gate", "model"), ("gate", "baseline")}
"""pytest opens it: `judge.selection`, and the latency suite by `measure.latency.opponents`, as `bench run` does."""
IDS = {
    *{("bench baseline", "accept"), ("bench history", "model"), ("bench plot", "model"), ("unregister", "model")},
    *{("gate", "models"), ("refit", "models")},
}
"""Only ids of registered models."""


def leaves(command: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    inner = [one for one in command._actions if isinstance(one, argparse._SubParsersAction)]
    for action in inner:
        for word, one in action.choices.items():
            yield from leaves(one, f"{name} {word}".strip())
    if not inner:
        yield name, command


def takes_a_model(action: argparse.Action) -> bool:
    named = re.search(r"\bONNX|\.onnx|registered model", str(action.help)) or "MODEL" in str(action.metavar)
    return action.nargs != 0 and bool(named)


def test_each_argument_that_takes_a_model_is_known_here() -> None:
    """One that is new: add it to `CALLS`, so that the tests below try it."""
    found = {(name, one.dest) for name, each in leaves(parser()) for one in each._actions if takes_a_model(one)}
    found = {(name, dest) for name, dest in found if dest not in ("feature_order", "teacher_json")}
    own_words = {("bench history", "model"), ("bench plot", "model")}  # "only this model"
    assert found | own_words == set(CALLS) | BY_SUITES | IDS


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, for a model and its sidecar, below one that is no project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYVMAF_HOME", raising=False)
    folder = tmp_path / "theirs"
    folder.mkdir()
    return folder


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints that refuses its model."""
    try:
        status = main(words)
    except SystemExit as error:
        status = int(error.code or 0)
    shown = "".join(capsys.readouterr())
    assert "Traceback" not in shown
    assert status == (2 if words[0] in ("certify", "prove") else 1), shown  # those say 1 of what they looked at
    return shown


EACH = pytest.mark.parametrize("call", CALLS.values(), ids=[" ".join(one) for one in CALLS])


@EACH
def test_a_model_beside_the_sidecar_of_another_is_refused(
    call: Callable[[str], list[str]], hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`score` once gave 7.2 of one, without a word."""
    other = onnx.load(home() / "model" / "tinyvmaf_nano.onnx")
    other.producer_name = "another"
    (hostile / "m.onnx").write_bytes(other.SerializeToString())
    words = call(str(hostile / "m.onnx"))
    if "--baseline" in words:  # only the file matters
        (hostile / "m.onnx").write_bytes(dumps(behind([onnx.helper.make_node("Loop", [], ["x"])])))
    shutil.copy(home() / "model" / "tinyvmaf_nano.json", hostile / "m.json")
    shown = " ".join(refused(words, capsys).split())
    assert re.search("is of another file: it says|does not keep the contract|nothing to adopt", shown), shown


@EACH
def test_a_loop_that_never_ends_and_a_pipe_are_refused_at_once(
    call: Callable[[str], list[str]], hostile: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = call(str(hostile / "m.onnx"))
    sidecar: dict[str, Any] = {"features": ["adm2", "motion2", "vif_scale0", "vif_scale1"]}
    (hostile / "m.json").write_text(json.dumps(sidecar), encoding="utf-8")
    (hostile / "m.onnx").write_bytes(dumps(behind([subgraphs()["Loop"]])))
    assert "Loop" in refused(words, capsys)
    if hasattr(os, "mkfifo") and words[0] != "scoreboard":
        (hostile / "m.onnx").unlink()
        os.mkfifo(hostile / "m.onnx")
        assert "not a regular file" in refused(words, capsys)


def test_the_gate_finds_its_models_through_the_door() -> None:
    assert "subjects.named(" in inspect.getsource(selection._find)


def test_each_tool_that_takes_a_model_opens_it_in_one_way() -> None:
    found = 0
    for name, tool in inspect.getmembers(Tools, inspect.isfunction):
        if {"model", "models", "name"} & set(inspect.signature(tool).parameters):
            source = inspect.getsource(tool)
            opened = "models: Sequence[Subject]" in source  # by its caller
            assert opened or "self._model(" in source or "self._models(" in source or "models.readable(" in source, name
            found += 1
    assert found > 4
