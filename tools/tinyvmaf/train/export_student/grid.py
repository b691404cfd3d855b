"""Write a student on a grid as ONNX: compact weights, and no operation rounds except a last Cast."""

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto

from tinyvmaf.model.contract import INPUT, OUTPUT
from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.model.writer.silence import add_silence
from tinyvmaf.train.students import GridStudent, Layer


def grid_model(student: GridStudent, model_id: str, metadata: Mapping[str, str] | None = None) -> bytes:
    """A student on a grid as ONNX.

    The graph computes in float32, or in float64 if the grid has 53 bits. Weights are stored as int16 if they fit; an
    engine converts them to scaled floats when it loads the file.

    Args:
        model_id: the graph's name.
        metadata: written to the file in addition to `feature_order`.

    Returns:
        The file's bytes, the same for the same student.
    """
    graph = GridGraph(student)
    graph.add()
    return graph.model(
        model_id, len(student.features), {"feature_order": ",".join(student.features), **(metadata or {})}
    )


class GridGraph(Graph):
    """The nodes of a student on a grid."""

    def __init__(self, student: GridStudent) -> None:
        super().__init__()
        self.student = student
        self.double = student.grid.accumulator_bits == 53
        self.dtype = np.dtype(np.float64 if self.double else np.float32)
        self.kind = TensorProto.DOUBLE if self.double else TensorProto.FLOAT

    def add(self) -> None:
        """Add every node, from features to score."""
        *hidden, last = self.student.layers
        x = self.start()
        for i, layer in enumerate(hidden):
            x = self.value(self.dense(x, layer, f"sum{i}"), i)
        x = self.dense(x, last, "raw_score")
        self.clip(x, "score_f64" if self.double else OUTPUT, *self.student.clip)
        if self.double:
            self.node("Cast", ["score_f64"], OUTPUT, to=TensorProto.FLOAT)

    def start(self) -> str:
        """The features in steps, `[N, F]`."""
        x = features = INPUT
        if self.double:
            x = features = self.node("Cast", [x], "features_f64", to=self.kind)
        # Multiply first: a huge feature becomes infinite on every engine, and the clip makes it finite again.
        scales = self.number("scales", np.ldexp(1.0, np.array(self.student.exponents)))
        x = self.node("Mul", [x, scales], "scaled")
        x = self.clip(x, "scaled_clipped", 0, self.student.high)
        x = self.node("Floor", [x], "steps")
        if self.student.silence is not None:
            x = add_silence(self, features, x, self.student.silence, len(self.student.features), self.dtype)
        return x

    def value(self, x: str, i: int | str) -> str:
        """The values of a hidden layer, `[N, units]`, from its sums."""
        grid = self.student.grid
        if not self.student.clipped:
            p = self.node("Relu", [self.node("Floor", [x], f"floor{i}")], f"level{i}")
            return self.node("Mul", [p, p], f"value{i}")
        p = self.node("Floor", [self.clip(x, f"clipped{i}", -grid.level, grid.level)], f"level{i}")
        twice = self.number(f"twice_m{i}", np.array(2.0 * grid.level))
        rest = self.node("Sub", [twice, self.node("Abs", [p], f"abs{i}")], f"rest{i}")
        x = self.node("Mul", [p, rest], f"product{i}")
        if grid.shift:
            x = self.node("Mul", [x, self.number(f"shift{i}", np.array(2.0**-grid.shift))], f"short{i}")
        # Floor integers too: otherwise an engine may expand the parabola and merge it with the next sum.
        return self.node("Floor", [x], f"value{i}")

    def number(self, name: str, value: np.ndarray) -> str:
        """A constant in the graph's type, which represents it exactly."""
        return self.constant(name, value.astype(self.dtype))

    def clip(self, x: str, output: str, low: float, high: float) -> str:
        """Clip to constant ends."""
        ends = [self.number(f"{output}_{name}", np.array(float(end))) for name, end in (("low", low), ("high", high))]
        return self.node("Clip", [x, *ends], output)

    def dense(self, x: str, layer: Layer, output: str) -> str:
        """A layer's sums, `[N, out]`."""
        _, bias = layer.real()
        bias_name = self.number(f"{output}_bias", bias)
        most = int(np.abs(layer.weights).max())
        # Never int8: with 8-bit weights, some engines round the other factor to 8 bits too.
        if most > np.iinfo(np.int16).max:
            return self.node("Gemm", [x, self.number(f"{output}_weights", layer.real()[0]), bias_name], output)
        steps = layer.steps if len(set(layer.steps.tolist())) > 1 else layer.steps[:1]
        w = self.node(
            "Cast",
            [self.constant(f"{output}_integers", layer.weights.astype(np.int16))],
            f"{output}_floats",
            to=self.kind,
        )
        w = self.node("Mul", [w, self.number(f"{output}_scale", np.ldexp(1.0, -steps))], f"{output}_weights")
        return self.node("Gemm", [x, w, bias_name], output)
