"""Small graphs that take pictures, for the tests of the certificate: made by hand, or at random."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from tinyvmaf.model.certificate import ExactnessCertificate, certify

from .certificate_samples import node

Array = NDArray[Any]
PICTURE = ("N", 1, "H", "W")


def model(
    nodes: Sequence[NodeProto],
    constants: dict[str, Array],
    *,
    shape: Sequence[Any] = PICTURE,
    takes: int = TensorProto.FLOAT,
    gives: Sequence[Any] | None = None,
    opset: int = 17,
    double: bool = False,
) -> bytes:
    """A graph from `luma` to `y`.

    Args:
        gives: the shape of `y`; None: not declared further than its rank of 4.
        double: all in float64, as the truth.
    """
    kind = TensorProto.DOUBLE if double and takes == TensorProto.FLOAT else takes
    held = {
        name: value.astype(np.float64) if double and value.dtype == np.float32 else value
        for name, value in constants.items()
    }
    copies = []
    for one in nodes:
        copy = NodeProto()
        copy.CopyFrom(one)
        for attribute in copy.attribute:
            if double and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
        copies.append(copy)
    graph = helper.make_graph(
        copies,
        "g",
        [helper.make_tensor_value_info("luma", kind, list(shape))],
        [
            helper.make_tensor_value_info(
                "y", TensorProto.DOUBLE if double else TensorProto.FLOAT, list(gives or ("N", "C", "A", "B"))
            )
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(made.SerializeToString())


def floats(values: Any) -> Array:
    return np.asarray(values, dtype=np.float32)


def whole_numbers(most: float = 255.0, low: float = 0.0) -> tuple[list[NodeProto], dict[str, Array]]:
    """Nodes that make integers `q`, of `[N, 1, H, W]`, from `luma`."""
    nodes = [node("Mul", ["luma", "k256"], "x"), node("Floor", ["x"], "f"), node("Clip", ["f", "low", "high"], "q")]
    return nodes, {"k256": floats(256), "low": floats(low), "high": floats(most)}


def behind(
    nodes: Sequence[NodeProto], constants: dict[str, Array] | None = None, *, most: float = 255.0, **how: Any
) -> ExactnessCertificate:
    """The certificate of nodes after integers `q` from 0."""
    before, held = whole_numbers(most)
    return certify(model([*before, *nodes], held | (constants or {}), **how))


def divided(a: str, b: str, makes: str, prefix: str = "") -> list[NodeProto]:
    """The floor of a / b, corrected by its remainder. Reads the constant `zero`."""
    d, q, m, r, g, u, less, k, s = (f"{prefix}{role}" for role in ("d", "q0", "m", "r", "g", "u", "l", "k", "s"))
    return [
        node("Div", [a, b], d),
        node("Floor", [d], q),
        node("Mul", [q, b], m),
        node("Sub", [a, m], r),
        node("GreaterOrEqual", [r, b], g),
        node("Cast", [g], u, to=TensorProto.FLOAT),
        node("Less", [r, "zero"], less),
        node("Cast", [less], k, to=TensorProto.FLOAT),
        node("Add", [q, u], s),
        node("Sub", [s, k], makes),
    ]


@dataclass
class Grown:
    """A random graph."""

    nodes: list[NodeProto]
    constants: dict[str, Array]
    gives: Sequence[Any]

    def onnx(self, *, double: bool = False) -> bytes:
        return model(self.nodes, self.constants, gives=self.gives, double=double)


@dataclass
class Grower:
    """Grows graphs of integer layers, some of which go beyond 2^24."""

    seed: int
    rng: np.random.Generator = field(init=False)
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def grow(self) -> Grown:
        self.nodes, self.constants = whole_numbers()
        name, channels, small = "q", 1, 1
        for depth in range(int(self.rng.integers(1, 4))):
            name, channels, small = self._layer(name, channels, small, depth)
        if self.rng.random() < 0.3:
            self.nodes.append(node("Identity", [name], "y"))
            return Grown(self.nodes, self.constants, ("N", channels, "A", "B"))
        self._pooled(name, channels)
        return Grown(self.nodes, self.constants, ("N", 1))

    def _constant(self, name: str, value: Any) -> str:
        self.constants[name] = np.asarray(value)
        return name

    def _layer(self, name: str, channels: int, small: int, depth: int) -> tuple[str, int, int]:
        rng, made = self.rng, f"h{depth}"
        kinds = ["conv", "conv", "conv", "depthwise", "average", "max", "pad", "blocks", "cut", "two"]
        kind = str(rng.choice(kinds))
        if kind in ("conv", "depthwise"):
            group = channels if kind == "depthwise" and channels > 1 else 1
            outputs = channels if group > 1 else int(rng.integers(1, 9))
            kernel, stride = (1, 1) if rng.random() < 0.3 else (int(rng.integers(2, 6)), 2)
            stride = 1 if group > 1 else stride
            pads = [int(rng.integers(0, kernel))] * 4
            bits = int(rng.integers(2, 13))
            weight = rng.integers(-(2**bits) + 1, 2**bits, (outputs, channels // group, kernel, kernel))
            self._constant(f"w{depth}", floats(weight))
            self._constant(f"b{depth}", floats(rng.integers(-(2**bits), 2**bits, outputs)))
            takes = [name, f"w{depth}", f"b{depth}"]
            self.nodes.append(node("Conv", takes, f"{made}_c", strides=[stride] * 2, pads=pads, group=group))
            # A kernel of 25 and 8 channels takes up to 7.7 bits more than a weight.
            self._quantised(f"{made}_c", made, int(rng.integers(0, bits + 6)), rng.random() < 0.4)
            return made, outputs, small * stride
        if kind == "average":
            self.nodes.append(node("AveragePool", [name], f"{made}_p", kernel_shape=[2, 2], strides=[2, 2]))
            self.nodes.append(node("Floor", [f"{made}_p"], made))
            return made, channels, small * 2
        if kind == "max":
            self.nodes.append(node("MaxPool", [name], made, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]))
            return made, channels, small * 2
        if kind == "pad":
            mode = str(rng.choice(["constant", "edge", "reflect"]))
            self._constant(f"p{depth}", np.array([0, 0, 1, 2, 0, 0, 2, 1], dtype=np.int64))
            self.nodes.append(node("Pad", [name, f"p{depth}"], made, mode=mode))
            return made, channels, small
        if kind == "blocks" and channels % 4 == 0:
            self.nodes.append(node("DepthToSpace", [name], made, blocksize=2, mode=str(rng.choice(["DCR", "CRD"]))))
            return made, channels // 4, small
        if kind in ("blocks", "cut"):
            for what, value in (("s", [0, 1]), ("e", [2**30, 2**30]), ("a", [2, 3]), ("t", [2, 3])):
                self._constant(f"{what}{depth}", np.array(value, dtype=np.int64))
            self.nodes.append(node("Slice", [name, *(f"{what}{depth}" for what in "seat")], made))
            return made, channels, small * 3
        self._constant(f"n{depth}", floats(rng.integers(1, 60, (channels, 1, 1))))
        self.nodes += [
            node("Sub", [f"n{depth}", name], f"{made}_s"),
            node("Abs", [f"{made}_s"], f"{made}_a"),
            node("Concat", [name, f"{made}_a"], made, axis=1),
        ]
        return made, 2 * channels, small

    def _quantised(self, takes: str, makes: str, shift: int, wide: bool) -> None:
        self._constant(f"{makes}_k", floats(2.0**-shift))
        self._constant(f"{makes}_h", floats(2.0**20 - 1 if wide else 127))
        self.nodes += [
            node("Mul", [takes, f"{makes}_k"], f"{makes}_m"),
            node("Floor", [f"{makes}_m"], f"{makes}_f"),
            node("Clip", [f"{makes}_f", "low", f"{makes}_h"], makes),
        ]

    def _pooled(self, name: str, channels: int) -> None:
        self._constant("axes", np.array([2, 3], dtype=np.int64))
        self._constant("zero", floats(0))
        self._constant("top", floats(255))
        self._constant("last", floats(self.rng.integers(-99, 100, (channels, 1))))
        self.nodes += [
            node("ReduceSum", [name, "axes"], "sum0", keepdims=0),
            node("Floor", ["sum0"], "sum"),
            node("Equal", [name, name], "same"),
            node("Cast", ["same"], "ones", to=TensorProto.FLOAT),
            node("ReduceSum", ["ones", "axes"], "count0", keepdims=0),
            node("Floor", ["count0"], "count"),
            *divided("sum", "count", "mean0"),
            node("Clip", ["mean0", "zero", "top"], "mean"),
            node("Gemm", ["mean", "last"], "y"),
        ]
