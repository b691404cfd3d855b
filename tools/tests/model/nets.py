"""Small graphs as lists of steps, and their files."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SELECTIONS = ("Relu", "Clip", "Max", "Min", "Abs", "Neg")
SMALLEST_NORMAL = np.float32(2.0**-126)
LARGEST = float(np.finfo(np.float32).max)
Array = NDArray[Any]


# Graphs.


@dataclass(frozen=True)
class Step:
    """A node: operator, names of what it takes, name of what it makes."""

    op: str
    takes: tuple[str, ...]
    makes: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Net:
    """A graph from `features` `[N, width]` to the last step's result `[N, widths[...]]`."""

    width: int
    dtype: type = np.float32
    """What is computed in between the two ends, which are float32."""
    steps: list[Step] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(24))
    """By which a rewriting chooses."""

    def constant(self, value: object, dtype: type | None = None) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype=dtype or self.dtype)
        return name

    def step(self, op: str, *takes: str, width: int | None = None, **attributes: Any) -> str:
        makes = f"{op}{len(self.widths)}"  # more by one with every step, also if one is taken back
        self.steps.append(Step(op, takes, makes, attributes))
        self.widths[makes] = self.widths[takes[0]] if width is None else width
        return makes

    @property
    def result(self) -> str:
        return self.steps[-1].makes

    def onnx(self) -> bytes:
        info = helper.make_tensor_value_info
        nodes = [helper.make_node(s.op, s.takes, [s.makes], s.makes, **s.attributes) for s in self.steps]
        graph = helper.make_graph(
            nodes,
            "g",
            [info("features", TensorProto.FLOAT, ["N", self.width])],
            [info(self.result, TensorProto.FLOAT, ["N", self.widths[self.result]])],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return bytes(model.SerializeToString())
