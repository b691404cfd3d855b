"""The duration of all commands, in one table: python performance.py [--only score extract fit golden gate] [--rounds N]

Times whole commands, in turns with a reference where there is one, and prints medians. There are no bounds. Takes about
ten minutes on two cores, half of it for the gate. The Markdown table is the one in docs/performance.md.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import extract_throughput
import fit_batched
import score_overhead

from tinyvmaf.files import home
from tinyvmaf.measure import environment
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

Rows = Iterator[tuple[str, str, str, str]]
SCORE_FRAMES, EXTRACT_FRAMES, FIT_PAIRS = 300, 60, 5


def score(rounds: int) -> Rows:
    """`tinyvmaf score`, without and with a model, compared with the plain FFmpeg command."""
    found = score_overhead.measure(SCORE_FRAMES, rounds)
    bare = statistics.median(found[score_overhead.BARE])
    for way in (score_overhead.SCORE, score_overhead.WITH_MODEL):
        ours = statistics.median(found[way])
        yield (
            f"`{way}`, {SCORE_FRAMES} frames of 1080p",
            f"{ours:.2f} s",
            f"bare FFmpeg {bare:.2f} s",
            f"{ours / bare:.3f}",
        )


def extract(rounds: int) -> Rows:
    """`tinyvmaf extract` compared with plain FFmpeg commands, as many at a time."""
    found = extract_throughput.measure(EXTRACT_FRAMES, rounds)
    ours, bare = (statistics.median(found[way]) for way in (extract_throughput.OURS, extract_throughput.BARE))
    pairs = extract_throughput.SOURCES * extract_throughput.CLIPS
    what = f"`tinyvmaf extract`, {pairs} pairs of {EXTRACT_FRAMES} frames of 1080p"
    yield what, f"{ours:.2f} s", f"bare FFmpeg {bare:.2f} s", f"{ours / bare:.3f}"


def fit(rounds: int) -> Rows:
    """All folds and seeds of leave-one-source-out in one fit, compared with one by one; per training."""
    whole, trainings, part, some = fit_batched.measure(rounds, FIT_PAIRS)
    ours, one = whole / trainings, part / some
    yield (
        f"a training of `mlp_small`, {trainings} at once",
        f"{ours:.3f} s",
        f"one by one {one:.3f} s",
        f"{ours / one:.3f}",
    )


def golden(rounds: int) -> Rows:
    """The golden gate, warm."""
    yield "`pytest suites/golden`", f"{_command(rounds, 'suites/golden'):.1f} s", "", ""


def gate(rounds: int) -> Rows:
    """All suites, as `tox -e gate` runs them, once, because they take long."""
    del rounds
    most = _command(1, "suites", "-n", "2", "--ignore", "suites/latency")
    yield "`tox -e gate` without latency: `pytest suites -n 2`", f"{most:.0f} s", "", ""
    yield "`pytest suites/latency`", f"{_command(1, 'suites/latency', '--benchmark-quiet'):.0f} s", "", ""


PARTS: dict[str, Callable[[int], Rows]] = {part.__name__: part for part in (score, extract, fit, golden, gate)}


def _command(rounds: int, *arguments: str) -> float:
    """Median seconds of a pytest run, which must pass."""
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        command = [sys.executable, "-m", "pytest", "-q", *arguments]
        done = subprocess.run(command, cwd=home(), capture_output=True, text=True, check=False)
        taken.append(time.perf_counter() - begin)
        if done.returncode != 0:
            print(done.stdout[-3000:], file=sys.stderr)
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}, so its time is not valid")
    return statistics.median(taken)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = [row for name in arguments.only for row in PARTS[name](arguments.rounds)]
    here, versions = environment.machine(), environment.versions()
    print(
        f"\n{here.cpu}, {os.cpu_count()} cores, {here.os}, Python {platform.python_version()}, "
        f"ONNX Runtime {versions.onnxruntime}, {find_ffmpeg().version}\n"
    )
    print("| what | takes | beside it | ratio |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
