"""Scales that engines move, and parabolas."""

from typing import Any

import numpy as np
import pytest
from onnx import NodeProto

from tinyvmaf.model import engines
from tinyvmaf.model.certificate import ExactnessCertificate, certify

from .certificate_samples import DOUBLE, FLOAT, INT64, behind, build, integers, node, refused, weights

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
    """Each engine's scores for a graph of one feature, at each optimisation level."""
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
    """Otherwise the rule would be unnecessary."""
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
    """x 2^13 0.1 may become (x 0.1) 2^13, which rounds a subnormal."""
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
    """ONNX Runtime's fused matrix product keeps its scale as float32, for any type of matrix."""
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
    """Clip(x) [0, 1] 2^7 may be Clip(x 2^7 [0, 1]), where infinity times 0 is NaN."""
    nodes = [*UNIT, node("Mul", ["c", "m"], "s"), node("Mul", ["s", "a"], "y")]
    constants = {"low": 0.0, "high": 1.0, "m": weights([0, 1])[0]}
    assert certify(build([*nodes[:1], node("Mul", ["c", "m"], "y")], constants)).certified
    refused(certify(build(nodes, constants | {"a": 128.0})), "multiplies by 0 what is scaled as well")


# x (c - |x|).


def parabola(
    level: int, c: float, *, absolute: bool = True, low: float | None = None, then: str = "Floor"
) -> ExactnessCertificate:
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
