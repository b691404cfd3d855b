"""The laws of a fit: alone or together it is the same fit, it sees its own part of the corpus and nothing of the rest,
and the same recipe gives the same file."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tinyvmaf.data.corpus import Fold
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.golden import load_rows
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.train.fitting import samples
from tinyvmaf.train.fitting.examples import FitError
from tinyvmaf.train.fitting.grid import steps_of
from tinyvmaf.train.fitting.network import THREADS
from tinyvmaf.train.fitting.run import Fitted, fit
from tinyvmaf.train.recipes import Mos, Optimiser, Recipe
from tinyvmaf.train.students import Architecture, Grid, GridStudent, Student
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

from .fitting_samples import ADAM, FOLDS, LM, RECIPES, TEACHER, Opinions, changed, files, recipe

pytestmark = pytest.mark.usefixtures("one_thread")

GRID, DOUBLE = Grid(13, 12, 11), Grid(28, 26, 24, 53)


# What is refused.


def test_a_fold_that_trains_on_what_it_holds_out_is_refused(teacher: Teacher, corpus: Dataset) -> None:
    with pytest.raises(FitError, match="source Bikes is both held out and trained on"):
        fit(recipe(), teacher, corpus, [Fold("Bikes", ("Bikes", "Flower"))])


def test_a_fold_without_rows_is_refused(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    with pytest.raises(FitError, match="no row to train on in sources Nobody"):
        fit(recipe(), teacher, corpus, [Fold("Bikes", ("Nobody",))])
    with pytest.raises(FitError, match="training and validation need two sources or more"):
        fit(RECIPES["validated"], teacher, corpus, [Fold("Bikes", ("Grain",))])
    voices = {clip: opinion for clip, opinion in opinions.items() if clip.startswith("Grain")}
    with pytest.raises(FitError, match=r"no row to (?:train|validate) on in source"):
        fit(RECIPES["opinions-validated"], teacher, corpus, [Fold("Bikes", ("Flower", "Grain"))], opinions=voices)


@pytest.mark.parametrize("decimals", [12, 6])
def test_golden_rows_are_refused(decimals: int, teacher: Teacher, corpus: Dataset) -> None:
    """Golden rows are refused under any name, also if written to a log with six decimals."""
    golden = load_rows().pairs["natural_10bit"].features(CANONICAL)[1].round(decimals)
    spiked = changed(corpus, 5, **dict(zip(CANONICAL, golden.tolist(), strict=True)))
    with pytest.raises(FitError, match=r"1 golden rows, in Bikes_.*\n  hint: .*must not be trained on"):
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
        with pytest.raises(FitError, match=rf"with sha256 {found}, not {teacher.sha256}"):
            fit(recipe(), teacher, other, FOLDS)


def test_another_teacher_than_the_recipes_is_refused(ffmpeg: FFmpeg, corpus: Dataset) -> None:
    with pytest.raises(FitError, match=r"recipe quick has teacher vmaf_v0\.6\.1, not vmaf_v0\.6\.1neg"):
        fit(recipe(), load_built_in(ffmpeg, "vmaf_v0.6.1neg"), corpus)


def test_what_a_recipe_needs_is_asked_for(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    with pytest.raises(FitError, match=r"recipe quick \(B1\) needs the features of a corpus"):
        fit(recipe(), teacher)
    with pytest.raises(FitError, match=r"recipe quick \(B2\) needs opinions\n  hint: --mos FILE"):
        fit(RECIPES["opinions"], teacher, corpus)
    with pytest.raises(FitError, match="there is no opinion"):
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
    """The teacher jumps where chroma is silent. So does a short fit, because the jump is outside its layers."""
    modern = load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h")
    one = replace(
        recipe("tanh_24", method="B1f", optimiser=LM.model_copy(update={"steps": 30, "batch": 800}), samples=1000),
        teacher=modern.id,
    )
    student = fit(one, modern, seeds=[0])[0].student
    silent = np.array([[0.5, 0.0, 0.9, 3.0]])
    spoken = np.array([[0.5, 120.0 * (1.0 - 0.9), 0.9, 3.0]])
    assert isinstance(student, Student)
    assert student.chroma == modern.svr.chroma
    assert student.predict(silent)[0] == pytest.approx(student.predict(spoken)[0], abs=1e-9)
    assert student.predict(silent)[0] == pytest.approx(modern.predict(silent)[0], abs=5.0)


@pytest.fixture
def quick_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of a few dozen rows."""
    monkeypatch.setattr(samples, "_STARTS", 10)
    monkeypatch.setattr(samples, "_STEPS", 2)


def on_domain(grid: Grid) -> Recipe:
    """With more rows than parameters, so that the rows determine all parameters."""
    made = recipe("quadratic_32", method="B1f", optimiser=LM.model_copy(update={"batch": 500}), samples=500, grid=grid)
    return replace(made, architecture=Architecture("small", "mlp", (6, 6), "quadratic"), seeds=(0,))


@pytest.mark.parametrize("grid", [GRID, DOUBLE], ids=["24", "53"])
@pytest.mark.usefixtures("quick_search")
def test_a_student_with_a_grid_is_put_on_it(grid: Grid, teacher: Teacher, corpus: Dataset) -> None:
    """Behind the same fit; the same bytes for the same seed, whatever the corpus. With 24 bits it is nearer to the
    teacher than after three steps without a grid, since there are steps on the way; with 53 it is the same student."""
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
    if grid is GRID:
        assert on < 0.5 * off
    else:
        assert on == pytest.approx(off, abs=1e-4)


