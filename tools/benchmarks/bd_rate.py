"""Which interpolation BD-rate should take: python bd_rate.py

Of the embedded corpus: x265 against x264, 9 sources, 8 rungs each; a clip's rate is that of its rung, its quality the
mean of vmaf_v0.6.1. Every choice of 4 of the 8 rungs that keeps both ends gives a BD-rate with each interpolation; it
is held against that of all 8 rungs joined by straight lines. Prints a Markdown table of the differences, in percentage
points.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from tinyvmaf.data.embedded import embedded_corpus
from tinyvmaf.measure.rate_quality import BdRateError, RateCurve, bd_rate
from tinyvmaf.vmaf.teacher import DEFAULT

Floats = NDArray[np.float64]
Function = Callable[[Floats], Any]
RUNGS: Final = 8
STEPS: Final = 20_001


def cubic(quality: Floats, rate: Floats) -> Function:
    """One polynomial of degree 3, as in VCEG-M33."""
    return np.polynomial.Polynomial.fit(quality, rate, 3)


def straight(quality: Floats, rate: Floats) -> Function:
    """Straight lines."""
    return lambda x: np.interp(x, quality, rate)


METHODS: Final[dict[str, Callable[[Floats, Floats], Function]]] = {
    "one cubic polynomial (VCEG-M33)": cubic,
    "Akima": lambda quality, rate: Akima1DInterpolator(quality, rate),
    "piecewise cubic (PCHIP)": lambda quality, rate: PchipInterpolator(quality, rate),
    "straight lines": straight,
}


def percent(method: Callable[[Floats, Floats], Function], anchor: RateCurve, test: RateCurve) -> float:
    """BD-rate by an interpolation, by sums over many steps."""
    low = max(anchor.qualities[0], test.qualities[0])
    at = np.linspace(low, min(anchor.qualities[-1], test.qualities[-1]), STEPS)
    there, here = (method(one.qualities, np.log(one.bitrates))(at) for one in (test, anchor))
    return float(100 * np.expm1(np.mean(there - here)))


def sources() -> Iterator[tuple[RateCurve, RateCurve]]:
    """x264 and x265 of each source."""
    means = embedded_corpus().read().clip_means(DEFAULT)
    rows = [(clip.split("_"), mean) for clip, mean in means.items()]
    for source in dict.fromkeys(parts[0] for parts, _ in rows):
        own = sorted((int(parts[1]), int(parts[3]), mean) for parts, mean in rows if parts[0] == source)
        yield tuple(  # type: ignore[misc]
            RateCurve.of(source, *zip(*((1000 * rate, mean) for n, rate, mean in own if n // 10 == codec), strict=True))
            for codec in (0, 1)
        )


def main() -> None:
    """Print the table."""
    off: dict[str, list[float]] = {name: [] for name in METHODS}
    for anchor, test in sources():
        try:
            bd_rate(anchor, test)
        except BdRateError as error:
            print(f"left out: {error.message}")
            continue
        truth = percent(straight, anchor, test)
        for inner in combinations(range(1, RUNGS - 1), 2):
            few = [0, *inner, RUNGS - 1]
            four = [RateCurve(one.name, one.bitrates[few], one.qualities[few]) for one in (anchor, test)]
            for name, method in METHODS.items():
                off[name].append(abs(percent(method, *four) - truth))
    print(f"\n{len(off['Akima'])} choices\n\n| interpolation | median | 90 % are below | largest |\n|---|---|---|---|")
    for name, values in off.items():
        print(f"| {name} | {np.median(values):.2f} | {np.percentile(values, 90):.2f} | {max(values):.2f} |")


if __name__ == "__main__":
    main()
