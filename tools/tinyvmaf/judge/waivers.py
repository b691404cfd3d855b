"""Known, dated exceptions: a model may miss a bound for a while, if somebody says why, and until when.

`waivers.toml` at the top of the checkout, or the file of `--waivers`. A waiver names one model and one gate, so it
hides nothing else; one that has expired, or that nothing needed, fails the run that it is meant for.
"""

import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import home

FILE: Final = "waivers.toml"
OF_MODELS: Final = ("backends", "contract", "golden", "latency", "loso", "sidecar")
"""How the names of gates begin that are about a model; `sidecar` is what one promises itself, which `loso` judges."""
_NEEDED: Final = ("model", "gate", "reason", "owner", "expires")


@dataclass(frozen=True)
class Waiver:
    """One exception."""

    model: str
    gate: str
    """As in gates.toml, `backends.ulp`; where no bound is, suite and test, `contract.the_file_keeps_the_contract`."""
    reason: str
    owner: str
    expires: date
    """The last day on which it holds, UTC."""
    up_to: float | None = None
    """What is measured may go as far as this and no further; None for any value."""

    def expired(self, today: date | None = None) -> bool:
        """Whether its last day has passed."""
        return (today or datetime.now(UTC).date()) > self.expires

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in (*_NEEDED, "up_to")} | {"expires": self.expires.isoformat()}


def read_waivers(path: Path | None = None) -> list[Waiver]:
    """The waivers of a file.

    Args:
        path: None for `waivers.toml` in the checkout, which need not be there.

    Raises:
        CouldNotRunError: the file that was named is missing, or an entry is not a waiver.
    """
    named, path = path is not None, path or home() / FILE
    if not named and not path.exists():
        return []
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        if set(content) - {"waiver"} or not isinstance(content.get("waiver", []), list):
            raise ValueError("only tables [[waiver]] belong there")
        return _apart([_waiver(number, entry) for number, entry in enumerate(content.get("waiver", []), 1)])
    except (OSError, ValueError) as error:
        hint = f"each [[waiver]] has {', '.join(_NEEDED)}, and may have up_to"
        raise CouldNotRunError(f"{path}: {getattr(error, 'strerror', None) or error}", hint=hint) from error


def find(waivers: Iterable[Waiver], model: str | None, gate: str, *, today: date | None = None) -> Waiver | None:
    """The waiver for a model and a gate that still holds; None if there is none."""
    return next((w for w in waivers if (w.model, w.gate) == (model, gate) and not w.expired(today)), None)


def _waiver(number: int, entry: Any) -> Waiver:
    where = f"waiver {number}"
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is not a table")
    if missing := [name for name in _NEEDED if name not in entry]:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(set(entry) - {*_NEEDED, "up_to"}):
        raise ValueError(f"{where} has {', '.join(unknown)}")
    for name in ("model", "gate", "reason", "owner"):
        if not isinstance(entry[name], str) or not entry[name].strip():
            raise ValueError(f"{where}: {name} is not a text")
    if entry["gate"].partition(".")[0] not in OF_MODELS:
        raise ValueError(f"{where}: {entry['gate']!r} is no gate of a model; those begin with {', '.join(OF_MODELS)}")
    if type(entry["expires"]) is not date:  # a datetime is a date too, with an hour that nobody would look at
        raise ValueError(f"{where}: expires is a date without quotes, such as 2027-01-31")
    most = entry.get("up_to")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int | float) or not math.isfinite(most)):
        raise ValueError(f"{where}: up_to is not a number")
    model, gate, reason, owner, expires = (entry[name] for name in _NEEDED)
    return Waiver(model, gate, reason, owner, expires, None if most is None else float(most))


def _apart(waivers: Sequence[Waiver]) -> list[Waiver]:
    seen = set()
    for waiver in waivers:
        if (key := (waiver.model, waiver.gate)) in seen:
            raise ValueError(f"two waivers of {waiver.gate} for {waiver.model}")
        seen.add(key)
    return list(waivers)
