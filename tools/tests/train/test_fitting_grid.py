"""A student on a grid is as accurate as the grid allows, and equals the fit after its last step."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tinyvmaf.train.export_student import grid_model
from tinyvmaf.train.fitting import grid as fit_grid
from tinyvmaf.train.fitting.grid import on_grid, steps_of
from tinyvmaf.train.fitting.levenberg import in_points, levenberg_marquardt
from tinyvmaf.train.fitting.network import numbers_of
from tinyvmaf.train.students import Activation, Architecture, Grid, GridStudent, Student, StudentError

pytestmark = pytest.mark.usefixtures("one_thread")

Array = NDArray[np.float64]
FINE = Grid(13, 12, 11)  # of the nano model
DOUBLE = Grid(28, 26, 24, 53)
SQUARES = Grid(24, 16, 32, 53)  # of the tiny model
COARSE = Grid(18, 12, 16)  # leaves the weights of its layers three to five bits
BATCH = 1000
HIGHEST = np.ones(3)


def teacher(rows: Array) -> Array:
    """A smooth function of three features, clipped to the scale."""
    x, y, z = rows.T
    points = 100.0 / (1.0 + np.exp(-(6.0 * x + 3.0 * y * z - 4.0))) + 6.0 * np.sin(5.0 * y)
    return np.asarray(np.clip(points, 0.0, 100.0))


def rows(seed: int, count: int = 4000) -> Array:
    return np.random.default_rng(seed).uniform(0.0, 1.0, (count, 3)).astype(np.float32).astype(np.float64)


POOL = rows(0), teacher(rows(0))
UNSEEN = rows(1)


def fitted(*hidden: int, activation: Activation = "quadratic") -> Student:
    made, (x, scores) = Architecture("toy", "mlp", hidden, activation), POOL
    mean, std = x.mean(axis=0), x.std(axis=0)
    found = levenberg_marquardt(made, 0, ((x - mean) / std, scores), steps=40, batch=BATCH, dtype=torch.float64)
    return Student(made, ("x", "y", "z"), mean, std, numbers_of(found, 0), (0.0, 1.0), (0.0, 100.0))


@pytest.fixture(scope="module")
def student() -> Student:
    return fitted(6, 6)


@pytest.fixture(scope="module")
def squares() -> Student:
    return fitted(24, activation="squared_relu")


def put(student: Student, grid: Grid, seed: int = 0, **more: object) -> GridStudent:
    return on_grid(student, grid, HIGHEST, POOL, seed=seed, batch=BATCH, **more)  # type: ignore[arg-type]


def rmse(scores: Array, expected: Array) -> float:
    return float(np.sqrt(np.mean(np.square(scores - expected))))


def begun(student: Student, grid: Grid, seed: int = 0) -> "fit_grid._Fit":
    """A fit before its first step."""
    return fit_grid._Fit(student, grid, HIGHEST, POOL, np.random.default_rng(seed), BATCH, lambda *_: None)


@pytest.fixture
def rounding_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step between two roundings."""
    monkeypatch.setattr(fit_grid, "_STEPS_A_GROUP", 0)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round each parameter without compensation."""
    real = fit_grid._Fit._round
    monkeypatch.setattr(fit_grid._Fit, "_round", lambda *args, **_: real(*args, compensate=False))


def rounded(fit: "fit_grid._Fit") -> GridStudent:
    for layer in range(len(fit.parameters) // 2):
        fit.round_layer(layer)
    return fit.result()


# How good it is.


def test_a_student_on_a_grid_is_as_good_as_the_student_was(student: Student, squares: Student) -> None:
    """Measured: 0.24 VMAF points in float64, and 0.22 on either grid, since the steps on the way are also steps of the
    fit. With 8 bits it is 0.35. Squares: 0.28 and 0.26."""
    for made, grid in ((student, FINE), (student, DOUBLE), (squares, SQUARES)):
        before = rmse(made.predict(UNSEEN), teacher(UNSEEN))
        assert before < 0.4
        assert rmse(put(made, grid).predict(UNSEEN), teacher(UNSEEN)) < 1.2 * before
    before = rmse(student.predict(UNSEEN), teacher(UNSEEN))
    assert rmse(put(student, Grid(8, 8, 7)).predict(UNSEEN), teacher(UNSEEN)) < 2.5 * before


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.usefixtures("rounding_only")
def test_what_is_still_free_makes_up_for_what_is_rounded(
    seed: int, student: Student, request: pytest.FixtureRequest
) -> None:
    """On a grid so coarse that each rounding is felt. Measured: 0.52 and 0.54 VMAF points, against 1.6
    without."""
    with_it = rmse(rounded(begun(student, COARSE, seed)).predict(UNSEEN), teacher(UNSEEN))
    request.getfixturevalue("plain")
    assert with_it < 0.6 * rmse(rounded(begun(student, COARSE, seed)).predict(UNSEEN), teacher(UNSEEN))


@pytest.mark.usefixtures("plain")
def test_so_do_steps_between_the_roundings(student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of all free parameters. Measured: 0.41 VMAF points with them, 1.7 without."""
    with_them = rmse(put(student, COARSE).predict(UNSEEN), teacher(UNSEEN))
    monkeypatch.setattr(fit_grid, "_STEPS_A_GROUP", 0)
    assert with_them < 0.6 * rmse(put(student, COARSE).predict(UNSEEN), teacher(UNSEEN))


