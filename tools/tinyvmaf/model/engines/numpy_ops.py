"""NumPy, operator by operator: readable arithmetic in the graph's own types, float64 included.

Observed: NumPy's matrix product (usually OpenBLAS) sums in another order than MLAS and oneDNN, which agree to the bit
on a float32 Gemm. If the right side has one column, NumPy sums in yet another order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract import MOST_OUTPUTS
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.picture_operators import windows
from tinyvmaf.model.engines.protocol import Availability, Settings
from tinyvmaf.model.engines.session import CheckedSession, Rows, side_by_side

_FLOATS = frozenset({"bfloat16", "float16", "float32", "float64"})


class NumpyLibrary:
    """`Library` for NumPy."""

    xp = np

    def constant(self, value: NDArray[np.generic]) -> NDArray[np.generic]:
        """As it is."""
        return value

    def cast(self, x: NDArray[np.generic], dtype: str) -> NDArray[np.generic]:
        """A copy."""
        return _rounded_to_bfloat16(np.asarray(x)) if dtype == "bfloat16" else np.asarray(x).astype(dtype)

    def erf(self, x: NDArray[np.generic]) -> NDArray[np.generic]:
        """SciPy's, in the type of x."""
        from scipy.special import erf

        return np.asarray(erf(x), dtype=x.dtype)

    def convolve(
        self,
        x: NDArray[np.floating],
        weights: NDArray[np.floating],
        strides: Sequence[int],
        dilations: Sequence[int],
        group: int,
    ) -> NDArray[np.floating]:
        """A sum over the places of the kernel, in their order, of matrix products."""
        made, given, *kernel = weights.shape
        total: NDArray[np.floating] | None = None
        for (i, j), part in windows(x, kernel, strides, dilations):
            tap = weights[:, :, i, j]
            if given == 1 and made == group:
                found = part * tap.reshape((-1, 1, 1))
            else:
                cells = part.reshape((len(x), group, given, -1))
                product = np.matmul(tap.reshape((group, made // group, given)), cells)
                found = product.reshape((len(x), made, *part.shape[2:]))
            total = found if total is None else total + found
        assert total is not None, "a kernel has a place"
        return total

    def sigmoid(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """By its definition. If exp overflows to infinity, the result is 0."""
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


class NumpySession(CheckedSession):
    """A model as a program for NumPy."""

    def __init__(self, model: bytes, engine: "Numpy", settings: Settings) -> None:
        """Read it, and run one row of zeros to see that it runs.

        Raises:
            as `Engine.load`.
        """
        from tinyvmaf.model.engines.interpreter import Program

        file = parse(model, engine, settings, most=MOST_OUTPUTS, pictures=True)
        self._program = Program(file, NumpyLibrary())
        super().__init__("model", f"NumPy {np.__version__}", file.width, len(file.outputs), file.form)
        self.try_pictures()
        if file.form is None and isinstance(file.width, int):
            try:
                self._infer(np.zeros((1, file.width), dtype=np.float32))
            except ModelError:
                raise
            except Exception as error:  # a wrong shape or type may raise anything
                raise ModelError(f"model: NumPy {np.__version__} cannot run it: {error}") from error

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        # Values may overflow inside the graph, before a Clip; `run` checks the output.
        with np.errstate(all="ignore"):
            return side_by_side(self._program(rows))


@dataclass(frozen=True)
class Numpy:
    """The interpreter of `tinyvmaf.model.engines.interpreter` with NumPy.

    Of one family with ONNX's reference evaluator, which also computes with NumPy. The process decides on the threads
    of the matrix product (`OPENBLAS_NUM_THREADS` in the environment).
    """

    name: str = "numpy"
    family: str = "numpy"
    arithmetic: frozenset[str] = _FLOATS
    levels: tuple[str, ...] = ("all",)
    threaded: bool = False

    def available(self) -> Availability:
        """Always: this package needs NumPy."""
        return Availability(True, version=version("numpy", module="numpy") or "unknown", device="CPU")

    def load(self, model: bytes, settings: Settings = Settings()) -> NumpySession:  # noqa: B008 (it is frozen)
        """As `Engine.load`."""
        return NumpySession(model, self, settings)


ENGINE: Final = Numpy()


def _rounded_to_bfloat16(x: NDArray[np.generic]) -> NDArray[np.float32]:
    """Numbers of bfloat16, the upper half of a float32, which NumPy has no type for; halves go to even."""
    single = x.astype(np.float32)
    bits = single.view(np.uint32)
    up = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(single), single, up.view(np.float32))
