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
    source: NDArray[np.str_] | None = None
    """The source of each row, `[N]`; None where rows are of none."""
    frame: NDArray[np.int64] | None = None
    """The number of each row in its clip, `[N]`; None where rows are not frames."""

    def both(self, row: int) -> str:
        """A row and its two scores in words."""
        return f"{self.where(row)}: teacher {self.expected[row]:.2f}, model {self.got[row]:.2f}"

    def only(self, rows: NDArray[np.intp]) -> "Scored":
        """Some of the rows."""
        return Scored(
            self.name,
            self.expected[rows],
            self.got[rows],
            lambda row: self.where(int(rows[row])),
            None if self.clip is None else self.clip[rows],
            None if self.source is None else self.source[rows],
            None if self.frame is None else self.frame[rows],
        )

    def clips(self) -> "Scored | None":
        """The means over each clip, as libvmaf pools; None where rows are of no clip."""
        if self.clip is None:
            return None
        names, of = clip_index(self.clip.tolist())
        means = [np.bincount(of, scores) / np.bincount(of) for scores in (self.expected, self.got)]
        clips = np.array(names)
        source = None if self.source is None else self.source[[int((self.clip == name).argmax()) for name in names]]
        return Scored(self.name, means[0], means[1], lambda row: f"clip {names[row]}", clips, source)
