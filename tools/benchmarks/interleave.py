"""Time commands in turns, and print medians and ratios."""

import statistics
import time
from collections.abc import Callable, Mapping


def interleave(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run each way once per round, in alternating order; returns the seconds of each run.

    A slow machine slows all ways equally, so ratios of medians are valid when times are not.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for name in ways:  # fill the caches
        ways[name]()
    for number in range(rounds):
        names = list(ways)[:: -1 if number % 2 else 1]
        for name in names:
            start = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - start)
            print(f"  round {number + 1} of {rounds}: {name} {seconds[name][-1]:.3f} s", flush=True)
    return seconds


def report(seconds: Mapping[str, list[float]], against: str) -> None:
    """Print medians, and their ratio to the median of one way."""
    base = statistics.median(seconds[against])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:24} median {median:8.3f} s  min {min(values):8.3f} s  ratio {median / base:6.3f}")
