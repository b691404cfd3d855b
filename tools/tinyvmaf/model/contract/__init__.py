"""The model contract, checked by looking: nothing of a candidate runs, and no inference session is made.

One ONNX file below 1,000,000 bytes, opset 17 of the default domain, operators from `OPERATORS` only, no external
data, no subgraph, no function, every weight finite, and one graph from `features` float32 `[N, F]` to `score`
float32 `[N, 1]` with the same symbolic N. A candidate comes from anywhere, so what cannot be inspected is refused,
and no check costs more than the file is long.
"""

import stat
from pathlib import Path
from typing import Final, Literal

from tinyvmaf.errors import RegistryError

OPSET: Final = 17
IR_VERSIONS: Final = range(4, 11)
"""4 is the first in which a weight need not be an input too, 10 that of ONNX 1.16, the oldest one supported here."""
INPUT: Final = "features"
OUTPUT: Final = "score"

OPERATORS: Final = frozenset(
    {
        *("Abs", "Add", "Cast", "Clip", "Constant", "Div", "Equal", "Erf", "Exp", "Flatten", "Floor", "Gather", "Gemm"),
        *("Identity", "MatMul", "Max", "Min", "Mul", "Neg", "Reciprocal", "ReduceMean", "ReduceSum"),
        *("ReduceSumSquare", "Relu", "Reshape", "Round", "Sigmoid", "Softmax", "Sqrt", "Squeeze", "Sub", "Tanh"),
        *("Transpose", "Unsqueeze", "Where"),
    }
)
"""All that a regressor on a handful of features needs. A list of what is allowed, not of what is forbidden: each of
these is a pure function of its inputs that two independent engines have, while a new version of ONNX, or a custom
domain, brings operators that nobody here has looked at (loops, random numbers, strings, kernels of one engine)."""

Tier = Literal["nano", "tiny", "small"]
TIERS: Final[tuple[tuple[Tier, int], ...]] = (("nano", 10_000), ("tiny", 100_000), ("small", 1_000_000))
"""Size tiers: a model is of the first whose limit, in bytes, it stays below."""
LARGEST: Final = TIERS[-1][1]
"""A file is shorter than this, in bytes; so no honest tensor in it has as many elements."""
MAX_NODES: Final = 500
"""Of nodes, initializers, attributes and declared values each. The largest student has some twenty; 40,000 fit into the
largest tier, and bound neither what a session has to optimise nor what a frame costs."""
MAX_RANK: Final = 8
"""Dimensions of a tensor. Rows, features and layers need three."""
MAX_FEATURES: Final = 64
"""Teachers take 4 or 6. Who tests a candidate allocates rows of the width that it declares."""
MAX_VALUES_A_ROW: Final = 100_000
"""Elements of any value in the graph, per frame: no float32 layer that fits into the largest tier is wider, and weights
of 400 KB each must not multiply into one of 40 GB."""
_SHOWN: Final = 20


def file_faults(path: Path) -> list[str]:
    """Everything in which a file does not keep the contract, one sentence each; empty if it does.

    The size is looked at before the file is read, and no more is read than the largest tier has. Never raises, as
    `faults`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return ["it is not a regular file, so reading it may never end"]
        if status.st_size >= LARGEST:
            return [f"{_too_large(status.st_size)}; it was not read"]
        with path.open("rb") as file:
            data = file.read(LARGEST)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return [f"it cannot be read: {getattr(error, 'strerror', None) or error}"]
    return faults(data)


def faults(data: bytes) -> list[str]:
    """Everything in which the bytes of an ONNX file do not keep the contract, one sentence each; empty if they do.

    Never raises, whatever the bytes are. Cheap checks come first, and only what passed them is handed to
    `onnx.checker` and to shape inference. At most 20 faults are listed, then their number.
    """
    if not data:
        return ["the file is empty"]
    if len(data) >= LARGEST:
        return [_too_large(len(data))]
    # onnx is imported with these: who only wants the constants does not wait for it.
    from tinyvmaf.model.contract.graph import inspect
    from tinyvmaf.model.contract.words import in_one_line

    try:
        found = inspect(data)
    except Exception as error:  # hostile bytes; which errors protobuf and onnx have for them is not documented
        return [f"it cannot be inspected, and so is refused: {in_one_line(error)}"]
    left = len(found) - _SHOWN
    return found if left <= 0 else [*found[:_SHOWN], f"and {left} faults more"]


def tier(size: int) -> Tier:
    """The size tier of a model file of that many bytes.

    Raises:
        RegistryError: too large for any.
    """
    for name, limit in TIERS:
        if size < limit:
            return name
    raise RegistryError(f"{size} bytes is no tiny model: the largest tier ends below {TIERS[-1][1]} bytes")


def _too_large(size: int) -> str:
    try:
        tier(size)
    except RegistryError as error:
        return error.message
    raise AssertionError(f"{size} bytes have a tier")  # only asked beyond the largest
