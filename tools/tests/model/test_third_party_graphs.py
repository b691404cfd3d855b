"""What graphs of others may look like: inputs, outputs, operators and opsets that exporters write."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tinyvmaf.errors import ModelError
from tinyvmaf.model import contract
from tinyvmaf.model.engines import OnnxRuntimeCpu, find
from tinyvmaf.model.third_party import describe_feed
from tinyvmaf.model.third_party.held import hold
from tinyvmaf.model.third_party.newer import NEWER
from tinyvmaf.model.third_party.original import input_names, read_original
from tinyvmaf.model.third_party.wrap import AdoptedModel, adopt, original_scorer, original_uncertainty
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES

from .third_party_files import PLAIN, write

NEWEST = onnx.defs.onnx_opset_version()
RANDOM = np.random.default_rng(5)
ROWS = RANDOM.uniform(0, 1, (40, 6)).astype(np.float32)
W = RANDOM.normal(0, 1, (6, 1)).astype(np.float32)
BATCH: list[int | str] = ["batch", 6]


def node(operator: str, *names: str, **attributes: Any) -> NodeProto:
    return helper.make_node(operator, names[:-1], names[-1:], **attributes)


def graph(
    nodes: Sequence[NodeProto],
    constants: dict[str, Any],
    *,
    opset: int = 17,
    inputs: dict[str, list[int | str]] | None = None,
    outputs: dict[str, list[int | str] | None] | None = None,
) -> ModelProto:
    made = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (inputs or {"x": BATCH}).items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (outputs or {"y": ["batch", 1]}).items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def adopted(tmp_path: Path, model: ModelProto, sidecar: dict[str, Any] | None = None) -> AdoptedModel:
    """The adopted file, which keeps the contract, and gives the scores of the original by two engines."""
    path = write(tmp_path, model, PLAIN if sidecar is None else sidecar)
    feed = describe_feed(path, lambda _: CANONICAL_FEATURES, None, input_names(hold(path)))
    one = adopt(read_original(path, len(feed.features)), feed, CANONICAL)
    assert contract.faults(one.data) == []
    truth = original_scorer(one, CANONICAL)(ROWS)
    assert np.isfinite(truth).all()
    for session in (OnnxRuntimeCpu(one.data), find("numpy").load(one.data)):
        assert np.abs(session.run(ROWS) - truth).max() < 5e-5
    return one


def evaluated(model: ModelProto) -> NDArray[np.float32]:
    """By onnx's own evaluator."""
    (found,) = ReferenceEvaluator(model).run(None, {"x": ROWS})
    return np.asarray(found).ravel()


@pytest.mark.parametrize("operator", sorted(NEWER - {"Split"}))
@pytest.mark.parametrize("opset", [18, 20, 24, NEWEST])
def test_newer_operators_are_written_out(operator: str, opset: int, tmp_path: Path) -> None:
    """Against onnx's own evaluator of the original graph."""
    since = onnx.defs.get_schema(operator, NEWEST, "").since_version
    first = {"Mish": 18, "Gelu": 20, "RMSNormalization": 23, "Swish": 24}[operator]
    assert first <= since
    if opset < first:
        pytest.skip(f"{operator} exists from opset {first} on")
    scale = ["scale"] if operator == "RMSNormalization" else []
    model = graph(
        [node(operator, "x", *scale, "a"), node("MatMul", "a", "w", "y")],
        {"w": W} | dict.fromkeys(scale, RANDOM.normal(1, 0.1, 6).astype(np.float32)),
        opset=opset,
    )
    one = adopted(tmp_path, model)
    assert np.abs(OnnxRuntimeCpu(one.data).run(ROWS) - evaluated(model)).max() < 1e-5
    assert f"{operator} written out by older operators" in one.sentences


