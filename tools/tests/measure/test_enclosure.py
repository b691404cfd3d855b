"""What ONNX Runtime gives anywhere in a box lies within the box's enclosure; what cannot be bounded says so."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.files import home
from tinyvmaf.judge.subjects import named
from tinyvmaf.measure.enclosure import Enclosure, NoEnclosureError, enclose
from tinyvmaf.model.contract import OPERATORS
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES

from ..effort import tries
from ..model.test_engines_interpreter import CASES
from ..model.test_third_party_converted import HERE as CONVERTED
from ..processor import SATURATES, saturates

SHIPPED = ("tinyvmaf_nano", "tinyvmaf_exact", "tinyvmaf_tiny", "vmaf_v0.6.1_svr")
THIRD_PARTY = {"quickvmaf": home() / "fixtures/third_party/quickvmaf.onnx"} | {
    name: CONVERTED / f"{name}.onnx"
    for name in ("forest", "lightgbm", "xgboost", "scaled", "svr", "svr_linear", "qdq", "qoperator")
}
WITHOUT = {"dynamic": "DynamicQuantizeLinear", "float16_inside": "float16", "normalized": "Normalizer"}
NEVER = {"Constant", "DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul"}
REFUSED = {
    *("Flatten at 0", "ReduceMean of all", "ReduceSum of integers", "ReduceSumSquare", "Softmax over rows"),
    *("Transpose", "Transpose of all", "Unsqueeze", "Slice of the first axes", "Slice from behind"),
    *("Concat", "Concat from behind", "Flatten from behind", "Mean", "Mul", "Sum"),
    *("Gemm with everything", "BatchNormalization of three axes", "DequantizeLinear of rows"),
}
"""Cases that mix rows, that hold a constant for each row, or that no regressor needs."""


def corners(seed: int, size: float, count: int = 60, width: int = 6) -> tuple[NDArray[Any], NDArray[Any]]:
    """Boxes of rows, some of no size at all."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(-0.1, 1.2, (count, width)) * ([1] * (width - 1) + [25.0])
    sides = size * rng.uniform(0, 1, low.shape) * (rng.random(low.shape) < 0.9)
    return low.astype(np.float32), (low + sides).astype(np.float32)


