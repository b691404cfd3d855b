"""The contract gate, on copies with hostile models registered: each must be refused, by name and with its reason.

Their hashes and sidecars are in order, so that it is this gate that refuses them and not the registry.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tinyvmaf.files import file_sha256, sha256

from .conftest import Gate, keep_models

FAIL, COULD_NOT_RUN = 1, 10
MODEL = "vmaf_v0.6.1_svr"
LOOKED_AT = "test_the_file_keeps_the_contract"


@pytest.fixture(autouse=True)
def _one_model(copy: Path) -> None:
    """One sound model to spoil."""
    keep_models(copy, MODEL)


def register(copy: Path, model_id: str, data: bytes | None = None, **described: object) -> None:
    """Enter a model into the copy's registry: its file has these bytes, or is 200 MB of nothing."""
    folder = copy / "model"
    path = folder / f"{model_id}.onnx"
    if data is None:
        with path.open("wb") as file:
            file.truncate(200_000_000)
    else:
        path.write_bytes(data)
    facts = {"id": model_id, "sha256": file_sha256(path), "bytes": path.stat().st_size}
    template = json.loads((folder / f"{MODEL}.json").read_text(encoding="utf-8"))
    template.pop("proven_everywhere_points", None)  # of that model
    sidecar = json.dumps(template | facts | described)
    (folder / f"{model_id}.json").write_text(sidecar, encoding="utf-8")
    (folder / f"{model_id}.md").write_text("card", encoding="utf-8")
    registry = json.loads((folder / "registry.json").read_text(encoding="utf-8"))
    registry["models"].append({"id": model_id, "sha256": facts["sha256"], "sidecar_sha256": sha256(sidecar.encode())})
    (folder / "registry.json").write_text(json.dumps(registry), encoding="utf-8")


def sound(copy: Path) -> ModelProto:
    return onnx.load(copy / f"model/{MODEL}.onnx")


def node(model: ModelProto, op_type: str) -> onnx.NodeProto:
    found: onnx.NodeProto = next(n for n in model.graph.node if n.op_type == op_type)
    return found


def odd_operator(model: ModelProto) -> None:
    node(model, "Floor").op_type = "Sin"


def custom_domain(model: ModelProto) -> None:
    node(model, "Floor").domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))