@pytest.mark.parametrize(
    ("opset", "lengths", "how"),
    [
        (11, (4, 2), {"attributes": {"split": [4, 2]}}),
        (11, (3, 3), {}),
        (13, (1, 5), {"input": [1, 5]}),
        (17, (3, 3), {}),
        (18, (4, 2), {"input": [4, 2]}),
        (20, (3, 3), {"attributes": {"num_outputs": 2}}),
        (NEWEST, (3, 3), {"attributes": {"num_outputs": 2, "axis": -1}}),
    ],
)
def test_a_split_is_a_gather_for_each_part(
    opset: int, lengths: tuple[int, int], how: dict[str, Any], tmp_path: Path
) -> None:
    """As PyTorch exports a GLU, at any opset, with lengths as attribute, as input or equal."""
    attributes = {"axis": 1} | how.get("attributes", {})
    size = ["parts"] if "input" in how else []
    nodes = [
        helper.make_node("Split", ["x", *size], ["a", "b"], **attributes),
        node("Concat", "b", "a", "c", axis=1),
        node("MatMul", "c", "w", "y"),
    ]
    constants = {"w": W} | dict.fromkeys(size, np.array(how.get("input", []), dtype=np.int64))
    one = adopted(tmp_path, graph(nodes, constants, opset=opset))
    turned = np.concatenate([ROWS[:, lengths[0] :], ROWS[:, : lengths[0]]], axis=1)
    assert np.abs(OnnxRuntimeCpu(one.data).run(ROWS) - (turned @ W).ravel()).max() < 1e-5
    assert "Split written out by older operators" in one.sentences


@pytest.mark.parametrize("axis", [0, 1])
def test_a_split_into_parts_of_unknown_length_is_refused(axis: int, tmp_path: Path) -> None:
    """Of the frames: how many there are is not known. Of the features: the lengths are computed."""
    size = [] if axis == 0 else ["computed"]
    nodes = [
        node("Cast", "sizes", "computed", to=TensorProto.INT64),
        helper.make_node("Split", ["x", *size], ["a", "b"], axis=axis),
        node("MatMul", "x", "w", "y"),
    ]
    model = graph(nodes, {"w": W, "sizes": np.array([3.0, 3.0], dtype=np.float32)})
    with pytest.raises(ModelError, match="into 2 parts: their lengths are not known before it runs") as raised:
        adopted(tmp_path, model)
    assert "by lengths that are constants" in str(raised.value.hint)


def test_both_kinds_of_gelu(tmp_path: Path) -> None:
    for kind in ("none", "tanh"):
        nodes = [node("Gelu", "x", "a", approximate=kind), node("MatMul", "a", "w", "y")]
        model = graph(nodes, {"w": W}, opset=20)
        assert np.abs(OnnxRuntimeCpu(adopted(tmp_path, model).data).run(ROWS) - evaluated(model)).max() < 1e-5


@pytest.mark.parametrize("shape", [["n", 1], ["n"]])
def test_inputs_that_are_called_as_features_say_their_order(shape: list[int | str], tmp_path: Path) -> None:
    """And need no sidecar. Ranks 1 and 2."""
    names = list(reversed(CANONICAL))
    column = [] if len(shape) == 2 else [node("Unsqueeze", name, "one", f"{name}/c") for name in names]
    parts = names if len(shape) == 2 else [f"{name}/c" for name in names]
    model = graph(
        [*column, node("Concat", *parts, "c", axis=1), node("MatMul", "c", "w", "y")],
        {"w": W, "one": np.array([1])},
        inputs=dict.fromkeys(names, shape),
        outputs={"y": ["n", 1]},
    )
    one = adopted(tmp_path, model, {})
    assert np.abs(OnnxRuntimeCpu(one.data).run(ROWS) - (ROWS[:, ::-1] @ W).ravel()).max() < 1e-5
    assert "the names of its inputs" in one.sentences[0]


def test_inputs_by_other_names_take_the_sidecars_order(tmp_path: Path) -> None:
    names = [f"in{i}" for i in range(6)]
    model = graph(
        [node("Concat", *names, "c", axis=1), node("MatMul", "c", "w", "y")],
        {"w": W},
        inputs={name: ["n", 1] for name in names},
        outputs={"y": ["n", 1]},
    )
    order = [*CANONICAL[3:], *CANONICAL[:3]]
    one = adopted(tmp_path, model, {"features": order, "mean": [0.5] * 6, "std": [2.0] * 6})
    fed = (ROWS[:, [CANONICAL.index(name) for name in order]] - 0.5) / 2
    assert np.abs(OnnxRuntimeCpu(one.data).run(ROWS) - (fed @ W).ravel()).max() < 1e-5


