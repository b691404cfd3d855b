"""Interleaved timing of models: the lanes of a race take turns, so that a slow machine slows all of them.

A pass runs all lanes several times, alternating their order, and keeps the least time of each, because other work only
adds time. Two lanes are compared by the median over passes of their ratio. If the interval of that ratio includes the
bound, more passes follow.

If the interval is above the bound, new races some seconds apart must confirm it: a busy processor slows all lanes for a
while, but not by the same factor. The verdict is `regressed` only if a new race is above the bound too, and none is
within it. If it is still unclear, the verdict is `unresolved`, neither a pass nor a failure.
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
"""The pauses before the races that must confirm a regression. Measured: for some seconds, a call took 27.7 us instead
of 10.6, and its ratio to an Identity model was 2.65 instead of 2.26."""


_VERDICTS: Final[Mapping[Decision, Verdict]] = {"within": "pass", "over": "regressed", "unresolved": "unresolved"}


class Lane(Protocol):
    """Something that is timed."""

    @property
    def name(self) -> str:
        """Unique in its race."""

    def block(self) -> float:
        """Run for about a millisecond; returns ns per row. Outputs are checked here, after the timing."""


class Race:
    """Lanes that are timed together."""

    def __init__(self, lanes: Sequence[Lane], *, repeats: int = REPEATS) -> None:
        """Runs nothing yet.

        Args:
            repeats: rounds per pass.

        Raises:
            ValueError: fewer than two lanes, a repeated name, or no round.
        """
        names = [lane.name for lane in lanes]
        if len(set(names)) < 2 or len(set(names)) != len(names) or repeats < 1:
            raise ValueError(f"a race needs two lanes or more with different names, not {names}")
        self.lanes, self.repeats = tuple(lanes), repeats
        self.times: dict[str, list[float]] = {name: [] for name in names}
        """By lane: ns per row, one for each pass."""
        self._round: dict[str, list[float]] = {name: [] for name in names}
        self._rounds = 0

    def round(self) -> None:
        """Time each lane once; the pass ends after `repeats` rounds."""
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
        """Run this many more passes."""
        for _ in range(passes * self.repeats):
            self.round()

    @property
    def passes(self) -> int:
        """The number of complete passes."""
        return len(self.times[self.lanes[0].name])

    def median(self, name: str) -> float:
        """The median time of a lane, ns per row."""
        return statistics.median(self.times[name])

    def ratio(self, name: str, to: str) -> Ratio:
        """The ratio of a lane's times to those of another lane."""
        return ratio(self.times[name], self.times[to])


@dataclass(frozen=True)
class RatioBound:
    """A bound on the ratio of the times of two lanes."""

    lane: str
    to: str
    bound: float


@dataclass(frozen=True)
class RatioVerdict:
    """The verdict on a `RatioBound`."""

    verdict: Verdict
    found: Ratio
    """The ratio that decided: within the bound for a pass, above it for a regression; otherwise the last one."""
    first: Ratio | None = None
    """The first ratio, if it was above the bound and had to be confirmed."""


def disturbed() -> str | None:
    """The tool that slows Python in this process, so that its timings are not valid; None if there is none.

    Coverage, profilers and debuggers add a cost to each call, which is largest for small models.
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
    bounds: Sequence[RatioBound],
    first: Race,
    *,
    most: int = MOST_PASSES,
    pause: Callable[[float], None] = time.sleep,
) -> Mapping[RatioBound, RatioVerdict]:
    """Compare a race with bounds, with more passes and more races if necessary.

    Args:
        start: makes a new race of the same lanes, with new sessions.
        bounds: on lanes of the race.
        first: a race with some passes; it continues if the result is not clear.
        most: largest number of passes of a race.
        pause: waits for some seconds (`PAUSES_S`).

    Returns:
        The verdict by bound. `pass`: the interval is within the bound in the first or in a confirming race.
        `regressed`: the interval is above the bound in the first and in another race, and within it in none.
        `unresolved`: anything else.
    """
    decided = _resolve(first, bounds, most)
    red = [bound for bound in bounds if decided[bound] == "over"]
    out = {
        bound: RatioVerdict("pass" if decided[bound] == "within" else "unresolved", first.ratio(bound.lane, bound.to))
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
            out[bound] = RatioVerdict(verdict, says, before.first or before.found)
        red = [bound for bound in red if told[bound] != "within"]
    return out


def _resolve(race: Race, bounds: Sequence[RatioBound], most: int) -> dict[RatioBound, Decision]:
    while True:
        decided = {bound: decide(race.ratio(bound.lane, bound.to), bound.bound) for bound in bounds}
        if "unresolved" not in decided.values() or race.passes >= most:
            return decided
        race.run(min(PASSES, most - race.passes))
