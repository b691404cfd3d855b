"""ULP distance: how many representable floating-point numbers lie between two numbers.

Neighbours are 1 apart, subnormal numbers count like others, -0.0 equals 0.0, and a distance across zero is the sum of
both distances to zero. The distance is symmetric, exact and additive, unlike |a - b| / spacing(a).

Types, shapes and finiteness are compared first. `numpy.testing.assert_array_max_ulp` does not do this: it accepts NaN
as equal to NaN, has infinity 1 ULP from the largest number, and compares float32 with float64 in float64.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.errors import TinyvmafError

NOT_FINITE: Final = np.uint64(2**32)
"""The distance of a finite float32 from NaN or infinity: more than that of any two finite ones."""
_BITS: Final = {np.dtype(np.float32): 32, np.dtype(np.float64): 64}


class UlpError(TinyvmafError):
    """Two arrays cannot be compared: types or shapes differ, they are empty, or a value is not finite."""


def distances(expected: NDArray[np.floating], got: NDArray[np.floating]) -> NDArray[np.uint64]:
    """The distance between the elements of two arrays.

    Args:
        expected, got: both float32 or both float64, with the same shape, all finite; not converted or broadcast.

    Returns:
        uint64 of the same shape, ULP, exact.

    Raises:
        UlpError: types or shapes differ, or a value is not finite; says which and where.
    """
    a, b = _ordered("expected", expected), _ordered("got", got)
    if expected.dtype != got.dtype:
        raise UlpError(f"expected {expected.dtype}, got {got.dtype}", hint="convert one of them first")
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
    # A signed 64-bit difference may overflow; the unsigned one does not.
    up, down = np.maximum(a, b).view(np.uint64), np.minimum(a, b).view(np.uint64)
    return np.asarray(up - down)


def _ordered(name: str, values: NDArray[np.floating]) -> NDArray[np.int64]:
    """The position of each element among all numbers of its type: 0 for both zeros, -1 for the next below."""
    if not isinstance(values, np.ndarray) or values.dtype not in _BITS:
        raise UlpError(f"{name} is {getattr(values, 'dtype', type(values).__name__)}, not float32 or float64")
    size = _BITS[values.dtype]
    bits = values.view(f"i{size // 8}").astype(np.int64)
    magnitude = bits & np.int64(2 ** (size - 1) - 1)
    return np.asarray(np.where(bits < 0, -magnitude, magnitude))


def apart(expected: NDArray[np.float32], got: NDArray[np.float32]) -> NDArray[np.uint64]:
    """As `distances`, also of scores that are not finite: 0 if both are the same, `NOT_FINITE` if one is not finite.

    Raises:
        UlpError: types or shapes differ.
    """
    if expected.dtype != np.float32 or expected.shape != got.shape:
        return distances(expected, got)  # which says what is wrong
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    finite = np.isfinite(expected) & np.isfinite(got)
    found = np.where(same, np.uint64(0), NOT_FINITE)
    found[finite] = distances(expected[finite], got[finite])
    return found


@dataclass(frozen=True)
class UlpComparison:
    """The result of comparing two arrays of scores."""

    dtype: str
    count: int
    """The number of compared values, at least 1."""
    bound: int
    """The largest allowed distance, ULP."""
    max: int
    """The largest distance, ULP."""
    above: int
    """The number of values further apart than the bound."""
    histogram: Mapping[str, int]
    """The number of values that are 0, 1, 2, 3-4, 5-8, ... ULP apart, up to the largest distance of finite ones, and
    of those of which one is not finite."""
    row: int
    """The first row with the largest distance."""
    expected: float
    got: float
    inputs: tuple[float, ...]
    """The features of that row; empty if not given."""

    @property
    def failed(self) -> bool:
        """Whether any value is further apart than the bound."""
        return self.above > 0

    @property
    def furthest(self) -> str:
        """The largest distance in words."""
        return f"{self.max} ULP" if self.max < NOT_FINITE else "NaN or infinity instead of a finite score"

    def explain(self) -> str:
        """The comparison as text: a summary, the worst row with all its bits, and the histogram."""
        lines = [
            f"{self.above} of {self.count} values more than {self.bound} ULP apart, at most {self.furthest} in "
            f"{self.dtype}",
            f"  row {self.row}: expected {self._exact(self.expected)}",
            f"  {'':{len(str(self.row))}}           got {self._exact(self.got)}",
        ]
        if self.inputs:
            lines.append(f"  inputs: {', '.join(value.hex() for value in self.inputs)}")
        lines.append("  ULP: " + ", ".join(f"{name}: {count}" for name, count in self.histogram.items()))
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The comparison for JSON; exact floats are also in hexadecimal."""
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

    def _exact(self, value: float) -> str:
        shortest = np.format_float_positional if 1e-4 <= abs(value) < 1e6 else np.format_float_scientific
        return f"{shortest(np.dtype(self.dtype).type(value))} = {value.hex()} = {self._bits(value)}"

    def _bits(self, value: float) -> str:
        size = np.dtype(self.dtype).itemsize
        return f"0x{int(np.array(value, dtype=self.dtype).view(f'u{size}')):0{2 * size}x}"


