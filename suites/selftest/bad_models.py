"""Models that follow their teacher but for one thing that a user decides by: `tinyvmaf_nano` and a few nodes.

python -m suites.selftest.bad_models DIR    # writes each as DIR/NAME.onnx
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tinyvmaf.files import home

GOOD = "tinyvmaf_nano"
FEATURES = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")


class GraphColumn:
    """A column of a graph, `[N, 1]`, that grows by arithmetic."""

    def __init__(self, graph: onnx.GraphProto, name: str) -> None:
        self.graph, self.name = graph, name

    def op(self, operator: str, *others: "GraphColumn | float | np.ndarray", **attributes: Any) -> "GraphColumn":
        """This and others through an operator of ONNX."""
        names = [self.name]
        for other in others:
            if isinstance(other, GraphColumn):
                names.append(other.name)
            else:
                constant = np.asarray(other, None if isinstance(other, np.ndarray) else np.float32)
                names.append(f"constant{len(self.graph.initializer)}")
                self.graph.initializer.append(numpy_helper.from_array(constant, names[-1]))
        out = f"value_{len(self.graph.node)}"
        self.graph.node.append(helper.make_node(operator, names, [out], **attributes))
        return GraphColumn(self.graph, out)

    def __add__(self, other: "GraphColumn | float") -> "GraphColumn":
        return self.op("Add", other)

    def __sub__(self, other: "GraphColumn | float") -> "GraphColumn":
        return self.op("Sub", other)

    def __mul__(self, other: "GraphColumn | float") -> "GraphColumn":
        return self.op("Mul", other)

    def clip(self, low: float, high: float) -> "GraphColumn":
        return self.op("Clip", low, high)

    def above(self, limit: float) -> "GraphColumn":
        """1 above a limit, else 0."""
        return ((self - limit) * 1e6).clip(0.0, 1.0)

    def between(self, low: float, high: float) -> "GraphColumn":
        return self.above(low) - self.above(high)

    def tent(self, centre: float, width: float) -> "GraphColumn":
        """1 at the centre, 0 from a width away."""
        return ((self - centre).op("Abs") * (-1.0 / width) + 1.0).clip(0.0, 1.0)

    def steps(self, size: float, offset: float = 0.0) -> "GraphColumn":
        return ((self + offset) * (1.0 / size)).op("Floor") * size - offset


Change = Callable[[GraphColumn, dict[str, GraphColumn]], GraphColumn]
"""From a score, 0 to 100, and features to another score, which is clipped to 0 to 100."""


@dataclass(frozen=True)
class Bad:
    """A bad model."""

    name: str
    group: str
    gates: tuple[str, ...]
    """At least one of these must fail, with `says` in its sentence."""
    says: str
    change: Change

    def model(self) -> onnx.ModelProto:
        return changed(self.change)


def changed(change: Change) -> onnx.ModelProto:
    """The good model, with another score."""
    model = onnx.load_model_from_string(_good())
    graph = model.graph
    graph.node[-1].output[0] = "good_score"
    column = {
        name: GraphColumn(graph, "features").op("Gather", np.array([i]), axis=1) for i, name in enumerate(FEATURES)
    }
    score = change(GraphColumn(graph, "good_score"), column)
    graph.node.append(helper.make_node("Clip", [score.name, "score_low", "score_high"], ["score"]))
    used = {name for node in graph.node for name in node.input}
    for node in [node for node in graph.node if node.op_type == "Gather" and node.output[0] not in used]:
        graph.node.remove(node)
    return model


@cache
def _good() -> bytes:
    return (home() / f"model/{GOOD}.onnx").read_bytes()


def bad_models() -> list[Bad]:
    """All of them, each under a name of its own."""
    return [*_biased(), *_out_of_order(), *_coarse(), *_off_in_a_band(), *_off_by_motion(), *_off_on_rows_like_4k()]


def _biased() -> Iterator[Bad]:
    def bad(name: str, says: str, change: Change) -> Bad:
        return Bad(name, "bias", ("loso.bias",), says, change)

    def plus(points: float) -> Change:
        return lambda s, _: s + points

    def times(by: float, about: float = 0.0) -> Change:
        return lambda s, _: (s - about) * by + about

    def bent(by: float) -> Change:
        return lambda s, _: s + s * (s * -1.0 + 100.0) * (by / 2500.0)

    for points in (0.7, 1.0, 1.5, 2.0, 2.5, 4.0, 5.8):
        yield bad(f"{points:g}_too_high", "too high by", plus(points))
        yield bad(f"{points:g}_too_low", "too low by", plus(-points))
    for by in (0.95, 0.98, 0.985, 1.02, 1.03):
        yield bad(f"times_{by}", "too ", times(by))
    for by in (0.9, 0.95, 1.05):
        yield bad(f"times_{by}_about_50", "too ", times(by, 50.0))
    for by in (-3.0, -1.5, 1.5, 3.0):
        yield bad(f"bent_by_{by:g}", "too ", bent(by))


def _out_of_order() -> Iterator[Bad]:
    def bad(name: str, change: Change) -> Bad:
        return Bad(name, "order", ("loso.reversed", "loso.reversal"), "above 90: ", change)

    def falls(above: float, by: float) -> Change:
        return lambda s, _: s - (s - above).op("Relu") * by

    def saw(size: float, by: float) -> Change:
        return lambda s, _: s - (s - s.steps(size)) * s.above(88.0) * by

    for above, by in product((91.0, 92.5, 94.0, 95.5, 96.0, 97.0, 98.0), (1.6, 1.917, 3.0)):
        yield bad(f"falls_above_{above:g}_{by}", falls(above, by))  # 97 and 1.917: a perfect picture gets 94.25
    for size, by in product((3.0, 4.0, 5.0), (1.5, 1.9)):
        yield bad(f"saw_of_{size:g}_{by}", saw(size, by))


def _coarse() -> Iterator[Bad]:
    def bad(name: str, change: Change) -> Bad:
        return Bad(name, "resolution", ("loso.resolution",), "distinct scores a point", change)

    def multiples(size: float) -> Change:
        return lambda s, _: s.steps(size)

    def rounded(size: float) -> Change:
        return lambda s, _: (s * (1.0 / size)).op("Round") * size

    def at_the_top(size: float) -> Change:
        return lambda s, _: s + (s.steps(size, -size / 2) - s) * s.above(90.0)

    def noisy(size: float) -> Change:
        return lambda s, x: s.steps(size) + (x["motion2"] - 5.0).op("Sigmoid") * 1e-3

    for size in (8.0, 6.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.125):
        yield bad(f"multiples_of_{size:g}", multiples(size))
    for size in (8.0, 2.0, 0.5):
        yield bad(f"rounded_to_{size:g}", rounded(size))
    for size in (2.0, 1.0, 0.5, 0.25):
        yield bad(f"multiples_of_{size:g}_above_90", at_the_top(size))
    for size in (4.0, 1.0):
        yield bad(f"multiples_of_{size:g}_with_noise", noisy(size))


def _off_in_a_band() -> Iterator[Bad]:
    def off(low: float, high: float, points: float) -> Change:
        return lambda s, _: s + s.between(low, high) * points

    edges = (1.0, 40.0, 70.0, 90.0, 95.0, 101.0)
    names = ("below 40", "40 to 70", "70 to 90", "90 to 95", "above 95")
    for (name, low, high), points in product(zip(names, edges, edges[1:], strict=False), (0.9, -0.9, -2.0, -5.0, -8.0)):
        if name != "above 95" or points < 0:  # else clipped
            at = f"{name.replace(' ', '_')}_by_{points:g}"
            yield Bad(at, "bands", ("loso.bias", "loso.rmse"), f"{name}: ", off(low, high, points))


def _off_by_motion() -> Iterator[Bad]:
    def off(centre: float, width: float, points: float) -> Change:
        return lambda s, x: s + x["motion2"].tent(centre, width) * points

    for centre, width, points in product((0.0, 3.0, 8.0, 14.0, 20.0, 26.0), (1.5, 4.0), (5.0, -5.0)):
        name = f"motion_{centre:g}_within_{width:g}_by_{points:g}"
        yield Bad(name, "motion only", ("loso.frame_max_error",), "teacher ", off(centre, width, points))
    for centre, width in product((1.0, 6.0, 18.0, 28.0), (1.0, 3.0)):
        name = f"identical_motion_{centre:g}_within_{width:g}"
        yield Bad(name, "motion only", ("loso.identical",), "identical pictures: ", off(centre, width, -1.0))


def _off_on_rows_like_4k() -> Iterator[Bad]:
    """4K video loses its finest scale first: VIF of scale 0 is far below that of the others."""

    def off(gap: float, most_motion: float, points: float) -> Change:
        def change(s: GraphColumn, x: dict[str, GraphColumn]) -> GraphColumn:
            lost = ((x["vif_scale1"] - x["vif_scale0"] - gap) * 20.0).clip(0.0, 1.0) * x["adm2"].above(0.8)
            return s + lost * (x["motion2"] * -1.0 + most_motion).clip(0.0, 1.0) * points

        return change

    for gap, most_motion, points in product((0.3, 0.4, 0.5), (4.0, 40.0), (6.0, -6.0, -12.0, 12.0)):
        name = f"like_4k_{gap}_motion_below_{most_motion:g}_by_{points:g}"
        yield Bad(name, "rows like 4K", ("loso.frame_max_error",), "vif_scale0 ", off(gap, most_motion, points))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for one in bad_models():
        (folder / f"{one.name}.onnx").write_bytes(one.model().SerializeToString(deterministic=True))
