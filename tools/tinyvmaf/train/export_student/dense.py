"""Write a student as ONNX, with few nodes: at batch 1 a node costs more than its arithmetic."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import DTypeLike, NDArray
from onnx import TensorProto

from tinyvmaf.model.contract import INPUT, OUTPUT
from tinyvmaf.model.writer.graph import BATCH, Graph
from tinyvmaf.model.writer.svr import add_chroma, add_svr
from tinyvmaf.train.students import Student

_SQRT_HALF: Final = 0.5**0.5


def student_model(
    student: Student, model_id: str, metadata: Mapping[str, str] | None = None, *, arithmetic: str = "float32"
) -> bytes:
    """A student as ONNX.

    The graph first clips features to the student's limits, so that no finite input overflows. Normalisation is folded
    into the first layer. A per-clip student takes the frames of one clip per run and returns `score` `[1, 1]`.

    Args:
        model_id: the graph's name.
        metadata: written to the file in addition to `feature_order`.
        arithmetic: `float32`, or `float64` with float32 input and output.

    Returns:
        The file's bytes, the same for the same student.
    """
    graph, dtype = Graph(), np.dtype(arithmetic)
    kind = student.architecture.kind
    x = INPUT
    if kind in ("reweighted", "pooled") or dtype == np.float64:
        x, dtype = graph.node("Cast", [x], "features_f64", to=TensorProto.DOUBLE), np.dtype(np.float64)
    x = _clip(graph, x, "features_clipped", student.limits, dtype)
    if student.chroma is not None:
        x = add_chroma(graph, x, student.chroma, len(student.features), dtype)
    if kind == "reweighted":
        assert student.svr is not None
        scale, shift = student.parameters
        x = graph.node("Mul", [x, graph.constant("scale", scale)], "scaled_features")
        y = add_svr(graph, graph.node("Add", [x, graph.constant("shift", shift)], "shifted_features"), student.svr)
        graph.node("Cast", [y], OUTPUT, to=TensorProto.FLOAT)
    else:
        layers = {"attention": _attention, "pooled": _pooled}.get(kind, _dense)
        y = layers(graph, x, student, dtype)
        last = OUTPUT if dtype == np.float32 else "score_f64"
        _clip(graph, y, last, student.clip, dtype)
        if last != OUTPUT:
            graph.node("Cast", [last], OUTPUT, to=TensorProto.FLOAT)
    return graph.model(
        model_id,
        len(student.features),
        {"feature_order": ",".join(student.features), **(metadata or {})},
        rows=1 if student.architecture.per_clip else BATCH,
    )


def _clip(graph: Graph, x: str, output: str, bounds: tuple[float, float], dtype: DTypeLike) -> str:
    low, high = (
        graph.constant(f"{output}_{end}", np.array(bound, dtype=dtype))
        for end, bound in zip(("low", "high"), bounds, strict=True)
    )
    return graph.node("Clip", [x, low, high], output)


def _hidden(graph: Graph, x: str, student: Student, dtype: DTypeLike) -> tuple[str, float]:
    """The hidden layers; returns the last values, and the factor for the next layer's weights."""
    factor = 1.0
    for number, (weights, bias) in enumerate(student.layers()[:-1]):
        if student.architecture.activation == "gelu":
            # x Phi(x) with u = x / sqrt(2) is (u + u erf(u)) / sqrt(2): both factors move into the weights.
            u = _gemm(graph, x, f"layer{number}", weights * factor * _SQRT_HALF, bias * _SQRT_HALF, dtype)
            product = graph.node("Mul", [u, graph.node("Erf", [u], f"erf{number}")], f"u_erf_u{number}")
            x, factor = graph.node("Add", [u, product], f"hidden{number}"), _SQRT_HALF
        elif student.architecture.activation == "quadratic":
            c = _clip(graph, _gemm(graph, x, f"layer{number}", weights, bias, dtype), f"inside{number}", (-1, 1), dtype)
            two = graph.constant(f"two{number}", np.array(2, dtype=dtype))
            rest = graph.node("Sub", [two, graph.node("Abs", [c], f"abs{number}")], f"rest{number}")
            x = graph.node("Mul", [c, rest], f"hidden{number}")
        elif student.architecture.activation == "squared_relu":
            y = graph.node("Relu", [_gemm(graph, x, f"layer{number}", weights, bias, dtype)], f"positive{number}")
            x = graph.node("Mul", [y, y], f"hidden{number}")
        else:
            y = _gemm(graph, x, f"layer{number}", weights, bias, dtype)
            x = graph.node({"relu": "Relu", "tanh": "Tanh"}[student.architecture.activation], [y], f"hidden{number}")
    return x, factor


def _dense(graph: Graph, x: str, student: Student, dtype: DTypeLike) -> str:
    x, factor = _hidden(graph, x, student, dtype)
    weights, bias = student.layers()[-1]
    return _gemm(graph, x, "raw_score", weights * factor, bias, dtype)


def _attention(graph: Graph, x: str, student: Student, dtype: DTypeLike) -> str:
    x, factor = _hidden(graph, x, student, dtype)
    weights, bias = student.layers()[-1]
    score = _gemm(graph, x, "frame_score", weights[:, :1] * factor, bias[:1], dtype)
    logit = _gemm(graph, x, "frame_logit", weights[:, 1:] * factor, bias[1:], dtype)
    return _weighted_mean(graph, score, logit)


def _pooled(graph: Graph, x: str, student: Student, dtype: DTypeLike) -> str:
    assert student.svr is not None
    numbers, pooling = student.parameters
    score = graph.node("Mul", [add_svr(graph, x, student.svr), graph.constant("percent", np.array(0.01))], "share")
    mean = _weighted_mean(graph, score, graph.node("Mul", [score, graph.constant("pooling", pooling)], "frame_logit"))
    *lower, last = (graph.constant(f"power{i}", np.array(number, dtype=dtype)) for i, number in enumerate(numbers))
    y = graph.node("Mul", [mean, last], "term0")
    for i, power in enumerate(reversed(lower)):  # Horner's scheme
        y = graph.node("Add", [y, power], f"sum{i}")
        y = graph.node("Mul", [y, mean], f"term{i + 1}") if i < len(lower) - 1 else y
    return y


def _weighted_mean(graph: Graph, score: str, logit: str) -> str:
    """The mean over a clip's frames, weighted by the softmax of the logits."""
    weight = graph.node("Softmax", [logit], "frame_weight", axis=0)
    weighted = graph.node("Mul", [score, weight], "weighted_score")
    axes = graph.constant("frames_axis", np.array([0], dtype=np.int64))
    return graph.node("ReduceSum", [weighted, axes], "clip_score", keepdims=1)


def _gemm(
    graph: Graph, x: str, output: str, weights: NDArray[np.float64], bias: NDArray[np.float64], dtype: DTypeLike
) -> str:
    w = graph.constant(f"{output}_weights", weights.astype(dtype))
    return graph.node("Gemm", [x, w, graph.constant(f"{output}_bias", bias.astype(dtype))], output)
