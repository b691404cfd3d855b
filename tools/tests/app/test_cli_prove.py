"""`tinyvmaf prove`: what it says, its exit status, what it keeps and what it records."""

import argparse
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from tinyvmaf.app.cli import prove as command
from tinyvmaf.files import home
from tinyvmaf.judge import proofs, registering
from tinyvmaf.judge.opened import faults
from tinyvmaf.model import registry
from tinyvmaf.model.proof_records import proof_path
from tinyvmaf.model.sidecar import graph_facts
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, load_built_in

SVR = "vmaf_v0.6.1_svr"
FEATURES = ("adm2", "motion2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3")


def run(*arguments: str) -> int:
    """Run the command on a parser of its own; gives the exit status."""
    parser = argparse.ArgumentParser()
    command.add_commands(parser.add_subparsers())
    parsed = parser.parse_args(["prove", *arguments])
    status: int = parsed.run(parsed)
    return status


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the models, to record in."""
    folder = tmp_path / "home"
    shutil.copytree(home() / "model", folder / "model")
    for name in ("gates.toml", "fixtures"):
        (folder / name).symlink_to(home() / name)
    monkeypatch.setenv("TINYVMAF_HOME", str(folder))
    return folder


def what_it_shows(out: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command prints that a refuted row comes with."""
    (line,) = [line for line in out.splitlines() if line.startswith("  see it: ")]
    python, c, code = shlex.split(line.removeprefix("  see it: "))
    assert (python, c) == ("python", "-c")
    exec(code)
    return capsys.readouterr().out


def edit(path: Path, **changed: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changed), encoding="utf-8")


def test_what_is_proven_is_recorded_and_held(
    own_home: Path, ffmpeg: FFmpeg, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(SVR, "--bound", "0.0005", "--record") == 0
    out = capsys.readouterr().out
    assert f"{SVR}: PROVEN: nowhere in the domain is it more than 0.0005 points from {DEFAULT}" in out
    one, teacher, path = registry.find(SVR), load_built_in(ffmpeg, DEFAULT), proof_path(SVR, own_home / "model")
    assert one.sidecar.proven_everywhere_points == proofs.bound_of(one) == 0.0005
    assert "more than 0.0005 VMAF points from its teacher" in one.file.with_suffix(".md").read_text("utf-8")
    assert faults(one) == proofs.record_faults(one, teacher) == []
    proven = path.read_text("utf-8")

    for changed, what in (
        ({"bound_points": 0.0004}, "its sidecar says proven within 0.0005, the record says 0.0004"),
        ({"bound_points": 0.0004, "largest_points": 0.0005}, "the record has a box of 0.0005, above its bound"),
        ({"sha256": "0" * 64}, "the record is about another file"),
        ({"teacher": {"id": DEFAULT, "sha256": "0" * 64}}, "another teacher"),
        ({"domain": "0" * 64}, "the domain is another than when it was proven"),
        ({"method": "0" * 64}, "the method is another than when it was proven"),
    ):
        edit(path, **changed)
        found = proofs.record_faults(one, teacher)
        assert any(what in fault for fault in found), (what, found)
        assert all(f"tinyvmaf prove {SVR} --record" in fault for fault in found)
        path.write_text(proven, encoding="utf-8")
    path.unlink()
    assert "no proof is recorded" in proofs.record_faults(one, None)[0]
    path.write_text(proven, encoding="utf-8")

    # The journal is kept: nothing is done again, and the second record is the first.
    assert run("--json", SVR, "--record") == 0
    assert json.loads(capsys.readouterr().out)[SVR]["status"] == "proven"
    assert path.read_text("utf-8") == proven
    assert one.file.with_suffix(".md").read_text("utf-8").count("## Proven") == 1

    # Registered anew, the same file keeps it.
    beside = own_home / "beside"
    shutil.copytree(own_home / "model", beside)
    assert registering.register_candidate(Subject.at(beside / f"{SVR}.onnx"))[1] == []
    assert registry.find(SVR).sidecar.proven_everywhere_points == 0.0005
    assert path.read_text("utf-8") == proven
    # Another file does not, whatever its sidecar says.
    changed_model = onnx.load_model_from_string(one.data)
    changed_model.producer_version = "another"
    data = changed_model.SerializeToString()
    (beside / f"{SVR}.onnx").write_bytes(data)
    edit(beside / f"{SVR}.json", **graph_facts(data))
    done = registering.register_candidate(Subject.at(beside / f"{SVR}.onnx"))[1]
    assert any("it is about another file" in sentence for sentence in done)
    now = registry.find(SVR)
    assert now.sidecar.proven_everywhere_points is None
    assert not path.exists()
    assert "## Proven" not in now.file.with_suffix(".md").read_text("utf-8")
    assert proofs.record_faults(now, teacher) == []


def test_a_row_refutes_a_bound_that_is_too_small(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tinyvmaf_nano", "--bound", "0.02") == 1
    out = capsys.readouterr().out
    assert "tinyvmaf_nano: REFUTED: it says" in out
    shown = what_it_shows(out, capsys)
    score, expected = (float(part.rpartition(" ")[2]) for part in shown.strip().split(","))
    assert abs(score - expected) > 0.02


def test_what_shows_a_row_of_a_file_knows_how_the_file_is_fed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nano = registry.find("tinyvmaf_nano")
    path = tmp_path / "it's theirs.onnx"
    path.write_bytes(nano.data)
    assert run(str(path), "--feature-order", ",".join(nano.features), "--bound", "0.02") == 1
    assert "it_s_theirs: " in what_it_shows(capsys.readouterr().out, capsys)


def test_time_is_up_and_it_says_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tinyvmaf_nano", "--bound", "0.4", "--seconds", "0.01") == 1
    out = capsys.readouterr().out
    assert "tinyvmaf_nano: OPEN: 100.00% of the domain is not proven within 0.4 points" in out
    assert "0 of 200 parts are done and kept; to go on: tinyvmaf prove tinyvmaf_nano --bound 0.4" in out


def test_a_graph_that_no_proof_exists_for_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["features"], ["score"], "top", axes=[1], keepdims=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "largest.onnx"
    path.write_bytes(model.SerializeToString())
    status = run(str(path), "--feature-order", ",".join(FEATURES))
    out = capsys.readouterr().out
    assert (status, f"{path}: NOT PROVABLE:" in out) == (2, True), out


def test_a_file_that_is_not_there_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path / "nothing.onnx")) == 2
    assert "no such file" in capsys.readouterr().err
