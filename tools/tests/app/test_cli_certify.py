"""`tinyvmaf certify`: verdicts, exit statuses, JSON."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.app.cli import certify as command
from tinyvmaf.model import registry


def run(*arguments: str) -> int:
    """Run the command on a parser of its own; gives the exit status."""
    parser = argparse.ArgumentParser()
    command.add_commands(parser.add_subparsers())
    parsed = parser.parse_args(["certify", *arguments])
    status: int = parsed.run(parsed)
    return status


def write(path: Path, *, clip: bool) -> str:
    """Write a model of one layer on rounded features, clipped or not."""
    weights = {
        "low": np.float32(0),
        "high": np.float32(255),
        "w": np.full((3, 1), 5, np.float32),
        "b": np.array([7], np.float32),
    }
    nodes = [
        helper.make_node("Round", ["features"], ["whole"], "whole"),
        helper.make_node("Clip", ["whole", "low", "high"] if clip else ["whole"], ["few"], "few"),
        helper.make_node("Gemm", ["few", "w", "b"], ["score"], "layer"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return str(path)


def test_a_certified_model_shows_its_accumulators(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The largest sum is 3 * 255 * 5 + 7 = 3832: 12 bits. Activations have 8 bits, weights 3."""
    name = write(tmp_path / "m.onnx", clip=True)
    assert run(name) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{name}: CERTIFIED"
    assert lines[1].strip() == "the same bits on every engine with IEEE float32; accumulators take 12 of 24 bits"
    assert [line.split() for line in lines[2:]] == [
        ["node", "op", "accumulator", "operands"],
        ["layer", "Gemm", "12", "8", "x", "3"],
    ]


def test_a_model_that_is_not_certified_shows_where_it_breaks_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path / "m.onnx", clip=False)
    assert run(name) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{name}: NOT CERTIFIED"
    assert lines[1].startswith("  Gemm 'layer': partial sums reach up to 2^132 steps of 2^0, and float32 counts to 16,")
    assert lines[2].startswith("  hint: ")


def test_the_worst_of_several_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = write(tmp_path / "good.onnx", clip=True), write(tmp_path / "bad.onnx", clip=False)
    assert run(good, good) == 0
    assert run(good, bad) == 1
    capsys.readouterr()
    assert run(bad, str(tmp_path / "none.onnx"), good) == 2
    out, err = capsys.readouterr()
    assert "none.onnx: no such file" in err
    assert f"{bad}: NOT CERTIFIED" in out
    assert f"{good}: CERTIFIED" in out


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x08hostile"])
def test_a_file_that_is_not_a_model_is_status_2(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    assert run(str(path)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"tinyvmaf certify: {path}: ")
    assert ("it is not an ONNX file" if content else "the file is empty") in err


def test_a_folder_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path)) == 2
    assert "not a regular file" in capsys.readouterr().err


def test_json_has_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = write(tmp_path / "good.onnx", clip=True), write(tmp_path / "bad.onnx", clip=False)
    assert run(good, bad, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert list(found) == [good, bad]
    assert found[good] == {
        "certified": True,
        "arithmetic": "float32",
        "exact_in_float64": True,
        "flush_to_zero_safe": True,
        "reductions": [{"node": "layer", "op": "Gemm", "accumulator_bits": 12, "operand_bits": [8, 3]}],
        "broken": None,
        "accumulator_bits": 12,
        "largest_picture": None,
    }
    assert (found[bad]["certified"], found[bad]["accumulator_bits"]) == (False, None)
    assert (found[bad]["broken"]["node"], found[bad]["broken"]["op"]) == ("layer", "Gemm")


def test_registered_models_are_named_by_id(capsys: pytest.CaptureFixture[str]) -> None:
    """The proof agrees with their sidecars."""
    for entry in registry.subjects():
        assert run(entry.id, "--json") in (0, 1)
        found = json.loads(capsys.readouterr().out)[entry.id]
        exact = entry.sidecar.exact
        assert (found["certified"], found["accumulator_bits"] if found["exact_in_float64"] else None) == (
            exact.certified,
            exact.accumulator_bits,
        )


def test_an_unknown_id_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("no_such_model") == 2
    assert "no model 'no_such_model' is registered" in capsys.readouterr().err
