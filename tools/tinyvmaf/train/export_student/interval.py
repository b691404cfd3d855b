"""Write a student that states an interval as ONNX: its networks share what they can, and no operation rounds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from tinyvmaf.model.contract import OUTPUT, STDDEV
from tinyvmaf.train.export_student.grid import GridGraph
from tinyvmaf.train.students import IntervalStudent
from tinyvmaf.train.students.interval import MOST_BITS, beside, diagonal


def interval_model(student: IntervalStudent, model_id: str, metadata: Mapping[str, str] | None = None) -> bytes:
    """A student with the outputs `score` and `stddev` as ONNX, of a grid in float32.

    Args:
        model_id: the graph's name.
        metadata: written to the file in addition to `feature_order`.

    Returns:
        The file's bytes, the same for the same student.
    """
    graph = _IntervalGraph(student.score)
    # The first hidden layers of all networks are one layer.
    networks = student.stddev, student.score, student.low, student.high
    first = graph.dense(graph.start(), beside(*(one.layers[0] for one in networks)), "sum0")
    values = graph.value(first, 0)
    units = len(student.stddev.layers[0].bias)
    ends = student.score.layers[-1], student.gate(student.low, 1), student.gate(student.high, -1)
    last = diagonal(*ends).behind(units)
    most = 2.0**MOST_BITS
    graph.clip(graph.dense(values, last.columns(0, 1), "raw_score"), OUTPUT, *student.score.clip)
    x = graph.first(values, units)
    for i, layer in enumerate(student.stddev.layers[1:-1], 1):
        x = graph.value(graph.dense(x, layer, f"sum{i}"), i)
    spread = graph.clip(graph.dense(x, student.spread(), "raw_stddev"), "spread", 0.0, most)
    sides = graph.clip(graph.dense(values, last.columns(1, 3), "raw_sides"), "sides", 0.0, most)
    inside = graph.node("ReduceMin", [sides], "inside", axes=[1], keepdims=1)
    graph.node("Min", [spread, inside], STDDEV)
    return graph.model(
        model_id,
        len(student.features),
        {"feature_order": ",".join(student.features), **(metadata or {})},
        outputs=(OUTPUT, STDDEV),
    )


class _IntervalGraph(GridGraph):
    """Without what only adds bytes: names of nodes, and constants that are there already."""

    def node(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        if value.ndim == 0:  # a bound or a factor
            name = f"{value.item():g}"
            if any(known.name == name for known in self.constants):
                return name
        return super().constant(name, value)

    def first(self, x: str, count: int) -> str:
        """The first units of a layer."""
        ends = [self.constant(f"units_{name}", np.array([n])) for name, n in (("from", 0), ("to", count), ("axis", 1))]
        return self.node("Slice", [x, *ends], "units")
