"""Each rule of the proof at its exact boundary: certified one step before, refused one step after."""

from typing import Any

import numpy as np
import pytest

from tinyvmaf.model.certificate import certify

from .certificate_samples import BOOL, FLOAT, INT64, LIMIT, behind, build, node, refused, weights

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
    # [0, 1000] - 1000 + ...: in fact within [0, 10], but with terms of 1000 each.
    narrow = behind(add, {"c": -1000.0, "w": float(2**15 - 1)}, q=(1000, 1010))
    refused(narrow, "25 significant bits")


@pytest.mark.parametrize("op", ["Floor", "Ceil", "Round"])
def test_what_rounds_a_sum_takes_the_ends_of_all_of_it(op: str) -> None:
    """q - 1000 lies in [0, 10], and so does its floor, though its terms do not: two of them times k reach 20 k."""
    nodes = [node("Gemm", ["q", "w", "b"], "s"), node(op, ["s"], "f"), node("MatMul", ["f", "v"], "y")]
    known = {"w": weights([1, 0], [0, 1]), "b": weights([-1000, -1000])[0]}
    within, beyond = ({**known, "v": weights([k], [k])} for k in (838_859, 838_861))
    assert behind(nodes, within, q=(1000, 1010)).certified
    refused(behind(nodes, beyond, q=(1000, 1010)), r"partial sums reach 16,777,220 steps")
    refused(behind(nodes, within, q=(1000, 1011)), r"partial sums reach 18,454,898 steps")
    # The sum itself may be expanded where nothing rounds it.
    bare = [node("Gemm", ["q", "w", "b"], "f"), node("MatMul", ["f", "v"], "y")]
    refused(behind(bare, within, q=(1000, 1010)), "partial sums reach")


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
    """The largest float below 0.5 plus 2^24 - 1 rounds to 2^24: bounds must be those of the rounded value."""
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
    """Infinity minus infinity would be NaN; a scaled input has nothing to be added to."""
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
