"""How well got values agree with expected ones.

A correlation is blind to offset and scale, so none of them stands alone: `Agreement` keeps error, bias and slope beside
them. All take float64 `[N]` (or what becomes that), three values or more, all finite, and raise ValueError otherwise.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

CONSTANT: Final = 1e-12
"""A standard deviation of this share of the largest magnitude, or less, is rounding (float64 has 2.2e-16)."""


class ConstantError(ValueError):
    """A correlation was asked of values that do not vary."""

    def __init__(self, which: Literal["expected", "got"]) -> None:
        super().__init__(f"the {which} values are constant: there is no correlation")
        self.which = which


@dataclass(frozen=True)
class Agreement:
    """Expected and got values held together; errors in the unit of the values, VMAF points."""

    n: int
    """How many values were compared."""
    plcc: float
    srocc: float
    krocc: float
    rmse: float
    max_error: float
    """The largest |got - expected|."""
    bias: float
    """The mean of got - expected."""
    slope: float
    """Of the least-squares line of got over expected; 1 where the scale is kept."""

    def as_dict(self) -> dict[str, float | None]:
        """By name, for JSON, which has no NaN: None stands for it."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}


def agreement(expected: ArrayLike, got: ArrayLike, *, constant_got: Literal["raise", "nan"] = "raise") -> Agreement:
    """Every measure of agreement.

    Args:
        constant_got: with `nan`, the correlations of a constant `got` are NaN, which passes no bound: the model failed.
            A constant `expected` is the fault of the data and always raises.

    Raises:
        ConstantError: `expected` is constant, or `got` is and `constant_got` is `raise`.
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
    return Agreement(
        want.size,
        *correlations,
        rmse=float(np.sqrt(np.mean(error**2))),
        max_error=float(np.abs(error).max()),
        bias=float(error.mean()),
        slope=float(centred @ (have - have.mean()) / (centred @ centred)),
    )


def plcc(expected: ArrayLike, got: ArrayLike) -> float:
    """Pearson's linear correlation coefficient, never outside [-1, 1].

    Raises:
        ConstantError: an input is constant.
        ValueError: see the module.
    """
    want, have = checked_pair(expected, got)
    refuse_constant(want, have)
    return _pearson(want, have)


def srocc(expected: ArrayLike, got: ArrayLike) -> float:
    """Spearman's rank-order correlation coefficient: Pearson's of average ranks, for scores tie where they saturate.

    Raises:
        ConstantError: an input is constant.
        ValueError: see the module.
    """
    want, have = checked_pair(expected, got)
    refuse_constant(want, have)
    return _pearson(average_ranks(want), average_ranks(have))


def krocc(expected: ArrayLike, got: ArrayLike) -> float:
    """Kendall's rank-order correlation coefficient, as tau-b, which corrects for ties.

    Raises:
        ConstantError: an input is constant.
        ValueError: see the module.
    """
    want, have = checked_pair(expected, got)
    refuse_constant(want, have)
    return _tau_b(want, have)


def clip_means(clips: Sequence[str], values: ArrayLike) -> tuple[list[str], Floats]:
    """The labels `[C]` of the clips, sorted, and the mean of each, float64 `[C]`.

    Args:
        clips: `[N]`, the clip of each value.
        values: `[N]`.

    Raises:
        ValueError: no value, a value that is not finite, or labels that are not one a value.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (len(clips),) or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{len(clips)} labels of values {list(array.shape)}: one a value, one or more, all finite")
    names, clip = clip_index(clips)
    return names, np.bincount(clip, array) / np.bincount(clip)


def clip_index(clips: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The distinct labels `[C]`, sorted, and where among them each of the `[N]` is."""
    names = sorted(set(clips))
    position = {name: n for n, name in enumerate(names)}
    return names, np.array([position[name] for name in clips], dtype=np.intp)


def checked_pair(expected: ArrayLike, got: ArrayLike) -> tuple[Floats, Floats]:
    """Both as float64 `[N]`; ValueError unless their shapes are one `[N]`, N is 3 or more and all is finite."""
    want, have = np.asarray(expected, dtype=np.float64), np.asarray(got, dtype=np.float64)
    if want.ndim != 1 or want.shape != have.shape:
        raise ValueError(f"expected {list(want.shape)} and got {list(have.shape)} are not of one shape [N]")
    if want.size < 3:
        raise ValueError(f"agreement takes three values or more, not {want.size}")
    for which, array in (("expected", want), ("got", have)):
        if not np.isfinite(array).all():
            at = int(np.argmin(np.isfinite(array)))
            raise ValueError(f"{which} value {at} is {array[at]}")
    return want, have


def refuse_constant(want: Floats, have: Floats) -> None:
    """ConstantError if either is."""
    if is_constant(want):
        raise ConstantError("expected")
    if is_constant(have):
        raise ConstantError("got")


def is_constant(values: Floats) -> bool:
    """Whether values differ by rounding alone."""
    return bool(values.std() <= CONSTANT * np.abs(values).max())


def average_ranks(values: Floats) -> Floats:
    """Ranks from 1, float64 `[N]`; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = np.cumsum(counts) - (counts - 1) / 2
    return ranks[inverse]


def _pearson(x: Floats, y: Floats) -> float:
    x, y = x - x.mean(), y - y.mean()
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    # |x - y|^2 = 2 - 2r and |x + y|^2 = 2 + 2r for unit vectors. A sum of products would lose what tells 1 - 1e-9 from
    # 1, and could pass 1; this quotient cannot.
    apart, together = float(np.sum((x - y) ** 2)), float(np.sum((x + y) ** 2))
    return (together - apart) / (together + apart)


def _tau_b(x: Floats, y: Floats) -> float:
    # Imported here: scipy.stats takes most of a second to import, which only this should cost.
    from scipy.stats import kendalltau  # type: ignore[import-untyped, unused-ignore]

    # Without a method, scipy spends time on an exact p-value that nobody asked for.
    return float(kendalltau(x, y, variant="b", method="asymptotic").statistic)
