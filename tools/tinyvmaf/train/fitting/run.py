"""From a recipe and a corpus to fitted students: every fold and seed of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import TinyvmafError, install

try:
    import torch
    from torch import Tensor
except ImportError as missing:
    raise TinyvmafError("fitting a student needs torch, which is not installed", hint=install("fit")) from missing

from tinyvmaf.data.corpus.splits import Fold
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.opinions import Opinions
from tinyvmaf.train.fitting.adam import Member, Task, adam
from tinyvmaf.train.fitting.examples import Examples, FitError, Part, examples
from tinyvmaf.train.fitting.grid import on_grid, steps_of
from tinyvmaf.train.fitting.interval import networks, samples_of
from tinyvmaf.train.fitting.levenberg import last_batch, levenberg_marquardt
from tinyvmaf.train.fitting.network import initial, numbers_of, quiet, reproducible
from tinyvmaf.train.fitting.pooling import pooled
from tinyvmaf.train.fitting.reweight import reweight
from tinyvmaf.train.fitting.samples import Samples
from tinyvmaf.train.recipes import Mos, Optimiser, Recipe
from tinyvmaf.train.students import AnyStudent, GridStudent, IntervalStudent, Student
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

Array = NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Fitted:
    """A student and what it was made from."""

    student: AnyStudent
    seed: int
    held_out: str | None
    """The source that it has not seen; None where none was held out, or no clip was seen at all."""
    sources: tuple[str, ...]
    """The sources whose rows it was trained on, as the rows say; empty if none."""
    validation: str | None
    """The source that the fit was stopped by."""


def fit(
    recipe: Recipe,
    teacher: Teacher,
    data: Dataset | None = None,
    folds: Sequence[Fold] = (),
    *,
    seeds: Sequence[int] | None = None,
    opinions: Opinions | None = None,
    progress: Progress | None = None,
) -> list[Fitted]:
    """Fit a recipe's students.

    Args:
        data: the corpus; a recipe that sees no clip (`Recipe.sees_clips`) needs none.
        folds: one student a seed for each; none: one a seed, on all sources.
        seeds: instead of the recipe's.
        opinions: of each clip the opinion on the recipe's own scale and its weight, for B2 and B3.
        progress: told the steps done and the steps in all.

    Returns:
        Fold by fold, and seed by seed within. A recipe that sees no clip gives one a seed, whatever the folds.

    Raises:
        FitError: data or opinions are missing, or not fit to be trained on.
    """
    if teacher.id != recipe.teacher:
        raise FitError(f"recipe {recipe.id} has teacher {recipe.teacher}, not {teacher.id}")
    if recipe.teacher_sha256 not in (None, teacher.sha256):
        raise FitError(
            f"recipe {recipe.id} has a teacher {teacher.id} with sha256 {recipe.teacher_sha256}, not {teacher.sha256}",
            hint="put the JSON back that it was written for, or make another: tinyvmaf train --teacher-json FILE",
        )
    chosen = tuple(recipe.seeds if seeds is None else seeds)
    steps = _Steps(progress or quiet)
    with reproducible():
        if not recipe.sees_clips:
            stages = [recipe] if recipe.interval is None else list(networks(recipe).values())
            steps.total = sum(one.optimiser.steps + _grid_steps(one) for one in stages) * len(chosen)
            fitted = [_on_domain(recipe, teacher, seed, steps) for seed in chosen]
            return [Fitted(s, seed, None, (), None) for s, seed in zip(fitted, chosen, strict=True)]
        if data is None:
            raise FitError(f"recipe {recipe.id} ({recipe.method}) needs the features of a corpus")
        if recipe.needs_mos and opinions is None:
            raise FitError(f"recipe {recipe.id} ({recipe.method}) needs opinions", hint="--mos FILE: clip,mos[,ci]")
        scaled = None
        if recipe.mos is not None and opinions is not None:
            scaled = recipe.mos.in_points(opinions)
        whole = examples(teacher, data, scaled if recipe.needs_mos else None)
        held: Sequence[Fold | None] = folds or [None]
        parts = [whole.part(fold, validate=recipe.validation is not None) for fold in held]
        members = [(part, fold, seed) for part, fold in zip(parts, held, strict=True) for seed in chosen]
        students = _on_clips(recipe, teacher, whole, [(part, seed) for part, _, seed in members], steps)
    return [
        Fitted(student, seed, None if fold is None else fold.held_out, part.sources, part.validation_source)
        for student, (part, fold, seed) in zip(students, members, strict=True)
    ]


class _Steps:
    """Counts steps over the stages of a fit."""

    def __init__(self, progress: Progress) -> None:
        self.total, self._before, self._progress = 0, 0, progress

    def done(self, step: int) -> None:
        self._progress(self._before + step, self.total)

    def stage_done(self, steps: int) -> None:
        self._before += steps


def _on_domain(recipe: Recipe, teacher: Teacher, seed: int, steps: _Steps) -> AnyStudent:
    samples = Samples.of(teacher, recipe.samples, seed)
    if recipe.interval is None:
        return _network(recipe, samples, seed, steps)
    if not teacher.bootstrap:
        raise FitError(f"recipe {recipe.id} has [interval], and {teacher.id} has no bootstrap models")
    made = {}
    for name, one, drawn in samples_of(recipe, samples):
        made[name] = _network(one, drawn, seed, steps, search=name == "score" or bool(one.optimiser.searches))
    return IntervalStudent(**{name: one for name, one in made.items() if isinstance(one, GridStudent)})


def _network(
    recipe: Recipe, samples: Samples, seed: int, steps: _Steps, *, search: bool = True
) -> Student | GridStudent:
    mean, std, parameters = _distilled(recipe, samples, seed, steps)
    student = _student(recipe, samples.teacher, mean, std, parameters, 0)
    if recipe.grid is None:
        return student
    made = on_grid(
        student,
        recipe.grid,
        samples.highest(),
        (samples.rows, samples.scores),
        seed=seed,
        batch=last_batch(recipe.optimiser.batch),
        search=(lambda points: samples.worst(points, 0)[:2]) if search else None,
        progress=steps.done,
    )
    steps.stage_done(_grid_steps(recipe))
    return made


def _grid_steps(recipe: Recipe) -> int:
    return steps_of(recipe.grid, len(recipe.architecture.hidden) + 1) if recipe.grid else 0


def _distilled(recipe: Recipe, samples: Samples, seed: int, steps: _Steps) -> tuple[Array, Array, list[Tensor]]:
    """B1f: normalisation and the parameters of one member."""
    how, rows, scores = recipe.optimiser, samples.rows, samples.scores
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    dtype = _dtype(recipe)
    if how.name == "adam":
        member = Member(seed, mean, std, [np.arange(len(rows))])
        task = Task(recipe.architecture, rows, scores, [member], precision=dtype)
        begin = initial(recipe.architecture, rows.shape[1], [seed], dtype)
        parameters = adam(task, begin, how, progress=steps.done)
    else:
        asked = 0

        def search(student: Callable[[Array], Array]) -> tuple[Array, Array, float]:
            nonlocal asked
            asked += 1
            worst, targets, largest = samples.worst(lambda found: student((found - mean) / std), asked)
            return (worst - mean) / std, targets, largest

        parameters = levenberg_marquardt(
            recipe.architecture,
            seed,
            ((rows - mean) / std, scores),
            steps=how.steps,
            batch=how.batch,
            dtype=dtype,
            decay=how.decay,
            search=search,
            searches=how.searches,
            progress=steps.done,
        )
    steps.stage_done(how.steps)
    return mean, std, parameters


def _on_clips(
    recipe: Recipe, teacher: Teacher, whole: Examples, members: Sequence[tuple[Part, int]], steps: _Steps
) -> list[Student]:
    how, kind = recipe.optimiser, recipe.architecture.kind
    if kind in ("reweighted", "pooled"):
        steps.total = len(members)
        # Not the stored scores: the student computes them from the features, which may have fewer decimals.
        scores = replace(teacher.svr, chroma=None).predict(whole.rows) if kind == "pooled" else whole.scores
        students = []
        for part, seed in members:
            one = pooled(recipe, teacher, part, scores) if kind == "pooled" else reweight(recipe, teacher, part, seed)
            students.append(one)
            steps.done(len(students))
        return students
    steps.total = how.steps * (1 if how.name == "adam" and recipe.method != "B3" else len(members))
    if recipe.method == "B3":
        return _then_opinions(recipe, teacher, whole, members, steps)
    normal = [part.normalisation() for part, _ in members]
    if how.name == "levenberg_marquardt":
        fitted = []
        for (part, seed), (mean, std) in zip(members, normal, strict=True):
            pool = (whole.rows[part.train] - mean) / std, whole.scores[part.train]
            fitted.append(
                levenberg_marquardt(
                    recipe.architecture,
                    seed,
                    pool,
                    steps=how.steps,
                    batch=how.batch,
                    dtype=_dtype(recipe),
                    decay=how.decay,
                    progress=steps.done,
                )
            )
            steps.stage_done(how.steps)
        parameters = [torch.cat(same) for same in zip(*fitted, strict=True)]
    else:
        begin = initial(recipe.architecture, whole.rows.shape[1], [seed for _, seed in members], _dtype(recipe))
        task = _task(recipe, whole, members, normal, opinions=recipe.method == "B2")
        parameters = adam(task, begin, how, recipe.validation, steps.done)
    return [_student(recipe, teacher, *normal[i], parameters, i) for i in range(len(members))]


def _then_opinions(
    recipe: Recipe, teacher: Teacher, whole: Examples, members: Sequence[tuple[Part, int]], steps: _Steps
) -> list[Student]:
    """B3: the teacher first, then opinions, with a penalty for leaving the teacher."""
    mos, dtype, how = recipe.mos, _dtype(recipe), recipe.optimiser
    assert isinstance(mos, Mos)
    if mos.start == "B1f":
        seeds = sorted({seed for _, seed in members})
        steps.total = how.steps * len(seeds) + mos.steps
        drawn = {seed: Samples.of(teacher, recipe.samples, seed) for seed in seeds}
        distilled = {seed: _distilled(recipe, drawn[seed], seed, steps) for seed in seeds}
        normal = [distilled[seed][:2] for _, seed in members]
        begin = [torch.cat(p) for p in zip(*(distilled[seed][2] for _, seed in members), strict=True)]
    else:
        steps.total = how.steps + mos.steps
        normal = [part.normalisation() for part, _ in members]
        begin = initial(recipe.architecture, whole.rows.shape[1], [seed for _, seed in members], dtype)
        begin = adam(_task(recipe, whole, members, normal, opinions=False), begin, how, recipe.validation, steps.done)
        steps.stage_done(how.steps)
    tune = Optimiser(name="adam", steps=mos.steps, batch=_batch(how), learning_rate=mos.learning_rate)
    task = _task(recipe, whole, members, normal, opinions=True, penalty=mos.penalty)
    parameters = adam(task, begin, tune, progress=steps.done)
    return [_student(recipe, teacher, *normal[i], parameters, i) for i in range(len(members))]


def _batch(optimiser: Optimiser) -> int:
    return optimiser.batch if optimiser.name == "adam" else 256


def _task(
    recipe: Recipe,
    whole: Examples,
    members: Sequence[tuple[Part, int]],
    normal: Sequence[tuple[Array, Array]],
    *,
    opinions: bool,
    penalty: float = 0.0,
) -> Task:
    per_clip = recipe.per == "clip"
    validate = recipe.validation is not None
    return Task(
        recipe.architecture,
        whole.rows,
        np.nan_to_num(whole.opinion) if opinions and whole.opinion is not None else whole.scores,
        [
            Member(
                seed,
                mean,
                std,
                part.clips() if per_clip else [part.train],
                part.validation_clips() if validate else (),
                1.0 / part.mean_weight() if opinions else 1.0,
            )
            for (part, seed), (mean, std) in zip(members, normal, strict=True)
        ],
        weights=np.nan_to_num(whole.opinion_weight) if opinions and whole.opinion_weight is not None else None,
        frames=recipe.frames if per_clip else None,
        temperature=recipe.soft_labels_temperature,
        penalty=penalty,
        precision=_dtype(recipe),
    )


def _student(
    recipe: Recipe, teacher: Teacher, mean: Array, std: Array, parameters: Sequence[Tensor], member: int
) -> Student:
    return Student(
        recipe.architecture,
        teacher.feature_names,
        mean,
        std,
        numbers_of(parameters, member),
        Domain(teacher.features).extent(),
        teacher.svr.score_range,
        teacher.svr.chroma,
    )


def _dtype(recipe: Recipe) -> torch.dtype:
    return torch.float64 if recipe.precision == "float64" else torch.float32
