"""Broken candidates: what is wrong with each, and the gate that must catch it.

Each is `tinyvmaf_nano`, which every gate passes, with one thing wrong: graph, file, sidecar or record. Those that are
`REGISTERED` stand in a registry in good order and have the good model's record; a `FILE` is named by `--model` and has
a sidecar of this project, an `ADOPTED` one a sidecar such as others write. What stands `ELSEWHERE` is caught in a test
of its own, which is named.

    python suites/selftest/breaks.py    # prints the table of docs/gates.md
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tinyvmaf.model.engines.choose import engines_of
from tinyvmaf.model.writer import svr_model
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

REGISTERED, FILE, ADOPTED, ENGINES, ELSEWHERE = "registered", "file", "adopted", "engines", "elsewhere"
NOBODY = "nobody can tell"  # in place of a gate: the answer is COULD NOT RUN
GOOD = "good"


def nothing(_: Any) -> None:
    """What is good stays so."""


@dataclass
class Made:
    """A candidate that is being made: a break changes it in place."""

    model: ModelProto
    said: dict[str, Any]
    """The sidecar; what it says of the graph is put in at the end, unless it stands in `claims`."""
    claims: dict[str, Any] = field(default_factory=dict)
    """What the sidecar says in spite of the file."""
    data: bytes | None = None
    """The file, where it is not what the graph gives."""
    after: Callable[[Path], None] = nothing
    """What is done at the end; gets the path of the ONNX file."""


@dataclass(frozen=True)
class Break:
    """One broken candidate."""

    name: str
    kind: str
    """In which run it is judged."""
    what: str
    """What is wrong, in a sentence."""
    gate: str
    """What must catch it, as in verdict.json; NOBODY: the run says COULD NOT RUN."""
    green: tuple[str, ...]
    """Suites that must stay green: they are not about what is wrong."""
    says: str
    """Part of what must be said, if the gate alone does not tell why."""
    make: Callable[[Made], None]


TABLE: list[Break] = []


def broken(kind: str, gate: str, *, green: str = "", says: str = "", name: str = "", what: str = "") -> Callable:
    """Enter a break into the table, under its function's name, with its docstring for a sentence."""

    def enter(make: Callable[[Made], None]) -> Callable[[Made], None]:
        told = what or (make.__doc__ or "").strip()
        TABLE.append(Break(name or make.__name__, kind, told, gate, tuple(green.split()), says, make))
        return make

    return enter


# What breaks are made of.


def weights(made: Made, name: str) -> NDArray[Any]:
    """A constant of the graph."""
    return numpy_helper.to_array(tensor(made, name)).copy()


def tensor(made: Made, name: str) -> TensorProto:
    """A constant of the graph, as ONNX has it."""
    return next(t for t in made.model.graph.initializer if t.name == name)


def put(made: Made, name: str, value: NDArray[Any]) -> None:
    """Change a constant, or add one."""
    new = numpy_helper.from_array(np.asarray(value), name)
    for old in made.model.graph.initializer:
        if old.name == name:
            old.CopyFrom(new)
            return
    made.model.graph.initializer.append(new)


def add(
    made: Made,
    operator: str,
    inputs: list[str | NDArray[Any] | float],
    output: str,
    at: int | None = None,
    **attributes: Any,
) -> str:
    """A node more, its constants beside it; at the end, or before another."""
    names = []
    for i, value in enumerate(inputs):
        if not isinstance(value, str):
            put(made, f"{output}_{i}", np.float32(value) if isinstance(value, float) else value)
            value = f"{output}_{i}"
        names.append(value)
    node = helper.make_node(operator, names, [output], **attributes)
    nodes = made.model.graph.node
    nodes.insert(len(nodes) if at is None else at, node)
    return output


def in_front(made: Made, *steps: tuple[str, NDArray[Any] | float]) -> None:
    """Operators between the features and the graph."""
    current = made.model.graph.input[0].name
    first = made.model.graph.node[0]
    for i, (operator, value) in enumerate(steps):
        current = add(made, operator, [current, value], f"front{i}", at=i)
    first.input[0] = current


def before_clip(made: Made, *steps: tuple[Any, ...]) -> None:
    """Operators on the score, before it is clipped."""
    clip = made.model.graph.node[-1]
    current, at = clip.input[0], len(made.model.graph.node) - 1
    for i, (operator, *values) in enumerate(steps):
        current = add(made, operator, [current, *values], f"tail{i}", at=at + i)
    clip.input[0] = current


