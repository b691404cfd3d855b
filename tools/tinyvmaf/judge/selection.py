"""Which models a run of pytest judges, and which of them a test is asked of."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tinyvmaf import scratch
from tinyvmaf.errors import CouldNotRunError, RegistryError, TinyvmafError, known_hint
from tinyvmaf.judge import kinds, subjects
from tinyvmaf.judge.properties import NOT_CHECKED
from tinyvmaf.model import registry
from tinyvmaf.model.contract import STDDEV
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.project import project
from tinyvmaf.train.recipes import read_recipe, recipe_ids

_SUBJECTS: Final = pytest.StashKey[dict[str, Subject]]()


def subjects_of(config: pytest.Config) -> dict[str, Subject]:
    """The models that the run judges, by id: those of `--model`, else the registered ones.

    Those of third parties are adopted into a folder that goes when the run ends.

    Raises:
        pytest.UsageError: options that exclude each other, or wrong settings of the project.
    """
    if _SUBJECTS not in config.stash:
        config.stash[_SUBJECTS] = {one.id: one for one in _find(config)}
    return config.stash[_SUBJECTS]


def may_be_waived(config: pytest.Config, model: str | None) -> bool:
    """Whether waivers for this id hold in this run: a file of `--model` with the id of a registered model has none."""
    if model is None:
        return False
    subject = subjects_of(config).get(model)
    if subject is None or subject.registered:
        return True
    try:
        return all(one.id != model for one in registry.subjects())
    except RegistryError:  # nobody knows which ids are registered
        return False


def asked_subjects(metafunc: pytest.Metafunc) -> list[Subject]:
    """The models that a suite judges, by their kinds. If there is none, a stand-in with a fault: it could not run.

    A suite of `kinds.OWN` has nothing to do then: another kind's models are judged elsewhere.
    """
    found = subjects_of(metafunc.config)
    test = gate_asked(metafunc.definition.nodeid)
    suite = test.partition(".")[0]
    asked = [one for one in found.values() if suite in kinds.suites_of(one)]
    if suite in kinds.OWN:
        return asked
    if not asked:
        name = f"no model for {suite}"
        fault = CouldNotRunError(f"no model here is of a kind that {suite} judges", hint="tinyvmaf models lists them")
        found[name] = Subject(name, Path(), registered=True, fault=fault)
        return [found[name]]
    # Of a model that is added here the test is NOT CHECKED.
    return [one for one in found.values() if one in asked or kinds.not_checked(one, test)]


def fits_opinions(config: pytest.Config, subject_id: str) -> bool:
    """Whether a recipe of `--recipe`, else the recipe of a model, fits opinions; not if it cannot be read."""
    try:
        if config.getoption("--recipe"):
            return read_recipe(subject_id).needs_mos
        training = subjects_of(config)[subject_id].training
        return training is not None and training.recipe in recipe_ids() and read_recipe(training.recipe).needs_mos
    except TinyvmafError:  # other tests tell
        return False


def is_variant(config: pytest.Config, subject_id: str) -> bool:
    """Whether the sidecar of a model says that it is a variant of another; not if it cannot be read."""
    try:
        return not config.getoption("--recipe") and subjects_of(config)[subject_id].sidecar.variant_of is not None
    except TinyvmafError:  # other tests tell
        return False


def states_interval(config: pytest.Config, subject_id: str) -> bool:
    """Whether a recipe of `--recipe`, or a model by its sidecar, has a standard deviation beside the score."""
    try:
        if config.getoption("--recipe"):
            return read_recipe(subject_id).interval is not None
        return any(one.name == STDDEV for one in subjects_of(config)[subject_id].sidecar.outputs)
    except TinyvmafError:  # other tests tell
        return False


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take away the tests that a model's kind does not ask of it, or skip them if that is NOT CHECKED."""
    found = subjects_of(config)

    def stays(item: pytest.Item) -> bool:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        subject = found.get(str(params.get("model", params.get("subject_id"))))
        if subject is None or kinds.asked(subject, gate_asked(item.nodeid)):
            return True
        if what := kinds.not_checked(subject, gate_asked(item.nodeid)):
            item.user_properties.append((NOT_CHECKED, what))
            item.add_marker(pytest.mark.skip(reason=f"NOT CHECKED: {what}"))
        return bool(what)

    items[:] = [item for item in items if stays(item)]


def runs_suite(config: pytest.Config, suite: str) -> bool:
    """Whether an argument is a suite's folder, or in it, or around it."""
    folder = config.rootpath / suite
    asked = [(config.invocation_params.dir / str(argument).split("::")[0]).resolve() for argument in config.args]
    return not asked or any(folder in (path, *path.parents) or path in folder.parents for path in asked)


def gate_asked(nodeid: str) -> str:
    """`suites/golden/test_models.py::test_golden_scores[a]` is `golden.golden_scores`."""
    name = nodeid.split("::")[-1].partition("[")[0]
    return f"{nodeid.split('/')[1]}.{name.removeprefix('test_')}" if nodeid.count("/") > 1 else name


def left_out(config: pytest.Config) -> list[str]:
    """The registered models that `--models` leaves out."""
    chosen = config.getoption("--models", default=None)
    return [one.id for one in registry.subjects() if one.id not in chosen] if chosen else []


def _chosen(found: list[Subject], ids: Sequence[str]) -> list[Subject]:
    """The models of `--models`; all of them if none is named."""
    known = {one.id: one for one in found}
    for unknown in (one for one in ids if one not in known):
        raise pytest.UsageError(
            f"--models {unknown}: no such registered model; {known_hint(unknown, known, 'registered')}"
        )
    return [one for one in found if not ids or one.id in ids]


def _find(config: pytest.Config) -> Iterable[Subject]:
    try:
        project()
    except TinyvmafError as error:
        raise pytest.UsageError(str(error)) from error
    options = FeedOptions.of(lambda name: config.getoption(f"--{name}"))
    named = config.getoption("--model") or ()
    if not all(path.strip() for path in named):
        raise pytest.UsageError("--model without a path")
    if named and config.getoption("--recipe"):
        raise pytest.UsageError("--recipe judges recipes, and --model files: name one kind at a time")
    chosen = config.getoption("--models") or ()
    if chosen and (named or config.getoption("--recipe")):
        raise pytest.UsageError("--models chooses registered models: leave out --model and --recipe")
    if not named:
        if options:
            raise pytest.UsageError(f"{FeedOptions.listed()} say how --model is fed: name one")
        return _chosen(subjects.registered(), chosen)

    stack = ExitStack()
    config.add_cleanup(stack.close)
    folder = stack.enter_context(scratch.folder())
    return subjects.named(
        [Path(path) for path in named], folder, subjects.features_by(config.getoption("--ffmpeg")), options
    )
