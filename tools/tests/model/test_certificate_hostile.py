"""Hostile files, and files that are not models, cost little time and are not certified."""

import time
import tracemalloc
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model.certificate import ExactnessCertificate, certify

from ..effort import THOROUGH, tries
from .certificate_samples import DOUBLE, FLOAT, build, integers, node, refused, weights

# Hostile files, and files that are not models.


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a model", b"\x08\x08hostile", bytes(1000), b"\x08\x08" * 600_000])
def test_a_file_that_is_not_a_model_is_an_error(data: bytes) -> None:
    with pytest.raises(ModelError) as raised:
        certify(data)
    assert raised.value.hint


def test_a_truncated_model_is_an_error() -> None:
    whole = build([node("MatMul", ["x", "w"], "y")], {"w": np.ones((2, 100), np.float32)})
    for end in range(0, len(whole), 7):
        try:
            assert not certify(whole[:end]).certified
        except ModelError as error:
            assert error.hint  # noqa: PT017 - either is right


def edited(change: Any) -> ExactnessCertificate:
    model = onnx.load_model_from_string(
        build([*integers(0, 9)[0], node("MatMul", ["q", "w"], "y")], {"low": 0.0, "high": 9.0, "w": weights([1], [1])})
    )
    change(model)
    return certify(model.SerializeToString())


def test_graphs_that_engines_read_differently_are_refused() -> None:
    def cyclic(model: onnx.ModelProto) -> None:
        model.graph.node[0].input[0] = "y"

    def missing(model: onnx.ModelProto) -> None:
        model.graph.node[2].input[0] = "nowhere"

    def duplicate(model: onnx.ModelProto) -> None:
        model.graph.node.append(node("Relu", ["x"], "q"))

    def overridable(model: onnx.ModelProto) -> None:
        model.graph.input.append(helper.make_tensor_value_info("w", FLOAT, [2, 1]))

    def function(model: onnx.ModelProto) -> None:
        imports = [helper.make_opsetid("", 17)]
        model.functions.append(helper.make_function("own", "F", ["a"], ["b"], [node("Relu", ["a"], "b")], imports))

    def external(model: onnx.ModelProto) -> None:
        model.graph.initializer[2].ClearField("raw_data")
        model.graph.initializer[2].data_location = TensorProto.EXTERNAL
        model.graph.initializer[2].external_data.add(key="location", value="/etc/passwd")

    def huge(model: onnx.ModelProto) -> None:
        model.graph.initializer[2].dims[:] = [2**40, 2**20]

    def not_finite(model: onnx.ModelProto) -> None:
        model.graph.initializer[2].CopyFrom(numpy_helper.from_array(weights([np.nan], [1]), "w"))

    def own_domain(model: onnx.ModelProto) -> None:
        model.opset_import.append(helper.make_opsetid("own", 1))
        model.graph.node[0].domain = "own"

    def attribute(model: onnx.ModelProto) -> None:
        model.graph.node[2].attribute.append(helper.make_attribute("fast", 1))

    def nowhere(model: onnx.ModelProto) -> None:
        model.graph.output[0].name = "z"

    def another_type(model: onnx.ModelProto) -> None:
        model.graph.output[0].type.tensor_type.elem_type = DOUBLE

    def empty(model: onnx.ModelProto) -> None:
        model.graph.initializer[2].CopyFrom(numpy_helper.from_array(np.ones((0, 1), np.float32), "w"))

    assert edited(lambda _: None).certified
    reasons = {
        cyclic: "reads 'y'|checker",
        missing: "reads 'nowhere'|checker",
        duplicate: "name of another value",
        overridable: "initializer 'w' has the name of another",
        function: "the model has functions",
        external: "has external data in '/etc/passwd'",
        huge: "no file below",
        not_finite: "are not finite",
        own_domain: "does not know this operator|checker",
        attribute: "fast",
        nowhere: "'z' is made by nothing|checker",
        another_type: "output 'y' is float32, and is declared as float64",
        empty: "has no elements",
    }
    for change, reason in reasons.items():
        found = edited(change)
        refused(found, reason)
        assert not found.exact_in_float64


BOMBS: dict[str, tuple[list[NodeProto], dict[str, Any]]] = {
    "expand": ([node("Expand", ["x", "s"], "y")], {"s": np.array([1, 2**40, 2])}),
    "outer_product": (
        [node("Reshape", ["c", "s"], "r"), node("Mul", ["c", "r"], "y")],
        {"c": np.ones(99_999, np.float32), "s": np.array([99_999, 1])},
    ),
    "many_axes": ([node("Unsqueeze", ["x", "s"], "y")], {"s": np.arange(1, 60)}),
    "join": ([node("Concat", ["x"] * 20_000, "y", axis=1)], {}),
    "doubling": ([node("Concat", [f"x{i}" if i else "x"] * 2, f"x{i + 1}", axis=1) for i in range(100)], {}),
    "chain": (
        [node("Unsqueeze", ["x", "one"], "x0"), *(node("Max", [f"x{i}", "c"], f"x{i + 1}") for i in range(450))],
        {"one": np.array([2]), "c": np.ones(45_000, np.float32)},
    ),
    "products": (
        [node("MatMul", ["x", "w"], "m"), node("MatMul", ["m", "v"], "y")],
        {"w": np.ones((2, 40_000), np.float32), "v": np.ones((40_000, 4), np.float32)},
    ),
    "maximum": ([node("Max", ["c"] * 200_000, "y")], {"c": np.ones(10_000, np.float32)}),
    "exponents": ([node("Mul", [f"x{i}" if i else "x", "c"], f"x{i + 1}") for i in range(400)], {"c": 2.0**-140}),
}


@pytest.mark.fuzz
@pytest.mark.parametrize("bomb", BOMBS)
def test_small_files_do_not_take_much_time_or_memory(bomb: str) -> None:
    nodes, constants = BOMBS[bomb]
    data = build(
        [*nodes, *([] if any("y" in n.output for n in nodes) else [node("Relu", [nodes[-1].output[0]], "y")])],
        constants,
    )
    started = time.process_time()
    certify(data)
    assert time.process_time() - started < 20
    if THOROUGH:  # tracing memory takes six times as long
        tracemalloc.start()
        certify(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 300_000_000


@pytest.mark.fuzz
@given(st.data())
@settings(max_examples=tries(60, 5000), deadline=None)
def test_a_damaged_file_is_refused_or_read(data: st.DataObject) -> None:
    """Any changed byte leads to an answer or a ModelError, nothing else."""
    whole = bytearray(
        build(
            [*integers(0, 9)[0], node("Gemm", ["q", "w"], "y", alpha=2.0)],
            {"low": 0.0, "high": 9.0, "w": weights([1], [1])},
        )
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = certify(bytes(whole))
    except ModelError:
        return
    assert found.certified or found.broken is not None
