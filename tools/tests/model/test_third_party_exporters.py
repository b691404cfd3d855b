"""Graphs as other tools write them: each is judged, or refused by one true sentence."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import FunctionProto, NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model import contract
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.third_party import describe_feed
from tinyvmaf.model.third_party.held import hold
from tinyvmaf.model.third_party.normalisation import graph_normalises
from tinyvmaf.model.third_party.original import input_names, read_original
from tinyvmaf.model.third_party.wrap import AdoptedModel, adopt, original_scorer
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES

RANDOM = np.random.default_rng(3)
ROWS = RANDOM.uniform(0, 1, (40, 6)).astype(np.float32)
W1, B1 = RANDOM.normal(0, 0.5, (6, 8)).astype(np.float32), RANDOM.normal(0, 0.1, 8).astype(np.float32)
W2, B2 = RANDOM.uniform(0, 10, (8, 1)).astype(np.float32), np.array([20], np.float32)
WEIGHTS = {"w1": W1, "b1": B1, "w2": W2, "b2": B2}
SCORES = (np.maximum(ROWS @ W1 + B1, 0) @ W2 + B2).ravel()
ML = "ai.onnx.ml"
Axes = Sequence[str | int | None]


def node(operator: str, inputs: str, outputs: str, domain: str = "", **attributes: Any) -> NodeProto:
    return helper.make_node(operator, inputs.split(), outputs.split(), domain=domain, **attributes)


def network(x: str = "x", y: str = "y") -> list[NodeProto]:
    return [node("Gemm", f"{x} w1 b1", "m"), node("Relu", "m", "r"), node("Gemm", "r w2 b2", y)]


def write(
    tmp_path: Path,
    nodes: Sequence[NodeProto],
    *,
    constants: dict[str, Any] | None = None,
    inputs: dict[str, Axes] | None = None,
    output: tuple[str, Axes] = ("y", ["N", 1]),
    kind: int = TensorProto.FLOAT,
    opsets: dict[str, int] | None = None,
    functions: Sequence[FunctionProto] = (),
    sidecar: dict[str, Any] | None = None,
) -> Path:
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(n, kind, axes) for n, axes in (inputs or {"x": ["N", 6]}).items()],
        [helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in (WEIGHTS if constants is None else constants).items()],
    )
    sets = [helper.make_opsetid(*one) for one in (opsets or {"": 13}).items()]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8, functions=list(functions))
    path = tmp_path / "theirs.onnx"
    onnx.save(model, path)
    given = {"features": list(CANONICAL)} if sidecar is None else sidecar
    path.with_suffix(".json").write_text(json.dumps(given), encoding="utf-8")
    return path


def adopted(path: Path) -> AdoptedModel:
    feed = describe_feed(path, lambda _: CANONICAL_FEATURES, None, input_names(hold(path)))
    return adopt(read_original(path, len(feed.features)), feed, CANONICAL)


def judged(path: Path, scores: Any = SCORES) -> AdoptedModel:
    """Adopted, and it gives those scores."""
    one = adopted(path)
    assert contract.faults(one.data) == []
    np.testing.assert_allclose(OnnxRuntimeCpu(one.data).run(ROWS), scores, atol=1e-3)
    np.testing.assert_allclose(original_scorer(one, CANONICAL)(ROWS), scores, atol=1e-3)
    return one


def test_keras(tmp_path: Path) -> None:
    """By tf2onnx: slashes and `:0` in names, weights transposed in the graph, a Squeeze at the end."""
    nodes = [
        node("Transpose", "w1t", "sequential/dense/MatMul/ReadVariableOp:0", perm=[1, 0]),
        node("MatMul", "input_1:0 sequential/dense/MatMul/ReadVariableOp:0", "sequential/dense/MatMul:0"),
        node("Add", "sequential/dense/MatMul:0 b1", "sequential/dense/BiasAdd:0"),
        node("Relu", "sequential/dense/BiasAdd:0", "sequential/dense/Relu:0"),
        node("MatMul", "sequential/dense/Relu:0 w2", "sequential/dense_1/MatMul:0"),
        node("Add", "sequential/dense_1/MatMul:0 b2", "sequential/dense_1/BiasAdd:0"),
        node("Squeeze", "sequential/dense_1/BiasAdd:0 axes", "Identity:0"),
    ]
    constants = WEIGHTS | {"w1t": W1.T.copy(), "axes": np.array([-1])}
    inputs: dict[str, Axes] = {"input_1:0": ["unk__5", 6]}
    judged(write(tmp_path, nodes, constants=constants, inputs=inputs, output=("Identity:0", ["unk__6"])))


def test_keras_normalization_is_found(tmp_path: Path) -> None:
    """Its layer divides by max(sqrt(variance), epsilon), unfolded."""
    nodes = [
        node("Sub", "x mean", "s"),
        node("Sqrt", "variance", "root"),
        node("Max", "root epsilon", "std"),
        node("Div", "s std", "z"),
        *network("z"),
    ]
    constants = {"mean": np.full((1, 6), 0.5, np.float32), "variance": np.full((1, 6), 0.04, np.float32)}
    path = write(tmp_path, nodes, constants=WEIGHTS | constants | {"epsilon": np.float32(1e-7)})
    assert graph_normalises(onnx.load(path).graph, [0.5] * 6, [0.2] * 6)


def test_inputs_called_as_features_with_tensorflows_suffix(tmp_path: Path) -> None:
    names = [f"integer_{name}:0" for name in reversed(CANONICAL)]
    nodes = [node("Concat", " ".join(names), "c", axis=1), node("Gather", "c order", "x", axis=1), *network()]
    constants = WEIGHTS | {"order": np.arange(6)[::-1].copy()}
    judged(write(tmp_path, nodes, constants=constants, inputs=dict.fromkeys(names, ("N", 1)), sidecar={}))


@pytest.mark.parametrize("batch", ["DynamicDimension.0", -1, 0, None])
def test_paddle(batch: Any, tmp_path: Path) -> None:
    """Weights are Constant nodes. A batch of -1, as older exporters write, or of 0 is one of any size."""
    weights = [node("Constant", "", name, value=numpy_helper.from_array(value)) for name, value in WEIGHTS.items()]
    for one in weights:
        del one.input[:]
    path = write(
        tmp_path,
        [*weights, *network(), node("Identity", "y", "save_infer_model/scale_0.tmp_0")],
        constants={},
        inputs={"x": [batch, 6]},
        output=("save_infer_model/scale_0.tmp_0", [batch, 1]),
        opsets={"": 11},
    )
    judged(path)


@pytest.mark.parametrize("how", ["size", "slice"])
def test_a_shape_that_is_computed_from_the_number_of_frames(how: str, tmp_path: Path) -> None:
    """As `x.view(x.size(0), -1)` of PyTorch, and TensorFlow's Shape, StridedSlice and Pack, are exported."""
    size = [node("Gather", "shape zero", "n"), node("Unsqueeze", "n first", "n1")]
    if how == "slice":
        size = [node("Cast", "shape", "s32", to=TensorProto.INT32), node("Slice", "s32 first second first", "p")]
        size.append(node("Cast", "p", "n1", to=TensorProto.INT64))
    nodes = [
        node("Gemm", "x w1 b1", "m"),
        node("Relu", "m", "r"),
        node("Shape", "r", "shape"),
        *size,
        node("Concat", "n1 rest", "wanted", axis=0),
        node("Reshape", "r wanted", "r2"),
        node("Gemm", "r2 w2 b2", "y"),
    ]
    numbers = {"zero": np.array(0), "first": np.array([0]), "second": np.array([1]), "rest": np.array([-1])}
    one = judged(write(tmp_path, nodes, constants=WEIGHTS | numbers))
    assert any(sentence.startswith("shapes that it computes") for sentence in one.sentences)
    assert not {"Shape", "Concat"} & {n.op_type for n in onnx.load_model_from_string(one.data).graph.node}


