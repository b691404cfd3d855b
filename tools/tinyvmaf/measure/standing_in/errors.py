"""BandErrors of a model by band of its teacher's scores, so that the rows of other bands hide none."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.measure.standing_in.scored import Floats, Scored


class Band(NamedTuple):
    """A part of the teacher's scale."""

    name: str
    low: float
    """The least score in it."""
    high: float
    """Scores in it are below."""

    def holds(self, expected: Floats) -> NDArray[np.bool_]:
        """Which of the teacher's scores lie in it."""
        inside: NDArray[np.bool_] = (expected >= self.low) & (expected < self.high)
        return inside


BANDS: Final = (
    Band("below 40", -np.inf, 40.0),
    Band("40 to 70", 40.0, 70.0),
    Band("70 to 90", 70.0, 90.0),
    Band("90 to 95", 90.0, 95.0),
    Band("above 95", 95.0, np.inf),
)
EVERYTHING: Final = Band("all scores", -np.inf, np.inf)
TOP: Final = Band("above 90", 90.0, np.inf)


class BandErrors(NamedTuple):
    """Of the rows of a band; NaN where the model has a score that is not finite."""

    band: str
    rows: int
    bias: float
    """Mean of model less teacher, VMAF points."""
    rmse: float
    stretch: float
    """By how many points the model makes the teacher's range in this band wider, by the least-squares line."""


def errors(scored: Scored) -> list[BandErrors]:
    """The errors of all rows, then of each band that has one."""
    found, apart = [], scored.got - scored.expected
    apart[~np.isfinite(apart)] = np.nan  # sums of infinities of both signs would only warn
    for band in (EVERYTHING, *BANDS):
        mine = band.holds(scored.expected)
        if mine.any():
            want, error = scored.expected[mine], apart[mine]
            rmse = float(np.sqrt(np.mean(error**2)))
            found.append(BandErrors(band.name, int(mine.sum()), float(error.mean()), rmse, _stretch(want, error)))
    return found


def _stretch(expected: Floats, error: Floats) -> float:
    centred = expected - expected.mean()
    squares = float(centred @ centred)
    # A range that is only rounding has nothing to stretch.
    if expected.std() <= 1e-6:
        return 0.0 if np.isfinite(error).all() else float("nan")
    return float(centred @ error / squares * np.ptp(expected))


def worst_rows(scored: Scored) -> dict[str, int]:
    """The row with the largest error of each band that has rows. A score that is not finite is the worst."""
    size = np.abs(scored.got - scored.expected)
    size[~np.isfinite(size)] = np.inf
    found = {}
    for band in BANDS:
        rows = np.flatnonzero(band.holds(scored.expected))
        if len(rows):
            found[band.name] = int(rows[np.argmax(size[rows])])
    return found
