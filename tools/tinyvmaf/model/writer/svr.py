"""Writes a teacher's SVR as ONNX with float64 inside. Students are compared with it."""

import numpy as np
from numpy.typing import DTypeLike, NDArray
from onnx import TensorProto

from tinyvmaf.model.contract import INPUT, OUTPUT
from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.model.writer.svr_exact import add_exact_svr, has_exact_form
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.domain.teacher_domain import NO_GAIN_END
from tinyvmaf.vmaf.teacher import Teacher
from tinyvmaf.vmaf.teacher.svr import ChromaFromLuma, Svr


def svr_model(teacher: Teacher, model_id: str) -> bytes:
    """A teacher's SVR as ONNX, with float64 inside.

    If the SVR has an exact form (`svr_exact`), no operation rounds. Otherwise, let z be the normalised features times
    sqrt(gamma), and s the support vectors times sqrt(gamma). Then the RBF kernel is exp(2 z.s - |s|^2 - |z|^2), which
    takes one matrix product and no `[N, S, F]` array.

    Args:
        teacher: any teacher. For a bootstrap collection, its point estimate is used.
        model_id: the graph's name.

    Returns:
        The file's bytes, always the same for a teacher.
    """
    graph = Graph()
    if has_exact_form(teacher.svr):
        add_exact_svr(graph, teacher.svr, upper_ends(teacher))
    else:
        y = add_svr(graph, graph.node("Cast", [INPUT], "features_f64", to=TensorProto.DOUBLE), teacher.svr)
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


def upper_ends(teacher: Teacher) -> NDArray[np.float64]:
    """Each feature's upper end for `add_exact_svr`, `[F]`.

    ADM and VIF reach theirs without enhancement. The clip at twice of it is beyond their ends in the domain.
    """
    low, ends = Domain(teacher.features).bounds()
    if (rule := teacher.svr.chroma) is not None:  # the replacement of silent chroma
        ends[rule.chroma] = max(ends[rule.chroma], rule.factor * (1.0 - low[rule.luma]))
    return np.where(ends < 2.0 * NO_GAIN_END, np.minimum(ends, NO_GAIN_END), ends)


def add_svr(graph: Graph, x: str, svr: Svr) -> str:
    """Add an SVR after float64 features `[N, F]`; returns the transformed and clipped score, float64 `[N, 1]`."""
    if svr.chroma is not None:
        x = add_chroma(graph, x, svr.chroma, svr.support_vectors.shape[1], np.float64)
    root = np.sqrt(svr.gamma)
    scaled = graph.node("Mul", [x, graph.constant("slopes", svr.slopes[1:] * root)], "scaled")
    z = graph.node("Add", [scaled, graph.constant("intercepts", svr.intercepts[1:] * root)], "normalised")
    s = svr.support_vectors * root
    dot = graph.node("MatMul", [z, graph.constant("support_vectors", 2.0 * s.T)], "twice_dot")
    shifted = graph.node("Add", [dot, graph.constant("minus_norms", -np.square(s).sum(axis=1))], "dot_less_norms")
    norm = graph.node("ReduceSumSquare", [z], "row_norm", axes=[1], keepdims=1)
    exponent = graph.node("Sub", [shifted, norm], "exponent")
    kernel = graph.node("Exp", [exponent], "kernel")
    # Denormalisation is linear, so the coefficients include it.
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
    return y


def add_chroma(graph: Graph, x: str, rule: ChromaFromLuma, n_features: int, dtype: DTypeLike) -> str:
    """Add the correction of a chroma feature that is 0 after features `[N, F]`; returns the corrected features."""
    pick = [
        graph.constant(name, np.array([i])) for name, i in (("chroma_index", rule.chroma), ("luma_index", rule.luma))
    ]
    old = graph.node("Gather", [x, pick[0]], "chroma", axis=1)
    guide = graph.node("Gather", [x, pick[1]], "luma", axis=1)
    one, zero = graph.constant("one", np.ones(1, dtype=dtype)), graph.constant("zero", np.zeros(1, dtype=dtype))
    lack = graph.node("Sub", [one, guide], "luma_lack")
    factor = graph.constant("chroma_factor", np.array([rule.factor], dtype=dtype))
    new = graph.node("Mul", [lack, factor], "chroma_from_luma")
    silent = graph.node("Equal", [old, zero], "chroma_is_silent")
    # The chroma is exactly 0 here, so the sum is exactly the correction.
    correction = graph.node("Where", [silent, new, zero], "correction")
    column = graph.constant("chroma_column", np.eye(n_features, dtype=dtype)[rule.chroma : rule.chroma + 1])
    spread = graph.node("Mul", [correction, column], "correction_in_place")
    return graph.node("Add", [x, spread], "corrected")


def _transform(graph: Graph, y: str, p0: float, p1: float, p2: float) -> str:
    a, b, c = (graph.constant(f"p{i}", np.array([p])) for i, p in enumerate((p0, p1, p2)))
    inner = graph.node("Add", [graph.node("Mul", [y, c], "p2_y"), b], "p1_plus_p2_y")
    return graph.node("Add", [graph.node("Mul", [y, inner], "p1_y_plus_p2_y2"), a], "transformed")
