"""False alarms and detection rate of the latency gate: python latency_power.py [--runs 50] [--slow-runs 20]

With the code of the gate, while a second process loads one core on and off:
- compare an unchanged model with itself as its baseline, at every batch size: no run may fail;
- compare a graph with about 15 % more work at 4096 rows, and one with about 25 % more at one row, with the model:
  nearly all runs must fail.

The extra work is calibrated without load, and printed. Exit status 1 if an unchanged model fails, or if fewer than 19
of 20 runs detect a slower one.
"""

import argparse
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.opponents import opponents_of
from tinyvmaf.measure import latency
from tinyvmaf.measure.latency import BASELINE, MODEL, PASSES, Opponents, RatioBound, race_of
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

LEAST_RED = 19 / 20


def slower_in_bulk(data: bytes, units: int) -> bytes:
    """The model with a parallel layer whose result is clipped to 0 and added."""
    model = onnx.load_model_from_string(data)
    graph, width = model.graph, model.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    rng = np.random.default_rng(0)
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name)
        for name, value in {
            "extra_in": rng.random((width, units), dtype=np.float32),
            "extra_out": rng.random((units, 1), dtype=np.float32),
            "extra_zero": np.float32(0),
        }.items()
    )
    graph.node.extend(
        [
            helper.make_node("MatMul", ["features", "extra_in"], ["extra_sum"]),
            helper.make_node("MatMul", ["extra_sum", "extra_out"], ["extra_score"]),
            helper.make_node("Clip", ["extra_score", "extra_zero", "extra_zero"], ["extra"]),
        ]
    )
    return _ended(model, "Add", "extra")


def slower_a_call(data: bytes, nodes: int) -> bytes:
    """The model with extra nodes at its end that change nothing, because no score is below 0."""
    model = onnx.load_model_from_string(data)
    model.graph.initializer.append(numpy_helper.from_array(np.array(-1, np.float32), "below"))
    for _ in range(nodes):
        model = onnx.load_model_from_string(_ended(model, "Max", "below"))
    return bytes(model.SerializeToString())


def _ended(model: onnx.ModelProto, op: str, other: str) -> bytes:
    """The model with one more node at its end."""
    last = next(node for node in model.graph.node if "score" in node.output)
    before = f"before_{len(model.graph.node)}"
    last.output[0] = before
    model.graph.node.append(helper.make_node(op, [before, other], ["score"]))
    return bytes(model.SerializeToString())


def calibrated(
    data: bytes, against: Opponents, batch: int, goal: float, make: Callable[[bytes, int], bytes], sizes: range
) -> tuple[bytes, float]:
    """Bisect for the variant whose time is nearest to `goal` times the model's; returns it and its ratio."""
    low, high, best = sizes.start, sizes.stop, (np.inf, data, 0.0)
    while low < high:
        size = (low + high) // 2
        variant = make(data, size)
        race = race_of(variant, against, batch)
        race.run(PASSES)
        got = race.ratio(MODEL, BASELINE).value
        best = min(best, (abs(got - goal), variant, got), key=lambda one: one[0])
        low, high = (size + 1, high) if got < goal else (low, size)
    return best[1], best[2]


@contextmanager
def load(idle: bool) -> Iterator[None]:
    """Load one core on and off in another process."""
    if idle:
        yield
        return
    burner = multiprocessing.get_context("spawn").Process(target=_burn, daemon=True)
    burner.start()
    try:
        yield
    finally:
        burner.terminate()
        burner.join()


def _burn() -> None:
    rng = random.Random(0)
    while True:
        end = time.monotonic() + rng.uniform(0.05, 1.0)
        while time.monotonic() < end:
            sum(range(1000))
        time.sleep(rng.uniform(0.05, 1.0))


def verdict(data: bytes, against: Opponents, batch: int, bound: float) -> str:
    """The verdict of the gate."""
    first = race_of(data, against, batch)
    first.run(PASSES)
    bounds = [RatioBound(MODEL, BASELINE, bound)]
    (judged,) = latency.judge(lambda: race_of(data, against, batch), bounds, first).values()
    return judged.verdict


def series(
    what: str, data: bytes, against: Opponents, batches: tuple[int, ...], bound: float, runs: int
) -> Counter[str]:
    """Verdicts of the runs; a run has the worst verdict of its batch sizes."""
    told: Counter[str] = Counter()
    begin = time.monotonic()
    for done in range(runs):
        found = [verdict(data, against, batch, bound) for batch in batches]
        told[next((one for one in ("regressed", "unresolved") if one in found), "pass")] += 1
        print(f"\r{what}: {done + 1} of {runs}", end="", file=sys.stderr, flush=True)
    print(f"\r{what}: {dict(told)} in {time.monotonic() - begin:.0f} s", flush=True)
    return told


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tinyvmaf_nano", help="a registered id")
    parser.add_argument("--runs", type=int, default=50, help="runs of the unchanged model")
    parser.add_argument("--slow-runs", type=int, default=20, help="runs of each slower model")
    parser.add_argument("--idle", action="store_true", help="no second process")
    arguments = parser.parse_args()
    subject = Subject.at(registry.find(arguments.model).file)
    data, against = subject.data, replace(opponents_of(subject, find_ffmpeg()), baseline=subject.data)
    bound = load_bounds().for_("latency.baseline").value
    largest, least = max(latency.BATCHES), min(latency.BATCHES)
    bulk, by_bulk = calibrated(data, against, largest, 1.15, slower_in_bulk, range(1, 512))
    call, by_call = calibrated(data, against, least, 1.25, slower_a_call, range(1, 64))
    print(f"{subject.id}: slower in bulk: {by_bulk:.3f} times at {largest} rows; a call: {by_call:.3f} times at 1 row")
    with load(arguments.idle):
        batches = latency.BATCHES
        same = series("unchanged, every batch size", data, against, batches, bound, arguments.runs)
        slow = [
            series(f"{by_bulk:.3f} times at {largest} rows", bulk, against, (largest,), bound, arguments.slow_runs),
            series(f"{by_call:.3f} times at 1 row", call, against, (least,), bound, arguments.slow_runs),
        ]
    missed = [told for told in slow if told["regressed"] < LEAST_RED * arguments.slow_runs]
    return int(bool(same["regressed"] or missed))


if __name__ == "__main__":
    sys.exit(main())
