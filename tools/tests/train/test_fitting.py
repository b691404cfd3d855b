"""The laws of a fit: alone or together it is the same fit, it sees its own part of the corpus and nothing of the rest,
and the same recipe gives the same file."""

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from tinyvmaf.data import dataset
from tinyvmaf.data.corpus import Fold, leave_one_source_out
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.golden import load_rows
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.train.export_student import grid_model, student_model
from tinyvmaf.train.fitting import run
from tinyvmaf.train.fitting.examples import FitError
from tinyvmaf.train.fitting.grid import steps_of
from tinyvmaf.train.fitting.network import THREADS
from tinyvmaf.train.fitting.run import Fitted, fit
from tinyvmaf.train.recipes import Mos, Optimiser, Recipe, Validation
from tinyvmaf.train.students import Architecture, Grid, GridStudent, architecture
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

Array = NDArray[np.float64]
Opinions = dict[str, tuple[float, float]]
TEACHER = "vmaf_v0.6.1"
SOURCES = ("Bikes", "Flower", "Grain")
FOLDS = leave_one_source_out(SOURCES)
ADAM = Optimiser("adam", 16, 8, 0.01)
LM = Optimiser("levenberg_marquardt", 3, 20)
GRID, DOUBLE = Grid(13, 12, 11), Grid(28, 26, 24, 53)
MOS = Mos((0, 100), "B1", steps=8)


def recipe(name: str = "mlp_small", *, method: Any = "B1", optimiser: Optimiser = ADAM, **more: Any) -> Recipe:
    """A quick recipe, as if it had been read."""
    return Recipe("quick", "0" * 64, "a quick one", TEACHER, method, architecture(name), (0, 1), optimiser, **more)


RECIPES: Mapping[str, Recipe] = {
    "frames": recipe(),
    "dropout": recipe("fr_regressor"),
    "validated": recipe(validation=Validation(4, 2)),
    "soft": recipe(soft_labels_temperature=25.0),
    "clips": recipe(per="clip", frames=3),
    "attention": recipe("a3", per="clip", frames=3),
    "levenberg": recipe("mlp_small", optimiser=LM),
    "decayed": recipe("mlp_small", optimiser=replace(LM, decay=(0.0, 1e-9, 1e-6))),
    "reweighted": recipe("a4", optimiser=Optimiser("least_squares", 3)),
    "opinions": recipe(method="B2", mos=MOS, per="clip", frames=3),
    "opinions-validated": recipe(method="B2", mos=MOS, validation=Validation(4, 2)),
    "opinions-reweighted": recipe("a4", method="B2", mos=MOS, optimiser=Optimiser("least_squares", 3)),
    "tuned": recipe(method="B3", mos=MOS),
    "tuned-validated": recipe(method="B3", mos=MOS, validation=Validation(4, 2)),
    "tuned-from-domain": recipe(method="B3", mos=replace(MOS, start="B1f"), samples=200),
}
EVERY = pytest.mark.parametrize("kind", RECIPES)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Steps as small as these wait longer for a second core than they take on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def teacher(ffmpeg: FFmpeg) -> Teacher:
    return load_built_in(ffmpeg, TEACHER)


@pytest.fixture(scope="module")
def corpus() -> Dataset:
    """Of the embedded corpus three sources, three clips of each, four frames of each."""
    whole = dataset.read(home() / "fixtures" / "corpus" / "features.parquet")
    source, clip, frame = (np.array(whole.table[name].to_pylist()) for name in ("source", "clip", "frame"))
    clips = [name for s in SOURCES for name in sorted(set(clip[source == s].tolist()))[::6]]
    assert len(clips) == 9
    return Dataset(whole.table.filter(pa.array(np.isin(clip, clips) & (frame < 4))), whole.provenance)


@pytest.fixture(scope="module")
def opinions(corpus: Dataset) -> Opinions:
    """Viewers who see half of what the teacher sees, and are not equally sure of each clip."""
    means = corpus.clip_means(TEACHER)
    return {clip: (round(30.0 + 0.5 * mean), 0.6 + 0.1 * i) for i, (clip, mean) in enumerate(means.items())}


