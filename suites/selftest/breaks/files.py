"""Files that are not registered, with a sidecar of this project."""

import os
from functools import partial

import numpy as np
import onnx
from onnx import TensorProto, helper

from tinyvmaf.model.engines.choose import engines_of
from tinyvmaf.model.writer import svr_model
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

from .making import (
    FILE,
    Made,
    add,
    after_clip,
    before_clip,
    broken,
    in_front,
    motion,
    noise,
    outside,
    put,
    tensor,
    weights,
)
from .registered import feature_order_sorted, frame_0_made_perfect


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
    """It is `vmaf_4k_v0.6.1`; its sidecar and its metadata say `vmaf_v0.6.1`."""
    data = svr_model(load_built_in(find_ffmpeg(), "vmaf_4k_v0.6.1"), "teacher_for_4k")
    made.model.CopyFrom(onnx.load_model_from_string(data))
    next(one for one in made.model.metadata_props if one.key == "teacher").value = made.sidecar["teacher"]["id"]
    made.sidecar["engines"] = engines_of(data)


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


@broken(FILE, "contract.files_are_the_registered_ones", says="the model file's metadata says")
def two_features_swapped_in_the_sidecar(made: Made) -> None:
    """The sidecar has two features in each other's place: the scores are 1.5 points off, and look right."""
    order = made.sidecar["feature_order"]
    order[3], order[4] = order[4], order[3]


@broken(FILE, "contract.files_are_the_registered_ones", green="golden loso", says="sha256 is")
def stale_hash_in_a_file(made: Made) -> None:
    """The sidecar has the sha256 of an earlier file."""
    made.claims["sha256"] = "0" * 64


@broken(FILE, "contract.the_sidecar_names_features_of_its_teacher", says="vmaf_v0.6.1neg does not take")
def teacher_neg_named(made: Made) -> None:
    """Its sidecar says that its teacher is `vmaf_v0.6.1neg`, of whose features it takes none."""
    made.sidecar["teacher"] = {"id": "vmaf_v0.6.1neg", "sha256": KNOWN["vmaf_v0.6.1neg"]}