def loop(model: ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.insert(0, helper.make_node("Loop", [], ["looped"], name="spin", body=body))


def data_outside(model: ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def nan_weight(model: ModelProto) -> None:
    (tensor,) = [t for t in model.graph.initializer if t.name == "minus_norms"]
    values = numpy_helper.to_array(tensor).copy()
    values[7] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def declares_200_mb(model: ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [25_000_000]


def other_name(model: ModelProto) -> None:
    model.graph.node[-1].output[0] = model.graph.output[0].name = "vmaf"


def other_opset(model: ModelProto) -> None:
    model.opset_import[0].version = 18


def fixed_batch(model: ModelProto) -> None:
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1


def square_of_the_frames(model: ModelProto) -> None:
    model.graph.node.append(helper.make_node("Transpose", ["score_f64"], ["as_row"]))
    model.graph.node.append(helper.make_node("MatMul", ["score_f64", "as_row"], ["pairs"]))


HOSTILE: dict[Callable[[ModelProto], None], str] = {
    odd_operator: r"node 'steps' \(Sin\) is not of an allowed operator",
    custom_domain: r"node 'steps' \(Floor\) is of the domain 'com\.example'",
    loop: r"attribute 'body' of node 'spin' \(Loop\) has a field g, which is refused: a subgraph may loop",
    data_outside: r"has external data in '\.\./\.\./etc/passwd', which leads out of the model's folder",
    nan_weight: r"initializer 'minus_norms' holds nan at \[7\]; 1 of its 211 values",
    declares_200_mb: r"declares \[25000000\], 25000000 elements, which no file below 1000000 bytes can hold",
    other_name: r"the output is called 'vmaf'; the contract is 'score'",
    other_opset: r"operator sets: '' version 18; the contract is '' \(ONNX's own\) version 17",
    fixed_batch: r"input 'features' has a fixed batch of 1",
    square_of_the_frames: r"'pairs' is \[N, N\]: its size grows with the square of the number of frames",
}


def test_an_unspoiled_copy_passes(gate: Gate) -> None:
    status, text = gate("contract")
    assert (status, "VERDICT: PASS" in text.splitlines()[-1]) == (0, True), text


def test_each_hostile_file_fails_with_its_reason_and_never_runs(copy: Path, gate: Gate) -> None:
    """All at once: each is named among the failures, and the sound model is not."""
    reasons = {}
    for spoil, reason in HOSTILE.items():
        model = sound(copy)
        spoil(model)
        register(copy, spoil.__name__, model.SerializeToString(deterministic=True))
        reasons[spoil.__name__] = reason
    register(copy, "cut", (copy / f"model/{MODEL}.onnx").read_bytes()[:9000])
    register(copy, "large")
    reasons |= {"cut": "it is not an ONNX file, or not all of one", "large": "200000000 bytes; .*; it was not read"}
    status, text = gate("contract")
    assert status == FAIL, text
    assert set(re.findall(r"^FAILED .*::(\w+)\[(\S+)\]", text, re.MULTILINE)) == {(LOOKED_AT, name) for name in reasons}
    for name, reason in reasons.items():
        part = text.split(f"{name}.onnx does not keep the model contract:")[1].split("____")[0]
        assert re.search(reason, part), part
        assert f"COULD NOT RUN: {name} does not keep the contract, so nothing more is tried with it" in text
    told = text.partition("collected ")[2].replace(f"{MODEL}: proven within", "")  # the header names it too
    assert MODEL not in told
    assert "ONNX Runtime" not in text


def tail(model: ModelProto, *nodes: onnx.NodeProto) -> bytes:
    """The model with other nodes in place of its clip and last cast."""
    del model.graph.node[-2:]
    model.graph.node.extend(nodes)
    unused = [t for t in model.graph.initializer if t.name.startswith("clip_")]
    for tensor in unused:
        model.graph.initializer.remove(tensor)
    return bytes(model.SerializeToString(deterministic=True))


def test_a_file_that_keeps_the_contract_is_judged_on_what_it_gives(copy: Path, gate: Gate) -> None:
    """Out of range, not finite, failing on some input, or under the sidecar of another: told apart by the test."""
    cast = helper.make_node("Cast", ["raw_score"], ["score"], to=TensorProto.FLOAT)
    register(copy, "without_clip", tail(sound(copy), cast))
    squared = helper.make_node("ReduceSumSquare", ["features"], ["squared"], axes=[1], keepdims=1)
    difference = helper.make_node("Sub", ["squared", "squared"], ["score"])
    register(copy, "not_finite", tail(sound(copy), squared, difference))
    register(copy, "other_sidecar", (copy / f"model/{MODEL}.onnx").read_bytes(), tier="nano", opset=16)
    status, text = gate("contract")
    assert status == FAIL, text
    failed = {(test, name) for test, name in re.findall(r"^FAILED .*::(\w+)\[(\S+)\]", text, re.MULTILINE)}
    extreme = "test_extreme_features_give_a_finite_score_in_range"
    finite = "test_any_finite_input_gives_a_finite_score_in_range"
    assert {name for _, name in failed} == {"without_clip", "not_finite", "other_sidecar"}
    assert {(extreme, "without_clip"), (finite, "without_clip")} <= failed
    assert {(extreme, "not_finite"), (finite, "not_finite")} <= failed
    assert {test for test, name in failed if name == "other_sidecar"} == {
        "test_files_are_the_registered_ones",
        "test_the_sidecar_names_the_size_tier_of_the_file",
    }
    assert re.search(r"without_clip: (least|largest) score for any finite features: \d+ of \d+ values outside", text)
    assert re.search(r"not_finite on onnxruntime-cpu: .*\n  gave -?nan for \d+ of [\d,]+ rows, the first: ", text)
    assert "other_sidecar.json: tier is 'nano', the model file says 'tiny'" in text
    assert "other_sidecar.json: opset is 16, the model file says 17" in text


def test_a_hostile_file_is_not_green_for_a_selection_that_does_not_look_at_it(copy: Path, gate: Gate) -> None:
    model = sound(copy)
    nan_weight(model)
    register(copy, "nan", model.SerializeToString(deterministic=True))
    status, text = gate("contract", "-k", "extreme")
    assert status == COULD_NOT_RUN, text
    assert "COULD NOT RUN: nan does not keep the contract" in text


def empty_registry(copy: Path) -> None:
    (copy / "model/registry.json").write_text('{"schema": 1, "models": []}', encoding="utf-8")


def no_bounds(copy: Path) -> None:
    (copy / "gates.toml").write_text("", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(empty_registry, "registry.json lists no model"), (no_bounds, "gates.toml: no bound for golden.published")],
)
def test_a_gate_without_what_it_needs_could_not_run(
    spoil: Callable[[Path], None], message: str, copy: Path, gate: Gate
) -> None:
    spoil(copy)
    status, text = gate("contract")
    assert status == COULD_NOT_RUN, text
    assert re.search(f"COULD NOT RUN: .*{message}", text), text


def test_a_model_file_that_is_missing_fails(copy: Path, gate: Gate) -> None:
    (copy / f"model/{MODEL}.onnx").unlink()
    status, text = gate("contract")
    assert status == FAIL, text
    assert f"{MODEL}.onnx does not keep the model contract:\n  - it cannot be read: No such file" in text