@pytest.mark.usefixtures("rounding_only")
def test_53_bits_leave_nothing_to_make_up_for(student: Student, squares: Student) -> None:
    """Measured: flooring changes a score by 7e-6 VMAF points at most, rounding by 1.1e-5, 3e-6 on the average. Squares
    have levels with 10 bits less, and most rows fill few of them: 0.055, and 0.007 on the average, where the student
    itself is off by 0.28."""
    for before, grid, most in ((student, DOUBLE, 1e-5), (squares, SQUARES, 0.03)):
        fit = begun(before, grid)
        assert np.abs(fit.points(UNSEEN) - before.predict(UNSEEN)).max() < 2.0 * most
        made = rounded(fit)
        assert np.abs(made.predict(UNSEEN) - before.predict(UNSEEN)).max() < 3.0 * most
        assert rmse(made.predict(UNSEEN), before.predict(UNSEEN)) < most


def rising(*hidden: int, activation: Activation = "quadratic") -> Student:
    """A student with only positive weights, so that flooring anywhere lowers the score."""
    rng, made = np.random.default_rng(0), Architecture("toy", "mlp", hidden, activation)
    numbers = [rng.uniform(0.1, 0.3, shape) for shape in made.shapes(3)]
    for bias in numbers[1::2]:
        bias -= 0.4
    numbers[-2] *= 50.0
    return Student(made, ("x", "y", "z"), np.zeros(3), np.ones(3), tuple(numbers), (0.0, 1.0), (-1e3, 1e3))


@pytest.mark.parametrize(
    ("what", "grid"),
    [("features", Grid(5, 12, 16)), ("levels", Grid(18, 5, 10)), ("values", Grid(18, 12, 5))],
    ids=["features", "levels", "values"],
)
def test_half_a_step_makes_up_for_flooring(what: str, grid: Grid) -> None:
    """Which takes off half a step on the average. Each of the three by itself, on a grid that is coarse in it only,
    against the same without that half step in the bias."""
    student = rising(6, 6)
    fit, less = begun(student, grid), begun(student, grid)
    for number in (0, 2) if what == "levels" else ((0,) if what == "features" else (2, 4)):
        weights, bias = less.parameters[number : number + 2]
        bias -= 0.5 * (torch.ones_like(bias) if what == "levels" else weights.sum(dim=1, keepdim=True))
    low = (less.points(UNSEEN) - student.predict(UNSEEN)).mean()
    assert low < -0.1
    assert abs((fit.points(UNSEEN) - student.predict(UNSEEN)).mean()) < -0.2 * low


def test_half_a_step_makes_up_for_flooring_what_is_squared() -> None:
    """Compared with the same student without the half step in the first bias; there are few levels."""
    student = rising(6, activation="squared_relu")
    fit, less = (begun(student, Grid(18, 5, 10)) for _ in range(2))
    less.parameters[1] -= 0.5
    low = (less.points(UNSEEN) - student.predict(UNSEEN)).mean()
    assert low < -0.1
    assert abs((fit.points(UNSEEN) - student.predict(UNSEEN)).mean()) < -0.2 * low


# What it is.


