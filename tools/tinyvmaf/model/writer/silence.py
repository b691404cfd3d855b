"""The selection of a replacement where chroma is silent: exact, with few nodes."""

from typing import Final

import numpy as np
from numpy.typing import DTypeLike

from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.vmaf.teacher.silence import SILENT, Silence


def add_silence(graph: Graph, features: str, steps: str, silence: Silence, count: int, dtype: DTypeLike) -> str:
    """Add the rule for silent chroma after features in whole steps; returns the steps `[N, F]`.

    Args:
        features: the features as given, in `dtype`.
        count: `F`.
    """
    weights, bias, below = (
        graph.constant(name, np.asarray(value, dtype=dtype))
        for name, value in zip(_NAMES, (*silence.affine(count), SILENT), strict=True)
    )
    replaced = graph.node("Floor", [graph.node("Gemm", [steps, weights, bias], "replaced_exactly")], "replaced_steps")
    # Of all features, not of chroma alone: the others are the same in both, and a Gather would be one node more.
    silent = graph.node("Less", [features, below], "silent")
    return graph.node("Where", [silent, replaced, steps], "chosen_steps")


_NAMES: Final = ("replacing_weights", "replacing_bias", "silent_below")
