"""What a session takes beside time a row: time to be made, and memory. Measured in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf.errors import ModelError
from tinyvmaf.measure.latency.lanes import BATCHES
from tinyvmaf.measure.latency.yardsticks import floor_model
from tinyvmaf.model.engines import EngineError, OnnxRuntimeCpu

_CHILD: Final = "from tinyvmaf.measure.latency.footprints import main; main()"
_TIMES: Final = 15
_LIMIT_S: Final = 60
_STATUS: Final = Path("/proc/self/status")
_CLEAR_REFS: Final = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Footprint:
    """Of a model's session."""

    creation_ms: float
    """The least of some."""
    creation_floor: float
    """That, in times of what a session of an Identity model takes."""
    peak_kib: int | None
    """Memory that a session and a run of the largest batch add at most to a process that has run another model before;
    None where the system does not tell (it is Linux that does)."""


def footprint(model: Path, features: int) -> Footprint:
    """Measure in a fresh process.

    Args:
        features: a row's.

    Raises:
        ModelError: the process ended without an answer.
        EngineError: it did not end.
    """
    command = [sys.executable, "-c", _CHILD, str(model), str(features)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{model}: no session within {_LIMIT_S} s") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise ModelError(f"{model}: its footprint was not measured: {lines[-1] if lines else done.returncode}")
    return Footprint(**json.loads(done.stdout))


def _measure(model: Path, features: int) -> Footprint:
    data, floor = model.read_bytes(), floor_model(features)
    rows = np.full((BATCHES[-1], features), 0.5, dtype=np.float32)
    # The runtime's own memory is not the model's. The Identity's scores are no scores, so its bare call is made.
    before = OnnxRuntimeCpu(floor)
    before.bare(None, {before.input_name: rows})
    peak = _peak_kib(lambda: OnnxRuntimeCpu(data).run(rows))
    times: dict[bytes, list[int]] = {floor: [], data: []}
    for _ in range(_TIMES):
        for one, taken in times.items():
            begin = time.perf_counter_ns()
            OnnxRuntimeCpu(one)
            taken.append(time.perf_counter_ns() - begin)
    return Footprint(min(times[data]) / 1e6, min(times[data]) / min(times[floor]), peak)


def _peak_kib(run: Callable[[], object]) -> int | None:
    # getrusage would not do: its peak is never forgotten, and on Linux a new program even inherits its parent's.
    try:
        _CLEAR_REFS.write_text("5")
        before = _status_kib("VmRSS")
    except (OSError, ValueError):  # no Linux, or one that does not let us
        run()
        return None
    run()
    return max(0, _status_kib("VmHWM") - before)


def _status_kib(field: str) -> int:
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
    return int(line.split()[1])


def main() -> None:
    """What the fresh process does: print the footprint of the model that its arguments name, as JSON."""
    print(json.dumps(asdict(_measure(Path(sys.argv[1]), int(sys.argv[2])))))
