"""ULP distances count representable numbers exactly, and refuse arrays that cannot be compared."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinyvmaf.measure.engine_agreement.ulp import UlpError, compare, distances

Kind = type[np.float32] | type[np.float64]
TYPES: tuple[Kind, ...] = (np.float32, np.float64)
SMALLEST = {t: float(np.finfo(t).smallest_subnormal) for t in TYPES}
INFINITIES = [np.inf, -np.inf, np.nan]


def floats(kind: Kind) -> st.SearchStrategy[float]:
    return st.floats(width=32 if kind is np.float32 else 64, allow_nan=False, allow_infinity=False)


def apart(kind: Kind, a: float | np.floating, b: float | np.floating) -> int:
    return int(distances(np.array([a], dtype=kind), np.array([b], dtype=kind))[0])


both = pytest.mark.parametrize("kind", TYPES)


# The distance.


@both
@given(data=st.data())
def test_the_next_number_is_one_away(kind: Kind, data: st.DataObject) -> None:
    """Also for subnormals, powers of two and numbers next to zero; numpy.nextafter is independent of our code."""
    x = kind(data.draw(floats(kind)))
    for direction in (np.inf, -np.inf):
        with np.errstate(over="ignore"):
            neighbour = np.nextafter(x, kind(direction))
        if np.isfinite(neighbour):
            assert apart(kind, x, neighbour) == 1


@both
@given(data=st.data(), steps=st.integers(0, 1000))
def test_within_a_binade_it_is_the_difference_in_spacings(kind: Kind, data: st.DataObject, steps: int) -> None:
    mantissa = data.draw(st.floats(1.0, 1.5, width=32))
    exponent = data.draw(st.integers(np.finfo(kind).minexp, np.finfo(kind).maxexp - 1))
    x = kind(np.ldexp(kind(mantissa), exponent))
    y = kind(x + kind(steps) * np.spacing(x))
    assert apart(kind, x, y) == apart(kind, -x, -y) == steps
    assert (Fraction(float(y)) - Fraction(float(x))) / Fraction(float(np.spacing(x))) == steps


@both
@given(data=st.data())
def test_it_is_symmetric_and_additive_along_the_line(kind: Kind, data: st.DataObject) -> None:
    a, b, c = sorted(data.draw(st.tuples(floats(kind), floats(kind), floats(kind))))
    assert apart(kind, a, c) == apart(kind, c, a) == apart(kind, a, b) + apart(kind, b, c)


@both
@given(data=st.data())
def test_it_is_zero_for_equal_values_only(kind: Kind, data: st.DataObject) -> None:
    a, b = data.draw(st.tuples(floats(kind), floats(kind)))
    assert (apart(kind, a, b) == 0) == (a == b)


@both
def test_both_zeros_are_one_number(kind: Kind) -> None:
    assert apart(kind, 0.0, -0.0) == 0
    assert apart(kind, -0.0, SMALLEST[kind]) == apart(kind, 0.0, -SMALLEST[kind]) == 1


@both
def test_across_zero_it_is_the_sum(kind: Kind) -> None:
    assert apart(kind, -3 * SMALLEST[kind], 4 * SMALLEST[kind]) == 7


@pytest.mark.parametrize(("kind", "largest"), [(np.float32, 0x7F7FFFFF), (np.float64, 0x7FEFFFFFFFFFFFFF)])
def test_the_largest_distance_there_is_does_not_overflow(kind: Kind, largest: int) -> None:
    """The largest number's bits are its number; in float64 twice that is more than int64 has."""
    most = float(np.finfo(kind).max)
    assert apart(kind, -most, most) == apart(kind, most, -most) == 2 * largest
    assert distances(np.array([most], dtype=kind), np.array([-most], dtype=kind)).dtype == np.uint64


