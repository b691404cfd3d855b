"""Folds and seeds fitted together equal those fitted alone, and held-out rows have no effect."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from tinyvmaf.data.dataset import Dataset
from tinyvmaf.train.fitting.run import Fitted, fit
from tinyvmaf.train.recipes import Recipe, Validation
from tinyvmaf.train.students import Student
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.teacher import Teacher

from .fitting_samples import FOLDS, RECIPES, SOURCES, TEACHER, Opinions, changed, files, recipe

pytestmark = pytest.mark.usefixtures("one_thread")

EVERY = pytest.mark.parametrize("kind", RECIPES)


def of(data: Dataset, source: str) -> NDArray[np.bool_]:
    """Whether each row is of a source."""
    return np.array([name == source for name in data.table["source"].to_pylist()])


# Together and alone.


@pytest.mark.parametrize(
    "one",
    [
        recipe(),
        recipe("fr_regressor"),
        recipe(per="clip", frames=3),
        recipe("fr_regressor", validation=Validation(every=4, patience=2)),
        recipe("a3", per="clip", frames=3),
    ],
    ids=["frames", "dropout", "clips", "validated", "attention"],
)
def test_folds_and_seeds_fitted_together_are_those_fitted_one_by_one(
    one: Recipe, teacher: Teacher, corpus: Dataset
) -> None:
    """In float64. Bit for bit where this was measured, but for the widest one: a batched product of 64 by 64 is rounded
    otherwise than a single one, 1e-14 in a parameter. One row or number of another member would show at 1e-3."""
    one = replace(one, precision="float64")
    together = fit(one, teacher, corpus, FOLDS)
    alone = [fit(one, teacher, corpus, [fold], seeds=[seed])[0] for fold in FOLDS for seed in one.seeds]
    for a, b in zip(together, alone, strict=True):
        assert (a.seed, a.held_out, a.sources, a.validation) == (b.seed, b.held_out, b.sources, b.validation)
        assert isinstance(a.student, Student)
        assert isinstance(b.student, Student)
        for p, q in zip(a.student.parameters, b.student.parameters, strict=True):
            np.testing.assert_allclose(p, q, rtol=0, atol=1e-10)


def test_in_float32_together_and_alone_differ_by_rounding_only(teacher: Teacher, corpus: Dataset) -> None:
    """Of the widest one, as above: 2e-5 VMAF points were measured."""
    one, rows = recipe("fr_regressor"), corpus.columns(*CANONICAL)
    together = fit(one, teacher, corpus, FOLDS)
    alone = [fit(one, teacher, corpus, [fold], seeds=[seed])[0] for fold in FOLDS for seed in one.seeds]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.student.predict(rows), b.student.predict(rows), rtol=0, atol=1e-3)


@EVERY
def test_the_same_recipe_gives_the_same_file(
    kind: str,
    threads: int,
    once: Callable[[str], list[Fitted]],
    teacher: Teacher,
    corpus: Dataset,
    opinions: Opinions,
) -> None:
    """Also if another number of threads was set, which can change the last bits of torch's sums."""
    assert torch.get_num_threads() == threads
    again = fit(RECIPES[kind], teacher, corpus, FOLDS, opinions=opinions)
    assert files(again) == files(once(kind))


def test_another_seed_gives_another_student(once: Callable[[str], list[Fitted]]) -> None:
    for kind in ("frames", "levenberg", "reweighted", "tuned-from-domain"):
        assert len(set(files(once(kind)))) == len(FOLDS) * 2, kind


@pytest.mark.parametrize("kind", ["opinions", "opinions-validated", "opinions-reweighted", "tuned"])
def test_only_ratios_of_weights_count(
    kind: str, once: Callable[[str], list[Fitted]], teacher: Teacher, corpus: Dataset, opinions: Opinions
) -> None:
    """Scaling all intervals does not change the fit; by a power of two, which does not round."""
    louder = {clip: (mos, 4.0 * weight) for clip, (mos, weight) in opinions.items()}
    assert files(fit(RECIPES[kind], teacher, corpus, FOLDS, opinions=louder)) == files(once(kind))


# What is held out is not seen.


