"""Files that are too expensive, damaged, or not models."""

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto

from tinyvmaf.model import registry
from tinyvmaf.model.contract import faults, file_faults

from ..effort import tries
from .contract_samples import (
    ROWS,
    SOUND,
    behind,
    build,
    dumps,
    external,
    linear,
    node,
    refused,
    subgraphs,
    value,
    weight,
)

# Findings of the checker, and the cost of a run.


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (
            behind([node("Add", ["features", "b"], ["a"]), node("Add", ["a", "a"], ["b"]), node("Relu", ["b"], ["x"])]),
            "topologically sorted",
        ),
        (behind([node("Add", ["features", "nowhere"], ["x"])]), "'nowhere' of node"),
        (behind([node("Relu", ["features"], ["x"]), node("Tanh", ["features"], ["x"])]), "x.* has been used as output"),
        (behind([node("Relu", ["features"], ["x"], slope=1.0)]), "Unrecognized attribute: slope"),
        (behind([node("MatMul", ["features", "k"], ["x"])], {"k": np.ones((5, 4), np.float32)}), "ncompatible dim"),
        (behind([node("Add", ["features", "k"], ["x"])], {"k": np.ones(4)}), "type"),
        (build([]), "score"),
    ],
    ids=["cycle", "missing value", "value made twice", "unknown attribute", "shapes", "types", "no node"],
)
def test_a_refusal_by_the_checker_quotes_it(model: ModelProto, reason: str) -> None:
    refused(model, f"onnx.checker refuses it: .*{reason}")


def test_a_chain_of_1000_nodes_is_refused() -> None:
    names = ["features", *(f"t{i}" for i in range(999)), "x"]
    model = behind([node("Tanh", [a], [b]) for a, b in pairwise(names)])
    refused(model, "the graph has 1001 nodes; at most 500 are allowed")


SQUARE = [
    node("Transpose", ["features"], ["t"]),
    node("MatMul", ["features", "t"], ["pairs"], name="gram"),
    node("MatMul", ["pairs", "features"], ["x"]),
]


def test_memory_in_the_square_of_the_frames_is_refused() -> None:
    refused(
        behind(SQUARE),
        r"node 'gram' \(MatMul\): 'pairs' is \[N, N\]: its size grows with the square of the number of frames",
    )


def test_declared_shapes_of_inner_values_are_not_trusted() -> None:
    """Shape inference uses the declared length if it infers a symbol or nothing."""
    square = behind(SQUARE)
    square.graph.value_info.append(value("pairs", ["N", 4]))
    refused(square, r"'pairs' is \[N, N\]: its size grows with the square of the number of frames")
    fixed = behind([node("Reshape", ["features", "to"], ["x"])], {"to": np.array([8, 4])})
    fixed.graph.value_info.append(value("x", ROWS))
    refused(fixed, r"output 'score' comes out as \[8, 1\]")


def test_weights_that_multiply_into_32_gb_are_refused() -> None:
    column, row = np.ones((90_000, 1), np.float32), np.ones((1, 90_000), np.float32)
    model = behind(
        [
            node("MatMul", ["column", "row"], ["big"]),
            node("ReduceMean", ["big"], ["one"]),
            node("Add", ["features", "one"], ["x"]),
        ],
        {"column": column, "row": row},
    )
    refused(
        model, r"node 'big' \(MatMul\): 'big' is \[90000, 90000\]; at most 100000 values a frame and 8 axes are allowed"
    )


@pytest.mark.parametrize("to", [[-1, 4], [0, -1], [-1, 2, 2], [2, -1, 2], [-1]])
def test_a_reshape_may_leave_the_frames_to_be_counted(to: list[int]) -> None:
    """As PyTorch's `view(-1)` writes it. Whether rows stay apart is measured by the gates."""
    back: dict[str, object] = {"to": np.array(to), "back": np.array([-1, 4])}
    model = behind([node("Reshape", ["features", "to"], ["y"]), node("Reshape", ["y", "back"], ["x"])], back)
    assert faults(dumps(model)) == []


