"""Engines agree on what is exact, refuse what they cannot compute, and say why they are not here."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.files import home
from tinyvmaf.measure.engine_agreement import ulp
from tinyvmaf.model import engines
from tinyvmaf.model.contract import OPERATORS as CONTRACT
from tinyvmaf.model.engines import EngineError, OnnxRuntimeCpu, Session, Settings, UnsupportedModelError
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.engines.onnxruntime_cpu import CONFIG, OnnxRuntimeSession
from tinyvmaf.model.engines.onnxruntime_provider import OnnxRuntimeProvider, build_has, computed_on, require
from tinyvmaf.model.engines.onnxruntime_web import ENV
from tinyvmaf.model.engines.operators import OPERATORS
from tinyvmaf.model.engines.session import CheckedSession
from tinyvmaf.model.engines.torch_ops import Torch

F32 = np.float32
BATCHES = (1, 2, 7, 64, 4096, 0, 3)
INSTALLED = ("onnxruntime-cpu", "openvino", "opencv", "onnx-reference", "numpy", "torch-eager")
"""What the tests' environment has; the others are skipped where they are not."""
MOST = [*INSTALLED, "onnxruntime-web"]
EVERY = [*MOST, pytest.param("torch-compiled", marks=pytest.mark.slow)]
WITHOUT_FLOAT64 = ("openvino", "opencv")
INTERPRETED = ("numpy", "torch-eager")

Node = tuple[str, Sequence[str], str, dict[str, Any]]


def load(name: str, model: bytes, settings: Settings = Settings()) -> Session:  # noqa: B008
    engine = engines.find(name)
    here = engine.available()
    if not here.ok:
        if os.environ.get("CI") and name in INSTALLED:
            pytest.fail(here.reason)
        pytest.skip(here.reason)
    return engine.load(model, settings)


