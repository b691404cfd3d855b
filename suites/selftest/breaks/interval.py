"""Candidates that state an interval: `tinyvmaf_interval` with one thing wrong."""

import onnx

from tinyvmaf.files import home
from tinyvmaf.model.contract import STDDEV
from tinyvmaf.model.sidecar import read_sidecar

from .making import FILE, Made, add, broken

_MODEL = "tinyvmaf_interval"


def stating(made: Made) -> Made:
    """The good model with an interval in place of the good one."""
    folder = home() / "model"
    made.model.CopyFrom(onnx.load(folder / f"{_MODEL}.onnx"))
    own = read_sidecar(folder / f"{_MODEL}.json").as_dict() | {"training": None, "promised": {}}
    made.sidecar |= own | {"id": made.sidecar["id"]}
    return made


def stated(made: Made) -> str:
    """The standard deviation of the good model, under another name."""
    for node in stating(made).model.graph.node:
        node.output[:] = ["stated" if name == STDDEV else name for name in node.output]
    return "stated"


@broken(FILE, "contract.the_file_keeps_the_contract", says="called 'stddev'; the contract is 'score'")
def outputs_swapped(made: Made) -> None:
    """The standard deviation comes first, so whoever takes the first output shows it as the score."""
    outputs = stating(made).model.graph.output
    outputs.reverse()


@broken(FILE, "contract.the_file_keeps_the_contract", says="has 1 outputs; the contract is 2")
def interval_without_a_stddev(made: Made) -> None:
    """The sidecar calls a model with one output an interval."""
    made.sidecar["kind"] = "interval"


@broken(FILE, "contract.the_stddev_is_finite_and_not_negative", green="golden", says="stddev is -")
def stddev_below_0(made: Made) -> None:
    """The standard deviation has the wrong sign, which swaps the ends of the interval."""
    add(made, "Neg", [stated(made)], STDDEV)


@broken(FILE, "loso.stddev_rmse", green="golden contract")
def stddev_of_another_model(made: Made) -> None:
    """The standard deviation is 3 for every frame, the median of the corpus."""
    add(made, "Add", [add(made, "Mul", [stated(made), 0.0], "flat"), 3.0], STDDEV)


@broken(FILE, "loso.stddev_rmse", green="golden contract")
def stddev_a_little_wide(made: Made) -> None:
    """The standard deviation is 5 % too large: no interval looks wrong, and all are."""
    add(made, "Mul", [stated(made), 1.05], STDDEV)


@broken(FILE, "loso.interval_rmse", green="golden contract")
def stddev_where_the_mean_is_clipped(made: Made) -> None:
    """The standard deviation does not end where the mean lies beyond the scale."""
    (least,) = [node for node in stating(made).model.graph.node if STDDEV in node.output]
    least.op_type = "Identity"
    del least.input[1:]
