"""Networks and their optimisers: the loss, early stopping, and Levenberg-Marquardt."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinyvmaf.data import dataset
from tinyvmaf.files import home
from tinyvmaf.train.fitting import levenberg
from tinyvmaf.train.fitting.adam import Member, Task, adam
from tinyvmaf.train.fitting.network import CENTRE, POINTS, error, forward, initial, numbers_of, pooled
from tinyvmaf.train.recipes import Optimiser, Validation
from tinyvmaf.train.students import Architecture, Student, activate, architecture
from tinyvmaf.vmaf.features import CANONICAL

pytestmark = pytest.mark.usefixtures("one_thread")

Array = NDArray[np.float64]


# Early stop and loss.


@pytest.fixture(scope="module")
def noisy() -> Task:
    """Few rows with noisy targets, so that a long fit overfits."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 6))
    targets = np.clip(50.0 + rows @ (9.0, 7.0, 0.0, 0.0, -5.0, 3.0) + rng.normal(0.0, 15.0, 60), 0.0, 100.0)
    members = [
        Member(seed, np.zeros(6), np.ones(6), [np.arange(12)], [np.arange(12 + 5 * seed, 60)]) for seed in (0, 1)
    ]
    return Task(architecture("mlp_medium"), rows, targets, members, precision=torch.float64)


@pytest.mark.parametrize("patience", [2, 100], ids=["stops", "goes-on"])
def test_early_stop_keeps_the_parameters_with_the_least_validation_error(patience: int, noisy: Task) -> None:
    """Each validation is repeated by a shorter fit; the best one before patience runs out is the result."""
    how, every = Optimiser(name="adam", steps=60, batch=16, learning_rate=0.02, schedule="constant"), 5
    begin = initial(noisy.architecture, 6, [0, 1], torch.float64)
    got = adam(noisy, begin, how, Validation(every=every, patience=patience))
    looks = [
        adam(noisy, begin, how.model_copy(update={"steps": steps})) for steps in range(every, how.steps + 1, every)
    ]
    for place, member in enumerate(noisy.members):
        errors = []
        rows, targets = (torch.tensor(values[member.validation[0]]) for values in (noisy.rows, noisy.targets))
        for look in looks:
            raw = forward(noisy.architecture, [p[place : place + 1] for p in look], rows[None])[0, :, 0]
            errors.append(float(error(raw, (targets - CENTRE) / POINTS).square().mean()))
        best, waited = 0, 0
        for n, value in enumerate(errors):
            if value < errors[best]:
                best, waited = n, 0
            elif n:
                waited += 1
            if waited == patience:
                break
        assert 0 < best < len(looks) - 1
        for p, q in zip(got, looks[best], strict=True):
            np.testing.assert_allclose(p[place], q[place], rtol=0, atol=1e-10)


def test_soft_labels_have_their_least_loss_where_squares_have_it() -> None:
    """The cross entropy of sigmoid(score / T) is least when score equals target, so a line is found exactly."""
    rows = np.random.default_rng(0).uniform(-1.0, 1.0, (64, 6))
    targets = 40.0 + rows @ (10.0, -5.0, 3.0, 0.0, 2.0, -1.0)
    member = Member(0, np.zeros(6), np.ones(6), [np.arange(64)])
    for temperature in (None, 25.0, 5.0):
        task = Task(architecture("linear"), rows, targets, [member], temperature=temperature, precision=torch.float64)
        found = adam(
            task,
            initial(task.architecture, 6, [0], torch.float64),
            Optimiser(name="adam", steps=500, batch=64, learning_rate=0.05),
        )
        weights, bias = numbers_of(found, 0)
        np.testing.assert_allclose(rows @ weights[:, 0] + bias, targets, rtol=0, atol=0.05)


def test_weights_move_a_fit_towards_the_rows_that_weigh_more() -> None:
    """Two targets for one row: the least weighted square is at their weighted mean, (1 * 20 + 3 * 60) / 4 = 50."""
    task = Task(
        architecture("linear"),
        np.zeros((2, 6)),
        np.array([20.0, 60.0]),
        [Member(0, np.zeros(6), np.ones(6), [np.arange(2)])],
        np.array([0.5, 1.5]),
        precision=torch.float64,
    )
    found = adam(
        task,
        initial(task.architecture, 6, [0], torch.float64),
        Optimiser(name="adam", steps=400, batch=256, learning_rate=0.02),
    )
    assert numbers_of(found, 0)[1][0] == pytest.approx(50.0, abs=0.5)


targets_ = st.one_of(st.sampled_from([-1.0, 1.0]), st.floats(-1.0, 1.0))


