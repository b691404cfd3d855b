"""Rows that teacher and model have scored."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.agreement.metrics import clip_index

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Rows with two scores each, in VMAF points."""

    name: str
    """Where the rows are from, as `corpus` or `domain`."""
    expected: Floats
    """The teacher's, `[N]`, finite."""
    got: Floats
    """The model's, `[N]`; NaN and infinity stay."""
    where: Callable[[int], str]
    """A row in words, as `frame 3 of clip X`."""
    clip: NDArray[np.str_] | None = None
    """The clip of each row, `[N]`; None where rows are of no clip."""

    def both(self, row: int) -> str:
        """A row and its two scores in words."""
        return f"{self.where(row)}: teacher {self.expected[row]:.2f}, model {self.got[row]:.2f}"

    def clips(self) -> "Scored | None":
        """The means over each clip, as libvmaf pools; None where rows are of no clip."""
        if self.clip is None:
            return None
        names, of = clip_index(self.clip.tolist())
        means = [np.bincount(of, scores) / np.bincount(of) for scores in (self.expected, self.got)]
        return Scored(self.name, means[0], means[1], lambda row: f"clip {names[row]}")
