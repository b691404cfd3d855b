"""Small models that keep the contract, and the check that a spoilt one is refused."""

import re
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.model.contract import faults

FLOAT, DOUBLE, FLOAT16, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT64
Shape = Sequence[str | int | None]
ROWS: Shape = ["N", 4]
SCORES: Shape = ["N", 1]
node = helper.make_node


def value(name: str, shape: Shape | None, dtype: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def build(nodes: Sequence[NodeProto], weights: dict[str, object] | None = None) -> ModelProto:
    """A model from `features` [N, 4] to `score` [N, 1]."""
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "g", [value("features", ROWS)], [value("score", SCORES)], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def linear() -> ModelProto:
    """The smallest model that keeps the contract."""
    return build([node("MatMul", ["features", "w"], ["score"], name="layer")], {"w": np.ones((4, 1), np.float32)})


def behind(nodes: Sequence[NodeProto], weights: dict[str, object] | None = None) -> ModelProto:
    """Nodes that make `x` of `features`, in front of the smallest model."""
    weights = {"w": np.ones((4, 1), np.float32)} | (weights or {})
    return build([*nodes, node("MatMul", ["x", "w"], ["score"], name="layer")], weights)


def dumps(model: ModelProto) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


def weight(model: ModelProto) -> TensorProto:
    found: TensorProto = model.graph.initializer[0]
    return found


MLP: dict[str, object] = {
    "a": np.ones((16, 4), np.float32),
    "b": np.zeros(16, np.float32),
    "c": np.ones((16, 1), np.float32),
    "low": np.float32(0),
    "high": np.float32(100),
}
SOUND = {
    "linear": linear(),
    "mlp": build(
        [
            node("Gemm", ["features", "a", "b"], ["h"], transB=1),
            node("Sigmoid", ["h"], ["gate"]),
            node("Mul", ["h", "gate"], ["z"]),
            node("MatMul", ["z", "c"], ["y"]),
            node("Clip", ["y", "low", "high"], ["score"]),
        ],
        MLP,
    ),
    "float16_weights": behind(
        [node("Cast", ["v"], ["v32"], to=FLOAT), node("Mul", ["features", "v32"], ["x"])], {"v": np.ones(4, np.float16)}
    ),
    "int8_weights": behind(
        [node("Cast", ["v"], ["v32"], to=FLOAT), node("Mul", ["features", "v32"], ["x"])], {"v": np.ones(4, np.int8)}
    ),
    "constants": behind(
        [
            node("Constant", [], ["axis"], value_ints=[1]),
            node("Constant", [], ["k"], value_float=2.0),
            node("ReduceMean", ["features"], ["mean"], axes=[1]),
            node("Mul", ["mean", "k"], ["m"]),
            node("Squeeze", ["m", "axis"], ["flat"]),
            node("Unsqueeze", ["flat", "axis"], ["column"]),
            node("Add", ["column", "features"], ["x"]),
        ]
    ),
    "attention_over_frames": behind(
        [
            node("MatMul", ["features", "w"], ["logit"]),
            node("Softmax", ["logit"], ["share"], axis=0),
            node("Transpose", ["share"], ["row"]),
            node("MatMul", ["row", "features"], ["pooled"]),
            node("Add", ["pooled", "features"], ["x"]),
        ]
    ),
    "reshape_that_keeps_frames": behind([node("Reshape", ["features", "to"], ["x"])], {"to": np.array([0, -1])}),
}


def refused(model: ModelProto | bytes, *reasons: str) -> None:
    """Each reason, a regular expression, is in a fault."""
    found = "\n".join(faults(model if isinstance(model, bytes) else dumps(model)))
    for reason in reasons:
        assert re.search(reason, found), found or "no fault"


def subgraphs() -> dict[str, NodeProto]:
    scalar, flag = value("s", []), value("keep", [], TensorProto.BOOL)
    branch = helper.make_graph([node("Identity", ["features"], ["y"])], "branch", [], [value("y", ROWS)])
    step = [value("i", [], INT64), value("go", [], TensorProto.BOOL), value("state", ROWS)]
    body = helper.make_graph(
        [node("Identity", ["go"], ["keep"]), node("Relu", ["state"], ["y"])], "body", step, [flag, value("y", ROWS)]
    )
    scan = helper.make_graph([node("Relu", ["row"], ["s"])], "scan", [value("row", [4])], [scalar])
    return {
        "If": node("If", ["condition"], ["x"], then_branch=branch, else_branch=branch),
        "Loop": node("Loop", ["count", "condition", "features"], ["x"], body=body),
        "Scan": node("Scan", ["features"], ["x"], body=scan, num_scan_inputs=1),
    }


# Data.


def external(tensor: TensorProto, location: str | None) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    if location is not None:
        tensor.external_data.add(key="location", value=location)
