"""Fixtures of the external gate: sets that others measured, and models on them."""

import functools
from collections.abc import Callable

import pytest

from tinyvmaf.data.external import BESIDE, ENV, NO_SET, SetFile, find_sets, load_set
from tinyvmaf.data.imported import Imported
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.judge.model_failed import model_failed
from tinyvmaf.judge.plugin import NotChecked
from tinyvmaf.measure.external import HeldSet, LacksError, SetRows, claimed_recipe, hold_model, rows_of
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import Teacher, load_teacher

RowsOf = Callable[[str, str], SetRows]


def sets(config: pytest.Config) -> dict[str, SetFile]:
    """The sets of the run, by name."""
    return {one.name: one for one in find_sets(config.getoption("--features") or ())}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each set."""
    if "set_name" in metafunc.fixturenames:
        metafunc.parametrize("set_name", list(sets(metafunc.config)) or [NO_SET])


@pytest.fixture(scope="session")
def teacher_of(ffmpeg: FFmpeg) -> Callable[[str], Teacher]:
    """Teachers by their ids."""
    return functools.cache(functools.partial(load_teacher, ffmpeg))


@pytest.fixture(scope="session")
def imported_of(
    pytestconfig: pytest.Config, ffmpeg: FFmpeg, teacher_of: Callable[[str], Teacher]
) -> Callable[[str], Imported]:
    """A set by its name, read once."""
    files, store = sets(pytestconfig), Store(default_folder())

    @functools.cache
    def read(name: str) -> Imported:
        return load_set(files[name], teacher_of, store, str(ffmpeg))

    return read


@pytest.fixture
def imported(set_name: str, imported_of: Callable[[str], Imported], not_checked: NotChecked) -> Imported:
    """The set."""
    if set_name == NO_SET:
        not_checked(f"sets that nobody trained on: none is at hand; --features FILE, ${ENV} or ../{BESIDE} names them")
    return imported_of(set_name)


@pytest.fixture(scope="session")
def rows_by_teacher(teacher_of: Callable[[str], Teacher], imported_of: Callable[[str], Imported]) -> RowsOf:
    """The frames of a set that have all features of a teacher; made once."""

    @functools.cache
    def made(name: str, teacher: str) -> SetRows:
        return rows_of(imported_of(name), teacher_of(teacher), Store(default_folder()), name)

    return made


@pytest.fixture
def held(
    set_name: str,
    subject: Subject,
    imported: Imported,  # noqa: ARG001 (without a set nothing is held)
    rows_by_teacher: RowsOf,
    not_checked: NotChecked,
) -> Callable[[], HeldSet]:
    """The model's scores of the set, with those of its teacher."""

    def scored() -> HeldSet:
        recipe = claimed_recipe(subject)
        if recipe is not None and recipe.needs_mos:
            not_checked(f"{subject.id}: sets that nobody trained on: it fits opinions, which no teacher gives")
        try:
            of = rows_by_teacher(set_name, subject.teacher_id)
        except LacksError as error:
            not_checked(f"{subject.id}: {error.message}")
        with model_failed():
            return hold_model(subject, of, per_clip=recipe is not None and recipe.architecture.per_clip)

    return scored