@pytest.mark.parametrize("name", ["std", "score_std", "sigma", "vmaf.uncertainty"])
def test_a_second_output_is_its_own_uncertainty(name: str, tmp_path: Path) -> None:
    nodes = [node("MatMul", "x", "w", "y"), node("Mul", "y", "y", "q"), node("Sqrt", "q", name)]
    one = adopted(tmp_path, graph(nodes, {"w": W}, outputs={name: ["batch", 1], "y": ["batch", 1]}))
    claimed = original_uncertainty(one, CANONICAL, ROWS)
    assert claimed is not None
    assert np.allclose(claimed, np.abs(ROWS @ W).ravel(), atol=1e-5)
    assert f"output {name!r}, its own uncertainty, is not judged" in one.sentences
    assert [n.op_type for n in onnx.load_model_from_string(one.data).graph.node] == ["Identity", "MatMul", "Identity"]


def test_two_outputs_that_could_both_be_scores_are_refused(tmp_path: Path) -> None:
    nodes = [node("MatMul", "x", "w", "y"), node("Neg", "y", "z")]
    with pytest.raises(ModelError, match="it has 2 outputs: 'y', 'z'"):
        adopted(tmp_path, graph(nodes, {"w": W}, outputs={"y": ["batch", 1], "z": ["batch", 1]}))


def test_an_output_without_a_shape_is_inferred(tmp_path: Path) -> None:
    adopted(tmp_path, graph([node("MatMul", "x", "w", "y")], {"w": W}, outputs={"y": None}))
    flat = [node("MatMul", "x", "w", "a"), node("Squeeze", "a", "one", "y")]
    adopted(tmp_path, graph(flat, {"w": W, "one": np.array([1])}, outputs={"y": None}))


@pytest.mark.parametrize("to", [[-1], [-1, 1], [0, 1], [0, -1]])
def test_a_view_of_pytorch(to: list[int], tmp_path: Path) -> None:
    nodes = [node("MatMul", "x", "w", "a"), node("Reshape", "a", "to", "y")]
    adopted(
        tmp_path, graph(nodes, {"w": W, "to": np.array(to)}, outputs={"y": ["batch"] if len(to) == 1 else ["batch", 1]})
    )


def test_weights_as_constant_nodes(tmp_path: Path) -> None:
    weights = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(W))
    adopted(tmp_path, graph([weights, node("MatMul", "x", "w", "y")], {}))


FOUR = {name: RANDOM.uniform(0.5, 1, 6).astype(np.float32) for name in ("g", "b", "m", "v")}


@pytest.mark.parametrize(
    ("operator", "constants", "attributes"),
    [
        ("BatchNormalization", FOUR, {}),
        ("LayerNormalization", {"g": FOUR["g"], "b": FOUR["b"]}, {}),
        ("PRelu", {"g": FOUR["g"]}, {}),
        ("Pow", {"g": np.float32(1.7)}, {}),
        ("Softmax", {}, {"axis": 1}),
        *((name, {}, {}) for name in ("Celu", "Elu", "HardSigmoid", "HardSwish", "LeakyRelu", "Selu", "Softplus")),
        *((name, {}, {}) for name in ("Softsign", "ThresholdedRelu", "Sign", "Ceil", "Erf")),
    ],
)
def test_pure_functions_of_a_row(
    operator: str, constants: dict[str, Any], attributes: dict[str, Any], tmp_path: Path
) -> None:
    nodes = [node(operator, "x", *constants, "a", **attributes), node("MatMul", "a", "w", "y")]
    adopted(tmp_path, graph(nodes, {"w": W, **constants}))


@pytest.mark.parametrize(
    "nodes",
    [
        [node("BatchNormalization", "x", "g", "b", "m", "v", "a", training_mode=1)],
        [helper.make_node("Dropout", ["x"], ["a", "mask"])],
        [helper.make_node("Dropout", ["x", "ratio", "yes"], ["a"])],
    ],
)
def test_operators_of_training_are_refused(nodes: list[NodeProto], tmp_path: Path) -> None:
    constants = {"w": W, "ratio": np.float32(0.5), "yes": np.array(True), **FOUR}
    with pytest.raises(ModelError, match="is of training"):
        adopted(tmp_path, graph([*nodes, node("MatMul", "a", "w", "y")], constants))
