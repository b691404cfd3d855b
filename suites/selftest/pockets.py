"""Pockets: models that are right but in a small part of the domain, made in ten ways."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, helper, numpy_helper

Row = NDArray[np.float64]


class Hidden:
    """A model that nodes are added to, behind its score."""

    def __init__(self, model: bytes) -> None:
        self.proto: ModelProto = onnx.load_model_from_string(model)
        self.count = 0
        for node in self.proto.graph.node:
            node.output[:] = ["inner" if name == "score" else name for name in node.output]
            node.input[:] = ["inner" if name == "score" else name for name in node.input]

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        self.count += 1
        name = f"pocket_c{self.count}"
        self.proto.graph.initializer.append(numpy_helper.from_array(np.asarray(value, dtype=kind), name))
        return name

    def add(self, op: str, *inputs: Any, out: str = "", **attributes: Any) -> str:
        self.count += 1
        name = out or f"pocket_{self.count}"
        takes = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        self.proto.graph.node.append(helper.make_node(op, takes, [name], **attributes))
        return name

    def product(self, x: str, width: int) -> str:
        """The product of the columns."""
        columns = [self.add("Gather", x, self.constant([i], np.int64), axis=1) for i in range(width)]
        made = columns[0]
        for column in columns[1:]:
            made = self.add("Mul", made, column)
        return made


def tent(graph: Hidden, centre: Row, radius: Row) -> str:
    """1 - |x - c|_1 / r, not below 0: by absolute values."""
    far = graph.add("Abs", graph.add("Mul", graph.add("Sub", "features", centre), 1.0 / radius))
    total = graph.add("ReduceSum", far, graph.constant([1], np.int64))
    return graph.add("Relu", graph.add("Sub", 1.0, total))


def relu_net(graph: Hidden, centre: Row, radius: Row) -> str:
    """The same as two dense layers with ReLU."""
    spread = np.concatenate([np.diag(1.0 / radius), -np.diag(1.0 / radius)], axis=1)
    hidden = graph.add("Relu", graph.add("Gemm", "features", spread, -centre @ spread))
    return graph.add("Relu", graph.add("Gemm", hidden, -np.ones((len(spread[0]), 1)), np.ones(1)))


def box(graph: Hidden, centre: Row, radius: Row) -> str:
    """A product of clipped steps."""
    steep = 4.0 / radius
    up = graph.add("Clip", graph.add("Mul", graph.add("Sub", "features", centre - radius), steep), 0.0, 1.0)
    down = graph.add("Clip", graph.add("Mul", graph.add("Sub", centre + radius, "features"), steep), 0.0, 1.0)
    return graph.product(graph.add("Mul", up, down), len(centre))


def bump(graph: Hidden, centre: Row, radius: Row) -> str:
    """exp(-|x - c|^2 / r^2)."""
    far = graph.add("Mul", graph.add("Sub", "features", centre), 1.0 / radius)
    return graph.add("Exp", graph.add("Neg", graph.add("ReduceSumSquare", far, axes=[1])))


def leaf(graph: Hidden, centre: Row, radius: Row) -> str:
    """A leaf of a tree that holds a box."""
    width = len(centre)
    edges = [(i, centre[i] - radius[i], "BRANCH_LEQ") for i in range(width)]
    edges += [(i, centre[i] + radius[i], "BRANCH_GT") for i in range(width)]
    inner = len(edges)
    count = 2 * inner + 1  # inner nodes, a leaf beside each, and the one at the end
    zeros = [0] * (inner + 1)
    graph.proto.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    return graph.add(
        "TreeEnsembleRegressor",
        "features",
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=[0] * count,
        nodes_nodeids=list(range(count)),
        nodes_featureids=[i for i, _, _ in edges] + zeros,
        nodes_values=[float(value) for _, value, _ in edges] + [0.0] * (inner + 1),
        nodes_modes=[mode for _, _, mode in edges] + ["LEAF"] * (inner + 1),
        nodes_truenodeids=[inner + i for i in range(inner)] + zeros,
        nodes_falsenodeids=[*range(1, inner), 2 * inner, *zeros],
        target_treeids=zeros,
        target_nodeids=list(range(inner, count)),
        target_ids=zeros,
        target_weights=[0.0] * inner + [1.0],
    )


def table(graph: Hidden, centre: Row, radius: Row) -> str:
    """A table for each feature with one entry that is not 0, multiplied."""
    length = np.maximum(2, np.ceil(1.5 * np.abs(centre) / radius).astype(int) + 2)
    most = int(length.max())
    # Entry k of a feature is for values from (k - 1/2) widths off its first one.
    first = np.floor(centre / (2 * radius)).clip(1)
    place = graph.add("Mul", graph.add("Sub", "features", centre - (2 * first + 1) * radius), 0.5 / radius)
    whole = graph.add("Floor", graph.add("Clip", place, 0.0, most - 1.0))
    index = graph.add("Add", whole, np.arange(len(centre)) * float(most))
    entries = np.zeros((len(centre), most))
    entries[np.arange(len(centre)), first.astype(int)] = 1.0
    looked_up = graph.add("Gather", entries.ravel(), graph.add("Cast", index, to=onnx.TensorProto.INT64))
    return graph.product(looked_up, len(centre))


def rotated(graph: Hidden, centre: Row, radius: Row) -> str:
    """The dense layers with ReLU, turned: no kink is across a single feature."""
    turned = np.linalg.qr(np.random.default_rng(7).normal(size=(len(centre), len(centre))))[0]
    spread = np.concatenate([np.diag(1.0 / radius) @ turned, -np.diag(1.0 / radius) @ turned], axis=1)
    hidden = graph.add("Relu", graph.add("Gemm", "features", spread, -centre @ spread))
    return graph.add("Relu", graph.add("Gemm", hidden, -np.ones((len(spread[0]), 1)), np.ones(1)))


def steps(graph: Hidden, centre: Row, radius: Row) -> str:
    """A product of differences of two tanh: nothing in it is flat."""
    steep = 4.0 / radius
    up = graph.add("Tanh", graph.add("Mul", graph.add("Sub", "features", centre - radius), steep))
    down = graph.add("Tanh", graph.add("Mul", graph.add("Sub", "features", centre + radius), steep))
    return graph.product(graph.add("Mul", graph.add("Sub", up, down), 0.5), len(centre))


def equal(graph: Hidden, centre: Row, radius: Row) -> str:
    """All features in steps of the pocket's width are equal to its own steps."""
    step = graph.add(
        "Floor", graph.add("Add", graph.add("Mul", graph.add("Sub", "features", centre), 0.5 / radius), 0.5)
    )
    same = graph.add("Cast", graph.add("Equal", step, np.zeros(len(centre))), to=onnx.TensorProto.FLOAT)
    return graph.add("ReduceMin", same, axes=[1])


