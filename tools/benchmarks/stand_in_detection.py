"""The smallest error of each sort that the gates of standing in see: python stand_in_detection.py

Adds errors of growing size to `tinyvmaf_nano`, and judges each as a file that nobody registered, in this process.
Prints a Markdown table: the least size from which on a gate is red, by gate. Takes a minute.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product

from tinyvmaf.files import home

sys.path.insert(0, str(home()))  # the checkout: suites are no part of the package
from suites.selftest.bad_models import Change, GraphColumn, changed
from suites.selftest.in_process import InProcess

SIZES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0)


def offset(points: float) -> Change:
    return lambda s, _: s + points


def band(low: float, high: float) -> Callable[[float], Change]:
    return lambda points: lambda s, _: s - s.between(low, high) * points


def stretched(points: float) -> Change:
    return lambda s, _: (s - 50.0) * (1.0 + points / 50.0) + 50.0


def falling(above: float) -> Callable[[float], Change]:
    """Behind a score, the order is upside down: a perfect picture gets that many points less than the score."""
    return lambda points: lambda s, _: s - (s - above).op("Relu") * (1.0 + points / (100.0 - above))


def steps(size: float) -> Change:
    return lambda s, _: s.steps(size, size / 2)


def motion(centre: float, width: float) -> Callable[[float], Change]:
    def of(points: float) -> Change:
        return lambda s, x: s - x["motion2"].tent(centre, width) * points

    return of


def like_4k(points: float) -> Change:
    def change(s: GraphColumn, x: dict[str, GraphColumn]) -> GraphColumn:
        return s - ((x["vif_scale1"] - x["vif_scale0"] - 0.4) * 20.0).clip(0.0, 1.0) * points

    return change


def sorts() -> Iterator[tuple[str, Callable[[float], Change]]]:
    yield "offset", offset
    for low, high in ((1.0, 40.0), (40.0, 70.0), (70.0, 90.0), (90.0, 95.0), (95.0, 101.0)):
        yield f"offset of scores {low:g} to {min(high, 100.0):g}", band(low, high)
    yield "scale about 50, points at its ends", stretched
    yield "fall from 97 to a perfect picture", falling(97.0)
    yield "size of a step", steps
    for centre, width in product((8.0, 26.0), (1.0, 4.0)):
        yield f"offset at motion {centre:g}, none {width:g} away", motion(centre, width)
    yield "offset where VIF of scale 0 is 0.4 below that of scale 1", like_4k


def main() -> None:
    judge = InProcess()
    print("| error, points | first red | gates that are red later |\n|---|---|---|")
    for name, sort in sorts():
        least: dict[str, float] = {}
        for size in SIZES:
            found = judge.outcomes(changed(sort(size)).SerializeToString(), name)
            for gate, one in found.items():
                if one.failed:
                    least.setdefault(gate, size)
        order = sorted(least, key=lambda gate: least[gate])
        first = [gate for gate in order if least[gate] == least[order[0]]]
        later = [f"`{gate.removeprefix('loso.')}` {least[gate]:g}" for gate in order if gate not in first]
        told = ", ".join(f"`{gate.removeprefix('loso.')}`" for gate in first)
        print(f"| {name} | {least[order[0]] if order else '-'}: {told} | {', '.join(later)} |")


if __name__ == "__main__":
    main()