def model(
    nodes: Sequence[Node],
    constants: dict[str, NDArray[np.generic]] | None = None,
    *,
    width: int = 6,
    opset: int = 17,
    output: int = TensorProto.FLOAT,
) -> bytes:
    """A graph from `features` to `score`; 0-d constants stay 0-d."""
    graph = helper.make_graph(
        [helper.make_node(op, list(inputs), [out], **attributes) for op, inputs, out, attributes in nodes],
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", width])],
        [helper.make_tensor_value_info("score", output, ["N", 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("somebody.else", 1)]
    return bytes(helper.make_model(graph, opset_imports=domains, ir_version=8).SerializeToString())


def grid(weights: type = F32) -> bytes:
    """A small network on a grid: integers and powers of two, every sum below 2^24, so all of it is exact in float32."""
    rng = np.random.default_rng(0)
    constants = {
        "scale": F32([256] * 6),
        "low": F32(-1024),
        "high": F32(8191),
        "w1": rng.integers(-8, 8, (6, 32)).astype(weights),
        "b1": rng.integers(-500, 500, 32).astype(F32),
        "s1": F32(2**-9),
        "low1": F32(-64),
        "high1": F32(64),
        "k": F32(128),
        "s2": F32(2**-4),
        "w2": rng.integers(-8, 8, (32, 1)).astype(weights),
        "b2": F32([6000]),
        "s3": F32(2**-7),
        "zero": F32(0),
        "hundred": F32(100),
    }
    return model(
        [
            ("Mul", ["features", "scale"], "a", {}),
            ("Clip", ["a", "low", "high"], "b", {}),
            ("Floor", ["b"], "c", {}),
            ("Cast", ["w1"], "w1f", {"to": TensorProto.FLOAT}),
            ("Gemm", ["c", "w1f", "b1"], "d", {}),
            ("Mul", ["d", "s1"], "e", {}),
            ("Round", ["e"], "f", {}),
            ("Clip", ["f", "low1", "high1"], "h", {}),
            ("Abs", ["h"], "i", {}),
            ("Sub", ["k", "i"], "j", {}),
            ("Mul", ["h", "j"], "l", {}),
            ("Mul", ["l", "s2"], "m", {}),
            ("Floor", ["m"], "n", {}),
            ("Cast", ["w2"], "w2f", {"to": TensorProto.FLOAT}),
            ("Gemm", ["n", "w2f", "b2"], "o", {}),
            ("Mul", ["o", "s3"], "p", {}),
            ("Clip", ["p", "zero", "hundred"], "score", {}),
        ],
        constants,
    )


def rows(count: int, width: int = 6, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng([seed, count]).uniform(-2, 2, (count, width)).astype(F32)


IDENTITY = model([("Identity", ["features"], "score", {})], width=1)
NOT_A_NUMBER = model([("Sqrt", ["features"], "score", {})], width=1)
IN_FLOAT64 = model(
    [
        ("Cast", ["features"], "a", {"to": TensorProto.DOUBLE}),
        ("Add", ["a", "tiny"], "b", {}),
        ("Sub", ["b", "one"], "c", {}),
        ("Cast", ["c"], "score", {"to": TensorProto.FLOAT}),
    ],
    {"tiny": np.float64(2**-40), "one": np.float64(1)},
    width=1,
)
IN_FLOAT16 = model(
    [("Cast", ["features"], "a", {"to": TensorProto.FLOAT16}), ("Cast", ["a"], "score", {"to": TensorProto.FLOAT})],
    width=1,
)


# The same scores.


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        *((name, weights) for name in MOST for weights in (F32, np.int8, np.int16)),
        pytest.param("torch-compiled", F32, marks=pytest.mark.slow),
    ],
)
def test_a_network_on_a_grid_scores_the_same_to_the_bit(name: str, weights: type) -> None:
    """In one session, at any batch size; what it must be is computed in integers here, without any engine."""
    with load(name, grid(weights)) as session:
        for count in BATCHES:
            x = rows(count)
            got, expected = session.run(x), by_hand(x)
            assert got.dtype == F32
            assert got.shape == (count,)
            assert got.tolist() == expected.tolist()


def by_hand(x: NDArray[np.float32]) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    w1, b1 = rng.integers(-8, 8, (6, 32)), rng.integers(-500, 500, 32)
    w2 = rng.integers(-8, 8, (32, 1))
    whole = np.floor(np.clip(x.astype(np.float64) * 256, -1024, 8191)).astype(np.int64)
    h = np.clip(np.rint((whole @ w1 + b1) / 512), -64, 64).astype(np.int64)
    n = (h * (128 - abs(h))) // 16
    return np.clip((n @ w2 + 6000) / 128, 0, 100)[:, 0]


@pytest.mark.parametrize("name", MOST)
def test_a_lookup_by_a_computed_index_is_exact(name: str) -> None:
    table = np.random.default_rng(1).integers(-100, 100, 256).astype(F32)
    data = model(
        [
            ("Mul", ["features", "scale"], "a", {}),
            ("Clip", ["a", "low", "high"], "b", {}),
            ("Floor", ["b"], "c", {}),
            ("Cast", ["c"], "i", {"to": TensorProto.INT64}),
            ("Gather", ["table", "i"], "t", {}),
            ("Max", ["t", "least"], "u", {}),
            ("Min", ["most", "u"], "v", {}),
            ("MatMul", ["v", "w"], "score", {}),
        ],
        {
            "scale": F32(128),
            "low": F32(0),
            "high": F32(255),
            "table": table,
            "w": F32([[1], [2], [-3], [4], [5], [-6]]),
            "least": F32([-90, -80, -70, -60, -50, -40]),
            "most": F32([90, 80, 70, 60, 50, 40]),
        },
    )
    x = rows(100)
    index = np.floor(np.clip(x * 128, 0, 255)).astype(int)
    bounded = np.clip(table[index], [-90, -80, -70, -60, -50, -40], [90, 80, 70, 60, 50, 40])
    with load(name, data) as session:
        assert session.run(x).tolist() == (bounded @ [1, 2, -3, 4, 5, -6]).tolist()


@pytest.mark.parametrize("name", MOST)
@pytest.mark.parametrize("entry", sorted(path.stem for path in (home() / "model").glob("*.onnx")))
def test_registered_models_score_closely(name: str, entry: str) -> None:
    """Not a gate: engines round tanh differently. An engine that reads a graph wrongly is off by whole points."""
    data = (home() / "model" / f"{entry}.onnx").read_bytes()
    x = np.abs(rows(200))
    try:
        got = load(name, data).run(x)
    except UnsupportedModelError:
        assert name in WITHOUT_FLOAT64
        return
    np.testing.assert_allclose(got, OnnxRuntimeCpu(data).run(x), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", MOST)
def test_every_level_runs_and_so_do_several_threads(name: str) -> None:
    expected, x = by_hand(rows(300)).tolist(), rows(300)
    for threads, level in enumerate(engines.find(name).levels, 1):
        with load(name, grid(), Settings(threads, level)) as session:
            assert session.run(x).tolist() == expected


@pytest.mark.parametrize("name", MOST)
def test_scores_are_the_callers_to_keep(name: str) -> None:
    """Some engines hand out the same memory at the next run, or memory that cannot be written to."""
    with load(name, IDENTITY) as session:
        first = session.run([[1.0], [2.0]])
        session.run([[8.0], [9.0]])
    assert first.tolist() == [1.0, 2.0]
    assert first.flags.writeable


# What a model asks for and an engine does not have.


@pytest.mark.parametrize("name", EVERY)
def test_float64_is_computed_in_float64_or_refused(name: str) -> None:
    """1 + 2^-40 - 1 is 0 in float32. OpenVINO and OpenCV would compute in that, or worse, and not say so."""
    if name in WITHOUT_FLOAT64:
        with pytest.raises(UnsupportedModelError, match=f"{name} does not compute in float64"):
            load(name, IN_FLOAT64)
    else:
        with load(name, IN_FLOAT64) as session:
            assert session.run([[1.0]]).tolist() == [2**-40]


@pytest.mark.parametrize("name", WITHOUT_FLOAT64)
@pytest.mark.parametrize("where", ["constant", "node", "attribute"])
def test_float64_is_found_wherever_it_is(name: str, where: str) -> None:
    tensor = numpy_helper.from_array(np.float64(1), "t")
    nodes, constants = {
        "constant": ([("Identity", ["features"], "score", {})], {"unused": np.float64(1)}),
        "node": ([("Cast", ["features"], "score", {"to": TensorProto.DOUBLE})], {}),
        "attribute": ([("Constant", [], "t", {"value": tensor}), ("Identity", ["features"], "score", {})], {}),
    }[where]
    with pytest.raises(UnsupportedModelError, match="float64"):
        load(name, model(nodes, constants, width=1))


@pytest.mark.parametrize("name", INSTALLED)
def test_float16_is_refused_by_all(name: str) -> None:
    with pytest.raises(UnsupportedModelError, match=f"{name} does not compute in float16"):
        load(name, IN_FLOAT16)


@pytest.mark.parametrize("name", MOST)
def test_an_operator_of_somebody_else_is_refused(name: str) -> None:
    data = model([("Nobody", ["features"], "score", {"domain": "somebody.else"})], width=1)
    with pytest.raises(ModelError):
        load(name, data)


@pytest.mark.parametrize("name", MOST)
@pytest.mark.parametrize("data", [b"", b"\x08\x08hostile", grid()[:-300]], ids=["empty", "no ONNX", "truncated"])
def test_what_is_no_model_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(ModelError):
        load(name, data)


@pytest.mark.parametrize("name", INSTALLED)
def test_two_outputs_are_refused(name: str) -> None:
    proto = onnx.load_model_from_string(IDENTITY)
    proto.graph.node.append(helper.make_node("Neg", ["features"], ["other"]))
    proto.graph.output.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", 1]))
    with pytest.raises(ModelError, match=r"1 inputs .* and 2 outputs"):
        load(name, proto.SerializeToString())


@pytest.mark.parametrize("name", MOST)
def test_rows_of_another_width_are_refused(name: str) -> None:
    with load(name, grid()) as session:
        with pytest.raises(ModelError, match=r"takes rows of 6 features, not \[2, 5\]"):
            session.run(np.zeros((2, 5)))
        with pytest.raises(ModelError, match=r"not \[6\]"):
            session.run(np.zeros(6))


@pytest.mark.parametrize("name", EVERY)
def test_a_score_that_is_not_finite_is_refused_with_its_row(name: str) -> None:
    with load(name, NOT_A_NUMBER) as session:
        assert session.run([[4.0]]).tolist() == [2.0]
        with pytest.raises(ModelError, match=r"gave -?nan for row 1: \[-4\.0\]"):
            session.run([[4.0], [-4.0]])


@pytest.mark.parametrize("name", MOST)
def test_a_score_of_another_shape_is_refused(name: str) -> None:
    with pytest.raises(ModelError), load(name, model([("Identity", ["features"], "score", {})], width=2)) as session:
        session.run(np.zeros((3, 2)))


@pytest.mark.parametrize("name", MOST)
def test_a_level_that_an_engine_does_not_have_is_refused(name: str) -> None:
    lacks = sorted(set(engines.LEVELS) - set(engines.find(name).levels))
    for level in lacks:
        with pytest.raises(EngineError, match=f"{name} has no optimisation level '{level}'"):
            load(name, IDENTITY, Settings(optimisation=level))


def test_settings_that_are_none_are_refused() -> None:
    with pytest.raises(EngineError, match="0 threads"):
        Settings(threads=0)
    with pytest.raises(EngineError, match="no optimisation level 'fast'"):
        Settings(optimisation="fast")


# What is here.


def test_an_unknown_engine_is_named_with_those_that_there_are() -> None:
    with pytest.raises(EngineError, match=r"no engine 'tensorflow'") as caught:
        engines.find("tensorflow")
    assert "onnxruntime-cpu, onnxruntime-cuda" in str(caught.value.hint)


def test_names_are_unique_and_the_reference_comes_first() -> None:
    names = [engine.name for engine in engines.all_engines()]
    assert names[0] == "onnxruntime-cpu"
    assert len(set(names)) == len(names)
    assert [row.name for row in engines.table()] == names
    assert {engine.family for engine in engines.all_engines()} == {
        "onnxruntime",
        "openvino",
        "numpy",
        "torch",
    }


def test_a_table_imports_nothing_large() -> None:
    """It is printed before each run."""
    code = (
        "import sys; from tinyvmaf.model import engines; rows = engines.table(); assert len(rows) > 10;"
        "print([name for name in ('torch', 'openvino', 'cv2', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("onnxruntime", ["onnxruntime-cpu", "onnxruntime-cuda"]),
        ("openvino", ["openvino"]),
        ("cv2", ["opencv"]),
        ("onnx", ["onnx-reference"]),
        ("torch", ["torch-eager", "torch-compiled", "torch-cuda"]),
    ],
)
def test_an_engine_that_is_not_installed_says_what_to_install(
    module: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    for name in names:
        here = engines.find(name).available()
        assert not here.ok
        assert "is not installed: pip install" in here.reason
        with pytest.raises(EngineError, match=f"{name} is not available: .* is not installed"):
            engines.find(name).load(IDENTITY)
    row = next(row for row in engines.table() if row.name == names[0])
    assert str(row) == f"{names[0]} -: not here: {row.device}"


def test_a_module_of_no_package_has_no_version() -> None:
    assert version("no-such-package", module="this") == "unknown"
    assert version("pip", module="no_such_module") is None


# ONNX Runtime elsewhere.


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A real one, of the CPU."""
    session = OnnxRuntimeSession(
        grid(), Settings(), "CPUExecutionProvider", {}, CONFIG, profile=str(tmp_path / "profile")
    )
    session.run(rows(1))
    return session.end_profile()


def test_a_profile_says_where_each_node_ran(profile: Path) -> None:
    found = computed_on(profile)
    assert list(found) == ["CPUExecutionProvider"]
    assert len(found["CPUExecutionProvider"]) >= 10
    require("CPUExecutionProvider", found)


def test_a_model_that_ran_on_the_cpu_after_all_is_caught(profile: Path) -> None:
    with pytest.raises(EngineError, match=r"no node ran on CUDAExecutionProvider, but on CPUExecutionProvider: \w+"):
        require("CUDAExecutionProvider", computed_on(profile))
    with pytest.raises(EngineError, match="but on nothing"):
        require("CUDAExecutionProvider", {})
    with pytest.raises(UnsupportedModelError, match=r"not all of the model ran on CUDAExecutionProvider; on CPU.*: a"):
        require("CUDAExecutionProvider", {"CUDAExecutionProvider": ["b"], "CPUExecutionProvider": ["a"]})


@pytest.mark.parametrize("text", ["", "{", '{"cat": "Node"}', '[{"cat": "Node", "name": "a_kernel_time"}]', "[1]"])
def test_what_is_no_profile_is_no_evidence(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(EngineError, match=r"p\.json is no profile|no node ran"):
        require("CUDAExecutionProvider", computed_on(tmp_path / "p.json"))


def test_a_provider_that_this_build_lacks_says_so() -> None:
    lacking = OnnxRuntimeProvider("onnxruntime-x", "XExecutionProvider", "onnxruntime-x")
    here = lacking.available()
    assert here.reason == "this ONNX Runtime has no XExecutionProvider: install onnxruntime-x"
    with pytest.raises(EngineError, match="onnxruntime-x is not available"):
        lacking.load(IDENTITY)


def test_a_provider_whose_device_is_missing_says_so() -> None:
    here = OnnxRuntimeProvider("a", build_has()[0], device=str, device_name="NVIDIA GPU").available()
    assert (here.ok, here.reason) == (False, "no NVIDIA GPU here")


def test_a_provider_that_leaves_all_to_the_cpu_is_refused() -> None:
    """The Azure provider computes nothing here: a real case of a silent fallback."""
    if "AzureExecutionProvider" not in build_has():
        pytest.skip("this ONNX Runtime has no provider to try it with")
    with pytest.raises(UnsupportedModelError, match="fallback to CPU EP has been explicitly disabled"):
        OnnxRuntimeProvider("onnxruntime-azure", "AzureExecutionProvider").load(grid())


# OpenVINO and OpenCV.


def test_openvino_does_not_phone_home(tmp_path: Path) -> None:
    """Its telemetry leaves an identifier in the home folder at the first import."""
    load("openvino", IDENTITY)
    (tmp_path / "m.onnx").write_bytes(IDENTITY)
    (tmp_path / "home").mkdir()
    code = (
        "import sys; from pathlib import Path; from tinyvmaf.model import engines;"
        f"engines.find('openvino').load(Path({str(tmp_path / 'm.onnx')!r}).read_bytes()).run([[1.0]]);"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "HOME": str(tmp_path / "home")},
    )
    assert done.stdout.strip() == "[]"
    assert not list((tmp_path / "home").rglob("*"))


def test_openvino_multiplies_in_float32() -> None:
    """Left to itself it takes bfloat16 where the CPU has it, which keeps 8 bits of 1 + 2^-12."""
    data = model([("MatMul", ["features", "w"], "score", {})], {"w": F32(np.full((64, 1), 1 + 2**-12))}, width=64)
    assert load("openvino", data).run(np.ones((4096, 64))).tolist() == [64 + 2**-6] * 4096


def test_opencv_is_not_another_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    load("opencv", IDENTITY)
    monkeypatch.setenv("OPENCV_FORCE_DNN_ENGINE", "4")
    with pytest.raises(EngineError, match="OPENCV_FORCE_DNN_ENGINE is set"):
        engines.find("opencv").load(IDENTITY)


def test_opencv_refuses_what_it_reads_as_an_empty_network() -> None:
    data = model([("Clip", ["features", "a", "b"], "score", {})], {"a": F32(1), "b": F32(-1)}, width=1)
    with pytest.raises(UnsupportedModelError, match="empty network"):
        load("opencv", data)


def test_threads_of_the_process_are_as_before() -> None:
    """Also for who uses the library beside us."""
    for name, module, getter in (("opencv", "cv2", "getNumThreads"), ("torch-eager", "torch", "get_num_threads")):
        count = getattr(pytest.importorskip(module), getter)
        before = count()
        load(name, grid(), Settings(threads=before + 1)).run(rows(5))
        assert count() == before


# The interpreter.

X = rows(5, 4, seed=3)
CASES: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "Abs": ("Abs", [X], {}),
    "Add": ("Add", [X, X[0]], {}),
    "Cast to integers": ("Cast", [X], {"to": TensorProto.INT32}),
    "Cast to bool": ("Cast", [X], {"to": TensorProto.BOOL}),
    "Clip": ("Clip", [X, F32(-0.5), F32(0.5)], {}),
    "Clip above": ("Clip", [X, None, F32(0.5)], {}),
    "Clip below": ("Clip", [X, F32(0.5)], {}),
    "Div": ("Div", [X, F32(3)], {}),
    "Equal": ("Equal", [X, X[:1]], {}),
    "Erf": ("Erf", [X], {}),
    "Exp": ("Exp", [X], {}),
    "Flatten": ("Flatten", [X.reshape(5, 2, 2)], {}),
    "Flatten at 0": ("Flatten", [X], {"axis": 0}),
    "Flatten from behind": ("Flatten", [X.reshape(5, 2, 2)], {"axis": -1}),
    "Floor": ("Floor", [X], {}),
    "Gather": ("Gather", [X, np.array([1, -1, 0])], {"axis": 1}),
    "Gather of a matrix": ("Gather", [X[0], np.array([[1, 2], [3, 0]])], {}),
    "Gemm": ("Gemm", [X, X[:4, :3], X[0, :3]], {}),
    "Gemm without bias": ("Gemm", [X, X[:4]], {}),
    "Gemm with everything": ("Gemm", [X[:4], X, X[:4, :1]], {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}),
    "Identity": ("Identity", [X], {}),
    "MatMul": ("MatMul", [X, X[:4]], {}),
    "Max": ("Max", [X, X[0], F32([0.1])], {}),
    "Min": ("Min", [X, X[0], F32([0.1])], {}),
    "Mul": ("Mul", [X, X[:, :1]], {}),
    "Neg": ("Neg", [X], {}),
    "Reciprocal": ("Reciprocal", [X], {}),
    "ReduceMean": ("ReduceMean", [X], {"axes": [1], "keepdims": 0}),
    "ReduceMean of all": ("ReduceMean", [X], {}),
    "ReduceSum": ("ReduceSum", [X, np.array([-1])], {}),
    "ReduceSum of integers": ("ReduceSum", [X.astype(np.int32)], {"keepdims": 0}),
    "ReduceSum of nothing": ("ReduceSum", [X], {"noop_with_empty_axes": 1}),
    "ReduceSumSquare": ("ReduceSumSquare", [X], {"axes": [0]}),
    "Relu": ("Relu", [X], {}),
    "Reshape": ("Reshape", [X, np.array([0, 2, -1])], {}),
    "Round": ("Round", [F32([0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, 8388607.5, 1e10])], {}),
    "Sigmoid": ("Sigmoid", [X * 50], {}),
    "Softmax": ("Softmax", [X], {}),
    "Softmax over rows": ("Softmax", [X * 100], {"axis": 0}),
    "Sqrt": ("Sqrt", [abs(X)], {}),
    "Squeeze": ("Squeeze", [X[:, None, :, None], np.array([1, -1])], {}),
    "Squeeze of all": ("Squeeze", [X[:, None, :, None]], {}),
    "Sub": ("Sub", [F32(1), X], {}),
    "Tanh": ("Tanh", [X], {}),
    "Transpose": ("Transpose", [X.reshape(5, 2, 2)], {"perm": [1, 2, 0]}),
    "Transpose of all": ("Transpose", [X.reshape(5, 2, 2)], {}),
    "Unsqueeze": ("Unsqueeze", [X, np.array([0, -1])], {}),
    "Where": ("Where", [X > 0, X, F32(7)], {}),
}
ROUNDED = ("Erf", "Exp", "Gemm", "MatMul", "Reduce", "Sigmoid", "Softmax", "Sqrt", "Tanh")
"""Operators whose result another library may round differently; all others are exact."""


def test_every_operator_of_the_contract_is_known_and_tried() -> None:
    assert set(OPERATORS) == (CONTRACT - {"Constant"}) | {"Abs"}
    assert {operator for operator, _, _ in CASES.values()} == set(OPERATORS)


@pytest.mark.parametrize("name", INTERPRETED)
@pytest.mark.parametrize("case", CASES)
def test_an_operator_means_what_onnx_says(case: str, name: str) -> None:
    """By onnx's reference evaluator, on a graph of that operator alone; type and shape included."""
    from onnx.reference import ReferenceEvaluator

    from tinyvmaf.model.engines.interpreter import Program
    from tinyvmaf.model.engines.model_file import ModelFile
    from tinyvmaf.model.engines.numpy_ops import NumpyLibrary

    operator, values, attributes = CASES[case]
    names = ["" if value is None else f"i{number}" for number, value in enumerate(values)]
    x, *constants = values
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    proto = helper.make_model(
        helper.make_graph(
            [helper.make_node(operator, names, ["y"], **attributes)],
            "g",
            [helper.make_tensor_value_info("i0", kind, None)],
            [helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)],
            [numpy_helper.from_array(np.asarray(v), f"i{n}") for n, v in enumerate(constants, 1) if v is not None],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    with np.errstate(over="ignore", invalid="ignore"):  # of its sigmoid
        (expected,) = ReferenceEvaluator(proto).run(None, {"i0": x})
    if name == "numpy":
        got = np.asarray(Program(ModelFile(proto, "i0", "F", "y"), NumpyLibrary())(x))
    else:
        torch = pytest.importorskip("torch")
        from tinyvmaf.model.engines.torch_ops import TorchLibrary

        got = Program(ModelFile(proto, "i0", "F", "y"), TorchLibrary("cpu"))(torch.tensor(x)).numpy()
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    if operator.startswith(ROUNDED):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", INTERPRETED)
def test_what_the_interpreter_does_not_know_is_unsupported(name: str) -> None:
    number = {"width": 1}
    with pytest.raises(UnsupportedModelError, match=r"operator 'Sin' of node 'score': it is not among"):
        load(name, model([("Sin", ["features"], "score", {})], **number))
    with pytest.raises(UnsupportedModelError, match=r"opset \[18\]"):
        load(name, model([("Identity", ["features"], "score", {})], opset=18, **number))
    shape = [("Cast", ["features"], "s", {"to": TensorProto.INT64}), ("Reshape", ["features", "s"], "score", {})]
    with pytest.raises(UnsupportedModelError, match="input 's' is computed, not constant"):
        load(name, model(shape, **number))
    whole = [
        ("Cast", ["features"], "i", {"to": TensorProto.INT32}),
        ("Div", ["i", "two"], "j", {}),
        ("Cast", ["j"], "score", {"to": TensorProto.FLOAT}),
    ]
    with pytest.raises(UnsupportedModelError, match=r"Div of .*int32"):
        load(name, model(whole, {"two": np.int32(2)}, **number))
    with pytest.raises(UnsupportedModelError, match="to uint16"):
        load(name, model([("Cast", ["features"], "score", {"to": TensorProto.UINT16})], **number))


@pytest.mark.parametrize("name", INTERPRETED)
def test_shapes_that_do_not_fit_are_found_at_loading(name: str) -> None:
    data = model([("Add", ["features", "a"], "score", {})], {"a": F32([1, 2, 3])}, width=2)
    with pytest.raises(ModelError, match="cannot run it"):
        load(name, data)


@pytest.mark.parametrize("name", INTERPRETED)
def test_constants_may_be_nodes(name: str) -> None:
    nodes: list[Node] = [
        ("Constant", [], "a", {"value_float": 2.0}),
        ("Constant", [], "b", {"value_ints": [0, 1]}),
        ("Mul", ["features", "a"], "c", {}),
        ("Reshape", ["c", "b"], "score", {}),
    ]
    assert load(name, model(nodes, width=1)).run([[3.0]]).tolist() == [6.0]


@pytest.mark.parametrize("name", INTERPRETED)
def test_overflow_inside_is_the_graphs_own_affair(name: str) -> None:
    nodes = [
        ("Mul", ["features", "a"], "b", {}),
        ("Mul", ["b", "a"], "c", {}),
        ("Clip", ["c", "low", "high"], "score", {}),
    ]
    data = model(nodes, {"a": F32(1e30), "low": F32(-5), "high": F32(7)}, width=1)
    assert load(name, data).run([[3e38], [-3e38], [0.0]]).tolist() == [7.0, -5.0, 0.0]


# PyTorch.


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    load("torch-eager", IDENTITY)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        EngineError, match=r"torch\.compile needs a C\+\+ compiler: no-such-compiler is not on the PATH"
    ):
        engines.find("torch-compiled").load(IDENTITY)


def test_pytorch_without_a_gpu_says_so() -> None:
    here = Torch("torch-cuda", device="cuda").available()
    if here.ok:
        pytest.skip("there is one")
    assert here.reason in ("this PyTorch is built for the CPU only: install one with CUDA", "no NVIDIA GPU here")


@pytest.mark.slow
def test_more_models_are_compiled_than_pytorch_keeps_of_one_code() -> None:
    """It refuses to compile one code more often than a limit says, 8 by default: each model must have its own.

    And a warning of its compiler does not end a run in which warnings are errors.
    """
    torch = pytest.importorskip("torch")
    with torch._dynamo.config.patch(recompile_limit=2), warnings.catch_warnings():
        warnings.simplefilter("error")
        for count in (1, 2, 3):
            names = ["features", *(f"v{i}" for i in range(count - 1)), "score"]
            adds = [("Add", [x, "one"], y, {}) for x, y in itertools.pairwise(names)]
            session = load("torch-compiled", model(adds, {"one": F32(1)}, width=1))
            assert session.run([[1.0], [2.0]]).tolist() == [1 + count, 2 + count]


# ONNX Runtime Web.


def test_without_the_variable_it_says_which(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    web = engines.find("onnxruntime-web")
    monkeypatch.delenv(ENV, raising=False)
    assert ENV in web.available().reason
    monkeypatch.setenv(ENV, str(tmp_path))
    assert web.available().reason.startswith(f"{ENV}={tmp_path} has no onnxruntime-web")
    folder = tmp_path / "node_modules" / "onnxruntime-web"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"version": "1.2.3"}))
    monkeypatch.setenv("PATH", str(tmp_path))
    here = web.available()
    assert (here.version, here.reason.split(",")[0]) == ("1.2.3", "node is not on the PATH")
    with pytest.raises(EngineError, match="node is not on the PATH"):
        web.load(IDENTITY)


@pytest.fixture
def web() -> Session:
    return load("onnxruntime-web", grid())


def test_a_node_process_that_is_killed_is_no_fault_of_the_model(web: Any) -> None:
    """While it runs, and before. Stopped first, so that the kill surely comes before the answer."""
    os.kill(web._process.pid, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (web._process.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(EngineError, match="the Node process died: exit status -9"):
        web.run(rows(4096))
    killer.join()
    with pytest.raises(EngineError, match="the Node process died"):
        web.run(rows(1))
    web.close()


def test_an_answer_that_does_not_come_is_no_fault_of_the_model(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyvmaf.model.engines.onnxruntime_web._SECONDS", 0.2)
    os.kill(web._process.pid, signal.SIGSTOP)
    with pytest.raises(EngineError, match="the Node process died: exit status -9"):
        web.run(rows(1))


def test_closing_ends_the_node_process(web: Any) -> None:
    web.run(rows(1))
    web.close()
    assert web._process.returncode == -signal.SIGKILL
    web.close()
    with pytest.raises(EngineError, match="the session is closed"):
        web.run(rows(1))


def test_a_forgotten_session_ends_its_process() -> None:
    session: Any = load("onnxruntime-web", IDENTITY)
    process = session._process
    del session
    assert process.returncode == -signal.SIGKILL


def test_the_node_process_ends_with_ours(tmp_path: Path) -> None:
    """Killed, ours has no chance to end it; but its stdin ends."""
    load("onnxruntime-web", IDENTITY).close()
    (tmp_path / "m.onnx").write_bytes(IDENTITY)
    code = (
        "import os, signal, sys; from pathlib import Path; from tinyvmaf.model import engines;"
        f"s = engines.find('onnxruntime-web').load(Path({str(tmp_path / 'm.onnx')!r}).read_bytes());"
        "print(s._process.pid, flush=True); sys.stdin.read(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.communicate("", timeout=30)
    wait_until(lambda: not alive(child))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    event = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if true():
            return
        event.wait(0.05)
    pytest.fail(f"not within {seconds} s")


class Failing(CheckedSession):
    def __init__(self, error: Exception) -> None:
        self._error = error
        super().__init__("model", "engine", 1)

    def _infer(self, rows: Any) -> Any:  # noqa: ARG002
        raise self._error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EngineError("e"), EngineError),
        (MemoryError(), EngineError),
        (OSError("disk full"), EngineError),
        (RuntimeError("CUDA out of memory. Tried to allocate"), EngineError),
        (RuntimeError("bad shape"), ModelError),
        (ModelError("m"), ModelError),
    ],
    ids=repr,
)
def test_what_the_machine_lacks_is_no_fault_of_the_model(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        Failing(error).run([[1.0]])


# Engines and distances together.


def test_engines_that_round_differently_are_some_ulp_apart() -> None:
    """What a gate does with both rooms, on a model that it must fail."""
    data = model([("Tanh", ["features"], "score", {})], width=1)
    x = rows(1000, 1)
    found = ulp.compare(load("onnxruntime-cpu", data).run(x), load("numpy", data).run(x), bound=0, inputs=x)
    assert found.failed
    assert 1 <= found.max < 100
