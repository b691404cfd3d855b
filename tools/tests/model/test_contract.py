"""A file that breaks the model contract is refused without running it. The reason says what is wrong and where."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, helper

from tinyvmaf.judge.kinds.interval import INTERVAL
from tinyvmaf.judge.kinds.regressor import REGRESSOR
from tinyvmaf.model import contract, registry
from tinyvmaf.model.contract import faults, file_faults

from .contract_samples import (
    DOUBLE,
    FLOAT,
    FLOAT16,
    ROWS,
    SCORES,
    SOUND,
    behind,
    build,
    dumps,
    linear,
    node,
    refused,
    subgraphs,
    value,
    weight,
)


@pytest.mark.parametrize("model", SOUND.values(), ids=SOUND)
def test_a_model_that_keeps_the_contract_has_no_fault(model: ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(dumps(model))
    assert faults(dumps(model)) == file_faults(path) == []


def test_the_registered_models_keep_it() -> None:
    assert not [fault for entry in registry.subjects() for fault in file_faults(entry.file)]


def test_every_allowed_operator_is_one_of_the_operator_set() -> None:
    for operator in contract.OPERATORS:
        assert not onnx.defs.get_schema(operator, contract.OPSET, "").deprecated


# Operators and subgraphs.


@pytest.mark.parametrize("operator", ["RandomNormalLike", "Loop", "NonZero", "CumSum", "NoSuchOperator"])
def test_an_operator_off_the_list_is_refused_by_name(operator: str) -> None:
    refused(behind([node(operator, ["features"], ["x"], name="odd")]), rf"node 'odd' \({operator}\) is not of an allow")


def test_a_custom_domain_is_refused_in_the_imports_and_in_the_node() -> None:
    model = behind([node("Gelu", ["features"], ["x"], domain="com.microsoft")])
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    refused(model, r"node 'x' \(Gelu\) is of the domain 'com\.microsoft'", "operator sets: .*'com.microsoft' version 1")


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


def test_fields_with_unknown_effects_are_refused() -> None:
    training = linear()
    training.training_info.add()
    refused(training, "field training_info")
    quantised = linear()
    quantised.graph.quantization_annotation.add(tensor_name="w")
    refused(quantised, "a field quantization_annotation, which is refused: it is not known what engines do with it")
    placed = linear()
    placed.graph.node[0].device_configurations.add()
    refused(placed, r"node 'layer' \(MatMul\) has a field device_configurations")
    payload = b"\xc2\x3e\x05hello"  # field 1000, of bytes
    refused(dumps(linear()) + payload, "8 bytes are in fields that onnx .* does not know")


# Versions.


@pytest.mark.parametrize(
    ("opsets", "listed"),
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
def test_exactly_one_operator_set_is_allowed(opsets: list[tuple[str, int]], listed: str) -> None:
    model = linear()
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(*opset) for opset in opsets)
    refused(model, rf"operator sets: {listed}; the contract is '' \(ONNX's own\) version 17")


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


def stating() -> ModelProto:
    """With a standard deviation: the score again."""
    model = linear()
    model.graph.node.append(node("Abs", ["score"], ["stddev"], name="spread"))
    model.graph.output.append(value("stddev", ["N", 1]))
    return model


def test_a_standard_deviation_may_follow_the_score_and_the_kind_says_whether(tmp_path: Path) -> None:
    data, one, both = dumps(stating()), ("score",), ("score", "stddev")
    assert faults(data) == faults(data, both) == []
    assert faults(data, one) == ["the graph has 2 outputs; the contract is one, 'score'"]
    assert faults(dumps(linear()), both) == ["the graph has 1 outputs; the contract is 2, 'score' and 'stddev'"]
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    assert not INTERVAL.file_faults(path)
    assert REGRESSOR.file_faults(path) == faults(data, one)


def test_outputs_in_the_other_order_and_of_other_shapes_are_refused() -> None:
    swapped, wide = stating(), stating()
    swapped.graph.output.reverse()
    assert faults(dumps(swapped), ("score", "stddev")) == [
        "the output is called 'stddev'; the contract is 'score'",
        "the output is called 'score'; the contract is 'stddev'",
    ]
    wide.graph.node[-1].input[0] = "features"
    refused(wide, "output 'stddev' comes out as|onnx.checker refuses it")


INPUTS = {
    "is of element type DOUBLE": value("features", ROWS, DOUBLE),
    "is of element type FLOAT16": value("features", ROWS, FLOAT16),
    "is of element type number 77": value("features", ROWS, 77),
    "has rank 1": value("features", ["N"]),
    "has rank 3": value("features", ["N", 4, 1]),
    "has rank 0": value("features", []),
    "has no shape": value("features", None),
    "has a fixed batch of 1, so clips of other lengths do not fit": value("features", [1, 4]),
    "has a batch without a symbol, so clips of other lengths do not fit": value("features", [None, 4]),
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
    "has a fixed batch of 1, so clips of other lengths do not fit": value("score", [1, 1]),
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