@pytest.mark.parametrize(
    ("activation", "grid"),
    [("quadratic", FINE), ("quadratic", COARSE), ("quadratic", DOUBLE), ("squared_relu", SQUARES)],
    ids=["24", "coarse", "53", "squares"],
)
@pytest.mark.parametrize("hidden", [(), (4,), (6, 6)], ids=["none", "one", "two"])
def test_the_result_is_what_was_fitted(hidden: tuple[int, ...], activation: Activation, grid: Grid) -> None:
    """Every number was a whole number of steps already: turning them into integers changes no score. Beside that,
    progress ends where it was said to, and each sum has a power of two as fine as it can be."""
    fit = begun(fitted(*hidden, activation=activation), grid)
    told: list[int] = []
    fit._progress = told.append
    if grid.accumulator_bits == 24:
        fit.tune(fit_grid._TUNE)
    made = rounded(fit)
    assert bool(fit.done.all())
    np.testing.assert_allclose(made.predict(UNSEEN), fit.points(UNSEEN), rtol=0, atol=1e-9)
    assert told == sorted(told)
    assert fit.taken == steps_of(grid, len(hidden) + 1) == (told[-1] if told else 0)
    assert made.exponents == (grid.input_bits,) * 3
    for number, layer in enumerate(made.layers):
        reach = layer.reach(*made._range(number))
        assert all(0.3 * grid.most < int(steps) <= grid.most for steps in reach.tolist())