def inside(low: NDArray[Any], high: NDArray[Any], seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    part = np.where(rng.random(low.shape) < 0.3, rng.integers(0, 2, low.shape), rng.random(low.shape))
    return np.asarray(np.clip((low + (high - low) * part).astype(np.float32), low, high))


def holds(model: bytes, low: NDArray[Any], high: NDArray[Any], seed: int) -> None:
    engine, bounds = OnnxRuntimeCpu(model), Enclosure(model)
    least, most = bounds(low, high)
    assert least.dtype == most.dtype == np.float64
    assert least.shape == most.shape == (len(low),)
    for again in range(8):
        rows = inside(low, high, seed + again)
        scores = engine.run(rows).astype(np.float64).ravel()
        out = np.flatnonzero((scores < least) | (scores > most))
        assert not len(out), f"{rows[out[0]]} gives {scores[out[0]]}, not {least[out[0]]} to {most[out[0]]}"


@cache
def third_party(name: str, folder: Path) -> bytes:
    path = THIRD_PARTY.get(name, CONVERTED / f"{name}.onnx")
    options = FeedOptions() if name == "quickvmaf" else FeedOptions(feature_order=",".join(CANONICAL))
    (one,) = named([path], folder, lambda _: CANONICAL_FEATURES, options)
    return one.data


@pytest.mark.parametrize("name", [*SHIPPED, *THIRD_PARTY])
def test_scores_lie_within_the_enclosure(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    if name in ("qdq", "qoperator") and saturates():
        pytest.skip(SATURATES)
    shipped = name in SHIPPED
    model = (
        (home() / f"model/{name}.onnx").read_bytes() if shipped else third_party(name, tmp_path_factory.getbasetemp())
    )

    @settings(deadline=None, max_examples=tries(8, 200))
    @given(st.integers(0, 2**32), st.sampled_from([0.0, 1e-6, 1e-4, 1e-2, 0.3, 3.0]))
    def held(seed: int, size: float) -> None:
        holds(model, *corners(seed, size), seed)

    held()


@pytest.mark.parametrize(("name", "operator"), WITHOUT.items())
def test_what_has_no_enclosure_is_named(name: str, operator: str, tmp_path: Path) -> None:
    with pytest.raises(NoEnclosureError, match=f"no enclosure for {operator}"):
        enclose(third_party(name, tmp_path), *corners(1, 0.1))


ACTIVATIONS = (
    "Relu",
    "Tanh",
    "Sigmoid",
    "Softplus",
    "Elu",
    "Selu",
    "LeakyRelu",
    "HardSwish",
    "Softsign",
    "Erf",
    "Celu",
)


def network(seed: int) -> bytes:
    """Two layers, with an activation, normalisation and products of each kind."""
    rng = np.random.default_rng(seed)
    wide, double = int(rng.integers(2, 9)), bool(rng.random() < 0.2)
    kind = np.float64 if double else np.float32
    activation = str(rng.choice(["Relu", "Tanh", "Sigmoid"] if double else ACTIVATIONS))
    constants = {
        "w": rng.normal(size=(6, wide)) * rng.choice([0.1, 1.0, 10.0]),
        "b": rng.normal(size=wide),
        "v": rng.normal(size=(wide, 1)) * 20,
        "c": np.array([50.0]),
        "low": np.array(0.0),
        "high": np.array(100.0),
        "s": rng.normal(size=wide),
    }
    start, end = ("wide", "narrow") if double else ("features", "score")
    nodes = [helper.make_node("Cast", ["features"], ["wide"], to=TensorProto.DOUBLE)] if double else []
    nodes += [helper.make_node("Gemm", [start, "w", "b"], ["h"]), helper.make_node(activation, ["h"], ["a"])]
    middle = {
        0: [("Identity", ["a"], "m")],
        1: [("Mul", ["a", "a"], "m")],
        2: [("Sub", ["s", "a"], "d"), ("Mul", ["a", "d"], "m")],
        3: [("LayerNormalization", ["a", "s", "b"], "m")] if not double else [("Neg", ["a"], "m")],
        4: [("Softmax", ["a"], "m")],
        5: [
            *[("Greater", ["a", "s"], "g"), ("Less", ["a", "b"], "l"), ("Not", ["l"], "n")],
            *[("And", ["g", "n"], "t"), ("Or", ["t", "l"], "o"), ("Where", ["o", "a", "s"], "m")],
        ],
        6: [
            ("Floor", ["a"], "f"),
            *([("Mean", ["f", "a"], "x")] * (not double)),
            ("Sum", ["fx"[not double], "s"], "m"),
        ],
        7: [("Abs", ["a"], "q"), ("Sqrt", ["q"], "r"), ("Min", ["r", "s"], "m")],
    }[int(rng.integers(8))]
    nodes += [helper.make_node(op, takes, [makes]) for op, takes, makes in middle]
    nodes += [helper.make_node("MatMul", ["m", "v"], ["p"]), helper.make_node("Add", ["p", "c"], ["z"])]
    nodes += [helper.make_node("Clip", ["z", "low", "high"], [end])]
    nodes += [helper.make_node("Cast", ["narrow"], ["score"], to=TensorProto.FLOAT)] if double else []
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [info("features", TensorProto.FLOAT, ["N", 6])],
        [info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value.astype(kind), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


@settings(deadline=None, max_examples=tries(60, 3000))
@given(st.integers(0, 2**32), st.sampled_from([0.0, 1e-5, 1e-3, 0.1, 2.0]))
def test_random_networks_lie_within_the_enclosure(seed: int, size: float) -> None:
    holds(network(seed), *corners(seed, size, 20), seed)


def of_one_node(case: str) -> bytes:
    operator, (x, *constants), attributes = CASES[case]
    names = ["" if value is None else f"i{number}" for number, value in enumerate([x, *constants])]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(operator, names, ["y"], **attributes)],
        "g",
        [info("i0", helper.np_dtype_to_tensor_dtype(x.dtype), None)],
        [info("y", TensorProto.UNDEFINED, None)],
        [numpy_helper.from_array(np.asarray(v), f"i{n}") for n, v in enumerate(constants, 1) if v is not None],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


ROWS = [case for case, (op, (x, *_), _) in CASES.items() if op not in NEVER and x.ndim > 1 and x.dtype != bool]


@pytest.mark.parametrize("case", ROWS)
@pytest.mark.parametrize("size", [0.0, 0.01, 1.0])
def test_an_operator_lies_within_its_enclosure(case: str, size: float) -> None:
    """By the interpreter, which gives what onnx's reference gives."""
    from tinyvmaf.model.engines.interpreter import Program
    from tinyvmaf.model.engines.model_file import ModelFile
    from tinyvmaf.model.engines.numpy_ops import NumpyLibrary

    _, (x, *_), _ = CASES[case]
    model = of_one_node(case)
    if case in REFUSED:
        with pytest.raises(NoEnclosureError):
            Enclosure(model).values(x, x)
        return
    program = Program(ModelFile(onnx.load_model_from_string(model), "i0", 4, ("y",)), NumpyLibrary())
    rng = np.random.default_rng(3)
    sides = np.asarray(size * rng.random(x.shape), dtype=np.float64)
    low, high = (x.astype(np.float64), x.astype(np.float64) + sides) if x.dtype == np.float32 else (x, x)
    low, high = low.astype(x.dtype), high.astype(x.dtype)
    found = Enclosure(model).values(low, high)["y"]
    for seed in range(20):
        y = np.asarray(program(inside(low, high, seed).astype(x.dtype))[0])
        assert y.shape == found.low.shape
        assert y.dtype.name == found.dtype
        assert np.all((found.low <= y) & (y <= found.high)), case


def test_every_operator_has_an_enclosure_or_is_listed_here() -> None:
    from tinyvmaf.measure.enclosure.walk import _OPERATORS

    assert set(_OPERATORS) == OPERATORS - NEVER


def test_a_single_box_keeps_its_axis() -> None:
    model = of_one_node("Squeeze of all")
    one = Enclosure(model).values(np.zeros((1, 1, 4, 1)), np.ones((1, 1, 4, 1)))["y"]
    assert one.low.shape == (1, 4)


def test_exact_integers_are_not_widened() -> None:
    """On a grid nothing rounds: a box of one row has one score, but where it lies on an edge of the grid."""
    model = (home() / "model/tinyvmaf_nano.onnx").read_bytes()
    rows = np.random.default_rng(2).uniform(0, 1, (500, 6)).astype(np.float32)
    low, high = enclose(model, rows, rows)
    assert np.median(high - low) == 0.0
    assert (high - low).max() < 0.05


def test_halving_a_box_never_widens_it() -> None:
    model = (home() / "model/tinyvmaf_nano.onnx").read_bytes()
    low, high = corners(5, 0.2)
    middle = (low + high) / 2
    whole, left, right = enclose(model, low, high), enclose(model, low, middle), enclose(model, middle, high)
    for part in (left, right):
        assert np.all(part[0] >= whole[0] - 1e-9)
        assert np.all(part[1] <= whole[1] + 1e-9)


@pytest.mark.parametrize("opset", [13, 18])
def test_another_opset_has_no_enclosure(opset: int) -> None:
    model = onnx.load(home() / "model/tinyvmaf_nano.onnx")
    model.opset_import[0].version = opset
    with pytest.raises(NoEnclosureError, match="opset"):
        Enclosure(model)


@pytest.mark.parametrize("kind", ["FLOAT16", "BFLOAT16", "UINT32"])
def test_a_type_without_enclosures_is_named(kind: str) -> None:
    graph = helper.make_graph(
        [helper.make_node("Cast", ["x"], ["y"], to=getattr(TensorProto, kind))],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("y", getattr(TensorProto, kind), ["N", 6])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(NoEnclosureError, match=f"no enclosure for {kind.lower()}"):
        Enclosure(bytes(model.SerializeToString())).values(np.zeros((1, 6)), np.ones((1, 6)))
