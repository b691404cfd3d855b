"""Engines agree on what is exact, refuse what they cannot compute, and say why they are not here."""

import subprocess
import sys
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
from tinyvmaf.measure.latency.cost import features_of
from tinyvmaf.model import engines
from tinyvmaf.model.engines import (
    EngineError,
    NotFiniteError,
    OnnxRuntimeCpu,
    Settings,
    UnsupportedModelError,
    all_outputs,
    all_scores,
)
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.session import CheckedSession

from .engine_samples import F32, IDENTITY, INSTALLED, Node, f32, grid, load, model, rows

BATCHES = (1, 2, 7, 64, 4096, 0, 3)
MOST = [*INSTALLED, "onnxruntime-web"]
EVERY = [*MOST, pytest.param("torch-compiled", marks=pytest.mark.slow)]
WITHOUT_FLOAT64 = ("openvino", "opencv")
NOT_A_NUMBER = model([("Sqrt", ["features"], "score", {})], width=1)
IN_FLOAT64 = model(
    [
        ("Cast", ["features"], "a", {"to": TensorProto.DOUBLE}),
        ("Add", ["a", "tiny"], "b", {}),
        ("Sub", ["b", "one"], "c", {}),
        ("Cast", ["c"], "score", {"to": TensorProto.FLOAT}),
    ],
    {"tiny": np.array(2.0**-40), "one": np.array(1.0)},
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
    """One session, any batch size. The expected scores are computed here in integers, without an engine."""
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
            "scale": f32(128),
            "low": f32(0),
            "high": f32(255),
            "table": table,
            "w": f32([[1], [2], [-3], [4], [5], [-6]]),
            "least": f32([-90, -80, -70, -60, -50, -40]),
            "most": f32([90, 80, 70, 60, 50, 40]),
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
    x = np.abs(rows(200))[:, : features_of(data)]
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


# Models that an engine does not support.


@pytest.mark.parametrize("name", EVERY)
def test_float64_is_computed_in_float64_or_refused(name: str) -> None:
    """1 + 2^-40 - 1 is 0 in float32. OpenVINO and OpenCV would silently compute in float32 or worse."""
    if name in WITHOUT_FLOAT64:
        with pytest.raises(UnsupportedModelError, match=f"{name} does not compute in float64"):
            load(name, IN_FLOAT64)
    else:
        with load(name, IN_FLOAT64) as session:
            assert session.run([[1.0]]).tolist() == [2**-40]


@pytest.mark.parametrize("name", WITHOUT_FLOAT64)
@pytest.mark.parametrize("where", ["constant", "node", "attribute"])
def test_float64_is_found_wherever_it_is(name: str, where: str) -> None:
    tensor = numpy_helper.from_array(np.array(1.0), "t")
    graphs: dict[str, tuple[list[Node], dict[str, NDArray[np.generic]]]] = {
        "constant": ([("Identity", ["features"], "score", {})], {"unused": np.array(1.0)}),
        "node": ([("Cast", ["features"], "score", {"to": TensorProto.DOUBLE})], {}),
        "attribute": ([("Constant", [], "t", {"value": tensor}), ("Identity", ["features"], "score", {})], {}),
    }
    nodes, constants = graphs[where]
    with pytest.raises(UnsupportedModelError, match="float64"):
        load(name, model(nodes, constants, width=1))


@pytest.mark.parametrize("name", INSTALLED)
def test_float16_is_computed_or_refused(name: str) -> None:
    if "float16" in engines.find(name).arithmetic:
        assert load(name, IN_FLOAT16).run([[0.1], [1.0005]]).tolist() == np.array([0.1, 1.0005], np.float16).tolist()
        return
    with pytest.raises(UnsupportedModelError, match=f"{name} does not compute in float16"):
        load(name, IN_FLOAT16)


@pytest.mark.parametrize("name", INSTALLED)
def test_numbers_are_rounded_to_bfloat16_or_it_is_refused(name: str) -> None:
    """Halves to even, infinity and what rounds to it; arithmetic in bfloat16 is refused by those that only round."""
    there: Node = ("Cast", ["features"], "h", {"to": TensorProto.BFLOAT16})
    back: Node = ("Cast", ["h"], "score", {"to": TensorProto.FLOAT})
    if "bfloat16" not in engines.find(name).arithmetic:
        with pytest.raises(UnsupportedModelError, match=f"{name} does not compute in bfloat16"):
            load(name, model([there, back], width=1))
        return
    rows = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, -0.1, 1e-40, 3.38e38], dtype=np.float32)
    expected = [1.0, 1.0, 1 + 2**-6, -0.10009765625, 2**-133, 254 / 256 * 2.0**128]
    with load(name, model([there, back], width=1)) as session:
        np.testing.assert_array_equal(session.run(rows[:, None]), np.array(expected, dtype=np.float32))
    if name in ("numpy", "torch-eager", "onnxruntime-cpu"):
        squared: Node = ("Sqrt", ["h"], "s", {})
        with pytest.raises(UnsupportedModelError):
            load(name, model([there, squared, ("Cast", ["s"], "score", {"to": TensorProto.FLOAT})], width=1))


