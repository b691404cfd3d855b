"""Small graphs for the tests of the certificate."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.model.certificate import ExactnessCertificate, certify

FLOAT, DOUBLE, INT64, BOOL = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.BOOL
LIMIT = 2**24


def node(op: str, takes: Sequence[str], makes: str | Sequence[str], **attributes: Any) -> NodeProto:
    outputs = [makes] if isinstance(makes, str) else list(makes)
    return helper.make_node(op, takes, outputs, outputs[0], **attributes)


def build(
    nodes: Sequence[NodeProto],
    constants: dict[str, Any] | None = None,
    *,
    width: int = 2,
    shape: Sequence[Any] | None = None,
    output: int = FLOAT,
    opset: int = 17,
) -> bytes:
    """A graph from `x` `[N, width]` to `y`; Python numbers become float32, arrays keep their type."""
    tensors = [
        numpy_helper.from_array(v if isinstance(v, np.ndarray) else np.array(v, dtype=np.float32), name)
        for name, v in (constants or {}).items()
    ]
    shape = ["N", width] if shape is None else shape
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info("y", output, ["N", "M"])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())


def integers(low: float, high: float) -> tuple[list[NodeProto], dict[str, Any]]:
    """Nodes that make integers `q` within bounds from the features, and their constants."""
    return [node("Round", ["x"], "q0"), node("Clip", ["q0", "low", "high"], "q")], {"low": low, "high": high}


def behind(
    nodes: Sequence[NodeProto],
    constants: dict[str, Any] | None = None,
    *,
    q: tuple[float, float] = (0, 255),
    **how: Any,
) -> ExactnessCertificate:
    """The certificate of nodes after integers `q`, 0 to 255 by default."""
    before, bounds = integers(*q)
    return certify(build([*before, *nodes], bounds | (constants or {}), **how))


def refused(found: ExactnessCertificate, reason: str, op: str = "") -> None:
    assert not found.certified
    assert found.broken is not None
    assert re.search(reason, found.broken.why), found.broken
    assert op in found.broken.op
    assert not found.flush_to_zero_safe or found.exact_in_float64


def weights(*rows: Sequence[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)
