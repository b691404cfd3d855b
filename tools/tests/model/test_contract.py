"""A file that does not keep the model contract is refused by looking at it, and the reason names what and where."""

import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.model import contract, registry
from tinyvmaf.model.contract import faults, file_faults

FLOAT, DOUBLE, FLOAT16, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT64
ROWS, SCORES = ["N", 4], ["N", 1]
node = helper.make_node


def value(name: str, shape: Sequence[object] | None, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def build(nodes: Sequence[NodeProto], weights: dict[str, object] | None = None) -> ModelProto:
    """A model from `features` [N, 4] to `score` [N, 1]."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "g", [value("features", ROWS)], [value("score", SCORES)], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def linear() -> ModelProto:
    """The smallest model that keeps the contract."""
    return build([node("MatMul", ["features", "w"], ["score"], name="layer")], {"w": np.ones((4, 1), np.float32)})


def behind(nodes: Sequence[NodeProto], weights: dict[str, object] | None = None) -> ModelProto:
    """Nodes that make `x` of `features`, in front of the smallest model."""
    weights = {"w": np.ones((4, 1), np.float32)} | (weights or {})
    return build([*nodes, node("MatMul", ["x", "w"], ["score"], name="layer")], weights)


def dumps(model: ModelProto) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


def weight(model: ModelProto) -> TensorProto:
    return model.graph.initializer[0]


MLP = {
    "a": np.ones((16, 4), np.float32),
    "b": np.zeros(16, np.float32),
    "c": np.ones((16, 1), np.float32),
    "low": np.float32(0),
    "high": np.float32(100),
}
SOUND = {
    "linear": linear(),
    "mlp": build(
        [
            node("Gemm", ["features", "a", "b"], ["h"], transB=1),
            node("Sigmoid", ["h"], ["gate"]),
            node("Mul", ["h", "gate"], ["z"]),
            node("MatMul", ["z", "c"], ["y"]),
            node("Clip", ["y", "low", "high"], ["score"]),
        ],
        MLP,
    ),
    "float16_weights": behind(
        [node("Cast", ["v"], ["v32"], to=FLOAT), node("Mul", ["features", "v32"], ["x"])], {"v": np.ones(4, np.float16)}
    ),
    "int8_weights": behind(
        [node("Cast", ["v"], ["v32"], to=FLOAT), node("Mul", ["features", "v32"], ["x"])], {"v": np.ones(4, np.int8)}
    ),
    "constants": behind(
        [
            node("Constant", [], ["axis"], value_ints=[1]),
            node("Constant", [], ["k"], value_float=2.0),
            node("ReduceMean", ["features"], ["mean"], axes=[1]),
            node("Mul", ["mean", "k"], ["m"]),
            node("Squeeze", ["m", "axis"], ["flat"]),
            node("Unsqueeze", ["flat", "axis"], ["column"]),
            node("Add", ["column", "features"], ["x"]),
        ]
    ),
    "attention_over_frames": behind(
        [
            node("MatMul", ["features", "w"], ["logit"]),
            node("Softmax", ["logit"], ["share"], axis=0),
            node("Transpose", ["share"], ["row"]),
            node("MatMul", ["row", "features"], ["pooled"]),
            node("Add", ["pooled", "features"], ["x"]),
        ]
    ),
    "reshape_that_keeps_frames": behind([node("Reshape", ["features", "to"], ["x"])], {"to": np.array([0, -1])}),
}


@pytest.mark.parametrize("model", SOUND.values(), ids=SOUND)
def test_what_keeps_the_contract_has_no_fault(model: ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(dumps(model))
    assert faults(dumps(model)) == file_faults(path) == []


def test_the_registered_models_keep_it() -> None:
    assert not [fault for entry in registry.entries() for fault in file_faults(entry.onnx)]


def test_every_allowed_operator_is_one_of_the_operator_set() -> None:
    for operator in contract.OPERATORS:
        assert not onnx.defs.get_schema(operator, contract.OPSET, "").deprecated


def refused(model: ModelProto | bytes, *reasons: str) -> None:
    """Each reason, a regular expression, is in a fault."""
    found = "\n".join(faults(model if isinstance(model, bytes) else dumps(model)))
    for reason in reasons:
        assert re.search(reason, found), found or "no fault"


# Operators and subgraphs.


@pytest.mark.parametrize("operator", ["RandomNormalLike", "Dropout", "NonZero", "CumSum", "NoSuchOperator"])
def test_an_operator_off_the_list_is_refused_by_name(operator: str) -> None:
    refused(behind([node(operator, ["features"], ["x"], name="odd")]), rf"node 'odd' \({operator}\) is not of an allow")


def test_a_custom_domain_is_refused_in_the_imports_and_in_the_node() -> None:
    model = behind([node("Gelu", ["features"], ["x"], domain="com.microsoft")])
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    refused(model, r"node 'x' \(Gelu\) is of the domain 'com\.microsoft'", "operator sets: .*'com.microsoft' version 1")


def subgraphs() -> dict[str, NodeProto]:
    scalar, flag = value("s", []), value("keep", [], TensorProto.BOOL)
    branch = helper.make_graph([node("Identity", ["features"], ["y"])], "branch", [], [value("y", ROWS)])
    step = [value("i", [], INT64), value("go", [], TensorProto.BOOL), value("state", ROWS)]
    body = helper.make_graph(
        [node("Identity", ["go"], ["keep"]), node("Relu", ["state"], ["y"])], "body", step, [flag, value("y", ROWS)]
    )
    scan = helper.make_graph([node("Relu", ["row"], ["s"])], "scan", [value("row", [4])], [scalar])
    return {
        "If": node("If", ["condition"], ["x"], then_branch=branch, else_branch=branch),
        "Loop": node("Loop", ["count", "condition", "features"], ["x"], body=body),
        "Scan": node("Scan", ["features"], ["x"], body=scan, num_scan_inputs=1),
    }


@pytest.mark.parametrize("operator", ["If", "Loop", "Scan"])
def test_control_flow_is_refused_by_operator_and_by_subgraph(operator: str) -> None:
    model = behind([subgraphs()[operator]], {"condition": np.array(True), "count": np.array(10**9)})
    refused(model, rf"node 'x' \({operator}\) is not of an allowed", rf"'x' \({operator}\) has a field g, .* subgraph")


def test_a_subgraph_hidden_in_an_allowed_operator_is_refused() -> None:
    model = linear()
    hidden = model.graph.node[0].attribute.add(name="alpha", type=onnx.AttributeProto.FLOAT, f=1.0)
    hidden.graphs.add(name="hidden")
    refused(model, r"attribute 'alpha' of node 'layer' \(MatMul\) has a field graphs, .* subgraph")


def test_model_local_functions_are_refused() -> None:
    model = linear()
    model.functions.append(
        helper.make_function("own", "F", ["a"], ["b"], [node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 17)])
    )
    refused(model, "the model has a field functions, which is refused: model-local functions hide operators")


def test_fields_that_nobody_looks_at_are_refused() -> None:
    training = linear()
    training.training_info.add()
    refused(training, "field training_info")
    quantised = linear()
    quantised.graph.quantization_annotation.add(tensor_name="w")
    refused(quantised, "the graph has a field quantization_annotation, which is refused: nobody has looked")
    placed = linear()
    placed.graph.node[0].device_configurations.add()
    refused(placed, r"node 'layer' \(MatMul\) has a field device_configurations")
    payload = b"\xc2\x3e\x05hello"  # field 1000, of bytes
    refused(dumps(linear()) + payload, "8 bytes are in fields that onnx .* does not know")


# Versions.


@pytest.mark.parametrize(
    ("opsets", "said"),
    [
        ([], "none"),
        ([("", 16)], "'' version 16"),
        ([("", 18)], "'' version 18"),
        ([("", -1)], "'' version -1"),
        ([("", 17), ("", 17)], "'' version 17, '' version 17"),
        ([("", 17), ("", 13)], "'' version 17, '' version 13"),
        ([("ai.onnx.ml", 3)], "'ai.onnx.ml' version 3"),
        ([("", 17), ("a\nb", 1)], r"'' version 17, 'a\\nb' version 1"),
    ],
)
def test_exactly_one_operator_set_is_allowed(opsets: list[tuple[str, int]], said: str) -> None:
    model = linear()
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*opset) for opset in opsets)
    refused(model, rf"operator sets: {said}; the contract is '' \(ONNX's own\) version 17")


@pytest.mark.parametrize("version", [-1, 0, 3, 11, 2**62])
def test_an_ir_version_out_of_range_is_refused(version: int) -> None:
    model = linear()
    model.ir_version = version
    refused(model, f"IR version {version} is not one of 4 to 10")


@pytest.mark.parametrize("version", contract.IR_VERSIONS)
def test_every_ir_version_in_range_is_read(version: int) -> None:
    model = linear()
    model.ir_version = version
    assert not faults(dumps(model))


# Data.


def external(tensor: TensorProto, location: str | None) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    if location is not None:
        tensor.external_data.add(key="location", value=location)


OUTSIDE = ["../w.bin", "a/../../w.bin", "/etc/passwd", r"..\w.bin", r"C:\w.bin", r"\\host\share\w.bin"]


@pytest.mark.parametrize("location", ["w.bin", "data/w.bin", *OUTSIDE])
def test_external_data_is_refused_with_its_location(location: str, tmp_path: Path) -> None:
    """Also where the file is at hand, and whether it leads out of the folder is said."""
    if location not in OUTSIDE:
        (tmp_path / location).parent.mkdir(exist_ok=True)
        (tmp_path / location).write_bytes(bytes(16))
    model = linear()
    external(weight(model), location)
    path = tmp_path / "m.onnx"
    path.write_bytes(dumps(model))
    (found,) = file_faults(path)
    assert found.startswith(f"initializer 'w' has external data in {location!r}")
    assert ("which leads out of the model's folder" in found) is (location in OUTSIDE)


def test_external_data_is_found_wherever_a_tensor_is() -> None:
    attribute = behind(
        [
            node("Constant", [], ["k"], value=helper.make_tensor("k", FLOAT, [1], [1.0])),
            node("Add", ["features", "k"], ["x"]),
        ]
    )
    external(attribute.graph.node[0].attribute[0].t, "../k.bin")
    refused(
        attribute, r"attribute 'value' of node 'k' \(Constant\) has external data in '\.\./k\.bin', which leads out"
    )
    several = linear()
    several.graph.node[0].attribute.add(name="t", type=onnx.AttributeProto.TENSORS).tensors.add(dims=[1], data_type=1)
    external(several.graph.node[0].attribute[0].tensors[0], "t.bin")
    refused(several, "attribute 't' of node 'layer' .* has external data in 't.bin'")
    sparse = linear()
    sparse.graph.sparse_initializer.add(dims=[4]).values.CopyFrom(TensorProto(name="s", dims=[1], data_type=1))
    external(sparse.graph.sparse_initializer[0].values, "s.bin")
    refused(sparse, "the graph has a field sparse_initializer", "sparse initializer 's' has external data in 's.bin'")
    nowhere = linear()
    external(weight(nowhere), None)
    refused(nowhere, "initializer 'w' has external data without a location")


def test_sparse_tensors_are_refused_without_any_external_data() -> None:
    values = helper.make_tensor("s", FLOAT, [1], [1.0])
    sparse = helper.make_sparse_tensor(values, helper.make_tensor("i", INT64, [1], [0]), [4])
    model = linear()
    model.graph.sparse_initializer.append(sparse)
    refused(model, "field sparse_initializer, which is refused: not every engine has sparse tensors")
    refused(
        behind([node("Constant", [], ["k"], sparse_value=sparse), node("Add", ["features", "k"], ["x"])]),
        "attribute 'sparse_value' of node 'k' .* has a field sparse_tensor",
    )


def test_a_file_of_200_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    tracemalloc.start()
    found = file_faults(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == ["200000000 bytes is no tiny model: the largest tier ends below 1000000 bytes; it was not read"]
    assert peak < 1_000_000


def test_the_limit_is_the_largest_tiers(tmp_path: Path) -> None:
    model = linear()
    model.doc_string = " " * (999_999 - len(dumps(model)) - 4)  # its tag, and 3 bytes for its length
    assert len(dumps(model)) == 999_999
    assert not faults(dumps(model))
    model.doc_string += " "
    path = tmp_path / "m.onnx"
    path.write_bytes(dumps(model))
    for found in (faults(dumps(model)), file_faults(path)):
        assert found[0].startswith("1000000 bytes is no tiny model")


@pytest.mark.parametrize("dims", [[50_000_000], [2**31, 2**31], [2**62] * 8, [1000, 1000]])
def test_dimensions_that_no_small_file_can_hold_are_refused(dims: list[int]) -> None:
    """Nobody may be made to allocate 200 MB, or more than there is, by 100 bytes."""
    model = linear()
    weight(model).dims[:] = dims
    refused(model, r"initializer 'w' declares \[.*\], \d+ elements, which no file below 1000000 bytes can hold")


def test_dimensions_may_not_add_up_either() -> None:
    model = linear()
    for i in range(4):
        model.graph.initializer.add(name=f"v{i}", dims=[300_000], data_type=FLOAT)
    refused(model, "all tensors together declare 1200004 elements")


@pytest.mark.parametrize(
    ("dims", "reason"),
    [
        ([4, 2], r"declares \[4, 2\], which is 32 bytes, and holds 16"),
        ([], r"declares \[\], which is 4 bytes"),
        ([0], r"declares \[0\], which is 0 bytes, and holds 16"),
        ([-4, -1], ".*, with a negative dimension"),
        ([1] * 9, "declares 9 dimensions"),
        ([2**62] * 50_000, "declares 50000 dimensions"),
    ],
)
def test_dimensions_agree_with_the_bytes(dims: list[int], reason: str) -> None:
    model = linear()
    weight(model).dims[:] = dims
    refused(model, f"initializer 'w' {reason}")


def test_elements_are_where_their_type_has_them() -> None:
    typed, twice, elsewhere, text, segment = (linear() for _ in range(5))
    weight(typed).CopyFrom(TensorProto(name="w", dims=[4, 1], data_type=FLOAT, float_data=[1.0] * 3))
    refused(typed, r"initializer 'w' declares \[4, 1\], which is 4 elements, and holds 3")
    weight(twice).float_data.extend([1.0] * 4)
    refused(twice, "initializer 'w' holds its elements twice, in raw_data and in float_data")
    weight(elsewhere).int64_data.extend([1] * 4)
    refused(elsewhere, "initializer 'w' has int64_data; elements of its type are in raw_data or float_data")
    weight(text).CopyFrom(helper.make_tensor("w", TensorProto.STRING, [4, 1], [b"1"] * 4))
    refused(text, "initializer 'w' has element type STRING")
    weight(segment).segment.begin = 0
    refused(segment, "initializer 'w' has segment")
    weight(segment).data_type = 99
    refused(segment, "initializer 'w' has element type number 99")


@pytest.mark.parametrize("wrong", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("raw", [True, False], ids=["raw_data", "typed_field"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_a_weight_that_is_not_finite_is_named_with_its_place(dtype: type, raw: bool, wrong: str) -> None:
    array = np.ones((4, 3), dtype)
    array[2, 1] = array[3, 0] = float(wrong)
    tensor = numpy_helper.from_array(array, "v")
    if not raw:
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        held = array.view(np.uint16) if dtype is np.float16 else array
        field = {np.float32: "float_data", np.float64: "double_data", np.float16: "int32_data"}[dtype]
        tensor = TensorProto(name="v", dims=[4, 3], data_type=kind, **{field: held.ravel().tolist()})
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), array)
    model = linear()
    model.graph.initializer.append(tensor)
    refused(model, rf"initializer 'v' holds {wrong} at \[2, 1\]; 2 of its 12 values are not finite")


@pytest.mark.parametrize("attribute", ["value", "value_float", "value_floats"])
def test_a_constant_that_is_not_finite_is_refused(attribute: str) -> None:
    held = {
        "value": numpy_helper.from_array(np.array(np.nan, np.float32)),
        "value_float": float("nan"),
        "value_floats": [1.0, float("inf")],
    }[attribute]
    model = behind([node("Constant", [], ["k"], **{attribute: held}), node("Add", ["features", "k"], ["x"])])
    refused(model, rf"attribute '{attribute}' of node 'k' \(Constant\) holds (a value that is not finite|nan at \[\])")


# Inputs and outputs.


def rename(model: ModelProto, old: str, new: str) -> None:
    for held in (*model.graph.input, *model.graph.output):
        if held.name == old:
            held.name = new
    for made in model.graph.node:
        made.input[:] = [new if name == old else name for name in made.input]
        made.output[:] = [new if name == old else name for name in made.output]


@pytest.mark.parametrize(("kind", "name"), [("input", "features"), ("output", "score")])
def test_the_names_are_the_contracts(kind: str, name: str) -> None:
    model = linear()
    rename(model, name, "data_0")
    refused(model, f"the {kind} is called 'data_0'; the contract is '{name}'")


@pytest.mark.parametrize("kind", ["input", "output"])
def test_there_is_one_input_and_one_output(kind: str) -> None:
    more, none = linear(), linear()
    getattr(more.graph, kind).append(value("other", ROWS))
    refused(more, f"the graph has 2 {kind}s; the contract is one")
    del getattr(none.graph, kind)[:]
    refused(none, f"the graph has 0 {kind}s; the contract is one")


INPUTS = {
    "is of element type DOUBLE": value("features", ROWS, DOUBLE),
    "is of element type FLOAT16": value("features", ROWS, FLOAT16),
    "is of element type number 77": value("features", ROWS, 77),
    "has rank 1": value("features", ["N"]),
    "has rank 3": value("features", ["N", 4, 1]),
    "has rank 0": value("features", []),
    "has no shape": value("features", None),
    "has a fixed batch of 1, so clips of another length do not fit": value("features", [1, 4]),
    "has a batch without a symbol, so clips of another length do not fit": value("features", [None, 4]),
    "has an unknown number of columns, and 1 to 64 are allowed": value("features", ["N", "F"]),
    "has 65 columns, and 1 to 64 are allowed": value("features", ["N", 65]),
    "has 1099511627776 columns, and 1 to 64 are allowed": value("features", ["N", 2**40]),
    "is a sequence_type, not a tensor": helper.make_tensor_sequence_value_info("features", FLOAT, ROWS),
    "is a value without a type, not a tensor": onnx.ValueInfoProto(name="features"),
}
OUTPUTS = {
    "is of element type DOUBLE": value("score", SCORES, DOUBLE),
    "has rank 1": value("score", ["N"]),
    "has 2 columns": value("score", ["N", 2]),
    "has an unknown number of columns": value("score", ["N", "M"]),
    "has a fixed batch of 1, so clips of another length do not fit": value("score", [1, 1]),
}


@pytest.mark.parametrize("reason", INPUTS)
def test_an_input_of_another_type_is_refused(reason: str) -> None:
    model = linear()
    model.graph.input[0].CopyFrom(INPUTS[reason])
    assert f"input 'features' {reason}; the contract is float32 [N, F], N symbolic" in faults(dumps(model))


@pytest.mark.parametrize("reason", OUTPUTS)
def test_an_output_of_another_type_is_refused(reason: str) -> None:
    model = linear()
    model.graph.output[0].CopyFrom(OUTPUTS[reason])
    assert f"output 'score' {reason}; the contract is float32 [N, 1], N symbolic" in faults(dumps(model))


def test_batch_symbols_that_differ_are_refused() -> None:
    model = linear()
    model.graph.output[0].CopyFrom(value("score", ["M", 1]))
    refused(model, "input and output have the batch symbols 'N' and 'M'")


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        (
            [node("ReduceMean", ["features"], ["score"])],
            r"output 'score' comes out as \[1, 1\], not as the \[N, 1\] that",
        ),
        ([node("Identity", ["w"], ["score"])], r"output 'score' comes out as \[4, 1\], not as the \[N, 1\] that"),
        ([node("Identity", ["features"], ["score"])], r"onnx\.checker.* differ in dimension 1: \(4\) vs \(1\)"),
    ],
    ids=["mean over frames", "constant", "features"],
)
def test_an_output_that_comes_out_otherwise_than_declared_is_refused(nodes: list[NodeProto], reason: str) -> None:
    refused(build(nodes, {"w": np.ones((4, 1), np.float32)}), reason)


def test_an_initializer_that_is_an_input_too_is_refused() -> None:
    model = linear()
    model.graph.input.append(value("w", [4, 1]))
    refused(model, "initializer 'w' is an input too, so a caller could replace it")


def test_an_initializer_that_is_there_twice_is_refused() -> None:
    model = linear()
    model.graph.initializer.append(weight(model))
    refused(model, "initializer 'w' is there twice")


# What the checker finds, and what a run would cost.


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (
            behind([node("Add", ["features", "b"], ["a"]), node("Add", ["a", "a"], ["b"]), node("Relu", ["b"], ["x"])]),
            "topologically sorted",
        ),
        (behind([node("Add", ["features", "nowhere"], ["x"])]), "'nowhere' of node"),
        (behind([node("Relu", ["features"], ["x"]), node("Tanh", ["features"], ["x"])]), "x.* has been used as output"),
        (behind([node("Relu", ["features"], ["x"], slope=1.0)]), "Unrecognized attribute: slope"),
        (behind([node("MatMul", ["features", "k"], ["x"])], {"k": np.ones((5, 4), np.float32)}), "ncompatible dim"),
        (behind([node("Add", ["features", "k"], ["x"])], {"k": np.ones(4)}), "type"),
        (build([]), "score"),
    ],
    ids=["cycle", "missing value", "value made twice", "unknown attribute", "shapes", "types", "no node"],
)
def test_what_the_checker_refuses_is_refused_in_its_words(model: ModelProto, reason: str) -> None:
    refused(model, f"onnx.checker refuses it: .*{reason}")


def test_a_chain_of_1000_nodes_is_refused() -> None:
    names = ["features", *(f"t{i}" for i in range(999)), "x"]
    model = behind([node("Tanh", [a], [b]) for a, b in pairwise(names)])
    refused(model, "the graph has 1001 nodes, and 500 are allowed")


SQUARE = [
    node("Transpose", ["features"], ["t"]),
    node("MatMul", ["features", "t"], ["pairs"], name="gram"),
    node("MatMul", ["pairs", "features"], ["x"]),
]


def test_memory_in_the_square_of_the_frames_is_refused() -> None:
    refused(behind(SQUARE), r"node 'gram' \(MatMul\): 'pairs' is \[N, N\]: its size is the square of a clip's frames")


def test_what_a_file_declares_of_its_values_is_not_believed() -> None:
    """Shape inference takes a declared length where it has a symbol, or nothing, of its own."""
    square = behind(SQUARE)
    square.graph.value_info.append(value("pairs", ["N", 4]))
    refused(square, r"'pairs' is \[N, N\]: its size is the square of a clip's frames")
    unknown = behind([node("Reshape", ["features", "to"], ["x"])], {"to": np.array([-1, 4])})
    unknown.graph.value_info.append(value("x", ROWS))
    refused(unknown, "'x' is .* with an axis whose length cannot be told")


def test_weights_that_multiply_into_32_gb_are_refused() -> None:
    column, row = np.ones((90_000, 1), np.float32), np.ones((1, 90_000), np.float32)
    model = behind(
        [
            node("MatMul", ["column", "row"], ["big"]),
            node("ReduceMean", ["big"], ["one"]),
            node("Add", ["features", "one"], ["x"]),
        ],
        {"column": column, "row": row},
    )
    refused(model, r"node 'big' \(MatMul\): 'big' is \[90000, 90000\]; 100000 values a frame, on 8 axes, are allowed")


def test_an_axis_whose_length_cannot_be_told_is_refused_with_what_to_do() -> None:
    """Its length may be that of all features of all frames, and multiply from there."""
    model = behind([node("Reshape", ["features", "to"], ["x"])], {"to": np.array([-1, 4])})
    refused(model, r"'x' is \[\w+, 4\], with an axis whose .*; a Reshape that keeps the frames says 0 for them, not -1")


def test_the_declared_length_of_the_output_is_not_believed_either() -> None:
    model = build(
        [node("MatMul", ["features", "w"], ["y"]), node("Reshape", ["y", "to"], ["score"])],
        {"w": np.ones((4, 1), np.float32), "to": np.array([-1, 1])},
    )
    refused(model, r"'score' is \[\w+, 1\], with an axis whose length cannot be told")


def test_a_value_of_unknown_or_of_high_rank_is_refused() -> None:
    refused(behind([node("Squeeze", ["features"], ["x"])]), "'x' has a shape that cannot be told before it runs")
    axes = np.arange(2, 10)
    model = behind(
        [node("Unsqueeze", ["features", "axes"], ["deep"]), node("Squeeze", ["deep", "axes"], ["x"])], {"axes": axes}
    )
    refused(model, r"'deep' is \[N, 4(, 1){8}\]; 100000 values a frame, on 8 axes, are allowed")


def test_a_reshape_to_a_petabyte_costs_nothing_to_refuse() -> None:
    """Shape inference that fills in constants asked for the memory of this one."""
    model = behind(
        [
            node("ReduceMean", ["features"], ["m"], axes=[1]),
            node("Reshape", ["m", "to"], ["huge"]),
            node("Squeeze", ["huge", "one"], ["s"]),
            node("Unsqueeze", ["s", "one"], ["u"]),
            node("Gather", ["u", "at"], ["x"], axis=1),
        ],
        {"to": np.array([2**47, -1]), "one": np.array([1]), "at": np.array([0] * 4)},
    )
    refused(model, "node 'huge' .* cannot be told before it runs")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda g: g.node.extend(NodeProto() for _ in range(300_000)), "300001 nodes"),
        (lambda g: g.initializer.extend(TensorProto() for _ in range(300_000)), "300001 initializers"),
        (lambda g: g.value_info.extend(onnx.ValueInfoProto() for _ in range(300_000)), "300000 declared values"),
        (lambda g: g.node[0].attribute.extend(onnx.AttributeProto() for _ in range(300_000)), "300000 attributes"),
        (lambda g: g.input.extend(onnx.ValueInfoProto() for _ in range(300_000)), "300001 inputs"),
        (lambda g: g.sparse_initializer.extend(onnx.SparseTensorProto() for _ in range(300_000)), "sparse_initializer"),
        (lambda g: g.node[0].attribute.add().tensors.extend(TensorProto() for _ in range(300_000)), "field tensors"),
    ],
    ids=["nodes", "initializers", "value_info", "attributes", "inputs", "sparse", "tensors"],
)
def test_a_file_of_very_many_parts_is_refused_soon(spoil: Callable[[onnx.GraphProto], None], reason: str) -> None:
    model = linear()
    spoil(model.graph)
    refused(model, reason)


# Bytes that are no model.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "^the file is empty$"),
        (b"not a model", "it is not an ONNX file, or not all of one"),
        (b"\x08\x08", "operator sets: none"),
        (b"\x00" * 100, "it is not an ONNX file"),
        (b"\x3a\xff\xff\xff\xff\x07", "it is not an ONNX file"),
    ],
    ids=["empty", "text", "header only", "zeros", "length of 2 GB"],
)
def test_what_is_no_model_is_refused(data: bytes, reason: str) -> None:
    refused(data, reason)


@pytest.mark.parametrize("model", SOUND.values(), ids=SOUND)
def test_no_part_of_a_file_is_taken_for_the_whole(model: ModelProto) -> None:
    whole = dumps(model)
    taken = [n for n in range(len(whole)) if not faults(whole[:n])]
    assert not taken


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_a_registered_file_cut_anywhere_is_refused_or_computes_the_same(data: st.DataObject) -> None:
    """Behind its graph and operator set stands metadata only, and that it is missing is for the registry's hash."""
    whole = registry.find("vmaf_v0.6.1_svr").onnx.read_bytes()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    if not faults(cut):
        ours, theirs = onnx.load_model_from_string(cut), onnx.load_model_from_string(whole)
        assert (ours.graph, list(ours.opset_import)) == (theirs.graph, list(theirs.opset_import))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_without_an_error(data: bytes) -> None:
    assert faults(data)


@settings(deadline=None, max_examples=500)
@given(st.sampled_from(list(SOUND)), st.data())
def test_bytes_changed_anywhere_never_raise(name: str, data: st.DataObject) -> None:
    content = bytearray(dumps(SOUND[name]))
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, byte in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] = byte
    assert all(isinstance(fault, str) and fault for fault in faults(bytes(content)))


