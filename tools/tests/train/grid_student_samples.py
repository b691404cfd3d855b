"""Random students on a grid."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinyvmaf.train.students import Architecture, Grid, GridStudent, Layer
from tinyvmaf.train.students.grid import ends as ends_of
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.teacher import ChromaFromLuma
from tinyvmaf.vmaf.teacher.silence import SILENT, Silence

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
    SILENT,
    float(np.nextafter(np.float32(SILENT), np.float32(0.0))),
)


def quadratic(hidden: Sequence[int]) -> Architecture:
    return Architecture("toy", "mlp", tuple(hidden), "quadratic")


def squared(hidden: Sequence[int]) -> Architecture:
    return Architecture("toy", "mlp", tuple(hidden), "squared_relu")


def tight(
    rng: np.random.Generator, low: int | Integers, high: int | Integers, inputs: int, outputs: int, most: int
) -> Layer:
    """A layer of random weights whose sums may reach exactly `most` steps; `steps` are 0."""
    ends = np.broadcast_to(low, inputs), np.broadcast_to(high, inputs)
    farthest = np.maximum(-ends[0], ends[1])
    shares = rng.dirichlet(np.ones(inputs + 1), outputs)
    weights = (shares[:, :-1] * (most // farthest)).astype(np.int64) * rng.choice([-1, 1], (outputs, inputs))
    made = Layer(np.ascontiguousarray(weights.T), np.zeros(outputs, np.int64), np.zeros(outputs, np.int64))
    left = (most - made.reach(*ends)).astype(np.int64)
    bias = left * rng.choice([-1, 1], outputs)
    bias = np.where(replace(made, bias=bias).reach(*ends) == most, bias, -bias)
    assert (replace(made, bias=bias).reach(*ends) == most).all()
    return replace(made, bias=bias)


@st.composite
def silences(draw: st.DrawFn, features: int, exponents: tuple[int, ...], high: int, most: int) -> Silence | None:
    """A rule for silent chroma, or none."""
    factor = draw(st.sampled_from([None, 120.0, -3.0, 0.1, 7.3, 0.0]))
    if factor is None or features < 2:
        return None
    chroma, luma = draw(st.permutations(range(features)))[:2]
    found = Silence.of(ChromaFromLuma(factor, chroma, luma), exponents, high, most)
    return found if max(map(abs, found.ends(high))) <= most else None  # no grid holds such a replacement


@st.composite
def students(draw: st.DrawFn, bits: Sequence[int] = (24, 53)) -> GridStudent:
    """A random student on a grid, whose sums reach the bound of each layer or a part of it."""
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
    silence = draw(silences(features, exponents, high, grid.most))
    layers = []
    for number, (a, b) in enumerate(itertools.pairwise((features, *hidden, 1))):
        ends = np.full(a, -grid.value if made is quadratic else 0), np.full(a, grid.value)
        if number == 0:
            ends = ends_of(features, high, silence)
        most = max(grid.most >> draw(st.integers(0, 3)), int(np.abs(ends).max()))
        # Sums that are about as large as what they are clipped to: some inside, some beyond. Unclipped, none beyond.
        goal, least = (grid.level, -2 if made is quadratic else 0) if number < len(hidden) else (128, -2)
        steps = np.ceil(np.log2(most / goal)) + rng.integers(least, 3, b)
        layer = replace(tight(rng, *ends, a, b, min(most, grid.most)), steps=np.asarray(steps, np.int64))
        layers.append(replace(layer, bias=layer.bias >> draw(st.sampled_from([0, 6]))))
    return GridStudent(made(hidden), CANONICAL[:features], grid, exponents, high, tuple(layers), (0.0, 100.0), silence)


def rows(student: GridStudent, seed: int = 0) -> Rows:
    """Random rows, extremes in all features and mixed, and values on both sides of step boundaries."""
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
    """A student with a hidden layer of five squares, whose sums reach the end of the levels."""
    grid = Grid(10, 8, 16, bits)
    exponents, high = grid.exponents(np.ones(5))
    first, last = tight(rng, 0, high, 5, 5, grid.most), tight(rng, 0, grid.value, 5, 1, grid.most)
    # Squares are seldom near their largest value: a bias of a size with that would drown them.
    last = replace(last, bias=np.abs(last.bias) >> 6, steps=np.array([bits - 7]))
    layers = replace(first, steps=np.full(5, bits - 8)), last
    return GridStudent(squared((5,)), CANONICAL[:5], grid, exponents, high, layers, (0.0, 100.0))
