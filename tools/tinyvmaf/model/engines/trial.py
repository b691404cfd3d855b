"""An engine is tried on a model in a process of its own, so that a crash or a hang ends nothing else.

    python -m tinyvmaf.model.engines.trial ENGINE WIDTH < model.onnx

ends with status 0 unless the engine kills it: also if the engine refuses the model, which is told when it is loaded.
Seen: OpenCV 5.0.0 dies of SIGSEGV when it reads PyTorch's GELU, z * (0.5 * (1 + erf(z / sqrt 2))), after a Gemm.
"""

import functools
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf import children
from tinyvmaf.data.store import Store, default_folder, key_of, tables_here
from tinyvmaf.errors import MachineError
from tinyvmaf.files import file_sha256, sha256
from tinyvmaf.model.engines import find
from tinyvmaf.model.engines.protocol import EngineError, Settings
from tinyvmaf.model.engines.session import CheckedSession

SECONDS: Final = 60.0
"""A model of the contract takes far less on any engine."""
_SAFE: Final = ("numpy", "onnx-reference", "torch-eager", "torch-compiled", "torch-cuda", "onnxruntime-web")
"""Python, an interpreter of Python, or in a process of its own."""
_BATCHES: Final = (1, 7, 4096)


class EngineDiedError(EngineError):
    """An engine crashed or hung on a model. This says nothing about the model."""


def check_survives(engine: str, model: bytes, width: int, *, seconds: float = SECONDS) -> None:
    """Try an engine on a model, once for each version of it; nothing is tried of engines that cannot crash.

    Args:
        engine: its name.
        model: the bytes of an ONNX file.
        width: features a row; of a model that takes pictures it does not count.
        seconds: the time limit.

    Raises:
        EngineDiedError: it crashed or hung.
    """
    if engine not in _SAFE and (how := _death(engine, model, width, seconds)):
        raise EngineDiedError(
            f"{engine} {find(engine).available().version} {how}: a fault of the engine, not of the model",
            hint="the results of the other engines hold; try another version of this one, or choose others by --engine",
        )


@functools.lru_cache(maxsize=256)
def _death(engine: str, model: bytes, width: int, seconds: float) -> str:
    """How an engine ends on a model; empty if it survives, which is remembered in the store."""
    about = {
        "kind": "trial",
        "engine": [engine, find(engine).available().version],
        "model": sha256(model),
        "width": width,
    }
    command = [sys.executable, "-P", "-m", "tinyvmaf.model.engines.trial", engine, str(width)]
    return remembered(about, Path(__file__).parent, lambda: ended(command, model, seconds))


def remembered(about: Mapping[str, object], code: Path, tried: Callable[[], str]) -> str:
    """How a trial ends; empty if what is tried survives it, which the store remembers.

    Args:
        about: what it depends on, beside the machine, Python, and this package's code.
        code: the folder with that code.
        tried: makes the trial.
    """
    if not tables_here():
        return tried()
    import pyarrow as pa  # here: the core does without

    machine = [*platform.uname()[:1], *platform.uname()[2:]]
    digests = {path.relative_to(code).as_posix(): file_sha256(path) for path in sorted(code.rglob("*.py"))}
    key = key_of({**about, "code": digests, "python": platform.python_version(), "machine": machine})
    with suppress(OSError, MachineError):
        if Store(default_folder()).get(key) is not None:
            return ""
    if how := tried():
        return how  # of a busy machine, perhaps: it is tried again in the next run
    with suppress(OSError, MachineError):  # the store cannot be written
        Store(default_folder()).put(key, pa.table({"survived": [True]}), about)
    return ""


def ended(command: Sequence[str], model: bytes, seconds: float) -> str:
    """How a process that is given a model ends, for a sentence; empty if with status 0."""
    try:
        done = subprocess.run(
            command, input=model, capture_output=True, timeout=seconds, check=False, process_group=children.group()
        )
    except subprocess.TimeoutExpired:
        return f"has not loaded and run it within {seconds:g} seconds"
    return f"dies of {_words(done.returncode)} on it" if done.returncode else ""


def _words(status: int) -> str:
    with suppress(ValueError):
        return signal.Signals(-status).name
    return f"status {status}"


def _try(name: str, width: int, model: bytes) -> None:
    engine = find(name)
    for level in engine.levels:
        with engine.load(model, Settings(optimisation=level)) as session:
            if isinstance(session, CheckedSession) and session.form is not None:
                session.try_pictures()
                continue
            for batch in _BATCHES:
                rows = np.random.default_rng(0).uniform(0.0, 1.0, (batch, width))
                session.run(rows.astype(np.float32))


if __name__ == "__main__":
    with suppress(Exception):  # a refusal or a wrong score is told by whoever loads it
        _try(sys.argv[1], int(sys.argv[2]), sys.stdin.buffer.read())
