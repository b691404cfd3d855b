"""Operators of the certificate: selections, data movement, types."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import NodeProto, TensorProto, numpy_helper

from tinyvmaf.model.certificate import certify
from tinyvmaf.model.certificate.proof import Walk

from .certificate_samples import BOOL, DOUBLE, FLOAT, INT64, LIMIT, behind, build, integers, node, refused, weights

# Selections, comparisons, integers.


def test_bounds_of_a_clip_bring_their_own_grid() -> None:
    nodes = [node("Clip", ["q", "a", "b"], "c"), node("MatMul", ["c", "w"], "y")]
    w = weights([1], [1])
    assert behind(nodes, {"a": 0.0, "b": 100.5, "w": w}).certified
    refused(behind(nodes, {"a": 0.0, "b": 100 + 2.0**-17, "w": w}), r"steps of 2\^-17")
    assert behind(nodes, {"a": -(2.0**-30), "b": 300 + 2.0**-15, "w": w}).certified  # neither is ever reached
    refused(behind(nodes, {"a": 9.0, "b": 8.0, "w": w}), "lower bound is above the upper")
    assert behind([node("Clip", ["q", "", "b"], "y")], {"b": 8.0}).certified
    refused(behind([node("Clip", ["q", "", "q"], "y")]), "bounds are not constant")


def test_max_and_min_take_the_tighter_bounds() -> None:
    w = {"w": weights([1], [1]), "c": float(LIMIT // 2 + 1), "d": float(LIMIT // 2)}
    product = node("MatMul", ["m", "w"], "y")
    assert behind([node("Min", ["q", "d"], "m"), product], w, q=(0, 2.0**60)).certified
    refused(behind([node("Min", ["q", "c"], "m"), product], w, q=(0, 2.0**60)), "partial sums reach 16,777,218")
    refused(behind([node("Max", ["q", "d"], "m"), product], w, q=(0, 2.0**60)), "partial sums")
    assert behind([node("Neg", ["q"], "n"), node("Abs", ["n"], "m"), product], w, q=(-8388608, 100)).certified
    refused(behind([node("Abs", ["q"], "m"), product], w, q=(-8388609, 100)), "partial sums reach 16,777,218")


@pytest.mark.parametrize(("op", "reached"), [("Floor", 9), ("Round", 8), ("Ceil", 8)])
def test_floor_goes_down_ceil_up_and_round_to_even(op: str, reached: int) -> None:
    """-8.5 becomes -9, -8 and -8; the weights are the largest with which two of them stay within 2^24."""
    weight = LIMIT // reached - 1
    nodes = [node("Sub", ["q", "h"], "f"), node(op, ["f"], "i"), node("MatMul", ["i", "w"], "y")]
    for w, certified in ((weight, True), (weight + 1, False)):
        found = behind(nodes, {"h": 0.5, "w": weights([1], [w])}, q=(-8, 0))
        assert found.certified is certified


def test_where_takes_either() -> None:
    nodes = [node("Less", ["q", "c"], "t"), node("Where", ["t", "q", "z"], "s"), node("MatMul", ["s", "w"], "y")]
    w = weights([1], [1])
    assert behind(nodes, {"c": 7.0, "z": 0.5, "w": w}).certified
    refused(behind(nodes, {"c": 7.0, "z": float(2**23 + 1), "w": w}), "reach 16,777,218")
    refused(behind(nodes, {"c": 7.0, "z": 2.0**-20, "w": w}), r"steps of 2\^-20")


def test_sums_are_compared_if_their_difference_is_exact() -> None:
    nodes = [node("Add", ["q", "a"], "s"), node("Less", ["s", "b"], "y")]
    assert behind(nodes, {"a": 1.0, "b": 0.5}, output=BOOL).certified
    refused(behind(nodes, {"a": 1.0, "b": 2.0**-30}, output=BOOL), "difference of its inputs is not exact")
    assert behind([node("Less", ["q", "b"], "y")], {"b": 2.0**-30}, output=BOOL).certified  # nothing to bring over
    logic = [node("Less", ["q", "b"], "l"), node("Not", ["l"], "n"), node("And", ["n", "l"], "y")]
    assert behind(logic, {"b": 1.0}, output=BOOL).certified


def test_integers_stay_where_float32_has_them_all() -> None:
    whole = [node("Cast", ["q"], "i", to=INT64)]
    back = node("Cast", ["s"], "y", to=FLOAT)
    assert behind([*whole, node("Mul", ["i", "i"], "s"), back], q=(0, 4096)).certified
    refused(behind([*whole, node("Mul", ["i", "i"], "s"), back], q=(0, 4097)), "reach 16,785,409", "Mul")
    assert behind([*whole, node("Neg", ["i"], "s"), back], q=(0, LIMIT)).certified
    refused(behind([*whole, node("Identity", ["i"], "s"), back], q=(0, LIMIT + 2)), "beyond 16,777,216", "Cast")
    refused(certify(build([node("Cast", ["x"], "i", to=INT64), node("Cast", ["i"], "y", to=FLOAT)])), "whole number")


def test_a_table_is_looked_up_within_it() -> None:
    nodes = [node("Cast", ["q"], "i", to=INT64), node("Gather", ["t", "i"], "y")]
    table = {"t": np.linspace(0, 1, 8, dtype=np.float32)}
    assert behind(nodes, table, q=(0, 7)).certified
    for q in ((0, 8), (-1, 7)):
        refused(behind(nodes, table, q=q), "not proven to be from 0 to 7", "Gather")
    turned = [node("Neg", ["q"], "n"), node("Cast", ["n"], "i", to=INT64), nodes[1]]
    assert behind(turned, table, q=(-7, 0)).certified
    refused(behind(turned, table, q=(0, 7)), "not proven to be from 0 to 7", "Gather")
    product = [*nodes[:-1], node("Gather", ["t", "i"], "g"), node("MatMul", ["g", "w"], "y")]
    refused(behind(product, table | {"w": weights([1], [1])}, q=(0, 7)), "partial sums")


# Data movement.

MOVES: dict[str, tuple[list[NodeProto], dict[str, Any], bool]] = {
    "identity": ([node("Identity", ["q"], "y")], {}, True),
    "flatten": ([node("Flatten", ["q"], "y")], {}, True),
    "flatten_all": ([node("Flatten", ["q"], "y", axis=0)], {}, False),
    "reshape_0": ([node("Reshape", ["q", "s"], "y")], {"s": np.array([0, 2, -1])}, True),
    "reshape_-1": ([node("Reshape", ["q", "s"], "y")], {"s": np.array([-1, 1, 2])}, True),
    "reshape_rows_away": ([node("Reshape", ["q", "s"], "y")], {"s": np.array([-1, 1])}, False),
    "reshape_to_a_number_of_rows": ([node("Reshape", ["q", "s"], "y")], {"s": np.array([2, -1])}, False),
    "transpose": ([node("Transpose", ["q"], "y", perm=[0, 1])], {}, True),
    "transpose_rows": ([node("Transpose", ["q"], "y")], {}, False),
    "unsqueeze": ([node("Unsqueeze", ["q", "a"], "y")], {"a": np.array([-1])}, True),
    "unsqueeze_before": ([node("Unsqueeze", ["q", "a"], "y")], {"a": np.array([0])}, False),
    "squeeze_all": ([node("Squeeze", ["q"], "y")], {}, False),
    "slice": ([node("Slice", ["q", "o", "e", "o"], "y")], {"o": np.array([1]), "e": np.array([2**60])}, True),
    "slice_rows": ([node("Slice", ["q", "o", "e"], "y")], {"o": np.array([1]), "e": np.array([2])}, False),
    "split": ([node("Split", ["q"], ["a", "b"], axis=1), node("Add", ["a", "b"], "y")], {}, True),
    "split_rows": ([node("Split", ["q"], ["a", "b"]), node("Add", ["a", "b"], "y")], {}, False),
    "concat": ([node("Concat", ["q", "q"], "y", axis=-1)], {}, True),
    "concat_rows": ([node("Concat", ["q", "q"], "y", axis=0)], {}, False),
    "expand": ([node("Expand", ["q", "s"], "y")], {"s": np.array([1, 2])}, True),
    "expand_rows": ([node("Expand", ["q", "s"], "y")], {"s": np.array([3, 2])}, False),
    "gather": ([node("Gather", ["q", "i"], "y", axis=1)], {"i": np.array([-1, 0, 1])}, True),
    "gather_rows": ([node("Gather", ["q", "i"], "y")], {"i": np.array([0])}, False),
    "gather_beyond": ([node("Gather", ["q", "i"], "y", axis=1)], {"i": np.array([2])}, False),
    "constants_by_row": ([node("Add", ["q", "c"], "y")], {"c": np.ones((3, 2), np.float32)}, False),
    "another_rank": ([node("Unsqueeze", ["q", "a"], "r"), node("Add", ["r", "q"], "y")], {"a": np.array([1])}, False),
    "softmax_over_rows": ([node("Softmax", ["q"], "y", axis=0)], {}, False),
    "range": ([node("Shape", ["q"], "s"), node("Cast", ["s"], "y", to=FLOAT)], {}, False),
}


@pytest.mark.parametrize("move", MOVES)
def test_rows_stay_rows(move: str) -> None:
    nodes, constants, certified = MOVES[move]
    assert behind(nodes, constants).certified is certified, move


def test_each_element_keeps_what_is_known_of_it() -> None:
    """The first column is huge, the second small. The small one is picked, cut and joined."""
    scale = {
        "c": weights([2**20, 1])[0],
        "w": weights([2**15], [2**15]),
        "i": np.array([1, 1]),
        "o": np.array([1]),
        "e": np.array([2]),
        "none": np.array([0]),
    }
    scaled, product = node("Mul", ["q", "c"], "s"), node("MatMul", ["p", "w"], "y")
    assert behind([scaled, node("Gather", ["s", "i"], "p", axis=1), product], scale).certified
    refused(behind([scaled, node("Gather", ["s", "none"], "p", axis=1), product], scale), "by columns")
    cut = [scaled, node("Slice", ["s", "o", "e", "o"], "u"), node("Concat", ["u", "u"], "p", axis=1), product]
    assert behind(cut, scale).certified
    refused(behind([scaled, node("Identity", ["s"], "p"), product], scale), "partial sums")


def test_a_first_axis_of_a_fixed_length_is_an_axis_like_others() -> None:
    """Without a batch all elements are known and may be added."""
    bounds = {"low": 0.0, "high": 255.0, "a": np.array([0])}
    nodes = [*integers(0, 255)[0], node("ReduceSum", ["q", "a"], "y")]
    assert certify(build(nodes, bounds, shape=[3, 2])).certified
    refused(certify(build(nodes, bounds, shape=["N", 2])), "along the batch axis")
    refused(certify(build(nodes, bounds, shape=["N", "F"])), "only the first axis may be of any length")


SHAPES: dict[str, tuple[list[NodeProto], dict[str, Any], Sequence[Any]]] = {
    "rows_by_matrices": ([node("MatMul", ["q", "w"], "y")], {"w": (3, 4)}, ["N", 3]),
    "rows_by_a_vector": ([node("MatMul", ["q", "w"], "y")], {"w": (3,)}, ["N", 3]),
    "matrices_by_a_matrix": ([node("MatMul", ["q", "w"], "y")], {"w": (3, 4)}, ["N", 2, 3]),
    "matrices_by_a_stack_of_one": ([node("MatMul", ["q", "w"], "y")], {"w": (1, 3, 4)}, ["N", 2, 3]),
    "stacks_by_a_stack": ([node("MatMul", ["q", "w"], "y")], {"w": (5, 3, 4)}, ["N", 5, 2, 3]),
    "a_matrix_by_matrices": ([node("MatMul", ["w", "q"], "y")], {"w": (4, 2)}, ["N", 2, 3]),
    "a_vector_by_matrices": ([node("MatMul", ["w", "q"], "y")], {"w": (2,)}, ["N", 2, 3]),
    "a_stack_of_one_by_matrices": ([node("MatMul", ["w", "q"], "y")], {"w": (1, 4, 2)}, ["N", 2, 3]),
    "matrices_by_matrices": ([node("MatMul", ["q", "q"], "y")], {}, ["N", 3, 3]),
    "gemm_with_a_row_of_bias": ([node("Gemm", ["q", "w", "b"], "y")], {"w": (3, 4), "b": (1, 4)}, ["N", 3]),
    "gemm_with_one_bias": ([node("Gemm", ["q", "w", "b"], "y", transB=1)], {"w": (4, 3), "b": ()}, ["N", 3]),
    "gemm_with_a_bias_by_row": ([node("Gemm", ["q", "w", "q"], "y")], {"w": (3, 3)}, ["N", 3]),
    "gemm_of_a_fixed_length": ([node("Gemm", ["q", "w", "b"], "y", transA=1)], {"w": (5, 4), "b": (3, 1)}, [5, 3]),
    "broadcast": ([node("Add", ["q", "w"], "y")], {"w": (4, 1, 3)}, ["N", 4, 2, 1]),
    "broadcast_over_one_row": ([node("Mul", ["w", "q"], "y")], {"w": (1, 1, 3)}, ["N", 2, 1]),
    "keepdims": ([node("ReduceSum", ["q", "last"], "y")], {}, ["N", 2, 3]),
    "no_keepdims": ([node("ReduceMax", ["q"], "y", axes=[1], keepdims=0)], {}, ["N", 2, 3]),
    "transpose": ([node("Transpose", ["q"], "y", perm=[0, 3, 1, 2])], {}, ["N", 2, 3, 4]),
    "flatten": ([node("Flatten", ["q"], "y")], {}, ["N", 2, 3]),
    "squeeze": ([node("Squeeze", ["q", "last"], "y")], {}, ["N", 2, 1]),
    "gather_a_matrix": ([node("Gather", ["q", "last"], "y", axis=-1)], {}, ["N", 2, 3]),
    "concat": ([node("Concat", ["q", "q"], "y", axis=1)], {}, ["N", 2, 3]),
    "unsqueeze": ([node("Unsqueeze", ["q", "last"], "y")], {}, ["N", 2]),
    "slice": ([node("Slice", ["q", "one", "last", "one"], "y")], {}, ["N", 3, 2]),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shapes_and_values_are_an_engines(case: str) -> None:
    """Each element's proven bounds hold for ONNX Runtime's result."""
    nodes, constants, shape = SHAPES[case]
    rng = np.random.default_rng(5)
    weight = {name: rng.integers(-9, 10, size).astype(np.float32) for name, size in constants.items()}
    before, bounds = integers(-7, 7)
    places = {"last": np.array([-1]), "one": np.array([1])}
    data = build([*before, *nodes], bounds | places | weight, shape=shape)
    assert certify(data).certified
    walk = Walk(data)
    walk.run()
    known = walk.known["y"]
    fixed = [5 if axis == "N" else axis for axis in shape]
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for low, high in ((-20, 20), (7, 8), (-8, -7)):
        (made,) = session.run(None, {"x": rng.uniform(low, high, fixed).astype(np.float32)})
        assert made.shape[int(known.batched) :] == known.shape
        assert (made >= np.asarray(known.lo * 2.0**known.unit, float)).all()
        assert (made <= np.asarray(known.hi * 2.0**known.unit, float)).all()


@pytest.mark.parametrize("how", [{"value_float": 3.0}, {"value": numpy_helper.from_array(np.array(3, np.float32))}])
def test_constants_may_be_nodes(how: dict[str, Any]) -> None:
    nodes = [
        node("Constant", [], "c", **how),
        node("Constant", [], "a", value_ints=[1]),
        node("Mul", ["q", "c"], "m"),
        node("ReduceSum", ["m", "a"], "y"),
    ]
    found = behind(nodes)
    assert found.accumulator_bits == 11  # 2 * 255 * 3
    refused(
        behind(
            [
                node("Constant", [], "c", value_string="no"),
                node("Identity", ["q"], "p"),
                node("Gather", ["p", "c"], "y"),
            ]
        ),
        "holds no value",
    )


# Types.


def test_float64_is_exact_on_engines_that_have_it() -> None:
    """30 bits of weights by 8 of activations take 40 bits: exact in 53, and rounded once at the end."""
    nodes = [node("Cast", ["q"], "d", to=DOUBLE), node("MatMul", ["d", "w"], "m"), node("Cast", ["m"], "y", to=FLOAT)]
    w = {"w": np.array([[2.0**30 - 1], [2.0**30 - 1]])}
    found = behind(nodes, w)
    assert (found.certified, found.exact_in_float64, found.arithmetic) == (False, True, "float64")
    assert found.accumulator_bits == 39
    refused(found, "it computes in float64, and some engines use float32 for it", "")
    assert "the same bits on every engine with IEEE float64; accumulators take 39 of 53 bits" in found.explain()
    merged = [*nodes[:2], node("Cast", ["m"], "f", to=FLOAT), node("Add", ["f", "f"], "y")]
    assert not behind(merged, w).exact_in_float64
    looked_up = [
        node("Cast", ["q"], "i", to=INT64),
        node("Gather", ["t", "i"], "g"),
        node("Cast", ["g"], "f", to=FLOAT),
        node("Mul", ["f", "c"], "y"),
    ]
    assert behind(looked_up, {"t": np.array([0.5, 0.25]), "c": 0.1}, q=(0, 1)).exact_in_float64
    refused(behind(looked_up, {"t": np.array([0.1, 0.2]), "c": 0.1}, q=(0, 1)), "takes what f has rounded", "Mul")


@pytest.mark.parametrize(("w", "exact"), [(2.0**46 - 1, True), (2.0**46, False)])
def test_float64_counts_to_2_53(w: float, exact: bool) -> None:
    """128 w + 128 is 2^53, then 128 more."""
    nodes = [node("Cast", ["q"], "d", to=DOUBLE), node("MatMul", ["d", "w"], "m"), node("Cast", ["m"], "y", to=FLOAT)]
    found = behind(nodes, {"w": np.array([[w], [1.0]])}, q=(0, 128))
    assert found.exact_in_float64 is exact
    if not exact:
        refused(found, "reach up to 2.54 steps of 2.0, and float64 counts to 9,007,199,254,740,992")


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16])
def test_weights_of_8_bits_do_not_go_into_a_product(dtype: type) -> None:
    """Measured: with 8-bit weights, OpenVINO rounds the activations to 8 bits too; with 16-bit weights it does not."""
    nodes = [node("Cast", ["w"], "f", to=FLOAT), node("Mul", ["f", "s"], "g"), node("MatMul", ["q", "g"], "y")]
    found = behind(nodes, {"w": np.array([[1], [3]], dtype), "s": 0.5})
    assert found.certified is (dtype is np.int16)
    if not found.certified:
        refused(found, "weights of 8 bits", "MatMul")
    sums = [node("Cast", ["w"], "f", to=FLOAT), node("Add", ["q", "f"], "y")]
    assert behind(sums, {"w": np.array([1, 3], dtype)}).certified


@pytest.mark.parametrize("op", ["DequantizeLinear", "MatMulInteger", "DynamicQuantizeLinear", "Einsum", "Shape"])
def test_other_operators_are_refused(op: str) -> None:
    constants = {"w": np.array([[1], [2]], np.int8), "s": 0.5}
    takes = {"DequantizeLinear": ["w", "s"], "MatMulInteger": ["w", "w"]}.get(op, ["q"])
    makes = ["y", "b", "c"] if op == "DynamicQuantizeLinear" else "y"
    how = {"equation": "ij->ij"} if op == "Einsum" else {}
    broken = behind([node(op, takes, makes, **how)], constants).broken
    assert broken is not None
    assert broken.op == op


def test_float16_is_refused() -> None:
    refused(behind([node("Cast", ["q"], "h", to=TensorProto.FLOAT16), node("Cast", ["h"], "y", to=FLOAT)]), "FLOAT16")


@pytest.mark.parametrize(("opset", "certified"), [(12, False), (13, True), (18, True), (21, True)])
def test_operator_sets_that_are_known(opset: int, certified: bool) -> None:
    found = behind([node("MatMul", ["q", "w"], "y")], {"w": weights([1], [1])}, opset=opset)
    assert found.certified is certified


def test_nodes_that_no_output_needs_are_ignored() -> None:
    assert behind([node("Tanh", ["q"], "dead"), node("Identity", ["q"], "y")]).certified