def after_clip(made: Made, operator: str, *values: Any) -> None:
    """An operator on the score that was clipped."""
    made.model.graph.node[-1].output[0] = "clipped"
    add(made, operator, ["clipped", *values], "score")


def motion(made: Made) -> str:
    """The value that holds motion2."""
    return add(made, "Gather", ["features", np.array([5])], "motion", at=0, axis=1)


def beside(path: Path, name: str) -> Path:
    """A folder of the checkout that a registered model is in."""
    return path.parents[1] / name


def edit_record(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """Change a registered model's golden record."""

    def edit(path: Path) -> None:
        record = beside(path, "fixtures") / f"golden/records/{path.stem}.json"
        content = json.loads(record.read_text(encoding="utf-8"))
        change(content)
        record.write_text(json.dumps(content), encoding="utf-8")

    return edit


def in_floats(made: Made) -> None:
    """The same weights, as plain float32 instead of integers and a scale."""
    nodes = made.model.graph.node
    for layer in ("sum0", "raw_score"):
        put(
            made, f"{layer}_weights", (weights(made, f"{layer}_integers") * weights(made, f"{layer}_scale")).astype("f")
        )
        for node in [node for node in nodes if node.output[0] in (f"{layer}_floats", f"{layer}_weights")]:
            nodes.remove(node)
        for name in ("integers", "scale"):
            made.model.graph.initializer.remove(tensor(made, f"{layer}_{name}"))


# Registered models: the record knows every score of theirs, and the sidecar promises what the recipe reached.


def noise(made: Made, size: float) -> None:
    """Every weight is off by about a part of itself."""
    in_floats(made)
    random = np.random.default_rng(0)
    for name in ("scales", "sum0_weights", "sum0_bias", "raw_score_weights", "raw_score_bias"):
        value = weights(made, name)
        put(made, name, (value * (1 + size * random.standard_normal(value.shape))).astype(np.float32))


for _size in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1):
    broken(
        REGISTERED,
        "golden.record",
        green="contract loso" if _size < 1e-3 else "contract",
        name=f"noise_{_size:.0e}",
        what=f"Noise of {_size:.0e} of each weight.",
    )(partial(noise, size=_size))


@broken(REGISTERED, "golden.record", green="contract")
def two_features_swapped(made: Made) -> None:
    """The graph takes VIF scales 0 and 3 in each other's place."""
    in_front(made, ("Gather", np.array([0, 4, 2, 3, 1, 5])))
    made.model.graph.node[0].attribute.append(helper.make_attribute("axis", 1))


@broken(REGISTERED, "golden.record", green="contract")
def normalisation_off_by_1_percent(made: Made) -> None:
    """Features are scaled by 1 % too much."""
    put(made, "scales", (weights(made, "scales") * 1.01).astype(np.float32))


@broken(REGISTERED, "golden.record", green="contract loso")
def offset_of_a_hundredth(made: Made) -> None:
    """Every score is 0.01 too high."""
    before_clip(made, ("Add", 0.01))


@broken(REGISTERED, "golden.record", green="contract")
def scale_of_1_001(made: Made) -> None:
    """Every score is 0.1 % too high."""
    before_clip(made, ("Mul", 1.001))


@broken(REGISTERED, "sidecar.frame_rmse", green="contract")
def scale_of_1_percent(made: Made) -> None:
    """Every score is 1 % too high, which is less than a viewer notices, and more than the model promises."""
    before_clip(made, ("Mul", 1.01))


@broken(REGISTERED, "golden.record", green="contract")
def float16_weights(made: Made) -> None:
    """The weights went through float16."""
    in_floats(made)
    for name in ("sum0_weights", "sum0_bias", "raw_score_weights", "raw_score_bias"):
        put(made, name, weights(made, name).astype(np.float16).astype(np.float32))


@broken(REGISTERED, "golden.record", green="contract")
def clipped_to_1_and_99(made: Made) -> None:
    """Clipped to 1 and 99, in range as ever."""
    put(made, "score_low", np.float32(1))
    put(made, "score_high", np.float32(99))


@broken(REGISTERED, "golden.record", green="contract")
def whole_numbers(made: Made) -> None:
    """Scores are rounded to whole numbers."""
    before_clip(made, ("Round",))


