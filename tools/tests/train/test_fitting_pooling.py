"""A pooled student finds the polynomial and the pooling that opinions were made with."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.train.fitting.run import fit
from tinyvmaf.train.recipes import Mos, Optimiser
from tinyvmaf.train.students import pooled_score
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.teacher import Teacher

from .fitting_samples import FOLDS, TEACHER, Opinions, recipe

Array = NDArray[np.float64]
START = np.zeros(1, dtype=np.int64)


def fitted(name: str, pooling: Any, teacher: Teacher, corpus: Dataset, opinions: Opinions, **how: Any) -> list[Any]:
    mos = Mos(scale=(0, 100), pooling=pooling, **how)
    squares = Optimiser(name="least_squares", steps=60)
    made = recipe(name, method="B2", per="clip", mos=mos, optimiser=squares)
    return [one.student for one in fit(made, teacher, corpus, FOLDS, seeds=[0], opinions=opinions)]


def frames(corpus: Dataset) -> dict[str, Array]:
    """The teacher's scores of each clip's frames."""
    clip, scores = np.array(corpus.table["clip"].to_pylist()), corpus.columns(TEACHER)[:, 0]
    return {str(name): scores[clip == name] for name in sorted(set(clip.tolist()))}


@pytest.mark.parametrize(("name", "numbers"), [("teacher_line", [10.0, 80.0]), ("teacher_cubic", [5.0, 20, 90, -30])])
@pytest.mark.parametrize("pooling", [0.0, 3.25, -2.0])
def test_what_made_the_opinions_is_found_again(
    name: str, numbers: list[float], pooling: float, teacher: Teacher, corpus: Dataset
) -> None:
    """Whether the pooling is told or fitted, by each fold."""
    line = np.polynomial.Polynomial(numbers)
    opinions = {
        clip: (float(line(pooled_score(scores, START, pooling)[0] / 100)), 1.0)
        for clip, scores in frames(corpus).items()
    }
    for student in fitted(name, pooling, teacher, corpus, opinions):
        np.testing.assert_allclose(student.parameters[0], numbers, atol=1e-6)
        assert student.parameters[1].tolist() == [pooling]
    if name == "teacher_line":  # six clips do not tell five numbers
        for student in fitted(name, "fitted", teacher, corpus, opinions):
            assert student.parameters[1][0] == pytest.approx(pooling, abs=0.01)
            np.testing.assert_allclose(student.parameters[0], numbers, atol=0.01)


def test_a_student_scores_a_clip_as_it_was_fitted(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    """Also where features gave it the scores, and not the corpus."""
    clip, rows = np.array(corpus.table["clip"].to_pylist()), corpus.columns(*CANONICAL)
    for student in fitted("teacher_line", 2.0, teacher, corpus, opinions):
        line, (pooling,) = np.polynomial.Polynomial(student.parameters[0]), student.parameters[1]
        for name, scores in frames(corpus).items():
            expected = np.clip(line(pooled_score(scores, START, pooling) / 100), 0, 100)
            assert student.predict(rows[clip == name]) == pytest.approx(expected, abs=1e-3)


def test_equal_weights_do_not_ask_how_sure_viewers_were(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    same = {clip: (mos, 1.0) for clip, (mos, _) in opinions.items()}
    unsure = {clip: (mos, 10.0**i) for i, (clip, (mos, _)) in enumerate(opinions.items())}
    plain = fitted("teacher_line", 0, teacher, corpus, same)[0].parameters[0].tolist()
    assert fitted("teacher_line", 0, teacher, corpus, unsure, weights="equal")[0].parameters[0].tolist() == plain
    assert fitted("teacher_line", 0, teacher, corpus, unsure)[0].parameters[0].tolist() != plain


def test_pooling_goes_from_the_worst_frame_over_the_mean_to_the_best() -> None:
    scores, starts = np.array([10.0, 50.0, 90.0, 20.0, 40.0]), np.array([0, 3])
    np.testing.assert_allclose(pooled_score(scores, starts, 0.0), [50.0, 30.0])
    np.testing.assert_allclose(pooled_score(scores, starts, 50.0), [90.0, 40.0], atol=0.1)
    np.testing.assert_allclose(pooled_score(scores, starts, -50.0), [10.0, 20.0], atol=0.1)
    weights = np.exp([-0.6, -1.2])
    assert pooled_score(scores, starts, -3.0)[1] == pytest.approx(weights @ [20.0, 40.0] / weights.sum())
