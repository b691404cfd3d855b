"""Registered models: the record has all of their scores, and the sidecar promises what the recipe reached."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tinyvmaf.measure import environment

from .making import (
    NOBODY,
    REGISTERED,
    Made,
    add,
    before_clip,
    beside,
    broken,
    edit_record,
    in_floats,
    in_front,
    motion,
    noise,
    put,
    weights,
)

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
    """The sidecar lists the features by the alphabet, the graph takes them as ever, and its metadata is silent."""
    made.sidecar["feature_order"] = sorted(made.sidecar["feature_order"])
    kept = [one for one in made.model.metadata_props if one.key != "feature_order"]
    del made.model.metadata_props[:]
    made.model.metadata_props.extend(kept)


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

    def edit(path: Path) -> None:
        sidecar = path.with_suffix(".json")
        content = json.loads(sidecar.read_text(encoding="utf-8"))
        content["measured"]["loso_frame_rmse_points"] /= 2
        sidecar.write_text(json.dumps(content, indent=2), encoding="utf-8")

    made.after = edit


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
    made.sidecar["engines"] = ["onnxruntime-cpu", "numpy"]


@broken(REGISTERED, "contract.files_are_the_registered_ones", green="loso", says="exact is")
def exactness_claimed(made: Made) -> None:
    """The sidecar says that no operation rounds; the weights are plain floats, and sums of them do."""
    noise(made, 1e-7)
    made.claims["exact"] = {"certified": True, "in_float64": True, "accumulator_bits": 24, "flush_to_zero_safe": True}


@broken(REGISTERED, "sidecar.frame_max_error", green="contract")
def promises_too_much(made: Made) -> None:
    """The sidecar promises a largest error that the model does not keep."""
    made.sidecar["promised"] = {"frame_max_error": 0.05}


@broken(REGISTERED, "sidecar.worst_difference", green="golden contract")
def wrong_where_no_clip_is(made: Made) -> None:
    """Wrong by ten points for motion beyond 22, which neither the corpus nor a golden pair has."""
    beyond = add(made, "Max", [add(made, "Sub", [motion(made), 22.0], "beyond", at=1), 0.0], "over", at=2)
    before_clip(made, ("Add", add(made, "Mul", [beyond, 2.0], "wrong", at=3)))
    made.sidecar["promised"] = {"worst_difference": 0.5}


@broken(REGISTERED, "contract.teacher", green="golden")
def called_a_teacher(made: Made) -> None:
    """The sidecar calls it an SVR, which nobody asks to leave a source out."""
    made.sidecar |= {"kind": "teacher", "training": None, "promised": {}}


@broken(REGISTERED, "loso.registered_model_is_of_this_recipe", green="golden contract", says="has changed since")
def recipe_changed(made: Made) -> None:
    """The recipe is another than the one that it was made by."""
    made.sidecar["training"] = made.sidecar["training"] | {"recipe_sha256": "0" * 64}


@broken(REGISTERED, NOBODY, green="golden contract", says="no recipe 'gone'")
def recipe_gone(made: Made) -> None:
    """The recipe that it was made by is not there."""
    made.sidecar["training"] = made.sidecar["training"] | {"recipe": "gone"}


@broken(
    REGISTERED, "loso.registered_model_is_of_this_recipe", green="golden contract", says="promises frame_rmse nothing"
)
def promises_nothing(made: Made) -> None:
    """The sidecar promises nothing."""
    made.sidecar["promised"] = {}


@broken(REGISTERED, "loso.registered_model_is_of_this_recipe", green="golden contract", says="its recipe at most 0.06")
def promises_less_than_its_recipe(made: Made) -> None:
    """The sidecar promises less than the recipe that it was made by."""
    made.sidecar["promised"] = made.sidecar["promised"] | {"frame_rmse": 0.6}


@broken(REGISTERED, "loso.registered_model_is_of_this_recipe", green="contract", says="on the machine that made it")
def edited_on_the_machine_that_made_it(made: Made) -> None:
    """Noise of 1e-6 of each weight; the sidecar says that this machine made it, where its recipe gives another file."""
    noise(made, 1e-6)
    made.sidecar["training"] = made.sidecar["training"] | {"machine": environment.machine().id}


@broken(REGISTERED, NOBODY, green="golden contract", says="its sidecar names no recipe")
def made_by_nobody(made: Made) -> None:
    """The sidecar of a registered student names no recipe, so no source can be held out."""
    made.sidecar["training"] = None


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
