"""Each rule of the proof at its exact boundary: what is certified one step before, and refused one step after."""

import re
import time
import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model import engines
from tinyvmaf.model.certificate import Certificate, certify
from tinyvmaf.model.certificate.proof import Walk

FLOAT, DOUBLE, INT64, BOOL = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.BOOL
LIMIT = 2**24


def node(op: str, takes: Sequence[str], makes: str | Sequence[str], **attributes: Any) -> NodeProto:
    outputs = [makes] if isinstance(makes, str) else list(makes)
    return helper.make_node(op, takes, outputs, outputs[0], **attributes)


def build(
    nodes: Sequence[NodeProto],
    constants: dict[str, Any] | None = None,
    *,
    width: int = 2,
    shape: Sequence[Any] | None = None,
    output: int = FLOAT,
    opset: int = 17,
) -> bytes:
    """A graph from `x` `[N, width]` to `y`; Python numbers are float32, arrays what they are."""
    tensors = [
        numpy_helper.from_array(v if isinstance(v, np.ndarray) else np.array(v, dtype=np.float32), name)
        for name, v in (constants or {}).items()
    ]
    shape = ["N", width] if shape is None else shape
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info("y", output, ["N", "M"])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())


def integers(low: float, high: float) -> tuple[list[NodeProto], dict[str, Any]]:
    """Nodes that make whole numbers `q` within bounds of the features, and their constants."""
    return [node("Round", ["x"], "q0"), node("Clip", ["q0", "low", "high"], "q")], {"low": low, "high": high}


def behind(
    nodes: Sequence[NodeProto],
    constants: dict[str, Any] | None = None,
    *,
    q: tuple[float, float] = (0, 255),
    **how: Any,
) -> Certificate:
    """The certificate of nodes behind whole numbers `q`, 0 to 255 unless said."""
    before, bounds = integers(*q)
    return certify(build([*before, *nodes], bounds | (constants or {}), **how))


def refused(found: Certificate, reason: str, op: str = "") -> None:
    assert not found.certified
    assert found.broken is not None
    assert re.search(reason, found.broken.why), found.broken
    assert op in found.broken.op
    assert not found.flush_to_zero_safe or found.exact_in_float64


