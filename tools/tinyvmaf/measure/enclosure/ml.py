"""Enclosures of the operators of `ai.onnx.ml`: trees, support vectors, linear models, scalers."""

from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np

from tinyvmaf.measure.enclosure.enclosed import Enclosed, Floats, NoEnclosureError, rounded
from tinyvmaf.measure.enclosure.sums import product
from tinyvmaf.model.contract.ml import Linear, Normalizer, Parameters, Scaler, SupportVectors, Trees

_EPS: Final = 2.0**-24
_AT_ONCE: Final = 2_000_000  # comparisons


def enclosed_ml(found: Parameters) -> Callable[[Enclosed], Enclosed]:
    """The enclosure of a node, float32.

    Raises:
        NoEnclosureError: a kernel or a normaliser without an enclosure.
    """
    match found:
        case Trees():
            return _forest(found)
        case SupportVectors():
            if found.kernel not in ("LINEAR", "RBF"):
                raise NoEnclosureError(f"no enclosure for SVMRegressor with kernel {found.kernel}")
            return lambda x: _svm(found, x)
        case Linear():
            column = found.coefficients.astype(np.float64)[:, None]
            return lambda x: _affine(x, column, found.intercept)
        case Scaler():
            return lambda x: _scaled(found, x)
        case Normalizer():
            raise NoEnclosureError("no enclosure for Normalizer")


def _scaled(found: Scaler, x: Enclosed) -> Enclosed:
    offset, scale = (one.astype(np.float64) for one in (found.offset, found.scale))
    first, second = (x.low - offset) * scale, (x.high - offset) * scale
    size = 4.0 * _EPS * (x.size + np.abs(offset)) * np.abs(scale)
    return rounded(np.minimum(first, second) - size, np.maximum(first, second) + size, "float32")


def _affine(x: Enclosed, matrix: Floats, offset: float) -> Enclosed:
    weights = Enclosed(matrix, matrix, "float32", np.zeros_like(matrix), batched=False)
    bias = Enclosed(np.array([offset]), np.array([offset]), "float32", np.zeros(1), batched=False)
    return product(Enclosed(x.low, x.high, "float32", x.grid * 0.0), weights, bias)


def _svm(found: SupportVectors, x: Enclosed) -> Enclosed:
    vectors, weights = found.vectors.astype(np.float64), found.coefficients.astype(np.float64)
    if found.kernel == "LINEAR":
        return _affine(x, (vectors * weights[:, None]).sum(axis=0)[:, None], found.rho)
    far, near = np.zeros((len(x.low), len(vectors))), np.zeros((len(x.low), len(vectors)))
    for column in range(vectors.shape[1]):
        low, high = x.low[:, [column]] - vectors[:, column], x.high[:, [column]] - vectors[:, column]
        far += np.square(np.maximum(np.abs(low), np.abs(high)))
        near += np.square(np.maximum(np.maximum(low, -high), 0.0))
    # exp(-t) changes by at most 1/e of a relative error of t.
    error = (vectors.shape[1] + 16) * _EPS
    least, most = np.exp(-found.gamma * far) * (1 - error) - error, np.exp(-found.gamma * near) * (1 + error) + error
    above, below = np.maximum(weights, 0.0), np.minimum(weights, 0.0)
    slack = (len(weights) + 8) * _EPS * (np.abs(weights).sum() + abs(found.rho))
    low = least @ above + most @ below + found.rho - slack
    high = most @ above + least @ below + found.rho + slack
    return rounded(low[:, None], high[:, None], "float32")


def leaf_boxes(found: Trees, width: int) -> tuple[Floats, Floats, Floats, Floats]:
    """The closed box of each leaf, its weight, and the number of its tree; in the order of the trees.

    Returns:
        low and high `[L, F]`, weights `[L]`, trees `[L]`.
    """
    leaves: list[tuple[Floats, Floats, float, int]] = []  # in the order of the trees
    inner = found.children[0] != np.arange(len(found.features))
    for number, root in enumerate(found.roots):
        todo = [(int(root), np.full(width, -np.inf), np.full(width, np.inf))]
        while todo:
            node, low, high = todo.pop()
            if not inner[node]:
                if np.all(low <= high):
                    leaves.append((low, high, float(found.weights[node]), number))
                continue
            column, threshold, mode = int(found.features[node]), float(found.thresholds[node]), int(found.modes[node])
            for side, child in enumerate(found.children[:, node].tolist()):
                at_low, at_high = low.copy(), high.copy()
                below = (mode in (0, 1)) == bool(side)  # LEQ and LT are true below, GTE and GT above
                if (mode, side) in ((4, 1), (5, 0)):
                    at_low[column], at_high[column] = max(low[column], threshold), min(high[column], threshold)
                elif mode in (4, 5):
                    pass
                elif below:
                    at_high[column] = min(high[column], threshold)
                else:
                    at_low[column] = max(low[column], threshold)
                todo.append((child, at_low, at_high))
    lows, highs, weights, trees = zip(*leaves, strict=True)
    return np.array(lows), np.array(highs), np.array(weights), np.array(trees, dtype=np.float64)


def _forest(found: Trees) -> Callable[[Enclosed], Enclosed]:
    boxes = cache(lambda width: leaf_boxes(found, width))

    def enclosed(x: Enclosed) -> Enclosed:
        low, high, weights, trees = boxes(x.low.shape[1])
        first = np.flatnonzero(np.diff(trees, prepend=-1.0))
        least, most = np.empty(len(x.low)), np.empty(len(x.low))
        at_once = max(1, _AT_ONCE // low.size)
        for start in range(0, len(x.low), at_once):
            part = slice(start, start + at_once)
            reached = np.all((x.high[part, None] >= low) & (x.low[part, None] <= high), axis=2)
            least[part] = np.minimum.reduceat(np.where(reached, weights, np.inf), first, axis=1).sum(axis=1)
            most[part] = np.maximum.reduceat(np.where(reached, weights, -np.inf), first, axis=1).sum(axis=1)
        if found.average:
            least, most = least / len(found.roots), most / len(found.roots)
        size = float(np.maximum.reduceat(np.abs(weights), first).sum()) + abs(found.base)
        slack = (len(found.roots) + 8) * _EPS * size
        return rounded((least + found.base - slack)[:, None], (most + found.base + slack)[:, None], "float32")

    return enclosed
