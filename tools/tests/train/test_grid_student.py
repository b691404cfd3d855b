"""A student on a grid gives the same bits in NumPy, in fractions, in any order of summation, and as ONNX anywhere."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from tinyvmaf.model.certificate import certify
from tinyvmaf.model.contract import OPSET, faults
from tinyvmaf.model.engines import OnnxRuntimeCpu, Settings
from tinyvmaf.train.export_student import grid_model
from tinyvmaf.train.students import Architecture, Grid, GridStudent, Layer, StudentError
from tinyvmaf.vmaf.features import CANONICAL

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Rows = NDArray[np.float32]
F32 = np.finfo(np.float32)
EXTREMES = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    F32.max,
    -F32.max,
    F32.tiny,
    -F32.tiny,
    F32.smallest_subnormal,
    -F32.smallest_subnormal,
)
FLOATS = {24: np.float32, 53: np.float64}  # by the bits that they count to


def quadratic(hidden: Sequence[int]) -> Architecture:
    return Architecture("toy", "mlp", tuple(hidden), "quadratic")


def squared(hidden: Sequence[int]) -> Architecture:
    return Architecture("toy", "mlp", tuple(hidden), "squared_relu")


def tight(rng: np.random.Generator, low: int, high: int, inputs: int, outputs: int, most: int) -> Layer:
    """A layer whose sums may reach exactly `most` steps; of random shares of that, and steps that are still 0."""
    farthest = max(-low, high)
    shares = rng.dirichlet(np.ones(inputs + 1), outputs)
    weights = (shares[:, :-1] * (most // farthest)).astype(np.int64) * rng.choice([-1, 1], (outputs, inputs))
    made = Layer(np.ascontiguousarray(weights.T), np.zeros(outputs, np.int64), np.zeros(outputs, np.int64))
    ends = np.full(inputs, low), np.full(inputs, high)
    left = (most - made.reach(*ends)).astype(np.int64)
    bias = left * rng.choice([-1, 1], outputs)
    bias = np.where(replace(made, bias=bias).reach(*ends) == most, bias, -bias)
    assert (replace(made, bias=bias).reach(*ends) == most).all()
    return replace(made, bias=bias)


@st.composite
def students(draw: st.DrawFn, bits: Sequence[int] = (24, 53)) -> GridStudent:
    """Any student on a grid, whose sums reach to the bound of each layer or to a part of it."""
    accumulator = draw(st.sampled_from(bits))
    levels = draw(st.integers(1, accumulator // 2))
    made = draw(st.sampled_from([quadratic, squared]))
    values = draw(st.integers(1, 2 * levels)) if made is quadratic else 2 * levels
    grid = Grid(draw(st.integers(1, accumulator - 2)), levels, values, accumulator)
    features = draw(st.integers(1, 5))
    hidden = draw(st.lists(st.integers(1, 5), max_size=2))
    highest = draw(st.lists(st.floats(0.01, 100.0), min_size=features, max_size=features))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    exponents, high = grid.exponents(highest)
    layers = []
    for number, (a, b) in enumerate(itertools.pairwise((features, *hidden, 1))):
        ends = (0, high) if number == 0 else (-grid.value if made is quadratic else 0, grid.value)
        most = max(grid.most >> draw(st.integers(0, 3)), max(map(abs, ends)))
        # Sums that are about as large as what they are clipped to: some inside, some beyond. Unclipped, none beyond.
        goal, least = (grid.level, -2 if made is quadratic else 0) if number < len(hidden) else (128, -2)
        steps = np.ceil(np.log2(most / goal)) + rng.integers(least, 3, b)
        layer = replace(tight(rng, *ends, a, b, min(most, grid.most)), steps=np.asarray(steps, np.int64))
        layers.append(replace(layer, bias=layer.bias >> draw(st.sampled_from([0, 6]))))
    return GridStudent(made(hidden), CANONICAL[:features], grid, exponents, high, tuple(layers), (0.0, 100.0))


def rows(student: GridStudent, seed: int = 0) -> Rows:
    """Random rows, extremes in every feature at once and mixed, and both sides of the edges of steps."""
    rng, width = np.random.default_rng(seed), len(student.features)
    unit = np.ldexp(1.0, -np.array(student.exponents))
    last = student.high * unit
    inside = rng.uniform(-0.1, 1.3, (20, width)) * last
    edges = (rng.integers(0, student.high + 1, (20, width)) * unit).astype(np.float32)
    edges[:2] = np.stack([last, last + unit])
    ends = np.array(EXTREMES)
    return np.concatenate(
        [
            inside,
            edges,
            np.nextafter(edges, F32.max),
            np.nextafter(edges, -F32.max),
            np.repeat(ends[:, None], width, axis=1),
            rng.choice(ends, (20, width)),
        ]
    ).astype(np.float32)


def exactly(student: GridStudent, row: Rows) -> float:
    """The score of a row in rational numbers: nothing can round here, until the last line."""
    grid, two = student.grid, Fraction(2)
    m = grid.level
    x = [
        floor(min(max(Fraction(value) * two**a, Fraction(0)), Fraction(student.high)))
        for value, a in zip(row.tolist(), student.exponents, strict=True)
    ]
    for number, layer in enumerate(student.layers):
        sums = [
            (sum(int(w) * v for w, v in zip(column, x, strict=True)) + int(b)) * two ** -int(s)
            for column, b, s in zip(layer.weights.T, layer.bias, layer.steps, strict=True)
        ]
        if number == len(student.layers) - 1:
            low, high = student.clip
            return float(min(max(sums[0], Fraction(low)), Fraction(high)))
        if student.architecture.activation == "squared_relu":
            assert all(-m <= s <= m for s in sums)
            x = [max(floor(s), 0) ** 2 for s in sums]
            continue
        levels = [floor(min(max(s, Fraction(-m)), Fraction(m))) for s in sums]
        x = [floor(Fraction(p * (2 * m - abs(p)), 2**grid.shift)) for p in levels]
    raise AssertionError("no layer")


# The same numbers, however they are found.


@given(student=students(), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_numpy_gives_what_fractions_give(student: GridStudent, seed: int) -> None:
    """Exactly, not nearly."""
    some = rows(student, seed)
    assert student.predict(some).tolist() == [exactly(student, row) for row in some]


@given(student=students(), seed=st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_onnx_runtime_gives_the_bits_that_numpy_gives(student: GridStudent, seed: int) -> None:
    """With its optimisations and without, row by row and all at once."""
    some, data = rows(student, seed), grid_model(student, "m")
    expected = student.predict(some).astype(np.float32).view(np.uint32)
    for level in ("none", "all"):
        engine = OnnxRuntimeCpu(data, Settings(optimisation=level))
        assert np.array_equal(engine.run(some).view(np.uint32), expected)
        alone = np.concatenate([engine.run(row[None]) for row in some[::7]])
        assert np.array_equal(alone.view(np.uint32), expected[::7])


def test_the_scores_of_random_students_are_spread_over_the_scale() -> None:
    """Else the two laws above would hold of scores that are all clipped."""
    rng = np.random.default_rng(0)
    made = [wide(rng) for _ in range(20)] + [squares(rng) for _ in range(20)]
    scores = np.stack([student.predict(rows(student)) for student in made])
    assert ((scores > 0.0) & (scores < 100.0)).mean() > 0.3
    assert np.median([len(np.unique(of_one)) for of_one in scores]) > 20


def wide(rng: np.random.Generator, bits: int = 24) -> GridStudent:
    """A student with two hidden layers of five, random and tight."""
    grid = Grid(10, 10, 9, bits)
    exponents, high = grid.exponents(np.ones(5))
    layers = []
    for a, b, ends, goal in ((5, 5, (0, high), grid.level), (5, 5, (-512, 512), grid.level), (5, 1, (-512, 512), 128)):
        steps = np.full(b, bits - round(np.log2(goal)))
        layers.append(replace(tight(rng, *ends, a, b, grid.most), steps=steps))
    return GridStudent(quadratic((5, 5)), CANONICAL[:5], grid, exponents, high, tuple(layers), (0.0, 100.0))


def squares(rng: np.random.Generator, bits: int = 24) -> GridStudent:
    """A student with a hidden layer of five squares, whose levels end where its sums do."""
    grid = Grid(10, 8, 16, bits)
    exponents, high = grid.exponents(np.ones(5))
    first, last = tight(rng, 0, high, 5, 5, grid.most), tight(rng, 0, grid.value, 5, 1, grid.most)
    # Squares are seldom near their largest value: a bias of a size with that would drown them.
    last = replace(last, bias=np.abs(last.bias) >> 6, steps=np.array([bits - 7]))
    layers = replace(first, steps=np.full(5, bits - 8)), last
    return GridStudent(squared((5,)), CANONICAL[:5], grid, exponents, high, layers, (0.0, 100.0))


def test_a_row_is_taken_as_float32() -> None:
    """As an engine gets it; 1 - 2^-40 is 1 then, and one step further."""
    student = replace(
        wide(np.random.default_rng(0)),
        architecture=quadratic(()),
        features=("x",),
        exponents=(10,),
        high=1024,
        layers=(Layer(np.array([[1]]), np.array([0]), np.array([4])),),
    )
    assert student.predict([[1.0 - 2.0**-40], [1.0 - 2.0**-12], [1.0], [5.0]]).tolist() == [64.0, 1023 / 16, 64.0, 64.0]


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
    """By trying all: each term is absent or at one of its ends, and the bias is there or not."""
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
    """And rightly: with 2^24 + 1 steps there is a sum that float32 does not hold."""
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
        match=rf"^layer {number}: partial sums reach {2**bits + 1:,} steps, exact are {2**bits:,}\n  hint: fewer steps",
    ):
        replace(student, layers=tuple(layers))
    assert int(FLOATS[bits](2**bits + 1)) == 2**bits


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
        match=r"^layer 0: a sum may reach 256\.125, the levels end at 256\n  hint: nothing clips it: smaller weights",
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


# The grid.


@pytest.mark.parametrize(
    ("bits", "reason"),
    [
        ((13, 12, 11, 32), "accumulators of 32 bits; float32 has 24, float64 53"),
        ((13, 13, 11), r"level_bits 13: a level times another must stay below 2\^24"),
        ((13, 27, 11, 53), r"level_bits 27: a level times another must stay below 2\^53"),
        ((13, 0, 11), "level_bits 0: a level times another"),
        ((0, 12, 11), "input_bits and value_bits are above 0, and no more than"),
        ((25, 12, 11), "input_bits and value_bits are above 0, and no more than"),
        ((13, 12, 0), "input_bits and value_bits are above 0, and no more than"),
        ((13, 12, 25), "input_bits and value_bits are above 0, and no more than"),
        ((13, 4, 9), "input_bits and value_bits are above 0, and no more than"),
    ],
)
def test_bits_that_cannot_be_are_refused(bits: tuple[int, ...], reason: str) -> None:
    with pytest.raises(StudentError, match=reason):
        Grid(*bits)


@given(levels=st.integers(1, 12), data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_values_of_the_levels_are_the_quadratic_sigmoid_in_integers(levels: int, data: st.DataObject) -> None:
    """From -R to R, odd but for the flooring, and never more than one below `R x (2 - |x|)` with x = p / m."""
    grid = Grid(1, levels, data.draw(st.integers(1, 2 * levels)))
    p = np.arange(-grid.level, grid.level + 1)
    values = np.floor(np.ldexp(p * (2 * grid.level - np.abs(p)), -grid.shift))
    x = p / grid.level
    short = grid.value * x * (2.0 - np.abs(x)) - values
    assert (values[0], values[-1], values[grid.level]) == (-grid.value, grid.value, 0)
    assert ((short >= 0.0) & (short < 1.0)).all()
    assert (np.diff(values) >= 0).all()


tops = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=6)


@given(bits=st.integers(1, 24), highest=tops)
@settings(max_examples=300, deadline=None)
def test_every_feature_ends_within_the_upper_half_of_the_scale(bits: int, highest: list[float]) -> None:
    """`high` is the first whole number that no feature's end exceeds; each end is above half of it, but for the 1 that
    rounding up takes."""
    exponents, high = Grid(bits, 12, 11).exponents(highest)
    ends = [Fraction(top) * Fraction(2) ** a for top, a in zip(highest, exponents, strict=True)]
    assert high - 1 < max(ends) <= high
    # Half of the scale, and a hair less: a logarithm is rounded.
    assert all(2 * end * (1 + Fraction(1, 2**40)) > high - 1 for end in ends)


@given(bits=st.integers(1, 24), highest=tops)
@settings(max_examples=100, deadline=None)
def test_the_shortest_feature_has_as_many_steps_as_its_bits_say(bits: int, highest: list[float]) -> None:
    """Up to an end of 2: `2^bits` for each 1. From there on the scale is that of an end of 2."""
    exponents, high = Grid(bits, 12, 11).exponents(highest)
    assert high <= 2 ** (bits + 1)
    if min(highest) <= 2.0:
        assert exponents[highest.index(min(highest))] == bits


def test_the_features_of_vmaf_have_a_grid_of_eight_thousand_steps() -> None:
    """Ends at 1.05, and motion at 30: 2^13 * 1.05 = 8601.6 steps and 2^8 * 30 = 7680."""
    assert Grid(13, 12, 11).exponents([1.05, 1.05, 1.05, 1.05, 1.05, 30.0]) == ((13, 13, 13, 13, 13, 8), 8602)


# What is no student on a grid.


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"architecture": Architecture("t", "mlp", (5, 5), "tanh")},
            "t: only layers with quadratic or squared_relu units have a grid",
        ),
        ({"architecture": Architecture("t", "attention", (5, 5), "quadratic")}, "t: only layers with quadratic"),
        ({"architecture": squared((5, 5))}, "toy: a square is not shortened: value_bits is twice level_bits"),
        ({"exponents": (1, 2)}, "one exponent a feature, and a scale that ends above 0"),
        ({"high": 0}, "one exponent a feature, and a scale that ends above 0"),
        ({"high": -8}, "one exponent a feature, and a scale that ends above 0"),
        ({"architecture": quadratic((5,))}, "toy: 3 layers, not 2"),
        ({"architecture": quadratic((5, 4))}, r"toy: layer 1 has shapes \(\(5, 5\), \(5,\), \(5,\)\)"),
        ({"high": 1 << 20}, r"layer 0: partial sums reach [0-9,]+ steps, exact are 16,777,216"),
        ({"grid": Grid(10, 10, 20)}, r"layer 1: partial sums reach [0-9,]+ steps, exact are 16,777,216"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(StudentError, match=reason):
        replace(wide(np.random.default_rng(0)), **changes)


@pytest.mark.parametrize("part", ["weights", "bias", "steps"])
def test_a_layer_with_a_part_of_another_shape_is_refused(part: str) -> None:
    student = wide(np.random.default_rng(0))
    short = replace(student.layers[1], **{part: getattr(student.layers[1], part)[:-1]})
    with pytest.raises(StudentError, match=re.escape("toy: layer 1 has shapes ")):
        replace(student, layers=(student.layers[0], short, student.layers[2]))


# The file.


def constants(data: bytes) -> dict[str, onnx.TensorProto]:
    return {constant.name: constant for constant in onnx.load_model_from_string(data).graph.initializer}


@pytest.mark.parametrize("bits", [24, 53])
@pytest.mark.parametrize(
    ("most", "stored"),
    [(1, TensorProto.INT16), (127, TensorProto.INT16), (32_767, TensorProto.INT16), (32_768, None)],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_weights_take_as_few_bytes_as_they_need(sign: int, most: int, stored: int | None, bits: int) -> None:
    """Each layer by itself, and never one: beside 8-bit weights engines may round the other factor to 8 bits. An engine
    that is told the weight again by a Cast and a power of two has the float."""
    student = wide(np.random.default_rng(0), bits)
    first = Layer(np.full((5, 5), 1), np.zeros(5, np.int64), np.full(5, 3))
    weights = np.full((5, 1), sign * most)
    weights[0, 0] = 1
    last = Layer(weights, np.array([50 << 20]) if bits == 53 else np.array([0]), np.array([20]))
    student = replace(student, grid=replace(student.grid, value_bits=5), layers=(first, first, last))
    data = grid_model(student, "m")
    found = constants(data)
    assert found["sum0_integers"].data_type == TensorProto.INT16
    kind = {24: TensorProto.FLOAT, 53: TensorProto.DOUBLE}[bits]
    if stored is None:
        assert "raw_score_integers" not in found
        assert found["raw_score_weights"].data_type == kind
        assert np.array_equal(numpy_helper.to_array(found["raw_score_weights"]), np.ldexp(weights, -20))
    else:
        assert found["raw_score_integers"].data_type == stored
        assert np.array_equal(numpy_helper.to_array(found["raw_score_integers"]), weights)
        assert found["raw_score_scale"].data_type == kind
        assert "raw_score_weights" not in found
    some = rows(student)
    assert np.array_equal(OnnxRuntimeCpu(data).run(some), student.predict(some).astype(np.float32))


def test_columns_of_one_scale_share_it_and_others_have_their_own() -> None:
    student = wide(np.random.default_rng(0))
    layer = replace(student.layers[1], steps=student.layers[1].steps + np.arange(5))
    found = constants(grid_model(replace(student, layers=(student.layers[0], layer, student.layers[2])), "m"))
    assert [list(found[f"sum{i}_scale"].dims) for i in (0, 1)] == [[1], [5]]
    assert np.array_equal(numpy_helper.to_array(found["sum1_scale"]), np.ldexp(1.0, -layer.steps))


@given(student=students())
@settings(max_examples=40, deadline=None)
def test_the_file_keeps_the_contract_and_has_its_certificate(student: GridStudent) -> None:
    """What the certificate proves from the graph alone: every sum exact, in as many bits as the grid has. But with
    weights of 8 bits, beside which some engines round the other input, too, it proves nothing."""
    data = grid_model(student, "m")
    assert not faults(data)
    found, bits = certify(data), student.grid.accumulator_bits
    if any(c.data_type == TensorProto.INT8 for c in constants(data).values()):
        assert not found.exact_in_float64
        assert "it takes weights of 8 bits" in found.explain()
        return
    assert found.exact_in_float64, found.explain()
    assert found.certified == (bits == 24), found.explain()
    assert found.arithmetic == ("float32" if bits == 24 else "float64")
    assert found.accumulator_bits is not None
    assert found.accumulator_bits <= bits


@pytest.mark.parametrize("bits", [24, 53])
def test_sums_that_reach_to_the_bound_have_their_certificate(bits: int) -> None:
    for seed, made in itertools.product(range(5), (wide, squares)):
        student = made(np.random.default_rng(seed), bits)
        assert made is squares or all(np.abs(layer.weights).max() > 127 for layer in student.layers)
        found = certify(grid_model(student, "m"))
        assert (found.certified, found.exact_in_float64, found.accumulator_bits) == (bits == 24, True, bits)


@pytest.mark.parametrize("bits", [24, 53])
def test_the_nodes_of_a_graph(bits: int) -> None:
    """Of two hidden layers; the weights' Cast and Mul are folded when an engine loads the file."""
    dense, level = ["Cast", "Mul", "Gemm", "Clip"], ["Floor", "Abs", "Sub", "Mul", "Mul", "Floor"]
    expected = ["Mul", "Clip", "Floor", *dense, *level, *dense, *level, *dense]
    layer = Layer(np.ones((5, 5), np.int64), np.zeros(5, np.int64), np.zeros(5, np.int64))
    last = Layer(np.ones((5, 1), np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64))
    student = replace(wide(np.random.default_rng(0), bits), layers=(layer, layer, last))
    model = onnx.load_model_from_string(grid_model(student, "m"))
    nodes = [node.op_type for node in model.graph.node]
    assert nodes == (expected if bits == 24 else ["Cast", *expected, "Cast"])
    assert [(o.domain, o.version) for o in model.opset_import] == [("", OPSET)]