def compare(
    expected: NDArray[np.floating], got: NDArray[np.floating], *, bound: int, inputs: ArrayLike | None = None
) -> UlpComparison:
    """Compare two arrays of scores. Rows on which both are NaN, or the same infinity, are left out.

    Args:
        expected, got: `[N]`, or `[N, K]` of a model with K outputs, as for `distances`; float32 may be not finite, see
            `apart`.
        bound: ULP, from 0.
        inputs: `[N, F]` real numbers, the feature rows of the scores.

    Raises:
        UlpError: as `distances`; or no value, more than two dimensions, inputs of another length, or a bound below 0.
    """
    far = apart(expected, got) if expected.dtype == np.float32 else distances(expected, got)
    if far.ndim not in (1, 2) or not far.size:
        raise UlpError(
            f"cannot compare values of shape {list(far.shape)}", hint="use [N] or [N, K], and at least one value"
        )
    rows = None if inputs is None else np.asarray(inputs)
    if rows is not None and (rows.ndim != 2 or len(rows) != len(far)):
        raise UlpError(f"inputs have shape {list(rows.shape)} for {len(far)} values")
    if bound < 0:
        raise UlpError(f"the bound is {bound} ULP, below 0")
    outputs = far.size // len(far)
    expected, got, far = expected.ravel(), got.ravel(), far.ravel()
    counted = np.flatnonzero(np.isfinite(expected) | np.isfinite(got) | (far > 0))
    if not counted.size:
        raise UlpError(f"no score of {len(far)} rows is finite, so there is nothing to compare")
    place = int(counted[far[counted].argmax()])
    row = place // outputs
    far = far[counted]
    return UlpComparison(
        dtype=expected.dtype.name,
        count=far.size,
        bound=bound,
        max=int(far.max()),
        above=int((far > np.uint64(bound)).sum()),
        histogram=_histogram(far),
        row=row,
        expected=float(expected[place]),
        got=float(got[place]),
        inputs=() if rows is None else tuple(float(value) for value in rows[row]),
    )


def _histogram(far: NDArray[np.uint64]) -> dict[str, int]:
    """Counts per class; the upper ends of the classes are 0 and the powers of two."""
    if lost := int((far == NOT_FINITE).sum()):
        return (_histogram(far[far < NOT_FINITE]) if lost < far.size else {}) | {"not finite": lost}
    most = int(far.max())
    ends = [0, *(2**i for i in range(max(most - 1, 0).bit_length() + 1))] if most else [0]
    starts = [0, *(end + 1 for end in ends[:-1])]
    # Search by starts: the last end may be 2^64, which uint64 does not have.
    classes = np.searchsorted(np.array(starts, dtype=np.uint64), far, side="right") - 1
    counts = np.bincount(classes, minlength=len(starts)).tolist()
    names = [f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)]
    return dict(zip(names, counts, strict=True))