def test_it_takes_any_shape_and_layout() -> None:
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert (distances(a.T, np.nextafter(a, np.float32(99)).T) == 1).all()
    assert (distances(a[:, ::2], a[:, ::2].copy()) == 0).all()
    assert distances(np.array([], np.float32), np.array([], np.float32)).shape == (0,)
    scalar = distances(np.array(1.0, dtype=np.float32), np.array(2.0, dtype=np.float32))
    assert scalar.shape == () and scalar == 2**23  # noqa: PT018


# What cannot be compared.


@pytest.mark.parametrize("strange", INFINITIES)
@pytest.mark.parametrize("equal", [True, False])
def test_what_is_not_finite_is_refused_even_where_both_agree(strange: float, equal: bool) -> None:
    """numpy's assertion accepts NaN as equal to NaN, and infinity as next to the largest number."""
    good = np.array([1.0, 2.0, np.finfo(np.float32).max], dtype=np.float32)
    bad = np.array([1.0, 2.0, strange], dtype=np.float32)
    with pytest.raises(UlpError, match=r"expected is (nan|-?inf) at row 2, 1 of 3 values are not finite"):
        distances(bad, bad if equal else good)
    if not equal:
        with pytest.raises(UlpError, match=r"got is (nan|-?inf) at row 2"):
            distances(good, bad)


def test_types_are_not_mixed() -> None:
    one = np.ones(2)
    with pytest.raises(UlpError, match="expected float64, got float32"):
        distances(one, one.astype(np.float32))
    for other in (one.astype(np.float16), one.astype(int), one.astype(">f8")):
        with pytest.raises(UlpError, match=r"got is (float16|int64|>f8), not float32 or float64"):
            distances(one, other)
    with pytest.raises(UlpError, match=r"expected is list, not"):
        distances([1.0, 1.0], one)  # type: ignore[arg-type]


def test_shapes_are_not_broadcast() -> None:
    one = np.ones((3, 1), dtype=np.float32)
    with pytest.raises(UlpError, match=r"expected shape \[3, 1\], got \[3\]"):
        distances(one, one[:, 0])
    with pytest.raises(UlpError, match="expected shape"):
        distances(one, one[:1])


# The comparison.


