"""Architectures have their published sizes, and a student's parameters give the expected scores."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from tinyvmaf.train.students import ARCHITECTURES, Student, StudentError, activate, architecture
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import ChromaFromLuma, Teacher, load_built_in

Array = NDArray[np.float64]
LIMITS, CLIP = (0.0, 30.0), (0.0, 100.0)
# One of each activation, and none.
SMALL = ("linear", "mlp_small", "tanh_24", "gelu_32", "quadratic_32", "squared_relu_1x128")


def student(name: str, features: tuple[str, ...] = CANONICAL, seed: int = 0, **changes: Any) -> Student:
    """A student with random parameters whose scores are not clipped."""
    made = architecture(name)
    rng = np.random.default_rng(seed)
    width = len(features)
    parameters = [rng.normal(0.0, 0.3, shape) for shape in made.shapes(width)]
    parameters[-1][0] += 50.0
    numbers: dict[str, Any] = {
        "mean": rng.uniform(0.2, 0.8, width),
        "std": rng.uniform(0.1, 2.0, width),
        "parameters": tuple(parameters),
        "limits": LIMITS,
        "clip": CLIP,
    }
    return Student(architecture=made, features=features, **numbers | changes)


def rows(count: int, width: int = 6, seed: int = 1) -> Array:
    return np.random.default_rng(seed).uniform(0.0, 1.0, (count, width))


# Architectures.


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("linear", 7),
        ("mlp_small", 257),
        ("mlp_medium", 2561),
        ("a1", 4673),
        ("a2", 34049),
        ("fr_regressor", 4673),
        ("a4", 12),
        ("teacher_line", 3),
        ("teacher_cubic", 5),
        ("tanh_24", 793),
        ("tanh_32", 1313),
        ("quadratic_32", 1313),
        ("quadratic_1x64", 513),
        ("squared_relu_1x128", 1025),
    ],
)
def test_an_architecture_has_as_many_parameters_as_is_said_of_it(name: str, count: int) -> None:
    """Of canonical-6; such as 6*16 + 16 + 16*8 + 8 + 8 + 1 = 257 of mlp_small."""
    assert architecture(name).parameters(6) == count


@pytest.mark.parametrize(("name", "count"), [("linear", 5), ("mlp_small", 225), ("tanh_24", 745), ("a4", 8)])
def test_the_number_of_features_is_no_part_of_an_architecture(name: str, count: int) -> None:
    """The teachers of 2026 take four features."""
    assert architecture(name).parameters(4) == count


def test_an_attention_head_has_a_second_output_for_the_weight_of_the_frame() -> None:
    assert architecture("a3").shapes(6)[-2:] == ((32, 2), (2,))
    assert [a.name for a in ARCHITECTURES.values() if a.per_clip] == ["a3", "teacher_line", "teacher_cubic"]


def test_an_unknown_architecture_names_the_known_ones() -> None:
    with pytest.raises(StudentError, match=r"unknown architecture 'resnet'\n  hint: known: linear, mlp_small, .*gelu"):
        architecture("resnet")


# Numbers.


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: p[:-1],
        lambda p: (*p, np.zeros(1)),
        lambda p: (p[0].T, *p[1:]),
        lambda p: (p[0], p[1][:, None], *p[2:]),
    ],
    ids=["one-less", "one-more", "transposed", "bias-of-rank-2"],
)
def test_parameters_of_other_shapes_are_refused(spoil: Callable[[Sequence[Array]], Sequence[Array]]) -> None:
    parameters = student("mlp_small").parameters
    with pytest.raises(StudentError, match=r"mlp_small: parameters of shapes \(.*\), not \(\(6, 16\), \(16,\),"):
        student("mlp_small", parameters=tuple(spoil(parameters)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", ["mean", "std", "parameters"])
def test_numbers_that_are_not_finite_are_refused(place: str, value: float) -> None:
    good = student("mlp_small")
    numbers = [p.copy() for p in good.parameters] if place == "parameters" else [getattr(good, place).copy()]
    numbers[-1].flat[-1] = value
    changes: dict[str, Any] = {place: tuple(numbers) if place == "parameters" else numbers[0]}
    with pytest.raises(StudentError, match="mlp_small: a parameter is not finite"):
        student("mlp_small", **changes)


@pytest.mark.parametrize(
    "numbers", [{"mean": np.zeros(5)}, {"std": np.ones((6, 1))}, {"std": np.zeros(6)}], ids=["short", "rank-2", "zero"]
)
def test_normalisation_that_cannot_be_is_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(StudentError, match="one mean and one std above 0 for each of"):
        student("mlp_small", **numbers)


def nothing(teacher: Teacher) -> dict[str, Any]:
    """The parameters of a reweighted student that changes no feature."""
    width, svr = len(teacher.features), teacher.svr
    return {"parameters": (np.ones(width), np.zeros(width)), "chroma": svr.chroma, "svr": replace(svr, chroma=None)}


# Scores.


def test_the_activations_are_the_exact_ones() -> None:
    """GELU is x Phi(x) with the normal distribution itself, not the approximation by tanh."""
    x = np.linspace(-10.0, 10.0, 2001)
    assert np.array_equal(activate("relu", x), np.where(x > 0, x, 0.0))
    assert np.array_equal(activate("tanh", x), np.tanh(x))
    np.testing.assert_allclose(activate("gelu", x), x * norm.cdf(x), rtol=0, atol=1e-14)
    bent = np.where(x < 0, (x + 1.0) ** 2 - 1.0, 1.0 - (x - 1.0) ** 2)
    expected = np.where(np.abs(x) < 1.0, bent, np.sign(x))
    np.testing.assert_allclose(activate("quadratic", x), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(activate("squared_relu", x), np.where(x > 0, x**2, 0.0), rtol=1e-15)


def test_the_quadratic_sigmoid_is_two_parabolas_that_meet_the_ends_without_a_kink() -> None:
    """Odd, rising from -1 to 1, of slope 2 at 0 and 0 at both ends."""
    x = np.linspace(-2.0, 2.0, 4001)
    y = activate("quadratic", x)
    assert np.array_equal(y, -activate("quadratic", -x))
    assert (np.diff(y) >= 0.0).all()
    assert (y[0], y[2000], y[-1]) == (-1.0, 0.0, 1.0)
    slope = np.gradient(y, x)
    assert slope.max() == pytest.approx(2.0, abs=2e-3)
    assert np.abs(np.diff(slope)).max() < 2.1e-3
    assert np.abs(slope[np.abs(x) >= 1.002]).max() < 1e-9


@pytest.mark.parametrize("name", SMALL)
def test_folding_the_normalisation_into_the_first_layer_changes_rounding_only(name: str) -> None:
    made, x = student(name), rows(1000)
    out = (x - made.mean) / made.std
    *hidden, (weights, bias) = list(zip(made.parameters[0::2], made.parameters[1::2], strict=True))
    for w, b in hidden:
        out = activate(made.architecture.activation, out @ w + b)
    np.testing.assert_allclose(made.predict(x), (out @ weights + bias)[:, 0], rtol=1e-13)


@pytest.mark.parametrize("name", SMALL)
def test_scores_are_clipped_as_the_teacher_clips(name: str) -> None:
    """Parameters a thousand times too large push scores over both ends."""
    good = student(name)
    scores = student(name, parameters=tuple(1e3 * p for p in good.parameters), clip=(5.0, 95.0)).predict(rows(500))
    assert scores.shape == (500,)
    assert scores.min() >= 5.0
    assert scores.max() <= 95.0
    assert {5.0, 95.0} & set(scores.tolist())


@pytest.mark.parametrize("name", SMALL)
def test_features_are_clipped_before_all_else(name: str) -> None:
    made = student(name)
    x = np.where(rows(200) < 0.5, -1.0, 1.0) * 10.0 ** np.random.default_rng(2).uniform(-3, 300, (200, 6))
    assert np.array_equal(made.predict(x), made.predict(np.clip(x, *LIMITS)))


@pytest.mark.parametrize("name", [*SMALL, "a4"])
def test_a_student_of_the_four_feature_teacher_scores_its_rows(name: str, ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h")
    names = teacher.feature_names
    scores = student(name, names, **(nothing(teacher) if name == "a4" else {})).predict(rows(50, len(names)))
    assert scores.shape == (50,)
    assert ((scores >= 0.0) & (scores <= 100.0)).all()


def test_a_silent_chroma_is_corrected_before_the_first_layer() -> None:
    """Exactly 0 means no information; libvmaf then uses a multiple of 1 minus luma."""
    rule = ChromaFromLuma(factor=3.0, chroma=1, luma=2)
    x = rows(100)
    x[::2, 1] = 0.0
    corrected = x.copy()
    corrected[::2, 1] = 3.0 * (1.0 - x[::2, 2])
    assert np.array_equal(student("tanh_24", chroma=rule).predict(x), student("tanh_24").predict(corrected))


@pytest.mark.parametrize("name", ["vmaf_v0.6.1", "vmaf_v1.0.16_3d0h"])
def test_the_reweighting_of_nothing_is_the_teacher(name: str, ffmpeg: FFmpeg) -> None:
    """Also where a silent chroma is corrected: once, before scale and shift."""
    teacher = load_built_in(ffmpeg, name)
    x = rows(100, len(teacher.features))
    x[::2, 1] = 0.0
    assert np.array_equal(student("a4", teacher.feature_names, **nothing(teacher)).predict(x), teacher.predict(x))


# Attention over the frames of a clip.


def attention(made: Student, x: Array) -> tuple[Array, Array]:
    """The score and weight of each frame, from its two outputs."""
    out = np.array([[*_raw(made, frame)] for frame in x])
    weight = np.exp(out[:, 1])
    return out[:, 0], weight / weight.sum()


def _raw(made: Student, frame: Array) -> Array:
    x = (frame - made.mean) / made.std
    layers = list(zip(made.parameters[0::2], made.parameters[1::2], strict=True))
    for w, b in layers[:-1]:
        x = activate("gelu", x @ w + b)
    return np.asarray(x @ layers[-1][0] + layers[-1][1])


@given(frames=st.integers(1, 40), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_clip_scores_the_weighted_mean_of_its_frames(frames: int, seed: int) -> None:
    """The weights sum to 1, so the score lies between those of the worst and the best frame."""
    made, x = student("a3"), rows(frames, seed=seed)
    scores, weights = attention(made, x)
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    assert made.predict(x).shape == (1,)
    assert made.predict(x)[0] == pytest.approx(scores @ weights, rel=1e-12)
    assert scores.min() - 1e-9 <= made.predict(x)[0] <= scores.max() + 1e-9


@given(frames=st.integers(2, 40), random=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_frames_does_not_matter(frames: int, random: Random) -> None:
    made, x = student("a3"), rows(frames)
    order = random.sample(range(frames), frames)
    assert made.predict(x[order])[0] == pytest.approx(made.predict(x)[0], rel=1e-13)


def test_a_clip_of_one_frame_scores_as_that_frame() -> None:
    """For any weight, because it is the only frame."""
    made = student("a3")
    for frame in rows(20):
        assert made.predict(frame[None])[0] == pytest.approx(_raw(made, frame)[0], rel=1e-13)
        assert made.predict(np.repeat(frame[None], 7, axis=0))[0] == pytest.approx(_raw(made, frame)[0], rel=1e-13)


def test_a_weight_that_only_the_exponential_could_overflow_on_is_none() -> None:
    """Logits of thousands: the softmax subtracts the largest first, and that frame alone decides."""
    good = student("a3")
    head = good.parameters[-2].copy()
    head[:, 1] *= 1e5
    made, x = student("a3", parameters=(*good.parameters[:-2], head, good.parameters[-1])), rows(10)
    raw = np.array([_raw(made, frame) for frame in x])
    assert made.predict(x)[0] == pytest.approx(raw[raw[:, 1].argmax(), 0], rel=1e-12)