def function(name: str, inputs: str, nodes: Sequence[NodeProto]) -> FunctionProto:
    sets = [helper.make_opsetid("", 18), helper.make_opsetid("pkg", 1)]
    return helper.make_function("pkg", name, inputs.split(), ["out"], list(nodes), sets)


def test_functions_of_its_own_are_written_out(tmp_path: Path) -> None:
    """As torch's exporter wrote modules for some versions; one calls another."""
    linear = function("linear", "a w b", [node("MatMul", "a w", "z"), node("Add", "z b", "out")])
    layer = function("layer", "a w b", [node("linear", "a w b", "z", "pkg"), node("Relu", "z", "out")])
    nodes = [node("layer", "x w1 b1", "r", "pkg"), node("linear", "r w2 b2", "y", "pkg")]
    one = judged(write(tmp_path, nodes, functions=[linear, layer], opsets={"": 18, "pkg": 1}))
    assert "its own functions written out" in one.sentences


def test_functions_that_stand_for_millions_of_nodes_are_refused(tmp_path: Path) -> None:
    """Before anything writes them out. So is one that calls itself."""
    deep = [function("f0", "a", [node("Neg", "a", "out")])]
    for i in range(1, 24):
        calls = [node(f"f{i - 1}", "a", "b", "pkg"), node(f"f{i - 1}", "b", "out", "pkg")]
        deep.append(function(f"f{i}", "a", calls))
    for made, called, says in (
        (deep, "f23", "its functions stand for more than 500 nodes"),
        ([function("f", "a", [node("f", "a", "out", "pkg")])], "f", "calls itself"),
    ):
        path = write(tmp_path, [node(called, "x", "y", "pkg")], functions=made, opsets={"": 18, "pkg": 1})
        with pytest.raises(ModelError, match=says):
            adopted(path)


