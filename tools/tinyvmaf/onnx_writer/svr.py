"""ONNX models by the model contract: `features` float32 `[N, F]` to `score` float32 `[N, 1]`, one deterministic file.

opset 17, no external data, normalisation and clip inside the graph.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.teacher import Teacher

OPSET: Final = 17
IR_VERSION: Final = 8
INPUT: Final = "features"
OUTPUT: Final = "score"
BATCH: Final = "N"


class _Graph:
    """Collects nodes and constants; each value is named after what it is."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def model(self, name: str, n_features: int, metadata: Mapping[str, str]) -> bytes:
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, n_features])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [BATCH, 1])],
            self.constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="tinyvmaf",
        )
        helper.set_model_props(model, dict(sorted(metadata.items())))
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def svr_model(teacher: Teacher, model_id: str) -> bytes:
    """A teacher's SVR as ONNX, float64 inside: the yardstick for students.

    With z the normalised features times sqrt(gamma), and s the support vectors likewise, the RBF kernel
    exp(-gamma |x - s|^2) is exp(2 z.s - |s|^2 - |z|^2): one matrix product and no `[N, S, F]` array.

    Args:
        teacher: any teacher; of a bootstrap collection, its point estimate.
        model_id: the graph's name.

    Returns:
        The file's bytes, the same for the same teacher.
    """
    svr = teacher.svr
    graph = _Graph()
    x = graph.node("Cast", [INPUT], "features_f64", to=TensorProto.DOUBLE)
    if svr.chroma is not None:
        x = _chroma_from_luma(graph, x, svr.chroma.chroma, svr.chroma.luma, svr.chroma.factor, len(teacher.features))
    root = np.sqrt(svr.gamma)
    scaled = graph.node("Mul", [x, graph.constant("slopes", svr.slopes[1:] * root)], "scaled")
    z = graph.node("Add", [scaled, graph.constant("intercepts", svr.intercepts[1:] * root)], "normalised")
    s = svr.support_vectors * root
    dot = graph.node("MatMul", [z, graph.constant("support_vectors", 2.0 * s.T)], "twice_dot")
    shifted = graph.node("Add", [dot, graph.constant("minus_norms", -np.square(s).sum(axis=1))], "dot_less_norms")
    norm = graph.node("ReduceSumSquare", [z], "row_norm", axes=[1], keepdims=1)
    exponent = graph.node("Sub", [shifted, norm], "exponent")
    kernel = graph.node("Exp", [exponent], "kernel")
    # Denormalising is linear, so it goes into the coefficients.
    slope, intercept = svr.slopes[0], svr.intercepts[0]
    total = graph.node(
        "MatMul",
        [kernel, graph.constant("coefficients", svr.coefficients[:, None] / slope)],
        "weighted_kernel",
    )
    offset = (-svr.rho - intercept) / slope
    y = graph.node("Add", [total, graph.constant("offset", np.array([offset]))], "raw_score")
    if svr.transform is not None:
        y = _transform(graph, y, svr.transform.p0, svr.transform.p1, svr.transform.p2)
        if svr.transform.at_least_input:
            y = graph.node("Max", [y, "raw_score"], "at_least_raw")
        if svr.transform.at_most_input:
            y = graph.node("Min", [y, "raw_score"], "at_most_raw")
    if svr.clip is not None:
        low, high = (np.array(bound, dtype=np.float64) for bound in svr.clip)
        y = graph.node("Clip", [y, graph.constant("clip_low", low), graph.constant("clip_high", high)], "clipped")
    graph.node("Cast", [y], OUTPUT, to=TensorProto.FLOAT)
    return graph.model(
        model_id,
        len(teacher.features),
        {
            "feature_order": ",".join(teacher.feature_names),
            "licence": "BSD-2-Clause-Patent; coefficients Copyright Netflix, Inc.",
            "teacher": teacher.id,
            "teacher_sha256": teacher.sha256,
        },
    )


def _chroma_from_luma(graph: _Graph, x: str, chroma: int, luma: int, factor: float, n_features: int) -> str:
    pick = [graph.constant(name, np.array([i])) for name, i in (("chroma_index", chroma), ("luma_index", luma))]
    old = graph.node("Gather", [x, pick[0]], "chroma", axis=1)
    guide = graph.node("Gather", [x, pick[1]], "luma", axis=1)
    one, zero = graph.constant("one", np.ones(1)), graph.constant("zero", np.zeros(1))
    lack = graph.node("Sub", [one, guide], "luma_lack")
    new = graph.node("Mul", [lack, graph.constant("chroma_factor", np.array([factor]))], "chroma_from_luma")
    silent = graph.node("Equal", [old, zero], "chroma_is_silent")
    # The correction is added to a chroma of exactly 0, so the sum is exactly the correction.
    correction = graph.node("Where", [silent, new, zero], "correction")
    column = graph.constant("chroma_column", np.eye(n_features)[chroma : chroma + 1])
    spread = graph.node("Mul", [correction, column], "correction_in_place")
    return graph.node("Add", [x, spread], "corrected")


def _transform(graph: _Graph, y: str, p0: float, p1: float, p2: float) -> str:
    a, b, c = (graph.constant(f"p{i}", np.array([p])) for i, p in enumerate((p0, p1, p2)))
    inner = graph.node("Add", [graph.node("Mul", [y, c], "p2_y"), b], "p1_plus_p2_y")
    return graph.node("Add", [graph.node("Mul", [y, inner], "p1_y_plus_p2_y2"), a], "transformed")
