"""A third-party model is fed as its sidecar or the options say; nothing is guessed."""

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tinyvmaf.errors import ModelError
from tinyvmaf.model import contract
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.model.third_party import FeedOptions, UndescribedError, describe_feed
from tinyvmaf.model.third_party.original import read_original
from tinyvmaf.model.third_party.wrap import AdoptedModel, adopt, original_scorer
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES, Feature

from .third_party_files import PLAIN, network, truth, write

ROWS = np.random.default_rng(0).uniform(0, 1, (50, 6)).astype(np.float32)
ROTATED = (*CANONICAL[2:], *CANONICAL[:2])
MEAN, STD = [0.1, 0.2, 0.3, 0.4, 0.5, 3.0], [0.5, 0.6, 0.7, 0.8, 0.9, 4.0]
IN_ORDER = ROWS[:, [CANONICAL.index(name) for name in ROTATED]]
FED = (IN_ORDER - np.array(MEAN, np.float32)) / np.array(STD, np.float32)


def six(_: str) -> Sequence[Feature]:
    """The features of every teacher."""
    return CANONICAL_FEATURES


def adopted(path: Path, options: FeedOptions | None = None) -> AdoptedModel:
    feed = describe_feed(path, six, options)
    return adopt(read_original(path, len(feed.features)), feed, CANONICAL)


def scores(path: Path, options: FeedOptions | None = None) -> np.ndarray:
    """Scores of the adopted file, which keeps the contract and equals the original."""
    one = adopted(path, options)
    assert contract.faults(one.data) == []
    found = OnnxRuntimeCpu(one.data).run(ROWS)
    assert np.abs(found - original_scorer(one, CANONICAL)(ROWS)).max() < 5e-5
    return found


@pytest.mark.parametrize("opset", range(7, onnx.defs.onnx_opset_version() + 1))
@pytest.mark.parametrize("rank", [1, 2])
def test_every_opset_and_rank(opset: int, rank: int, tmp_path: Path) -> None:
    path = write(tmp_path, network(opset=opset, rank=rank), PLAIN)
    assert np.abs(scores(path) - truth(ROWS)).max() < 1e-4


@pytest.mark.parametrize("opset", [6, onnx.defs.onnx_opset_version() + 1])
def test_opsets_beyond_that_are_refused(opset: int, tmp_path: Path) -> None:
    model = network()
    model.opset_import[0].version = opset
    with pytest.raises(
        ModelError, match=f"opset {opset}; a candidate has one of 7 to {onnx.defs.onnx_opset_version()}"
    ):
        adopted(write(tmp_path, model, PLAIN))


def test_float64_is_taken_and_given(tmp_path: Path) -> None:
    path = write(tmp_path, network(double=True), PLAIN)
    assert np.abs(scores(path) - truth(ROWS, double=True)).max() < 1e-4


@pytest.mark.parametrize(
    "sidecar",
    [
        {"features": list(ROTATED), "feature_mean": MEAN, "feature_std": STD},
        {"feature_order": [f"integer_{name}" for name in ROTATED], "input_mean": MEAN, "input_std": STD},
        {
            "features": [f"VMAF_integer_feature_{n}_score" for n in ROTATED],
            "input_mean": dict(zip(ROTATED, MEAN, strict=True)),
            "feature_std": dict(zip(ROTATED, STD, strict=True)),
        },
        {
            "features": list(ROTATED),
            "feature_order": list(ROTATED),
            "input_mean": MEAN,
            "feature_mean": MEAN,
            "input_std": STD,
            "teacher": {"id": "vmaf_v0.6.1"},
            "val_max_error": 3.1,
        },
    ],
)
def test_dialects_of_sidecars(sidecar: dict[str, object], tmp_path: Path) -> None:
    path = write(tmp_path, network(), sidecar)
    (ROWS[:, [CANONICAL.index(name) for name in ROTATED]] - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    assert np.abs(scores(path) - truth(FED)).max() < 1e-4


def test_options_say_it_where_no_sidecar_does(tmp_path: Path) -> None:
    options = FeedOptions(", ".join(ROTATED), ",".join(map(str, MEAN)), ",".join(map(str, STD)))
    (ROWS[:, [CANONICAL.index(name) for name in ROTATED]] - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    path = write(tmp_path, network())
    assert np.abs(scores(path, options) - truth(FED)).max() < 1e-4
    assert "(--feature-order)" in adopted(path, options).sentences[0]


def test_some_of_the_features_are_enough(tmp_path: Path) -> None:
    model = network()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.eye(2, 8, dtype=np.float32), "w1"))
    assert scores(write(tmp_path, model, {"features": ["motion2", "adm2"]})).shape == (50,)


