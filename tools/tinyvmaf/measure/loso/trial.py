"""One trial of the leave-one-source-out gate: a recipe and its fits, or one file, held against unseen sources."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.data.corpus.splits import leave_one_source_out
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.imported import opinions_in
from tinyvmaf.data.opinions import Opinions, read_opinions
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.data.targets import with_target
from tinyvmaf.errors import CouldNotRunError, TinyvmafError
from tinyvmaf.measure.loso.evaluate import LosoError, evaluate, evaluate_recipe
from tinyvmaf.measure.loso.interval import IntervalReport, interval_report
from tinyvmaf.measure.loso.opinions import MIN_SOURCES, OpinionReport
from tinyvmaf.measure.loso.report import LosoReport
from tinyvmaf.measure.search import Searched, hunt
from tinyvmaf.measure.standing_in import Probed, Probes, probes_of
from tinyvmaf.model.engines import OnnxRuntimeCpu, all_scores
from tinyvmaf.model.subject import Subject
from tinyvmaf.train.folds import FitRequest, FoldModel, fold_models
from tinyvmaf.train.recipes import Recipe, read_recipe, recipe_ids
from tinyvmaf.train.refits import Recorded, model_of, recorded
from tinyvmaf.vmaf.teacher import Teacher


@dataclass(frozen=True)
class Trial:
    """A recipe, and the model that it made if there is one; or a model without a recipe. Computed once, when asked."""

    id: str
    recipe: Recipe | None
    """None for a model that cannot be made again here: then no source can be held out."""
    teacher: Teacher
    data: Dataset
    subject: Subject | None = None
    """None where a recipe alone is judged."""
    opinions: Opinions | None = None
    """If the recipe fits them."""
    believes: bool = True
    """Whether a record of the fit may spare it."""

    @property
    def features(self) -> tuple[str, ...]:
        """In the order in which the model takes them."""
        return self.subject.features if self.subject else self.teacher.feature_names

    @property
    def registered(self) -> bool:
        """Whether its model is."""
        return self.subject is not None and self.subject.registered

    @property
    def lacks_opinions(self) -> bool:
        """Whether its recipe fits opinions, and there are none."""
        return self.recipe is not None and self.recipe.needs_mos and self.opinions is None

    @property
    def compared_with_teacher(self) -> bool:
        """Whether its scores should be the teacher's, frame by frame: it fits no opinions and does not score clips."""
        return self.opinions is None and (self.recipe is None or not self.recipe.architecture.per_clip)

    @property
    def file(self) -> FoldModel:
        """Its model's file, which holds nothing out."""
        assert self.subject is not None
        training = self.subject.training
        return FoldModel(None, training.seed if training else 0, self.subject.data)

    @cached_property
    def recorded(self) -> Recorded:
        """What is recorded of its fit."""
        if not self.believes or self.recipe is None or self.subject is None:
            return Recorded()
        return recorded(self.subject, self.recipe, self.teacher)

    @cached_property
    def models(self) -> list[FoldModel]:
        """One a fold and seed: fitted now, or before, or recorded; without a recipe the file."""
        if self.recipe is None:
            return [self.file]
        if self.subject is not None and self.recorded.record is not None:
            return [model_of(self.subject, self.recorded.record)]
        folds = leave_one_source_out(self.data.table["source"].to_pylist())
        training = self.subject.training if self.subject else None
        seeds = [training.seed] if training else None
        request = FitRequest(self.recipe, self.teacher, self.data, folds, seeds, self.opinions, self.id)
        return fold_models(request, Store(default_folder()))

    @cached_property
    def report(self) -> LosoReport:
        """What the models score on the sources that they have not seen.

        Raises:
            CouldNotRunError: a fold cannot be judged.
        """
        try:
            return self._evaluated(self.models)
        except LosoError as error:
            raise CouldNotRunError(error.message, hint=error.hint) from error

    @cached_property
    def reports(self) -> dict[str, LosoReport]:
        """The folds' report, and that of the model's own file, which is what a merge would ship.

        A file whose recipe sees clips has seen them all: its scores of them show less than its folds do, but a file
        that is not what its recipe makes is caught by it.
        """
        if self.subject is None:
            return {"folds": self.report}
        if self.recipe is None:
            return {"file, each source": self.report}
        same = self.models == [self.file]  # the same bytes on the same rows
        return {"folds": self.report, "registered file": self.report if same else self._evaluated([self.file])}

    @cached_property
    def intervals(self) -> dict[str, IntervalReport]:
        """The standard deviations and intervals of each of `reports`, for a model that states them."""
        found: dict[str, IntervalReport] = {}
        for who in self.reports:
            models = self.models if who == "folds" or self.recipe is None else [self.file]
            same = found.get("folds") if models == self.models else None
            found[who] = same or interval_report(models, self.teacher, self.data, self.features)
        return found

    @property
    def against_viewers(self) -> dict[str, OpinionReport]:
        """Of each of `reports`, the scores of clips with opinions, and those of their opponents.

        Raises:
            CouldNotRunError: too few sources have opinions.
        """
        found = {who: each.opinions for who, each in self.reports.items() if each.opinions is not None}
        if found.keys() != self.reports.keys():
            raise CouldNotRunError(
                f"{self.id}: too few sources have opinions",
                hint=f"an interval over sources needs {MIN_SOURCES} or more",
            )
        return found

    @property
    def shown(self) -> LosoReport:
        """What a person sees: the folds, and of a file that is not registered always the file's own scores."""
        return self.report if self.registered else self.reports.get("registered file", self.report)

    @cached_property
    def searched(self) -> Searched:
        """The largest difference of the file from its teacher that a search of the teacher's domain finds."""
        assert self.subject is not None
        engine = OnnxRuntimeCpu(self.subject.data)
        return hunt(self.subject.data, lambda rows: all_scores(engine, rows), self.features, self.teacher)

    @cached_property
    def probes(self) -> Probes:
        """Rows of the teacher's domain, with its scores."""
        return probes_of(self.teacher)

    @cached_property
    def probed(self) -> Probed:
        """What the file says of the probes."""
        return self.probes.of(self._score_of_the_file())

    def of_the_file(self, data: bytes) -> LosoReport:
        """What a file that holds nothing out scores on every source; the report that is there is not made again."""
        if "report" in self.__dict__ and [model.data for model in self.models] == [data]:
            return self.report
        return self._evaluated([FoldModel(None, self.file.seed, data)])

    def _score_of_the_file(self) -> Callable[[NDArray[np.float32]], NDArray[np.floating]]:
        """A function from rows in the teacher's order to the scores of the file."""
        assert self.subject is not None
        engine = OnnxRuntimeCpu(self.subject.data)
        inverse = np.argsort([self.features.index(feature) for feature in self.teacher.feature_names])
        return lambda rows: all_scores(engine, rows[:, inverse])

    def _evaluated(self, models: list[FoldModel]) -> LosoReport:
        if self.recipe is None:
            facts = {"recipe": None, "teacher": self.teacher.id, "evaluation": "per source, the file itself"}
            return evaluate(self.id, models, self.data, self.features, self.teacher.id, facts=facts)
        return evaluate_recipe(
            self.id, self.recipe, self.teacher, models, self.data, features=self.features, opinions=self.opinions
        )