@given(raw=st.lists(st.floats(-4.0, 4.0), min_size=1, max_size=20), target=targets_)
@settings(deadline=None)
def test_an_output_beyond_the_end_of_the_scale_costs_nothing_where_the_target_is_that_end(
    raw: list[float], target: float
) -> None:
    """Scores are clipped, so a score beyond the end has no error if the target is that end."""
    got = error(torch.tensor(raw, dtype=torch.float64), torch.full((len(raw),), target, dtype=torch.float64)).tolist()
    for r, off in zip(raw, got, strict=True):
        free = (target == 1.0 and r >= 1.0) or (target == -1.0 and r <= -1.0)
        assert off == (0.0 if free else r - target)
        if off == 0.0:
            assert np.clip(r, -1.0, 1.0) == target


# The networks.


@pytest.mark.parametrize(
    "name", ["linear", "mlp_small", "tanh_24", "gelu_32", "quadratic_32", "squared_relu_1x128", "a3"]
)
def test_a_student_in_numpy_is_the_one_that_was_fitted_in_torch(name: str) -> None:
    made, rows = architecture(name), np.random.default_rng(0).normal(size=(20, 6))
    parameters = initial(made, 6, [3, 4], torch.float64)
    raw = forward(made, parameters, torch.tensor(rows).expand(2, -1, -1))
    scores = pooled(made, raw, 20) if made.per_clip else raw[..., 0]
    for member in range(2):
        student = Student(
            made, CANONICAL, np.zeros(6), np.ones(6), numbers_of(parameters, member), (-99.0, 99.0), (-1e9, 1e9)
        )
        np.testing.assert_allclose(student.predict(rows), scores[member].numpy() * POINTS + CENTRE, rtol=1e-12)


def test_a_fresh_member_depends_on_its_own_seed_alone() -> None:
    made = architecture("mlp_small")
    several, single = initial(made, 6, [5, 9, 2], torch.float32), initial(made, 6, [9], torch.float32)
    assert all(torch.equal(p[1], q[0]) for p, q in zip(several, single, strict=True))
    assert not torch.equal(several[0][0], several[0][1])


def test_the_score_of_a_clip_of_a_frame_model_is_the_mean_of_its_frames() -> None:
    raw = torch.arange(12, dtype=torch.float64).reshape(1, 12, 1)
    assert pooled(architecture("mlp_small"), raw, 4).tolist() == [[1.5, 5.5, 9.5]]


# Levenberg-Marquardt.


