"""The SVR as ONNX is the teacher: same scores, the contract's shape, the same bytes each time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from syrupy.assertion import SnapshotAssertion

from tinyvmaf.errors import ModelError
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.writer import svr_model
from tinyvmaf.model.writer.svr_exact import has_exact_form
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

FLOAT32_NEAR_100 = 3.9e-6  # half a step of float32 below 128
EXACT_FORM = 5e-5  # what exact operations cost; test_svr_exact.py has the figures


def taken(data: bytes, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Rows as a graph takes them: the exact form clips features first, far outside of the domain."""
    found = {c.name: numpy_helper.to_array(c) for c in onnx.load_model_from_string(data).graph.initializer}
    exact = rows.astype(np.float64)
    return np.clip(exact, 0.0, found["scaled_clipped_high"] / found["scales"]) if "scales" in found else exact


@pytest.mark.parametrize("name", KNOWN)
def test_round_trip_against_float64(name: str, ffmpeg: FFmpeg) -> None:
    """10,000 rows of the teacher's domain, and extremes."""
    teacher = load_built_in(ffmpeg, name)
    extremes = [np.full(len(teacher.features), v) for v in (0, 1, -1, 1e-30, 1e3, -1e3, 1e6)]
    rows = np.concatenate(
        [Domain(teacher.features).sample(10_000, 1).astype(np.float32), np.array(extremes, dtype=np.float32)]
    )
    data = svr_model(teacher, "m")
    asked = taken(data, rows)
    assert np.array_equal(asked[:10_000], rows[:10_000])
    difference = np.abs(OnnxRuntimeCpu(data).run(rows) - teacher.predict(asked))
    assert difference.max() <= (EXACT_FORM if has_exact_form(teacher.svr) else FLOAT32_NEAR_100)


def test_chroma_without_information_goes_the_same_way_in_the_graph(ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg, "vmaf_v1.0.16_3d0h")
    rows = Domain(teacher.features).sample(1000, 2).astype(np.float32)
    rows[::2, 1] = 0.0
    forms = {
        EXACT_FORM: teacher,
        FLOAT32_NEAR_100: replace(teacher, svr=replace(teacher.svr, clip=None)),
    }
    for most, one in forms.items():
        difference = np.abs(OnnxRuntimeCpu(svr_model(one, "m")).run(rows) - one.predict(rows))
        assert difference.max() <= most


def test_the_same_teacher_gives_the_same_bytes(ffmpeg: FFmpeg) -> None:
    teacher = load_built_in(ffmpeg)
    assert svr_model(teacher, "m") == svr_model(teacher, "m")


@pytest.mark.parametrize("name", ["vmaf_v0.6.1", "vmaf_v1.0.16_3d0h"])
def test_structure(name: str, ffmpeg: FFmpeg, snapshot: SnapshotAssertion) -> None:
    """Nodes, constants and metadata: no value but what names the teacher."""
    model = onnx.load_model_from_string(svr_model(load_built_in(ffmpeg, name), "m"))
    assert {
        "ir": model.ir_version,
        "opset": [(o.domain, o.version) for o in model.opset_import],
        "nodes": [f"{node.op_type}({', '.join(node.input)}) -> {', '.join(node.output)}" for node in model.graph.node],
        "constants": {
            c.name: [onnx.TensorProto.DataType.Name(c.data_type), list(c.dims)] for c in model.graph.initializer
        },
        "metadata": {entry.key: entry.value for entry in model.metadata_props},
    } == snapshot


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    with pytest.raises(ModelError, match=r"a\.onnx: ONNX Runtime .* cannot load it"):
        OnnxRuntimeCpu(path)
    path.write_bytes(b"\x08\x08hostile")
    with pytest.raises(ModelError, match=r"a\.onnx: ONNX Runtime .* cannot load it"):
        OnnxRuntimeCpu(path)


Info = tuple[str, list[str | int | None]]


def graph(
    node: str,
    inputs: list[Info],
    outputs: list[Info],
    **extra: Any,
) -> bytes:
    def infos(entries: list[Info]) -> list[onnx.ValueInfoProto]:
        return [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n, shape in entries]

    made = onnx.helper.make_node(node, [n for n, _ in inputs], [n for n, _ in outputs], **extra)
    model = onnx.helper.make_model(
        onnx.helper.make_graph([made], "g", infos(inputs), infos(outputs)),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=8,
    )
    return bytes(model.SerializeToString())


def test_a_model_of_another_form_is_refused() -> None:
    with pytest.raises(ModelError, match="2 inputs"):
        OnnxRuntimeCpu(graph("Add", [("a", ["N", 1]), ("b", ["N", 1])], [("c", ["N", 1])]))
    with pytest.raises(ModelError, match=r"gave float32 \[3, 2\] for 3 rows"):
        OnnxRuntimeCpu(graph("Identity", [("a", ["N", 2])], [("c", ["N", 2])])).run(np.zeros((3, 2)))


def test_a_score_that_is_not_finite_is_refused_with_its_row() -> None:
    with pytest.raises(ModelError, match=r"gave -?inf for row 1: \[0\.0\]"):
        OnnxRuntimeCpu(graph("Reciprocal", [("a", ["N", 1])], [("c", ["N", 1])])).run([[1.0], [0.0]])


def test_rows_of_another_width_are_refused(ffmpeg: FFmpeg) -> None:
    with pytest.raises(ModelError, match=r"takes rows of 6 features, not \[2, 5\]"):
        OnnxRuntimeCpu(svr_model(load_built_in(ffmpeg), "m")).run(np.zeros((2, 5)))
