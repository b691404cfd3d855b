"""Creation time and memory of a session, measured in a separate process."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf import children
from tinyvmaf.errors import ModelError
from tinyvmaf.measure.latency.lanes import BATCHES
from tinyvmaf.measure.latency.references import floor_model
from tinyvmaf.model.engines import EngineError, OnnxRuntimeCpu

_CHILD: Final = "from tinyvmaf.measure.latency.footprints import main; main()"
_TIMES: Final = 15
_LIMIT_S: Final = 60
_STATUS: Final = Path("/proc/self/status")
_CLEAR_REFS: Final = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Footprint:
    """Creation time and memory of a model's session."""

    creation_ms: float
    """The least creation time, milliseconds."""
    creation_floor: float
    """`creation_ms` divided by the creation time of an Identity model."""
    peak_kib: int | None
    """Peak memory added by a session and a run of the largest batch, KiB, in a process that has already run another
    model; None if the system is not Linux."""


def footprint(model: Path, features: int) -> Footprint:
    """Measure in a new process.

    Args:
        features: number of features of a row.

    Raises:
        ModelError: the process failed.
        EngineError: the process did not end in time.
    """
    command = [sys.executable, "-P", "-c", _CHILD, str(model), str(features)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_S, check=False, process_group=children.group()
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{model}: no session within {_LIMIT_S} s") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise ModelError(f"{model}: cannot measure its footprint: {lines[-1] if lines else done.returncode}")
    return Footprint(**json.loads(done.stdout))


def _measure(model: Path, features: int) -> Footprint:
    data, floor = model.read_bytes(), floor_model(features)
    rows = np.full((BATCHES[-1], features), 0.5, dtype=np.float32)
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
    return Footprint(min(times[data]) / 1e6, min(times[data]) / min(times[floor]), peak)


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
    """Entry point of the new process: print the footprint of the model in its arguments as JSON."""
    print(json.dumps(asdict(_measure(Path(sys.argv[1]), int(sys.argv[2])))))
