"""The sums of a student on a grid are exact in any order, up to a bound and not beyond it."""

import itertools
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinyvmaf.train.students import Grid, GridStudent, Layer, StudentError

from .grid_student_samples import quadratic, squared, squares, tight, wide

FLOATS = {24: np.float32, 53: np.float64}  # by the bits that they count to


# Any order of summation.


def pairwise_sum(terms: NDArray[Any]) -> Any:
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return pairwise_sum(terms[:half]) + pairwise_sum(terms[half:])


@given(
    bits=st.sampled_from([24, 53]),
    inputs=st.integers(1, 9),
    steps=st.integers(-5, 40),
    seed=st.integers(0, 2**32),
    low=st.sampled_from([0, -1]),
    end=st.integers(1, 2**11),
)
@settings(max_examples=100, deadline=None)
def test_a_sum_within_the_bound_is_the_same_in_any_order(
    bits: int, inputs: int, steps: int, seed: int, low: int, end: int
) -> None:
    """In the engine's own type: forwards, backwards, shuffled and as a tree, with each value at either end of its range
    or anywhere within it."""
    rng, kind = np.random.default_rng(seed), FLOATS[bits]
    layer = replace(tight(rng, low * end, end, inputs, 1, 2**bits), steps=np.array([steps]))
    weights, bias = (part.astype(kind) for part in layer.real())
    for draw in range(4):
        ends = np.where((layer.weights[:, 0] > 0) == (draw == 0), end, low * end)
        x = ends if draw < 2 else rng.integers(low * end, end + 1, inputs)
        exact = float(Fraction(int(x @ layer.weights[:, 0] + layer.bias[0])) * Fraction(2) ** -steps)
        terms = np.append(x.astype(kind) * weights[:, 0], bias)
        orders = [np.arange(inputs + 1), np.arange(inputs + 1)[::-1], *(rng.permutation(inputs + 1) for _ in range(5))]
        for order in orders:
            assert np.add.accumulate(terms[order], dtype=kind)[-1] == exact
            assert pairwise_sum(terms[order]) == exact


def random_layer(rng: np.random.Generator, inputs: int, outputs: int) -> Layer:
    numbers = rng.integers(-50, 51, (inputs + 1, outputs))
    return Layer(numbers[:-1], numbers[-1], np.zeros(outputs, np.int64))


@given(
    inputs=st.integers(1, 4),
    outputs=st.integers(1, 3),
    low=st.integers(-7, 0),
    high=st.integers(0, 7),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_reach_is_the_farthest_that_any_subset_of_terms_can_come(
    inputs: int, outputs: int, low: int, high: int, seed: int
) -> None:
    """Compared with all subsets: each term is absent or at one end, and the bias is present or not."""
    layer = random_layer(np.random.default_rng(seed), inputs, outputs)
    tried = [
        abs(np.array(values) @ layer.weights + with_bias * layer.bias)
        for values in itertools.product((0, low, high), repeat=inputs)
        for with_bias in (0, 1)
    ]
    reach = layer.reach(np.full(inputs, low), np.full(inputs, high))
    assert reach.tolist() == np.max(tried, axis=0).tolist()


@pytest.mark.parametrize("bits", [24, 53])
@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("up", [1, -1])
def test_one_step_beyond_the_bound_is_refused(up: int, number: int, bits: int) -> None:
    """With 2^24 + 1 steps, there is a sum that float32 cannot represent."""
    student = wide(np.random.default_rng(1), bits)
    layers = list(student.layers)
    layer = layers[number]
    zero = replace(layer, weights=np.zeros_like(layer.weights))
    most = np.full(len(layer.bias), up * student.grid.most)
    layers[number] = replace(zero, bias=most)
    replace(student, layers=tuple(layers))
    layers[number] = replace(zero, bias=most + up)
    with pytest.raises(
        StudentError,
        match=rf"^layer {number}: partial sums reach {2**bits + 1:,} steps, more than {2**bits:,}\n  hint: fewer steps",
    ):
        replace(student, layers=tuple(layers))
    assert int(np.array(2**bits + 1, FLOATS[bits])) == 2**bits


@pytest.mark.parametrize("up", [1, -1])
@pytest.mark.parametrize("made", [quadratic, squared])
def test_a_sum_that_could_leave_the_levels_needs_a_clip(made: Any, up: int) -> None:
    """In steps of an eighth: 2048 of them are the end of 256 levels. Of the last layer, whose sum is the score, it is
    no matter."""
    student = replace(squares(np.random.default_rng(1)), architecture=made((5,)))
    first, last = student.layers
    ends = replace(first, weights=np.zeros((5, 5), np.int64), bias=np.full(5, up * 2048), steps=np.full(5, 3))
    replace(student, layers=(ends, last))
    beyond = replace(ends, bias=ends.bias + up * np.eye(5, dtype=np.int64)[2])
    far = replace(last, steps=np.array([-9]))
    if made is quadratic:
        replace(student, layers=(beyond, replace(far, weights=far.weights // 2)))
        return
    replace(student, layers=(ends, far))
    with pytest.raises(
        StudentError,
        match=r"^layer 0: a sum may reach 256\.125, and the levels end at 256\n  hint: smaller weights",
    ):
        replace(student, layers=(beyond, last))


def test_values_of_a_sigmoid_have_a_sign_and_those_of_a_square_have_none() -> None:
    """Two weights of +128 and -128, and values up to 2^16 steps: of either sign they reach 2^24, of one sign the half.
    One more step is too much of the former, and twice as much is just right for the latter."""
    student = squares(np.random.default_rng(1))
    first, last = student.layers
    weights = np.array([[128], [-128], [0], [0], [0]])
    ends = replace(last, weights=weights, bias=np.zeros(1, np.int64))
    made = replace(student, architecture=quadratic((5,)), layers=(first, ends))
    with pytest.raises(StudentError, match="layer 1: partial sums reach 16,777,217 steps"):
        replace(made, layers=(first, replace(ends, bias=np.ones(1, np.int64))))
    replace(student, layers=(first, replace(ends, weights=2 * weights)))
    with pytest.raises(StudentError, match="layer 1: partial sums reach 16,842,752 steps"):
        replace(student, layers=(first, replace(ends, weights=2 * weights + np.sign(weights))))


def test_the_bound_counts_the_bias_and_the_sum_on_its_way() -> None:
    """Terms of +2^24 and -2^24 add up to 0; the way there leads to 2^24, and with a bias of 1 beyond."""
    grid = Grid(1, 12, 12)
    weights, steps = np.array([[2**23], [-(2**23)]]), np.zeros(1, np.int64)
    student = GridStudent(quadratic(()), ("x", "y"), grid, (0, 0), 2, (Layer(weights, steps, steps),), (0.0, 100.0))
    for bias in (1, -1):
        with pytest.raises(StudentError, match="partial sums reach 16,777,217 steps"):
            replace(student, layers=(Layer(weights, np.array([bias]), steps),))


@pytest.mark.parametrize("large", [2**53, 2**62, -(2**62), 2**63 - 1, -(2**63)])
@pytest.mark.parametrize("part", ["weights", "bias"])
def test_numbers_that_64_bits_do_not_hold_the_reach_of_are_refused_too(part: str, large: int) -> None:
    student = wide(np.random.default_rng(2), 53)
    numbers = getattr(student.layers[0], part).copy()
    numbers[...] = large
    with pytest.raises(StudentError, match=r"layer 0: partial sums reach [0-9,]{21,} steps"):
        replace(student, layers=(replace(student.layers[0], **{part: numbers}), *student.layers[1:]))
