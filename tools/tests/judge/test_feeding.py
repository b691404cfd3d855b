"""A third-party model is normalised once: by its graph, or in front of it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.files import home
from tinyvmaf.judge.subjects import named
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions, UndescribedError
from tinyvmaf.model.third_party.normalisation import graph_normalises
from tinyvmaf.model.third_party.wrap import original_scorer
from tinyvmaf.vmaf.features import CANONICAL, CANONICAL_FEATURES

THEIRS = home() / "fixtures/third_party/quickvmaf.onnx"
SIDECAR: dict[str, Any] = json.loads(THEIRS.with_suffix(".json").read_text(encoding="utf-8"))
NUMBERS = {key: SIDECAR[key] for key in ("input_mean", "input_std")}
BARE = {"features": SIDECAR["features"]}
MEAN, STD = (np.array(one, dtype=np.float32) for one in NUMBERS.values())
ROWS = np.random.default_rng(0).uniform(0, 1, (50, 6)).astype(np.float32)
Arrays = Mapping[str, NDArray[Any]]


def node(operator: str, *names: str, **attributes: Any) -> NodeProto:
    """An operator from all names but the last to the last."""
    return helper.make_node(operator, names[:-1], names[-1:], **attributes)


def constant(name: str, value: NDArray[Any]) -> NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))


LAST_FIRST = np.arange(5, -1, -1)
# (features - mean) / std, from `x` to `fed`, as exporters write it.
SPELLINGS: dict[str, tuple[list[NodeProto], Arrays]] = {
    "sub, div": ([node("Sub", "x", "m", "less"), node("Div", "less", "s", "fed")], {"m": MEAN, "s": STD}),
    "a row": ([node("Sub", "x", "m", "less"), node("Div", "less", "s", "fed")], {"m": MEAN[None], "s": STD[None]}),
    "folded": ([node("Mul", "x", "r", "less"), node("Add", "less", "t", "fed")], {"r": 1 / STD, "t": -MEAN / STD}),
    "add, mul": ([node("Add", "t", "x", "less"), node("Mul", "less", "r", "fed")], {"t": -MEAN, "r": 1 / STD}),
    "nodes": (
        [constant("m", MEAN), constant("s", STD), node("Sub", "x", "m", "less"), node("Div", "less", "s", "fed")],
        {},
    ),
    "reciprocal": (
        [node("Reciprocal", "s", "r"), node("Sub", "x", "m", "less"), node("Mul", "less", "r", "fed")],
        {"m": MEAN, "s": STD},
    ),
    "variance": (
        [node("Sqrt", "v", "s"), node("Sub", "x", "m", "less"), node("Div", "less", "s", "fed")],
        {"m": MEAN, "v": np.square(STD)},
    ),
    "from below": (
        [node("Sub", "m", "x", "less"), node("Neg", "less", "n"), node("Div", "n", "s", "fed")],
        {"m": MEAN, "s": STD},
    ),
    "a diagonal": (
        [node("Gemm", "x", "w", "t", "fed", transB=1)],
        {"w": np.diag(1 / STD), "t": -MEAN / STD},
    ),
    "float64 and back": (
        [
            node("Cast", "x", "d", to=TensorProto.DOUBLE),
            node("Sub", "d", "m", "less"),
            node("Div", "less", "s", "e"),
            node("Cast", "e", "fed", to=TensorProto.FLOAT),
        ],
        {"m": MEAN.astype(np.float64), "s": STD.astype(np.float64)},
    ),
    "float16": (
        [
            node("Cast", "x", "d", to=TensorProto.FLOAT16),
            node("Sub", "d", "m", "less"),
            node("Div", "less", "s", "e"),
            node("Cast", "e", "fed", to=TensorProto.FLOAT),
        ],
        {"m": MEAN.astype(np.float16), "s": STD.astype(np.float16)},
    ),
    "another order": (
        [
            node("Gather", "x", "order", "g", axis=1),
            node("Sub", "g", "m", "less"),
            node("Div", "less", "s", "e"),
            node("Gather", "e", "order", "fed", axis=1),
        ],
        {"order": LAST_FIRST, "m": MEAN[::-1].copy(), "s": STD[::-1].copy()},
    ),
}


def normalising(nodes: Sequence[NodeProto], constants: Arrays) -> ModelProto:
    """The third-party model with these nodes in front of its first layer."""
    model = onnx.load(THEIRS)
    model.graph.node[0].input[0] = "fed" if nodes else "x"
    theirs = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *theirs])
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())
    return model


def in_the_first_layer() -> ModelProto:
    """Its scaler multiplied into the first layer, which no graph shows."""
    model = onnx.load(THEIRS)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    w, b = (numpy_helper.to_array(weights[name]) for name in ("fc1.weight", "fc1.bias"))
    weights["fc1.weight"].CopyFrom(numpy_helper.from_array(w / STD[:, None], "fc1.weight"))
    weights["fc1.bias"].CopyFrom(numpy_helper.from_array(b - (MEAN / STD) @ w, "fc1.bias"))
    return model


def brought(folder: Path, model: ModelProto, sidecar: Mapping[str, Any], who: str | None = None) -> Subject:
    folder.mkdir(exist_ok=True)
    path = folder / "theirs.onnx"
    onnx.save(model, path)
    path.with_suffix(".json").write_text(json.dumps(sidecar), encoding="utf-8")
    (one,) = named([path], folder / "adopted", lambda _: CANONICAL_FEATURES, FeedOptions(normalisation=who))
    return one


def scores(one: Subject) -> NDArray[np.float64]:
    assert one.adopted is not None, one.fault
    return original_scorer(one.adopted, CANONICAL)(ROWS)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_numbers_that_the_graph_begins_with_only_describe_it(spelling: str, tmp_path: Path) -> None:
    model = normalising(*SPELLINGS[spelling])
    found = brought(tmp_path / "with", model, BARE | NUMBERS)
    assert np.array_equal(scores(found), scores(brought(tmp_path / "without", model, BARE)))
    assert found.adopted is not None
    assert "features as they are: the graph itself begins with" in found.adopted.sentences[2]


@pytest.mark.parametrize(
    "keys",
    [
        {"mean": MEAN, "std": STD},
        {"scaler_mean": MEAN, "scaler_scale": STD},
        {"mean_": MEAN, "scale_": STD},
        {"scaler": {"mean_": MEAN, "scale_": STD}},
        {"normalization": {"mean": MEAN, "std": STD}},
        {"features": None, "feature_names": SIDECAR["features"], **NUMBERS},
        {"features": None, "input_features": SIDECAR["features"], **NUMBERS},
    ],
)
def test_numbers_that_the_graph_lacks_are_applied(keys: dict[str, Any], tmp_path: Path) -> None:
    """By whatever name they go: the scores are those of feeding the file by hand."""
    plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in keys.items()}
    plain = {k: {n: w.tolist() for n, w in v.items()} if isinstance(v, dict) else v for k, v in plain.items()}
    sidecar = {k: v for k, v in (BARE | plain).items() if v is not None}
    by_hand = scores(brought(tmp_path / "hand", normalising(*SPELLINGS["sub, div"]), BARE))
    found = brought(tmp_path / "theirs", onnx.load(THEIRS), sidecar)
    assert np.abs(scores(found) - by_hand).max() < 1e-6
    assert found.adopted is not None
    assert "(features - mean) / std in front of the graph" in found.adopted.sentences[2]


@pytest.mark.parametrize("what", ["first layer", "rounded"])
def test_numbers_that_make_it_wrong_are_not_applied_without_being_told(what: str, tmp_path: Path) -> None:
    """The graph normalises, and its nodes do not show it: the corpus does."""
    nodes, numbers = SPELLINGS["sub, div"]
    rounded = dict(numbers) | {"m": MEAN + np.float32(1e-3)}
    model = in_the_first_layer() if what == "first layer" else normalising(nodes, rounded)
    found = brought(tmp_path, model, BARE | NUMBERS)
    assert isinstance(found.fault, UndescribedError)
    assert "it is not clear whether mean and std" in found.fault.message
    assert "--normalisation graph" in str(found.fault.hint)
    assert (
        np.abs(scores(brought(tmp_path, model, BARE | NUMBERS, "graph")) - scores(brought(tmp_path, model, BARE))).max()
        == 0
    )


def test_a_graph_that_normalises_what_is_normalised_already(tmp_path: Path) -> None:
    """It was trained behind a scaler, and begins with the same numbers all the same: an option must say so."""
    undone = [node("Mul", "fed", "s", "u"), node("Add", "u", "m", "twice")]
    nodes, numbers = SPELLINGS["sub, div"]
    model = normalising([*nodes, *undone, node("Identity", "twice", "raw")], numbers)
    model.graph.node[len(nodes) + 3].input[0] = "raw"
    found = brought(tmp_path, model, BARE | NUMBERS)
    assert isinstance(found.fault, UndescribedError)
    assert "--normalisation sidecar" in str(found.fault.hint)
    assert np.isfinite(scores(brought(tmp_path, model, BARE | NUMBERS, "sidecar"))).all()


@pytest.mark.parametrize("who", ["graph", "none"])
def test_an_option_settles_any_sidecar(who: str, tmp_path: Path) -> None:
    odd = {"preprocessing": "z-score", "mean": [1.0] * 6, "something": [2.0] * 6, "scaler": {"mean": [0.0], "var": 1.0}}
    model = normalising(*SPELLINGS["folded"])
    assert brought(tmp_path / "odd", model, BARE | odd).fault is not None
    found = brought(tmp_path / "told", model, BARE | odd, who)
    assert np.array_equal(scores(found), scores(brought(tmp_path / "bare", model, BARE)))


def test_an_option_needs_something_to_apply(tmp_path: Path) -> None:
    found = brought(tmp_path, onnx.load(THEIRS), BARE, "sidecar")
    assert "neither sidecar nor options give mean and std" in str(found.fault)
    with pytest.raises(UndescribedError, match="--normalisation both"):
        FeedOptions(normalisation="both")


@pytest.mark.parametrize(
    "results",
    [
        {"cv_plcc": [0.9] * 6},
        {"feature_importances": [1, 2, 3, 4, 5, 6]},
        {"metrics": {"mean": [0.5] * 6, "score_std": 3.0}},
        {"val_rmse_per_fold": [1.0] * 6},
        {"hidden_sizes": [64] * 6},
    ],
)
def test_numbers_of_results_feed_nothing(results: dict[str, Any], tmp_path: Path) -> None:
    found = brought(tmp_path, onnx.load(THEIRS), BARE | NUMBERS | results)
    assert found.fault is None


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"params": NUMBERS}, "params.input_mean"),
        ({"model": {"preproc": {"mean": [0.0] * 6, "std": [2.0] * 6}}}, "model.preproc.mean"),
        ({"log1p": ["motion2"]}, "log1p"),
        ({"y_mean": 50.0, "y_std": 20.0}, "y_mean"),
        ({"output_range": [0, 1]}, "output_range"),
    ],
)
def test_what_a_sidecar_says_elsewhere_is_not_passed_over(keys: dict[str, Any], named: str, tmp_path: Path) -> None:
    found = brought(tmp_path, onnx.load(THEIRS), BARE | keys)
    assert isinstance(found.fault, UndescribedError)
    assert f"'{named}'" in found.fault.message


def test_features_of_floats_are_another_teachers(tmp_path: Path) -> None:
    found = brought(tmp_path, onnx.load(THEIRS), {"features": ["float_adm2", "float_motion2"]})
    assert found.fault is not None
    assert 'add "teacher": "vmaf_float_v0.6.1"' in str(found.fault.hint)


steps = st.lists(st.sampled_from(["Sub", "Add", "Mul", "Div", "Neg", "Identity"]), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(0, 2**32 - 1))
def test_any_chain_of_steps_is_the_normalisation_that_it_computes(operators: Sequence[str], seed: int) -> None:
    """Its mean and std are found, and no others."""
    rng = np.random.default_rng(seed)
    nodes, scale, shift = list[NodeProto](), np.ones(6), np.zeros(6)
    constants: dict[str, NDArray[np.float64]] = {}
    for i, operator in enumerate(operators):
        value = rng.uniform(0.5, 2.0, 6)
        name = [f"c{i}"] if operator in ("Sub", "Add", "Mul", "Div") else []
        constants |= dict.fromkeys(name, value)
        nodes.append(node(operator, f"v{i}", *name, f"v{i + 1}"))
        factor = {"Mul": value, "Div": 1 / value, "Neg": -np.ones(6)}.get(operator, np.ones(6))
        scale, shift = scale * factor, shift * factor + {"Add": value, "Sub": -value}.get(operator, np.zeros(6))
    graph = helper.make_graph(
        [*nodes, node("Tanh", f"v{len(nodes)}", "y")],
        "chain",
        [helper.make_tensor_value_info("v0", TensorProto.DOUBLE, ["N", 6])],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["N", 6])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    mean, std = -shift / scale, 1 / scale
    identity = not np.any(mean) and np.all(std == 1)
    assert graph_normalises(graph, mean.tolist(), std.tolist()) == (not identity)
    assert not graph_normalises(graph, (mean + 0.01).tolist(), std.tolist())
    assert not graph_normalises(graph, mean.tolist(), (std * 1.01).tolist())