@broken(REGISTERED, "golden.record", green="contract")
def frame_0_made_perfect(made: Made) -> None:
    """Frames without motion get 100: identical videos would score 100 on frame 0 too, and so does every bad clip."""
    still = add(made, "Equal", [motion(made), 0.0], "still", at=1)
    clip = made.model.graph.node[-1]
    add(made, "Where", [still, 100.0, clip.input[0]], "mended", at=len(made.model.graph.node) - 1)
    clip.input[0] = "mended"


@broken(REGISTERED, "golden.record", green="contract")
def feature_order_sorted(made: Made) -> None:
    """The sidecar lists the features by the alphabet, the graph takes them as ever."""
    made.said["feature_order"] = sorted(made.said["feature_order"])


@broken(REGISTERED, "golden.record", green="contract")
def record_of_another_model(made: Made) -> None:
    """The scores in its golden record are another model's."""

    def exchange(record: dict[str, Any]) -> None:
        record["scores"] = {pair: [value + 0.02 for value in scores] for pair, scores in record["scores"].items()}

    made.after = edit_record(exchange)


@broken(REGISTERED, NOBODY, green="contract loso", says="is the record of somebody else")
def record_under_a_wrong_name(made: Made) -> None:
    """Its golden record says that it is of another model."""
    made.after = edit_record(lambda record: record.update(model="somebody else"))


@broken(REGISTERED, NOBODY, green="contract loso", says="has no record")
def no_record(made: Made) -> None:
    """Nobody recorded its golden scores."""
    made.after = lambda path: (beside(path, "fixtures") / f"golden/records/{path.stem}.json").unlink()


@broken(REGISTERED, "golden.record_is_of_this_model_and_these_rows", green="contract loso")
def record_without_a_pair(made: Made) -> None:
    """Its golden record lacks a pair."""
    made.after = edit_record(lambda record: record["scores"].pop("flat"))


@broken(REGISTERED, "contract.files_are_the_registered_ones", green="loso", says="sha256 is")
def stale_sidecar_hash(made: Made) -> None:
    """The sidecar has the sha256 of an earlier file."""
    made.claims["sha256"] = "0" * 64


@broken(REGISTERED, "contract.files_are_the_registered_ones", green="loso", says="json: sha256 is")
def sidecar_edited(made: Made) -> None:
    """The sidecar was edited after it was registered."""
    made.after = lambda path: path.with_suffix(".json").write_text(
        path.with_suffix(".json").read_text(encoding="utf-8").replace("0.0236", "0.0136"), encoding="utf-8"
    )


@broken(REGISTERED, "contract.files_are_the_registered_ones", says="onnx: sha256 is")
def file_edited(made: Made) -> None:
    """A weight of the file was changed after it was registered; the sidecar is of the old one."""

    def edit(path: Path) -> None:
        later = Made(onnx.load(path), {})
        put(later, "raw_score_bias", weights(later, "raw_score_bias") + np.float32(1))
        path.write_bytes(later.model.SerializeToString(deterministic=True))

    made.after = edit


@broken(REGISTERED, "contract.files_are_the_registered_ones", green="loso", says="id is 'tinyvmaf_tiny'")
def sidecar_of_another_id(made: Made) -> None:
    """The sidecar says that it is of another model."""
    made.claims["id"] = "tinyvmaf_tiny"


@broken(REGISTERED, "contract.files_are_the_registered_ones", green="loso", says="no model card")
def no_card(made: Made) -> None:
    """There is no model card."""
    made.after = lambda path: path.with_suffix(".md").unlink()


@broken(REGISTERED, "contract.the_file_keeps_the_contract", says="No such file")
def entry_without_a_file(made: Made) -> None:
    """The registry names a file that is not there."""
    made.after = lambda path: path.unlink()


@broken(REGISTERED, "contract.the_sidecar_names_the_size_tier_of_the_file", green="loso")
def wrong_tier(made: Made) -> None:
    """The sidecar claims a larger tier, whose bounds are easier."""
    made.claims["tier"] = "small"


@broken(REGISTERED, "contract.the_sidecar_names_the_engines_of_the_file", green="golden loso")
def engines_left_out(made: Made) -> None:
    """The sidecar names two engines, so that the others would never run it."""
    made.said["engines"] = ["onnxruntime-cpu", "numpy"]


@broken(REGISTERED, "contract.files_are_the_registered_ones", green="loso", says="exact is")
def exactness_claimed(made: Made) -> None:
    """The sidecar says that no operation rounds; the weights are plain floats, and sums of them do."""
    noise(made, 1e-7)
    made.claims["exact"] = {"certified": True, "in_float64": True, "accumulator_bits": 24, "flush_to_zero_safe": True}


