"""What the operators of the interpreter are written with: an array library, NumPy or PyTorch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

Array = Any
"""An array of the library, with 0 to 8 dimensions."""
Attributes = Mapping[str, Any]
Operator = Callable[..., Array]

TYPES: Final = frozenset({"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"})
"""Element types that both libraries support fully."""
ROUNDED_TO: Final = TYPES | {"bfloat16"}
"""Element types that a Cast may give."""


class Library(Protocol):
    """The functions that differ between NumPy and PyTorch."""

    @property
    def xp(self) -> Any:
        """The module itself, for the functions that do not differ."""
        ...

    def constant(self, value: NDArray[np.generic]) -> Array:
        """An array of the library."""
        ...

    def cast(self, x: Array, dtype: str) -> Array:
        """Elements as another of `ROUNDED_TO`; floats lose their fraction when they become integers."""
        ...

    def erf(self, x: Array) -> Array:
        """The error function."""
        ...

    def convolve(self, x: Array, weights: Array, strides: Sequence[int], dilations: Sequence[int], group: int) -> Array:
        """Convolution (a correlation, as ONNX's) of x `[N, C, H, W]` with `[O, C / group, h, w]`, without padding."""
        ...

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x))."""
        ...