def files(fitted: list[Fitted]) -> list[bytes]:
    students = [one.student for one in fitted]
    return [grid_model(s, "m") if isinstance(s, GridStudent) else student_model(s, "m") for s in students]


@pytest.fixture(scope="module")
def once(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> Callable[[str], list[Fitted]]:
    """Every fold and seed of a recipe, fitted once."""
    return functools.cache(lambda kind: fit(RECIPES[kind], teacher, corpus, FOLDS, opinions=opinions))


@pytest.fixture
def threads() -> Iterator[int]:
    """A number of threads that a fit does not use itself, set as somebody else would."""
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS + 1)
    yield THREADS + 1
    torch.set_num_threads(before)


def changed(data: Dataset, where: Any, **columns: Any) -> Dataset:
    """The dataset with other values in some rows: numbers, or a function of those that are there."""
    table = data.table
    for name, value in columns.items():
        values = table[name].to_numpy().copy()
        values[where] = value(values[where]) if callable(value) else value
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    return Dataset(table, data.provenance)


def of(data: Dataset, source: str) -> NDArray[np.bool_]:
    """Which rows are of a source."""
    return np.array(data.table["source"].to_pylist()) == source


# Together and alone.


@pytest.mark.parametrize(
    "one",
    [
        recipe(),
        recipe("fr_regressor"),
        recipe(per="clip", frames=3),
        recipe("fr_regressor", validation=Validation(4, 2)),
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
    """Also where somebody has set another number of threads, on which the last bits of torch's sums depend."""
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
    """Intervals on another scale are the same opinions; by a power of two, so that no bit is lost to rounding."""
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
    """Else the two laws above would hold of a fit that looks at nothing."""
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
    """Of B2 and B3: so a source without any is not among the sources."""
    some = {clip: opinion for clip, opinion in opinions.items() if not clip.startswith("Grain")}
    fitted = fit(RECIPES["opinions"], teacher, corpus, FOLDS, opinions=some)
    assert [f.sources for f in fitted[::2]] == [("Flower",), ("Bikes",), ("Bikes", "Flower")]


# What is refused.


def test_a_fold_that_trains_on_what_it_holds_out_is_refused(teacher: Teacher, corpus: Dataset) -> None:
    with pytest.raises(FitError, match="source Bikes is held out and trained on"):
        fit(recipe(), teacher, corpus, [Fold("Bikes", ("Bikes", "Flower"))])


def test_a_fold_without_rows_is_refused(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    with pytest.raises(FitError, match="no row to train on, of sources Nobody"):
        fit(recipe(), teacher, corpus, [Fold("Bikes", ("Nobody",))])
    with pytest.raises(FitError, match="one source cannot be both trained and validated on"):
        fit(RECIPES["validated"], teacher, corpus, [Fold("Bikes", ("Grain",))])
    voices = {clip: opinion for clip, opinion in opinions.items() if clip.startswith("Grain")}
    with pytest.raises(FitError, match=r"no row to (?:train|validate) on, of source"):
        fit(RECIPES["opinions-validated"], teacher, corpus, [Fold("Bikes", ("Flower", "Grain"))], opinions=voices)


@pytest.mark.parametrize("decimals", [12, 6])
def test_golden_rows_are_refused(decimals: int, teacher: Teacher, corpus: Dataset) -> None:
    """Judges are never trained on, under whatever name, and also if they went through a log of six decimals."""
    golden = load_rows().pairs["natural_10bit"].features[1].round(decimals)
    spiked = changed(corpus, 5, **dict(zip(CANONICAL, golden.tolist(), strict=True)))
    with pytest.raises(FitError, match=r"1 golden rows, in Bikes_.*\n  hint: .*they are never trained on"):
        fit(recipe(), teacher, spiked, FOLDS)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", ["adm2", "motion2", TEACHER])
def test_a_value_that_is_not_finite_is_refused_with_its_place(
    column: str, value: float, teacher: Teacher, corpus: Dataset
) -> None:
    clip = corpus.table["clip"][6].as_py()
    with pytest.raises(TinyvmafError, match=rf"{column} of clip {clip}, frame 2 is {value}"):
        fit(recipe(), teacher, changed(corpus, 6, **{column: value}), FOLDS)


def test_scores_of_another_teacher_of_that_name_are_refused(teacher: Teacher, corpus: Dataset) -> None:
    for teachers, found in (({TEACHER: "1" * 64}, "1" * 64), ({}, "None")):
        other = Dataset(corpus.table, {**corpus.provenance, "teachers": teachers})
        with pytest.raises(FitError, match=rf"are of sha256 {found}, not {teacher.sha256}"):
            fit(recipe(), teacher, other, FOLDS)


def test_another_teacher_than_the_recipes_is_refused(ffmpeg: FFmpeg, corpus: Dataset) -> None:
    with pytest.raises(FitError, match=r"recipe quick has teacher vmaf_v0\.6\.1, not vmaf_v0\.6\.1neg"):
        fit(recipe(), load_built_in(ffmpeg, "vmaf_v0.6.1neg"), corpus)


def test_what_a_recipe_needs_is_asked_for(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    with pytest.raises(FitError, match=r"recipe quick \(B1\) needs the features of a corpus"):
        fit(recipe(), teacher)
    with pytest.raises(FitError, match=r"recipe quick \(B2\) needs opinions\n  hint: --mos FILE"):
        fit(RECIPES["opinions"], teacher, corpus)
    with pytest.raises(FitError, match="no opinion"):
        fit(RECIPES["opinions"], teacher, corpus, opinions={})
    with pytest.raises(FitError, match="opinions of clips that the corpus lacks: Nobody_1_2_3"):
        fit(RECIPES["opinions"], teacher, corpus, opinions={**opinions, "Nobody_1_2_3": (1.0, 1.0)})


# The domain: no clip is seen.


@pytest.mark.parametrize("optimiser", [ADAM, LM], ids=["adam", "levenberg"])
def test_a_fit_on_the_domain_takes_no_corpus_and_serves_every_fold(
    optimiser: Optimiser, teacher: Teacher, corpus: Dataset
) -> None:
    one = recipe("tanh_24", method="B1f", optimiser=optimiser, samples=300)
    fitted = fit(one, teacher)
    assert [(f.held_out, f.seed, f.sources, f.validation) for f in fitted] == [(None, 0, (), None), (None, 1, (), None)]
    assert files(fitted) == files(fit(one, teacher, corpus, FOLDS))
    assert len(set(files(fitted))) == 2


def test_a_student_of_the_teacher_with_chroma_keeps_its_correction(ffmpeg: FFmpeg) -> None:
    """Where chroma is silent the teacher jumps, and so must a student of 30 steps: its layers never see the jump."""
    modern = load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h")
    one = replace(
        recipe("tanh_24", method="B1f", optimiser=replace(LM, steps=30, batch=800), samples=1000), teacher=modern.id
    )
    student = fit(one, modern, seeds=[0])[0].student
    silent = np.array([[0.5, 0.0, 0.9, 3.0]])
    spoken = np.array([[0.5, 120.0 * (1.0 - 0.9), 0.9, 3.0]])
    assert student.chroma == modern.svr.chroma
    assert student.predict(silent)[0] == pytest.approx(student.predict(spoken)[0], abs=1e-9)
    assert student.predict(silent)[0] == pytest.approx(modern.predict(silent)[0], abs=5.0)


@pytest.fixture
def quick_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of a few hundred rows."""
    monkeypatch.setattr(run, "_SEARCH", {"samples": 300, "starts": 5, "steps": 2})


def on_domain(grid: Grid) -> Recipe:
    """With more rows than numbers, or what is rounded would be made up for by what no row is there to hold."""
    made = recipe("quadratic_32", method="B1f", optimiser=replace(LM, batch=500), samples=500, grid=grid)
    return replace(made, architecture=Architecture("small", "mlp", (6, 6), "quadratic"), seeds=(0,))


@pytest.mark.parametrize("grid", [GRID, DOUBLE], ids=["24", "53"])
@pytest.mark.usefixtures("quick_search")
def test_a_student_with_a_grid_is_put_on_it(grid: Grid, teacher: Teacher, corpus: Dataset) -> None:
    """Behind the same fit; the same bytes for the same seed, whatever the corpus. It is nearer to the teacher than
    after three steps without a grid, since there are steps on the way."""
    one = on_domain(grid)
    (fitted,) = fit(one, teacher)
    assert (fitted.held_out, fitted.seed, fitted.sources, fitted.validation) == (None, 0, (), None)
    student = fitted.student
    assert isinstance(student, GridStudent)
    assert (student.grid, student.features, student.clip) == (grid, CANONICAL, (0.0, 100.0))
    assert files([fitted]) == files(fit(one, teacher, corpus, FOLDS))
    (without,) = fit(replace(one, grid=None), teacher)
    rows, scores = corpus.columns(*CANONICAL), corpus.columns(TEACHER)[:, 0]
    on, off = (float(np.abs(f.student.predict(rows) - scores).mean()) for f in (fitted, without))
    assert on < 0.5 * off


@pytest.mark.usefixtures("quick_search")
def test_what_the_search_for_a_grid_finds_is_of_the_domain(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the domain, with the teacher's scores of them; asked for the student on its grid."""
    found, worst = [], run._worst
    monkeypatch.setattr(run, "_worst", lambda *args: found.append(worst(*args)) or found[-1])
    fit(on_domain(GRID), teacher)
    ((rows, scores, largest),) = found
    assert run.Domain(teacher.features).contains(rows).all()
    assert np.array_equal(scores, teacher.predict(rows))
    assert largest > 0.0


def test_a_teacher_that_corrects_chroma_has_no_grid_yet(ffmpeg: FFmpeg) -> None:
    """Said before anything is fitted."""
    modern, told = load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h"), []
    one = replace(on_domain(GRID), teacher=modern.id)
    with pytest.raises(FitError, match=r"recipe quick: no grid yet for a teacher that corrects chroma, as vmaf_v1"):
        fit(one, modern, progress=lambda *at: told.append(at))
    assert not told


@pytest.mark.parametrize("kind", ["B1", "B1f"])
def test_decay_is_passed_on(kind: Any, teacher: Teacher, corpus: Dataset) -> None:
    """The heaviest that there could be on the first layer: next to nothing is left of its weights."""
    samples = {"samples": 300} if kind == "B1f" else {}
    how = replace(LM, steps=12, decay=(1e3, 0.0))
    for optimiser, least, most in ((how, 0.0, 1e-2), (replace(how, decay=()), 1e-1, 1e9)):
        (one,) = fit(recipe("quadratic_1x64", method=kind, optimiser=optimiser, **samples), teacher, corpus, seeds=[0])
        assert least <= np.sqrt(np.square(one.student.parameters[0]).mean()) < most


# Opinions.


def distance(fitted: Fitted, data: Dataset, opinions: Opinions) -> float:
    """The mean distance of a student's clip means from the opinions."""
    clip, scores = np.array(data.table["clip"].to_pylist()), fitted.student.predict(data.columns(*CANONICAL))
    return float(np.mean([abs(scores[clip == name].mean() - mos) for name, (mos, _) in opinions.items()]))


def test_opinions_alone_move_a_student_to_them(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    """They lie about 20 points from the teacher's scores, and a fit of 300 steps comes to within 3."""
    how = Optimiser("adam", 300, 16, 0.01)
    (far,) = fit(recipe(optimiser=how), teacher, corpus, seeds=[0])
    (near,) = fit(replace(RECIPES["opinions"], optimiser=how), teacher, corpus, seeds=[0], opinions=opinions)
    (twelve,) = fit(
        replace(RECIPES["opinions-reweighted"], optimiser=Optimiser("least_squares", 40)),
        teacher,
        corpus,
        seeds=[0],
        opinions=opinions,
    )
    assert distance(far, corpus, opinions) > 8.0
    assert distance(near, corpus, opinions) < 3.0
    assert distance(twelve, corpus, opinions) < 0.7 * distance(far, corpus, opinions)


@pytest.mark.parametrize("start", ["B1", "B1f"])
def test_the_penalty_holds_a_tuned_student_at_its_start(
    start: Any, teacher: Teacher, corpus: Dataset, opinions: Opinions
) -> None:
    """With a penalty of a million opinions weigh nothing beside it; with none they are followed."""
    how = Optimiser("adam", 200, 32, 0.01)
    samples = {"samples": 500} if start == "B1f" else {}
    first = recipe(method=start, optimiser=how, **samples)
    (begun,) = fit(first, teacher, corpus, seeds=[0])
    rows, tuned = corpus.columns(*CANONICAL), {}
    for penalty in (0.0, 1e6):
        mos = Mos((0, 100), start, steps=150, learning_rate=2e-3, penalty=penalty)
        (tuned[penalty],) = fit(replace(first, method="B3", mos=mos), teacher, corpus, seeds=[0], opinions=opinions)
    away = {p: float(np.abs(one.student.predict(rows) - begun.student.predict(rows)).max()) for p, one in tuned.items()}
    assert away[1e6] < 0.5
    assert away[0.0] > 5.0
    assert distance(tuned[0.0], corpus, opinions) < 0.7 * distance(begun, corpus, opinions)


@pytest.mark.parametrize("kind", ["opinions", "opinions-reweighted", "tuned"])
def test_a_scale_that_counts_down_is_turned_round(
    kind: str, once: Callable[[str], list[Fitted]], teacher: Teacher, corpus: Dataset, opinions: Opinions
) -> None:
    """DMOS of 100 - x on the scale from 100 to 0 says what x says on the scale from 0 to 100."""
    one = RECIPES[kind]
    assert one.mos is not None
    down = {clip: (100.0 - mos, weight) for clip, (mos, weight) in opinions.items()}
    turned = replace(one, mos=replace(one.mos, scale=(100, 0)))
    assert files(fit(turned, teacher, corpus, FOLDS, opinions=down)) == files(once(kind))


# Progress, interruption, and no torch.


@pytest.mark.parametrize(
    "kind",
    ["frames", "clips", "attention", "levenberg", "reweighted", "opinions", "tuned", "tuned-from-domain", "domain"],
)
def test_progress_reaches_its_total(kind: str, teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    told: list[tuple[int, int]] = []
    one = recipe(method="B1f", optimiser=LM, samples=100) if kind == "domain" else RECIPES[kind]
    fit(one, teacher, corpus, FOLDS, opinions=opinions, progress=lambda *at: told.append(at))
    totals = {total for _, total in told}
    assert len(totals) == 1
    assert [done for done, _ in told] == list(range(1, totals.pop() + 1))


@pytest.mark.parametrize("grid", [GRID, DOUBLE], ids=["24", "53"])
@pytest.mark.usefixtures("quick_search")
def test_progress_on_a_grid_reaches_its_total(grid: Grid, teacher: Teacher) -> None:
    """Of the fit and of the grid, for each seed; there several steps are told at once."""
    told: list[tuple[int, int]] = []
    fit(replace(on_domain(grid), seeds=(0, 1)), teacher, progress=lambda *at: told.append(at))
    (total,) = {total for _, total in told}
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1][0] == total == 2 * (LM.steps + steps_of(grid, 3))


@pytest.mark.parametrize("kind", ["frames", "levenberg", "reweighted"])
def test_an_interrupted_fit_leaves_torch_as_it_was(kind: str, threads: int, teacher: Teacher, corpus: Dataset) -> None:
    def stop(done: int, total: int) -> None:
        assert done <= total
        assert torch.get_num_threads() == THREADS
        assert torch.are_deterministic_algorithms_enabled()
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(RECIPES[kind], teacher, corpus, FOLDS, progress=stop)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_without_torch_recipes_are_read_and_a_fit_says_what_is_missing() -> None:
    """In a process of its own, in which torch cannot be found."""
    code = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoTorch())
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.train import recipes
assert recipes.read_recipe("a1").id == "a1"
try:
    import tinyvmaf.train.fitting.run
except TinyvmafError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    hint = "in a checkout: pip install -c constraints.txt -e '.[fit]'"
    assert done.stdout == f"fitting a student needs torch, which is not installed\n  hint: {hint}\n"
