"""What was found in the inputs of a pair, and what was decided from it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class InputSeen:
    """One input as it was scored."""

    path: str
    format: str
    """Size and pixel format, such as `1920x1080 yuv420p`."""
    frames: int
    range: str
    """`full`, `limited` or `unstated`."""


@dataclass(frozen=True)
class PairSeen:
    """Both inputs, and what was decided: printed above the scores, and `inputs` in JSON."""

    reference: InputSeen
    distorted: InputSeen
    decided: tuple[str, ...] = ()
    """One sentence for each choice that another choice would have changed the scores."""
    warnings: tuple[str, ...] = ()
    """Why the scores may not be what the caller wants."""

    def lines(self) -> list[str]:
        """For people: one line an input, then what was decided. Warnings are not in it."""
        sides = (("reference", self.reference), ("distorted", self.distorted))
        shown = [f"{name}: {side.path}, {side.format}, {side.range} range" for name, side in sides]
        return [*shown, *self.decided]

    def record(self) -> Mapping[str, Any]:
        """For JSON."""
        return asdict(self)