def weights(*rows: Sequence[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


# Sums.


@pytest.mark.parametrize(("bias", "certified"), [(LIMIT - 510, True), (LIMIT - 509, False)])
@pytest.mark.parametrize("way", ["gemm", "matmul_and_add", "minus"])
def test_partial_sums_up_to_2_24_steps_are_exact(bias: int, certified: bool, way: str) -> None:
    """255 + 255 + bias is 2^24, then one more; the bias counts wherever it is added, and so does its sign."""
    sign = -1 if way == "minus" else 1
    w, b = weights([sign], [sign]), weights([sign * bias])[0]
    if way == "matmul_and_add":
        found = behind([node("MatMul", ["q", "w"], "m"), node("Add", ["m", "b"], "y")], {"w": w, "b": b})
    else:
        found = behind([node("Gemm", ["q", "w", "b"], "y")], {"w": w, "b": b})
    assert found.certified is certified
    if certified:
        assert found.accumulator_bits == 24
    else:
        refused(found, r"partial sums reach 16,777,217 steps of 2\^0, and float32 counts to 16,777,216")


def test_positive_and_negative_terms_are_not_added_up() -> None:
    """Of terms in [0, 2^24] and [-2^24, 0] every subset stays within 2^24 of 0."""
    found = behind([node("MatMul", ["q", "w"], "y")], {"w": weights([1], [-1])}, q=(0, LIMIT))
    assert found.certified
    refused(behind([node("MatMul", ["q", "w"], "y")], {"w": weights([1], [-1])}, q=(-1, LIMIT)), "reach 16,777,217")
    refused(behind([node("MatMul", ["q", "w"], "y")], {"w": weights([1], [1])}, q=(-1, LIMIT)), "reach 33,554,432")


def test_the_finest_grid_of_all_terms_counts() -> None:
    """One weight of 2^-16 makes all of 255 + 255 / 2^16 steps of 2^-16: 16,711,935 of them, and with 2^-17 too many."""
    assert behind([node("MatMul", ["q", "w"], "y")], {"w": weights([1], [2**-16])}).certified
    found = behind([node("MatMul", ["q", "w"], "y")], {"w": weights([1], [2**-17])})
    refused(found, r"partial sums reach 33,423,615 steps of 2\^-17")


def test_a_term_that_is_always_0_has_no_grid() -> None:
    assert behind([node("MatMul", ["q", "w"], "y")], {"w": weights([1, 2**-20], [0, 0])}).certified


@pytest.mark.parametrize(
    ("w", "certified"), [(65793, True), (65794, True), (65795, False), (2**40, True), (65535 * 2.0**40, True)]
)
def test_a_single_product_is_exact_if_its_bits_fit(w: float, certified: bool) -> None:
    """255 * 65793 is 2^24 - 1; 65794 has 16 bits and a 0, which 255 makes 24; 65795 has 17, and is too large."""
    found = behind([node("MatMul", ["q", "w"], "y")], {"w": weights([w], [0])})
    assert found.certified is certified
    if not certified:
        refused(found, r"a product takes 25 significant bits, and float32 has 24")


def test_a_matrix_product_of_features_is_refused() -> None:
    refused(
        certify(build([node("MatMul", ["x", "w"], "y")], {"w": weights([1], [1])})), r"reach up to 2\^278 steps", "Ma"
    )


def test_a_sum_is_not_narrower_than_its_terms() -> None:
    """q - 255 lies in [-255, 0], but expanded, (q - 255) w is q w - 255 w; with q + 255 both ends add up."""
    add = [node("Add", ["q", "c"], "s"), node("Mul", ["s", "w"], "y")]
    assert behind(add, {"c": -255.0, "w": float(2**16 - 1)}, q=(0, 255)).certified
    # [0, 1000] - 1000 + ... : within [0, 10] in truth, with terms of 1000 each.
    narrow = behind(add, {"c": -1000.0, "w": float(2**15 - 1)}, q=(1000, 1010))
    refused(narrow, "25 significant bits")


def test_a_product_reaches_the_product_of_any_two_ends() -> None:
    """q in [-1, 4096] by -q in [-4096, 1]: the largest magnitude is 4096 times -4096."""
    nodes = [node("Neg", ["q"], "n"), node("Mul", ["q", "n"], "m"), node("Mul", ["m", "two"], "y")]
    assert behind(nodes, {"two": 2.0}, q=(-1, 4096)).certified
    refused(behind(nodes, {"two": 2.0}, q=(-1, 4097)), "it takes what m has rounded", "Mul")


def test_sums_that_are_multiplied_may_reach_both_their_ends_at_once() -> None:
    """(q + p)(q + p) has q^2 and p^2 among its terms, though q is at its largest where p is at its smallest."""
    twice = [node("Add", ["q", "c"], "s"), node("Mul", ["s", "s"], "y")]
    assert behind(twice, {"c": -1.0}, q=(-2895, 2895)).certified  # 2895^2 + 2896^2 is 16,767,841
    refused(behind(twice, {"c": -1.0}, q=(-2897, 2897)), "25 significant bits")


@pytest.mark.parametrize(("alpha", "beta", "certified"), [(0.5, -4.0, True), (3.0, 1.0, False), (1.0, 0.3, False)])
def test_alpha_and_beta_are_powers_of_two(alpha: float, beta: float, certified: bool) -> None:
    constants = {"w": weights([1], [3]), "b": weights([5])[0]}
    found = behind([node("Gemm", ["q", "w", "b"], "y", alpha=alpha, beta=beta)], constants)
    assert found.certified is certified
    if not certified:
        refused(found, r"its (alpha|beta) is not a power of two")


def test_alpha_and_beta_move_the_grids() -> None:
    """beta 2^-16 puts the bias on a grid of 2^-16: 510 and a bit are 33,423,361 steps."""
    constants = {"w": weights([1], [1]), "b": weights([1])[0]}
    refused(behind([node("Gemm", ["q", "w", "b"], "y", beta=2.0**-16)], constants), "reach 33,423,361")
    assert behind([node("Gemm", ["q", "w", "b"], "y", beta=2.0**-15)], constants).certified
    large = constants | {"b": weights([256])[0]}
    refused(behind([node("Gemm", ["q", "w", "b"], "y", alpha=2.0**-16)], large), "reach 16,777,726")
    assert behind([node("Gemm", ["q", "w", "b"], "y", alpha=2.0**-15)], large).certified


def test_transposed_weights_are_weights() -> None:
    assert behind([node("Gemm", ["q", "w"], "y", transB=1)], {"w": weights([1, 2])}).certified
    refused(behind([node("Gemm", ["q", "w"], "y", transA=1)], {"w": weights([1, 2])}), "transposes the batch axis")


@pytest.mark.parametrize(("top", "certified"), [(2**23, True), (2**23 + 1, False)])
def test_reduce_sum_adds(top: int, certified: bool) -> None:
    axes = {"a": np.array([1])}
    add = node("ReduceSum", ["q", "a"], "y", noop_with_empty_axes=0, keepdims=0)
    assert behind([add], axes, q=(0, top)).certified is certified
    assert behind([node("Sum", ["q", "q", "q", "q"], "y")], q=(0, top / 2)).certified is certified


@pytest.mark.parametrize(("top", "certified"), [(2896, True), (2897, False)])
def test_reduce_sum_square_adds_squares(top: int, certified: bool) -> None:
    """2 * 2896^2 is 16,773,632, 2 * 2897^2 is 16,785,218; one side only counts, as x is one number."""
    square = [node("ReduceSumSquare", ["q"], "y", axes=[1])]
    assert behind(square, q=(0, top)).certified is certified
    assert behind(square, q=(-top, top)).certified is certified


def test_a_mean_of_a_power_of_two_of_elements_is_exact() -> None:
    assert behind([node("ReduceMean", ["q"], "y", axes=[1])], width=4).certified
    refused(behind([node("ReduceMean", ["q"], "y", axes=[1])], width=3), "divides by 3")


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean", "ReduceMax"])
def test_along_the_batch_nothing_is_reduced(op: str) -> None:
    how: dict[str, Any] = {"axes": [0]} if op != "ReduceSum" else {}
    takes = ["q", "a"] if op == "ReduceSum" else ["q"]
    refused(behind([node(op, takes, "y", **how)], {"a": np.array([0])}), "along the batch axis")
    refused(behind([node(op, ["q"], "y")]), "along the batch axis")


def test_both_factors_may_be_variable() -> None:
    """q, 12 bits, by its own 12 bits: 24, in one product; two of them are too many."""
    parts = [node("Unsqueeze", ["q", "last"], "a"), node("Unsqueeze", ["q", "middle"], "b")]
    axes = {"last": np.array([2]), "middle": np.array([1])}
    assert behind([*parts, node("MatMul", ["a", "b"], "y")], axes, q=(0, 4096)).certified
    refused(behind([*parts, node("MatMul", ["b", "a"], "y")], axes, q=(0, 4096)), "reach 33,554,432")
    refused(behind([node("MatMul", ["q", "q"], "y")]), "along the batch axis")


def test_operand_bits_are_those_of_the_factors() -> None:
    found = behind([node("MatMul", ["q", "w"], "y")], {"w": weights([2**-3 * 11], [1024])})
    assert [(r.node, r.op, r.operand_bits) for r in found.reductions] == [("y", "MatMul", (8, 4))]


# One rounding.


def test_one_rounding_of_what_no_engine_can_merge_is_the_same_everywhere() -> None:
    assert certify(build([node("Mul", ["x", "c"], "y")], {"c": 0.1})).certified
    for op in ("Add", "Sub", "Mul"):
        assert behind([node(op, ["q", "c"], "r"), node("Clip", ["r", "low", "high"], "y")], {"c": 0.1}).certified


@pytest.mark.parametrize("after", ["Add", "Mul", "Sub", "ReduceSum", "Less", "Sign"])
def test_nothing_is_computed_with_what_is_rounded(after: str) -> None:
    takes = {"ReduceSum": ["r", "a"], "Sign": ["r"]}.get(after, ["r", "c"])
    nodes = [node("Mul", ["q", "c"], "r"), node(after, takes, "y")]
    found = behind(nodes, {"c": 0.1, "a": np.array([1])}, output=BOOL if after == "Less" else FLOAT)
    refused(found, "it takes what r has rounded", after)
    through = [nodes[0], node("Relu", ["r"], "s"), node(after, ["s", *takes[1:]], "y")]
    refused(behind(through, {"c": 0.1, "a": np.array([1])}), "it takes what r has rounded", after)


def test_a_rounding_to_integers_ends_it() -> None:
    nodes = [node("Mul", ["q", "c"], "r"), node("Round", ["r"], "w"), node("Add", ["w", "q"], "y")]
    assert behind(nodes, {"c": 0.1}).certified


def test_a_sum_is_not_rounded_again() -> None:
    """An engine may merge 0.1 (q w) into q (0.1 w)."""
    nodes = [node("MatMul", ["q", "w"], "m"), node("Mul", ["m", "c"], "y")]
    refused(behind(nodes, {"w": weights([1], [1]), "c": 0.1}), "so it rounds, and engines may merge it", "Mul")
    selected = [nodes[0], node("Relu", ["m"], "s"), node("Mul", ["s", "c"], "y")]
    refused(behind(selected, {"w": weights([1], [1]), "c": 3.0}), "multiplies what was selected from a sum")
    assert behind(selected, {"w": weights([1], [1]), "c": 4.0}).certified


def test_what_is_rounded_up_reaches_the_next_integer() -> None:
    """The largest float below 0.5 plus 2^24 - 1 is rounded to 2^24: bounds have to be those of the rounded value."""
    near = float(np.nextafter(np.float32(0.5), np.float32(1)))
    nodes = [node("Add", ["q", "c"], "r"), node("Round", ["r"], "w"), node("MatMul", ["w", "one"], "y")]
    constants = {"c": near, "one": weights([1])}
    assert behind(nodes, constants, q=(0, LIMIT - 2), width=1).certified
    table = [
        node("Add", ["q", "c"], "r"),
        node("Floor", ["r"], "w"),
        node("Cast", ["w"], "i", to=INT64),
        node("Gather", ["t", "i"], "y"),
    ]
    almost = float(np.nextafter(np.float32(1), np.float32(0)))  # 3 + it is rounded to 4
    refused(behind(table, {"c": almost, "t": np.arange(4, dtype=np.float32)}, q=(0, 3)), "from 0 to 3")
    assert behind(table, {"c": almost, "t": np.arange(5, dtype=np.float32)}, q=(0, 3)).certified


@pytest.mark.parametrize("op", ["Tanh", "Sigmoid", "Exp", "Sqrt", "Erf", "Softmax"])
def test_approximated_functions_are_refused(op: str) -> None:
    refused(behind([node(op, ["q"], "y")]), "engines have different approximations", op)


def test_reciprocal_and_division_are_by_powers_of_two() -> None:
    assert behind([node("Div", ["q", "c"], "y")], {"c": 8.0}).certified
    assert behind([node("Reciprocal", ["c"], "d"), node("Mul", ["q", "d"], "y")], {"c": -8.0}).certified
    for c in (3.0, 0.0, 2.0**-127):
        refused(behind([node("Div", ["q", "c"], "y")], {"c": c}), "power of two|reciprocal|normal numbers")
    refused(behind([node("Div", ["q", "q"], "y")]), "not a constant power of two")
    refused(behind([node("Reciprocal", ["q"], "y")]), "approximations")


# Overflow and underflow.


def test_infinity_is_only_selected_from_or_rounded() -> None:
    scaled = [node("Mul", ["x", "c"], "s")]
    clipped = [*scaled, node("Round", ["s"], "r"), node("Clip", ["r", "low", "high"], "y")]
    bounds = {"c": 128.0, "low": 0.0, "high": 255.0}
    assert certify(build(clipped, bounds)).certified
    refused(certify(build([node("Mul", ["x", "c"], "y")], bounds)), "output 'y' may be infinite")
    for op, takes in (("Add", ["s", "c"]), ("Mul", ["s", "c"]), ("Where", ["t", "s", "c"]), ("Less", ["s", "c"])):
        constants = bounds | {"t": np.array([True])}
        refused(certify(build([*scaled, node(op, takes, "y")], constants)), "may be infinite", op)


def test_a_sum_does_not_overflow() -> None:
    """Infinity minus infinity would be no number; a scaled input has nothing to be added to."""
    nodes = [
        node("Cast", ["q"], "i", to=INT64),
        node("Gather", ["t", "i"], "g"),
        node("MatMul", ["g", "w"], "m"),
        node("Clip", ["m", "low", "high"], "y"),
    ]
    table = {"t": np.array([0, 2.0**100], np.float32)}
    assert behind(nodes, table | {"w": weights([2.0**27], [0])}, q=(0, 1)).certified
    refused(behind(nodes, table | {"w": weights([2.0**28], [0])}, q=(0, 1)), r"it reaches up to 2\^128")


@pytest.mark.parametrize(
    ("op", "low", "safe"), [("Round", -255, True), ("Floor", 0, True), ("Floor", -255, False), ("Ceil", -255, False)]
)
def test_flushing_shows_where_a_subnormal_is_rounded_away_from_0(op: str, low: float, safe: bool) -> None:
    """Floor of a negative subnormal is -1, of 0 it is 0."""
    nodes = [node("Clip", ["x", "low", "high"], "c"), node(op, ["c"], "y")]
    found = certify(build(nodes, {"low": low, "high": 255.0}))
    assert found.certified
    assert found.flush_to_zero_safe is safe


def test_flushing_scales_with_the_values() -> None:
    """2^-126 times 2^125 is 0.5, which Round still takes to 0; times 2^126 it is 1."""
    for exponent, safe in ((125, True), (126, False)):
        nodes = [node("Mul", ["x", "c"], "s"), node("Round", ["s"], "r"), node("Clip", ["r", "low", "high"], "y")]
        found = certify(build(nodes, {"c": 2.0**exponent, "low": -9.0, "high": 9.0}))
        assert (found.certified, found.flush_to_zero_safe) == (True, safe)


def test_flushing_shows_in_sums_with_subnormal_terms() -> None:
    """2^-100 times 2^-30 is subnormal, though no input of the sum is."""
    nodes = [
        node("Cast", ["q"], "i", to=INT64),
        node("Gather", ["t", "i"], "g"),
        node("MatMul", ["g", "w"], "s"),
        node("Round", ["s"], "y"),
    ]
    for exponent, safe in ((-26, True), (-27, False)):
        constants = {"t": np.array([0, 2.0**-100], np.float32), "w": weights([2.0**exponent], [2.0**exponent])}
        found = behind(nodes, constants, q=(0, 1))
        assert (found.certified, found.flush_to_zero_safe) == (True, safe)


def test_flushing_shows_in_comparisons_and_outputs() -> None:
    for nodes, output in (([node("Less", ["x", "c"], "y")], BOOL), ([node("Relu", ["x"], "y")], FLOAT)):
        found = certify(build(nodes, {"c": 0.0}, output=output))
        assert (found.certified, found.flush_to_zero_safe) == (True, False)
    found = certify(build([node("Less", ["x", "c"], "y")], {"c": 1.0}, output=BOOL))
    assert (found.certified, found.flush_to_zero_safe) == (True, True)


def test_a_product_below_the_normal_numbers_is_rounded() -> None:
    """x 2^-3 has no bits left at the lower end, so multiplying again rounds again."""
    once = [node("Mul", ["x", "c"], "a"), node("Round", ["a"], "y")]
    twice = [node("Mul", ["x", "c"], "a"), node("Mul", ["a", "c"], "b"), node("Round", ["b"], "y")]
    assert certify(build(once, {"c": 0.125})).certified
    refused(certify(build(twice, {"c": 0.125})), "it takes what a has rounded")


def test_constants_that_are_merged_stay_normal() -> None:
    """q 2^100 2^-63 2^-63 is exact, and 2^-63 2^-63 normal; 2^-64 2^-63 is not, though 2^100 be among the scales."""
    steps = [node("Mul", ["q", "a"], "s"), node("Mul", ["s", "b"], "t"), node("Mul", ["t", "c"], "y")]
    assert behind(steps, {"a": 2.0**100, "b": 2.0**-63, "c": 2.0**-63}).certified
    refused(behind(steps, {"a": 2.0**100, "b": 2.0**-64, "c": 2.0**-63}), r"between 2\^-127 and")
    refused(behind(steps, {"a": 2.0**64, "b": 2.0**-63, "c": 2.0**64}), r"between 2\^-63 and 2\^136")


# Scales that engines move.

CODES = [node("Cast", ["q"], "i", to=INT64), node("Gather", ["t", "i"], "g")]
UNIT = [node("Clip", ["x", "low", "high"], "c")]
SCALED: dict[str, tuple[list[NodeProto], dict[str, Any]]] = {
    "merged_to_infinity": (
        [
            node("Mul", ["q", "a"], "b"),
            node("Add", ["b", "b"], "s"),
            node("Mul", ["s", "d"], "p"),
            node("MatMul", ["p", "w"], "m"),
            node("Mul", ["m", "e"], "r"),
            node("Clip", ["r", "low", "top"], "y"),
        ],
        {"a": 2.0**80, "d": 2.0**-70, "w": weights([2.0**80]), "e": 2.0**-90},
    ),
    "merged_to_infinity_behind_floor": (
        [
            node("Mul", ["q", "a"], "b"),
            node("Floor", ["b"], "s"),
            node("Mul", ["s", "d"], "p"),
            node("MatMul", ["p", "w"], "m"),
            node("Mul", ["m", "e"], "r"),
            node("Clip", ["r", "low", "top"], "y"),
        ],
        {"a": 2.0**80, "d": 2.0**-70, "w": weights([2.0**80]), "e": 2.0**-90},
    ),
    "moved_to_0": (
        [
            *CODES,
            node("Mul", ["g", "a"], "b"),
            node("MatMul", ["b", "w"], "m"),
            node("Mul", ["m", "e"], "r"),
            node("Clip", ["r", "low", "top"], "y"),
        ],
        {
            "t": np.arange(4, dtype=np.float32) * np.float32(2.0**-80),
            "a": 2.0**70,
            "w": weights([2.0**-80]),
            "e": 2.0**90,
        },
    ),
    "alpha_merged_to_infinity": (
        [
            *CODES,
            node("Gemm", ["g", "w"], "m", alpha=2.0**60),
            node("Mul", ["m", "e"], "r"),
            node("Clip", ["r", "low", "top"], "y"),
        ],
        {"t": np.arange(4, dtype=np.float32) * np.float32(2.0**-70), "w": weights([2.0**-70]), "e": 2.0**80},
    ),
    "ordinary": (
        [node("Clip", ["x", "minus", "one"], "c"), node("Mul", ["c", "a"], "s"), node("MatMul", ["s", "w"], "y")],
        {"a": 2.0**13, "w": weights([2.0**-13])},
    ),
    "ordinary_gemm": (
        [node("Clip", ["x", "minus", "one"], "c"), node("Mul", ["c", "a"], "s"), node("Gemm", ["s", "w"], "y")],
        {"a": 2.0**13, "w": weights([2.0**-13])},
    ),
    "codes_of_few_bits": (
        [
            *CODES,
            node("Mul", ["g", "a"], "b"),
            node("MatMul", ["b", "w"], "m"),
            node("Mul", ["m", "e"], "r"),
            node("Clip", ["r", "low", "top"], "y"),
        ],
        {
            "t": np.arange(4, dtype=np.float32) * np.float32(2.0**-20),
            "a": 2.0**30,
            "w": weights([2.0**-20]),
            "e": 2.0**10,
        },
    ),
}
SOUND = ("codes_of_few_bits",)


def scaled_graph(case: str) -> bytes:
    nodes, constants = SCALED[case]
    bounds = {"low": 0.0, "high": 3.0, "top": 100.0, "minus": -1.0, "one": 1.0}
    return build([*integers(0, 3)[0], *nodes], bounds | constants, width=1)


def every_engine(data: bytes) -> dict[str, np.ndarray]:
    """What each engine makes of a graph of one feature at each level of its optimisation."""
    rows = np.array([2.0**-149 * 1025, 3e-38, 0.3, 0, 1, 2, 3], np.float32)[:, None]
    found = {}
    for name in ("onnxruntime-cpu", "openvino", "numpy"):
        engine = engines.find(name)
        for level in engine.levels if engine.available().ok else ():
            found[f"{name} {level}"] = engine.load(data, engines.Settings(1, level)).run(rows)
    return found


@pytest.mark.parametrize("case", SCALED)
def test_scales_may_be_anywhere_between_two_roundings(case: str) -> None:
    """Engines that move scales through a matrix product, or merge them across it, give NaN, 0 or other last bits."""
    found = certify(scaled_graph(case))
    assert found.certified is (case in SOUND)
    if not found.certified:
        refused(found, "engines may (apply its scales in another order|merge)")


@pytest.mark.parametrize("case", SCALED)
def test_engines_agree_where_scales_are_certified(case: str) -> None:
    data = scaled_graph(case)
    if certify(data).certified:
        made = every_engine(data)
        assert len(made) > 3
        first = next(iter(made.values()))
        for name, score in made.items():
            np.testing.assert_array_equal(score, first, err_msg=name)


def test_engines_do_move_scales() -> None:
    """Else there would be no need of the rule."""
    made = every_engine(scaled_graph("ordinary"))
    assert len({score.tobytes() for score in made.values()}) > 1


@pytest.mark.parametrize(("scale", "certified"), [(2.0**-13, True), (2.0**-14, False)])
def test_scales_are_moved_up_to_the_smallest_number(scale: float, certified: bool) -> None:
    """2^-136 times 2^-13 is 2^-149, though in the graph's order it is only ever 2^-49 and more."""
    nodes = [*CODES, node("Mul", ["g", "a"], "b"), node("MatMul", ["b", "w"], "m"), node("Round", ["m"], "y")]
    constants = {"t": weights([0, 2.0**-136])[0], "a": 2.0**100, "w": weights([scale])}
    found = behind(nodes, constants, q=(0, 1), width=1)
    assert found.certified is certified
    assert not found.flush_to_zero_safe


def test_a_scale_is_not_moved_behind_a_rounding() -> None:
    """x 2^13 0.1 may be (x 0.1) 2^13, which rounds what is subnormal."""
    nodes = [*UNIT, node("Mul", ["c", "a"], "s"), node("Mul", ["s", "b"], "y")]
    bounds = {"low": -1.0, "high": 1.0}
    refused(certify(build(nodes, bounds | {"a": 2.0**13, "b": 0.1})), "normal numbers are from")
    assert behind([node("Mul", ["q", "a"], "s"), node("Mul", ["s", "b"], "y")], {"a": 2.0**13, "b": 0.1}).certified
    half = [*nodes[:2], node("Add", ["s", "b"], "h"), node("Floor", ["h"], "y")]
    assert certify(build(half, bounds | {"a": 2.0**13, "b": 0.5})).certified  # a subnormal sum is not rounded


def test_scales_of_a_table_and_of_a_parabola_are_not_forgotten() -> None:
    table = [
        node("Mul", ["t", "a"], "u"),
        node("Cast", ["q"], "i", to=INT64),
        node("Gather", ["u", "i"], "g"),
        node("Mul", ["g", "b"], "y"),
    ]
    constants = {"t": weights([0, 1])[0], "a": 2.0**-70}
    assert behind(table, constants | {"b": 2.0**-56}, q=(0, 1)).certified
    refused(behind(table, constants | {"b": 2.0**-57}, q=(0, 1)), r"between 2\^-127 and 2\^0")
    curve = [
        node("Mul", ["q", "a"], "s"),
        node("Sub", ["c", "s"], "r"),
        node("Mul", ["s", "r"], "p"),
        node("Mul", ["p", "b"], "y"),
    ]
    constants = {"a": 2.0**-40, "c": 2.0**-30}
    assert behind(curve, constants | {"b": 2.0**-40}, q=(0, 9)).certified
    refused(behind(curve, constants | {"b": 2.0**-50}, q=(0, 9)), r"between 2\^-130 and")


@pytest.mark.parametrize(("scale", "exact"), [(2.0**30, True), (2.0**30 + 1, False), (2.0**128, False)])
def test_scales_of_float64_may_be_kept_as_float32(scale: float, exact: bool) -> None:
    """ONNX Runtime's fused matrix product holds its scale as a float32, whatever it multiplies."""
    nodes = [
        node("Cast", ["q"], "d", to=DOUBLE),
        node("MatMul", ["d", "w"], "m"),
        node("Mul", ["m", "s"], "e"),
        node("Mul", ["e", "back"], "r"),
        node("Cast", ["r"], "y", to=FLOAT),
    ]
    found = behind(nodes, {"w": np.array([[1.0]]), "s": np.array(scale), "back": np.array(2.0**-30)}, width=1)
    assert found.exact_in_float64 is exact
    if not exact:
        refused(found, "as float32|float32, in which some engines keep them")


def test_a_scale_of_0_does_not_meet_infinity() -> None:
    """Clip(x) [0, 1] 2^7 may be Clip(x 2^7 [0, 1]), where infinity times 0 is no number."""
    nodes = [*UNIT, node("Mul", ["c", "m"], "s"), node("Mul", ["s", "a"], "y")]
    constants = {"low": 0.0, "high": 1.0, "m": weights([0, 1])[0]}
    assert certify(build([*nodes[:1], node("Mul", ["c", "m"], "y")], constants)).certified
    refused(certify(build(nodes, constants | {"a": 128.0})), "multiplies by 0 what is scaled as well")


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


# x (c - |x|).


def parabola(
    level: int, c: float, *, absolute: bool = True, low: float | None = None, then: str = "Floor"
) -> Certificate:
    nodes = [node("Abs", ["q"], "a")] if absolute else []
    nodes += [
        node("Sub", ["c", "a" if absolute else "q"], "r"),
        node("Mul", ["q", "r"], "p"),
        node("Mul", ["p", "s"], "t"),
        node(then, ["t"] if then == "Floor" else ["t", "t"], "f"),
        node("MatMul", ["f", "w"], "y"),
    ]
    constants = {"c": c, "s": 2.0**-14, "w": weights([1], [1])}
    return behind(nodes, constants, q=(-level if low is None else low, level))


def test_a_parabola_is_known_to_be_lower_than_its_factors() -> None:
    """4096 (8192 - 4096) is 2^24, where [-4096, 4096] times [4096, 8192] would reach 2^25."""
    assert parabola(4096, 8192.0).certified
    assert parabola(4096, 8192.0, absolute=False, low=0.0).certified
    refused(parabola(4096, 8192.0, absolute=False), "partial sums|significant bits", "Mul")
    refused(parabola(4096, 8193.0), "significant bits", "Mul")
    refused(parabola(8192, 8192.0), "significant bits", "Mul")
    refused(parabola(4097, 8192.0), "significant bits", "Mul")


def test_the_values_of_a_parabola_are_bounded_by_its_height() -> None:
    """2^24 2^-14 is 1024: with 2 units of weight 2^13 each the sum is 2^24, and not one more."""
    for weight, certified in ((2**13, True), (2**13 + 1, False)):
        nodes = [
            node("Abs", ["q"], "a"),
            node("Sub", ["c", "a"], "r"),
            node("Mul", ["r", "q"], "p"),
            node("Mul", ["p", "s"], "t"),
            node("Floor", ["t"], "f"),
            node("MatMul", ["f", "w"], "y"),
        ]
        constants = {"c": 8192.0, "s": 2.0**-14, "w": weights([weight], [weight])}
        assert behind(nodes, constants, q=(-4096, 4096)).certified is certified


def test_a_parabola_is_not_merged_with_a_sum() -> None:
    refused(parabola(4096, 8192.0, then="Add"), "it takes a parabola", "Add")


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
    """The first column is huge and the second small: it is the second that is picked, cut, and joined."""
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
    """No batch then: all of it is known, and may be added."""
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
    """What the proof takes a result for, element by element, is what ONNX Runtime makes of it."""
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


@pytest.mark.parametrize("how", [{"value_float": 3.0}, {"value": numpy_helper.from_array(np.float32(3))}])
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
    refused(found, "it computes in float64, and there are engines that take float32 for it", "")
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
    """Measured: OpenVINO then rounds the activations to 8 bits too; not so with 16."""
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
    assert behind([node(op, takes, makes, **how)], constants).broken.op == op


def test_float16_is_refused() -> None:
    refused(behind([node("Cast", ["q"], "h", to=TensorProto.FLOAT16), node("Cast", ["h"], "y", to=FLOAT)]), "FLOAT16")


@pytest.mark.parametrize(("opset", "certified"), [(12, False), (13, True), (18, True), (21, True)])
def test_operator_sets_that_are_known(opset: int, certified: bool) -> None:
    found = behind([node("MatMul", ["q", "w"], "y")], {"w": weights([1], [1])}, opset=opset)
    assert found.certified is certified


def test_dead_nodes_are_nobodys_business() -> None:
    assert behind([node("Tanh", ["q"], "dead"), node("Identity", ["q"], "y")]).certified


# What is no model, or a hostile one.


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a model", b"\x08\x08hostile", bytes(1000), b"\x08\x08" * 600_000])
def test_what_is_no_model_is_an_error(data: bytes) -> None:
    with pytest.raises(ModelError) as raised:
        certify(data)
    assert raised.value.hint


def test_half_a_model_is_no_model() -> None:
    whole = build([node("MatMul", ["x", "w"], "y")], {"w": np.ones((2, 100), np.float32)})
    for end in range(0, len(whole), 7):
        try:
            assert not certify(whole[:end]).certified
        except ModelError as error:
            assert error.hint  # noqa: PT017 - either is right


def edited(change: Any) -> Certificate:
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
        own_domain: "not among the operators|checker",
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


@pytest.mark.parametrize("bomb", BOMBS)
def test_small_files_do_not_take_much_time_or_memory(bomb: str) -> None:
    nodes, constants = BOMBS[bomb]
    data = build(
        [*nodes, *([] if any("y" in n.output for n in nodes) else [node("Relu", [nodes[-1].output[0]], "y")])],
        constants,
    )
    started = time.process_time()
    tracemalloc.start()
    certify(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - started < 20
    assert peak < 300_000_000


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_refused_or_read(data: st.DataObject) -> None:
    """Whatever a byte is changed to: an answer or a ModelError, nothing else."""
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
