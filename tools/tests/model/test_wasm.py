"""Exact models as WebAssembly: in Node.js, the bits of ONNX Runtime."""

import base64

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model import registry
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.engines.session import all_outputs
from tinyvmaf.model.wasm import CAPACITY, wasm_module
from tinyvmaf.model.wasm.binary import signed, unsigned
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_teacher

from ..node import run_node

F32 = np.finfo(np.float32)
EXTREMES = np.array(
    [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1e3,
        F32.max,
        -F32.max,
        F32.tiny,
        F32.smallest_subnormal,
        -F32.smallest_subnormal,
        2.0**-100,
    ],
    dtype=np.float32,
)
SCORE = """
const bytes = text => Uint8Array.from(Buffer.from(text, "base64")), { width, many, capacity } = given;
const { memory, run } = new WebAssembly.Instance(new WebAssembly.Module(bytes(given.wasm))).exports;
const floats = new Float32Array(memory.buffer), rows = new Float32Array(bytes(given.rows).buffer), out = [];
for (let start = 0; start < rows.length / width; start += capacity) {
  const count = Math.min(capacity, rows.length / width - start);
  floats.set(rows.subarray(start * width, (start + count) * width));
  run(count);
  out.push(Buffer.from(memory.buffer.slice(4 * capacity * width, 4 * (capacity * width + count * many))));
}
answer = Buffer.concat(out).toString("base64");
"""


def in_node(model: bytes, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outputs `[N, K]` of a model's module."""
    module = wasm_module(model)
    shape = {"width": module.features, "many": len(module.outputs), "capacity": CAPACITY}
    sent = {"wasm": base64.b64encode(module.data).decode(), "rows": base64.b64encode(rows.tobytes()).decode()}
    return np.frombuffer(base64.b64decode(run_node(SCORE, shape | sent)), np.float32).reshape(-1, len(module.outputs))


def adversarial(rows: NDArray[np.float64], seed: int = 0) -> NDArray[np.float32]:
    """The rows, then rows of extremes, and of any finite bits."""
    rng, width = np.random.default_rng(seed), rows.shape[1]
    bits = rng.integers(0, 2**32, (2000, width), dtype=np.uint32).view(np.float32)
    parts = [rows, rng.choice(EXTREMES, (2000, width)), bits[np.isfinite(bits).all(axis=1)]]
    return np.concatenate([part.astype(np.float32) for part in parts])


def both(model: bytes, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The outputs `[N, K]` in Node.js and of ONNX Runtime."""
    return in_node(model, rows), np.asarray(all_outputs(OnnxRuntimeCpu(model), rows)).reshape(len(rows), -1)


STUDENTS = [one.id for one in registry.subjects() if one.sidecar.exact.in_float64 and one.sidecar.training]


@pytest.mark.parametrize("model_id", STUDENTS)
def test_every_bit_is_that_of_onnx_runtime(model_id: str, ffmpeg: FFmpeg) -> None:
    """Rows of the domain, huge, negative and subnormal features, and -0. Some compute in float64."""
    model = registry.find(model_id)
    rows = Domain(load_teacher(ffmpeg, model.teacher_id).features).sample(3000, 0)
    found, expected = both(model.data, adversarial(rows))
    assert (found.view(np.uint32) == expected.view(np.uint32)).all()


def graph(nodes: list[onnx.NodeProto], outputs: int = 1, **constants: ArrayLike) -> bytes:
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info(f"out{k}", TensorProto.FLOAT, ["N", 1]) for k in range(outputs)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


ONE, STEPS = np.float32(1), np.array([0, 256], np.float32)
GRID = [
    helper.make_node("Mul", ["features", "scale"], ["scaled"]),
    helper.make_node("Clip", ["scaled", "low", "high"], ["clipped"]),
    helper.make_node("Floor", ["clipped"], ["steps"]),
]
CONSTANTS = {"scale": np.float32(256), "low": STEPS[0], "high": STEPS[1]}
SUM = np.array([[3, -5], [0, 7]], np.float32)


def test_selections_and_a_second_output_are_written() -> None:
    """As in students with a rule for silent chroma, in those that state an interval, and in adopted files."""
    model = graph(
        [
            helper.make_node("Gather", ["features", "order"], ["ordered"], axis=1),
            helper.make_node("Mul", ["ordered", "scale"], ["scaled"]),
            *GRID[1:],
            helper.make_node("Less", ["features", "one"], ["below"]),
            helper.make_node("MatMul", ["steps", "weights"], ["sums"]),
            helper.make_node("Where", ["below", "sums", "steps"], ["chosen"]),
            helper.make_node("Gemm", ["chosen", "last"], ["out0"], transB=1),
            helper.make_node("Slice", ["steps", "from", "to", "axis"], ["first"]),
            helper.make_node("ReduceMin", ["chosen"], ["least"], axes=[1], keepdims=1),
            helper.make_node("Min", ["first", "least"], ["out1"]),
        ],
        outputs=2,
        **CONSTANTS,
        order=np.array([1, 0]),
        one=ONE,
        weights=SUM,
        last=np.array([[1, -2]], np.float32),
        **{"from": np.array([0]), "to": np.array([1]), "axis": np.array([1])},
    )
    found, expected = both(model, adversarial(np.random.default_rng(1).uniform(0, 2, (5000, 2))))
    np.testing.assert_array_equal(found, expected)  # where -0 is 0: one output is the smaller of two that were clipped


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (helper.make_node("Gemm", ["features", "column"], ["out0"]), "not proven exact, so WebAssembly may give other"),
        (
            helper.make_node("ReduceSum", ["steps", "axis"], ["out0"], keepdims=1),
            "no WebAssembly is written for Reduce",
        ),
        (helper.make_node("Gemm", ["steps", "column"], ["out0"], alpha=2.0), "a Gemm with alpha, beta or transA"),
    ],
)
def test_what_is_not_exact_or_not_known_is_refused(last: onnx.NodeProto, message: str) -> None:
    model = graph([*GRID, last], **CONSTANTS, column=np.array([[0.1], [2]], np.float32).round(), axis=np.array([1]))
    if "exact" in message:
        model = graph([last], column=np.array([[0.1], [0.3]], np.float32))
    with pytest.raises(ModelError, match=message):
        wasm_module(model)


def test_the_same_file_gives_the_same_module() -> None:
    data = registry.find("tinyvmaf_nano").data
    assert wasm_module(data).data == wasm_module(data).data
    assert len(wasm_module(data).data) < 10_000


@given(st.integers(-(2**31), 2**31 - 1))
def test_integers_are_written_in_leb128(value: int) -> None:
    def read(data: bytes) -> int:
        assert [byte >> 7 for byte in data] == [1] * (len(data) - 1) + [0]
        return sum((byte & 0x7F) << 7 * n for n, byte in enumerate(data))

    assert read(unsigned(abs(value))) == abs(value)
    data, bits = signed(value), 7 * len(signed(value))
    found = read(data)
    assert (found - 2**bits if found >> (bits - 1) else found) == value