def trial_of_recipe(name: str, teacher_of: Callable[[str], Teacher], data: Dataset, mos: Path | None) -> Trial:
    """The trial of a recipe, which is a TOML file or a name; with the opinions of `mos` if it fits them."""
    recipe = read_recipe(name)
    teacher = teacher_of(recipe.teacher)
    return Trial(recipe.id, recipe, teacher, _with_target(data, teacher), opinions=_opinions(recipe, mos, data))


def trial_of(
    subject: Subject,
    teacher_of: Callable[[str], Teacher],
    data: Dataset,
    mos: Path | None,
    *,
    believes: bool = True,
) -> Trial:
    """The trial of a model.

    A model that is not registered may claim a recipe. The claim is checked: the recipe has to make the file again. One
    that sees clips is taken as claimed, for its folds are judged as well.

    Args:
        believes: whether a record of a fit may spare it.

    Raises:
        CouldNotRunError: the sidecar of a registered model names no recipe, though its file does.
        RecipeError: it names one that is not here.
    """
    training = subject.training
    if training is None and subject.registered and (made_by := subject.recipe_of_the_file):
        raise CouldNotRunError(
            f"{subject.id}: its sidecar names no recipe, so no source can be held out; its file names {made_by}"
        )
    claimed = training is not None and (subject.registered or training.recipe in recipe_ids())
    recipe = read_recipe(training.recipe) if training is not None and claimed else None
    teacher = teacher_of(recipe.teacher if recipe else subject.teacher_id)
    data = _with_target(data, teacher)
    trial = Trial(subject.id, recipe, teacher, data, subject, _opinions(recipe, mos, data), believes)
    if recipe is None or subject.registered or recipe.sees_clips or trial.models == [trial.file]:
        return trial
    return Trial(subject.id, None, teacher, data, subject)


def _opinions(recipe: Recipe | None, mos: Path | None, data: Dataset) -> Opinions | None:
    """The opinions of a file, else those that came with an imported corpus."""
    if recipe is None or recipe.mos is None or not recipe.needs_mos:
        return None
    return opinions_in(data, recipe.mos.scale) if mos is None else read_opinions(mos)


def _with_target(data: Dataset, teacher: Teacher) -> Dataset:
    """The corpus with the teacher's scores if it has the features; what is lacking is told where it is used."""
    try:
        return with_target(data, teacher)
    except TinyvmafError:
        return data
