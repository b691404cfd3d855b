"""The one door: what is not registered is loaded and run in a process of its own before this process loads it.

    python -m tinyvmaf.model.door ROWS < model.onnx

ends with status 0 unless the model ends it: by a crash of onnx or ONNX Runtime, or by more time or memory than the
limits. A model that is refused ends with 0 too, because the caller refuses it as well. Seen: ONNX Runtime dies of
SIGFPE when it divides the least integer by -1.

The contract makes the cost of a run proportional to its rows, so one run of `ROWS` rows stands for all. A picture of
`LARGE` stands for `OF_A_PICTURE` rows.
"""

import functools
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.files import sha256
from tinyvmaf.model import contract
from tinyvmaf.model.content import content
from tinyvmaf.model.engines.onnxruntime_cpu import ENGINE
from tinyvmaf.model.engines.session import is_environments
from tinyvmaf.model.engines.trial import ended, remembered

ROWS: Final = 4096
SECONDS: Final = 5
"""Of CPU, for `ROWS` rows. The largest candidate that a recipe here makes takes 0.05 s."""
MEGABYTES: Final = 512
"""Beside the interpreter and the libraries, for `ROWS` rows."""
LARGE: Final = (2160, 3840)
"""Height and width of a picture on which a model that takes pictures is tried."""
OF_A_PICTURE: Final = 8 * ROWS
"""Rows whose limits hold for such a picture: 40 s of CPU, 4096 MB."""
_WALL: Final = 60.0
"""Seconds on a busy machine."""
_MOST_MEGABYTES: Final = 4096
"""For any number of rows."""
_NO_MEMORY: Final = 77


def check_bearable(path: Path, data: bytes, rows: int = ROWS, width: int = 1) -> None:
    """Try a model in a process of its own. What it survived is remembered in the store.

    Args:
        path: for messages.
        data: an ONNX file, a third-party one with its external data inside.
        rows: as many as it is to be given at once.
        width: as many features as it is to be given, if the file does not tell.

    Raises:
        ModelError: it crashes what loads or runs it, or takes more time or memory than any candidate may.
    """
    if _refused_by_looking(data):
        return  # by the caller as well, before anything of it is loaded
    rows = OF_A_PICTURE if _takes_pictures(path, data) else max(ROWS, 1 << (rows - 1).bit_length())
    if how := _death(data, rows, width):
        raise ModelError(
            f"{path}: not run, because a trial of it {how}",
            hint="the trial is in a process of its own: docs/candidates.md lists the limits",
        )


def check_file(path: Path) -> bytes:
    """The content of a model file that keeps the contract, is not registered, and may be run.

    Raises:
        ModelError: it cannot be read, breaks the contract, or is not bearable.
    """
    data = content(path)
    check_bearable(path, data)
    if wrong := contract.faults(data):
        raise ModelError(f"{path} does not keep the contract, so it is not run: {wrong[0]}")
    return data


def _refused_by_looking(data: bytes) -> bool:
    """Whether it will be refused, as a model of ours and as a third-party one, before onnx's own C++ sees it."""
    from tinyvmaf.model.contract.graph import looked_at  # imported here: slow
    from tinyvmaf.model.third_party.held import Held, parsed, too_many
    from tinyvmaf.model.third_party.original import refused_by_looking

    path = Path("model")
    try:
        model = parsed(path, data)
        return bool(too_many(model) or (looked_at(model) and refused_by_looking(Held(path, data, "", len(data)))))
    except ModelError:
        return True
    except Exception:  # whatever protobuf raises on hostile bytes: the trial will tell
        return False


def _takes_pictures(path: Path, data: bytes) -> bool:
    from tinyvmaf.model.contract.pictures import takes_pictures  # imported here: slow
    from tinyvmaf.model.third_party.held import parsed

    try:
        return takes_pictures(parsed(path, data).graph)
    except Exception:  # whatever protobuf raises on hostile bytes: the trial will tell
        return False


@functools.lru_cache(maxsize=64)
def _death(data: bytes, rows: int, width: int) -> str:
    """How a trial ends, for a sentence; empty if the model survives it."""
    import onnx  # slow

    versions = [onnx.__version__, ENGINE.available().version]
    about = {"kind": "door", "model": sha256(data), "rows": rows, "width": width, "versions": versions}
    return remembered(about, Path(__file__).parent, lambda: _tried(data, rows, width))


