"""Distance between floating-point numbers, in units in the last place: how many representable numbers lie between.

The numbers of a type are put in order and counted: neighbours are 1 apart, subnormal numbers count like all others,
-0.0 and 0.0 are the same, and a distance across zero is the sum of both distances to it. This is a distance (symmetric,
exact, additive along the line), which |a - b| / spacing(a) is not.

Before anything is counted, types, shapes and finiteness are compared. `numpy.testing.assert_array_max_ulp` does not: it
takes NaN for equal to NaN, has infinity 1 ULP from the largest number, and compares float32 with float64 in float64.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import TinyvmafError

_BITS: Final = {np.dtype(np.float32): 32, np.dtype(np.float64): 64}


class UlpError(TinyvmafError):
    """Two arrays cannot be compared: another type or shape, nothing in them, or a value that is not finite."""


def distances(expected: NDArray[np.floating], got: NDArray[np.floating]) -> NDArray[np.uint64]:
    """How far apart the elements of two arrays are.

    Args:
        expected, got: float32 both or float64 both, of one shape, all finite. Nothing is converted or broadcast.

    Returns:
        uint64 of that shape, ULP, exact: between the largest float64 and its negative lie fewer than 2^64.

    Raises:
        UlpError: another type or shape, or a value that is not finite; it says what and where.
    """
    a, b = _ordered("expected", expected), _ordered("got", got)
    if expected.dtype != got.dtype:
        raise UlpError(f"expected {expected.dtype}, got {got.dtype}", hint="they are not compared in a third type")
    if expected.shape != got.shape:
        raise UlpError(f"expected shape {list(expected.shape)}, got {list(got.shape)}")
    for name, values in (("expected", expected), ("got", got)):
        strange = np.argwhere(~np.isfinite(values))
        if len(strange):
            place = strange[0].tolist()
            raise UlpError(
                f"{name} is {values[tuple(place)]} at row {place[0] if len(place) == 1 else place}, "
                f"{len(strange)} of {values.size} values are not finite"
            )
    # Signed 64-bit differences may overflow; modulo 2^64 the larger minus the smaller does not.
    up, down = np.maximum(a, b).view(np.uint64), np.minimum(a, b).view(np.uint64)
    return np.asarray(up - down)


def _ordered(name: str, values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Numbers of the elements in the order of their values: 0 for both zeros, -1 for the first below."""
    if not isinstance(values, np.ndarray) or values.dtype not in _BITS:
        raise UlpError(f"{name} is {getattr(values, 'dtype', type(values).__name__)}, not float32 or float64")
    size = _BITS[values.dtype]
    bits = values.view(f"i{size // 8}").astype(np.int64)
    magnitude = bits & np.int64(2 ** (size - 1) - 1)
    return np.asarray(np.where(bits < 0, -magnitude, magnitude))


@dataclass(frozen=True)
class Comparison:
    """What a comparison of two arrays of scores found."""

    dtype: str
    count: int
    """How many values were compared, at least one."""
    bound: int
    """ULP."""
    max: int
    """The largest distance, ULP."""
    above: int
    """How many values are further apart than the bound."""
    histogram: Mapping[str, int]
    """How many values are 0, 1, 2, 3-4, 5-8, ... ULP apart, up to the largest; empty classes between are 0."""
    row: int
    """Where the largest distance is; the first such row."""
    expected: float
    got: float
    inputs: tuple[float, ...]
    """The features of that row; empty if they were not given."""

    @property
    def failed(self) -> bool:
        """Whether any value is further apart than the bound."""
        return self.above > 0

    def explain(self) -> str:
        """The comparison as a person needs it: a sentence, the worst row to the bit, the histogram."""
        lines = [
            f"{self.above} of {self.count} values more than {self.bound} ULP apart, at most {self.max} ULP in "
            f"{self.dtype}",
            f"  row {self.row}: expected {self._said(self.expected)}",
            f"  {'':{len(str(self.row))}}           got {self._said(self.got)}",
        ]
        if self.inputs:
            lines.append(f"  inputs: {', '.join(value.hex() for value in self.inputs)}")
        lines.append("  ULP: " + ", ".join(f"{name}: {count}" for name, count in self.histogram.items()))
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The comparison for JSON; floats that must survive to the bit are in hexadecimal."""
        return {
            "dtype": self.dtype,
            "count": self.count,
            "bound_ulp": self.bound,
            "max_ulp": self.max,
            "above": self.above,
            "histogram": dict(self.histogram),
            "worst": {
                "row": self.row,
                "expected": {"value": self.expected, "hex": self.expected.hex(), "bits": self._bits(self.expected)},
                "got": {"value": self.got, "hex": self.got.hex(), "bits": self._bits(self.got)},
                "inputs": [value.hex() for value in self.inputs],
            },
        }

    def _said(self, value: float) -> str:
        shortest = np.format_float_positional if 1e-4 <= abs(value) < 1e6 else np.format_float_scientific
        return f"{shortest(np.dtype(self.dtype).type(value))} = {value.hex()} = {self._bits(value)}"

    def _bits(self, value: float) -> str:
        size = np.dtype(self.dtype).itemsize
        return f"0x{int(np.array(value, dtype=self.dtype).view(f'u{size}')):0{2 * size}x}"


def compare(
    expected: NDArray[np.floating], got: NDArray[np.floating], *, bound: int, inputs: ArrayLike | None = None
) -> Comparison:
    """Compare two arrays of scores.

    Args:
        expected, got: `[N]`, as for `distances`.
        bound: ULP, from 0.
        inputs: `[N, F]` real numbers, the rows that the scores are of.

    Raises:
        UlpError: as `distances`; no value; not one dimension; inputs of another length; a bound below 0.
    """
    apart = distances(expected, got)
    if apart.ndim != 1 or not apart.size:
        raise UlpError(f"{list(apart.shape)} values to compare", hint="one dimension, and at least one value")
    rows = None if inputs is None else np.asarray(inputs)
    if rows is not None and (rows.ndim != 2 or len(rows) != len(apart)):
        raise UlpError(f"inputs {list(rows.shape)} of {len(apart)} values")
    if bound < 0:
        raise UlpError(f"a bound of {bound} ULP")
    row = int(apart.argmax())
    return Comparison(
        dtype=expected.dtype.name,
        count=apart.size,
        bound=bound,
        max=int(apart[row]),
        above=int((apart > np.uint64(bound)).sum()),
        histogram=_histogram(apart),
        row=row,
        expected=float(expected[row]),
        got=float(got[row]),
        inputs=() if rows is None else tuple(float(value) for value in rows[row]),
    )


def _histogram(apart: NDArray[np.uint64]) -> dict[str, int]:
    """Classes whose upper ends are 0 and the powers of two."""
    most = int(apart.max())
    ends = [0, *(2**i for i in range(max(most - 1, 0).bit_length() + 1))] if most else [0]
    starts = [0, *(end + 1 for end in ends[:-1])]
    # The last end may be 2^64, which uint64 does not have; starts are all below.
    classes = np.searchsorted(np.array(starts, dtype=np.uint64), apart, side="right") - 1
    counts = np.bincount(classes, minlength=len(starts)).tolist()
    names = [f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    return dict(zip(names, counts, strict=True))
