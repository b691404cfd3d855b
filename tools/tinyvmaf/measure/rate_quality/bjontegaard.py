"""BD-rate: how much more bitrate a test needs than an anchor for the same quality, in the mean.

G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001: the logarithm of the
bitrate is a function of quality; the mean distance of two such functions, over the qualities that both have, is the
logarithm of a ratio of bitrates. VCEG-M33 fits one cubic polynomial to four points, which may swing between them. As in
the spreadsheets of the common test conditions of HEVC and VVC (JCTVC-L1100, JVET-T2010) and in ITU-T HSTP-VID-WPOM
(2020), the function is piecewise cubic and keeps the order of the points (PCHIP; Fritsch and Butland, SIAM J. Sci.
Stat. Comput. 5, 1984), and its integral is exact.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import TinyvmafError

MIN_POINTS: Final = 4
"""As in VCEG-M33: fewer say too little of a curve."""
LITTLE_OVERLAP: Final = 0.5
"""Where the curves have less of their qualities in common, the number says little of them."""

Floats = NDArray[np.float64]


class BdRateError(TinyvmafError):
    """Two curves have no BD-rate."""


@dataclass(frozen=True)
class RateCurve:
    """Rungs of one encoder, by rising bitrate."""

    name: str
    bitrates: Floats
    """`[N]`, bits per second."""
    qualities: Floats
    """`[N]`, such as mean VMAF."""

    @classmethod
    def of(cls, name: str, bitrates: Any, qualities: Any) -> "RateCurve":
        """A curve of rungs in any order.

        Raises:
            BdRateError: a value that is not finite, or a bitrate that is not above 0.
        """
        rates, values = np.asarray(bitrates, dtype=np.float64), np.asarray(qualities, dtype=np.float64)
        if not (np.isfinite(rates).all() and np.isfinite(values).all() and (rates > 0).all()):
            raise BdRateError(f"{name}: a bitrate or a quality is not a number")
        order = np.lexsort((values, rates))
        return cls(name, rates[order], values[order])

    def require_rising(self) -> None:
        """Refuse a curve without a bitrate for each quality.

        Raises:
            BdRateError: too few points, or a higher bitrate without higher quality.
        """
        if len(self.bitrates) < MIN_POINTS:
            raise BdRateError(f"{self.name} has {len(self.bitrates)} points; BD-rate needs {MIN_POINTS}")
        flat = np.flatnonzero((np.diff(self.qualities) <= 0) | (np.diff(self.bitrates) <= 0))
        if flat.size:
            (r0, r1), (q0, q1) = (a[flat[0] : flat[0] + 2] for a in (self.bitrates, self.qualities))
            raise BdRateError(
                f"{self.name} does not rise: {r1 / 1000:.6g} kbit/s scores {q1:.4f}, {r0 / 1000:.6g} kbit/s {q0:.4f}"
            )


@dataclass(frozen=True)
class BdRate:
    """How much more bitrate the test needs than the anchor."""

    percent: float
    """Below 0: the test needs less."""
    low: float
    high: float
    """The qualities over which it holds: those that both curves have."""
    share: float
    """Of all qualities that either curve has."""


def bd_rate(anchor: RateCurve, test: RateCurve) -> BdRate:
    """The BD-rate of a test against an anchor.

    Raises:
        BdRateError: a curve has fewer than 4 points or does not rise, or the curves have no quality in common.
    """
    from scipy.interpolate import PchipInterpolator

    for curve in (anchor, test):
        curve.require_rising()
    low = max(anchor.qualities[0], test.qualities[0])
    high = min(anchor.qualities[-1], test.qualities[-1])
    if not low < high:
        raise BdRateError(
            f"{anchor.name} scores {_between(anchor)}, {test.name} {_between(test)}: they have no quality in common"
        )
    logarithms = [
        float(PchipInterpolator(c.qualities, np.log(c.bitrates)).integrate(low, high)) for c in (anchor, test)
    ]
    both = [*anchor.qualities, *test.qualities]
    mean = (logarithms[1] - logarithms[0]) / (high - low)
    return BdRate(100 * float(np.expm1(mean)), float(low), float(high), float((high - low) / (max(both) - min(both))))


def _between(curve: RateCurve) -> str:
    return f"{curve.qualities[0]:.2f} to {curve.qualities[-1]:.2f}"