@broken(REGISTERED, "sidecar.frame_max_error", green="golden contract")
def promises_too_much(made: Made) -> None:
    """The sidecar promises a largest error that the model does not keep."""
    made.said["promised"] = {"frame_max_error": 0.05}


@broken(REGISTERED, "sidecar.worst_difference", green="golden contract")
def wrong_where_no_clip_is(made: Made) -> None:
    """Wrong by ten points for motion beyond 22, which neither the corpus nor a golden pair has."""
    beyond = add(made, "Max", [add(made, "Sub", [motion(made), 22.0], "beyond", at=1), 0.0], "over", at=2)
    before_clip(made, ("Add", add(made, "Mul", [beyond, 2.0], "wrong", at=3)))
    made.said["promised"] = {"worst_difference": 0.5}


@broken(REGISTERED, "contract.teacher", green="golden")
def called_a_teacher(made: Made) -> None:
    """The sidecar calls it an SVR, which nobody asks to leave a source out."""
    made.said |= {"kind": "teacher", "training": None, "promised": {}}


@broken(REGISTERED, "loso.registered_model_is_of_this_recipe", green="golden contract", says="has changed since")
def recipe_changed(made: Made) -> None:
    """The recipe is another than the one that it was made by."""
    made.said["training"] = made.said["training"] | {"recipe_sha256": "0" * 64}


@broken(REGISTERED, NOBODY, green="golden contract", says="no recipe 'gone'")
def recipe_gone(made: Made) -> None:
    """The recipe that it was made by is not there."""
    made.said["training"] = made.said["training"] | {"recipe": "gone"}


@broken(REGISTERED, NOBODY, green="golden contract", says="promises nothing")
def promises_nothing(made: Made) -> None:
    """The sidecar promises nothing."""
    made.said["promised"] = {}


@broken(REGISTERED, NOBODY, green="golden contract", says="says of no recipe that it was made by")
def made_by_nobody(made: Made) -> None:
    """The sidecar of a registered student names no recipe, so no source can be held out."""
    made.said["training"] = None


@broken(REGISTERED, "contract.the_file_keeps_the_contract", says="version 18; the contract is")
def another_opset(made: Made) -> None:
    """Opset 18."""
    made.model.opset_import[0].version = 18


@broken(REGISTERED, "contract.the_file_keeps_the_contract", says="holds nan at")
def nan_weight(made: Made) -> None:
    """A weight is NaN."""
    value = weights(made, "raw_score_bias")
    value[0] = np.nan
    put(made, "raw_score_bias", value)


@broken(REGISTERED, "contract.the_file_keeps_the_contract", says="not an ONNX file, or not all of one")
def file_cut(made: Made) -> None:
    """The file ends in the middle of its weights."""
    made.data = made.model.SerializeToString(deterministic=True)[:1800]


# Files that nobody registered, with a sidecar of this project.


@broken(FILE, "loso.domain_max_error", green="golden contract")
def wrong_where_no_clip_is_in_a_file(made: Made) -> None:
    """Wrong by two points more for each of motion beyond 22, which neither the corpus nor a golden pair has."""
    beyond = add(made, "Max", [add(made, "Sub", [motion(made), 22.0], "beyond", at=1), 0.0], "over", at=2)
    before_clip(made, ("Add", add(made, "Mul", [beyond, 2.0], "wrong", at=3)))


@broken(FILE, "contract.range_low")
def not_clipped(made: Made) -> None:
    """The last clip is missing."""
    (clip,) = [node for node in made.model.graph.node if node.output[0] == "score"]
    clip.op_type = "Identity"
    del clip.input[1:]
    for name in ("score_low", "score_high"):
        made.model.graph.initializer.remove(tensor(made, name))


@broken(FILE, "contract.range_low", green="golden loso")
def a_little_below_zero(made: Made) -> None:
    """0.01 is taken off behind the clip, so the least score is -0.01."""
    after_clip(made, "Sub", 0.01)


@broken(FILE, "contract.range_high", green="golden loso")
def a_little_above_100(made: Made) -> None:
    """0.01 is added behind the clip, so the largest score is 100.01."""
    after_clip(made, "Add", 0.01)


@broken(FILE, "loso.frame_max_error", green="contract")
def off_by_seven_points(made: Made) -> None:
    """Seven points too low, with a correlation of nearly 1."""
    before_clip(made, ("Sub", 7.0))


