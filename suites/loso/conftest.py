"""Fixtures of the leave-one-source-out gate: a trial of each model, or of the recipes of --recipe."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.data.corpus import Corpus
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge import report_folder
from tinyvmaf.judge.bounds import Bound, Bounds
from tinyvmaf.judge.loso_shown import WITHOUT_RECIPE, write_report
from tinyvmaf.judge.plugin import NotChecked
from tinyvmaf.judge.selection import asked_subjects, fits_opinions, is_variant, states_interval, subjects_of
from tinyvmaf.judge.standing_in import Ask, frames_of
from tinyvmaf.judge.variants import held_against_parent
from tinyvmaf.measure.against_parent import AgainstParent
from tinyvmaf.measure.loso import IntervalReport, LosoReport, OpinionReport, Trial, trial_of, trial_of_recipe
from tinyvmaf.measure.search import Searched
from tinyvmaf.measure.standing_in import Probed, Scored
from tinyvmaf.model.subject import Subject
from tinyvmaf.train.recipes import Recipe, named_recipes
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_teacher


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each model, or for each recipe."""
    if "subject_id" in metafunc.fixturenames:
        recipes = named_recipes(metafunc.config.getoption("--recipe") or ())
        metafunc.parametrize("subject_id", recipes or [one.id for one in asked_subjects(metafunc)])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is asked of registered models has no place where recipes are judged. A model is held against its teacher, or
    if it fits opinions against viewers; a variant also against its parent."""
    recipes = config.getoption("--recipe")

    def stays(item: Any) -> bool:
        fixtures = getattr(item, "fixturenames", ())
        if recipes and "registered" in fixtures:
            return False
        if "against_parent" in fixtures and not is_variant(config, item.callspec.params["subject_id"]):
            return False
        if "stating" in fixtures and not states_interval(config, item.callspec.params["subject_id"]):
            return False
        if "against_viewers" not in fixtures and "against_teacher" not in fixtures:
            return True
        return ("against_viewers" in fixtures) == fits_opinions(config, item.callspec.params["subject_id"])

    out = [item for item in items if not stays(item)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


@pytest.fixture(scope="session")
def whole(data: Dataset, on_disk: Corpus | None, imported_corpus: Dataset | None) -> Dataset:
    """The sets of --features; else the corpus, if every clip of it is there."""
    if imported_corpus is not None:
        return imported_corpus
    if on_disk is not None:
        data.check_has((clip.id for clip in on_disk.clips), on_disk.root)
    return data


@pytest.fixture(scope="session")
def trial_by_id(whole: Dataset, ffmpeg: FFmpeg, pytestconfig: pytest.Config) -> Callable[[str], Trial]:
    """A trial, made once."""
    teacher_of = functools.cache(functools.partial(load_teacher, ffmpeg))
    named = pytestconfig.getoption("--mos")
    mos = None if named is None else Path(named)
    if pytestconfig.getoption("--recipe"):
        return functools.cache(lambda name: trial_of_recipe(name, teacher_of, whole, mos))
    believes = not pytestconfig.getoption("--refit")
    subjects = subjects_of(pytestconfig)
    return functools.cache(lambda name: trial_of(subjects[name], teacher_of, whole, mos, believes=believes))


@pytest.fixture
def trial(
    subject_id: str, trial_by_id: Callable[[str], Trial], pytestconfig: pytest.Config, not_checked: NotChecked
) -> Trial:
    """The trial. A recipe that fits opinions needs them."""
    found = trial_by_id(subject_id)
    if found.recipe is not None and found.lacks_opinions:
        if "all" in (pytestconfig.getoption("--recipe") or ()):
            not_checked(f"recipe {found.recipe.id}: it fits opinions, and there is no --mos FILE")
        raise CouldNotRunError(f"recipe {found.recipe.id} fits opinions", hint="--mos FILE: clip,mos[,ci]")
    return found


@pytest.fixture
def bound(trial: Trial, bounds: Bounds) -> Callable[[str], Bound]:
    """The bound of a gate for the trial."""
    if trial.subject is not None:
        return functools.partial(bounds.for_subject, subject=trial.subject)
    return functools.partial(bounds.for_, teacher=trial.teacher.id)


@pytest.fixture
def registered(trial: Trial) -> Subject:
    """The trial's model."""
    assert trial.subject is not None
    return trial.subject


@pytest.fixture
def recipe(trial: Trial, not_checked: NotChecked) -> Recipe:
    """The trial's recipe."""
    if trial.recipe is None:
        not_checked(f"{trial.id}: {WITHOUT_RECIPE}")
    assert trial.recipe is not None
    return trial.recipe


@pytest.fixture
def report(trial: Trial, pytestconfig: pytest.Config) -> LosoReport:
    """What the models score on the sources that they have not seen; also as JSON under --report."""
    return write_report(trial, report_folder.of(pytestconfig) / "loso")


@pytest.fixture
def stating(trial: Trial) -> dict[str, IntervalReport]:
    """The intervals of a trial whose models state them."""
    return trial.intervals


@pytest.fixture
def against_teacher(report: LosoReport) -> LosoReport:
    """The report of a trial whose truth is the teacher."""
    return report


@pytest.fixture
def against_viewers(trial: Trial) -> dict[str, OpinionReport]:
    """Opinions, as the trial's folds and its registered file, its teacher and a cubic of its teacher score them."""
    return trial.against_viewers


@pytest.fixture
def searched(trial: Trial, registered: Subject, not_checked: NotChecked) -> Searched:
    """The largest difference of the file from its teacher that a search of the domain finds, and the row."""
    if not trial.compared_with_teacher:
        not_checked(f"{registered.id}: its difference from the teacher: it fits opinions, or has scores of clips only")
    return trial.searched


@pytest.fixture
def ask(trial: Trial, bound: Callable[[str], Bound]) -> Ask:
    """Who is judged, by which bounds."""
    return Ask(bound, trial.id, f"tox -e loso -- {'' if trial.subject else f'--recipe {trial.id} '}-k '{trial.id}'")


@pytest.fixture
def held(trial: Trial, against_teacher: LosoReport, not_checked: NotChecked) -> list[Scored]:
    """Frames of the corpus by the folds and by the file, and rows of the domain by the file."""
    if "frame" not in against_teacher.pooled:
        not_checked(f"{trial.id}: scores of frames: it has scores of clips only")
    return frames_of(trial) + ([trial.probed.sample] if trial.subject is not None else [])


@pytest.fixture
def probed(trial: Trial, registered: Subject, not_checked: NotChecked) -> Probed:
    """What the file says of rows of its teacher's domain."""
    if trial.recipe is not None and trial.recipe.architecture.per_clip:
        not_checked(f"{registered.id}: rows of the domain: it has scores of clips only")
    return trial.probed


@pytest.fixture
def against_parent(trial: Trial) -> AgainstParent:
    """A variant against the float model that it was made of, on every frame of the corpus."""
    return held_against_parent(trial)
