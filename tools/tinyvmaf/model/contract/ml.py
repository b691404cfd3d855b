"""Operators of the domain `ai.onnx.ml`: scikit-learn's SVR, trees, linear models and scalers.

Engines read the lists in their attributes without looking at them much: a wrong index reads foreign memory, and a tree
with a circle never ends. So the lists are read here, and must fit together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.model.contract import MAX_NODES

DOMAIN: Final = "ai.onnx.ml"
VERSIONS: Final = range(1, 6)
Array = NDArray[Any]

_MODES: Final = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
_KERNELS: Final = ("LINEAR", "POLY", "RBF", "SIGMOID")
_NORMS: Final = ("MAX", "L1", "L2")
_AVERAGE, _SUM = 0, 1  # of TreeEnsemble's aggregate_function


@dataclass(frozen=True)
class Trees:
    """A forest with one target. Nodes are numbered through all trees; a leaf is its own child."""

    features: Array
    """int64 `[K]`: the column that a node looks at."""
    thresholds: Array
    """float32 or float64 `[K]`."""
    modes: Array
    """int64 `[K]`, indices into LEQ, LT, GTE, GT, EQ, NEQ: how the column is compared with the threshold."""
    missing: Array
    """bool `[K]`: whether NaN goes to the true child."""
    children: Array
    """int64 `[2, K]`: the false child and the true child."""
    weights: Array
    """`[K]`: what a leaf adds to the score."""
    roots: Array
    """int64 `[T]`."""
    depth: int
    """Steps from a root to the farthest leaf."""
    average: bool
    base: float


@dataclass(frozen=True)
class SupportVectors:
    """A support vector regressor."""

    vectors: Array
    """float32 `[S, F]`."""
    coefficients: Array
    """float32 `[S]`."""
    rho: float
    kernel: str
    gamma: float
    coef0: float
    degree: float


@dataclass(frozen=True)
class Linear:
    """A linear model."""

    coefficients: Array
    """float32 `[F]`."""
    intercept: float


@dataclass(frozen=True)
class Scaler:
    """(x - offset) * scale."""

    offset: Array
    """float32, one number or `[F]`; `scale` likewise."""
    scale: Array


@dataclass(frozen=True)
class Normalizer:
    """Rows divided by their norm."""

    norm: str
    """MAX, L1 or L2."""


Parameters = Trees | SupportVectors | Linear | Scaler | Normalizer


def read(node: NodeProto) -> Parameters:
    """The parameters of a node.

    Raises:
        ValueError: its attributes do not fit together, or are of a sort that is not supported.
    """
    given = {one.name: _value(one) for one in node.attribute}
    if len(given) != len(node.attribute):
        raise ValueError("an attribute is there twice")
    if given.get("post_transform", "NONE") not in ("NONE", 0):
        raise ValueError(f"post_transform {given['post_transform']!r}; a regressor has NONE")
    return _READ[node.op_type](given)


def _value(attribute: AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value).ravel()
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    if attribute.type == AttributeProto.STRINGS:
        return [one.decode("ascii", "replace") for one in value]
    if attribute.type in (AttributeProto.FLOATS, AttributeProto.INTS):
        return np.array(value, dtype=np.float32 if attribute.type == AttributeProto.FLOATS else np.int64)
    return value


def _floats(given: Mapping[str, Any], name: str) -> Array:
    return np.asarray(given.get(name, ()), dtype=np.float32)


def _integers(given: Mapping[str, Any], name: str, count: int | None = None) -> Array:
    found = np.asarray(given.get(name, ()), dtype=np.int64)
    if count is not None and len(found) != count:
        raise ValueError(f"{name} has {len(found)} numbers, for {count} nodes or leaves")
    return found


def _reals(given: Mapping[str, Any], name: str) -> Array:
    """Numbers that are in a list of floats, or in a tensor of another attribute."""
    found = given.get(f"{name}_as_tensor", given.get(name, ()))
    return np.asarray(found, dtype=None if isinstance(found, np.ndarray) else np.float32)


def _svm(given: Mapping[str, Any]) -> SupportVectors:
    coefficients, vectors, rho = (_floats(given, one) for one in ("coefficients", "support_vectors", "rho"))
    kernel, parameters = str(given.get("kernel_type", "LINEAR")), _floats(given, "kernel_params")
    count = int(given.get("n_supports", 0))
    if given.get("one_class", 0):
        raise ValueError("one_class finds outliers; a candidate is a regressor")
    if kernel not in _KERNELS:
        raise ValueError(f"kernel_type {kernel[:40]!r}; known: {', '.join(_KERNELS)}")
    if len(parameters) != 3 and (len(parameters) or kernel != "LINEAR"):
        raise ValueError(f"kernel_params has {len(parameters)} numbers, not gamma, coef0 and degree")
    if len(rho) != 1:
        raise ValueError(f"rho has {len(rho)} numbers; a regressor has one")
    if count == 0 and kernel == "LINEAR":  # the products with the vectors are summed already
        vectors, coefficients, count = coefficients, np.ones(1, np.float32), 1
    if count < 1 or len(coefficients) != count or len(vectors) % count or not len(vectors):
        raise ValueError(
            f"{count} support vectors, {len(coefficients)} coefficients, and {len(vectors)} numbers in support_vectors"
        )
    gamma, coef0, degree = map(float, parameters if len(parameters) else (0, 0, 0))
    return SupportVectors(vectors.reshape(count, -1), coefficients, float(rho[0]), kernel, gamma, coef0, degree)


def _linear(given: Mapping[str, Any]) -> Linear:
    coefficients, intercepts = _floats(given, "coefficients"), _floats(given, "intercepts")
    if given.get("targets", 1) != 1 or len(intercepts) > 1 or not len(coefficients):
        raise ValueError("a candidate has one target, with one intercept")
    return Linear(coefficients, float(intercepts[0]) if len(intercepts) else 0.0)


def _scaler(given: Mapping[str, Any]) -> Scaler:
    offset, scale = _floats(given, "offset"), _floats(given, "scale")
    if not len(offset) or len(offset) != len(scale):
        raise ValueError(f"offset has {len(offset)} numbers, and scale {len(scale)}")
    return Scaler(offset, scale)


def _normalizer(given: Mapping[str, Any]) -> Normalizer:
    norm = str(given.get("norm", "MAX"))
    if norm not in _NORMS:
        raise ValueError(f"norm {norm[:40]!r}; known: {', '.join(_NORMS)}")
    return Normalizer(norm)


def _ensemble_regressor(given: Mapping[str, Any]) -> Trees:
    """TreeEnsembleRegressor: nodes are named by their tree and their number in it."""
    trees, features = _integers(given, "nodes_treeids"), _integers(given, "nodes_featureids")
    count = len(trees)
    names = list(zip(trees.tolist(), _integers(given, "nodes_nodeids", count).tolist(), strict=True))
    place = {name: i for i, name in enumerate(names)}
    modes, thresholds = list(given.get("nodes_modes", ())), _reals(given, "nodes_values")
    if len(place) != count or len(modes) != count or len(thresholds) != count or len(features) != count:
        raise ValueError("the lists of its nodes have different lengths, or name a node twice")
    if strange := sorted(set(modes) - {*_MODES, "LEAF"}):
        raise ValueError(f"nodes_modes has {strange[0][:40]!r}; known: {', '.join(_MODES)}, LEAF")
    leaf = np.array([mode == "LEAF" for mode in modes], dtype=bool)
    children = np.empty((2, count), dtype=np.int64)
    for side, name in enumerate(("nodes_falsenodeids", "nodes_truenodeids")):
        listed = _integers(given, name, count)
        children[side] = [
            i if leaf[i] else place.get((tree, child), -1)
            for i, (tree, child) in enumerate(zip(trees.tolist(), listed.tolist(), strict=True))
        ]
    weights = _reals(given, "target_weights")
    targets = list(
        zip(_integers(given, "target_treeids").tolist(), _integers(given, "target_nodeids").tolist(), strict=True)
    )
    if len(targets) != len(weights) or len(set(targets)) != len(targets):
        raise ValueError("the lists of its targets have different lengths, or name a leaf twice")
    if any(_integers(given, "target_ids", len(weights))) or given.get("n_targets", 1) != 1:
        raise ValueError("a candidate has one target, number 0")
    at = np.array([place.get(name, -1) for name in targets], dtype=np.int64)
    if np.any(at < 0) or not leaf[at].all() or leaf.sum() != len(at):
        raise ValueError("each leaf has one weight, and no other node has one")
    worth = np.zeros(count, dtype=weights.dtype)
    worth[at] = weights
    aggregate = str(given.get("aggregate_function", "SUM"))
    if aggregate not in ("SUM", "AVERAGE"):
        raise ValueError(f"aggregate_function {aggregate[:40]!r}; known: SUM, AVERAGE")
    base = _reals(given, "base_values")
    if len(base) > 1:
        raise ValueError(f"base_values has {len(base)} numbers, for one target")
    first = np.unique(trees, return_index=True)[1]  # engines take the first node of a tree for its root
    order = np.array([_MODES.index(mode) if mode != "LEAF" else 0 for mode in modes], dtype=np.int64)
    missing = _missing(given, count)
    return _forest(
        features, thresholds, order, missing, children, worth, np.sort(first), leaf, aggregate == "AVERAGE", base
    )


def _ensemble(given: Mapping[str, Any]) -> Trees:
    """TreeEnsemble of version 5: inner nodes and leaves are two lists."""
    features = _integers(given, "nodes_featureids")
    count, weights = len(features), np.asarray(given.get("leaf_weights", ()))
    thresholds, modes = np.asarray(given.get("nodes_splits", ())), _integers(given, "nodes_modes", count)
    if len(thresholds) != count or not len(weights):
        raise ValueError("the lists of its nodes have different lengths")
    if np.any(modes < 0) or np.any(modes >= len(_MODES)):
        raise ValueError(f"nodes_modes holds numbers that are not 0 to {len(_MODES) - 1}")
    if any(_integers(given, "leaf_targetids", len(weights))) or given.get("n_targets", 1) != 1:
        raise ValueError("a candidate has one target, number 0")
    if given.get("aggregate_function", _SUM) not in (_SUM, _AVERAGE):
        raise ValueError("aggregate_function is neither SUM nor AVERAGE")
    whole = count + len(weights)
    children = np.tile(np.arange(whole, dtype=np.int64), (2, 1))
    for side, name in enumerate(("false", "true")):
        ids = _integers(given, f"nodes_{name}nodeids", count)
        leaves = _integers(given, f"nodes_{name}leafs", count) != 0
        limit = np.where(leaves, len(weights), count)
        children[side, :count] = np.where((ids < 0) | (ids >= limit), -1, ids + np.where(leaves, count, 0))
    roots = _integers(given, "tree_roots")
    if not len(roots) or np.any(roots < 0) or np.any(roots >= count):
        raise ValueError("tree_roots names nodes that are not there")
    more = np.zeros(len(weights), dtype=np.int64)
    leaf = np.arange(whole) >= count
    return _forest(
        np.concatenate([features, more]),
        np.concatenate([thresholds, more.astype(thresholds.dtype)]),
        np.concatenate([modes, more]),
        np.concatenate([_missing(given, count), more.astype(bool)]),
        children,
        np.concatenate([np.zeros(count, weights.dtype), weights]),
        roots,
        leaf,
        given.get("aggregate_function", _SUM) == _AVERAGE,
        np.zeros(0),
    )


def _missing(given: Mapping[str, Any], count: int) -> Array:
    name = "nodes_missing_value_tracks_true"
    return _integers(given, name, count) != 0 if len(given.get(name, ())) else np.zeros(count, dtype=bool)


def _forest(
    features: Array,
    thresholds: Array,
    modes: Array,
    missing: Array,
    children: Array,
    weights: Array,
    roots: Array,
    leaf: Array,
    average: bool,
    base: Array,
) -> Trees:
    if not len(features) or np.any(features < 0):
        raise ValueError("it has no node, or a negative feature")
    if np.any(children < 0):
        raise ValueError("a node's child is not there")
    for one in (thresholds, weights, base):
        if not np.isfinite(one).all():
            raise ValueError("a number of its nodes is not finite")
    seen, level, depth = np.zeros(len(features), dtype=bool), roots, 0
    while len(level):
        if np.any(seen[level]) or len(np.unique(level)) != len(level):
            raise ValueError("a node has two parents, or is below itself")
        seen[level] = True
        inner = level[~leaf[level]]
        below = children[:, inner].ravel()
        seen[below[leaf[below]]] = True
        level, depth = below[~leaf[below]], depth + 1
        if depth > MAX_NODES:
            raise ValueError(f"a tree is deeper than {MAX_NODES} nodes, which each row would pass")
    if not np.all(seen | leaf):
        raise ValueError("a node is in no tree")
    return Trees(
        features,
        thresholds,
        modes,
        missing,
        children,
        weights,
        roots,
        depth,
        average,
        float(base[0]) if len(base) else 0.0,
    )


_READ: Final[Mapping[str, Callable[[Mapping[str, Any]], Parameters]]] = {
    "LinearRegressor": _linear,
    "Normalizer": _normalizer,
    "SVMRegressor": _svm,
    "Scaler": _scaler,
    "TreeEnsemble": _ensemble,
    "TreeEnsembleRegressor": _ensemble_regressor,
}
OPERATORS: Final = frozenset(_READ)
