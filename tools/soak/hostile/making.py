"""Hostile models made by hand: each maker writes `m.onnx` into a folder, and what lies beside it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.vmaf.features import CANONICAL

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
FEATURES = list(CANONICAL)
node, value = helper.make_node, helper.make_tensor_value_info
Maker = Callable[[Path], None]
MAKERS: dict[str, Maker] = {}


def maker(make: Maker) -> Maker:
    """One of them, by its name."""
    MAKERS[make.__name__] = make
    return make


def build(nodes: Sequence[NodeProto], weights: dict[str, Any] | None = None, **more: Any) -> ModelProto:
    """A model from `features` [N, 6] to `score` [N, 1]; nodes that come first make `x` of `features`."""
    tensors = [
        numpy_helper.from_array(np.asarray(a), n)
        for n, a in ({"w": np.ones((6, 1), np.float32)} | (weights or {})).items()
    ]
    last = [] if any("score" in n.output for n in nodes) else [node("MatMul", ["x", "w"], ["score"])]
    graph = helper.make_graph(
        [*nodes, *last], "g", [value("features", FLOAT, ["N", 6])], [value("score", FLOAT, ["N", 1])], tensors
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, **more)


def write(folder: Path, model: ModelProto | bytes, sidecar: Any = FEATURES) -> None:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    (folder / "m.onnx").write_bytes(data)
    if sidecar is not None:
        text = (
            sidecar
            if isinstance(sidecar, bytes)
            else json.dumps({"features": sidecar} if isinstance(sidecar, list) else sidecar).encode()
        )
        (folder / "m.json").write_bytes(text)


def scalar(name: str, number: Any, dtype: Any = np.int64) -> dict[str, Any]:
    return {name: np.array(number, dtype)}
