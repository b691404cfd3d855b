"""A student on a grid gives the same bits in NumPy, in fractions, in any order of summation, and as ONNX."""

import re
from dataclasses import replace
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyvmaf.model.engines import OnnxRuntimeCpu, Settings, find
from tinyvmaf.train.export_student import grid_model
from tinyvmaf.train.students import Architecture, Grid, GridStudent, Layer, StudentError
from tinyvmaf.vmaf.teacher.silence import SILENT

from .grid_student_samples import Rows, quadratic, rows, squared, squares, students, wide


def exactly(student: GridStudent, row: Rows) -> float:
    """The score of a row in rational numbers: nothing rounds before the last line."""
    grid, two = student.grid, Fraction(2)
    m = grid.level
    x = [
        floor(min(max(Fraction(value) * two**a, Fraction(0)), Fraction(student.high)))
        for value, a in zip(row.tolist(), student.exponents, strict=True)
    ]
    if (rule := student.silence) is not None and row[rule.chroma] < SILENT:
        x[rule.chroma] = floor(Fraction(rule.offset - rule.slope * x[rule.luma]) / two**rule.shift)
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
    if student.silence is not None:
        assert np.array_equal(find("onnx-reference").load(data).run(some).view(np.uint32), expected)


def test_the_scores_of_random_students_are_spread_over_the_scale() -> None:
    """Otherwise, the two tests above would pass for scores that are all clipped."""
    rng = np.random.default_rng(0)
    made = [wide(rng) for _ in range(20)] + [squares(rng) for _ in range(20)]
    scores = np.stack([student.predict(rows(student)) for student in made])
    assert ((scores > 0.0) & (scores < 100.0)).mean() > 0.3
    assert np.median([len(np.unique(of_one)) for of_one in scores]) > 20


def test_a_row_is_taken_as_float32() -> None:
    """Like the input of an engine; 1 - 2^-40 becomes 1, one step higher."""
    student = replace(
        wide(np.random.default_rng(0)),
        architecture=quadratic(()),
        features=("x",),
        exponents=(10,),
        high=1024,
        layers=(Layer(np.array([[1]]), np.array([0]), np.array([4])),),
    )
    assert student.predict([[1.0 - 2.0**-40], [1.0 - 2.0**-12], [1.0], [5.0]]).tolist() == [64.0, 1023 / 16, 64.0, 64.0]


# The grid.


@pytest.mark.parametrize(
    ("bits", "reason"),
    [
        ((13, 12, 11, 32), r"accumulator_bits is 32, not 24 \(float32\) or 53 \(float64\)"),
        ((13, 13, 11), r"level_bits is 13, not 1 to 12, half of accumulator_bits"),
        ((13, 27, 11, 53), r"level_bits is 27, not 1 to 26, half of accumulator_bits"),
        ((13, 0, 11), "level_bits is 0, not 1 to 12"),
        ((0, 12, 11), "input_bits must be 1 to accumulator_bits, and value_bits"),
        ((25, 12, 11), "input_bits must be 1 to accumulator_bits, and value_bits"),
        ((13, 12, 0), "input_bits must be 1 to accumulator_bits, and value_bits"),
        ((13, 12, 25), "input_bits must be 1 to accumulator_bits, and value_bits"),
        ((13, 4, 9), "input_bits must be 1 to accumulator_bits, and value_bits"),
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
def test_the_longest_feature_up_to_2_has_as_many_steps_as_its_bits_say(bits: int, highest: list[float]) -> None:
    """`2^bits` for each 1, so features with ends like 1.3 and 1.35 have the same steps. If all ends are above 2, the
    scale is that of an end of 2."""
    exponents, high = Grid(bits, 12, 11).exponents(highest)
    assert high <= 2 ** (bits + 1)
    if short := [top for top in highest if top <= 2.0]:
        assert exponents[highest.index(max(short))] == bits


def test_the_features_of_vmaf_have_a_grid_of_eleven_thousand_steps() -> None:
    """ADM ends at 1.35, VIF at 1.3, motion at 30: 2^13 * 1.35 = 11059.2 steps; 2^13 * 1.3 and 2^8 * 30 are fewer."""
    assert Grid(13, 12, 11).exponents([1.35, 1.3, 1.3, 1.3, 1.3, 30.0]) == ((13, 13, 13, 13, 13, 8), 11060)


# What is no student on a grid.


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"architecture": Architecture("t", "mlp", (5, 5), "tanh")},
            "t: a grid needs quadratic or squared_relu layers",
        ),
        ({"architecture": Architecture("t", "attention", (5, 5), "quadratic")}, "t: a grid needs quadratic"),
        ({"architecture": squared((5, 5))}, "toy: value_bits of a square must be twice level_bits"),
        ({"exponents": (1, 2)}, "one exponent for each feature, and an upper end above 0"),
        ({"high": 0}, "one exponent for each feature, and an upper end above 0"),
        ({"high": -8}, "one exponent for each feature, and an upper end above 0"),
        ({"architecture": quadratic((5,))}, "toy: 3 layers, not 2"),
        ({"architecture": quadratic((5, 4))}, r"toy: layer 1 has shapes \(\(5, 5\), \(5,\), \(5,\)\)"),
        ({"high": 1 << 20}, r"layer 0: partial sums reach [0-9,]+ steps, more than 16,777,216"),
        ({"grid": Grid(10, 10, 20)}, r"layer 1: partial sums reach [0-9,]+ steps, more than 16,777,216"),
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
