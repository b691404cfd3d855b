"""NumPy, operator by operator: readable arithmetic in the graph's own types, float64 included.

Found out: its matrix product (OpenBLAS in the usual packages) sums in another order than MLAS and oneDNN do, and in
yet another one where the right side has one column; the others agree to the bit on a float32 Gemm.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.engines.installed import version
from tinyvmaf.model.engines.model_file import parse
from tinyvmaf.model.engines.protocol import Availability, Settings
from tinyvmaf.model.engines.session import CheckedSession, Rows

_FLOATS = frozenset({"float32", "float64"})


class NumpyLibrary:
    """`Library` for NumPy."""

    xp = np

    def constant(self, value: NDArray[np.generic]) -> NDArray[np.generic]:
        """As it is."""
        return value

    def cast(self, x: NDArray[np.generic], dtype: str) -> NDArray[np.generic]:
        """A copy."""
        return np.asarray(x).astype(dtype)

    def erf(self, x: NDArray[np.generic]) -> NDArray[np.generic]:
        """SciPy's, in the type of x."""
        from scipy.special import erf

        return np.asarray(erf(x))

    def sigmoid(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """As it is defined; exp overflows to infinity, and the quotient is 0."""
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


class NumpySession(CheckedSession):
    """A model as a program for NumPy."""

    def __init__(self, model: bytes, engine: "Numpy", settings: Settings) -> None:
        """Read it, and run one row of zeros to see that it can be run.

        Raises:
            as `Engine.load`.
        """
        from tinyvmaf.model.engines.interpreter import Program

        file = parse(model, engine, settings)
        self._program = Program(file, NumpyLibrary())
        super().__init__("model", f"NumPy {np.__version__}", file.width)
        if isinstance(file.width, int):
            try:
                self._infer(np.zeros((1, file.width), dtype=np.float32))
            except ModelError:
                raise
            except Exception as error:  # whatever an array of another shape or type leads to
                raise ModelError(f"model: NumPy {np.__version__} cannot run it: {error}") from error

    def _infer(self, rows: Rows) -> NDArray[np.generic]:
        # Overflow inside is the graph's own affair (a Clip may follow); what comes out is looked at.
        with np.errstate(all="ignore"):
            return np.asarray(self._program(rows))


@dataclass(frozen=True)
class Numpy:
    """The interpreter of `tinyvmaf.model.engines.interpreter` with NumPy.

    Of one family with ONNX's reference evaluator, which computes with NumPy, too. The threads of its matrix product
    are those of the process (`OPENBLAS_NUM_THREADS` in the environment).
    """

    name: str = "numpy"
    family: str = "numpy"
    arithmetic: frozenset[str] = _FLOATS
    levels: tuple[str, ...] = ("all",)
    threaded: bool = False

    def available(self) -> Availability:
        """It is: the package needs NumPy itself."""
        return Availability(True, version=version("numpy", module="numpy") or "unknown", device="CPU")

    def load(self, model: bytes, settings: Settings = Settings()) -> NumpySession:  # noqa: B008 (it is frozen)
        """As `Engine.load`."""
        return NumpySession(model, self, settings)


ENGINE: Final = Numpy()
