"""One line of the scoreboard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

FIGURES: Final[Mapping[str, tuple[str, str]]] = {
    "bytes": ("bytes", ",.0f"),
    "rmse": ("RMSE", ".3g"),
    "worst_frame": ("worst frame", ".3g"),
    "worst_in_domain": ("worst in the domain", ".3g"),
    "ulp": ("ULP", ",.0f"),
    "engines": ("engines", ".0f"),
    "batch": ("batch", ".2g"),
    "floor": ("/ Identity", ".2f"),
    "ns_a_row": ("ns a row", ".0f"),
}
"""By key: the heading of its column and the format of its values."""


@dataclass
class Line:
    """What was measured of one candidate. Points are VMAF points."""

    name: str
    figures: dict[str, float] = field(default_factory=dict)
    """By key of `FIGURES`; what could not be measured is missing."""
    notes: list[str] = field(default_factory=list)
    """Why a figure is missing, and which engines did not run it."""

    def cells(self, figures: Mapping[str, tuple[str, str]] = FIGURES) -> list[str]:
        """The line as text, in the order of these figures, an em dash for what is missing."""
        shown = [format(self.figures[k], f) if k in self.figures else "—" for k, (_, f) in figures.items()]
        return [self.name, *shown]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, "figures": self.figures, "notes": self.notes}
