"""Creation time and memory of a session, measured in a separate process."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinyvmaf import children
from tinyvmaf.errors import ModelError
from tinyvmaf.measure.latency.lanes import BATCHES
from tinyvmaf.measure.latency.references import floor_model
from tinyvmaf.model.engines import EngineError

_CHILD: Final = "from tinyvmaf.measure.footprint_child import main; main()"
_LIMIT_S: Final = 60


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
    command = [sys.executable, "-P", "-c", _CHILD, str(model), str(BATCHES[-1]), str(features)]
    try:
        done = subprocess.run(
            command,
            input=floor_model(features),
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            process_group=children.group(),
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"{model}: no session within {_LIMIT_S} s") from error
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ModelError(f"{model}: cannot measure its footprint: {lines[-1] if lines else done.returncode}")
    return Footprint(**json.loads(done.stdout))