@EVERY
def test_garbage_in_the_held_out_source_changes_no_byte(
    kind: str, once: Callable[[str], list[Fitted]], teacher: Teacher, corpus: Dataset, opinions: Opinions
) -> None:
    """Features, scores and opinions of a source become noise of a million: its fold is untouched, though other folds,
    which train on the noise, are fitted beside it."""
    source = SOURCES[1]
    mine, rng = of(corpus, source), np.random.default_rng(0)
    noise = {name: rng.uniform(-1e6, 1e6, mine.sum()) for name in (*CANONICAL, TEACHER)}
    clips = set(np.array(corpus.table["clip"].to_pylist())[mine].tolist())
    voices = {clip: (rng.uniform(-1e6, 1e6), rng.uniform(0, 9)) if clip in clips else o for clip, o in opinions.items()}
    spoiled = fit(RECIPES[kind], teacher, changed(corpus, mine, **noise), FOLDS, opinions=voices)
    for before, after, was, now in zip(once(kind), spoiled, files(once(kind)), files(spoiled), strict=True):
        assert before.held_out == after.held_out
        if before.held_out == source:
            assert now == was
        elif source in before.sources:
            assert now != was


@EVERY
def test_a_fit_is_the_same_if_the_held_out_source_is_not_even_there(
    kind: str, once: Callable[[str], list[Fitted]], teacher: Teacher, corpus: Dataset, opinions: Opinions
) -> None:
    """Nothing of it takes part: not its rows, their number, nor their place. Rounding aside (see above), for its fold
    is fitted alone here."""
    fold, rows = FOLDS[0], corpus.columns(*CANONICAL)
    gone = of(corpus, fold.held_out)
    left = Dataset(corpus.table.filter(pa.array(~gone)), corpus.provenance)
    there = set(left.table["clip"].to_pylist())
    voices = {clip: opinion for clip, opinion in opinions.items() if clip in there}
    without = fit(RECIPES[kind], teacher, left, [fold], opinions=voices)
    for one, other in zip(once(kind)[:2], without, strict=True):
        np.testing.assert_allclose(one.student.predict(rows), other.student.predict(rows), rtol=0, atol=1e-3)


@EVERY
def test_one_row_of_a_training_source_changes_the_file(
    kind: str, once: Callable[[str], list[Fitted]], teacher: Teacher, corpus: Dataset, opinions: Opinions
) -> None:
    """Otherwise, the two tests above would pass for a fit that ignores its rows."""
    first = once(kind)[0]
    row = int(np.flatnonzero(of(corpus, first.sources[0]))[0])
    moved = fit(RECIPES[kind], teacher, changed(corpus, row, adm2=lambda x: x - 0.2), FOLDS[:1], opinions=opinions)
    assert files(moved)[0] != files(once(kind))[0]


@EVERY
def test_a_fit_says_which_sources_its_rows_are_of(kind: str, once: Callable[[str], list[Fitted]]) -> None:
    one = RECIPES[kind]
    assert [(f.held_out, f.seed) for f in once(kind)] == [(s, seed) for s in SOURCES for seed in one.seeds]
    for fitted in once(kind):
        assert set(fitted.sources) | {fitted.held_out} | ({fitted.validation} - {None}) == set(SOURCES)
        assert fitted.held_out not in fitted.sources
        assert (fitted.validation is None) == (one.validation is None)
        assert fitted.validation not in (fitted.held_out, *fitted.sources)


def test_without_folds_every_source_is_trained_on(teacher: Teacher, corpus: Dataset) -> None:
    fitted = fit(recipe(), teacher, corpus)
    assert [(f.held_out, f.seed, f.sources) for f in fitted] == [(None, 0, SOURCES), (None, 1, SOURCES)]


def test_a_clip_without_an_opinion_is_not_trained_on(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    """For B2 and B3, so a source without opinions is not among the sources."""
    some = {clip: opinion for clip, opinion in opinions.items() if not clip.startswith("Grain")}
    fitted = fit(RECIPES["opinions"], teacher, corpus, FOLDS, opinions=some)
    assert [f.sources for f in fitted[::2]] == [("Flower",), ("Bikes",), ("Bikes", "Flower")]
