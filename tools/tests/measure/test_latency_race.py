"""Races on simulated clocks: verdicts with and without noise."""

import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tinyvmaf.measure.latency.race import MOST_PASSES, PASSES, PAUSES_S, Race, RatioBound, RatioVerdict, judge


def no_pause(seconds: float) -> None:
    """Instead of waiting."""
    assert seconds in PAUSES_S


BOUND = RatioBound("model", "baseline", 1.10)


class Simulated:
    """A lane on a machine that is sometimes slower for all lanes, and sometimes halts."""

    def __init__(self, name: str, ns: float, machine: "Machine") -> None:
        self.name, self.ns, self.machine, self.blocks = name, ns, machine, 0

    def block(self) -> float:
        self.blocks += 1
        return self.ns * self.machine.slowness()


class Machine:
    def __init__(self, seed: int, *, noise: float = 0.02, halts: float = 0.1, drift: float = 0.0) -> None:
        self.rng, self.noise, self.halts, self.drift, self.at = np.random.default_rng(seed), noise, halts, drift, 0

    def slowness(self) -> float:
        self.at += 1
        slow = 1.0 + self.rng.exponential(self.noise) + self.drift * self.at
        return float(slow * (self.rng.uniform(1.5, 20.0) if self.rng.random() < self.halts else 1.0))


def verdict(factor: float, machine: Machine, bound: RatioBound = BOUND) -> RatioVerdict:
    def start() -> Race:
        return Race([Simulated("model", 100.0 * factor, machine), Simulated("baseline", 100.0, machine)])

    first = start()
    first.run(PASSES)
    return judge(start, [bound], first, pause=no_pause)[bound]


@pytest.mark.parametrize(
    "machine",
    [
        lambda seed: Machine(seed),
        lambda seed: Machine(seed, noise=0.2, halts=0.3),
        lambda seed: Machine(seed, drift=0.01),  # twice as slow after a hundred blocks
    ],
    ids=["as usual", "under load", "getting slower"],
)
def test_an_unchanged_model_is_never_red_and_a_slower_one_is(machine: Callable[[int], Machine]) -> None:
    same = Counter(verdict(1.0, machine(seed)).verdict for seed in range(60))
    assert same["regressed"] == 0, same
    slower = Counter(verdict(1.15, machine(seed)).verdict for seed in range(60))
    assert slower["regressed"] >= 57, slower
    assert slower["pass"] == 0, slower


def test_what_no_clock_here_can_tell_is_unresolved_and_took_all_passes() -> None:
    noisy = [verdict(1.10, Machine(seed, noise=0.5, halts=0.5)) for seed in range(20)]
    assert Counter(one.verdict for one in noisy)["unresolved"] >= 15
    assert all(one.found.passes == MOST_PASSES for one in noisy if one.verdict == "unresolved")


def test_a_red_that_does_not_come_again_is_not_red() -> None:
    machine = Machine(0)
    factors = iter([1.3, 1.0])

    def start() -> Race:
        return Race([Simulated("model", 100.0 * next(factors), machine), Simulated("baseline", 100.0, machine)])

    first = start()
    first.run(PASSES)
    judged = judge(start, [BOUND], first, pause=no_pause)[BOUND]
    assert judged.verdict == "pass"
    assert judged.first is not None
    assert judged.first.value == pytest.approx(1.3, rel=0.02)
    assert judged.found.value == pytest.approx(1.0, rel=0.02)


def test_a_machine_that_is_slow_for_some_seconds_does_not_make_a_model_red() -> None:
    machine, waited = Machine(0), list[float]()

    def start() -> Race:
        factor = 1.3 if len(waited) < len(PAUSES_S) else 1.0
        return Race([Simulated("model", 100.0 * factor, machine), Simulated("baseline", 100.0, machine)])

    first = start()
    first.run(PASSES)
    assert judge(start, [BOUND], first, pause=waited.append)[BOUND].verdict == "pass"
    assert waited == list(PAUSES_S)


