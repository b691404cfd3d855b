"""Known, dated exceptions: a model may miss a bound for a while, if somebody says why, and until when.

`waivers.toml` of the project, or the file of `--waivers`. A waiver names one model and one gate, so it
hides nothing else; one that has expired, or that nothing needed, fails the run that it is meant for.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.judge.gates import GATES
from tinyvmaf.project import project
from tinyvmaf.validation import Strict, parse, read_toml

OF_MODELS: Final = ("backends", "contract", "external", "golden", "latency", "loso", "sidecar")
"""How the names of gates begin that are about a model; `sidecar` is what one promises itself, which `loso` judges."""


def _of_a_model(gate: str) -> str:
    if gate.partition(".")[0] not in OF_MODELS:
        raise ValueError(f"gates of a model begin with {', '.join(OF_MODELS)}")
    return gate


def _day(value: object) -> object:
    if type(value) is not date:  # a datetime is a date too, with an hour that nobody would look at
        raise ValueError("it must be a date without quotes, such as 2027-01-31")
    return value


def _can_be_measured(up_to: float | None, info: ValidationInfo) -> float | None:
    gate = info.data.get("gate")
    if up_to is not None and up_to < 0 and not (gate in GATES and GATES[gate].lowest < 0):
        raise ValueError("it must not be negative")
    return up_to


_Text = Annotated[str, Field(pattern=r"\S")]


class Waiver(Strict):
    """One exception."""

    model: _Text
    gate: Annotated[_Text, AfterValidator(_of_a_model)]
    """As in gates.toml, `backends.ulp`; where no bound is, suite and test, `contract.the_file_keeps_the_contract`."""
    reason: _Text
    owner: _Text
    expires: Annotated[date, BeforeValidator(_day)]
    """The last day on which it holds, UTC."""
    up_to: Annotated[float | None, AfterValidator(_can_be_measured)] = None
    """What is measured may go as far as this and no further; None for any value."""

    def expired(self, today: date | None = None) -> bool:
        """Whether its last day has passed."""
        return (today or datetime.now(UTC).date()) > self.expires

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self.model_dump(mode="json")


def read_waivers(path: Path | None = None) -> list[Waiver]:
    """The waivers of a file.

    Args:
        path: None for the project's, which need not be there.

    Raises:
        CouldNotRunError: the file that was named is missing, an entry is not a waiver, or two name one model and gate.
    """
    named, path = path is not None, path or project().waivers
    if not named and not path.exists():
        return []
    try:
        content = read_toml(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CouldNotRunError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    tables = content.get("waiver", [])
    if set(content) - {"waiver"} or not isinstance(tables, list):
        raise CouldNotRunError(f"{path}: only tables [[waiver]] belong there")
    waivers: dict[tuple[str, str], Waiver] = {}
    for number, table in enumerate(tables, 1):
        waiver = parse(Waiver, table, f"{path}: waiver {number}", CouldNotRunError)
        if waivers.setdefault((waiver.model, waiver.gate), waiver) is not waiver:
            raise CouldNotRunError(f"{path}: two waivers of {waiver.gate} for {waiver.model}")
    return list(waivers.values())


def find(waivers: Iterable[Waiver], model: str | None, gate: str, *, today: date | None = None) -> Waiver | None:
    """The waiver for a model and a gate that still holds; None if there is none."""
    return next((w for w in waivers if (w.model, w.gate) == (model, gate) and not w.expired(today)), None)