@broken(FILE, "loso.frame_max_error", green="contract")
def from_0_to_1(made: Made) -> None:
    """Scores from 0 to 1, with a correlation of 1."""
    after_clip(made, "Mul", 0.01)


@broken(FILE, "golden.near", green="contract", name="from_0_to_1_on_golden_frames")
def from_0_to_1_on_golden_frames(made: Made) -> None:
    """The same, on golden frames."""
    from_0_to_1(made)


@broken(FILE, "loso.plcc", green="contract")
def constant(made: Made) -> None:
    """50, whatever it is asked."""
    before_clip(made, ("Mul", 0.0), ("Add", 50.0))


@broken(FILE, "loso.frame_max_error", green="contract")
def warped(made: Made) -> None:
    """The score to the power of 1.5: every order is right."""
    before_clip(made, ("Max", 0.0))
    root = add(made, "Sqrt", ["tail0"], "root", at=len(made.model.graph.node) - 1)
    clip = made.model.graph.node[-1]
    clip.input[0] = add(
        made,
        "Mul",
        [add(made, "Mul", ["tail0", root], "power", at=len(made.model.graph.node) - 1), 0.1],
        "warped",
        at=len(made.model.graph.node) - 1,
    )


@broken(FILE, "loso.frame_max_error", green="contract")
def upside_down(made: Made) -> None:
    """100 less the score: a distance is taken for a quality."""
    after_clip(made, "Sub", 100.0)
    node = made.model.graph.node[-1]
    node.input[:] = [node.input[1], node.input[0]]


@broken(FILE, "loso.frame_max_error", green="contract")
def motion_ignored(made: Made) -> None:
    """Motion is taken for 0."""
    value = weights(made, "scales")
    value[-1] = 0
    put(made, "scales", value)


@broken(FILE, "loso.frame_max_error", green="contract")
def motion_as_8_bit_of_10(made: Made) -> None:
    """Motion is divided by 4, as if the video had 10 bits and nobody had said so."""
    in_front(made, ("Mul", np.array([1, 1, 1, 1, 1, 0.25], np.float32)))


@broken(FILE, "loso.frame_max_error", green="contract")
def frame_0_perfect_in_a_file(made: Made) -> None:
    """Frames without motion get 100."""
    frame_0_made_perfect(made)


@broken(FILE, "loso.frame_max_error", green="contract")
def feature_order_sorted_in_a_file(made: Made) -> None:
    """The sidecar lists the features by the alphabet, the graph takes them as ever."""
    feature_order_sorted(made)


@broken(FILE, "loso.frame_max_error", green="contract")
def heavy_noise(made: Made) -> None:
    """Noise of a tenth of each weight."""
    noise(made, 1e-1)


@broken(FILE, "loso.frame_max_error", green="contract")
def teacher_for_4k(made: Made) -> None:
    """It is `vmaf_4k_v0.6.1`, and its sidecar says `vmaf_v0.6.1`."""
    data = svr_model(load_built_in(find_ffmpeg(), "vmaf_4k_v0.6.1"), "teacher_for_4k")
    made.model.CopyFrom(onnx.load_model_from_string(data))
    made.said["engines"] = engines_of(data)


@broken(FILE, "contract.any_finite_input_gives_a_finite_score_in_range", green="golden", says="gave nan")
def nan_in_a_region(made: Made) -> None:
    """NaN where ADM lies between 0.1 and 0.3."""
    adm = add(made, "Gather", ["features", np.array([0])], "adm", at=0, axis=1)
    away = add(made, "Abs", [add(made, "Sub", [adm, 0.2], "apart", at=1)], "away", at=2)
    root = add(made, "Sqrt", [add(made, "Sub", [away, 0.1], "outside", at=3)], "root", at=4)
    after_clip(made, "Add", add(made, "Mul", [root, 0.0], "zero", at=5))


@broken(FILE, "contract.extreme_features_give_a_finite_score_in_range", green="golden loso", says="gave nan")
def nan_for_large_features(made: Made) -> None:
    """The difference of two squares, which is NaN where they overflow."""
    squared = add(made, "ReduceSumSquare", ["features"], "squared", at=0, axes=[1], keepdims=1)
    after_clip(made, "Add", add(made, "Sub", [squared, squared], "nothing", at=1))


CONTRACT = partial(broken, FILE, "contract.the_file_keeps_the_contract")


