"""Small models for the tests of engines, and how they are loaded."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.model import engines
from tinyvmaf.model.engines import Session, Settings

F32 = np.float32
INSTALLED = ("onnxruntime-cpu", "openvino", "opencv", "onnx-reference", "numpy", "torch-eager")
"""What the tests' environment has; the others are skipped where they are not."""

Node = tuple[str, Sequence[str], str, dict[str, Any]]


def f32(values: ArrayLike) -> NDArray[np.float32]:
    return np.array(values, F32)


def load(name: str, model: bytes, settings: Settings = Settings()) -> Session:  # noqa: B008
    engine = engines.find(name)
    here = engine.available()
    if not here.ok:
        if os.environ.get("CI") and name in INSTALLED:
            pytest.fail(here.reason)
        pytest.skip(here.reason)
    return engine.load(model, settings)


def model(
    nodes: Sequence[Node],
    constants: dict[str, NDArray[np.generic]] | None = None,
    *,
    width: int = 6,
    opset: int = 17,
    output: int = TensorProto.FLOAT,
) -> bytes:
    """A graph from `features` to `score`; 0-d constants stay 0-d."""
    graph = helper.make_graph(
        [helper.make_node(op, list(inputs), [out], **attributes) for op, inputs, out, attributes in nodes],
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", width])],
        [helper.make_tensor_value_info("score", output, ["N", 1])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("somebody.else", 1)]
    return bytes(helper.make_model(graph, opset_imports=domains, ir_version=8).SerializeToString())


def grid(weights: type = F32) -> bytes:
    """A small network on a grid: integers and powers of two, every sum below 2^24, so all of it is exact in float32."""
    rng = np.random.default_rng(0)
    constants: dict[str, NDArray[np.generic]] = {
        "scale": f32([256] * 6),
        "low": f32(-1024),
        "high": f32(8191),
        "w1": rng.integers(-8, 8, (6, 32)).astype(weights),
        "b1": rng.integers(-500, 500, 32).astype(F32),
        "s1": f32(2**-9),
        "low1": f32(-64),
        "high1": f32(64),
        "k": f32(128),
        "s2": f32(2**-4),
        "w2": rng.integers(-8, 8, (32, 1)).astype(weights),
        "b2": f32([6000]),
        "s3": f32(2**-7),
        "zero": f32(0),
        "hundred": f32(100),
    }
    return model(
        [
            ("Mul", ["features", "scale"], "a", {}),
            ("Clip", ["a", "low", "high"], "b", {}),
            ("Floor", ["b"], "c", {}),
            ("Cast", ["w1"], "w1f", {"to": TensorProto.FLOAT}),
            ("Gemm", ["c", "w1f", "b1"], "d", {}),
            ("Mul", ["d", "s1"], "e", {}),
            ("Round", ["e"], "f", {}),
            ("Clip", ["f", "low1", "high1"], "h", {}),
            ("Abs", ["h"], "i", {}),
            ("Sub", ["k", "i"], "j", {}),
            ("Mul", ["h", "j"], "l", {}),
            ("Mul", ["l", "s2"], "m", {}),
            ("Floor", ["m"], "n", {}),
            ("Cast", ["w2"], "w2f", {"to": TensorProto.FLOAT}),
            ("Gemm", ["n", "w2f", "b2"], "o", {}),
            ("Mul", ["o", "s3"], "p", {}),
            ("Clip", ["p", "zero", "hundred"], "score", {}),
        ],
        constants,
    )


def rows(count: int, width: int = 6, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng([seed, count]).uniform(-2, 2, (count, width)).astype(F32)


IDENTITY = model([("Identity", ["features"], "score", {})], width=1)