def test_names_that_are_no_text_are_refused() -> None:
    data = dumps(linear())
    refused(data.replace(b"MatMul", b"Mat\xff\xfel"), r"Mat\\xff\\xfel")
    refused(data.replace(b"features", b"featur\xff\xff"), r"called b?'featur\\xff\\xff'")


def test_what_breaks_the_inspection_is_refused_too() -> None:
    """A location that is no text is not even a path."""
    model = linear()
    external(weight(model), "elsewhere")
    refused(
        dumps(model).replace(b"elsewhere", b"elsewh\xff\xff\xff"), "it cannot be inspected, and so is refused: Type"
    )


def test_a_long_or_hostile_name_does_not_flood_the_report() -> None:
    model = linear()
    model.graph.node[0].op_type = "\x1b[2J\n" * 10_000
    (found,) = [fault for fault in faults(dumps(model)) if "allowed operator" in fault]
    assert len(found) < 800
    assert "\x1b" not in found
    assert "\n" not in found


def test_twenty_faults_are_listed_and_the_rest_counted() -> None:
    model = behind([node("Odd", ["features"], ["x" if i == 0 else f"x{i}"]) for i in range(100)])
    found = faults(dumps(model))
    assert (len(found), found[-1]) == (21, "and 80 faults more")


# Files.


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        assert file_faults(path) == ["it is not a regular file, so reading it may never end"]


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    assert file_faults(tmp_path / "none") == ["it cannot be read: No such file or directory"]
    (found,) = file_faults(tmp_path / "a\0b")
    assert "it cannot be read: " in found
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "it cannot be read: " in file_faults(tmp_path / "loop")[0]


