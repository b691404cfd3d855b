"""Bounds as data: what must hold, read from gates.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import home


@dataclass(frozen=True)
class Gate:
    """One bound."""

    name: str
    """As in gates.toml, for example `golden.published`."""
    metric: str
    value: float
    unit: str
    """`places`, or the unit of the metric."""
    reason: str
    source: str
    direction: str = "at most"
    """`at most` or `at least`: on which side of the value a measured one must lie."""

    def accepts(self, measured: float) -> bool:
        """Whether a measured value (of a comparison: |difference|) is within the bound; NaN never is."""
        if not np.isfinite(measured):
            return False
        if self.unit == "places":
            return round(abs(measured), int(self.value)) == 0
        return measured >= self.value if self.direction == "at least" else abs(measured) <= self.value

    def bound(self) -> str:
        """The bound in words."""
        if self.unit == "places":
            return f"{self.value:g} places (|d| <= {0.5 * 10**-self.value:g})"
        return f"{'>=' if self.direction == 'at least' else '<='} {self.value:g} {self.unit}".rstrip()


class Gates(dict[str, Gate]):
    """Gates by their names; one that gates.toml lacks could not run."""

    def __missing__(self, name: str) -> Gate:
        raise CouldNotRunError(f"gates.toml has no bound {name!r}")


def load_gates(path: Path | None = None) -> Gates:
    """Every gate of gates.toml by its name.

    Raises:
        CouldNotRunError: the file is missing or an entry is not a gate.
    """
    path = path or home() / "gates.toml"
    gates = Gates()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        for suite, entries in content.items():
            for name, fields in entries.items():
                gates[f"{suite}.{name}"] = gate = Gate(f"{suite}.{name}", **fields)
                sound = np.isfinite(gate.value) and gate.value >= 0 and gate.direction in ("at most", "at least")
                if not sound:
                    raise ValueError(f"{gate.name}: bound {gate.direction} {gate.value}")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CouldNotRunError(f"{path}: {error}") from error
    return gates
