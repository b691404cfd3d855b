"""Small graphs made at random: quantised-looking nets, with random bits, scales, activations and breaks."""

from typing import Any

import numpy as np
from onnx import TensorProto

from .evaluators import Plain
from .nets import Array, Net


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
        """Mostly few bits, on one grid or several; sometimes all bits."""
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
