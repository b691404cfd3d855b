"""Small models that take pictures, for tests: one input `luma` `[N, 1, H, W]`, and a score or a picture."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

FLOAT, BYTE = TensorProto.FLOAT, TensorProto.UINT8
SIZES: Final = ((64, 64), (65, 67), (200, 64), (90, 160))
"""Heights and widths that any of these models takes."""


class Net:
    """A graph that grows node by node."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def constant(self, value: object, dtype: Any = np.float32) -> str:
        """The name of a constant."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.array(value, dtype=dtype)
        return name

    def add(self, operator: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """The name of a node's output."""
        name = out or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def scaled(self, x: str, factor: float) -> str:
        """A product with a number."""
        return self.add("Mul", x, self.constant(factor))

    def clipped(self, x: str, low: float, high: float, *, out: str = "") -> str:
        """Between two numbers."""
        return self.add("Clip", x, self.constant(low), self.constant(high), out=out)

    def model(
        self,
        output: str,
        *,
        element: int = FLOAT,
        given: int | None = None,
        taken: Sequence[str | int] = ("N", 1, "H", "W"),
        gives: Sequence[str | int] | None = None,
        opset: int = 17,
    ) -> bytes:
        """The ONNX file: `luma` to `output`, `score` or `picture`.

        Args:
            element: the type of the input.
            given: the type of the output; None: float32 of a score, the input's of a picture.
            taken: the shape of the input.
            gives: the shape of the output; None: by its name.
        """
        score = output == "score"
        gives = (("N", 1) if score else taken) if gives is None else gives
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("luma", element, taken)],
            [helper.make_tensor_value_info(output, given or (FLOAT if score else element), gives)],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.checker.check_model(model)
        data: bytes = model.SerializeToString()
        return data


def samples(net: Net, element: int) -> str:
    """The input as whole numbers 0 to 255 in float32; anything else is clipped first."""
    if element == BYTE:
        return net.add("Cast", "luma", to=FLOAT)
    return net.clipped(net.add("Floor", net.scaled(net.clipped("luma", 0.0, 1.0), 256.0)), 0.0, 255.0)


def whole_mean(net: Net, cells: str) -> str:
    """The mean over height and width of small whole numbers, rounded down, `[N, C]`, whatever the engine's division."""
    axes = net.constant([2, 3], np.int64)
    total = net.add("ReduceSum", cells, axes, keepdims=0)
    ones = net.add("Add", net.scaled(cells, 0.0), net.constant(1.0))
    count = net.add("ReduceSum", ones, axes, keepdims=0)
    quotient = net.add("Floor", net.add("Div", total, count))
    rest = net.add("Sub", total, net.add("Mul", quotient, count))
    up = net.add("Cast", net.add("GreaterOrEqual", rest, count), to=FLOAT)
    down = net.add("Cast", net.add("Less", rest, net.constant(0.0)), to=FLOAT)
    return net.add("Sub", net.add("Add", quotient, up), down)


def exact_score(element: int = FLOAT) -> bytes:
    """A score of whole numbers all the way: two convolutions with stride 2, a mean, and a matrix."""
    net, rng = Net(), np.random.default_rng(0)
    x = samples(net, element)
    for depth, (given, made) in enumerate(((1, 4), (4, 6))):
        weights = net.constant(rng.integers(-3, 4, (made, given, 3, 3)))
        x = net.add("Conv", x, weights, net.constant(rng.integers(0, 64, made)), strides=[2, 2], pads=[1, 1, 1, 1])
        x = net.clipped(net.add("Floor", net.scaled(x, 2.0**-3)), 0.0, 127.0)
        if not depth:
            x = net.add("Floor", net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]))
    mean = whole_mean(net, x)
    y = net.add("Gemm", mean, net.constant(rng.integers(-4, 5, (6, 1))), net.constant([800.0]))
    net.clipped(net.scaled(y, 2.0**-4), 0.0, 100.0, out="score")
    return net.model("score", element=element)


