"""The scores of frames in the evidence, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Frames:
    """Rows of a model that have a finite score on both sides."""

    sources: list[str]
    clips: list[str]
    source: Floats
    clip: Floats
    frame: Floats
    expected: Floats
    got: Floats
    lost: int
    """Rows without a finite score: no chart shows them."""

    @classmethod
    def of(cls, frames: Mapping[str, Any] | None) -> "Frames | None":
        """Rows of the evidence; None if there are none to draw."""
        if not frames or not frames["expected"]:
            return None
        names = ("source", "clip", "frame", "expected", "got")
        columns = [np.array([np.nan if v is None else v for v in frames[name]], dtype=np.float64) for name in names]
        whole = np.isfinite(columns[3]) & np.isfinite(columns[4])
        if not whole.any():
            return None
        source, clip, frame, expected, got = (column[whole] for column in columns)
        lost = int((~whole).sum())
        return cls(list(frames["sources"]), list(frames["clips"]), source, clip, frame, expected, got, lost)

    @property
    def error(self) -> Floats:
        """Got less expected, in VMAF points."""
        difference: Floats = self.got - self.expected
        return difference

    @property
    def largest(self) -> float:
        """The largest error, in VMAF points."""
        return float(np.abs(self.error).max())

    def name(self, index: float) -> str:
        """A source by its number."""
        return self.sources[int(index)] if 0 <= index < len(self.sources) else f"source {index:g}"

    def clip_name(self, index: float) -> str:
        """A clip by its number."""
        return self.clips[int(index)] if 0 <= index < len(self.clips) else f"clip {index:g}"

    def by_source(self) -> list[tuple[int, NDArray[np.intp]]]:
        """Each source with the indices of its rows."""
        return [(int(index), np.flatnonzero(self.source == index)) for index in np.unique(self.source)]

    def worst_clip(self) -> tuple[str, NDArray[np.intp], int]:
        """The clip of the largest error: its name, the indices of its rows by frame, and which of them is the worst."""
        worst = int(np.abs(self.error).argmax())
        rows = np.flatnonzero(self.clip == self.clip[worst])
        rows = rows[np.argsort(self.frame[rows], kind="stable")]
        name = f"{self.clip_name(self.clip[worst])}, source {self.name(self.source[worst])}"
        return name, rows, int(np.flatnonzero(rows == worst)[0])
