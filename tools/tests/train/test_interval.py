"""A student with an interval: four networks on a grid, and the file that they share."""

import functools
import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest

from tinyvmaf.model.certificate import certify
from tinyvmaf.model.contract import OUTPUT, STDDEV, faults
from tinyvmaf.model.engines import all_outputs, find
from tinyvmaf.train.export_student import interval_model
from tinyvmaf.train.fitting.examples import FitError
from tinyvmaf.train.fitting.interval import BootstrapTarget, statistics
from tinyvmaf.train.fitting.run import fit
from tinyvmaf.train.recipes import Optimiser, Recipe
from tinyvmaf.train.recipes.recipe import IntervalNetwork, IntervalNetworks
from tinyvmaf.train.students import ARCHITECTURES, Grid, GridStudent, IntervalStudent, Layer, StudentError
from tinyvmaf.train.students.interval import MIDDLE, diagonal
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import BOOTSTRAP, Teacher, load_built_in

from .grid_student_samples import quadratic, tight

Teachers = Callable[[str], Teacher]
GRID, EXPONENTS, HIGH = Grid(14, 12, 11), (14, 14, 14, 14, 14, 9), 22_000
LM = Optimiser(name="levenberg_marquardt", steps=4, batch=400)


@pytest.fixture(scope="module")
def teachers(ffmpeg: FFmpeg) -> Teachers:
    return functools.cache(lambda name: load_built_in(ffmpeg, name))


def network(*hidden: int, seed: int) -> GridStudent:
    """Random, with sums in hidden layers as large as float32 holds them."""
    rng, widths = np.random.default_rng(seed), (6, *hidden, 1)
    layers = []
    for number, (a, b) in enumerate(itertools.pairwise(widths)):
        low, high = (0, HIGH) if number == 0 else (-GRID.value, GRID.value)
        made = tight(rng, low, high, a, b, GRID.most if b > 1 else GRID.most // 8)
        layers.append(replace(made, steps=np.full(b, 11 if number < len(hidden) else 16)))
    return GridStudent(quadratic(hidden), CANONICAL, GRID, EXPONENTS, HIGH, tuple(layers), (0.0, 100.0))


@pytest.fixture(scope="module")
def student() -> IntervalStudent:
    return IntervalStudent(*(network(*hidden, seed=seed) for seed, hidden in enumerate([(9,), (8, 7), (5,), (6,)])))


def opened(student: IntervalStudent, rows: np.ndarray) -> IntervalStudent:
    """With ends of the scale that half of the rows are beyond, as a fit of a few steps has none."""

    def centred(network: GridStudent, at: float = MIDDLE) -> GridStudent:
        last = network.layers[-1]
        off = np.rint(np.ldexp(np.median(network.sums(rows)) - at, last.steps)).astype(np.int64)
        return replace(network, layers=(*network.layers[:-1], Layer(last.weights, last.bias - off, last.steps)))

    return replace(student, stddev=centred(student.stddev, 6.0), low=centred(student.low), high=centred(student.high))


def test_the_file_gives_both_outputs_to_the_bit_on_independent_engines(
    student: IntervalStudent, teachers: Teachers
) -> None:
    rows = Domain(teachers(BOOTSTRAP).features).sample(2000, 1).astype(np.float32)
    student = opened(student, rows)
    data, expected = interval_model(student, "m"), student.predict(rows).astype(np.float32)
    assert not faults(data)
    assert [output.name for output in onnx.load_model_from_string(data).graph.output] == [OUTPUT, STDDEV]
    assert certify(data).certified, certify(data).explain()
    assert 0.1 < (expected[:, 1] == 0.0).mean() < 0.9, "rows on the scale and beyond it"
    assert (expected[:, 1] >= 0.0).all()
    for engine in ("onnxruntime-cpu", "onnx-reference"):
        with find(engine).load(data) as session:
            assert np.array_equal(all_outputs(session, rows), expected), engine


def test_the_targets_are_the_teachers_statistics(teachers: Teachers) -> None:
    """Where the mean is on the scale, the standard deviation is that of `Teacher.bagging`; `high` crosses there."""
    teacher = teachers(BOOTSTRAP)
    rows = Domain(teacher.features).sample(100, 2)
    mean, stddev, *slopes = statistics(teacher, rows)
    bagging = teacher.bagging(rows)
    inside = (mean > 0.02) & (mean < 99.98)
    assert np.allclose(stddev[inside], bagging.stddev[inside], atol=1e-6)
    assert (bagging.stddev[(mean < -0.02) | (mean > 100.02)] == 0.0).all()
    assert np.array_equal(BootstrapTarget(teacher, "high").of(mean, stddev) > MIDDLE, mean > 100.0)
    assert np.array_equal(BootstrapTarget(teacher, "low").of(mean, stddev) > MIDDLE, mean > 0.0)
    step = 1e-4 * np.eye(6)[4]
    up, down = statistics(teacher, rows + step), statistics(teacher, rows - step)
    for place, slope in enumerate(slopes):
        assert np.allclose((up[place] - down[place]) / 2e-4, slope[:, 4], atol=1e-2, rtol=1e-3)


def test_networks_that_do_not_fit_together_are_refused(student: IntervalStudent) -> None:
    with pytest.raises(StudentError, match="one grid"):
        replace(student, low=replace(student.low, high=student.low.high - 1))
    with pytest.raises(StudentError, match="one hidden layer"):
        replace(student, high=student.stddev)


def test_a_teacher_without_bootstrap_models_has_no_interval(teachers: Teachers) -> None:
    part = IntervalNetwork(architecture="quadratic_1x16", optimiser=LM)
    asked = IntervalNetworks(stddev=part, low=part, high=part)
    recipe = Recipe(
        *("quick", "0" * 64, "a quick one", "vmaf_v0.6.1", "B1f", ARCHITECTURES["quadratic_1x16"], (0,), LM),
        samples=10,
        grid=GRID,
        interval=asked,
    )
    with pytest.raises(FitError, match="has no bootstrap models"):
        fit(recipe, teachers("vmaf_v0.6.1"))


def test_a_block_of_layers_keeps_each_to_its_own_inputs() -> None:
    one, two = (Layer(np.full((n, 1), n), np.array([n]), np.array([0])) for n in (2, 3))
    assert diagonal(one, two).weights.tolist() == [[2, 0], [2, 0], [0, 3], [0, 3], [0, 3]]
