"""Pictures in front of an engine and behind it: what is checked of a model that takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import ModelError
from tinyvmaf.model.contract.luma import SMALLEST

DTYPES: Final = ("float32", "uint8")
"""What a model may take: samples / 255, or samples of 8 bits."""
Pixels = NDArray[np.generic]
"""Pictures `[N, 1, H, W]`, float32 or uint8."""
INTERFACE: Final = (
    "the contract is luma alone: one input [N, 1, H, W] of float32 or uint8, N, H and W symbolic, and one output, "
    "score [N, 1] or picture [N, 1, H, W]"
)


@dataclass(frozen=True)
class PictureForm:
    """What a model that takes pictures takes and gives."""

    dtype: str
    """Of the input: one of `DTYPES`."""
    filters: bool
    """Whether it gives a picture, of its input's type and shape; else a score, float32 `[N, 1]`."""

    @classmethod
    def of(cls, name: str, taken: Sequence[object], dtype: str, given: Sequence[object]) -> "PictureForm":
        """The form of a graph with one input of rank 4 and one output.

        Args:
            name: of the model, for errors.
            taken: the input's shape; an axis is a length, or a symbol, or None.
            dtype: of the input, as NumPy calls it.
            given: the output's shape.

        Raises:
            ModelError: it takes no pictures of luma of any size, or gives neither a score nor a picture.
        """
        if isinstance(taken[1], int) and taken[1] != 1:
            raise ModelError(
                f"{name}: it takes {taken[1]} channels {list(taken)}",
                hint="luma alone is judged: put a convolution in front that makes these channels of one",
            )
        if any(isinstance(axis, int) and axis > 0 for axis in taken[2:]):
            raise ModelError(
                f"{name}: it takes pictures of {taken[3]}x{taken[2]} only (W x H)",
                hint="export it with symbolic H and W; a mean over height and width takes any size",
            )
        if dtype not in DTYPES or len(given) not in (2, 4):
            raise ModelError(f"{name}: input {dtype} {list(taken)}, output {list(given)}", hint=INTERFACE)
        return cls(dtype, len(given) == 4)

    def pictures(self, name: str, pictures: ArrayLike) -> Pixels:
        """Pictures as the graph takes them, contiguous.

        Raises:
            ModelError: not `[N, 1, H, W]`, of another type, or smaller than `SMALLEST`. Nothing is converted: a uint8
                that becomes a float32 without the division by 255 would look right.
        """
        given: NDArray[Any] = np.ascontiguousarray(pictures)
        if given.dtype.name != self.dtype or given.ndim != 4 or given.shape[1] != 1:
            raise ModelError(f"{name} takes {self.dtype} [N, 1, H, W], not {given.dtype.name} {list(given.shape)}")
        if min(given.shape[2:]) < SMALLEST:
            raise ModelError(f"{name}: a picture of {given.shape[3]}x{given.shape[2]}; the least is {SMALLEST} each")
        return given

    def check(self, name: str, engine: str, pictures: Pixels, values: NDArray[np.generic]) -> None:
        """Hold that an output has the shape and type that the pictures ask for.

        Raises:
            ModelError: it has not.
        """
        shape = pictures.shape if self.filters else (len(pictures), 1)
        dtype = self.dtype if self.filters else "float32"
        if values.shape != shape or values.dtype.name != dtype:
            raise ModelError(
                f"{name} on {engine} gave {values.dtype.name} {list(values.shape)} for pictures "
                f"{list(pictures.shape)}, not {dtype} {list(shape)}"
            )

    def trials(self) -> list[Pixels]:
        """Black pictures of two sizes, one and two of them: an engine that cannot run the graph fails on one."""
        return [np.zeros((n, 1, h, w), dtype=self.dtype) for n, h, w in ((1, SMALLEST, SMALLEST), (2, 72, 97))]