@pytest.mark.parametrize(
    ("factors", "verdict", "over"),
    [
        ((1.3, 1.3, 1.09), "pass", False),  # within in any race that should have confirmed
        ((1.3, 1.0), "pass", False),
        ((1.3, 1.3, 1.3), "regressed", True),
        ((1.3, 1.3, None), "regressed", True),  # the last cannot tell: what the second found is what counts
        ((1.3, None, 1.3), "regressed", True),
        ((1.3, None, None), "unresolved", None),
        ((1.3, None, 1.0), "pass", False),
    ],
)
def test_a_verdict_comes_with_the_measurement_that_says_so(
    factors: tuple[float | None, ...], verdict: str, over: bool | None
) -> None:
    """None: an unclear race, half of its passes far below the bound, half slightly above."""
    races = iter(factors)

    class Scripted:
        def __init__(self, name: str, times: Iterator[float]) -> None:
            self.name, self.times = name, times

        def block(self) -> float:
            return next(self.times)

    def start() -> Race:
        factor = next(races)
        times = itertools.cycle([80.0, 111.0]) if factor is None else itertools.repeat(100.0 * factor)
        return Race([Scripted("model", times), Scripted("baseline", itertools.repeat(100.0))], repeats=1)

    first = start()
    first.run(PASSES)
    judged = judge(start, [BOUND], first, pause=no_pause)[BOUND]
    assert judged.verdict == verdict
    assert judged.first is not None
    assert judged.first.value == pytest.approx(1.3)
    if over is not None:
        assert (judged.found.value > BOUND.bound) is over


def test_only_what_is_red_is_measured_again() -> None:
    machine, started = Machine(0), list[Race]()

    def start() -> Race:
        started.append(
            Race(
                [Simulated(name, ns, machine) for name, ns in (("model", 150.0), ("floor", 100.0), ("baseline", 140.0))]
            )
        )
        return started[-1]

    first = start()
    first.run(PASSES)
    bounds = [RatioBound("model", "floor", 2.0), RatioBound("model", "baseline", 1.02)]
    found = judge(start, bounds, first, pause=no_pause)
    assert [found[bound].verdict for bound in bounds] == ["pass", "regressed"]
    assert [found[bound].first is None for bound in bounds] == [True, False]
    assert len(started) == 1 + len(PAUSES_S)


def test_a_pass_keeps_the_least_time_of_each_lane_and_turns_the_order() -> None:
    order: list[str] = []

    class Lane:
        def __init__(self, name: str, times: list[float]) -> None:
            self.name, self.times = name, iter(times)

        def block(self) -> float:
            order.append(self.name)
            return next(self.times)

    race = Race([Lane("a", [5.0, 3.0, 4.0, 8.0]), Lane("b", [9.0, 7.0, 2.0, 6.0])], repeats=2)
    race.run(2)
    assert race.times == {"a": [3.0, 4.0], "b": [7.0, 2.0]}
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert race.median("a") == 3.5


def test_what_slows_python_down_is_named() -> None:
    code = """
import sys
from tinyvmaf.measure.latency import disturbed
said = [disturbed()]
sys.setprofile(lambda *rest: None); said.append(disturbed()); sys.setprofile(None)
sys.settrace(lambda *rest: None); said.append(disturbed()); sys.settrace(None)
if hasattr(sys, "monitoring"):
    sys.monitoring.use_tool_id(1, "coverage.py"); said.append(disturbed())
print(said)
"""
    # Without what measures the coverage of these tests.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=kept)
    expected = [None, "a profiler", "a tracer (coverage, or a debugger)"]
    assert done.stdout.startswith(str(expected)[:-1]), done.stdout
    if hasattr(sys, "monitoring"):
        assert "coverage.py, by sys.monitoring" in done.stdout


def test_a_race_needs_two_lanes_with_names_of_their_own() -> None:
    one = Simulated("model", 1.0, Machine(0))
    for lanes in ([], [one], [one, one]):
        with pytest.raises(ValueError, match="two lanes or more"):
            Race(lanes)
    with pytest.raises(ValueError, match="two lanes or more"):
        Race([one, Simulated("floor", 1.0, Machine(0))], repeats=0)
