"""Interleaved timing: what is compared runs side by side, so that what slows the machine slows all of it alike.

A pass goes round the lanes a few times, in an order that turns each time, and keeps the least time of each: other
work on the machine only ever adds. Two lanes are compared pass by pass, by the median of their ratios. A verdict that
is not clear takes more passes; one that is red is measured again, in fresh races some seconds apart, and stays red only
if one of them is red too and none is within the bound: a machine that gives its processor to others for a while makes
all slower, and not all by the same factor. What is still unclear then is `unresolved`: a third verdict, neither a pass
nor a failure.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from tinyvmaf.measure.latency.ratio import Decision, Ratio, decide, ratio

Verdict = Literal["pass", "regressed", "unresolved"]

PASSES: Final = 21
MOST_PASSES: Final = 3 * PASSES
REPEATS: Final = 5
PAUSES_S: Final = (1.0, 4.0)
"""Before each race that has to confirm a red one. Measured: a call of one model took 27.7 us for some seconds, where it
takes 10.6, and its ratio to an Identity model was 2.65, where it is 2.26."""


_VERDICTS: Final[Mapping[Decision, Verdict]] = {"within": "pass", "over": "regressed", "unresolved": "unresolved"}


class Lane(Protocol):
    """One thing that is timed."""

    @property
    def name(self) -> str:
        """What it is."""

    def block(self) -> float:
        """Run for about a millisecond; ns a row. What it computed is checked here, outside of what is timed."""


class Race:
    """Lanes that are timed together."""

    def __init__(self, lanes: Sequence[Lane], *, repeats: int = REPEATS) -> None:
        """Nothing runs yet.

        Args:
            repeats: how often a pass goes round.

        Raises:
            ValueError: fewer than two lanes, one name twice, or no repeat.
        """
        names = [lane.name for lane in lanes]
        if len(set(names)) < 2 or len(set(names)) != len(names) or repeats < 1:
            raise ValueError(f"two lanes at least, each with a name of its own, not {names}")
        self.lanes, self.repeats = tuple(lanes), repeats
        self.times: dict[str, list[float]] = {name: [] for name in names}
        """ns a row, one a pass."""
        self._round: dict[str, list[float]] = {name: [] for name in names}
        self._rounds = 0

    def round(self) -> None:
        """Time each lane once; a pass ends when there were enough rounds."""
        enabled = gc.isenabled()
        gc.disable()
        try:
            for lane in self.lanes[:: -1 if self._rounds % 2 else 1]:
                self._round[lane.name].append(lane.block())
        finally:
            if enabled:
                gc.enable()
        self._rounds += 1
        if self._rounds % self.repeats == 0:
            for name, times in self._round.items():
                self.times[name].append(min(times))
                times.clear()

    def run(self, passes: int) -> None:
        """That many passes more."""
        for _ in range(passes * self.repeats):
            self.round()

    @property
    def passes(self) -> int:
        """How many are complete."""
        return len(self.times[self.lanes[0].name])

    def median(self, name: str) -> float:
        """Of a lane's times, ns a row."""
        return statistics.median(self.times[name])

    def ratio(self, name: str, to: str) -> Ratio:
        """How the times of one lane compare with those of another."""
        return ratio(self.times[name], self.times[to])


@dataclass(frozen=True)
class Bounded:
    """A lane that may take so many times as long as another."""

    lane: str
    to: str
    bound: float


@dataclass(frozen=True)
class Judged:
    """A verdict on a `Bounded`."""

    verdict: Verdict
    found: Ratio
    """The measurement that says so: of a pass within the bound, of a regression beyond it; else the last one."""
    first: Ratio | None = None
    """The first one, if it was red and so had to be confirmed."""


def disturbed() -> str | None:
    """What of this process slows Python down, so that what is timed in it is not what a user has; None if nothing does.

    Coverage, profilers and debuggers: they cost by the call, so they cost small models more than large ones.
    """
    if sys.gettrace() is not None:
        return "a tracer (coverage, or a debugger)"
    if sys.getprofile() is not None:
        return "a profiler"
    monitoring = getattr(sys, "monitoring", None)  # from Python 3.12
    tools = [] if monitoring is None else [monitoring.get_tool(i) for i in range(6)]
    return next((f"{tool}, by sys.monitoring" for tool in tools if tool is not None), None)


def judge(
    start: Callable[[], Race],
    bounds: Sequence[Bounded],
    first: Race,
    *,
    most: int = MOST_PASSES,
    pause: Callable[[float], None] = time.sleep,
) -> Mapping[Bounded, Judged]:
    """Hold a race against bounds; more passes, and more races, as far as it takes.

    Args:
        start: makes a race of the same lanes from nothing, with sessions of its own.
        bounds: all on lanes of the race.
        first: a race with some passes, which goes on if they do not say enough.
        most: passes of a race, at most.
        pause: takes the seconds to wait, of `PAUSES_S`.

    Returns:
        By bound. `pass`: the interval lies within the bound, in the first race or in one that should have confirmed
        that it does not. `regressed`: it lies beyond the bound in the first and in another, and within it
        in none. `unresolved`: anything else.
    """
    decided = _resolve(first, bounds, most)
    red = [bound for bound in bounds if decided[bound] == "over"]
    out = {
        bound: Judged("pass" if decided[bound] == "within" else "unresolved", first.ratio(bound.lane, bound.to))
        for bound in bounds
    }
    for seconds in PAUSES_S:
        if not red:
            break
        pause(seconds)
        again = start()
        again.run(first.passes)
        told = _resolve(again, red, most)
        for bound in red:
            before, found = out[bound], again.ratio(bound.lane, bound.to)
            verdict = before.verdict if told[bound] == "unresolved" else _VERDICTS[told[bound]]
            says = before.found if told[bound] == "unresolved" and verdict == "regressed" else found
            out[bound] = Judged(verdict, says, before.first or before.found)
        red = [bound for bound in red if told[bound] != "within"]
    return out


def _resolve(race: Race, bounds: Sequence[Bounded], most: int) -> dict[Bounded, Decision]:
    while True:
        decided = {bound: decide(race.ratio(bound.lane, bound.to), bound.bound) for bound in bounds}
        if "unresolved" not in decided.values() or race.passes >= most:
            return decided
        race.run(min(PASSES, most - race.passes))
