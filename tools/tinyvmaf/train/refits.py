"""What is recorded of the fits of registered models: when a record is believed, and when it is not.

A record says what a recipe gave. It spares a fit only if everything that the fit depends on is as it was recorded, and
if the recipe sees no clip: folds that hold out a source are fitted, always.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tinyvmaf.errors import RegistryError
from tinyvmaf.files import all_or_nothing, sha256, write_atomic
from tinyvmaf.model.refit_records import RefitRecord, again, fitted_file, read_refit, refit_files
from tinyvmaf.model.sidecar import TeacherOf
from tinyvmaf.model.subject import Subject
from tinyvmaf.train.folds import FitRequest, FoldModel, fitting_code, libraries
from tinyvmaf.train.recipes import Recipe
from tinyvmaf.vmaf.teacher import Teacher


@dataclass(frozen=True)
class Recorded:
    """What the record of a registered model is good for."""

    record: RefitRecord | None = None
    """None if none is believed."""
    why_not: str = ""
    """Why the recipe has to be fitted, in a sentence; empty if no record could spare it."""


def request_of(subject: Subject, recipe: Recipe, teacher: Teacher) -> FitRequest:
    """The fit that gave a registered model, if its recipe sees no clip."""
    training = subject.training
    return FitRequest(recipe, teacher, None, (), [training.seed] if training else None, None, subject.id)


def recorded(subject: Subject, recipe: Recipe, teacher: Teacher) -> Recorded:
    """The record of a model, if it is believed.

    Raises:
        RegistryError: the record is not one, or the file beside it is missing or another.
    """
    if not subject.registered or subject.training is None or recipe.sees_clips:
        return Recorded()
    found = read_refit(subject.id, subject.path.parent)
    if found is None:
        return Recorded(None, f"{subject.id}: no fit is recorded, so its recipe is fitted: {again(subject.id)}")
    if wrong := ", ".join(_differences(found, subject, request_of(subject, recipe, teacher))):
        return Recorded(
            None,
            f"{subject.id}: its recorded fit had another {wrong}, so it is not believed, and its "
            f"recipe is fitted: {again(subject.id)}",
        )
    fitted_file(found, subject.data, subject.path.parent)
    return Recorded(found)


def model_of(subject: Subject, record: RefitRecord) -> FoldModel:
    """The one model of all folds."""
    return FoldModel(None, record.seed, fitted_file(record, subject.data, subject.path.parent))


def record_of(subject: Subject, request: FitRequest, fitted: bytes, machine: str) -> RefitRecord:
    """A record of a fit that was made now.

    Raises:
        RegistryError: the model is not registered, or its recipe sees clips.
    """
    if not subject.registered or not request.seeds:
        raise RegistryError(f"{subject.id} is not registered", hint="tinyvmaf register, then record its fit")
    if request.recipe.sees_clips:
        raise RegistryError(f"{subject.id}: its recipe sees clips, so its folds are fitted, always")
    return RefitRecord(
        schema=1,
        model=subject.id,
        sha256=sha256(subject.data),
        fitted_sha256=sha256(fitted),
        recipe=request.recipe.id,
        recipe_sha256=request.recipe.sha256,
        seed=request.seeds[0],
        teacher=TeacherOf(id=request.teacher.id, sha256=request.teacher.sha256),
        code=fitting_code(),
        libraries=tuple(one.partition("+")[0] for one in libraries()),
        machine=machine,
    )


def write(subject: Subject, record: RefitRecord, fitted: bytes) -> None:
    """Write a record, and the fitted file beside it if it is not the registered one: both or nothing."""
    path, file = refit_files(subject.id, subject.path.parent)
    with all_or_nothing((path, file)):
        write_atomic(path, record.text())
        if record.same:
            file.unlink(missing_ok=True)
        else:
            write_atomic(file, fitted)


def _differences(found: RefitRecord, subject: Subject, request: FitRequest) -> Iterator[str]:
    """What was recorded, and is otherwise now."""
    now = record_of(subject, request, b"", found.machine).model_dump()
    words = {
        "sha256": "file",
        "recipe_sha256": "recipe",
        "teacher": "teacher",
        "code": "code that fits",
        "libraries": "set of libraries",
    }
    for name, value in found.model_dump().items():
        if name != "fitted_sha256" and value != now[name]:
            yield words.get(name, name)
