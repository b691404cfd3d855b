"""What a log's decimals allow: the teacher's score of a rounded row may differ from the score of the row itself.

A feature with `d` decimals is off by at most half a unit of the last, `h = 0.5 * 10^-d`. To first order the raw score
moves by at most `sum |df/dx| h` over the features. The rest is bounded too: the second derivative of the kernel
`exp(-gamma r^2)` along a step `s` is at most `2 gamma |s|^2` in size, everywhere, so the raw score moves by at most
`gamma |s|^2 sum |c|` more (Taylor's remainder in Lagrange's form). Clipping moves nothing further apart.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyvmaf.vmaf.teacher import Svr, Teacher

MOST_DECIMALS = 9
"""A column with more decimals than this was not rounded by a log."""
_DISTINCT = 50
"""Values that show how many decimals they were written with: that all end with 0 by chance happens once in 10^50."""
_NOISE = 1e-14
_CHUNK_ROWS = 1024


def decimals_of(values: ArrayLike) -> int | None:
    """How many decimals the values were written with; None: more than `MOST_DECIMALS`, so they were not rounded.

    libvmaf 1 multiplies whole numbers by 0.00001, so that its logs hold 0.8942600000000001: such noise is not counted.
    Values that are not finite are left out.
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    x = x[np.isfinite(x)]
    noise = _NOISE * np.maximum(1.0, np.abs(x))
    for decimals in range(MOST_DECIMALS + 1):
        if (np.abs(np.round(x, decimals) - x) <= noise).all():
            return decimals
    return None


def decimals_by_column(
    columns: Mapping[str, NDArray[np.float64]], group: NDArray[np.int64] | None = None
) -> dict[str, int | None]:
    """The decimals of each column: the fewest of any group, so that what they allow holds for all rows.

    A column with few distinct values, such as the motion of still pictures, does not show its decimals: it gets the
    most that another column of its group has.

    Args:
        columns: `[N]` each.
        group: `[N]`, rows that were written alike, such as those of one libvmaf; None: all.
    """
    found: dict[str, int | None] = {}
    for number in [None] if group is None else np.unique(group).tolist():
        parts = {n: values if number is None else values[group == number] for n, values in columns.items()}
        parts = {name: part[np.isfinite(part)] for name, part in parts.items()}
        own = {name: decimals_of(part) for name, part in parts.items() if len(part)}
        most = max((decimals for decimals in own.values() if decimals is not None), default=0)
        for name, decimals in own.items():
            if decimals is not None and len(np.unique(parts[name])) < _DISTINCT:
                decimals = most
            old = found.get(name, decimals)
            found[name] = decimals if old is None else old if decimals is None else min(old, decimals)
    return {name: found.get(name, 0) for name in columns}


def decimals_of_single(values: ArrayLike) -> int:
    """The decimals that float32 leaves of values with 6: its own half unit, `|x| 2^-24`, comes on top of theirs."""
    x = np.abs(np.asarray(values, dtype=np.float64))
    largest = float(x[np.isfinite(x)].max(initial=0.0))
    return int(np.floor(-np.log10(2.0 * (largest * 2.0**-24 + half_unit(6)))))


def half_unit(decimals: int | None) -> float:
    """Half a unit of the last decimal; 0 for a value that was not rounded."""
    return 0.0 if decimals is None else 0.5 * 10.0**-decimals


def allowed_by_rounding(
    teacher: Teacher,
    rows: ArrayLike,
    decimals: int | Mapping[str, int | None] | None,
    score_decimals: int | None = None,
) -> NDArray[np.float64]:
    """By how much the published score of each row may differ from the teacher's score of the rounded row.

    Args:
        rows: `[N, F]`, in the order of `teacher.feature_names`, as the log has them.
        decimals: of all features, or by feature's name; None: not rounded.
        score_decimals: of the published score; half a unit of its last is added.

    Returns:
        float64 `[N]`, VMAF points; the point estimate of a bootstrap collection.
    """
    x = np.asarray(rows, dtype=np.float64)
    of = [decimals.get(name) if isinstance(decimals, Mapping) else decimals for name in teacher.feature_names]
    return _moved(teacher.svr, x, np.array([half_unit(d) for d in of])) + half_unit(score_decimals)


def _moved(svr: Svr, rows: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    """The most that a score moves while each feature moves by at most its `half`, float64 `[N]`."""
    rule = svr.chroma
    if rule is None:
        return _moved_smoothly(svr, rows, half)
    moved = _moved_smoothly(replace(svr, chroma=None), rows, half)
    zero = np.flatnonzero(rows[:, rule.chroma] == 0.0)
    if not len(zero):
        return moved
    # A chroma of exactly 0 is replaced by a function of luma, so it moves as luma does; but where the log rounds, the
    # 0 may have been above 0, and then it was not replaced.
    plain, luma = replace(svr, chroma=None), half.copy()
    luma[rule.chroma] = abs(rule.factor) * half[rule.luma]
    replaced = _moved_smoothly(plain, rule(rows[zero]), luma)
    jump = np.abs(svr.predict(rows[zero]) - plain.predict(rows[zero]))
    moved[zero] = replaced if half[rule.chroma] == 0 else np.maximum(replaced, jump + moved[zero])
    return moved


def _moved_smoothly(svr: Svr, rows: NDArray[np.float64], half: NDArray[np.float64]) -> NDArray[np.float64]:
    step = half * np.abs(svr.slopes[1:])
    remainder = svr.gamma * float(step @ step) * float(np.abs(svr.coefficients).sum())
    x = rows * svr.slopes[1:] + svr.intercepts[1:]
    moved, raw = np.empty(len(x)), np.empty(len(x))
    for start in range(0, len(x), _CHUNK_ROWS):
        part = x[start : start + _CHUNK_ROWS]
        apart = part[:, None, :] - svr.support_vectors
        kernel = np.exp(-svr.gamma * np.square(apart).sum(axis=2)) * svr.coefficients
        gradient = -2.0 * svr.gamma * np.einsum("ns,nsf->nf", kernel, apart)
        moved[start : start + _CHUNK_ROWS] = np.abs(gradient) @ step + remainder
        raw[start : start + _CHUNK_ROWS] = kernel.sum(axis=1) - svr.rho
    moved /= abs(svr.slopes[0])
    if svr.transform is not None:  # the steepest of the polynomial over the way, or of the identity that bounds it
        raw = (raw - svr.intercepts[0]) / svr.slopes[0]
        ends = [np.abs(svr.transform.p1 + 2.0 * svr.transform.p2 * (raw + sign * moved)) for sign in (-1.0, 1.0)]
        moved = moved * np.maximum.reduce([*ends, np.ones(len(raw))])
    low, high = svr.score_range
    return np.asarray(np.minimum(moved, high - low))
