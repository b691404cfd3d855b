"""Files with a sidecar as other projects write them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from .making import ADOPTED, NOBODY, Made, broken, in_front, outside, weights


def in_a_file(
    made: Made, location: str, *, at: Callable[[Path], Path], link: Callable[[Path], Path] | None = None
) -> None:
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


@ADOPTED_CONTRACT(says="opset 99; a candidate has one of")
def opset_99(made: Made) -> None:
    """Opset 99, which onnx here does not know."""
    made.model.opset_import[0].version = 99


@ADOPTED_CONTRACT(says="has 5 columns, and 6 features are named")
def a_feature_too_many(made: Made) -> None:
    """It takes five features, and its sidecar names six."""
    made.model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5


@broken(ADOPTED, "contract.files_are_the_registered_ones", green="golden loso", says="the sidecar is of another file")
def sidecar_of_another_file(made: Made) -> None:
    """The sidecar has the sha256 of another file."""
    made.sidecar["onnx_sha256"] = "0" * 64


@broken(ADOPTED, NOBODY, says="--normalisation graph: the graph does it")
def normalised_twice(made: Made) -> None:
    """The graph normalises out of sight, and the sidecar gives mean and std."""
    made.sidecar |= {"input_mean": [0.9, 0.5, 0.8, 0.9, 0.9, 6.0], "input_std": [0.1, 0.2, 0.1, 0.1, 0.1, 5.0]}


def normalised_outside(made: Made, *, in_graph: float) -> None:
    """Normalised by what the sidecar says; the graph undoes it, with a standard deviation so many times as large."""
    mean, std = np.array([0.9, 0.5, 0.8, 0.9, 0.9, 6.0]), np.array([0.1, 0.2, 0.1, 0.1, 0.1, 5.0])
    made.sidecar |= {"feature_mean": mean.tolist(), "feature_std": std.tolist()}
    in_front(made, ("Mul", (std * in_graph).astype(np.float32)), ("Add", mean.astype(np.float32)))


@broken(ADOPTED, "loso.frame_max_error", green="contract")
def std_of_other_data(made: Made) -> None:
    """The sidecar's standard deviations are a quarter larger than those that it was trained with."""
    normalised_outside(made, in_graph=1.25)


@broken(ADOPTED, "loso.frame_max_error", green="contract")
def order_of_another_export(made: Made) -> None:
    """The sidecar's order has motion first, the graph takes it last."""
    order = made.sidecar["features"]
    made.sidecar["features"] = [order[-1], *order[:-1]]


@broken(ADOPTED, NOBODY, says="does not say which features the model takes")
def no_feature_order(made: Made) -> None:
    """Nobody says which features it takes."""
    made.sidecar = {"name": "QuickVMAF"}


@broken(ADOPTED, NOBODY, says="is given, and no std")
def mean_without_std(made: Made) -> None:
    """The sidecar has a mean, and no standard deviation."""
    made.sidecar["input_mean"] = [0.0] * 6


@broken(ADOPTED, NOBODY, says="a std must be positive")
def std_of_0(made: Made) -> None:
    """A standard deviation is 0."""
    made.sidecar |= {"input_mean": [0.0] * 6, "input_std": [1.0] * 5 + [0.0]}


@broken(ADOPTED, NOBODY, says="has 'output_scale', which may change inputs or outputs")
def unknown_output_scale(made: Made) -> None:
    """The sidecar has a key `output_scale`, of which nobody here knows what it does."""
    made.sidecar["output_scale"] = 100


@broken(ADOPTED, NOBODY, says="twice")
def a_feature_twice(made: Made) -> None:
    """The sidecar names a feature twice, in two spellings."""
    made.sidecar["features"] = [*made.sidecar["features"][:-1], "integer_adm2"]


@broken(ADOPTED, NOBODY, says="'psnr_y', which its teacher does not take")
def unknown_feature(made: Made) -> None:
    """The sidecar names a feature that VMAF does not have."""
    made.sidecar["features"] = [*made.sidecar["features"][:-1], "psnr_y"]


@broken(ADOPTED, NOBODY, says="is not a known teacher")
def unknown_teacher(made: Made) -> None:
    """The sidecar names a teacher that nobody knows."""
    made.sidecar["teacher"] = "vmaf_v9"


@broken(ADOPTED, NOBODY, says="has 5 numbers, for 6 features")
def five_means(made: Made) -> None:
    """Five means for six features."""
    made.sidecar |= {"input_mean": [0.0] * 5, "input_std": [1.0] * 6}


@broken(ADOPTED, NOBODY, says="has two sidecars")
def two_sidecars(made: Made) -> None:
    """Two sidecars, and nobody says which holds."""
    made.after = lambda path: path.with_name(f"{path.name}.json").write_text("{}", encoding="utf-8")


@broken(ADOPTED, NOBODY, says="Expecting")
def sidecar_cut(made: Made) -> None:
    """The sidecar ends in the middle."""
    made.after = lambda path: path.with_suffix(".json").write_text('{"features": [', encoding="utf-8")
