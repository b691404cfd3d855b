"""Third-party models for tests: a small network under names, opsets and habits of its own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.vmaf.features import CANONICAL

RANDOM = np.random.default_rng(7)
W1 = RANDOM.normal(0, 0.5, (6, 8)).astype(np.float32)
B1 = RANDOM.normal(0, 0.5, 8).astype(np.float32)
W2 = RANDOM.normal(0, 9, (8, 1)).astype(np.float32)
B2 = np.array([60], dtype=np.float32)


def network(
    *,
    opset: int = 17,
    rank: int = 2,
    double: bool = False,
    batch: str | int = "batch",
    names: tuple[str, str] = ("input", "vmaf"),
    ir: int | None = None,
) -> onnx.ModelProto:
    """A network of one hidden layer; `double` takes and gives float64. Before opset 9 weights are inputs too."""
    kind, dtype = (TensorProto.DOUBLE, np.float64) if double else (TensorProto.FLOAT, np.float32)
    weights: dict[str, np.ndarray] = {"w1": W1, "b1": B1, "w2": W2, "b2": B2}
    nodes = [
        helper.make_node("Gemm", [names[0], "w1", "b1"], ["a"]),
        helper.make_node("Sigmoid" if not double else "Tanh", ["a"], ["h"]),
        helper.make_node("MatMul", ["h", "w2"], ["m"]),
        helper.make_node("Add", ["m", "b2"], ["z"]),
    ]
    last = names[1] if rank == 2 else "c"
    if opset >= 11:
        nodes.append(helper.make_node("Clip", ["z", "low", "high"], [last]))
        weights |= {"low": np.array(0, np.float32), "high": np.array(100, np.float32)}
    else:
        nodes.append(helper.make_node("Clip", ["z"], [last], min=0.0, max=100.0))
    initializers = [numpy_helper.from_array(np.asarray(value, dtype=dtype), name) for name, value in weights.items()]
    if rank == 1 and opset >= 13:
        nodes.append(helper.make_node("Squeeze", ["c", "axes"], [names[1]]))
        initializers.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "axes"))
    elif rank == 1:
        nodes.append(helper.make_node("Squeeze", ["c"], [names[1]], axes=[1]))
    shape = [batch, 1] if rank == 2 else [batch]
    inputs = [helper.make_tensor_value_info(names[0], kind, [batch, 6])]
    model_ir = ir or (3 if opset < 9 else 8)
    if model_ir < 4:
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in initializers]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info(names[1], kind, shape)], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="pytorch")
    model.ir_version = model_ir
    return model


def truth(rows: np.ndarray, *, double: bool = False) -> np.ndarray:
    """What `network` gives for rows in its own order, in float64."""
    a = rows.astype(np.float64) @ W1 + B1
    h = np.tanh(a) if double else 1 / (1 + np.exp(-a))
    return np.clip(h @ W2 + B2, 0, 100).reshape(-1)


def write(folder: Path, model: onnx.ModelProto, sidecar: dict[str, Any] | None = None, name: str = "theirs") -> Path:
    """A model file, with its sidecar if there is one."""
    path = folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    if sidecar is not None:
        path.with_suffix(".json").write_text(json.dumps(sidecar), encoding="utf-8")
    return path


PLAIN = {"features": list(CANONICAL)}
