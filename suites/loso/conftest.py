"""Subjects of the leave-one-source-out gate: registered students, or the recipes of --recipe; and their folds."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.data.corpus import Corpus
from tinyvmaf.data.corpus.splits import leave_one_source_out
from tinyvmaf.data.dataset import Dataset
from tinyvmaf.data.opinions import Opinions, read_opinions
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import CouldNotRunError, RegistryError, TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.judge.selection import subjects_of
from tinyvmaf.measure.loso import LosoError, LosoReport, evaluate, evaluate_recipe
from tinyvmaf.model import subject as model_subject
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.registry import Entry
from tinyvmaf.model.sidecar import Training
from tinyvmaf.train.folds import FitRequest, FoldModel, fold_models
from tinyvmaf.train.recipes import Recipe, read_recipe, recipe_ids
from tinyvmaf.vmaf.domain import largest_difference
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_built_in

NO_STUDENT = "no student"
Found = tuple[float, list[float]]


@dataclass(frozen=True)
class Subject:
    """What is judged: a recipe, and the model that was made by it if there is one; or a model without a recipe."""

    id: str
    recipe: Recipe | None
    """None for a model that nobody here knows how to make again: then no source can be held out."""
    teacher: Teacher
    features: tuple[str, ...]
    """In the order in which the model takes them: the registered sidecar's, else the teacher's."""
    entry: Entry | None
    registered: bool = False


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test a subject."""
    if "subject_id" in metafunc.fixturenames:
        metafunc.parametrize("subject_id", _ids(metafunc.config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is asked of registered models has no place where recipes are judged."""
    if config.getoption("--recipe"):
        out = [item for item in items if "registered" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def _ids(config: pytest.Config) -> list[str]:
    recipes = config.getoption("--recipe")
    if recipes:
        return list(dict.fromkeys(one for name in recipes for one in (recipe_ids() if name == "all" else [name])))
    # A gate over no student would pass on nothing: the stand-in makes it say so.
    return [one.id for one in subjects_of(config).values() if _may_be_student(one)] or [NO_STUDENT]


def _may_be_student(one: model_subject.Subject) -> bool:
    """A model that cannot be judged, or whose sidecar cannot be read, is asked for as well: the gate says why."""
    try:
        # What a stranger's sidecar calls itself excuses it from nothing.
        return not one.registered or one.entry is None or one.entry.sidecar().kind == "student"
    except RegistryError:
        return True


@pytest.fixture(scope="session")
def whole(data: Dataset, on_disk: Corpus | None) -> Dataset:
    """The corpus, if every clip of it is there."""
    if on_disk is not None:
        missing = sorted({clip.id for clip in on_disk.clips} - set(data.table["clip"].to_pylist()))
        if missing:
            raise CouldNotRunError(f"{on_disk.root}: no features of {', '.join(missing[:10])}")
    return data


@pytest.fixture(scope="session")
def teacher_of(ffmpeg: FFmpeg) -> Callable[[str], Teacher]:
    """Teachers by id."""
    return functools.cache(lambda name: load_built_in(ffmpeg, name))


@pytest.fixture
def subject(
    subject_id: str,
    teacher_of: Callable[[str], Teacher],
    whole: Dataset,
    _models: dict[str, list[FoldModel]],
    pytestconfig: pytest.Config,
) -> Subject:
    """The subject of that id. A recipe is believed of a file that nobody registered if it can be, and gives it."""
    if pytestconfig.getoption("--recipe"):
        recipe = read_recipe(subject_id)
        teacher = teacher_of(recipe.teacher)
        return Subject(recipe.id, recipe, teacher, teacher.feature_names, None)
    if subject_id == NO_STUDENT:
        raise CouldNotRunError("no student is registered", hint="tinyvmaf train, then tinyvmaf register")
    judged = subjects_of(pytestconfig)[subject_id]
    if judged.entry is None:
        assert judged.fault is not None
        raise CouldNotRunError(judged.fault.message, hint=judged.fault.hint)
    sidecar = judged.entry.sidecar()
    recipe = _recipe(judged, sidecar.training)
    teacher = teacher_of(recipe.teacher if recipe else sidecar.teacher.id)
    found = Subject(subject_id, recipe, teacher, sidecar.feature_order, judged.entry, judged.registered)
    if recipe is None or judged.registered or recipe.sees_clips:
        return found
    same = fitted(found, whole, None, _models) == [file_of(found)]
    return found if same else replace(found, recipe=None)


def _recipe(judged: model_subject.Subject, training: Training | None) -> Recipe | None:
    """The recipe that a model's sidecar names. A registered model has one; of another it may not be here."""
    if training is None:
        if judged.registered:
            raise CouldNotRunError(f"{judged.id} says of no recipe that it was made by, so no source can be held out")
        return None
    if not judged.registered and training.recipe not in recipe_ids():
        return None
    return read_recipe(training.recipe)


@pytest.fixture
def registered(subject: Subject) -> Entry:
    """The model of the subject, which was made by its recipe."""
    assert subject.entry is not None
    return subject.entry


@pytest.fixture
def recipe(subject: Subject, not_checked: Callable[[str], None]) -> Recipe:
    """The subject's recipe. Without one, nobody knows what the model has seen, and the report says so."""
    if subject.recipe is None:
        not_checked(
            f"{subject.id}: leave-one-source-out: without a recipe that is here and gives this file nothing can"
            " be held out. What stands here is per-source evaluation of the file itself, which may have seen"
            " every source"
        )
    assert subject.recipe is not None
    return subject.recipe


@pytest.fixture
def opinions(subject: Subject, pytestconfig: pytest.Config, not_checked: Callable[[str], None]) -> Opinions | None:
    """The opinions of --mos, if the recipe fits them."""
    if subject.recipe is None or not subject.recipe.needs_mos:
        return None
    path = pytestconfig.getoption("--mos")
    if path is None:
        if "all" in pytestconfig.getoption("--recipe"):
            not_checked(f"recipe {subject.recipe.id}: it fits opinions, and there is no --mos FILE")
        raise CouldNotRunError(f"recipe {subject.recipe.id} fits opinions", hint="--mos FILE: clip,mos[,ci]")
    return read_opinions(Path(path))


@pytest.fixture(scope="session")
def _models() -> dict[str, list[FoldModel]]:
    return {}


@pytest.fixture
def models(
    subject: Subject,
    whole: Dataset,
    opinions: Opinions | None,
    _models: dict[str, list[FoldModel]],
) -> list[FoldModel]:
    """The subject's models, one a fold and seed; fitted now, or before."""
    return [file_of(subject)] if subject.recipe is None else fitted(subject, whole, opinions, _models)


def fitted(
    subject: Subject, whole: Dataset, opinions: Opinions | None, known: dict[str, list[FoldModel]]
) -> list[FoldModel]:
    """What the subject's recipe gives."""
    assert subject.recipe is not None
    if subject.id not in known:
        folds = leave_one_source_out(whole.table["source"].to_pylist())
        training = subject.entry.sidecar().training if subject.entry else None
        seeds = [training.seed] if training else None
        request = FitRequest(subject.recipe, subject.teacher, whole, folds, seeds, opinions, subject.id)
        known[subject.id] = fold_models(request, Store(default_folder()))
    return known[subject.id]


@pytest.fixture
def reports(
    subject: Subject,
    report: LosoReport,
    models: list[FoldModel],
    whole: Dataset,
    opinions: Opinions | None,
    _reports: dict[str, LosoReport],
) -> dict[str, LosoReport]:
    """The folds' report, and that of the registered file itself, which is what a merge would ship.

    A file whose recipe sees clips has seen them all: what it says of them shows less than its folds do, but a file that
    is not what its recipe makes is caught by it.
    """
    if subject.entry is None:
        return {"folds": report}
    file = file_of(subject)
    if subject.recipe is None:
        return {"file, each source": report}
    if models == [file]:
        return {"folds": report, "registered file": report}  # the same bytes on the same rows
    if (key := f"{subject.id}, file") not in _reports:
        _reports[key] = evaluated(subject, [file], whole, opinions)
    return {"folds": report, "registered file": _reports[key]}


@pytest.fixture
def searched(
    subject: Subject,
    registered: Entry,
    opinions: Opinions | None,
    _found: dict[str, Found],
    not_checked: Callable[[str], None],
) -> Found:
    """The largest difference of the file from its teacher that a search of the domain finds, and the row."""
    if opinions is not None or (subject.recipe is not None and subject.recipe.architecture.per_clip):
        not_checked(f"{subject.id}: its difference from the teacher: it fits opinions, or has scores of clips only")
    if subject.id not in _found:
        engine = OnnxRuntimeCpu(registered.onnx)
        inverse = np.argsort([subject.features.index(feature) for feature in subject.teacher.feature_names])
        _found[subject.id] = largest_difference(lambda rows: engine.run(rows[:, inverse]), subject.teacher)
    return _found[subject.id]


@pytest.fixture(scope="session")
def _found() -> dict[str, Found]:
    return {}


def file_of(subject: Subject) -> FoldModel:
    """The subject's own file, which holds nothing out."""
    assert subject.entry is not None
    training = subject.entry.sidecar().training
    try:
        return FoldModel(None, training.seed if training else 0, subject.entry.onnx.read_bytes())
    except OSError as error:
        raise CouldNotRunError(f"{subject.entry.onnx}: {error.strerror}") from error


def evaluated(subject: Subject, models: list[FoldModel], whole: Dataset, opinions: Opinions | None) -> LosoReport:
    """What models of the subject say of the corpus."""
    if subject.recipe is None:
        facts = {"recipe": None, "teacher": subject.teacher.id, "evaluation": "per source, the file itself"}
        return evaluate(subject.id, models, whole, subject.features, subject.teacher.id, facts=facts)
    return evaluate_recipe(
        subject.id, subject.recipe, subject.teacher, models, whole, features=subject.features, opinions=opinions
    )


@pytest.fixture(scope="session")
def _reports() -> dict[str, LosoReport]:
    return {}


@pytest.fixture
def report(
    subject: Subject,
    models: list[FoldModel],
    whole: Dataset,
    opinions: Opinions | None,
    _reports: dict[str, LosoReport],
    pytestconfig: pytest.Config,
) -> LosoReport:
    """What the subject's models say of the sources that they have not seen; also as JSON under --report."""
    if subject.id not in _reports:
        try:
            _reports[subject.id] = evaluated(subject, models, whole, opinions)
        except LosoError as error:
            raise CouldNotRunError(error.message, hint=error.hint) from error
        out = Path(pytestconfig.rootpath, pytestconfig.getoption("--report")) / "loso" / f"{subject.id}.json"
        try:
            write_atomic(out, json.dumps(_reports[subject.id].as_dict(), indent=2) + "\n")
        except OSError as error:
            raise TinyvmafError(f"{out}: {error.strerror}", hint="--report DIR: where results go") from error
    return _reports[subject.id]