def _tried(data: bytes, rows: int, width: int) -> str:
    command = [sys.executable, "-P", "-m", "tinyvmaf.model.door", str(rows), str(width)]
    how = ended(command, data, _WALL * rows / ROWS)
    for word, limit in ((f"status {_NO_MEMORY}", f"{_memory(rows)} MB"), ("SIGXCPU", f"{_cpu(rows)} s of CPU")):
        if how == f"dies of {word} on it":
            what = f"a picture of {LARGE[1]}x{LARGE[0]}" if rows == OF_A_PICTURE else f"{rows:,} rows"
            return f"takes more than {limit} for {what}"
    return how


def _cpu(rows: int) -> int:
    return SECONDS * rows // ROWS


def _memory(rows: int) -> int:
    return min(MEGABYTES * rows // ROWS, _MOST_MEGABYTES)


def _limit(rows: int) -> None:
    """From now on, this process may take so much."""
    try:
        import resource
    except ImportError:  # Windows
        return

    def limit(which: int, most: int) -> None:
        hard = resource.getrlimit(which)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(which, (most, hard))

    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_CPU, int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2])) + 1 + _cpu(rows))
    with suppress(OSError, StopIteration):  # Linux only: elsewhere nothing bounds memory well
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        held = next(int(line.split()[1]) for line in lines if line.startswith("VmData:")) << 10
        limit(resource.RLIMIT_DATA, held + (_memory(rows) << 20))


def _try(data: bytes, rows: int, width: int) -> None:
    # Imported before the limits count.
    from tinyvmaf.model.engines import OnnxRuntimeCpu, all_pictures, all_scores
    from tinyvmaf.model.engines.onnxruntime_cpu import import_onnxruntime
    from tinyvmaf.model.third_party.feed import FeedDescription
    from tinyvmaf.model.third_party.held import Held, parsed
    from tinyvmaf.model.third_party.interface import inputs_of, tensor_of
    from tinyvmaf.model.third_party.original import read_original
    from tinyvmaf.model.third_party.wrap import adopt, original_scorer

    import_onnxruntime()
    _limit(rows)
    path = Path("model")
    taken = inputs_of(path, parsed(path, data).graph)
    columns = (tensor_of(path, "input", taken[0])[1] or [1])[-1]
    width = len(taken) if len(taken) > 1 else columns if isinstance(columns, int) else width
    if contract.faults(data) and rows != OF_A_PICTURE:  # a third-party file, whose adopted form keeps the contract
        original = read_original(path, width, Held(path, data, "", len(data)))
        features = tuple(f"f{i}" for i in range(width))
        adopted = adopt(original, FeedDescription(features, None, None, "", {}, ("",)), features)
        data = adopted.data
        if contract.faults(data):
            return
        run = original_scorer(adopted, features)
        for batch in _batches(width, rows):
            run(batch)
    with OnnxRuntimeCpu(data) as session:
        if session.form is not None:
            for stack in _stacks(session.form.dtype):
                all_pictures(session, stack)
            return
        for batch in _batches(width, rows):
            all_scores(session, batch)


def _batches(width: int, rows: int) -> list[NDArray[np.float32]]:
    """Usual rows, extreme ones, and many: what a model does may depend on its inputs."""
    random = np.random.default_rng(0)
    extreme = np.array([0, 1, -1, 1e9, -1e9, 3e38, -3e38], np.float32)
    return [
        random.uniform(0.0, 1.0, (1, width)).astype(np.float32),
        np.repeat(extreme[:, None], width, axis=1),
        random.uniform(0.0, 1.0, (rows, width)).astype(np.float32),
    ]


def _stacks(dtype: str) -> list[NDArray[np.generic]]:
    """Usual pictures, extreme ones, and a large one."""
    random = np.random.default_rng(0)
    luma = [random.integers(0, 256, (n, 1, *size), dtype=np.uint8) for n, size in ((3, (64, 67)), (1, LARGE))]
    if dtype == "uint8":
        return list(luma)
    extreme = np.array([0, 1, -1, 1e9, -1e9, 3e38, -3e38], np.float32)
    odd = np.tile(extreme[:, None, None, None], (1, 1, 65, 64))
    return [odd, *(one.astype(np.float32) / np.float32(255) for one in luma)]


def _lacked_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, Exception) and (is_environments(error) or "MemoryError" in str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    try:
        _try(sys.stdin.buffer.read(), *map(int, sys.argv[1:]))
    except Exception as error:  # a refusal is the caller's to tell
        if _lacked_memory(error):
            os._exit(_NO_MEMORY)
