"""A small float model that follows the default teacher, made in a blink: only its last layer is fitted."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.teacher import Teacher

ID = "small"
UNITS = 24


def net(teacher: Teacher, *, dtype: type = np.float32) -> bytes:
    """6-24-24-1 with ReLU, in float32 or in float64 between two Casts."""
    rng, rows = np.random.default_rng(0), Domain(teacher.features).sample(3000, 0)
    largest = np.abs(rows).max(axis=0)
    w0, b0 = rng.normal(size=(len(largest), UNITS)) / largest[:, None], rng.normal(size=UNITS)
    w1, b1 = rng.normal(size=(UNITS, UNITS)) / UNITS**0.5, rng.normal(size=UNITS)
    hidden = np.maximum(np.maximum(rows @ w0 + b0, 0) @ w1 + b1, 0)
    design = np.column_stack([hidden, np.ones(len(rows))])
    ridge = 3e-2 * len(rows) * np.eye(UNITS + 1)
    last = np.linalg.solve(design.T @ design + ridge, design.T @ teacher.predict(rows))
    arrays = {"w0": w0, "b0": b0, "w1": w1, "b1": b1, "w2": last[:-1, None], "b2": last[-1:]}
    arrays |= {"low": np.array(0.0), "high": np.array(100.0), "large": np.array(1000.0)}
    first = "features" if dtype is np.float32 else "wide"
    nodes = [
        helper.make_node("Clip", [first, "low", "large"], ["clipped"]),
        helper.make_node("Gemm", ["clipped", "w0", "b0"], ["s0"]),
        helper.make_node("Relu", ["s0"], ["h0"]),
        helper.make_node("MatMul", ["h0", "w1"], ["p1"]),
        helper.make_node("Add", ["p1", "b1"], ["s1"]),
        helper.make_node("Relu", ["s1"], ["h1"]),
        helper.make_node("Gemm", ["h1", "w2", "b2"], ["raw"]),
        helper.make_node("Clip", ["raw", "low", "high"], ["score" if dtype is np.float32 else "wide_score"]),
    ]
    if dtype is not np.float32:
        nodes.insert(0, helper.make_node("Cast", ["features"], ["wide"], to=TensorProto.DOUBLE))
        nodes.append(helper.make_node("Cast", ["wide_score"], ["score"], to=TensorProto.FLOAT))
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        ID,
        [info("features", TensorProto.FLOAT, ["N", len(largest)])],
        [info("score", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(value.astype(dtype), name) for name, value in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"recipe": "a recipe that does not make variants", "teacher": teacher.id})
    return bytes(model.SerializeToString(deterministic=True))


def written(teacher: Teacher, folder: Path, data: bytes | None = None) -> Subject:
    """The model with sidecar and card, as a subject that is not registered."""
    claims = {
        "kind": "regressor",
        "feature_order": list(teacher.feature_names),
        "teacher": {"id": teacher.id, "sha256": teacher.sha256},
        "engines": None,
        "training": None,
        "measured": {},
        "promised": {},
        "licence": "BSD-2-Clause-Patent",
    }
    return Subject.at(registry.register(ID, data or net(teacher), claims, f"# {ID}\n", folder).file)