@pytest.mark.parametrize("to", [[100_003, 4], [1, 4], [0, 4, 2], [-1, 3], [4, 1]])
def test_a_reshape_that_fits_some_numbers_of_frames_only_is_refused(to: list[int]) -> None:
    back: dict[str, object] = {"to": np.array(to), "back": np.array([-1, 4])}
    model = behind([node("Reshape", ["features", "to"], ["y"]), node("Reshape", ["y", "back"], ["x"])], back)
    refused(model, "its shapes fit some numbers of frames only|output 'score' comes out as|is not proportional|at most")


def test_the_declared_length_of_the_output_is_not_trusted() -> None:
    model = build(
        [node("MatMul", ["features", "w"], ["y"]), node("Reshape", ["y", "to"], ["score"])],
        {"w": np.ones((4, 4), np.float32), "to": np.array([-1, 1])},
    )
    refused(model, r"output 'score' comes out as \[4 N, 1\], not as the \[N, 1\] that it declares")


def test_a_value_of_unknown_or_of_high_rank_is_refused() -> None:
    refused(behind([node("Squeeze", ["features"], ["x"])]), "'x' has a shape that is unknown before it runs")
    axes = np.arange(2, 10)
    model = behind(
        [node("Unsqueeze", ["features", "axes"], ["deep"]), node("Squeeze", ["deep", "axes"], ["x"])], {"axes": axes}
    )
    refused(model, r"'deep' is \[N, 4(, 1){8}\]; at most 100000 values a frame and 8 axes are allowed")


def test_a_reshape_to_a_petabyte_costs_nothing_to_refuse() -> None:
    """Shape inference with data propagation allocated the memory of this one."""
    model = behind(
        [
            node("ReduceMean", ["features"], ["m"], axes=[1]),
            node("Reshape", ["m", "to"], ["huge"]),
            node("Squeeze", ["huge", "one"], ["s"]),
            node("Unsqueeze", ["s", "one"], ["u"]),
            node("Gather", ["u", "at"], ["x"], axis=1),
        ],
        {"to": np.array([2**47, -1]), "one": np.array([1]), "at": np.array([0] * 4)},
    )
    refused(model, "its shapes fit some numbers of frames only: .*Reshape")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda g: g.node.extend(NodeProto() for _ in range(300_000)), "300001 nodes"),
        (lambda g: g.initializer.extend(TensorProto() for _ in range(300_000)), "300001 initializers"),
        (lambda g: g.value_info.extend(onnx.ValueInfoProto() for _ in range(300_000)), "300000 declared values"),
        (lambda g: g.node[0].attribute.extend(onnx.AttributeProto() for _ in range(300_000)), "300000 attributes"),
        (lambda g: g.input.extend(onnx.ValueInfoProto() for _ in range(300_000)), "300001 inputs"),
        (lambda g: g.sparse_initializer.extend(onnx.SparseTensorProto() for _ in range(300_000)), "sparse_initializer"),
        (lambda g: g.node[0].attribute.add().tensors.extend(TensorProto() for _ in range(300_000)), "field tensors"),
    ],
    ids=["nodes", "initializers", "value_info", "attributes", "inputs", "sparse", "tensors"],
)
def test_a_file_of_very_many_parts_is_refused_soon(spoil: Callable[[onnx.GraphProto], None], reason: str) -> None:
    model = linear()
    spoil(model.graph)
    refused(model, reason)


# Bytes that are not a model.


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "^the file is empty$"),
        (b"not a model", "it is not an ONNX file, or not all of one"),
        (b"\x08\x08", "operator sets: none"),
        (b"\x00" * 100, "it is not an ONNX file"),
        (b"\x3a\xff\xff\xff\xff\x07", "it is not an ONNX file"),
    ],
    ids=["empty", "text", "header only", "zeros", "length of 2 GB"],
)
def test_bytes_that_are_not_a_model_are_refused(data: bytes, reason: str) -> None:
    refused(data, reason)


@pytest.mark.parametrize("model", SOUND.values(), ids=SOUND)
def test_no_part_of_a_file_is_taken_for_the_whole(model: ModelProto) -> None:
    whole = dumps(model)
    taken = [n for n in range(len(whole)) if not faults(whole[:n])]
    assert not taken