def test_a_fit_tells_its_progress(student: Student) -> None:
    """8 steps, and 4 after each of the 4 parts of a layer. 53 bits are rounded at once, without steps."""
    told: list[int] = []
    put(student, FINE, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == steps_of(FINE, 3) == 8 + 3 * 16
    told.clear()
    put(student, DOUBLE, progress=told.append)
    assert not any(told)
    assert steps_of(DOUBLE, 3) == 0


def test_the_same_seed_gives_the_same_bytes(student: Student) -> None:
    one, again, other = (grid_model(put(student, FINE, seed), "m") for seed in (3, 3, 4))
    assert one == again
    assert one != other


def test_the_pool_is_not_touched(student: Student) -> None:
    x, scores = (part.copy() for part in POOL)
    on_grid(student, FINE, HIGHEST, (x, scores), seed=0, batch=BATCH)
    assert np.array_equal(x, POOL[0])
    assert np.array_equal(scores, POOL[1])


@pytest.mark.parametrize("grid", [Grid(24, 12, 24), Grid(24, 12, 2), Grid(2, 12, 24)])
def test_a_grid_with_too_few_bits_left_for_the_weights_is_refused(grid: Grid, student: Student) -> None:
    """A feature of 24 bits leaves no bits for its weight; with a second feature, no sum is within the bound."""
    with pytest.raises(StudentError, match=r"layer \d: partial sums reach [0-9,]+ steps, more than 16,777,216"):
        put(student, grid, seed=1)


@pytest.mark.parametrize(("looked_at", "count"), [(5000, BATCH), (1500, BATCH), (70, 70)])
def test_rows_of_a_step_are_drawn_from_the_pool_with_their_scores(
    looked_at: int, count: int, student: Student, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hard rows more often, and other rows each time; then all rows that a search found."""
    monkeypatch.setattr(fit_grid, "_CANDIDATES", looked_at)
    fit = begun(student, FINE)
    fit.add(UNSEEN[:3], np.array([7.0, 8.0, 9.0]))
    known = {tuple(row): score for row, score in zip(fit.rows.tolist(), POOL[1].tolist(), strict=True)}
    x, y = fit.drawn()
    assert len(x) == len(y) == count + 3
    assert [known[tuple(row)] for row in x[:count].tolist()] == pytest.approx((50.0 * y[:count] + 50.0).tolist())
    assert (50.0 * y[count:] + 50.0).tolist() == pytest.approx([7.0, 8.0, 9.0])
    assert not torch.equal(fit.drawn()[0], x)
    if count == BATCH:
        raw = in_points(fit.activate, fit.parameters, x[:count].numpy())
        off = np.abs(raw - (50.0 * y[:count].numpy() + 50.0)).mean()
        assert off > 1.1 * np.abs(fit.points(POOL[0]) - POOL[1]).mean()


def test_squares_fill_their_levels_and_have_room_to_move(squares: Student) -> None:
    """At the start, each unit reaches at most half of the levels, and the student is unchanged."""
    fit = begun(squares, SQUARES)
    (weights, bias), high = (p[0].numpy() for p in fit.parameters[:2]), float(fit.high)
    up = np.maximum(high * weights, 0.0).sum(axis=0) + np.maximum(bias[0], 0.0)
    down = np.minimum(high * weights, 0.0).sum(axis=0) + np.minimum(bias[0], 0.0)
    np.testing.assert_allclose(np.maximum(up, -down), 0.5 * SQUARES.level, rtol=1e-4)
    assert fit.points(UNSEEN) == pytest.approx(squares.predict(UNSEEN), abs=0.06)


def test_squares_that_move_beyond_their_levels_are_refused(squares: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_grid, "_LEVELS", 1.5)
    with pytest.raises(StudentError, match=r"layer 0: a sum may reach [0-9.,]+, and the levels end at 65,536"):
        put(squares, SQUARES)


# What a search finds.


def test_a_search_is_asked_once_and_what_it_finds_is_learned(student: Student) -> None:
    """The search runs after tuning; every later step uses its rows."""
    odd = np.full((400, 3), 0.5)
    wanted = student.predict(odd) + 4.0
    asked: list[Array] = []

    def search(points: Callable[[Array], Array]) -> tuple[Array, Array]:
        asked.append(points(UNSEEN))
        return odd, wanted

    told: list[int] = []
    found = put(student, FINE, search=search, progress=lambda step: told.append(step if not asked else -step))
    assert len(asked) == 1
    assert told[0] == fit_grid._TUNE
    assert all(step < 0 for step in told[1:])
    assert ((asked[0] >= 0.0) & (asked[0] <= 100.0)).all()
    assert rmse(asked[0], teacher(UNSEEN)) < 0.4
    assert abs(put(student, FINE).predict(odd)[0] - wanted[0]) > 3.0
    assert abs(found.predict(odd)[0] - wanted[0]) < 1.5


# The activation while fitting.


@pytest.mark.parametrize("grid", [FINE, Grid(4, 3, 2), Grid(4, 4, 8), DOUBLE])
def test_the_activation_while_fitting_is_that_of_the_grid(grid: Grid) -> None:
    """A student of one unit whose weights pass the level and the value on as they are."""
    m = grid.level
    z = np.random.default_rng(0).uniform(-1.5 * m, 1.5 * m, 500)
    z[:7] = (0.0, m, -m, 2 * m, -2 * m, m - 0.5, 0.5 - m)
    values = fit_grid._levels("quadratic", grid)(torch.tensor(z))[0].numpy()
    p = np.floor(np.clip(z, -m, m)).astype(np.int64)
    expected = [(int(level) * (2 * m - abs(int(level)))) >> grid.shift for level in p]
    assert values.tolist() == expected
    z = np.clip(z, -m, m)  # which a square's sums never leave
    squares = fit_grid._levels("squared_relu", grid)(torch.tensor(z))[0].numpy()
    assert squares.tolist() == [max(int(np.floor(each)), 0) ** 2 for each in z]


def test_its_slope_is_that_of_what_it_floors() -> None:
    """Compared with finite differences of the parabolas without floors."""
    grid = Grid(4, 6, 5)
    m, h = grid.level, 1e-4
    z = np.random.default_rng(0).uniform(-1.5 * m, 1.5 * m, 500)
    z = z[(np.abs(np.abs(z) - m) > h) & (np.abs(z) > h)]

    def smooth(at: Array) -> Array:
        c = np.clip(at, -m, m)
        return np.asarray(c * (2 * m - np.abs(c)) * 2.0**-grid.shift)

    slope = fit_grid._levels("quadratic", grid)(torch.tensor(z))[1].numpy()
    np.testing.assert_allclose(slope, (smooth(z + h) - smooth(z - h)) / (2.0 * h), rtol=0, atol=1e-7)
    slope = fit_grid._levels("squared_relu", grid)(torch.tensor(z))[1].numpy()
    np.testing.assert_allclose(slope, np.where(z > 0.0, 2.0 * z, 0.0), rtol=1e-15)


def test_a_grid_of_other_features_is_no_grid_of_these(student: Student) -> None:
    """Each feature has its own maximum: a larger one gives a smaller exponent and the same score."""
    stretch = np.array([1.0, 1.0, 30.0])
    wide = replace(student, mean=student.mean * stretch, std=student.std * stretch)
    fit = fit_grid._Fit(
        wide, FINE, stretch, (POOL[0] * stretch, POOL[1]), np.random.default_rng(0), BATCH, lambda *_: None
    )
    assert fit.exponents == (13, 13, 8)
    assert rmse(fit.points(UNSEEN * stretch), student.predict(UNSEEN)) < 0.05