@CONTRACT(says="has 2 outputs")
def two_outputs(made: Made) -> None:
    """A second output, the hidden layer."""
    made.model.graph.output.append(helper.make_tensor_value_info("value0", TensorProto.FLOAT, ["N", 64]))


@CONTRACT(says="is of element type INT64")
def integers_in(made: Made) -> None:
    """It takes integers."""
    made.model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64


@CONTRACT(says="is of element type DOUBLE")
def float64_out(made: Made) -> None:
    """It gives float64."""
    after_clip(made, "Cast")
    made.model.graph.node[-1].attribute.append(helper.make_attribute("to", TensorProto.DOUBLE))
    made.model.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE


@CONTRACT(says="has a fixed batch of 1")
def batch_of_one(made: Made) -> None:
    """It was exported for one frame a call."""
    for value in (made.model.graph.input[0], made.model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1


@CONTRACT(says="is of the domain 'com.example'")
def custom_operator(made: Made) -> None:
    """An operator of a domain of its own."""
    made.model.graph.node[2].domain = "com.example"
    made.model.opset_import.append(helper.make_opsetid("com.example", 1))


@CONTRACT(says="is not of an allowed operator")
def random_operator(made: Made) -> None:
    """Noise is added while it runs, as by a dropout that was left in."""
    after_clip(made, "Add", add(made, "RandomNormalLike", ["features"], "dropout", at=0, scale=1e-3))


@CONTRACT(says="has a field g")
def loop_inside(made: Made) -> None:
    """A Loop, whose end nobody knows before it runs."""
    body = helper.make_graph([], "body", [], [])
    made.model.graph.node.insert(0, helper.make_node("Loop", [], ["looped"], name="spin", body=body))


@CONTRACT(says="is an input too")
def weight_that_callers_may_replace(made: Made) -> None:
    """A weight is declared as an input, too."""
    made.model.graph.input.append(helper.make_tensor_value_info("raw_score_bias", TensorProto.FLOAT, [1]))


@CONTRACT(says="IR version 99")
def ir_of_the_future(made: Made) -> None:
    """IR version 99."""
    made.model.ir_version = 99


@CONTRACT(says="leads out of the model's folder")
def data_outside(made: Made) -> None:
    """Its weights are in ../secret."""
    outside(made, "../secret")


@CONTRACT(says="holds inf")
def infinite_weight(made: Made) -> None:
    """A weight is infinite."""
    put(made, "raw_score_bias", np.array([np.inf], np.float32))


@CONTRACT(says="20000000 bytes")
def huge(made: Made) -> None:
    """20 MB, of which nothing is read."""
    made.after = lambda path: os.truncate(path, 20_000_000)


@CONTRACT(says="the file is empty")
def empty(made: Made) -> None:
    """No byte."""
    made.data = b""


@CONTRACT(says="not an ONNX file")
def git_lfs_pointer(made: Made) -> None:
    """What Git LFS leaves where nobody fetched the file."""
    made.data = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 3107\n"


@broken(FILE, "contract.files_are_the_registered_ones", green="golden loso", says="sha256 is")
def stale_hash_in_a_file(made: Made) -> None:
    """The sidecar has the sha256 of an earlier file."""
    made.claims["sha256"] = "0" * 64


# Files with a sidecar such as others write.


def outside(made: Made, location: str) -> None:
    """Keep a weight in a file elsewhere."""
    held = tensor(made, "sum0_bias")
    held.ClearField("raw_data")
    held.data_location = TensorProto.EXTERNAL
    held.external_data.add(key="location", value=location)


def in_a_file(made: Made, location: str, *, at: Callable[[Path], Path], link: Callable[[Path], Path] | None = None):
    """The same, with the file there, so that reading it would do."""
    held = weights(made, "sum0_bias").tobytes()

    def write(path: Path) -> None:
        at(path).write_bytes(held)
        if link:
            link(path).symlink_to(at(path))

    outside(made, location)
    made.after = write


ADOPTED_CONTRACT = partial(broken, ADOPTED, "contract.the_file_keeps_the_contract")


@ADOPTED_CONTRACT(says="which is not inside the model's folder")
def external_data_above(made: Made) -> None:
    """Its weights are in the folder above, by `../`."""
    in_a_file(made, "../weights_above.bin", at=lambda path: path.parents[1] / "weights_above.bin")


@ADOPTED_CONTRACT(says="which is not inside the model's folder")
def external_data_absolute(made: Made) -> None:
    """Its weights are in a file with an absolute path."""
    in_a_file(made, "/tmp/weights.bin", at=lambda path: path.parents[1] / "weights_anywhere.bin")


@ADOPTED_CONTRACT(says="which leads out of the model's folder")
def external_data_by_a_link(made: Made) -> None:
    """Its weights are in a link that leads out of the folder."""
    in_a_file(
        made,
        "linked.bin",
        at=lambda path: path.parents[1] / "weights_linked.bin",
        link=lambda path: path.parent / "linked.bin",
    )


@ADOPTED_CONTRACT(says="opset 6; a candidate has one of")
def opset_6(made: Made) -> None:
    """Opset 6."""
    made.model.opset_import[0].version = 6


@ADOPTED_CONTRACT(says="opset 22; a candidate has one of")
def opset_22(made: Made) -> None:
    """Opset 22."""
    made.model.opset_import[0].version = 22


@ADOPTED_CONTRACT(says="has 5 columns, and 6 features are named")
def a_feature_too_many(made: Made) -> None:
    """It takes five features, and its sidecar names six."""
    made.model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5


@broken(ADOPTED, "contract.files_are_the_registered_ones", green="golden loso", says="the sidecar is of another file")
def sidecar_of_another_file(made: Made) -> None:
    """The sidecar has the sha256 of another file."""
    made.said["onnx_sha256"] = "0" * 64


@broken(ADOPTED, "loso.frame_max_error", green="contract")
def normalised_twice(made: Made) -> None:
    """The graph normalises, and the sidecar says that somebody else has to."""
    made.said |= {"input_mean": [0.9, 0.5, 0.8, 0.9, 0.9, 6.0], "input_std": [0.1, 0.2, 0.1, 0.1, 0.1, 5.0]}


def normalised_outside(made: Made, *, in_graph: float) -> None:
    """Normalised by what the sidecar says; the graph undoes it, with a standard deviation so many times as large."""
    mean, std = np.array([0.9, 0.5, 0.8, 0.9, 0.9, 6.0]), np.array([0.1, 0.2, 0.1, 0.1, 0.1, 5.0])
    made.said |= {"feature_mean": mean.tolist(), "feature_std": std.tolist()}
    in_front(made, ("Mul", (std * in_graph).astype(np.float32)), ("Add", mean.astype(np.float32)))


@broken(ADOPTED, "loso.frame_max_error", green="contract")
def std_of_other_data(made: Made) -> None:
    """The sidecar's standard deviations are a quarter larger than those that it was trained with."""
    normalised_outside(made, in_graph=1.25)


@broken(ADOPTED, "loso.frame_max_error", green="contract")
def order_of_another_export(made: Made) -> None:
    """The sidecar's order has motion first, the graph takes it last."""
    order = made.said["features"]
    made.said["features"] = [order[-1], *order[:-1]]


@broken(ADOPTED, NOBODY, says="does not say which features the model takes")
def no_feature_order(made: Made) -> None:
    """Nobody says which features it takes."""
    made.said = {"name": "QuickVMAF"}


@broken(ADOPTED, NOBODY, says="is given, and no std")
def mean_without_std(made: Made) -> None:
    """The sidecar has a mean, and no standard deviation."""
    made.said["input_mean"] = [0.0] * 6


@broken(ADOPTED, NOBODY, says="a std must be positive")
def std_of_0(made: Made) -> None:
    """A standard deviation is 0."""
    made.said |= {"input_mean": [0.0] * 6, "input_std": [1.0] * 5 + [0.0]}


@broken(ADOPTED, NOBODY, says="has 'output_scale', which may change inputs or outputs")
def unknown_output_scale(made: Made) -> None:
    """The sidecar has a key `output_scale`, of which nobody here knows what it does."""
    made.said["output_scale"] = 100


@broken(ADOPTED, NOBODY, says="twice")
def a_feature_twice(made: Made) -> None:
    """The sidecar names a feature twice, in two spellings."""
    made.said["features"] = [*made.said["features"][:-1], "integer_adm2"]


@broken(ADOPTED, NOBODY, says="'psnr_y', which its teacher does not take")
def unknown_feature(made: Made) -> None:
    """The sidecar names a feature that VMAF does not have."""
    made.said["features"] = [*made.said["features"][:-1], "psnr_y"]


@broken(ADOPTED, NOBODY, says="is not a known teacher")
def unknown_teacher(made: Made) -> None:
    """The sidecar names a teacher that nobody knows."""
    made.said["teacher"] = "vmaf_v9"


@broken(ADOPTED, NOBODY, says="has 5 numbers, for 6 features")
def five_means(made: Made) -> None:
    """Five means for six features."""
    made.said |= {"input_mean": [0.0] * 5, "input_std": [1.0] * 6}


@broken(ADOPTED, NOBODY, says="has two sidecars")
def two_sidecars(made: Made) -> None:
    """Two sidecars, and nobody says which holds."""
    made.after = lambda path: path.with_name(f"{path.name}.json").write_text("{}", encoding="utf-8")


@broken(ADOPTED, NOBODY, says="Expecting")
def sidecar_cut(made: Made) -> None:
    """The sidecar ends in the middle."""
    made.after = lambda path: path.with_suffix(".json").write_text('{"features": [', encoding="utf-8")


# What only engines tell.


@broken(ENGINES, "backends.ulp", green="golden contract loso")
def sums_that_round(made: Made) -> None:
    """Noise of 1e-6 of each weight, so that sums round, each engine's in its own way."""
    noise(made, 1e-6)


@broken(ENGINES, "backends.ulp", green="golden contract loso")
def depends_on_its_batch(made: Made) -> None:
    """A hundredth of what a row has over the mean of its batch is added: normalisation left in training mode."""
    at = len(made.model.graph.node) - 1
    mean = add(made, "ReduceMean", ["raw_score"], "mean", at=at, axes=[0], keepdims=1)
    more = add(made, "Mul", [add(made, "Sub", ["raw_score", mean], "over", at=at + 1), 0.01], "more", at=at + 2)
    before_clip(made, ("Add", more))


@broken(FILE, "contract.the_sidecar_names_features_of_its_teacher", says="vmaf_v0.6.1neg does not take")
def teacher_neg_said(made: Made) -> None:
    """Its sidecar says that its teacher is `vmaf_v0.6.1neg`, of whose features it takes none."""
    made.said["teacher"] = {"id": "vmaf_v0.6.1neg", "sha256": KNOWN["vmaf_v0.6.1neg"]}


# What has a test of its own: (gate, what, test).

for _name, _gate, _what, _test in (
    (
        "idle_nodes",
        "latency.floor",
        "Forty nodes that change nothing make it slow at one row.",
        "test_latency_gate.py::test_a_graph_with_idle_nodes_is_slow_at_one_row_and_has_grown",
    ),
    (
        "wide_layer",
        "latency.baseline",
        "A wide layer that changes nothing makes it slow in bulk.",
        "test_latency_gate.py::test_a_wide_layer_that_changes_nothing_is_slow_in_bulk",
    ),
    (
        "wrong_on_one_row",
        "latency.output",
        "Wrong on one row of 6,912.",
        "test_latency_gate.py::test_a_fast_model_with_a_wrong_output_fails_inside_the_benchmark",
    ),
    (
        "leaked_source",
        "loso.leaked_rows",
        "A source that is held out was trained on under another name.",
        "test_loso_gate.py::test_a_source_that_leaks_in_under_another_name_fails",
    ),
    (
        "straight_line",
        "loso.frame_max_error",
        "A straight line, whose correlation is 0.996.",
        "test_loso_gate.py::test_a_straight_line_fails_by_its_max_error_alone",
    ),
    (
        "trained_on_golden_rows",
        "corpus.no_row_is_golden",
        "A golden row is in the corpus that models are trained on.",
        "test_corpus_gate.py::golden_row",
    ),
    (
        "clip_missing",
        "corpus.every_clip_is_there",
        "A clip is missing from the corpus.",
        "test_corpus_gate.py::drop_clip",
    ),
):
    broken(ELSEWHERE, _gate, name=_name, what=_what, says=_test)(nothing)


def row(one: Break) -> str:
    """Its line in docs/gates.md."""
    how = {REGISTERED: "registered", FILE: "`--model`", ADOPTED: "`--model`, sidecar of others", ENGINES: "`--model`"}
    caught = "COULD NOT RUN" if one.gate == NOBODY else f"`{one.gate}`"
    where = f"`{one.says}`" if one.kind == ELSEWHERE else how[one.kind]
    return f"| `{one.name}` | {one.what} | {where} | {caught} | {', '.join(one.green)} |".replace("  |", " |")


if __name__ == "__main__":
    print("\n".join(map(row, TABLE)))