def test_the_sidecar_of_another_model_is_the_registrys_to_name(tmp_path: Path) -> None:
    """The contract is of the file alone: this one keeps it."""
    entry = registry.find("vmaf_v0.6.1_svr")
    described = {
        key: entry.sidecar()[key]
        for key in ("kind", "feature_order", "teacher", "engines", "training", "measured", "promised", "licence")
    }
    own = registry.register("own", dumps(linear()), described, "card", tmp_path)
    own.sidecar_path.write_bytes(entry.sidecar_path.read_bytes())
    assert not file_faults(own.onnx)
    found = "\n".join(registry.faults(own))
    assert f"id is '{entry.id}', registered as 'own'" in found
    assert "6 features, the graph takes 4" in found


def test_no_session_is_made_to_look_at_a_file(tmp_path: Path) -> None:
    """Not even the engine's library is loaded."""
    nan = linear()
    weight(nan).raw_data = np.full(4, np.nan, np.float32).tobytes()
    hostile = {
        "loop": dumps(behind([subgraphs()["Loop"]])),
        "nan": dumps(nan),
        "garbage": b"\x08\x08hostile",
        "square": dumps(behind(SQUARE)),
        "sound": dumps(linear()),
    }
    for name, data in hostile.items():
        (tmp_path / f"{name}.onnx").write_bytes(data)
    program = (
        "import sys\nfrom pathlib import Path\nfrom tinyvmaf.model import contract\n"
        "assert 'onnx' not in sys.modules\n"
        "found = {p.stem: contract.file_faults(p) for p in Path(sys.argv[1]).iterdir()}\n"
        "print(sorted(name for name in found if not found[name]), 'onnxruntime' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "['sound'] False"
