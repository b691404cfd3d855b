"""Subjects of the leave-one-source-out gate: registered students, or the recipes of --recipe; and their folds."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tinyvmaf import registry
from tinyvmaf.corpus import Corpus
from tinyvmaf.corpus.splits import leave_one_source_out
from tinyvmaf.dataset import Dataset
from tinyvmaf.errors import RegistryError, TinyvmafError
from tinyvmaf.ffmpeg import FFmpeg
from tinyvmaf.files import write_atomic
from tinyvmaf.fit import Recipe, read_recipe, recipe_ids
from tinyvmaf.fit.opinions import Opinions, read_opinions
from tinyvmaf.gates import CouldNotRunError
from tinyvmaf.loso import FitRequest, FoldModel, LosoError, Report, evaluate_recipe, fold_models
from tinyvmaf.registry import Entry
from tinyvmaf.store import Store, default_folder
from tinyvmaf.teacher import Teacher, load_built_in

NO_STUDENT = "no student"


@dataclass(frozen=True)
class Subject:
    """What is judged: a recipe, and the registered model that was made by it if there is one."""

    id: str
    recipe: Recipe
    teacher: Teacher
    features: tuple[str, ...]
    """In the order in which the model takes them: the registered sidecar's, else the teacher's."""
    entry: Entry | None


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
    try:
        known = registry.entries()
    except RegistryError:
        known = []
    # A gate over no student would pass on nothing: the stand-in makes it say so.
    return [entry.id for entry in known if _may_be_student(entry)] or [NO_STUDENT]


def _may_be_student(entry: Entry) -> bool:
    """A model whose sidecar cannot be read is asked for as well, so that the gate says what is wrong with it."""
    try:
        return bool(entry.sidecar()["kind"] == "student")
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
def subject(subject_id: str, teacher_of: Callable[[str], Teacher], pytestconfig: pytest.Config) -> Subject:
    """The subject of that id."""
    if pytestconfig.getoption("--recipe"):
        recipe = read_recipe(subject_id)
        teacher = teacher_of(recipe.teacher)
        return Subject(recipe.id, recipe, teacher, teacher.feature_names, None)
    if subject_id == NO_STUDENT:
        raise CouldNotRunError("no student is registered", hint="tinyvmaf train, then tinyvmaf register")
    entry = registry.find(subject_id)
    sidecar = entry.sidecar()
    if sidecar["training"] is None:
        raise CouldNotRunError(f"{entry.id} says of no recipe that it was made by, so no source can be held out")
    recipe = read_recipe(sidecar["training"]["recipe"])
    teacher = teacher_of(recipe.teacher)
    return Subject(entry.id, recipe, teacher, tuple(sidecar["feature_order"]), entry)


@pytest.fixture
def registered(subject: Subject) -> Entry:
    """The registered model of the subject."""
    assert subject.entry is not None
    return subject.entry


@pytest.fixture
def opinions(subject: Subject, pytestconfig: pytest.Config, not_checked: Callable[[str], None]) -> Opinions | None:
    """The opinions of --mos, if the recipe fits them."""
    if not subject.recipe.needs_mos:
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
    if subject.id not in _models:
        folds = leave_one_source_out(whole.table["source"].to_pylist())
        seeds = None
        if subject.entry is not None:
            seeds = [subject.entry.sidecar()["training"]["seed"]]
        request = FitRequest(subject.recipe, subject.teacher, whole, folds, seeds, opinions, subject.id)
        _models[subject.id] = fold_models(request, Store(default_folder()))
    return _models[subject.id]


@pytest.fixture
def reports(
    subject: Subject, report: Report, models: list[FoldModel], whole: Dataset, opinions: Opinions | None
) -> dict[str, Report]:
    """The folds' report, and that of the registered file itself, which is what a merge would ship.

    A file whose recipe sees clips has seen them all: what it says of them shows less than its folds do, but a file that
    is not what its recipe makes is caught by it.
    """
    if subject.entry is None:
        return {"folds": report}
    file = FoldModel(None, subject.entry.sidecar()["training"]["seed"], subject.entry.onnx.read_bytes())
    if models == [file]:
        return {"folds": report, "registered file": report}  # the same bytes on the same rows
    return {"folds": report, "registered file": judged(subject, [file], whole, opinions)}


def judged(subject: Subject, models: list[FoldModel], whole: Dataset, opinions: Opinions | None) -> Report:
    """What models of the subject say of the corpus."""
    return evaluate_recipe(
        subject.id, subject.recipe, subject.teacher, models, whole, features=subject.features, opinions=opinions
    )


@pytest.fixture(scope="session")
def _reports() -> dict[str, Report]:
    return {}


@pytest.fixture
def report(
    subject: Subject,
    models: list[FoldModel],
    whole: Dataset,
    opinions: Opinions | None,
    _reports: dict[str, Report],
    pytestconfig: pytest.Config,
) -> Report:
    """What the subject's models say of the sources that they have not seen; also as JSON under --report."""
    if subject.id not in _reports:
        try:
            _reports[subject.id] = judged(subject, models, whole, opinions)
        except LosoError as error:
            raise CouldNotRunError(error.message, hint=error.hint) from error
        out = Path(pytestconfig.rootpath, pytestconfig.getoption("--report")) / "loso" / f"{subject.id}.json"
        try:
            write_atomic(out, json.dumps(_reports[subject.id].as_dict(), indent=2) + "\n")
        except OSError as error:
            raise TinyvmafError(f"{out}: {error.strerror}", hint="--report DIR: where results go") from error
    return _reports[subject.id]