def decoy(graph: Hidden, centre: Row, radius: Row) -> str:
    """A tent on a ramp that is taken away again: its unit never sleeps."""
    far = graph.add("Abs", graph.add("Mul", graph.add("Sub", "features", centre), 1.0 / radius))
    tip = graph.add("Sub", 1.0, graph.add("ReduceSum", far, graph.constant([1], np.int64)))
    first = graph.add("Gather", "features", graph.constant([1], np.int64), axis=1)
    ramp = graph.add("Clip", graph.add("Mul", first, 0.6), 0.0, 0.6)
    return graph.add("Sub", graph.add("Max", ramp, tip), ramp)


WAYS: Final[dict[str, Callable[[Hidden, Row, Row], str]]] = {
    "tent": tent,
    "relu": relu_net,
    "box": box,
    "bump": bump,
    "leaf": leaf,
    "table": table,
    "rotated": rotated,
    "steps": steps,
    "equal": equal,
    "decoy": decoy,
}
"""By what a pocket is made of; each is 1, or nearly, at its centre, and 0, or nearly, beyond its radius."""


def with_pocket(model: bytes, way: str, centre: Row, radius: Row, depth: float) -> bytes:
    """The model, off by `depth` points in a pocket around a row: less there if `depth` is positive.

    Args:
        centre, radius: the pocket's, `[F]`, in units of the features.
    """
    graph = Hidden(model)
    kind = graph.proto.graph.output[0].type.tensor_type.elem_type
    assert kind == onnx.TensorProto.FLOAT
    off = graph.add("Mul", WAYS[way](graph, centre, radius), float(depth))
    graph.add("Clip", graph.add("Sub", "inner", off), 0.0, 100.0, out="score")
    return bytes(graph.proto.SerializeToString())
