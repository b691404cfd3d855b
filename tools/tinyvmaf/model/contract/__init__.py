"""The model contract, checked statically: nothing in the model runs, and no inference session is made.

One ONNX file below 1,000,000 bytes, opset 17 of the default domain, operators from `OPERATORS` and `ml.OPERATORS`, no
external data, no subgraph, no function, every weight finite, and one graph from `features` float32 `[N, F]` to `score`
float32 `[N, 1]` with the same symbolic N, and to `stddev` float32 `[N, 1]` if its kind states an interval. A candidate
may be hostile: what cannot be inspected is refused, and the cost of every check is linear in the size of the file.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from tinyvmaf.errors import RegistryError
from tinyvmaf.files import NotRegularError, TooLargeError, read_bounded

OPSET: Final = 17
IR_VERSIONS: Final = range(4, 11)
"""From 4 on, weights need not be inputs. 10 is the version of ONNX 1.16, the oldest release that we support."""
INPUT: Final = "features"
OUTPUT: Final = "score"
STDDEV: Final = "stddev"
"""The second output of a model that states an interval."""
MOST_OUTPUTS: Final = 2

OPERATORS: Final = frozenset(
    {
        *("Abs", "Add", "And", "BatchNormalization", "Cast", "Ceil", "Celu", "Clip", "Concat", "Constant"),
        *("DequantizeLinear", "Div", "DynamicQuantizeLinear"),
        *("Dropout", "Elu", "Equal", "Erf", "Exp", "Flatten", "Floor", "Gather", "Gemm", "Greater", "GreaterOrEqual"),
        *("HardSigmoid", "HardSwish", "Identity", "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log"),
        *("MatMul", "MatMulInteger", "Max", "Mean", "Min", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "QLinearMatMul"),
        *("QuantizeLinear", "Reciprocal", "ReduceMax"),
        *("ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Round", "Selu", "Sigmoid"),
        *("Sign", "Slice", "Softmax", "Softplus", "Softsign", "Sqrt", "Squeeze", "Sub", "Sum", "Tanh"),
        *("ThresholdedRelu", "Transpose", "Unsqueeze", "Where"),
    }
)
"""The allowed operators: all that a regressor on a few features needs.

Each is a pure function of its inputs, and at least two independent engines have it. A list of forbidden operators would
let through whatever a new ONNX version or a custom domain adds: loops, random numbers, strings. Each has one output,
except as in `OUTPUTS`; BatchNormalization and Dropout are those of inference. `ml` has those of `ai.onnx.ml`."""
OUTPUTS: Final = {"DynamicQuantizeLinear": 3}
"""How many outputs an operator has, if not one."""

Tier = Literal["nano", "tiny", "small"]
TIERS: Final[tuple[tuple[Tier, int], ...]] = (("nano", 10_000), ("tiny", 100_000), ("small", 1_000_000))
"""Size tiers and their limits in bytes, exclusive. A model belongs to the first one that it fits."""
LARGEST: Final = TIERS[-1][1]
"""Limit of the file size in bytes, exclusive. So no tensor in the file can have as many elements."""
LARGEST_SIDECAR: Final = 1_000_000
"""Limit of a sidecar or a card in bytes, exclusive."""
MAX_NODES: Final = 500
"""Limit for nodes, initializers, attributes and declared values each. The largest student has about twenty nodes.
40,000 would fit into the largest tier; that is no bound on the time to optimise a graph or to score a frame."""
MAX_RANK: Final = 8
"""Limit for the dimensions of a tensor. Rows, features and layers need three."""
MAX_FEATURES: Final = 64
"""Limit for the input's width. Teachers take 4 or 6 features. Tests allocate rows of the declared width."""
MAX_VALUES_A_ROW: Final = 100_000
"""Limit for the elements of any value in the graph, per frame. No float32 layer in the largest tier is wider. Without a
limit, two weights of 400 KB could make a product of 40 GB."""
_SHOWN: Final = 20


def file_faults(path: Path, outputs: Sequence[str] | None = None) -> list[str]:
    """How a file breaks the contract, one sentence a fault; empty if it keeps the contract.

    Checks the size before it reads, and reads no more than the largest tier allows. Never raises.

    Args:
        outputs: as for `faults`.
    """
    try:
        return faults(read_bounded(path, LARGEST), outputs)
    except NotRegularError:
        return ["it is not a regular file, so reading it may never end"]
    except TooLargeError as error:
        return [f"{_too_large(error.size)}; it was not read"]
    except OSError as error:
        return [f"it cannot be read: {error.strerror}"]


def faults(data: bytes, outputs: Sequence[str] | None = None) -> list[str]:
    """How the bytes of an ONNX file break the contract, one sentence a fault; empty if they keep the contract.

    Never raises. Cheap checks come first; only what passes them reaches `onnx.checker` and shape inference. Lists at
    most 20 faults, then the number of the rest.

    Args:
        outputs: the outputs that the model's kind gives; None: `score`, which `stddev` may follow.
    """
    if not data:
        return ["the file is empty"]
    if len(data) >= LARGEST:
        return [_too_large(len(data))]
    # These import onnx, which is slow; the constants above do not need it.
    from tinyvmaf.model.contract.graph import inspect
    from tinyvmaf.model.contract.words import in_one_line

    try:
        found = inspect(data, outputs)
    except Exception as error:  # protobuf and onnx do not document what they raise on hostile bytes
        return [f"it cannot be inspected: {in_one_line(error)}"]
    left = len(found) - _SHOWN
    return found if left <= 0 else [*found[:_SHOWN], f"and {left} faults more"]


def tier(size: int) -> Tier:
    """The size tier of a model file of `size` bytes.

    Raises:
        RegistryError: too large for every tier.
    """
    for name, limit in TIERS:
        if size < limit:
            return name
    raise RegistryError(f"{size} bytes; a model must be smaller than {LARGEST} bytes")


def _too_large(size: int) -> str:
    try:
        tier(size)
    except RegistryError as error:
        return error.message
    raise AssertionError(f"{size} bytes have a tier")  # called for larger files only