@given(order=st.permutations(CANONICAL))
@settings(max_examples=25, deadline=None)
def test_the_order_of_features_is_the_sidecars(order: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write(tmp_path_factory.mktemp("order"), network(), {"features": order})
    assert np.abs(scores(path) - truth(ROWS[:, [CANONICAL.index(name) for name in order]])).max() < 1e-4


@pytest.mark.parametrize(
    ("sidecar", "options", "message"),
    [
        (None, FeedOptions(), "no sidecar says which features the model takes"),
        ({}, FeedOptions(), "theirs.json does not say which features the model takes"),
        ({"features": []}, FeedOptions(), "features is not a list of feature names"),
        ({"features": "adm2"}, FeedOptions(), "is not a list of feature names"),
        ({"features": [*CANONICAL[:5], "motion"]}, FeedOptions(), "'motion', which its teacher does not take"),
        ({"features": [*CANONICAL[:5], "adm2"]}, FeedOptions(), "has adm2 twice"),
        ({**PLAIN, "feature_order": list(ROTATED)}, FeedOptions(), "say different things"),
        (PLAIN, FeedOptions(",".join(ROTATED)), "features of theirs.json and --feature-order say different things"),
        ({**PLAIN, "input_mean": MEAN}, FeedOptions(), "input_mean of theirs.json is given, and no std"),
        ({**PLAIN, "feature_std": STD}, FeedOptions(), "is given, and no mean"),
        ({**PLAIN, "input_mean": MEAN, "feature_mean": STD, "input_std": STD}, FeedOptions(), "say different things"),
        ({**PLAIN, "input_mean": MEAN, "input_std": [0.0, *STD[1:]]}, FeedOptions(), "a std must be positive"),
        ({**PLAIN, "input_mean": MEAN[:5], "input_std": STD}, FeedOptions(), "has 5 numbers, for 6 features"),
        ({**PLAIN, "input_mean": "0", "input_std": STD}, FeedOptions(), "neither a list of numbers nor an object"),
        ({**PLAIN, "input_mean": [True, *MEAN[1:]], "input_std": STD}, FeedOptions(), "neither a list of numbers"),
        ({**PLAIN, "input_mean": [float("nan"), *MEAN[1:]], "input_std": STD}, FeedOptions(), "is not finite"),
        ({**PLAIN, "input_mean": {"adm2": 1.0}, "input_std": STD}, FeedOptions(), "is for adm2; the model takes"),
        (PLAIN, FeedOptions(input_mean="1,2,x"), "numbers separated by commas"),
        ({**PLAIN, "output_scale": 100.0}, FeedOptions(), "'output_scale', which may change inputs or outputs"),
        ({**PLAIN, "normalization": "zscore"}, FeedOptions(), "'normalization', which may change inputs or outputs"),
        ({**PLAIN, "feature_means": MEAN}, FeedOptions(), "'feature_means', which may"),
        ({**PLAIN, "means": MEAN, "stds": STD}, FeedOptions(), "'means', 'stds', which may"),
        ({**PLAIN, "INPUT_MEAN": MEAN}, FeedOptions(), "'INPUT_MEAN', which may"),
        ({**PLAIN, "input": {"loc": MEAN}}, FeedOptions(), "'input.loc', which may"),
        ({**PLAIN, "preprocessing": {"a": 1}}, FeedOptions(), "'preprocessing', which may"),
        ({**PLAIN, "teacher": {"name": "vmaf_v0.6.1"}}, FeedOptions(), "is not a known teacher"),
        ({**PLAIN, "teacher": ["vmaf_v0.6.1"]}, FeedOptions(), "is not a known teacher"),
        ({**PLAIN, "input_mean": [10**400, *MEAN[1:]], "input_std": STD}, FeedOptions(), "is not finite"),
        ({**PLAIN, "teacher": "vmaf_v9"}, FeedOptions(), "'vmaf_v9' is not a known teacher"),
    ],
)
def test_a_missing_or_contradictory_feed_is_an_error(
    sidecar: dict[str, object] | None, options: FeedOptions, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UndescribedError) as caught:
        describe_feed(write(tmp_path, network(), sidecar), six, options)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000])
def test_a_sidecar_that_is_no_table(text: str, tmp_path: Path) -> None:
    path = write(tmp_path, network())
    path.with_suffix(".json").write_text(text, encoding="utf-8")
    with pytest.raises(UndescribedError, match=r"theirs\.json"):
        describe_feed(path, six)


def test_two_sidecars_are_one_too_many(tmp_path: Path) -> None:
    path = write(tmp_path, network(), PLAIN)
    (tmp_path / "theirs.onnx.json").write_text(json.dumps(PLAIN), encoding="utf-8")
    with pytest.raises(UndescribedError, match="two sidecars"):
        describe_feed(path, six)
    path.with_suffix(".json").unlink()
    assert describe_feed(path, six).features == CANONICAL


def test_features_of_another_teacher_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, network(), {"features": ["adm2"], "teacher": "vmaf_v0.6.1neg"})
    asked = []

    def features_of(teacher: str) -> Sequence[Feature]:
        asked.append(teacher)
        return CANONICAL_FEATURES

    describe_feed(path, features_of)
    assert asked == ["vmaf_v0.6.1neg"]


def external(folder: Path, location: str, **more: int) -> Path:
    """A model whose first weight is in another file."""
    model = network()
    tensor = model.graph.initializer[0]
    data = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    path = write(folder, model, PLAIN)
    (folder / "weights.bin").write_bytes(b"\0" * 8 + data)
    return path


