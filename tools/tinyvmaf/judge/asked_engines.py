"""Which engines the backends gate runs a model on, and whether those that were asked for are there."""

from collections.abc import Collection, Iterable, Sequence

from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.model import engines
from tinyvmaf.model.contract.words import quoted
from tinyvmaf.model.engines import Engine
from tinyvmaf.model.subject import Subject


def asked_engines(only: Sequence[str] | None, required: Sequence[str] | None) -> list[str]:
    """The names of the engines of a run; of every test at least one, so that something is left to say what is wrong.

    Args:
        only: by `--engine`: no others.
        required: by `--require-engine`: beside those that are here.
    """
    asked = [*(only or ()), *(required or ())]
    here = [engine.name for engine in engines.all_engines() if engine.available().ok]
    return list(dict.fromkeys(asked if only else [*here, *asked])) or [engines.all_engines()[0].name]


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
