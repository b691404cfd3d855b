"""The process in which a session's creation time and memory are measured: see `latency.footprints`.

It is outside the package `latency`, whose imports would take twice as long as all that is measured here.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.model.engines.onnxruntime_cpu import OnnxRuntimeCpu

_TIMES: Final = 15
_STATUS: Final = Path("/proc/self/status")
_CLEAR_REFS: Final = Path("/proc/self/clear_refs")


def measure(data: bytes, floor: bytes, rows: NDArray[np.float32]) -> dict[str, float | int | None]:
    """The fields of `latency.Footprint`, of a model beside an Identity model.

    Args:
        rows: float32 `[N, F]`, the largest batch.

    Raises:
        ModelError, EngineError: the model does not load or run.
    """
    # Load the runtime first, so that its memory is not counted. An Identity model gives no scores, so call it directly.
    before = OnnxRuntimeCpu(floor)
    before.bare(None, {before.input_name: rows})
    peak = _peak_kib(lambda: OnnxRuntimeCpu(data).run(rows))
    times: dict[bytes, list[int]] = {floor: [], data: []}
    for _ in range(_TIMES):
        for one, taken in times.items():
            begin = time.perf_counter_ns()
            OnnxRuntimeCpu(one)
            taken.append(time.perf_counter_ns() - begin)
    least = {one: min(taken) for one, taken in times.items()}
    return {"creation_ms": least[data] / 1e6, "creation_floor": least[data] / least[floor], "peak_kib": peak}


def _peak_kib(run: Callable[[], object]) -> int | None:
    # Not getrusage: its peak cannot be reset, and on Linux a new program inherits its parent's peak.
    try:
        _CLEAR_REFS.write_text("5")
        before = _status_kib("VmRSS")
    except (OSError, ValueError):  # not Linux, or not permitted
        run()
        return None
    run()
    return max(0, _status_kib("VmHWM") - before)


def _status_kib(field: str) -> int:
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1])


def main() -> None:
    """Entry point of the new process: arguments are a model's file, rows and features; the Identity model is on stdin.

    It prints the footprint as JSON.
    """
    model, rows, features = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    full = np.full((rows, features), 0.5, dtype=np.float32)
    print(json.dumps(measure(model.read_bytes(), sys.stdin.buffer.read(), full)))
