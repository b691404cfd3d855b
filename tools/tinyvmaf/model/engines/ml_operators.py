"""Operators of `ai.onnx.ml` for NumPy, in the type of their input, row by row: no result depends on the batch."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.model.contract.ml import Linear, Normalizer, Parameters, Scaler, SupportVectors, Trees
from tinyvmaf.model.engines.protocol import UnsupportedModelError

Array = NDArray[Any]
_AT_ONCE: Final = 2_000_000  # elements of the largest array inside

_COMPARED: Final[tuple[Callable[[Array, Array], Array], ...]] = (
    np.less_equal,
    np.less,
    np.greater_equal,
    np.greater,
    np.equal,
    np.not_equal,
)


def ml_operator(lib: Any, attributes: Mapping[str, Any], x: Any) -> Array:
    """The result of a node for rows `[N, F]`: float32, as the specification says of all that converters write.

    Args:
        attributes: the node's parameters, under the empty name.

    Raises:
        UnsupportedModelError: the library is not NumPy.
        ValueError: the rows have another width than the parameters.
    """
    if lib.xp is not np:
        raise UnsupportedModelError("model: operators of ai.onnx.ml run in NumPy only here")
    found: Parameters = attributes[""]
    if x.ndim != 2:
        raise ValueError(f"an operator of ai.onnx.ml takes [N, F], not {x.shape}")
    inside = len(found.vectors) if isinstance(found, SupportVectors) else x.shape[1]
    inside = len(found.roots) if isinstance(found, Trees) else inside
    rows = max(1, _AT_ONCE // inside)
    parts = [_rows(found, x[i : i + rows]) for i in range(0, max(1, len(x)), rows)]
    return np.concatenate(parts).astype(np.float32)


def _rows(found: Parameters, x: Array) -> Array:
    match found:
        case Trees():
            return _forest(found, x)
        case SupportVectors():
            return _svm(found, x)
        case Linear():
            return np.asarray((x * found.coefficients).sum(axis=-1, keepdims=True) + np.float32(found.intercept))
        case Scaler():
            return np.asarray((x - found.offset) * found.scale)
        case Normalizer():
            return np.asarray(x / _length(found.norm, x))


def _forest(found: Trees, x: Array) -> Array:
    rows = np.arange(len(x))[:, None]
    at = np.broadcast_to(found.roots, (len(x), len(found.roots)))
    for _ in range(found.depth):
        value, threshold, mode = x[rows, found.features[at]], found.thresholds[at], found.modes[at]
        goes = np.isnan(value) & found.missing[at]
        for number in np.unique(found.modes):
            goes |= (mode == number) & _COMPARED[number](value, threshold)
        at = found.children[goes.astype(np.int64), at]
    total = np.zeros(len(x), dtype=found.weights.dtype)
    for tree in found.weights[at].T:  # in the order of the trees
        total = total + tree
    if found.average:
        total = total / len(found.roots)
    return np.asarray((total + np.asarray(found.base, dtype=total.dtype))[:, None])


def _svm(found: SupportVectors, x: Array) -> Array:
    vectors, gamma, coef0 = found.vectors.astype(x.dtype), *np.array([found.gamma, found.coef0], dtype=x.dtype)
    if found.vectors.shape[1] != x.shape[1]:
        raise ValueError(f"support vectors of {found.vectors.shape[1]} features, and rows of {x.shape[1]}")
    if found.kernel == "RBF":
        kernel = np.exp(-gamma * sum(np.square(x[:, [i]] - column) for i, column in enumerate(vectors.T)))
    else:
        kernel = np.asarray(sum(x[:, [i]] * column for i, column in enumerate(vectors.T)))
        if found.kernel == "POLY":
            kernel = (gamma * kernel + coef0) ** x.dtype.type(found.degree)
        elif found.kernel == "SIGMOID":
            kernel = np.tanh(gamma * kernel + coef0)
    return np.asarray((kernel * found.coefficients.astype(x.dtype)).sum(axis=-1, keepdims=True) + np.float32(found.rho))


def _length(norm: str, x: Array) -> Array:
    """The norm of each row; 1 for a row of zeros."""
    if norm == "MAX":
        length = x.max(axis=1, keepdims=True)
    elif norm == "L1":
        length = abs(x).sum(axis=1, keepdims=True)
    else:
        length = np.sqrt(np.square(x).sum(axis=1, keepdims=True))
    return np.asarray(np.where(length == 0, x.dtype.type(1), length))
