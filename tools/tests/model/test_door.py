"""A model that is not registered is tried in a process of its own; what it costs and what it kills is told."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from tinyvmaf.errors import ModelError
from tinyvmaf.files import NotRegularError, TooLargeError, home, read_bounded
from tinyvmaf.model import door
from tinyvmaf.model.contract import faults
from tinyvmaf.model.third_party.held import hold
from tinyvmaf.model.third_party.original import read_original

from .contract_samples import INT64, behind, build, dumps, external, linear, node, refused, weight

WIDE = behind(
    [
        node("MatMul", ["features", "k"], ["h"]),
        node("Exp", ["h"], ["e"]),
        node("ReduceMean", ["e"], ["m"], axes=[1]),
        node("Add", ["m", "features"], ["x"]),
    ],
    {"k": np.ones((4, 60_000), np.float32)},
)
"""It keeps the contract. 4,096 rows of it take 983 MB."""


def test_what_is_sound_is_tried_once_and_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path))
    data = dumps(linear())
    door.check_bearable(tmp_path, data)
    door._death.cache_clear()  # another run
    monkeypatch.setattr(sys, "executable", "/nowhere")
    door.check_bearable(tmp_path, data)
    with pytest.raises(OSError, match="nowhere"):
        door.check_bearable(tmp_path, data, rows=door.ROWS + 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no other system bounds memory well")
def test_a_model_that_keeps_the_contract_and_takes_a_gigabyte_is_refused(tmp_path: Path) -> None:
    assert faults(dumps(WIDE)) == []
    with pytest.raises(ModelError, match=r"m\.onnx: not run, because a trial of it takes more than 512 MB for 4,096"):
        door.check_bearable(tmp_path / "m.onnx", dumps(WIDE))


def test_a_trial_imports_nothing_from_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `numpy.py` beside the model would run there, and could say that the model is sound."""
    (tmp_path / "numpy.py").write_text("raise SystemExit(9)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path))
    door._death.cache_clear()
    door.check_bearable(tmp_path, dumps(linear()))


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("kill -SEGV $$", "dies of SIGSEGV"),
        ("kill -FPE $$", "dies of SIGFPE"),
        ("kill -XCPU $$", "takes more than 5 s of CPU for 4,096 rows"),
        ("exit 77", "takes more than 512 MB for 4,096 rows"),
        ("exec sleep 9", "not loaded and run it within 0.5 s"),
    ],
)
def test_how_a_trial_ends_is_told(script: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    python.chmod(0o755)
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(door, "_WALL", 0.5)
    door._death.cache_clear()
    with pytest.raises(ModelError, match=how):
        door.check_bearable(tmp_path, dumps(linear()))
    door._death.cache_clear()


def test_integers_are_divided_by_positive_constants_only() -> None:
    """ONNX Runtime dies of SIGFPE when it divides by 0, or the least integer by -1."""

    def divided(by: int | None) -> bytes:
        other = "i" if by is None else "k"
        steps = [node("Cast", ["features"], ["i"], to=INT64), node("Div", ["i", other], ["d"])]
        weights: dict[str, object] = {} if by is None else {"k": np.array([by] * 4)}
        return dumps(behind([*steps, node("Cast", ["d"], ["x"], to=1)], weights))

    for by in (0, -1, None):
        refused(divided(by), r"\(Div\) divides integers by what may be 0 or -1")
    assert faults(divided(2)) == []


def test_a_cast_to_strings_and_a_value_of_nothing_are_refused() -> None:
    steps = [node("Cast", ["features"], ["s"], to=8), node("Cast", ["s"], ["x"], to=1)]
    refused(behind(steps), r"\(Cast\) casts to STRING")
    steps = [node("Slice", ["features", "a", "a", "b"], ["n"]), node("ReduceSum", ["n", "b"], ["s"])]
    nothing = behind([*steps, node("Add", ["features", "s"], ["x"])], {"a": np.array([0]), "b": np.array([1])})
    refused(nothing, "it has no element")


def test_external_data_is_counted_before_it_is_copied(tmp_path: Path) -> None:
    """400 weights of one file of 400 KB are 160 MB; 8,000 of them were 3.3 GB."""
    model = build([node("MatMul", ["features", "w"], ["score"])], {"w": np.ones((4, 1), np.float32)})
    external(weight(model), "data")
    for i in range(400):
        model.graph.initializer.add(name=f"k{i}").CopyFrom(weight(model))
    (tmp_path / "data").write_bytes(bytes(400_000))
    path = tmp_path / "m.onnx"
    path.write_bytes(dumps(model))
    with pytest.raises(ModelError, match=r"160\d{6} bytes with its external data; a candidate has fewer than 1000000"):
        hold(path)
    model.graph.initializer.extend([weight(model)] * 8000)
    path.write_bytes(dumps(model))
    with pytest.raises(ModelError, match="it has 8401 initializers"):
        hold(path)


def test_calls_of_empty_functions_are_counted(tmp_path: Path) -> None:
    """onnx's inliner follows 2^40 calls of nothing, deaf to every signal."""
    ids = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("own", 1)]
    twice = [onnx.helper.make_function("own", "f0", ["a"], [], [], ids)]
    for i in range(1, 40):
        calls = [node(f"f{i - 1}", ["a"], [], domain="own")] * 2
        twice.append(onnx.helper.make_function("own", f"f{i}", ["a"], [], calls, ids))
    model = linear()
    model.functions.extend(twice)
    model.graph.node.append(node("f39", ["features"], [], domain="own"))
    model.opset_import.append(ids[1])
    path = tmp_path / "m.onnx"
    path.write_bytes(dumps(model))
    with pytest.raises(ModelError, match="its functions stand for more than 500 nodes, or as many calls"):
        read_original(path, 4)


def test_only_regular_files_are_read_and_only_so_much(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_bounded(path, 6) == b"12345"
    with pytest.raises(TooLargeError) as error:
        read_bounded(path, 5)
    assert error.value.size == 5
    for other in (tmp_path, Path("/dev/zero")):
        with pytest.raises(NotRegularError):
            read_bounded(other, 5)
    with pytest.raises(OSError, match="embedded null"):
        read_bounded(Path("a\0b"), 5)


def test_a_registered_model_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyvmaf.judge.opened import read_whole

    monkeypatch.setattr(door, "_tried", lambda *_: "was tried")
    assert read_whole("tinyvmaf_nano").data == (home() / "model" / "tinyvmaf_nano.onnx").read_bytes()


def test_what_adoption_would_take_is_tried() -> None:
    """It forgives what the contract refuses: another name of ONNX's domain, and weights that are inputs as well."""
    assert not door._refused_by_looking(dumps(linear()))
    named = linear()
    named.graph.node[0].domain = "ai.onnx"
    older = linear()
    older.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, [4, 1]))
    for model in (named, older):
        assert faults(dumps(model))
        assert not door._refused_by_looking(dumps(model))
    loop = linear()
    loop.graph.node[0].op_type = "Loop"
    assert door._refused_by_looking(dumps(loop))
