"""Which engines the backends gate runs a model on, and whether those that were asked for are there."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

import pytest

from tinyvmaf.errors import CouldNotRunError, ModelError, TinyvmafError
from tinyvmaf.model import engines
from tinyvmaf.model.contract.words import quoted
from tinyvmaf.model.engines import Engine
from tinyvmaf.model.subject import Subject

_MISSING: Final = pytest.StashKey[TinyvmafError]()


def asked_engines(only: Sequence[str] | None, required: Sequence[str] | None) -> list[str]:
    """The names of the engines of a run; of every test at least one, so that something is left to say what is wrong.

    Args:
        only: by `--engine`: no others.
        required: by `--require-engine`: beside those that are here.
    """
    asked = [*(only or ()), *(required or ())]
    here = [engine.name for engine in engines.all_engines() if engine.available().ok]
    return list(dict.fromkeys(asked if only else [*here, *asked])) or [engines.all_engines()[0].name]


def engines_of_run(config: pytest.Config) -> list[str]:
    """As `asked_engines`, for the options of a run."""
    return asked_engines(config.getoption("--engine"), config.getoption("--require-engine"))


def leave_one_to_fail(config: pytest.Config, items: list[pytest.Item], suite: Path) -> None:
    """If an option asks for an engine in vain, leave one test of the suite in that folder: `check_options` fails it."""
    ours = [item for item in items if suite in item.path.parents]
    run = [item for item in ours if hasattr(item, "callspec") and not item.get_closest_marker("skip")]
    ran = {item.callspec.params.get("engine_name") for item in run}
    try:
        for name in engines_of_run(config) if ours else ():
            check_asked(name, config.getoption("--require-engine") or (), ran)
    except TinyvmafError as error:
        config.stash[_MISSING] = error
        left = (run or ours)[0]
        left.own_markers = []  # a test that is skipped would not say so
        others = [item for item in ours if item is not left]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def check_options(config: pytest.Config) -> str:
    """Hold that the engines that the options ask for are here.

    Returns:
        What `--engine` leaves out, for NOT CHECKED; empty if nothing.

    Raises:
        CouldNotRunError: one is not.
    """
    if _MISSING in config.stash:
        raise config.stash[_MISSING]
    if not config.getoption("--engine"):
        return ""
    left = [engine.name for engine in engines.all_engines() if engine.name not in engines_of_run(config)]
    return f"engines that --engine left out: {', '.join(left)}"


def pairs(subjects: Iterable[Subject], names: Sequence[str]) -> list[tuple[str, str]]:
    """Each model, by id, with each engine that it is for."""
    return [(subject.id, name) for subject in subjects for name in names if subject.fits(name)]


def check_asked(name: str, required: Collection[str], ran: Collection[object]) -> None:
    """Hold that an engine is known and here, and that a test runs on it if it is required.

    Raises:
        CouldNotRunError: it is not.
    """
    here = engines.find(name).available()
    if not here.ok:
        raise CouldNotRunError(f"engine {name} was asked for and is not here: {here.reason}")
    if name in required and name not in ran:
        raise CouldNotRunError(
            f"engine {name} is required, and no test that was chosen runs on it",
            hint="-k, -m or the sidecars of the models leave it out",
        )


def check_named(subject: Subject) -> None:
    """Hold that the engines that a sidecar names exist.

    Raises:
        ModelError: one does not.
    """
    if unknown := set(subject.engines or ()) - {engine.name for engine in engines.all_engines()}:
        listed = ", ".join(map(quoted, sorted(unknown)))
        raise ModelError(f"its sidecar names engines that nobody knows: {listed}")


def reference_engine(subject: Subject) -> Engine:
    """The first engine that the model is for and that is here: the others are compared with it.

    Raises:
        CouldNotRunError: there is none.
    """
    here = next((one for one in engines.all_engines() if subject.fits(one.name) and one.available().ok), None)
    if here is None:
        raise CouldNotRunError(f"{subject.id}: no engine that it is for is here", hint="the header lists what is")
    return here
