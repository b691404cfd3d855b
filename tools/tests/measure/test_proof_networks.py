"""Proofs of models as exporters write them: what is claimed of boxes holds for real ONNX Runtime, rounding included."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.measure.proof.boxes import BoxBounds, first_boxes
from tinyvmaf.measure.proof.branching import Branching
from tinyvmaf.measure.proof.gaussians import Gaussians
from tinyvmaf.measure.proof.pieces import NoProofError
from tinyvmaf.measure.proof.provable import differences, provable
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, Teacher, load_built_in

Nodes = list[onnx.NodeProto]
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg, DEFAULT)


def one(op: str) -> Callable[[str, str], Nodes]:
    return lambda x, y: [helper.make_node(op, [x], [y])]


def leaky(x: str, y: str) -> Nodes:
    return [helper.make_node("LeakyRelu", [x], [y], alpha=0.1)]


def silu(x: str, y: str) -> Nodes:
    return [helper.make_node("Sigmoid", [x], [f"{y}_gate"]), helper.make_node("Mul", [x, f"{y}_gate"], [y])]


def gelu(x: str, y: str) -> Nodes:
    """As exporters write it."""
    return [
        helper.make_node("Div", [x, "root"], [f"{y}_short"]),
        helper.make_node("Erf", [f"{y}_short"], [f"{y}_erf"]),
        helper.make_node("Add", [f"{y}_erf", "one"], [f"{y}_more"]),
        helper.make_node("Mul", [f"{y}_more", "half"], [f"{y}_gate"]),
        helper.make_node("Mul", [x, f"{y}_gate"], [y]),
    ]


def relu6(x: str, y: str) -> Nodes:
    return [helper.make_node("Clip", [x, "zero", "six"], [y])]


ACTIVATIONS: dict[str, Callable[[str, str], Nodes]] = {
    "relu": one("Relu"),
    "leaky": leaky,
    "relu6": relu6,
    "tanh": one("Tanh"),
    "sigmoid": one("Sigmoid"),
    "softplus": one("Softplus"),
    "silu": silu,
    "gelu": gelu,
    "gelu in one": one("Gelu"),
}


def network(activation: str, widths: tuple[int, ...], clip: bool = True, seed: int = 1) -> onnx.ModelProto:
    """Features are normalised by Sub and Div, then layers of Gemm, the last one clipped."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, NDArray[np.float32]] = {
        name: np.array(value, dtype=np.float32) for name, value in (("zero", 0), ("six", 6), ("one", 1), ("half", 0.5))
    }
    arrays["root"], arrays["top"] = np.array(np.sqrt(2.0), dtype=np.float32), np.array(100.0, dtype=np.float32)
    arrays["mean"] = rng.uniform(0.2, 0.8, (1, 6)).astype(np.float32)
    arrays["std"] = np.array([[0.2, 0.2, 0.2, 0.2, 0.2, 5.0]], dtype=np.float32)
    nodes = [helper.make_node("Sub", ["features", "mean"], ["x"]), helper.make_node("Div", ["x", "std"], ["y0"])]
    before = 6
    for number, width in enumerate(widths):
        arrays[f"w{number}"] = (rng.normal(size=(width, before)) / np.sqrt(before)).astype(np.float32)
        arrays[f"b{number}"] = rng.normal(size=width).astype(np.float32)
        nodes.append(helper.make_node("Gemm", [f"y{number}", f"w{number}", f"b{number}"], [f"t{number}"], transB=1))
        nodes += ACTIVATIONS[activation](f"t{number}", f"y{number + 1}")
        before = width
    arrays["w"] = (10.0 * rng.normal(size=(before, 1)) / np.sqrt(before)).astype(np.float32)
    arrays["b"] = np.array([60.0], dtype=np.float32)
    nodes.append(helper.make_node("MatMul", [f"y{len(widths)}", "w"], ["raw"]))
    nodes.append(helper.make_node("Add", ["raw", "b"], ["sum" if clip else "score"]))
    if clip:
        nodes.append(helper.make_node("Clip", ["sum", "zero", "top"], ["score"]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width])
        for name, width in (("features", 6), ("score", 1))
    ]
    stored = [numpy_helper.from_array(value, name) for name, value in arrays.items()]
    graph = helper.make_graph(nodes, "network", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


@pytest.mark.parametrize("widths", [(16,), (12, 8), (10, 8, 6)], ids=str)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_bounds_hold_in_onnx_runtime(activation: str, widths: tuple[int, ...], teacher: Teacher) -> None:
    data = network(activation, widths, clip=len(widths) != 2).SerializeToString()
    model = provable(data, teacher, teacher.feature_names)
    domain, gaussians = Domain(teacher.features), Gaussians(teacher)
    low, high = domain.bounds()
    rng = np.random.default_rng(2)
    z = gaussians.to_z(domain.sample(300, 2))
    for size in (1e-5, 0.02, 0.1):
        radius = np.full(6, size)
        rows = gaussians.to_rows(z + radius * rng.choice([-1.0, -0.5, 0.3, 1.0], z.shape))
        rows = np.clip(rows, low, high).astype(np.float32).astype(np.float64)
        found = BoxBounds(model, gaussians, radius * (1.0 + 1e-3) + 1e-6, high).bounds(z)
        off = OnnxRuntimeCpu(data).run(rows.astype(np.float32)).astype(np.float64) - teacher.predict(rows)
        assert (off <= found.above).all()
        assert (-off <= found.below).all()
        if size == 1e-5:  # and they say something: the bound of a tiny box is the difference in it
            inside = (teacher.predict(rows) > 1.0) & (teacher.predict(rows) < 99.0)
            np.testing.assert_allclose(np.maximum(found.above, found.below)[inside], np.abs(off)[inside], atol=0.05)


def test_features_in_another_order(teacher: Teacher) -> None:
    data = network("relu", (8,)).SerializeToString()
    order = tuple(reversed(teacher.feature_names))
    rows = Domain(teacher.features).sample(50, 4).astype(np.float32).astype(np.float64)
    gaussians = Gaussians(teacher)
    radius = np.full(6, 1e-6)
    found = BoxBounds(provable(data, teacher, order), gaussians, radius, Domain(teacher.features).bounds()[1])
    bounds = found.bounds(gaussians.to_z(rows))
    apart = differences(data, teacher, order)(rows)
    np.testing.assert_allclose(np.maximum(bounds.above, bounds.below), apart, atol=0.02)


def test_a_network_that_is_far_off_is_refuted(teacher: Teacher) -> None:
    data = network("relu", (16,)).SerializeToString()
    domain, gaussians = Domain(teacher.features), Gaussians(teacher)
    cells, radius = first_boxes(domain, gaussians)
    model, apart = provable(data, teacher, teacher.feature_names), differences(data, teacher, teacher.feature_names)
    found = Branching(model, gaussians, domain, radius, 5.0, apart).settle(cells[::500])
    size, row = found.candidates[0]
    assert size == apart(np.array([row]))[0] > 5.0


def changed(model: onnx.ModelProto, op: str, to: str) -> onnx.ModelProto:
    next(node for node in model.graph.node if node.op_type == op).op_type = to
    return model


def gate_used_twice() -> onnx.ModelProto:
    """SiLU whose gate is an input of the next layer too."""
    model = network("silu", (8,))
    second = next(node for node in model.graph.node if node.op_type == "MatMul")
    model.graph.node.insert(len(model.graph.node) - 3, helper.make_node("Add", ["y1", "y1_gate"], ["both"]))
    second.input[0] = "both"
    return model


def half_precision() -> onnx.ModelProto:
    model = network("relu", (8,))
    gemm = next(node for node in model.graph.node if node.op_type == "Gemm")
    position = list(model.graph.node).index(gemm)
    for cast, (name, to) in enumerate((("half", TensorProto.FLOAT16), ("back", TensorProto.FLOAT))):
        node = helper.make_node("Cast", ["y0" if cast == 0 else "half_x"], [f"{name}_x"], to=to)
        model.graph.node.insert(position + cast, node)
    gemm.input[0] = "back_x"
    return model


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: changed(network("relu", (8,)), "Relu", "Sin"), "Sin is not an operator"),
        (gate_used_twice, "product of two computed values"),
        (half_precision, "not float32 or float64"),
        (lambda: network("relu", ()), "without hidden layers"),
    ],
)
def test_what_no_proof_exists_for(make: Callable[[], onnx.ModelProto], words: str, teacher: Teacher) -> None:
    with pytest.raises(NoProofError, match=words):
        provable(make().SerializeToString(), teacher, teacher.feature_names)


def test_other_features(teacher: Teacher) -> None:
    with pytest.raises(NoProofError, match="not the features"):
        provable(network("relu", (8,)).SerializeToString(), teacher, (*teacher.feature_names[:5], "cambi"))