def scores(*ulp: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Ones, and numbers some ULP above them."""
    ones = np.ones(len(ulp), dtype=np.float32)
    return ones, ones + np.array(ulp, dtype=np.float32) * np.spacing(np.float32(1))


def test_a_comparison_counts_and_sorts_into_classes() -> None:
    found = compare(*scores(0, 0, 1, 2, 3, 4, 5, 9, 16), bound=2)
    assert (found.count, found.max, found.above, found.row, found.failed) == (9, 16, 5, 8, True)
    assert found.histogram == {"0": 2, "1": 1, "2": 1, "3-4": 2, "5-8": 1, "9-16": 2}
    assert sum(found.histogram.values()) == found.count


@given(st.lists(st.integers(0, 5000), min_size=1), st.integers(0, 5000))
def test_classes_hold_what_their_names_say(ulp: list[int], bound: int) -> None:
    found = compare(*scores(*ulp), bound=bound)
    for name, count in found.histogram.items():
        low, _, high = name.partition("-")
        assert count == sum(int(low) <= n <= int(high or low) for n in ulp)
    assert found.above == sum(n > bound for n in ulp)
    assert found.max == max(ulp)
    assert found.row == ulp.index(max(ulp))
    assert list(found.histogram.values())[-1] > 0


def test_the_bound_is_still_good() -> None:
    assert not compare(*scores(0, 2), bound=2).failed
    assert compare(*scores(0, 3), bound=2).failed


def test_the_widest_comparison_has_a_class() -> None:
    most = np.array([np.finfo(np.float64).max])
    found = compare(-most, most, bound=2)
    assert found.histogram[f"{2**63 + 1}-{2**64}"] == 1
    assert found.above == 1


def test_equal_scores_have_one_class() -> None:
    assert compare(*scores(0, 0), bound=0).histogram == {"0": 2}


def test_a_comparison_says_its_worst_row_to_the_bit() -> None:
    inputs = np.array([[0.1, 0.2], [0.5, -0.0]], dtype=np.float32)
    text = compare(*scores(0, 3), bound=2, inputs=inputs).explain()
    assert text.splitlines() == [
        "1 of 2 values more than 2 ULP apart, at most 3 ULP in float32",
        "  row 1: expected 1. = 0x1.0000000000000p+0 = 0x3f800000",
        "              got 1.0000004 = 0x1.0000060000000p+0 = 0x3f800003",
        "  inputs: 0x1.0000000000000p-1, -0x0.0p+0",
        "  ULP: 0: 1, 1: 0, 2: 0, 3-4: 1",
    ]
    assert "inputs" not in compare(*scores(0, 3), bound=2).explain()


@both
def test_a_comparison_survives_json_to_the_bit(kind: Kind) -> None:
    a: NDArray[np.floating] = np.array([0.1], dtype=kind)
    b: NDArray[np.floating] = np.array([-0.0], dtype=kind)
    found = json.loads(json.dumps(compare(a, b, bound=0, inputs=[[0.3]]).as_dict(), allow_nan=False))
    assert (found["bound_ulp"], found["above"], found["dtype"]) == (0, 1, np.dtype(kind).name)
    size = np.dtype(kind).itemsize
    for name, value in (("expected", a), ("got", b)):
        exact = found["worst"][name]
        assert kind(float.fromhex(exact["hex"])).tobytes() == value.tobytes()
        assert int(exact["bits"], 16) == int(value.view(f"u{size}")[0])
        assert len(exact["bits"]) == 2 + 2 * size
    assert float.fromhex(found["worst"]["inputs"][0]) == 0.3


def test_nothing_is_no_comparison() -> None:
    with pytest.raises(UlpError, match=r"cannot compare values of shape \[0\]"):
        compare(*scores(), bound=2)
    with pytest.raises(UlpError, match=r"cannot compare values of shape \[1, 1, 2\]"):
        compare(*(np.zeros((1, 1, 2), np.float32),) * 2, bound=2)
    with pytest.raises(UlpError, match=r"inputs have shape \[3, 1\] for 2 values"):
        compare(*scores(0, 0), bound=2, inputs=np.zeros((3, 1)))
    with pytest.raises(UlpError, match="the bound is -1 ULP, below 0"):
        compare(*scores(0), bound=-1)


def test_every_output_of_a_row_is_compared() -> None:
    """A difference in the second output counts, and its row is named."""
    expected = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], np.float32)
    got = expected.copy()
    got[1, 1] = np.nextafter(got[1, 1], np.float32(9))
    found = compare(expected, got, bound=0, inputs=np.arange(6.0).reshape(3, 2))
    assert (found.count, found.max, found.above, found.row, found.expected) == (6, 1, 1, 1, 4.0)
    assert found.inputs == (2.0, 3.0)


def test_a_row_without_a_finite_score_hides_no_other() -> None:
    expected = np.array([np.nan, 1.0, np.inf, 2.0], np.float32)
    same = compare(expected, expected.copy(), bound=0)
    assert (same.count, same.max, same.failed) == (2, 0, False)
    got = np.array([np.nan, np.nextafter(np.float32(1), np.float32(2)), np.inf, np.nan], np.float32)
    found = compare(expected, got, bound=0, inputs=[[0.0], [1.0], [2.0], [3.0]])
    assert (found.count, found.above, found.row, found.inputs) == (2, 2, 3, (3.0,))
    assert found.histogram == {"0": 0, "1": 1, "not finite": 1}
    assert "at most NaN or infinity instead of a finite score" in found.explain()
    assert compare(expected, -expected, bound=10**9).histogram["not finite"] == 1, "infinities of other signs differ"
    with pytest.raises(UlpError, match="no score of 1 rows is finite"):
        compare(expected[:1], expected[:1], bound=0)