@pytest.mark.parametrize(
    ("made", "grid", "expected"),
    [
        (quadratic, Grid(10, 8, 15), ["Clip", "Floor", "Abs", "Sub", "Mul", "Mul", "Floor"]),
        (quadratic, Grid(10, 8, 16), ["Clip", "Floor", "Abs", "Sub", "Mul", "Floor"]),
        (squared, Grid(10, 8, 16), ["Floor", "Relu", "Mul"]),
    ],
    ids=["shortened", "whole", "square"],
)
def test_an_activation_is_made_of_no_more_nodes_than_it_needs(made: Any, grid: Grid, expected: list[str]) -> None:
    """A product that keeps all its bits is not shortened, and a sum that never leaves the levels is not clipped. Each
    has its certificate: without the last Floor a parabola would have none."""
    student = squares(np.random.default_rng(0))
    last = replace(student.layers[1], weights=student.layers[1].weights // 2)  # of a sigmoid with a sign
    student = replace(student, architecture=made((5,)), grid=grid, layers=(student.layers[0], last))
    data = grid_model(student, "m")
    assert certify(data).certified
    nodes = [node.op_type for node in onnx.load_model_from_string(data).graph.node]
    assert nodes == ["Mul", "Clip", "Floor", "Cast", "Mul", "Gemm", *expected, "Cast", "Mul", "Gemm", "Clip"]
    some = rows(student)
    assert np.array_equal(OnnxRuntimeCpu(data).run(some), student.predict(some).astype(np.float32))


def test_the_same_student_gives_the_same_bytes() -> None:
    """Also whatever order its metadata comes in; and a number more or less is another file."""
    student = wide(np.random.default_rng(0))
    one = grid_model(student, "a name", {"a": "1", "b": "2"})
    assert one == grid_model(wide(np.random.default_rng(0)), "a name", {"b": "2", "a": "1"})
    assert one != grid_model(wide(np.random.default_rng(1)), "a name", {"a": "1", "b": "2"})
    model = onnx.load_model_from_string(one)
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert said == {"feature_order": ",".join(student.features), "a": "1", "b": "2"}
    assert model.graph.name == "a name"
    batch, width = model.graph.input[0].type.tensor_type.shape.dim
    assert (batch.dim_param, width.dim_value) == ("N", 5)
