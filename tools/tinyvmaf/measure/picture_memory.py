"""How much memory a model takes for a picture of 3840x2160, on ONNX Runtime, in a process of its own.

    python -m tinyvmaf.measure.picture_memory < model.onnx

prints by how many MB the most memory that it held grew while it ran.
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from tinyvmaf import children
from tinyvmaf.errors import CouldNotRunError, ModelError
from tinyvmaf.model.door import LARGE

_SECONDS: Final = 240.0
_REFUSED: Final = 3


def megabytes_of(model: bytes, *, seconds: float = _SECONDS) -> float | None:
    """Memory for one large picture, beside the interpreter, the session and the picture itself, in MB.

    Args:
        model: the bytes of an ONNX file that takes pictures, as the contract asks.
        seconds: the time limit.

    Returns:
        None where the system does not tell.

    Raises:
        CouldNotRunError: the process ended in another way.
        ModelError: the model cannot be run, or not in time.
    """
    try:
        import resource  # noqa: F401 - not on Windows
    except ImportError:
        return None
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tinyvmaf.measure.picture_memory"],
            input=model,
            capture_output=True,
            timeout=seconds,
            check=False,
            process_group=children.group(),
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"a picture of {LARGE[1]}x{LARGE[0]} takes it more than {seconds:g} s") from error
    words = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == _REFUSED:
        raise ModelError(f"a picture of {LARGE[1]}x{LARGE[0]}: {words[-1] if words else 'it cannot be run'}")
    if done.returncode:
        last = words[-1] if words else "without a word"
        raise CouldNotRunError(f"memory for a picture was not measured: status {done.returncode}, {last}")
    return float(done.stdout)


def _held() -> float:
    """The most memory that this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, the figure of getrusage is inherited from the process that started this one
        lines = status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _measure(model: bytes) -> float:
    from tinyvmaf.model.engines import OnnxRuntimeCpu, all_pictures

    with OnnxRuntimeCpu(model) as session:
        if session.form is None:
            raise ModelError("it takes rows of features, not pictures")
        luma = np.random.default_rng(0).integers(0, 256, (1, 1, *LARGE), dtype=np.uint8)
        given = luma if session.form.dtype == "uint8" else luma.astype(np.float32) / np.float32(255)
        all_pictures(session, np.ascontiguousarray(given[:, :, :64, :64]))
        before = _held()
        all_pictures(session, given)
        return _held() - before


if __name__ == "__main__":
    try:
        print(_measure(sys.stdin.buffer.read()))
    except ModelError as error:
        print(error.message, file=sys.stderr)
        sys.exit(_REFUSED)
