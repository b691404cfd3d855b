"""Ways to compute a graph: exact, in other orders, with FMA, flushed to zero, and by real engines."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from math import ceil, floor
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from .nets import LARGEST, SMALLEST_NORMAL, Array, Net, Step
from .rewritten_graphs import rewritten

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
        return np.asarray(rule(x[0]) if step.op.startswith("Reduce") else rule(*x, **step.attributes))

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
        return np.asarray(x.dtype.type(alpha) * (x @ weights) + x.dtype.type(beta) * bias)

    def reducesum(self, x: Array) -> Array:
        return np.asarray(x.sum(axis=1, keepdims=True))

    def reducesumsquare(self, x: Array) -> Array:
        return self.reducesum(x * x)

    def reducemean(self, x: Array) -> Array:
        return np.asarray(self.reducesum(x) / x.dtype.type(x.shape[1]))

    def reducemax(self, x: Array) -> Array:
        return np.asarray(x.max(axis=1, keepdims=True))


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
    """Exact arithmetic in fractions; each operation is rounded once, correctly, to its type."""

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
            return np.asarray(np.frompyfunc(lambda v: v if isinstance(v, float) else Fraction(rule(v)), 1, 1)(x[0]))
        made = super().step(step, x)
        return made.astype(bool) if step.op in ("Less", "Greater", "Equal") else made

    def gemm(self, x: Array, weights: Array, bias: Array, alpha: float = 1.0, beta: float = 1.0) -> Array:
        return np.asarray(
            Fraction(np.float32(alpha).item()) * x.dot(weights) + Fraction(np.float32(beta).item()) * bias
        )

    def matmul(self, x: Array, weights: Array) -> Array:
        return np.asarray(x.dot(weights))

    def reducemean(self, x: Array) -> Array:
        return np.asarray(x.sum(axis=1, keepdims=True) / Fraction(x.shape[1]))

    def relu(self, x: Array) -> Array:
        return np.asarray(np.maximum(x, np.array(Fraction(0))))

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
    """PyTorch's kernels for sums."""

    def step(self, step: Step, x: list[Array]) -> Array:
        import torch

        if step.op in ("Gemm", "MatMul", "Add", "Mul", "ReduceSum", "Round"):
            t = [torch.from_numpy(np.array(array)) for array in x]
            if step.op == "Gemm":
                alpha, beta = (float(step.attributes.get(name, 1.0)) for name in ("alpha", "beta"))
                return torch.addmm(t[2], t[0], t[1], alpha=alpha, beta=beta).numpy()
            if step.op == "ReduceSum":
                return t[0].sum(dim=1, keepdim=True).numpy()
            function: Any = {"MatMul": torch.matmul, "Add": torch.add, "Mul": torch.mul, "Round": torch.round}[step.op]
            return np.asarray(function(*t).numpy())
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
    # Without the hint it uses bfloat16 if the CPU has it.
    compiled = core.compile_model(core.read_model(data, b""), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(rows)[0])


def reference(data: bytes, rows: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(next(iter(ReferenceEvaluator(data).run(None, {"features": rows}))))


def by(kind: type[Plain], seed: int, net: Net) -> Callable[[Array], Array]:
    return lambda rows: kind(seed).run(net, rows)


def ways(net: Net, seed: int, *, engines: bool) -> Iterator[tuple[str, Callable[[Array], Array]]]:
    """Names and functions of everything that may compute a net."""
    data = net.onnx()
    yield "numpy", lambda rows: Plain().run(net, rows)
    for i in range(3):
        yield f"order {i}", by(InSomeOrder, seed + i, net)
        yield f"tree {i}", by(InATree, seed + i, net)
        yield f"rewritten {i}", by(InSomeOrder, seed + i, rewritten(net, seed + 10 * i))
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
        return np.asarray(np.clip(np.nan_to_num(made), -LARGEST, LARGEST), np.float32)