@pytest.mark.fuzz
@settings(deadline=None, max_examples=tries(60, 2000))
@given(st.data())
def test_a_registered_file_cut_anywhere_is_refused_or_computes_the_same(data: st.DataObject) -> None:
    """Behind its graph and operator set stands metadata only, and that it is missing is for the registry's hash."""
    whole = registry.find("vmaf_v0.6.1_svr").file.read_bytes()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    if not faults(cut):
        ours, theirs = onnx.load_model_from_string(cut), onnx.load_model_from_string(whole)
        assert (ours.graph, list(ours.opset_import)) == (theirs.graph, list(theirs.opset_import))


@pytest.mark.fuzz
@settings(deadline=None, max_examples=tries(100, 5000))
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_without_an_error(data: bytes) -> None:
    assert faults(data)


@pytest.mark.fuzz
@settings(deadline=None, max_examples=tries(150, 5000))
@given(st.sampled_from(list(SOUND)), st.data())
def test_bytes_changed_anywhere_never_raise(name: str, data: st.DataObject) -> None:
    content = bytearray(dumps(SOUND[name]))
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, byte in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] = byte
    assert all(isinstance(fault, str) and fault for fault in faults(bytes(content)))


def test_names_that_are_no_text_are_refused() -> None:
    data = dumps(linear())
    refused(data.replace(b"MatMul", b"Mat\xff\xfel"), r"Mat\\xff\\xfel")
    refused(data.replace(b"features", b"featur\xff\xff"), r"called b?'featur\\xff\\xff'")


def test_a_file_that_breaks_the_inspection_is_refused() -> None:
    """A location that is not text cannot be a path."""
    model = linear()
    external(weight(model), "elsewhere")
    refused(dumps(model).replace(b"elsewhere", b"elsewh\xff\xff\xff"), "it cannot be inspected: Type")


def test_a_long_or_hostile_name_does_not_flood_the_report() -> None:
    model = linear()
    model.graph.node[0].op_type = "\x1b[2J\n" * 10_000
    (found,) = [fault for fault in faults(dumps(model)) if "allowed operator" in fault]
    assert len(found) < 800
    assert "\x1b" not in found
    assert "\n" not in found


def test_twenty_faults_are_listed_and_the_rest_counted() -> None:
    model = behind([node("Odd", ["features"], ["x" if i == 0 else f"x{i}"]) for i in range(100)])
    found = faults(dumps(model))
    assert (len(found), found[-1]) == (21, "and 80 faults more")


# Files.


def test_a_file_that_is_not_regular_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        assert file_faults(path) == ["it is not a regular file, so reading it may never end"]


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    assert file_faults(tmp_path / "none") == ["it cannot be read: No such file or directory"]
    (found,) = file_faults(tmp_path / "a\0b")
    assert "it cannot be read: " in found
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "it cannot be read: " in file_faults(tmp_path / "loop")[0]


def test_the_sidecar_of_another_model_is_the_registrys_to_name(tmp_path: Path) -> None:
    """The contract concerns only the file, and this one keeps it."""
    entry = registry.find("vmaf_v0.6.1_svr")
    described = {
        key: entry.sidecar.as_dict()[key]
        for key in ("kind", "feature_order", "teacher", "engines", "training", "measured", "promised", "licence")
    }
    own = registry.register("own", dumps(linear()), described, "card", tmp_path)
    own.sidecar_path.write_bytes(entry.sidecar_path.read_bytes())
    assert not file_faults(own.file)
    found = "\n".join(registry.faults(own))
    assert f"id is '{entry.id}', registered as 'own'" in found
    assert "6 features, the graph takes 4" in found


def test_no_session_is_made_to_look_at_a_file(tmp_path: Path) -> None:
    """The engine's library is not even imported."""
    nan = linear()
    weight(nan).raw_data = np.full(4, np.nan, np.float32).tobytes()
    hostile = {
        "loop": dumps(behind([subgraphs()["Loop"]])),
        "nan": dumps(nan),
        "garbage": b"\x08\x08hostile",
        "square": dumps(behind(SQUARE)),
        "sound": dumps(linear()),
    }
    for name, data in hostile.items():
        (tmp_path / f"{name}.onnx").write_bytes(data)
    program = (
        "import sys\nfrom pathlib import Path\nfrom tinyvmaf.model import contract\n"
        "assert 'onnx' not in sys.modules\n"
        "found = {p.stem: contract.file_faults(p) for p in Path(sys.argv[1]).iterdir()}\n"
        "print(sorted(name for name in found if not found[name]), 'onnxruntime' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "['sound'] False"
