"""What other people's models die of, each said once: a line in the terminal for the cause, not one for each test."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.judge.failed import failed
from tinyvmaf.judge.reasons import once
from tinyvmaf.model.engines import Settings, all_scores, find
from tinyvmaf.vmaf.features import CANONICAL

from .conftest import Gate

LINES = 10
PAGE = 1_000_000  # bytes
FEW = "import tinyvmaf.measure.engine_agreement.inputs as _i\n_i.OTHER_ROWS = 9_000\n_i.LEAST_OF_A_GROUP = 1_000\n"
# Not the crash itself: which version of an engine dies of which graph changes.
DIES = """
import tinyvmaf.model.engines.trial as _t
_t._death = lambda engine, *_: "dies of SIGSEGV on it" if engine == "opencv" else ""
"""
ENGINES = ("onnxruntime-cpu", "numpy", "opencv")


def model(nodes: list[Any], **constants: Any) -> bytes:
    """A graph of features to scores, whose weights are those given."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    ends = (
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", len(CANONICAL)]),
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1]),
    )
    graph = helper.make_graph(nodes, "theirs", [ends[0]], [ends[1]], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    data: bytes = made.SerializeToString()
    return data


node: Callable[..., Any] = helper.make_node
WEIGHTS = np.array([[20.0], [10.0], [20.0], [10.0], [30.0], [0.0]])
SPANS = "DynamicQuantizeLinear takes its scale from the whole batch: quantise statically"
CLIP = {"low": np.float32(0), "high": np.float32(1), "most": np.float32(100)}


def half() -> bytes:
    """float16 inside. Engines round it in different places."""
    nodes = [
        node("Clip", ["x", "low", "high"], ["c"]),
        node("Cast", ["c"], ["h"], to=TensorProto.FLOAT16),
        node("MatMul", ["h", "w"], ["z"]),
        node("MatMul", ["z", "v"], ["u"]),
        node("Cast", ["u"], ["s"], to=TensorProto.FLOAT),
        node("Clip", ["s", "low", "most"], ["y"]),
    ]
    rng = np.random.default_rng(0)
    w, v = rng.uniform(0, 1, (6, 64)).astype(np.float16), rng.uniform(0, 0.6, (64, 1)).astype(np.float16)
    return model(nodes, w=w, v=v, **CLIP)


def dynamic(first: tuple[Any, ...] = (), features: str = "x") -> bytes:
    """Dynamic int8: the scale spans the batch."""
    nodes = [
        *first,
        node("Clip", [features, "low", "thirty"], ["c"]),
        node("DynamicQuantizeLinear", ["c"], ["q", "scale", "zero"]),
        node("MatMulInteger", ["q", "w", "zero"], ["i"]),
        node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["f", "scale"], ["s"]),
        node("Clip", ["s", "low", "most"], ["y"]),
    ]
    return model(nodes, w=WEIGHTS.astype(np.int8), thirty=np.float32(30), four=np.float32(4), **CLIP)


# Exact, and NaN where 4 x is infinite.
NOT_A_NUMBER = (
    node("Mul", ["x", "four"], ["large"]),
    node("Sub", ["large", "large"], ["nothing"]),
    node("Add", ["x", "nothing"], ["z"]),
)


def spoilt() -> bytes:
    """Dynamic int8 behind what gives NaN: one such row spoils its batch."""
    return dynamic(NOT_A_NUMBER, "z")


def overflow() -> bytes:
    """NaN at the end of float32."""
    return sound(NOT_A_NUMBER, "z")


def sound(first: tuple[Any, ...] = (), features: str = "x") -> bytes:
    """Nothing is wrong with it."""
    nodes = [
        *first,
        node("Clip", [features, "low", "high"], ["c"]),
        node("Mul", ["c", "steps"], ["m"]),
        node("Floor", ["m"], ["g"]),
        node("MatMul", ["g", "w"], ["s"]),
        node("Mul", ["s", "part"], ["t"]),
        node("Clip", ["t", "low", "most"], ["y"]),
    ]
    weights = WEIGHTS.astype(np.float32)
    return model(nodes, w=weights, four=np.float32(4), steps=np.float32(256), part=np.float32(2**-8), **CLIP)