def test_scikit_learns_variable_and_names_in_other_scripts(tmp_path: Path) -> None:
    """skl2onnx calls the output `variable`; names and metadata may be of any script."""
    of = {"offsets": [0.5] * 6, "scales": [5.0] * 6}
    nodes = [
        node("Scaler", "输入", "v1", ML, offset=of["offsets"], scale=of["scales"]),
        node("LinearRegressor", "v1", "variable", ML, coefficients=[1.0] * 6, intercepts=[50.0], targets=1),
    ]
    path = write(
        tmp_path,
        nodes,
        constants={},
        inputs={"输入": [None, 6]},
        output=("variable", [None, 1]),
        opsets={ML: 1, "": 12},
        sidecar={"features": list(CANONICAL), "作者": "张三"},
    )
    model = onnx.load(path)
    model.metadata_props.add(key="说明", value="视频质量")
    onnx.save(model, path)
    judged(path, 50 + ((ROWS - 0.5) * 5).sum(axis=1))


def four(nodes: list[NodeProto]) -> Callable[[Path], Path]:
    return lambda folder: write(folder, nodes, inputs={"x": ["N", 6, 1, 1]})


@pytest.mark.parametrize(
    ("make", "says", "hint"),
    [
        (four([node("Flatten", "x", "f", axis=1), *network("f")]), "has rank 4", "featureInputLayer in MATLAB"),
        (
            lambda folder: write(
                folder, [node("Transpose", "x", "t", perm=[1, 0]), *network("t")], inputs={"x": [6, "N"]}
            ),
            r"is \[features, frames\]; a candidate takes \[frames, features\]",
            "",
        ),
        (
            lambda folder: write(folder, [node("Cast", "x", "f", to=1), *network("f")], kind=TensorProto.UINT8),
            "is UINT8; a candidate has float32, float64 or float16",
            "",
        ),
        (
            lambda folder: write(
                folder, [node("Shape", "x", "s"), node("Cast", "s", "c", to=1), node("ReduceSum", "c", "y", keepdims=1)]
            ),
            "what is computed from it is not known before it runs",
            "reshape to constants and one -1",
        ),
        (
            lambda folder: write(
                folder,
                [node("Imputer", "x", "i", ML, imputed_value_floats=[0.5] * 6), *network("i")],
                opsets={"": 13, ML: 1},
            ),
            r"\(Imputer\) is not of an allowed operator",
            "",
        ),
    ],
    ids=["matlab", "columns first", "integers", "shape", "imputer"],
)
def test_what_cannot_be_judged_is_refused(make: Callable[[Path], Path], says: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=says) as raised:
        adopted(make(tmp_path))
    assert hint in str(raised.value.hint or "")


@pytest.mark.parametrize(("data", "why"), [(b"", "the file is empty"), (b"hello", "not an ONNX file")])
def test_a_file_that_is_no_model_is_told_before_its_sidecar_is_missed(data: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=why):
        adopted(path)