@pytest.mark.usefixtures("quick_search")
def test_what_the_search_for_a_grid_finds_is_of_the_domain(teacher: Teacher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the domain with the teacher's scores, found for the student on its grid."""
    found, worst = [], samples.Samples.worst

    def kept(*args: Any) -> Any:
        found.append(worst(*args))
        return found[-1]

    monkeypatch.setattr(samples.Samples, "worst", kept)
    fit(on_domain(GRID), teacher)
    ((rows, scores, largest),) = found
    assert Domain(teacher.features).contains(rows).all()
    assert np.allclose(scores, teacher.predict(rows), rtol=0.0, atol=1e-8)
    assert largest > 0.0


@pytest.mark.usefixtures("quick_search")
def test_a_grid_student_of_a_teacher_that_corrects_chroma_does_so_too(ffmpeg: FFmpeg) -> None:
    """Silent rows are as near to the teacher as the others, on both sides of the jump."""
    modern = load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h")
    one = replace(on_domain(GRID), teacher=modern.id, optimiser=LM.model_copy(update={"steps": 30, "batch": 500}))
    (fitted,) = fit(one, modern)
    assert isinstance(fitted.student, GridStudent)
    rows = Domain(modern.features).sample(4000, 1).astype(np.float32)
    off = fitted.student.predict(rows) - modern.predict(rows.astype(np.float64))
    silent = rows[:, 1] == 0.0
    assert 900 < silent.sum() < 1100
    apart = np.abs(fitted.student.predict(rows[silent] + [0, 1e-20, 0, 0]) - fitted.student.predict(rows[silent]))
    assert apart.mean() > 4.0 * np.abs(off[silent]).mean()
    assert np.sqrt(np.square(off[silent]).mean()) < 1.5 * np.sqrt(np.square(off[~silent]).mean())


@pytest.mark.parametrize("kind", ["B1", "B1f"])
def test_decay_is_passed_on(kind: Any, teacher: Teacher, corpus: Dataset) -> None:
    """A very large decay of the first layer leaves almost nothing of its weights."""
    samples = {"samples": 300} if kind == "B1f" else {}
    how = LM.model_copy(update={"steps": 12, "decay": (1e3, 0.0)})
    for optimiser, least, most in ((how, 0.0, 1e-2), (how.model_copy(update={"decay": ()}), 1e-1, 1e9)):
        (one,) = fit(recipe("quadratic_1x64", method=kind, optimiser=optimiser, **samples), teacher, corpus, seeds=[0])
        assert isinstance(one.student, Student)
        assert least <= np.sqrt(np.square(one.student.parameters[0]).mean()) < most


# Opinions.


def distance(fitted: Fitted, data: Dataset, opinions: Opinions) -> float:
    """The mean distance between a student's clip means and the opinions."""
    clip, scores = np.array(data.table["clip"].to_pylist()), fitted.student.predict(data.columns(*CANONICAL))
    return float(np.mean([abs(scores[clip == name].mean() - mos) for name, (mos, _) in opinions.items()]))


def test_opinions_alone_move_a_student_to_them(teacher: Teacher, corpus: Dataset, opinions: Opinions) -> None:
    """Opinions are about 20 points from the teacher's scores; a fit of 300 steps comes within 3 points."""
    how = Optimiser(name="adam", steps=300, batch=16, learning_rate=0.01)
    (far,) = fit(recipe(optimiser=how), teacher, corpus, seeds=[0])
    (near,) = fit(replace(RECIPES["opinions"], optimiser=how), teacher, corpus, seeds=[0], opinions=opinions)
    (twelve,) = fit(
        replace(RECIPES["opinions-reweighted"], optimiser=Optimiser(name="least_squares", steps=40)),
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
    """With a penalty of a million, opinions have no effect; without a penalty, the student follows them."""
    how = Optimiser(name="adam", steps=200, batch=32, learning_rate=0.01)
    samples: dict[str, Any] = {"samples": 500} if start == "B1f" else {}
    first = recipe(method=start, optimiser=how, **samples)
    (begun,) = fit(first, teacher, corpus, seeds=[0])
    rows, tuned = corpus.columns(*CANONICAL), {}
    for penalty in (0.0, 1e6):
        mos = Mos(scale=(0, 100), start=start, steps=150, learning_rate=2e-3, penalty=penalty)
        (tuned[penalty],) = fit(replace(first, method="B3", mos=mos), teacher, corpus, seeds=[0], opinions=opinions)
    away = {p: float(np.abs(one.student.predict(rows) - begun.student.predict(rows)).max()) for p, one in tuned.items()}
    assert away[1e6] < 0.5
    assert away[0.0] > 5.0
    assert distance(tuned[0.0], corpus, opinions) < 0.7 * distance(begun, corpus, opinions)


@pytest.mark.parametrize("kind", ["opinions", "opinions-reweighted", "opinions-pooled", "tuned"])
def test_a_scale_that_counts_down_is_turned_round(
    kind: str, once: Callable[[str], list[Fitted]], teacher: Teacher, corpus: Dataset, opinions: Opinions
) -> None:
    """DMOS 100 - x on the scale from 100 to 0 means the same as x on the scale from 0 to 100."""
    one = RECIPES[kind]
    assert one.mos is not None
    down = {clip: (100.0 - mos, weight) for clip, (mos, weight) in opinions.items()}
    turned = replace(one, mos=one.mos.model_copy(update={"scale": (100, 0)}))
    assert files(fit(turned, teacher, corpus, FOLDS, opinions=down)) == files(once(kind))


# Progress, interruption, and no torch.


@pytest.mark.parametrize(
    "kind",
    [
        "frames",
        "clips",
        "attention",
        "levenberg",
        "reweighted",
        "opinions",
        "opinions-pooled",
        "tuned",
        "tuned-from-domain",
        "domain",
    ],
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
    """Steps of the fit and of the grid, for each seed; the grid reports several steps at once."""
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
    """In a new process, where torch cannot be imported."""
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
