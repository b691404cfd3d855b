"""Files of real converters are judged: `converted/make.py` made them, and wrote down what the models give."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.judge.subjects import named
from tinyvmaf.measure.engine_agreement.float64_reference import in_float64
from tinyvmaf.model import contract
from tinyvmaf.model.certificate import certify
from tinyvmaf.model.contract import ml
from tinyvmaf.model.engines import Settings, UnsupportedModelError, find
from tinyvmaf.model.engines.onnxruntime_cpu import bare_session
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.model.third_party.normalisation import graph_normalises
from tinyvmaf.model.third_party.original import read_original
from tinyvmaf.model.third_party.wrap import original_scorer
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES

HERE = Path(__file__).parent / "converted"
EXPECTED = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
ROWS = np.array(EXPECTED["rows"], dtype=np.float32)
NEAR = {"qdq": 4.0, "qoperator": 4.0, "dynamic": 4.0, "float16": 0.5, "float16_inside": 0.5, "bfloat16": 2.0}
"""How far a file may be from its model, VMAF points; float32 may be 1e-3."""
JUDGED = sorted(EXPECTED["scores"])
OF_ML = [name for name in JUDGED if name not in NEAR]
ENGINES = ("onnxruntime-cpu", "numpy", "onnx-reference")


def adopted(path: Path, folder: Path) -> Subject:
    options = FeedOptions(feature_order=",".join(CANONICAL))
    (one,) = named([path], folder, lambda _: CANONICAL_FEATURES, options)
    return one


@pytest.mark.parametrize("name", JUDGED)
def test_scores_are_those_of_the_model(name: str, tmp_path: Path) -> None:
    """By the file itself, and by the adopted one on each engine that is for it."""
    one = adopted(HERE / f"{name}.onnx", tmp_path)
    assert one.fault is None
    assert one.adopted is not None
    assert not contract.faults(one.data)
    near = NEAR.get(name, 1e-3)
    np.testing.assert_allclose(original_scorer(one.adopted, CANONICAL)(ROWS), EXPECTED["scores"][name], atol=near)
    for engine in filter(one.fits, ENGINES):
        try:
            session = find(engine).load(one.data, Settings())
        except UnsupportedModelError:
            assert engine == "onnx-reference"  # of DequantizeLinear it has newer versions only
            continue
        np.testing.assert_allclose(session.run(ROWS), EXPECTED["scores"][name], atol=near)
    assert one.engines == (ENGINES[0], ENGINES[2], ENGINES[1]) if name in OF_ML else one.fits("torch-eager")
    assert not certify(one.data).exact_in_float64


@pytest.mark.parametrize("engine", ENGINES)
def test_a_dynamically_quantised_score_depends_on_its_batch(engine: str, tmp_path: Path) -> None:
    session = find(engine).load(adopted(HERE / "dynamic.onnx", tmp_path).data, Settings())
    alone = np.concatenate([session.run(row[None]) for row in ROWS])
    assert np.abs(alone - session.run(ROWS)).max() > 0.1


def test_bfloat16_is_written_out_as_pytorch_computes_it(tmp_path: Path) -> None:
    """ONNX Runtime has no kernel for the file as it came; written out, every engine that can round gives one result."""
    one = adopted(HERE / "bfloat16.onnx", tmp_path)
    assert one.adopted is not None
    assert any(sentence.startswith("bfloat16 written out") for sentence in one.adopted.sentences)
    with pytest.raises(UnsupportedModelError):
        bare_session((HERE / "bfloat16.onnx").read_bytes())
    torch = pytest.importorskip("torch")
    weights = {
        t.name: torch.tensor(numpy_helper.to_array(t).astype(np.float32)).bfloat16()
        for t in onnx.load(HERE / "bfloat16.onnx").graph.initializer
    }
    x = torch.tensor(ROWS).bfloat16()
    for node in onnx.load(HERE / "bfloat16.onnx").graph.node:
        if node.op_type == "Gemm":
            x = torch.nn.functional.linear(x, *(weights[name] for name in node.input[1:]))
        elif node.op_type != "Cast":
            x = getattr(torch, node.op_type.lower())(x)
    for engine in (*ENGINES, "torch-eager"):
        assert find(engine).load(one.data).run(ROWS).tolist() == x.float().numpy().ravel().tolist(), engine


def test_the_scaler_of_scikit_learn_is_a_normalisation() -> None:
    graph = onnx.load(HERE / "scaled.onnx").graph
    scaler = ml.read(graph.node[0])
    assert isinstance(scaler, ml.Scaler)
    mean, std = scaler.offset.tolist(), (1 / scaler.scale).tolist()
    assert graph_normalises(graph, mean, std)
    assert not graph_normalises(graph, mean, [2 * one for one in std])


def test_weights_of_four_bits_are_refused_with_what_to_do(tmp_path: Path) -> None:
    model = onnx.load(HERE / "scaled.onnx")
    model.graph.node.append(helper.make_node("MatMulNBits", ["variable"], ["z"], domain="com.microsoft"))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    path = tmp_path / "bits.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"'com.microsoft' \(MatMulNBits\)") as raised:
        read_original(path, 6)
    assert "QuantFormat.QDQ" in str(raised.value.hint)


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_operators_of_the_quantiser_are_written_out_as_they_compute(alpha: float, tmp_path: Path) -> None:
    """ONNX Runtime runs the original, and every engine the one that is written out."""
    weights = np.random.default_rng(2).integers(-128, 128, (6, 6)).astype(np.int8)
    constants: dict[str, np.ndarray] = {
        "s": np.array(1 / 64, np.float32),
        "z": np.array(3, np.uint8),
        "w": weights,
        "ws": np.linspace(0.001, 0.01, 6, dtype=np.float32),
        "wz": np.zeros(6, np.int8),
        "c": np.arange(-3000, 3000, 1000, dtype=np.int32),
        "sum": np.ones((6, 1), np.float32),
    }
    theirs = "com.microsoft"
    nodes = [
        helper.make_node("QuantizeLinear", ["features", "s", "z"], ["x"]),
        helper.make_node(
            "QGemm", ["x", "s", "z", "w", "ws", "wz", "c", "s", "z"], ["g"], domain=theirs, transB=1, alpha=alpha
        ),
        helper.make_node("QLinearAdd", ["g", "s", "z", "x", "s", "z", "s", "z"], ["a"], domain=theirs),
        helper.make_node("QLinearMul", ["a", "s", "z", "x", "s", "z", "s", "z"], ["m"], domain=theirs),
        helper.make_node("QLinearSigmoid", ["m", "s", "z", "s", "z"], ["q"], domain=theirs),
        helper.make_node("QLinearLeakyRelu", ["q", "s", "z", "s", "z"], ["l"], domain=theirs, alpha=0.1),
        helper.make_node("DequantizeLinear", ["l", "s", "z"], ["d"]),
        helper.make_node("MatMul", ["d", "sum"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid(theirs, 1)]
    path = tmp_path / "quantised.onnx"
    path.write_bytes(helper.make_model(graph, opset_imports=sets, ir_version=8).SerializeToString())
    one = adopted(path, tmp_path / "adopted")
    assert one.adopted is not None, one.fault
    expected = original_scorer(one.adopted, CANONICAL)(ROWS)
    assert np.ptp(expected) > 0
    for engine in ("onnxruntime-cpu", "numpy", "torch-eager"):
        # A half may be rounded to the other side: by one step of a feature.
        np.testing.assert_allclose(find(engine).load(one.data, Settings()).run(ROWS), expected, atol=2 / 64)


# Parameters that do not fit together.


def forest(**changed: Any) -> ModelProto:
    """A tree of one node and two leaves, under the names of the contract."""
    given: dict[str, Any] = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [5, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_values": [0.5, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "target_treeids": [0, 0],
        "target_nodeids": [1, 2],
        "target_ids": [0, 0],
        "target_weights": [10.0, 90.0],
        "n_targets": 1,
    }
    return of_one_node("TreeEnsembleRegressor", **(given | changed))


def of_one_node(operator: str, version: int = 3, **given: Any) -> ModelProto:
    graph = helper.make_graph(
        [helper.make_node(operator, ["features"], ["score"], domain=ml.DOMAIN, **given)],
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 6])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid(ml.DOMAIN, version)]
    return helper.make_model(graph, opset_imports=sets, ir_version=8)


SVR: dict[str, Any] = {
    "kernel_type": "RBF",
    "kernel_params": [0.5, 0.0, 3.0],
    "coefficients": [1.0, -2.0],
    "support_vectors": [0.1] * 12,
    "n_supports": 2,
    "rho": [50.0],
}


def svr(**changed: Any) -> ModelProto:
    """A machine of two vectors, under the names of the contract."""
    return of_one_node("SVMRegressor", **(SVR | changed))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (forest(nodes_truenodeids=[0, 0, 0]), "a node has two parents, or is below itself"),
        (forest(nodes_truenodeids=[9, 0, 0]), "a node's child is not there"),
        (forest(nodes_featureids=[6, 0, 0]), r"comes out as \[N, 0\]"),
        (forest(nodes_featureids=[-1, 0, 0]), "a negative feature"),
        (forest(nodes_values=[0.5]), "different lengths"),
        (forest(nodes_values=[np.nan, 0, 0]), "not finite"),
        (forest(nodes_nodeids=[0, 1, 1]), "name a node twice"),
        (forest(nodes_modes=["BRANCH_LIKE", "LEAF", "LEAF"]), "nodes_modes has 'BRANCH_LIKE'"),
        (forest(target_nodeids=[1, 1]), "name a leaf twice"),
        (forest(target_nodeids=[1, 0]), "each leaf has one weight"),
        (forest(target_ids=[0, 1]), "one target"),
        (forest(n_targets=2), "one target"),
        (forest(post_transform="LOGISTIC"), "post_transform 'LOGISTIC'"),
        (forest(aggregate_function="MAX"), "aggregate_function 'MAX'"),
        (svr(n_supports=3), "3 support vectors, 2 coefficients"),
        (svr(support_vectors=[0.1] * 10), "it cannot be inspected|shapes fit"),
        (svr(kernel_type="MINE"), "kernel_type 'MINE'"),
        (svr(kernel_params=[1.0]), "kernel_params has 1 numbers"),
        (svr(rho=[1.0, 2.0]), "rho has 2 numbers"),
        (svr(one_class=1), "one_class"),
        (of_one_node("LinearRegressor", coefficients=[1.0] * 12, intercepts=[0.0, 1.0], targets=2), "one target"),
        (of_one_node("Scaler", offset=[1.0], scale=[1.0, 2.0]), "offset has 1 numbers, and scale 2"),
        (of_one_node("Normalizer", norm="L3"), "norm 'L3'"),
        (of_one_node("Normalizer", norm="L1"), r"comes out as \[N, 6\]"),
        (of_one_node("TreeEnsembleClassifier"), "not of an allowed operator"),
        (forest(as_text="yes"), "onnx.checker refuses it"),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(model: ModelProto, message: str) -> None:
    assert re.search(message, "; ".join(contract.faults(model.SerializeToString())))


def test_a_tree_of_a_thousand_nodes_in_a_row_is_refused() -> None:
    count = 1000  # each has a leaf at its side, and the next one below it
    inner, leaves = list(range(count)), list(range(count, 2 * count + 1))
    model = forest(
        nodes_treeids=[0] * (2 * count + 1),
        nodes_nodeids=inner + leaves,
        nodes_featureids=[0] * (2 * count + 1),
        nodes_modes=["BRANCH_LEQ"] * count + ["LEAF"] * (count + 1),
        nodes_values=[0.5] * (2 * count + 1),
        nodes_truenodeids=leaves[:-1] + [0] * (count + 1),
        nodes_falsenodeids=[*inner[1:], leaves[-1]] + [0] * (count + 1),
        target_treeids=[0] * (count + 1),
        target_nodeids=leaves,
        target_ids=[0] * (count + 1),
        target_weights=[1.0] * (count + 1),
    )
    assert "deeper than 500" in contract.faults(model.SerializeToString())[0]


def test_the_same_graph_in_float64_is_not_made_of_operators_that_give_float32() -> None:
    with pytest.raises(ModelError, match=r"operators of ai.onnx.ml give float32"):
        in_float64(forest().SerializeToString(), ROWS)


@pytest.mark.parametrize("version", [0, 6])
def test_a_version_of_the_domain_that_nobody_knows_is_refused(version: int) -> None:
    model = forest()
    model.opset_import[1].version = version
    assert "no other domain but 'ai.onnx.ml' version 1 to 5" in contract.faults(model.SerializeToString())[0]


def test_text_is_for_these_operators_only() -> None:
    model = forest()
    model.graph.node.append(helper.make_node("Identity", ["score"], ["more"], words=["a"]))
    assert any("field strings" in fault for fault in contract.faults(model.SerializeToString()))


# Forests.


def with_leaves(aggregate: int) -> ModelProto:
    """Two trees of TreeEnsemble, of two nodes and of one."""
    return of_one_node(
        "TreeEnsemble",
        5,
        tree_roots=[0, 2],
        nodes_featureids=[0, 5, 3],
        nodes_splits=numpy_helper.from_array(np.array([0.5, 0.25, 0.6], np.float32)),
        nodes_modes=numpy_helper.from_array(np.array([0, 2, 1], np.uint8)),
        nodes_truenodeids=[1, 0, 3],
        nodes_trueleafs=[0, 1, 1],
        nodes_falsenodeids=[2, 1, 4],
        nodes_falseleafs=[1, 1, 1],
        leaf_targetids=[0, 0, 0, 0, 0],
        leaf_weights=numpy_helper.from_array(np.array([10, 20, 70, 5, 9], np.float32)),
        n_targets=1,
        aggregate_function=aggregate,
        post_transform=0,
    )


@pytest.mark.parametrize("mode", ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"])
def test_a_tree_means_what_onnx_says(mode: str) -> None:
    model = forest(nodes_modes=[mode, "LEAF", "LEAF"], base_values=[1.5])
    rows = np.concatenate([ROWS, np.full((1, 6), 0.5, np.float32)])
    same_everywhere(model, rows)


@pytest.mark.parametrize("model", [forest(aggregate_function="AVERAGE"), with_leaves(0), with_leaves(1)])
def test_a_forest_means_what_onnx_says(model: ModelProto) -> None:
    same_everywhere(model, ROWS)


@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
def test_a_kernel_means_what_onnx_says(kernel: str) -> None:
    vectors = np.linspace(0, 1, 12).tolist()
    same_everywhere(svr(kernel_type=kernel, support_vectors=vectors), ROWS)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_a_norm_means_what_onnx_says(norm: str) -> None:
    model = of_one_node("Normalizer", norm=norm)
    model.graph.node[0].output[0] = "normal"
    model.graph.node.append(
        helper.make_node(
            "LinearRegressor",
            ["normal"],
            ["score"],
            domain=ml.DOMAIN,
            coefficients=[1.0, 2, 3, 4, 5, 6],
            intercepts=[7.0],
        )
    )
    same_everywhere(model, ROWS)


def same_everywhere(model: ModelProto, rows: np.ndarray) -> None:
    data = model.SerializeToString()
    assert not contract.faults(data)
    first, *others = (find(engine).load(data, Settings()).run(rows) for engine in ENGINES)
    assert np.ptp(first) > 0
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-6)
    assert not certify(data).exact_in_float64
    with pytest.raises(UnsupportedModelError, match="run in NumPy only"):
        find("torch-eager").load(data, Settings())
