"""Metrics of agreement between expected and got values.

A correlation does not see offset and scale, so `AgreementMetrics` also has error, bias and slope. All functions take
float64 `[N]` (or values convertible to it), N 3 or more, all finite; otherwise they raise ValueError.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

CONSTANT: Final = 1e-12
"""Values are constant if their standard deviation is at most this share of the largest magnitude."""


class ConstantError(ValueError):
    """The values do not vary, so they have no correlation."""

    def __init__(self, which: Literal["expected", "got"]) -> None:
        super().__init__(f"the {which} values are constant, so there is no correlation")
        self.which = which


@dataclass(frozen=True)
class AgreementMetrics:
    """All metrics of agreement. Errors have the unit of the values, VMAF points."""

    n: int
    """The number of compared values."""
    plcc: float
    srocc: float
    krocc: float
    rmse: float
    max_error: float
    """The largest |got - expected|."""
    bias: float
    """The mean of got - expected."""
    slope: float
    """The slope of the least-squares line of got over expected; 1: same scale."""

    def as_dict(self) -> dict[str, float | None]:
        """The metrics by name for JSON, with None for what is not finite."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}


def agreement(
    expected: ArrayLike, got: ArrayLike, *, constant_got: Literal["raise", "nan"] = "raise"
) -> AgreementMetrics:
    """Compute all metrics of agreement.

    Args:
        constant_got: `nan`: the correlations of a constant `got` are NaN, so they pass no bound: the model failed.
            A constant `expected` always raises, because the data are at fault.

    Raises:
        ConstantError: `expected` is constant, or `got` is constant and `constant_got` is `raise`.
        ValueError: see the module.
    """
    want, have = checked_pair(expected, got)
    if is_constant(want):
        raise ConstantError("expected")
    correlations = (math.nan, math.nan, math.nan)
    if not is_constant(have):
        correlations = (_pearson(want, have), _pearson(average_ranks(want), average_ranks(have)), _tau_b(want, have))
    elif constant_got == "raise":
        raise ConstantError("got")
    error = have - want
    centred = want - want.mean()
    return AgreementMetrics(
        want.size,
        *correlations,
        rmse=float(np.sqrt(np.mean(error**2))),
        max_error=float(np.abs(error).max()),
        bias=float(error.mean()),
        slope=float(centred @ (have - have.mean()) / (centred @ centred)),
    )


def plcc(expected: ArrayLike, got: ArrayLike) -> float:
    """Pearson correlation, never outside [-1, 1].

    Raises:
        ConstantError: an input is constant.
        ValueError: see the module.
    """
    want, have = checked_pair(expected, got)
    refuse_constant(want, have)
    return _pearson(want, have)


def srocc(expected: ArrayLike, got: ArrayLike) -> float:
    """Spearman rank correlation: the Pearson correlation of average ranks, because saturated scores tie.

    Raises:
        ConstantError: an input is constant.
        ValueError: see the module.
    """
    want, have = checked_pair(expected, got)
    refuse_constant(want, have)
    return _pearson(average_ranks(want), average_ranks(have))


def krocc(expected: ArrayLike, got: ArrayLike) -> float:
    """Kendall rank correlation, as tau-b, which corrects for ties.

    Raises:
        ConstantError: an input is constant.
        ValueError: see the module.
    """
    want, have = checked_pair(expected, got)
    refuse_constant(want, have)
    return _tau_b(want, have)


def clip_means(clips: Sequence[str], values: ArrayLike) -> tuple[list[str], Floats]:
    """The sorted clips `[C]` and the mean of each, float64 `[C]`.

    Args:
        clips: `[N]`, the clip of each value.
        values: `[N]`.

    Raises:
        ValueError: no value, a value that is not finite, or not one label per value.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (len(clips),) or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{len(clips)} labels for values {list(array.shape)}: needs one label per value, all finite")
    names, clip = clip_index(clips)
    return names, np.bincount(clip, array) / np.bincount(clip)


def clip_index(clips: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The distinct labels, sorted `[C]`, and the index of each input label among them `[N]`."""
    names = sorted(set(clips))
    position = {name: n for n, name in enumerate(names)}
    return names, np.array([position[name] for name in clips], dtype=np.intp)


def checked_pair(expected: ArrayLike, got: ArrayLike) -> tuple[Floats, Floats]:
    """Both as float64 `[N]`; ValueError if the shapes differ, N is below 3, or a value is not finite."""
    want, have = np.asarray(expected, dtype=np.float64), np.asarray(got, dtype=np.float64)
    if want.ndim != 1 or want.shape != have.shape:
        raise ValueError(f"expected {list(want.shape)} and got {list(have.shape)} do not have the same shape [N]")
    if want.size < 3:
        raise ValueError(f"agreement needs three values or more, not {want.size}")
    for which, array in (("expected", want), ("got", have)):
        if not np.isfinite(array).all():
            at = int(np.argmin(np.isfinite(array)))
            raise ValueError(f"{which} value {at} is {array[at]}")
    return want, have


def refuse_constant(want: Floats, have: Floats) -> None:
    """Raise ConstantError if either is constant."""
    if is_constant(want):
        raise ConstantError("expected")
    if is_constant(have):
        raise ConstantError("got")


def is_constant(values: Floats) -> bool:
    """Whether values differ only by rounding."""
    return bool(values.std() <= CONSTANT * np.abs(values).max())


def average_ranks(values: Floats) -> Floats:
    """Ranks from 1, float64 `[N]`; equal values get their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = np.cumsum(counts) - (counts - 1) / 2
    return ranks[inverse]


def _pearson(x: Floats, y: Floats) -> float:
    x, y = x - x.mean(), y - y.mean()
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    # For unit vectors, |x - y|^2 = 2 - 2r and |x + y|^2 = 2 + 2r. A sum of products could exceed 1 and cannot tell
    # 1 - 1e-9 from 1; this quotient can, and never exceeds 1.
    apart, together = float(np.sum((x - y) ** 2)), float(np.sum((x + y) ** 2))
    return (together - apart) / (together + apart)


def _tau_b(x: Floats, y: Floats) -> float:
    # Imported here, because importing scipy.stats takes most of a second.
    from scipy.stats import kendalltau  # type: ignore[import-untyped, unused-ignore]

    # The default method would also compute an exact p-value, which is slow.
    return float(kendalltau(x, y, variant="b", method="asymptotic").statistic)
