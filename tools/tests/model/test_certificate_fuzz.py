"""What is certified gives the same bits however it is computed, and those of exact arithmetic: held on random graphs.

Small graphs are made at random: quantised-looking nets, with random bits, scales and activations, and with random
breaks. Whatever of them is certified has to give 0 ULP between exact arithmetic with one correct rounding an operation
(the strongest check: it knows of no engine), sums in other orders, with FMA, and from the bias on, graphs rewritten as
engines rewrite them, and ONNX Runtime, the ONNX reference evaluator, PyTorch and OpenVINO. Seeds are fixed; for more
graphs than the few hundred of a test run, set TINYVMAF_FUZZ_GRAPHS.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from math import ceil, floor
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tinyvmaf.model.certificate import Certificate, certify
from tinyvmaf.model.certificate.proof import Walk
from tinyvmaf.model.certificate.values import Refusal, Values

GRAPHS = int(os.environ.get("TINYVMAF_FUZZ_GRAPHS", "200"))
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


class Gardener:
    """Grows a net at random."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([20, seed])
        self.net = Net(int(self.rng.integers(1, 5)), np.float64 if self.rng.random() < 0.15 else np.float32)
        self.net.widths["features"] = self.net.width

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def one_of(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def power(self, low: int, high: int) -> float:
        return float(2.0 ** self.rng.integers(low, high + 1))

    def numbers(self, *shape: int) -> Array:
        """Few bits mostly, on one grid or on several; sometimes all the bits that there are."""
        bits = self.one_of(1, 3, 5, 8, 12) + (self.net.dtype is np.float64) * self.one_of(0, 12)
        whole = self.rng.integers(-(2**bits) + 1, 2**bits, shape)
        scale = 2.0 ** self.one_of(0, 0, -6, -3, 5)
        if self.chance(0.1):
            return np.asarray(self.rng.normal(size=shape) * scale, dtype=self.net.dtype)
        if self.chance(0.1):
            scale = scale * 2.0 ** self.rng.integers(-8, 8, shape)
        if self.chance(0.05):
            scale = scale * self.power(-140, 100)
        return np.asarray(whole * scale, dtype=np.float32).astype(self.net.dtype)

    def fitting(self, x: str, high: float) -> float:
        """A power of two that brings values to about a size, so that not everything ends at the bounds of a Clip."""
        rows = self.rng.normal(size=(20, self.net.width)).astype(np.float32)
        size = np.abs(np.nan_to_num(Plain().run(self.net, rows, x).astype(np.float64))).max()
        exponent = np.clip(np.round(np.log2(high / (size or 1.0))), -100, 100) + self.rng.integers(-1, 2)
        return float(2.0**exponent)

    def grow(self) -> Net:
        x = "features"
        if self.net.dtype is np.float64:
            x = self.net.step("Cast", x, to=TensorProto.DOUBLE)
        if self.chance(0.25):
            self.tight(x)
            return self.net
        if self.chance(0.12):
            x = self.net.step("Clip", self.scales(x), self.net.constant(-100.0), self.net.constant(100.0))
            if self.net.dtype is np.float64:
                self.net.step("Cast", x, to=TensorProto.FLOAT)
            return self.net
        x = self.enter(x)
        for _ in range(self.rng.integers(1, 5)):
            x = self.layer(x)
        self.leave(x)
        return self.net

    def enter(self, x: str) -> str:
        net, c = self.net, self.net.constant
        scale = c(self.power(2, 11) if self.chance(0.9) else self.power(-140, 120))
        if self.chance(0.12):
            x = net.step("Clip", x, c(-self.power(0, 9)), c(self.power(0, 9)))
        way = self.rng.random()
        if way < 0.75:
            x = net.step("Mul", x, scale)
        elif way < 0.9:
            x = net.step(self.one_of("Mul", "Add", "Sub"), x, c(self.numbers(self.net.width)))
        if self.chance(0.93):
            x = net.step(self.one_of("Round", "Round", "Round", "Floor", "Ceil"), x)
        if self.chance(0.93):
            x = self.clip(x)
        return x

    def tight(self, x: str) -> None:
        """One sum about as large as the proof allows: from a half of it to four times as much, and nothing behind."""
        net, c, limit = self.net, self.net.constant, 2.0 ** (53 if self.net.dtype is np.float64 else 24)
        high = self.power(3, 9) - 1
        x = net.step("Round", net.step("Mul", x, c(self.power(0, 6))))
        x = net.step("Clip", x, c(self.one_of(0.0, -high, 1.0 - high)), c(high))
        shares = self.rng.normal(size=(net.width, 2))
        bias = limit * self.rng.uniform(-0.5, 0.5, 2) * self.one_of(0, 1, 2)
        room = limit * 2.0 ** self.rng.uniform(-1, 2) - np.abs(bias).max()
        weights = np.round(shares / np.abs(shares).sum(axis=0) * max(room, limit / 8) / high)
        scale = self.power(-9, 3)
        weights, bias = c(weights * scale), c(np.round(bias) * scale)
        if self.chance(0.5):
            x = net.step("Gemm", x, weights, bias, width=2)
        else:
            x = net.step("Add", net.step("MatMul", x, weights, width=2), bias)
        if self.chance(0.3):
            x = net.step("Mul", x, c(self.one_of(0.5, 3.0)))
        if net.dtype is np.float64:
            net.step("Cast", x, to=TensorProto.FLOAT)

    def clip(self, x: str, high: float | None = None) -> str:
        high = self.power(1, 12) - self.one_of(0, 1) if high is None else high
        low = self.one_of(0.0, -high, -1.0, high / 2)
        bounds = [self.net.constant(low), self.net.constant(high)]
        if self.chance(0.05):
            bounds[int(self.rng.integers(2))] = ""
        return self.net.step("Clip", x, *bounds)

    def layer(self, x: str) -> str:
        return self.activate(self.affine(x)) if self.chance(0.6) else self.other(x)

    def affine(self, x: str) -> str:
        net, c = self.net, self.net.constant
        before, after = net.widths[x], int(self.rng.integers(1, 6))
        weights, bias = c(self.numbers(before, after)), c(self.numbers(after))
        if self.chance(0.4):
            y = net.step("MatMul", x, weights, width=after)
            return net.step("Add", y, bias) if self.chance(0.7) else y
        attributes = {}
        if self.chance(0.15):
            attributes = {"alpha": self.one_of(0.5, 2.0, -4.0, 3.0), "beta": self.one_of(1.0, 0.25, 0.3)}
        return net.step("Gemm", x, weights, bias, width=after, **attributes)

    def activate(self, x: str) -> str:
        net, c, way = self.net, self.net.constant, self.rng.random()
        if way < 0.45:
            high = self.power(3, 12) - 1
            scaled = net.step("Mul", x, c(self.fitting(x, high)))
            return self.clip(net.step(self.one_of("Round", "Floor", "Ceil"), scaled), high)
        if way < 0.6:
            return self.relu(x)
        if way < 0.7:
            return self.clip(x)
        if way < 0.75:
            return net.step(self.one_of("Tanh", "Sigmoid", "Sqrt", "Exp"), x)
        if way < 0.9:
            return net.step(self.one_of("Mul", "Add", "Sub", "Div"), x, c(self.numbers(net.widths[x])))
        return x

    def relu(self, x: str) -> str:
        # ONNX Runtime's fusion of Relu and Clip stops at float64.
        return (
            self.net.step("Max", x, self.net.constant(0.0))
            if self.net.dtype is np.float64
            else self.net.step("Relu", x)
        )

    def other(self, x: str) -> str:
        net, c = self.net, self.net.constant
        alike = [name for name, width in net.widths.items() if width == net.widths[x]]
        y, width = alike[self.rng.integers(len(alike))], net.widths[x]
        if y == "features" and (net.dtype is np.float64 or self.chance(0.75)):
            y = x
        kind = self.one_of(
            "pair", "pair", "scale", "one", "pick", "where", "table", "reduce", "clip", "join", "parabola", "scales"
        )
        if kind == "pair":
            return net.step(self.one_of("Add", "Sub", "Mul", "Max", "Min"), x, y)
        if kind == "scale":
            return net.step(self.one_of("Mul", "Add", "Sub", "Div"), x, c(self.numbers(width)))
        if kind == "one":
            return net.step(self.one_of("Abs", "Neg", "Floor", "Ceil", "Round", "Sign"), x)
        if kind == "pick":
            picked = c(self.rng.integers(0, width, 2), np.int64)
            return net.step("Gather", x, picked, width=2, axis=1)
        if kind == "where":
            condition = net.step(self.one_of("Less", "Greater", "Equal"), x, c(self.numbers(1)), width=-1)
            return net.step("Where", condition, x, y, width=width)
        if kind == "table":
            places = net.step("Clip", net.step("Round", x), c(0.0), c(7.0))
            cast = net.step("Cast", places, to=TensorProto.INT64, width=-1)
            table = c(self.numbers(self.one_of(8, 8, 6)))
            return net.step("Gather", table, cast, width=width, axis=0)
        if kind == "reduce":
            op = self.one_of("ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceMax")
            if op == "ReduceSum":
                return net.step(op, x, c([1], np.int64), width=1, keepdims=1)
            return net.step(op, x, width=1, axes=[1], keepdims=1)
        if kind == "scales":
            return self.scales(x)
        if kind == "parabola":
            level = self.power(3, 13)
            size = c(self.fitting(x, level))
            p = net.step("Clip", net.step("Floor", net.step("Mul", x, size)), c(-level), c(level))
            rest = net.step("Sub", c(2 * level + self.one_of(0.0, 0.0, 1.0)), net.step("Abs", p), width=width)
            short = net.step("Mul", net.step("Mul", rest, p), c(self.power(-14, 0)))
            return net.step("Floor", short) if self.chance(0.8) else short
        if kind == "join":
            return net.step("Concat", x, y, width=2 * width, axis=1)
        return self.clip(x)

    def scales(self, x: str) -> str:
        """Scales on both sides of a matrix product, ordinary or extreme, of what is tiny, huge or neither."""
        net, c, width = self.net, self.net.constant, self.net.widths[x]
        far, sign = self.one_of(8, 60, 90), self.one_of(-1, 1)
        # In turn up and down, so that the graph's order is harmless, or at random.
        powers = [sign * (-1) ** i * self.rng.integers(far // 2, far + 1) for i in range(4)]
        if self.chance(0.3):
            powers = list(self.rng.integers(-far, far + 1, 4))
        table, before, within, after = (float(2.0**power) for power in powers)
        if self.chance(0.5):
            places = net.step("Clip", net.step("Floor", x), c(0.0), c(3.0))
            cast = net.step("Cast", places, to=TensorProto.INT64, width=-1)
            x = net.step("Gather", c(np.arange(4) * table), cast, width=width, axis=0)
        else:
            x = self.clip(net.step("Floor", x), self.one_of(1.0, 7.0)) if self.chance(0.8) else self.clip(x, 1.0)
        x = net.step("Mul", x, c(before))
        if self.chance(0.5):
            weights = c(self.rng.integers(-3, 4, (width, 2)) * within)
            x = net.step("MatMul", x, weights, width=2)
        else:
            weights, zero = c(np.ones((width, 1)) * within), c([0.0])
            alpha = {"alpha": self.power(-far // 2, far // 2)} if self.chance(0.3) else {}
            x = net.step("Gemm", x, weights, zero, width=1, **alpha)
        return net.step("Mul", x, c(self.fitting(x, 100.0) if self.chance(0.5) else after))

    def leave(self, x: str) -> None:
        net, c = self.net, self.net.constant
        if self.chance(0.5):
            x = net.step("Mul", x, c(self.fitting(x, 100.0)))
        if self.chance(0.5):
            x = net.step("Clip", x, c(0.0), c(100.0))
        if net.dtype is np.float64:
            net.step("Cast", x, to=TensorProto.FLOAT)
        elif not net.steps or x != net.result:
            net.step("Identity", x)


# Rewriting, as engines do it: constants are combined in float32.


def rewritten(net: Net, seed: int) -> Net:
    """The same graph over the real numbers, with affine operations merged and multiplications moved at random."""
    rng = np.random.default_rng([21, seed])
    new = Net(net.width, net.dtype, [], dict(net.constants), dict(net.widths), rng)
    for step in net.steps:
        step = plain(new, step)
        for _ in range(6):
            maker = next((s for s in new.steps if s.makes == step.takes[0]), None)
            merge = MERGES.get((maker.op, step.op)) if maker and rng.random() < 0.9 else None
            merged = merge(new, maker, step) if merge else None
            if merged is None:
                break
            step = merged
        new.steps.append(step)
    return new


def plain(net: Net, step: Step) -> Step:
    """MatMul as Gemm, Sub and Div of constants as Add and Mul."""
    if step.op == "Gemm" and not step.attributes:
        return step
    if step.op == "MatMul":
        zero = net.constant(np.zeros(net.widths[step.makes]))
        return replace(step, op="Gemm", takes=(*step.takes, zero))
    other = net.constants.get(step.takes[1]) if len(step.takes) == 2 else None
    if step.op == "Div" and other is not None and not other.all():
        return step
    if other is not None and step.op == "Sub":
        return replace(step, op="Add", takes=(step.takes[0], net.constant(-other)))
    if other is not None and step.op == "Div":
        return replace(step, op="Mul", takes=(step.takes[0], net.constant(1 / other)))
    return step


Merge = Callable[[Net, Step, Step], Step | None]


def two_constants(join: Callable[[Array, Array], Array]) -> Merge:
    def merge(net: Net, first: Step, second: Step) -> Step | None:
        c, d = net.constants.get(first.takes[1]), net.constants.get(second.takes[1])
        return None if c is None or d is None else replace(second, takes=(first.takes[0], net.constant(join(c, d))))

    return merge


def distribute(net: Net, first: Step, second: Step) -> Step | None:
    """(x + c) d is x d + c d."""
    c, d = net.constants.get(first.takes[1]), net.constants.get(second.takes[1])
    if c is None or d is None:
        return None
    product = net.step("Mul", first.takes[0], second.takes[1], width=net.widths[second.makes])
    return replace(second, op="Add", takes=(product, net.constant(c * d)))


def into_gemm(net: Net, first: Step, second: Step) -> Step | None:
    c, d = net.constants.get(first.takes[1]), [net.constants[name] for name in second.takes[1:]]
    if c is None or second.attributes:
        return None
    if first.op == "Mul":
        weights, bias = np.broadcast_to(c, (len(d[0]),))[:, None] * d[0], d[1]
    else:
        weights, bias = d[0], np.broadcast_to(c, (len(d[0]),)) @ d[0] + d[1]
    return replace(second, takes=(first.takes[0], net.constant(weights), net.constant(bias)))


def behind_gemm(net: Net, first: Step, second: Step) -> Step | None:
    c, (weights, bias) = net.constants.get(second.takes[1]), (net.constants[name] for name in first.takes[1:])
    if c is None or first.attributes:
        return None
    made = (weights * c, bias * c) if second.op == "Mul" else (weights, bias + c)
    return Step("Gemm", (first.takes[0], net.constant(made[0]), net.constant(made[1])), second.makes)


def expand(net: Net, first: Step, second: Step) -> Step | None:
    """(c - x) y is c y - x y."""
    if first.takes[0] not in net.constants:
        return None
    parts = [net.step("Mul", taken, second.takes[1], width=net.widths[second.makes]) for taken in first.takes]
    return replace(second, op="Sub", takes=tuple(parts))


def two_gemms(net: Net, first: Step, second: Step) -> Step | None:
    if first.attributes or second.attributes:
        return None
    (v, b), (w, c) = ([net.constants[name] for name in step.takes[1:]] for step in (first, second))
    return replace(second, takes=(first.takes[0], net.constant(v @ w), net.constant(b @ w + c)))


def through_selection(net: Net, first: Step, second: Step) -> Step | None:
    """Relu(x) c is Relu(x c) for a positive c, and Clip likewise."""
    c = net.constants.get(second.takes[1])
    if c is None or not (c > 0).all() or (first.op == "Clip" and c.size > 1):
        return None
    product = net.step("Mul", first.takes[0], second.takes[1], width=net.widths[second.makes])
    scale = c.ravel()[0]
    bounds = [net.constant(net.constants[name] * scale) if name else "" for name in first.takes[1:]]
    inner = net.steps.pop()
    maker = next((s for s in net.steps if s.makes == inner.takes[0]), None)
    merge = MERGES.get((maker.op, "Mul")) if maker else None
    net.steps.append((merge(net, maker, inner) if merge and maker else None) or inner)
    return Step(first.op, (product, *bounds), second.makes)


def scale_behind_gemm(net: Net, first: Step, second: Step) -> Step | None:
    """(x c) W + b is (x W) c + b."""
    c, (weights, bias) = net.constants.get(first.takes[1]), second.takes[1:]
    if c is None or c.size != 1 or second.attributes:
        return None
    after = net.widths[second.makes]
    product = net.step("Gemm", first.takes[0], weights, net.constant(np.zeros(after)), width=after)
    scaled = net.step("Mul", product, net.constant(c.ravel()[0]), width=after)
    return Step("Add", (scaled, bias), second.makes)


def scale_before_gemm(net: Net, first: Step, second: Step) -> Step | None:
    """(x W + b) d is (x d) W + b d; and if x is y c, then y (c d) stands for x d."""
    d = net.constants.get(second.takes[1])
    if d is None or d.size != 1 or first.attributes:
        return None
    (x, weights, bias), scale = first.takes, d.ravel()[0]
    maker = next((s for s in net.steps if s.makes == x and s.op == "Mul" and s.takes[1] in net.constants), None)
    by = net.constants[maker.takes[1]] * scale if maker else scale
    scaled = net.step("Mul", maker.takes[0] if maker else x, net.constant(by), width=net.widths[x])
    return Step("Gemm", (scaled, weights, net.constant(net.constants[bias] * scale)), second.makes)


def either(*merges: Merge) -> Merge:
    """One of several, by chance."""
    return lambda net, first, second: merges[net.random.integers(len(merges))](net, first, second)


MERGES: dict[tuple[str, str], Merge] = {
    ("Mul", "Mul"): two_constants(lambda c, d: c * d),
    ("Add", "Add"): two_constants(lambda c, d: c + d),
    ("Add", "Mul"): distribute,
    ("Sub", "Mul"): expand,
    ("Mul", "Gemm"): either(into_gemm, scale_behind_gemm),
    ("Add", "Gemm"): into_gemm,
    ("Gemm", "Mul"): either(behind_gemm, scale_before_gemm),
    ("Gemm", "Add"): behind_gemm,
    ("Gemm", "Gemm"): two_gemms,
    ("Relu", "Mul"): through_selection,
    ("Clip", "Mul"): through_selection,
}


# Evaluators.


class Plain:
    """float32 by numpy, one operation after the other."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng([22, seed])

    def run(self, net: Net, rows: Array, what: str | None = None) -> Array:
        return self.all(net, rows)[what or net.result]

    def all(self, net: Net, rows: Array) -> dict[str, Array]:
        """Every value by its name."""
        held: dict[str, Array] = {"": np.zeros(0), **{n: self.take(c) for n, c in net.constants.items()}}
        held["features"] = self.take(rows)
        with np.errstate(all="ignore"):
            for step in net.steps:
                held[step.makes] = self.give(self.step(step, [held[name] for name in step.takes]))
        return held

    def take(self, array: Array) -> Array:
        return array

    def give(self, array: Array) -> Array:
        return array

    def step(self, step: Step, x: list[Array]) -> Array:
        rule = getattr(self, step.op.lower(), None)
        if rule is None:
            return FUNCTIONS[step.op](*x)
        return rule(x[0]) if step.op.startswith("Reduce") else rule(*x, **step.attributes)

    def clip(self, x: Array, low: Array, high: Array | None = None) -> Array:
        x = np.maximum(x, low) if low.size else x
        return np.minimum(x, high) if high is not None and high.size else x

    def cast(self, x: Array, to: int) -> Array:
        return x.astype(helper.tensor_dtype_to_np_dtype(to))

    def gather(self, x: Array, places: Array, axis: int) -> Array:
        return np.take(x, places, axis=axis, mode="clip")

    def concat(self, *parts: Array, axis: int) -> Array:
        return np.concatenate(parts, axis=axis)

    def matmul(self, x: Array, weights: Array) -> Array:
        return x @ weights

    def gemm(self, x: Array, weights: Array, bias: Array, alpha: float = 1.0, beta: float = 1.0) -> Array:
        return x.dtype.type(alpha) * (x @ weights) + x.dtype.type(beta) * bias

    def reducesum(self, x: Array) -> Array:
        return x.sum(axis=1, keepdims=True)

    def reducesumsquare(self, x: Array) -> Array:
        return self.reducesum(x * x)

    def reducemean(self, x: Array) -> Array:
        return self.reducesum(x) / x.dtype.type(x.shape[1])

    def reducemax(self, x: Array) -> Array:
        return x.max(axis=1, keepdims=True)


FUNCTIONS: dict[str, Callable[..., Array]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "Abs": np.abs,
    "Neg": np.negative,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.rint,
    "Sign": np.sign,
    "Relu": lambda x: np.maximum(x, np.float32(0)),
    "Identity": lambda x: x,
    "Where": np.where,
    "Less": np.less,
    "Greater": np.greater,
    "Equal": np.equal,
    "Tanh": np.tanh,
    "Sqrt": np.sqrt,
    "Exp": np.exp,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


class InSomeOrder(Plain):
    """Sums one term after the other in a random order, from the bias on or not, with FMA or without."""

    def matmul(self, x: Array, weights: Array) -> Array:
        return self.gemm(x, weights, np.zeros(weights.shape[1], x.dtype))

    def gemm(self, x: Array, weights: Array, bias: Array, alpha: float = 1.0, beta: float = 1.0) -> Array:
        number, scaled = x.dtype.type, bias * x.dtype.type(beta)
        first, fused, scales = self.rng.random() < 0.5, self.rng.random() < 0.5, self.rng.integers(3)
        if scales == 0:
            x, alpha = x * number(alpha), 1.0
        elif scales == 1:
            weights, alpha = weights * number(alpha), 1.0
        start = scaled if first and alpha == 1.0 else scaled * 0
        total = np.broadcast_to(start, (len(x), len(scaled)))
        for k in self.rng.permutation(len(weights)):
            term = x[:, k : k + 1].astype(np.float64) * weights[k] if fused else x[:, k : k + 1] * weights[k]
            total = (total + term).astype(number)  # fused: the product of two float32 is not rounded
        return total if first and alpha == 1.0 else total * number(alpha) + scaled

    def reducesum(self, x: Array) -> Array:
        total = np.zeros((len(x), 1), x.dtype)
        for k in self.rng.permutation(x.shape[1]):
            total = total + x[:, k : k + 1]
        return total


class InATree(InSomeOrder):
    """Sums as a random tree: two of the terms become one, until one is left."""

    def gemm(self, x: Array, weights: Array, bias: Array, alpha: float = 1.0, beta: float = 1.0) -> Array:
        terms = [x[:, k : k + 1] * weights[k] * x.dtype.type(alpha) for k in range(len(weights))]
        return self.added([*terms, np.broadcast_to(bias * x.dtype.type(beta), terms[0].shape)])

    def added(self, terms: list[Array]) -> Array:
        while len(terms) > 1:
            i, j = self.rng.choice(len(terms), 2, replace=False)
            both = terms[i] + terms[j]
            terms = [term for k, term in enumerate(terms) if k not in (i, j)] + [both]
        return terms[0]

    def reducesum(self, x: Array) -> Array:
        return self.added([x[:, k : k + 1] for k in range(x.shape[1])])

    def reducemean(self, x: Array) -> Array:
        return self.reducesum(x / x.dtype.type(x.shape[1]))


class Flushing(Plain):
    """Subnormal numbers are 0, on the way in and on the way out."""

    def take(self, array: Array) -> Array:
        return self.give(array)

    def give(self, array: Array) -> Array:
        if array.dtype != np.float32:
            return array
        return np.where(np.abs(array) < SMALLEST_NORMAL, np.float32(0), array)


class Exact(Plain):
    """Exact arithmetic, in fractions; each operation is rounded once, correctly, to the type that it has."""

    def run(self, net: Net, rows: Array, what: str | None = None) -> Array:
        self.double = net.dtype is np.float64
        return super().run(net, rows, what).astype(np.float64)

    def take(self, array: Array) -> Array:
        return array if array.dtype.kind in "ib" else np.vectorize(Fraction, otypes=[object])(array)

    def give(self, array: Array) -> Array:
        if array.dtype.kind in "ib":
            return array
        return to_float64(array) if self.double else to_float32(array)

    def step(self, step: Step, x: list[Array]) -> Array:
        if step.op in OF_A_FRACTION:
            rule = OF_A_FRACTION[step.op]
            return np.frompyfunc(lambda v: v if isinstance(v, float) else Fraction(rule(v)), 1, 1)(x[0])
        made = super().step(step, x)
        return made.astype(bool) if step.op in ("Less", "Greater", "Equal") else made

    def gemm(self, x: Array, weights: Array, bias: Array, alpha: float = 1.0, beta: float = 1.0) -> Array:
        return Fraction(np.float32(alpha).item()) * x.dot(weights) + Fraction(np.float32(beta).item()) * bias

    def matmul(self, x: Array, weights: Array) -> Array:
        return x.dot(weights)

    def reducemean(self, x: Array) -> Array:
        return x.sum(axis=1, keepdims=True) / Fraction(x.shape[1])

    def relu(self, x: Array) -> Array:
        return np.maximum(x, Fraction(0))

    def cast(self, x: Array, to: int) -> Array:
        self.double = to == TensorProto.DOUBLE or (self.double and to != TensorProto.FLOAT)
        return x.astype(np.int64) if to == TensorProto.INT64 else x


OF_A_FRACTION: dict[str, Callable[[Fraction], int]] = {
    "Round": round,
    "Floor": floor,
    "Ceil": ceil,
    "Sign": lambda v: (v > 0) - (v < 0),
}


def rounding(digits: int, lowest: int, top: int) -> Callable[[Array], Array]:
    """Correct rounding, ties to even, of fractions to a floating-point format; infinities stay."""

    def rounded(value: Fraction | float) -> Fraction | float:
        if value == 0 or isinstance(value, float):
            return value
        if value.numerator.bit_length() <= digits and value.denominator <= 1 << 100:
            return value  # few bits, far from the ends of the format: nothing to round
        size = abs(value)
        exponent = size.numerator.bit_length() - size.denominator.bit_length()
        exponent -= size < Fraction(2) ** exponent
        step = Fraction(2) ** max(exponent - digits + 1, lowest)
        near = round(value / step) * step
        return near if abs(near) < 2**top else float("inf") * (1 if value > 0 else -1)

    return np.frompyfunc(rounded, 1, 1)


to_float32, to_float64 = rounding(24, -149, 128), rounding(53, -1074, 1024)


class Torch(Plain):
    """PyTorch's kernels for what may be added in many ways."""

    def step(self, step: Step, x: list[Array]) -> Array:
        import torch

        if step.op in ("Gemm", "MatMul", "Add", "Mul", "ReduceSum", "Round"):
            t = [torch.from_numpy(np.array(array)) for array in x]
            if step.op == "Gemm":
                alpha, beta = (float(step.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
                return torch.addmm(t[2], t[0], t[1], alpha=alpha, beta=beta).numpy()
            if step.op == "ReduceSum":
                return t[0].sum(dim=1, keepdim=True).numpy()
            function = {"MatMul": torch.matmul, "Add": torch.add, "Mul": torch.mul, "Round": torch.round}[step.op]
            return function(*t).numpy()
        return super().step(step, x)


def onnx_runtime(data: bytes, rows: Array, level: str, *, one_by_one: bool = False) -> Array:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{level}_ALL")
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    (name,) = [value.name for value in session.get_inputs()]
    batches = [rows[i : i + 1] for i in range(len(rows))] if one_by_one else [rows]
    return np.concatenate([session.run(None, {name: batch})[0] for batch in batches])


@cache
def _openvino() -> Any:
    import openvino

    return openvino.Core()


def openvino(data: bytes, rows: Array) -> Array:
    core = _openvino()
    # Without the hint it takes bfloat16 on processors that have it.
    compiled = core.compile_model(core.read_model(data, b""), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(rows)[0])


def reference(data: bytes, rows: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(ReferenceEvaluator(data).run(None, {"features": rows})[0])


def ways(net: Net, seed: int, *, engines: bool) -> Iterator[tuple[str, Callable[[Array], Array]]]:
    """Names and functions of everything that may compute a net."""
    data = net.onnx()
    yield "numpy", lambda rows: Plain().run(net, rows)
    for i in range(3):
        yield f"order {i}", lambda rows, i=i: InSomeOrder(seed + i).run(net, rows)
        yield f"tree {i}", lambda rows, i=i: InATree(seed + i).run(net, rows)
        yield f"rewritten {i}", lambda rows, i=i: InSomeOrder(seed + i).run(rewritten(net, seed + 10 * i), rows)
    yield "onnxruntime", lambda rows: onnx_runtime(data, rows, "ENABLE")
    if engines:
        yield "onnxruntime, not optimised", lambda rows: onnx_runtime(data, rows, "DISABLE")
        yield "onnxruntime, row by row", lambda rows: onnx_runtime(data, rows, "ENABLE", one_by_one=True)
        yield "reference", lambda rows: reference(data, rows)
        yield "torch", lambda rows: Torch().run(net, rows)


# Rows.


def rows_of(net: Net, seed: int, count: int = 20) -> Array:
    """Any finite rows: the largest, subnormals, zeros, ties, the ends of what is clipped, and any magnitude."""
    rng = np.random.default_rng([23, seed])
    scales = [float(abs(c.ravel()[0])) for c in net.constants.values() if c.dtype == np.float32 and c.size]
    ends = np.array([s for s in scales if s] or [1.0])
    shape = (count, net.width)
    halves = (rng.integers(-300, 300, shape) + 0.5) / rng.choice(ends, shape)
    edges = rng.choice(ends, shape) / rng.choice(ends, shape) * rng.choice([-1, 1], shape)
    special = [0.0, -0.0, 2.0**-149, -(2.0**-149), 2.0**-126, -(2.0**-127), LARGEST, -LARGEST, 1.0, -0.5, 1e30, -1e-30]
    any_size = rng.normal(size=shape) * 10.0 ** rng.integers(-44, 38, shape)
    near = rng.normal(size=(2 * count, net.width)) * rng.choice([0.3, 1.0, 3.0], (2 * count, net.width))
    with np.errstate(all="ignore"):
        made = np.concatenate([halves, edges, np.nextafter(edges, 0), rng.choice(special, shape), any_size, near])
        tops = (rng.choice(ends, shape) - rng.integers(0, 4, shape)) / ends[0] * rng.choice([-1, 1], shape)
        large = np.sign(rng.normal(size=shape)) * 1e6  # the ends of every Clip, in every combination of signs
        made = np.concatenate([made, tops, large, np.abs(large)])
        return np.clip(np.nan_to_num(made), -LARGEST, LARGEST).astype(np.float32)


# Tests.


@dataclass
class Seen:
    """One graph, its certificate, and what disagreed."""

    net: Net
    seed: int
    certificate: Certificate
    different: list[str]


@cache
def seen() -> tuple[Seen, ...]:
    """Every graph of this run, computed in every way."""
    found = []
    for seed in range(GRAPHS):
        net = Gardener(seed).grow()
        certificate = certify(net.onnx())
        rows = rows_of(net, seed)
        if certificate.exact_in_float64:  # true of all that are certified, too
            found.append(Seen(net, seed, certificate, different_from_exact(net, seed, rows)))
        else:
            found.append(Seen(net, seed, certificate, different_from_each_other(net, seed, rows)))
    return tuple(found)


def different_from_exact(net: Net, seed: int, rows: Array) -> list[str]:
    exact = Exact().run(net, rows)
    found = []
    for name, run in ways(net, seed, engines=True):
        made = run(rows)
        if made.dtype != np.float32 or made.shape != exact.shape or not np.array_equal(made, exact):
            found.append(name)
    return found


def different_from_each_other(net: Net, seed: int, rows: Array) -> list[str]:
    first, found = None, []
    for name, run in ways(net, seed, engines=False):
        try:
            made = run(rows)
        except Exception:
            continue  # not every refused graph runs everywhere
        first = made if first is None else first
        if not np.array_equal(made, first, equal_nan=True):
            found.append(name)
    return found


def told(one: Seen) -> str:
    lines = [f"{s.op}({', '.join(s.takes)}) -> {s.makes} {s.attributes or ''}" for s in one.net.steps]
    return "\n".join([f"graph {one.seed} differs in {', '.join(one.different)}", *lines, repr(one.net.constants)])


def test_what_is_certified_is_exact_in_every_way() -> None:
    """Also what is proven for engines with float64: all but OpenVINO, which is not run on it."""
    wrong = [one for one in seen() if one.certificate.exact_in_float64 and one.different]
    assert not wrong, told(wrong[0])


def test_every_value_is_within_what_is_known_of_it() -> None:
    """Interval, grid and bits of each element of each value, also of those before the end of a proof that ends."""
    some, checked = seen()[: max(200, GRAPHS // 10)], 0
    for one in some:
        walk = Walk(one.net.onnx())
        with suppress(Refusal):
            walk.run()
        held = Plain().all(one.net, rows_of(one.net, one.seed, count=4))
        for name, known in walk.known.items():
            if known.kind in ("float32", "float64"):
                checked += keeps_to(known, held[name], f"{name} of\n{told(one)}")
    assert checked > 200 * len(some)


def keeps_to(known: Values, made: Array, where: str) -> int:
    """Assert that finite values are what is known of them; returns how many there are."""
    lo, hi, grid, bits = (np.broadcast_to(part, made.shape) for part in (known.lo, known.hi, known.grid, known.bits))
    places = np.flatnonzero(np.isfinite(made) & (made != 0))
    for i in places:
        numerator, denominator = float(made.flat[i]).as_integer_ratio()
        twos = (numerator & -numerator).bit_length() - 1
        exponent = twos - denominator.bit_length() + 1
        assert exponent >= grid.flat[i], where
        assert (numerator >> twos).bit_length() <= bits.flat[i], where
    unit = Fraction(2) ** known.unit
    for i in places:
        assert lo.flat[i] * unit <= Fraction(float(made.flat[i])) <= hi.flat[i] * unit, where
    zeros = made == 0
    assert all(lo[zeros] <= 0), where
    assert all(hi[zeros] >= 0), where
    return len(places)


def test_a_fair_share_is_certified_and_a_fair_share_is_not() -> None:
    """Neither a proof that refuses all nor one that certifies all gets through."""
    proven = [one for one in seen() if one.certificate.exact_in_float64]
    double = [one for one in proven if not one.certificate.certified]
    assert 0.2 * GRAPHS <= len(proven) - len(double) <= 0.8 * GRAPHS
    assert len(double) >= 0.02 * GRAPHS


def test_a_good_share_of_what_is_refused_does_differ() -> None:
    """How complete the proof is: for these it could not have said yes."""
    refused = [one for one in seen() if not one.certificate.exact_in_float64]
    found = [one for one in refused if one.different]
    print(f"{GRAPHS} graphs, {len(refused)} refused, {len(found)} of those were seen to differ")
    assert len(found) >= 0.25 * len(refused)


def test_what_is_safe_from_flushing_does_not_show_it() -> None:
    safe = [one for one in seen() if one.certificate.flush_to_zero_safe]
    assert len(safe) >= 0.1 * GRAPHS
    for one in safe:
        rows = rows_of(one.net, one.seed)
        np.testing.assert_array_equal(Flushing().run(one.net, rows), Plain().run(one.net, rows), told(one))


@pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")
def test_openvino_agrees() -> None:
    certified = [one for one in seen() if one.certificate.certified]
    for one in certified if GRAPHS > 1000 else certified[:40]:
        rows = rows_of(one.net, one.seed)
        np.testing.assert_array_equal(openvino(one.net.onnx(), rows), Plain().run(one.net, rows), told(one))