def subnormal() -> bytes:
    """Exact, with subnormal weights. Some levels of ONNX Runtime fuse MatMul and Div to a factor that is infinite."""
    nodes = [
        node("Clip", ["x", "low", "high"], ["c"]),
        node("Mul", ["c", "steps"], ["m"]),
        node("Floor", ["m"], ["g"]),
        node("MatMul", ["g", "w"], ["s"]),
        node("Div", ["s", "tiny"], ["t"]),
        node("Clip", ["t", "low", "most"], ["y"]),
    ]
    small = np.float32(2.0**-140)
    weights = WEIGHTS.astype(np.float32) * small
    return model(nodes, w=weights, tiny=small * np.float32(256), steps=np.float32(256), **CLIP)


def judged(copy: Path, gate: Gate, data: bytes, *more: str) -> tuple[list[str], list[str], str]:
    """What failed, what could not run, and all that the gate printed."""
    (copy / "theirs.onnx").write_bytes(data)
    (copy / "theirs.json").write_text(json.dumps({"features": CANONICAL}), encoding="utf-8")
    conftest = copy / "suites/backends/conftest.py"
    conftest.write_text(conftest.read_text(encoding="utf-8") + FEW + "".join(more), encoding="utf-8")
    engines = [word for name in ENGINES if more or name != "opencv" for word in ("--engine", name)]
    _, text = gate("contract", "suites/backends", "--model", str(copy / "theirs.onnx"), *engines)
    verdict = json.loads((copy / "report/verdict.json").read_text(encoding="utf-8"))
    causes, could_not = failed(verdict), once(verdict["could_not_run"])
    assert len(causes) + len(could_not) <= LINES, "\n".join([*causes, *could_not])
    assert (copy / "report/index.html").stat().st_size < PAGE
    return causes, could_not, text


@pytest.mark.parametrize(
    ("make", "tells"),
    [
        (half, [("backends", "ULP distance", "numpy", "agrees_with_the_reference")]),
        (dynamic, [("backends", SPANS)]),
        (spoilt, [("backends", SPANS), ("contract", "a finite score alone: a score depends on the rest of its batch")]),
        (overflow, [("contract", "gave nan for")]),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_fault_is_said_once(make: Callable[[], bytes], tells: list[tuple[str, ...]], copy: Path, gate: Gate) -> None:
    """No test but those of the cause fails."""
    causes, could_not, text = judged(copy, gate, make())
    assert not could_not, text
    assert len(causes) == len(tells), "\n".join(causes)
    for cause, words in zip(sorted(causes), tells, strict=True):
        assert cause.startswith(f"{words[0]}: theirs: "), cause
        assert all(word in cause for word in words[1:]), cause


def test_an_engine_that_dies_is_said_once_and_no_model_is_blamed(copy: Path, gate: Gate) -> None:
    causes, could_not, text = judged(copy, gate, sound(), DIES)
    assert causes == [], text
    (line,) = could_not
    assert "opencv" in line
    assert "dies of SIGSEGV on it: a fault of the engine, not of the model" in line
    assert "try another version of this one, or choose others by --engine" in text


def test_levels_of_an_engine_that_differ_from_all_others_are_named(copy: Path, gate: Gate) -> None:
    """By a graph for which ONNX Runtime itself is at fault; a later version may have it mended."""
    (copy / "theirs.onnx").write_bytes(subnormal())
    (copy / "theirs.json").write_text(json.dumps({"features": CANONICAL}), encoding="utf-8")
    engine, row = find(ENGINES[0]), np.ones((1, len(CANONICAL)))
    scores = {one: all_scores(engine.load(subnormal(), Settings(optimisation=one)), row) for one in engine.levels}
    odd = [level for level, found in scores.items() if not np.isclose(found, 90).all()]
    engines = [word for name in ENGINES[:2] for word in ("--engine", name)]
    _, text = gate("backends", "--model", str(copy / "theirs.onnx"), *engines, "-k", "two_independent")
    named = " and ".join(f"{ENGINES[0]} at level {level}" for level in sorted(odd))
    assert ("suspect it before the model" in text) == bool(odd), text
    assert not odd or f"theirs: {named} differs from all others, which agree" in text, text