def float_score() -> bytes:
    """A score as people train them: convolutions in floating point, ReLU, a mean, a sigmoid."""
    net, rng = Net(), np.random.default_rng(1)
    x = net.clipped("luma", 0.0, 1.0)
    for given, made in ((1, 8), (8, 8)):
        weights = net.constant(rng.normal(0.0, 0.4, (made, given, 3, 3)))
        x = net.add("Relu", net.add("Conv", x, weights, net.constant(rng.normal(0, 0.1, made)), strides=[2, 2]))
    y = net.add("Flatten", net.add("GlobalAveragePool", x), axis=1)
    y = net.add("Gemm", y, net.constant(rng.normal(0.0, 1.0, (8, 1))))
    net.scaled(net.add("Sigmoid", y), 100.0)
    net.clipped(net.nodes[-1].output[0], 0.0, 100.0, out="score")
    return net.model("score")


def brightness_score() -> bytes:
    """A metric that measures how bright a picture is."""
    net = Net()
    mean = net.add("ReduceMean", net.clipped("luma", 0.0, 1.0), axes=[2, 3], keepdims=0)
    net.scaled(mean, 100.0)
    net.clipped(net.nodes[-1].output[0], 0.0, 100.0, out="score")
    return net.model("score")


def identity_filter(element: int = FLOAT) -> bytes:
    """A filter that changes nothing."""
    net = Net()
    net.add("Identity", "luma", out="picture")
    return net.model("picture", element=element)


def exact_filter(element: int = FLOAT, *, amount: int = 1) -> bytes:
    """An unsharp mask in whole numbers: a 5x5 depthwise sum over edge padding, 2 bits of sharpening.

    Args:
        amount: of the difference to the local mean that is added, in quarters; below 0 it blurs.
    """
    net = Net()
    x = samples(net, element)
    padded = net.add("Pad", x, net.constant([0, 0, 2, 2, 0, 0, 2, 2], np.int64), mode="edge")
    taps = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
    blurred = net.add("Floor", net.scaled(net.add("Conv", padded, net.constant(taps[None, None])), 2.0**-8))
    detail = net.scaled(net.add("Sub", x, blurred), float(amount))
    sharp = net.add("Floor", net.scaled(net.add("Add", net.scaled(x, 4.0), detail), 0.25))
    if element == BYTE:
        net.add("Cast", net.clipped(sharp, 0.0, 255.0), out="picture", to=BYTE)
    else:
        net.clipped(net.scaled(sharp, 2.0**-8), 0.0, 1.0, out="picture")
    return net.model("picture", element=element)


def float_filter() -> bytes:
    """A residual filter as people train them: two 3x3 convolutions on a padded picture."""
    net, rng = Net(), np.random.default_rng(2)
    x = net.clipped("luma", 0.0, 1.0)
    y = net.add("Conv", x, net.constant(rng.normal(0.0, 0.3, (8, 1, 3, 3))), pads=[1] * 4)
    y = net.add("Conv", net.add("Relu", y), net.constant(rng.normal(0.0, 0.01, (1, 8, 3, 3))), pads=[1] * 4)
    net.clipped(net.add("Add", x, y), 0.0, 1.0, out="picture")
    return net.model("picture")


def fixed_size() -> bytes:
    """A score of 224x224 pictures only."""
    net = Net()
    mean = net.add("ReduceMean", net.clipped("luma", 0.0, 1.0), axes=[2, 3], keepdims=0)
    net.scaled(mean, 100.0)
    net.clipped(net.nodes[-1].output[0], 0.0, 100.0, out="score")
    return net.model("score", taken=("N", 1, 224, 224))


def three_channels() -> bytes:
    """A score of RGB pictures."""
    net = Net()
    mean = net.add("ReduceMean", net.clipped("luma", 0.0, 1.0), axes=[1, 2, 3], keepdims=0)
    net.add("Unsqueeze", net.scaled(mean, 100.0), net.constant([1], np.int64))
    net.clipped(net.nodes[-1].output[0], 0.0, 100.0, out="score")
    return net.model("score", taken=("N", 3, "H", "W"))


def pictures(count: int, height: int, width: int, *, seed: int = 0, element: int = FLOAT) -> NDArray[Any]:
    """Smooth pictures with noise, `[count, 1, height, width]`, float32 (samples / 255) or uint8."""
    rng = np.random.default_rng([seed, height, width])
    y, x = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(x / rng.uniform(3, 40) + y / rng.uniform(3, 40)) for _ in range(count)]
    luma = np.clip(np.array(waves) + rng.normal(0, 12, (count, height, width)), 0, 255).astype(np.uint8)[:, None]
    return luma if element == BYTE else luma.astype(np.float32) / np.float32(255)