@pytest.mark.parametrize("name", ["linear", "mlp_small", "tanh_24", "gelu_32", "quadratic_32", "squared_relu_1x128"])
def test_the_jacobian_is_that_of_automatic_differentiation(name: str) -> None:
    made, x = architecture(name), torch.tensor(np.random.default_rng(0).normal(size=(30, 6)))
    parameters = initial(made, 6, [1], torch.float64)
    flat = torch.cat([p.flatten() for p in parameters])

    def scores(vector: torch.Tensor) -> torch.Tensor:
        parts = torch.split(vector, [p.numel() for p in parameters])
        return forward(made, [q.reshape(p.shape) for p, q in zip(parameters, parts, strict=True)], x[None])[0, :, 0]

    raw, jacobian = levenberg._jacobian(levenberg._activation(made.activation), parameters, x)
    np.testing.assert_allclose(raw, scores(flat), rtol=0, atol=1e-13)
    np.testing.assert_allclose(jacobian, torch.autograd.functional.jacobian(scores, flat), rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", ["tanh", "relu", "gelu", "quadratic", "squared_relu"])
def test_the_slope_of_an_activation_is_that_of_finite_differences(name: str) -> None:
    """Of the activation in NumPy, away from kinks; of the quadratic one on its parabolas and where it is flat."""
    z, h = np.random.default_rng(0).uniform(-2.0, 2.0, 500), 1e-5
    z = z[(np.abs(z) > h) & (np.abs(np.abs(z) - 1.0) > h)]
    values, slopes = (part.numpy() for part in levenberg._activation(name)(torch.tensor(z)))
    kind: Any = name
    np.testing.assert_allclose(values, activate(kind, z), rtol=0, atol=1e-14)
    differences = (activate(kind, z + h) - activate(kind, z - h)) / (2.0 * h)
    np.testing.assert_allclose(slopes, differences, rtol=0, atol=1e-9)


@pytest.fixture(scope="module")
def pool() -> tuple[Array, Array]:
    """36 normalised rows of the embedded corpus and their scores."""
    whole = dataset.read(home() / "fixtures" / "corpus" / "features.parquet").columns(*CANONICAL, "vmaf_v0.6.1")
    rows, scores = np.split(np.random.default_rng(0).permutation(whole)[:36], [6], axis=1)
    return (rows - rows.mean(axis=0)) / rows.std(axis=0), scores[:, 0]


@pytest.mark.parametrize("name", ["linear", "mlp_small", "tanh_24", "gelu_32", "quadratic_32", "squared_relu_1x128"])
def test_no_step_makes_the_sum_of_squares_larger(name: str, pool: tuple[Array, Array]) -> None:
    """On the same rows each step: a batch of all of them. A fit of n steps is the beginning of one of more."""
    made, (rows, scores) = architecture(name), pool
    squares = []
    for steps in (0, 1, 2, 3, 5):
        found = levenberg.levenberg_marquardt(made, 0, pool, steps=steps, batch=99, dtype=torch.float64)
        raw = forward(made, found, torch.tensor(rows)[None])[0, :, 0]
        squares.append(float(error(raw, torch.tensor((scores - CENTRE) / POINTS)).square().sum()))
    assert all(after <= before for before, after in pairwise(squares))
    assert squares[-1] < 0.1 * squares[0]


@pytest.mark.parametrize("name", ["linear", "tanh_24", "quadratic_32"])
def test_only_what_is_free_moves(name: str, pool: tuple[Array, Array]) -> None:
    """A third of the parameters; the others keep their bits, and the sum of squares decreases."""
    made, (rows, scores) = architecture(name), pool
    x, y = torch.tensor(rows), torch.tensor((scores - CENTRE) / POINTS)
    before = initial(made, 6, [0], torch.float64)
    free = torch.arange(0, len(levenberg.flat(before)), 3)
    activate_ = levenberg._activation(made.activation)
    after, _ = levenberg.one_step(activate_, before, x, y, 0.1, free=free)
    moved = levenberg.flat(after) != levenberg.flat(before)
    assert bool(moved[free].all())
    assert int(moved.sum()) == len(free)
    squares = [float(error(levenberg.scores(activate_, p, x), y).square().sum()) for p in (before, after)]
    assert squares[1] < squares[0]


def test_a_number_that_hardly_matters_does_not_run_off(pool: tuple[Array, Array]) -> None:
    """A feature that is 0 but for rounding errors: damped by the length of its own column alone, its weight goes to
    where those errors say. Counted as a thousandth of the longest column it stays, and the others move as before."""
    rows, scores = pool[0].copy(), pool[1]
    rows[:, 5] = np.random.default_rng(0).normal(size=len(rows)) * 1e-12
    x, y = torch.tensor(rows), torch.tensor((scores - CENTRE) / POINTS)
    begin = initial(architecture("linear"), 6, [0], torch.float64)
    step = levenberg._activation("relu")
    free, held = (levenberg.one_step(step, begin, x, y, 1e-6, counts_as=share)[0][0][0, :, 0] for share in (0.0, 1e-3))
    moved = torch.abs(torch.stack([free, held]) - begin[0][0, :, 0])
    assert moved[0, 5] > 1e6
    assert moved[1, 5] < 1.0
    np.testing.assert_allclose(held[:5], free[:5], rtol=0, atol=0.02)


def test_decay_is_of_weights_and_not_of_biases() -> None:
    parameters = initial(architecture("mlp_small"), 6, [0], torch.float64)
    decay = levenberg.like(parameters, levenberg.decay_of(parameters, (1.0, 0.0, 0.25)))
    assert [sorted(set(part.flatten().tolist())) for part in decay] == [[1.0], [0.0], [0.0], [0.0], [0.25], [0.0]]
    with pytest.raises(ValueError, match="zip"):
        levenberg.decay_of(parameters, (1.0, 0.0))


@pytest.mark.parametrize("decay", [1e-3, 0.1, 10.0])
def test_decay_of_a_straight_line_is_ridge_regression(decay: float) -> None:
    """The minimum is known: for centred rows `(X'X / n + decay) w = X'y / n`; the bias has no decay."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 6))
    rows -= rows.mean(axis=0)
    targets = 45.0 + rows @ (6.0, -4.0, 3.0, 0.0, 2.0, -1.0) + rng.normal(0.0, 1.0, 200)
    found = levenberg.levenberg_marquardt(
        architecture("linear"), 0, (rows, targets), steps=30, batch=999, dtype=torch.float64, decay=(decay,)
    )
    y = (targets - CENTRE) / POINTS
    expected = np.linalg.solve(rows.T @ rows / len(rows) + decay * np.eye(6), rows.T @ y / len(rows))
    np.testing.assert_allclose(found[0][0, :, 0], expected, rtol=0, atol=1e-6)
    assert float(found[1]) == pytest.approx(y.mean(), abs=1e-6)


@pytest.mark.parametrize("damping", [1e-3, 1e-1])
def test_with_decay_it_is_the_sum_of_both_that_no_step_makes_larger(damping: float, pool: tuple[Array, Array]) -> None:
    """Squares of errors, and of weights by their decay and the number of rows."""
    made, (rows, scores) = Architecture("small", "mlp", (5, 5), "quadratic"), pool
    x, y = torch.tensor(rows), torch.tensor((scores - CENTRE) / POINTS)
    step = levenberg._activation(made.activation)
    for seed in range(30):
        parameters = initial(made, 6, [seed], torch.float64)
        decay = levenberg.decay_of(parameters, (1e-4, 1e-3, 1e-2))
        sums = []
        for _ in range(4):
            squares = error(levenberg.scores(step, parameters, x), y).square().sum()
            sums.append(float(squares + len(x) * (decay * levenberg.flat(parameters).square()).sum()))
            parameters, _ = levenberg.one_step(step, parameters, x, y, damping, decay=decay)
        assert all(after <= before for before, after in pairwise(sums))
        assert sums[-1] < sums[0]


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_decay_makes_the_weights_of_its_layer_smaller(layer: int, pool: tuple[Array, Array]) -> None:
    made = Architecture("small", "mlp", (12, 12), "quadratic")

    def sizes(*decay: float) -> list[float]:
        found = levenberg.levenberg_marquardt(made, 0, pool, steps=8, batch=36, dtype=torch.float64, decay=decay)
        return [float(weights.square().mean()) for weights in found[0::2]]

    decay = [0.0, 0.0, 0.0]
    decay[layer] = 1e-2
    assert sizes(*decay)[layer] < 0.7 * sizes()[layer]
    assert sizes(0.0, 0.0, 0.0) == sizes()


def test_of_the_students_that_a_search_judged_the_best_is_kept(pool: tuple[Array, Array]) -> None:
    """Three searches find 0.5, 1 and 2 points. The first one is before the last steps, which take more rows, so the
    result is the student of the second one."""
    largest, seen = iter([0.5, 1.0, 2.0]), []
    rows, scores = pool

    def search(student: Callable[[Array], Array]) -> tuple[Array, Array, float]:
        seen.append(student(rows))
        return rows[:2], scores[:2], next(largest)

    made = architecture("mlp_small")
    found = levenberg.levenberg_marquardt(
        made, 0, pool, steps=12, batch=20, dtype=torch.float64, search=search, searches=3
    )
    assert len(seen) == 3
    raw = forward(made, found, torch.tensor(rows)[None])[0, :, 0].numpy()
    np.testing.assert_allclose(raw * POINTS + CENTRE, seen[1], rtol=1e-12)
    assert np.abs(seen[1] - seen[2]).max() > 1e-6


def test_what_a_search_finds_is_learned(pool: tuple[Array, Array]) -> None:
    """A row that is not in the pool, with an unexpected score: without a search, its error is large."""
    odd, odd_score, made = np.full((1, 6), 3.0), np.array([5.0]), architecture("tanh_24")

    def search(student: Callable[[Array], Array]) -> tuple[Array, Array, float]:
        return odd, odd_score, float(abs(student(odd)[0] - odd_score[0]))

    def off(seed: int = 0, **more: Any) -> float:
        found = levenberg.levenberg_marquardt(made, seed, pool, steps=20, batch=36, dtype=torch.float64, **more)
        return abs(float(forward(made, found, torch.tensor(odd)[None])[0, 0, 0]) * POINTS + CENTRE - 5.0)

    assert off() > 10.0
    # With 36 rows for 793 numbers some fits are not done after 20 steps: the middle one of three is.
    assert np.median([off(seed, search=search, searches=4) for seed in range(3)]) < 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("width", [1, 7, 513])
def test_a_gram_matrix_is_the_whole_product(width: int, dtype: torch.dtype) -> None:
    jacobian = torch.from_numpy(np.random.default_rng(0).normal(size=(300, width))).to(dtype)
    assert torch.allclose(levenberg.gram(jacobian), jacobian.T @ jacobian, rtol=1e-5, atol=1e-3)


def test_scores_of_many_rows_are_those_of_few() -> None:
    how = architecture("mlp_medium")
    parameters = initial(how, 6, [0], torch.float32)
    rows = torch.from_numpy(np.random.default_rng(0).normal(size=(5000, 6))).float()
    found = levenberg.scores(levenberg._activation(how.activation), parameters, rows)
    assert torch.allclose(found, forward(how, parameters, rows[None])[0, :, 0], rtol=1e-5, atol=1e-5)