def test_external_data_inside_the_folder_are_read(tmp_path: Path) -> None:
    path = external(tmp_path, "weights.bin", offset=8, length=6 * 8 * 4)
    assert np.abs(scores(path) - truth(ROWS)).max() < 1e-4
    assert any("external data read in from weights.bin" in sentence for sentence in adopted(path).sentences)
    assert read_original(path, 6).size == path.stat().st_size + (tmp_path / "weights.bin").stat().st_size


@pytest.mark.parametrize(
    ("location", "more", "message"),
    [
        ("../weights.bin", {}, "not inside the model's folder"),
        ("/etc/passwd", {}, "not inside the model's folder"),
        ("C:\\weights.bin", {}, "not inside the model's folder"),
        ("", {}, "not inside the model's folder"),
        ("link.bin", {}, "leads out of the model's folder"),
        (".", {}, "leads out of the model's folder"),
        ("missing.bin", {}, "no such file"),
        ("weights.bin", {"offset": 8, "length": 10_000}, "which has 200"),
        ("weights.bin", {"offset": -8}, "bytes -8 to"),
        ("weights.bin", {"offset": 0}, "declares"),
    ],
)
def test_external_data_elsewhere_are_not(location: str, more: dict[str, int], message: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "weights.bin").write_bytes(b"\0" * 500)
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(ModelError, match=message):
        adopted(external(folder, location, **more))


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path, network(), PLAIN)
    os.truncate(path, 2_000_000)
    with pytest.raises(ModelError, match="2000000 bytes; fewer than 1000000 are allowed"):
        adopted(path)


def changed(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    model = network()
    change(model)
    return model


def second_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 1]))


def loop(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("If", ["h"], ["i"], then_branch=model.graph, else_branch=model.graph))


def undefined(model: onnx.ModelProto) -> None:
    """Reads `features`, which the wrapper has and the original does not."""
    model.graph.node[0].input[0] = "features"


def foreign(model: onnx.ModelProto) -> None:
    model.graph.node[1].domain = "com.theirs"
    model.opset_import.append(helper.make_opsetid("com.theirs", 1))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (network(batch=1), "has a fixed batch of 1"),
        (changed(second_output), "a candidate has one, or a second one for its uncertainty"),
        (changed(loop), "not of an allowed operator|a subgraph"),
        (changed(undefined), "Nodes in a graph must be topologically sorted"),
        (changed(foreign), "operators of domain 'com.theirs'"),
        (changed(lambda m: m.graph.input[0].type.tensor_type.shape.dim.pop()), "has rank 1"),
        (changed(lambda m: m.graph.input[0].type.tensor_type.ClearField("shape")), "has no shape"),
        (changed(lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.INT32)), "is INT32"),
        (changed(lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 7)), "has 7 columns"),
        (changed(lambda m: setattr(m.graph.output[0].type.tensor_type.shape.dim[1], "dim_value", 3)), "has 3 columns"),
        (changed(lambda m: setattr(m.graph.node[1], "op_type", "RandomNormal")), "is not of an allowed operator"),
        (
            changed(
                lambda m: m.graph.initializer[0].CopyFrom(
                    numpy_helper.from_array(np.full((6, 8), np.nan, np.float32), "w1")
                )
            ),
            "holds nan",
        ),
    ],
)
def test_a_file_that_cannot_be_a_candidate_is_refused(model: onnx.ModelProto, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        adopted(write(tmp_path, model, PLAIN))


def test_a_fixed_batch_is_refused_with_what_exporters_call_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as raised:
        adopted(write(tmp_path, network(batch=1), PLAIN))
    assert all(word in str(raised.value.hint) for word in ("dynamic_shapes=", "dynamic_axes=", "Keras"))


def test_a_sidecar_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """As editors on Windows write one."""
    path = write(tmp_path, network(), PLAIN)
    path.with_suffix(".json").write_text(json.dumps(PLAIN), encoding="utf-8-sig")
    assert np.abs(scores(path) - truth(ROWS)).max() < 1e-4


@given(cut=st.integers(0, 10_000), junk=st.binary(max_size=40))
@example(cut=4205, junk=b"\x80")  # a name that is not UTF-8
@settings(max_examples=60, deadline=None)
def test_hostile_bytes_are_refused_or_adopted_never_worse(
    cut: int, junk: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = network().SerializeToString()
    cut %= len(data)
    path = tmp_path_factory.mktemp("hostile") / "theirs.onnx"
    path.write_bytes(data[:cut] + junk + data[cut + len(junk) :])
    path.with_suffix(".json").write_text(json.dumps(PLAIN), encoding="utf-8")
    with contextlib.suppress(ModelError):
        contract.faults(adopted(path).data)


def test_operator_sets_that_nothing_uses_are_no_fault(tmp_path: Path) -> None:
    model = network()
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    model.opset_import[0].domain = "ai.onnx"
    assert np.abs(scores(write(tmp_path, model, PLAIN)) - truth(ROWS)).max() < 1e-4