@pytest.mark.parametrize("name", MOST)
def test_an_operator_of_somebody_else_is_refused(name: str) -> None:
    data = model([("Nobody", ["features"], "score", {"domain": "somebody.else"})], width=1)
    with pytest.raises(ModelError):
        load(name, data)


@pytest.mark.parametrize("name", MOST)
@pytest.mark.parametrize("data", [b"", b"\x08\x08hostile", grid()[:-300]], ids=["empty", "no ONNX", "truncated"])
def test_bytes_that_are_not_a_model_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(ModelError):
        load(name, data)


def with_outputs(*more: str) -> bytes:
    """IDENTITY with outputs that are its negative."""
    proto = onnx.load_model_from_string(IDENTITY)
    for output in more:
        proto.graph.node.append(helper.make_node("Neg", ["features"], [output]))
        proto.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", 1]))
    return bytes(proto.SerializeToString())


@pytest.mark.parametrize("name", INSTALLED)
def test_three_outputs_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"1 inputs .* and 3 outputs"):
        load(name, with_outputs("one", "two"))


@pytest.mark.parametrize("name", EVERY)
def test_a_second_output_is_a_column_behind_the_scores(name: str) -> None:
    """In the graph's order, whatever their names; the scores are the first one."""
    with load(name, with_outputs("a")) as session:
        for rows in ([[1.0], [2.5], [-3.0]], [[4.0]]):
            assert all_outputs(session, rows).tolist() == [[x, -x] for (x,) in rows]
            assert session.run(rows).tolist() == [x for (x,) in rows]


def test_an_engine_that_returns_one_output_refuses_two() -> None:
    with pytest.raises(UnsupportedModelError, match="returns 1 of its 2 outputs"):
        parse(with_outputs("a"), engines.find("numpy"), Settings())


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


def test_invalid_settings_are_refused() -> None:
    with pytest.raises(EngineError, match="0 threads"):
        Settings(threads=0)
    with pytest.raises(EngineError, match="no optimisation level 'fast'"):
        Settings(optimisation="fast")


# Which engines are here.


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


def test_of_two_packages_the_one_beside_the_module_gives_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, name, number in (("first", "engine_gpu", "2.0"), ("second", "engine", "1.0")):
        info = tmp_path / folder / f"{name}-{number}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path / folder)
    (tmp_path / "first" / "two_packages.py").touch()
    assert version("engine", "engine_gpu", module="two_packages") == "2.0"


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


def test_a_score_that_is_not_finite_brings_the_others_along() -> None:
    data = model([("Sqrt", ["features"], "score", {})], width=1)
    session = load("onnxruntime-cpu", data)
    with pytest.raises(NotFiniteError, match=r"model on ONNX Runtime gave -?nan for row 1: \[-1.0\]"):
        session.run([[4.0], [-1.0]])
    assert np.array_equal(all_scores(session, [[4.0], [-1.0]]), np.array([2.0, np.nan], np.float32), equal_nan=True)


# Engines and distances together.


def test_engines_that_round_differently_are_some_ulp_apart() -> None:
    """Two engines and the ULP distance, on a model that the gate must fail."""
    data = model([("Tanh", ["features"], "score", {})], width=1)
    x = rows(1000, 1)
    found = ulp.compare(load("onnxruntime-cpu", data).run(x), load("numpy", data).run(x), bound=0, inputs=x)
    assert found.failed
    assert 1 <= found.max < 100
