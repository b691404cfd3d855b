"""A teacher's SVR as ONNX without rounding: the same bits on every engine with float64.

The SVR is `sum_i c_i exp(-|z - s_i|^2) + offset`, `z` the normalised features times the root of gamma. In float64 an
engine's own `Exp`, its order of summation and its fused multiply-adds each change the last bits, and near
a score of 0 that can be any number of ULP. Here all values are integers below `2^53` in units of a power of two:

- features are floored to 27 bits, and `z` and `s` are in units of `2^-25`, so that the squared distance is an exact sum
  in units of `2^-50`. Rounding `s` would cost about 5e-5 points, so its next ten bits are summed separately;
- the distance is cut to 32 bits after the point and split into three digits: `exp(-(a + b + c))` with a
  table for `a` in steps of `2^-8`, one for `1 - exp(-b)` in steps of `2^-18`, and `1 - c` for the rest, whose square is
  below `2^-36`. Both products are exact, and floored to units of `2^-30`;
- the coefficients are split into a high and a low part, whose two sums are exact, and are added in units of `2^-36`;
- a chroma feature that is silent is replaced in whole steps (`silence`); a score transform is added (`polynomial`).

The loss is about 1e-5 VMAF points a frame; the final float32 loses 4e-6 on a score of 100.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from tinyvmaf.errors import TeacherError
from tinyvmaf.model.contract import INPUT, OUTPUT
from tinyvmaf.model.writer.graph import Graph
from tinyvmaf.model.writer.polynomial import add_polynomial, added, has_exact_polynomial, polynomial_loss
from tinyvmaf.model.writer.silence import add_silence
from tinyvmaf.vmaf.teacher.silence import Silence
from tinyvmaf.vmaf.teacher.svr import ChromaFromLuma, Svr

_INPUT_BITS: Final = 27
_Z: Final = 25  # the unit of z and s is 2^-_Z; likewise below
_DISTANCE: Final = 32
_MORE: Final = 10
_COARSE: Final = 8
_FINE: Final = 18
_KERNEL: Final = 30
_HIGH: Final = 6
_LOW: Final = 22
_SLOPE_EXTRA: Final = 26
_MOST: Final = 2**53


class Loss(NamedTuple):
    """How far the graph may be from the SVR."""

    moved: NDArray[np.float64]
    """`[F]`: the graph takes a row that is at most so far from the given one after the chroma correction, in normalised
    features."""
    points: float
    """The error of the score of that row, in VMAF points."""


def largest_loss(svr: Svr, highest: NDArray[np.float64]) -> Loss:
    """A bound of what the graph of `add_exact_svr` loses, for features from 0 to its clip.

    Each term of the kernel's error is one line of the code above: floors, tables, the last digit's square, and the
    rounded support vectors. The kernel is at most 1 and falls by at most 1 a unit of distance.
    """
    root, grid = np.sqrt(svr.gamma), _Steps.of(svr, highest)
    # A slope is off by half of 2^-26 units a step, the intercept by as much, and the floor of z by half a unit.
    units = 0.5 + 2.0 ** -(_SLOPE_EXTRA + 1) * (grid.farthest + 2.0)
    moved = grid.off(svr.chroma) * np.ldexp(1.0, -grid.exponents) * np.abs(svr.slopes[1:]) + 2.0**-_Z * units / root
    slopes = np.abs(svr.slopes[1:]) * root
    z = slopes * np.ldexp(grid.farthest, -grid.exponents) + np.abs(svr.intercepts[1:]) * root + 2.0**-20
    distance = 2.0 * z.sum() * 2.0 ** -(_Z + _MORE + 1) + 2.0 * 2.0 ** (-2 * _Z) + 2.0**-_DISTANCE
    tables = 2.0 * 0.5 * 2.0**-_KERNEL
    floors = 2.0 * 2.0**-_KERNEL
    square = 0.5 * 2.0 ** (-2 * _FINE)
    kernel = distance + tables + floors + square
    size = float(np.abs(svr.coefficients / svr.slopes[0]).sum())
    coefficients = 0.5 * 2.0**-_LOW * len(svr.coefficients)
    sums = 3.0 * 2.0 ** -(_HIGH + _KERNEL)
    assert svr.clip is not None
    output = max(map(abs, svr.clip)) * 2.0**-24
    points = float(size * kernel * (1.0 + 2.0**-20) + coefficients + sums)
    if added(svr.transform) is None:
        assert svr.transform is not None
        points = polynomial_loss(svr.transform, svr.clip, points)
    return Loss(moved, points + output)


def has_exact_form(svr: Svr) -> bool:
    """Whether `add_exact_svr` supports this SVR: it has a clip, and any transform leaves its ends beyond the clip."""
    if svr.clip is None:
        return False
    return svr.transform is None or added(svr.transform) is not None or has_exact_polynomial(svr.transform, svr.clip)


class _Steps(NamedTuple):
    """The features in whole steps."""

    last: float
    """A feature is clipped to `[0, last]` steps."""
    exponents: NDArray[np.int64]
    """`[F]`: a step is 2 to minus this power."""
    silence: Silence | None
    low: NDArray[np.float64]
    """`[F]`: the least number of steps, after the rule for silent chroma; `high` likewise."""
    high: NDArray[np.float64]

    @classmethod
    def of(cls, svr: Svr, highest: NDArray[np.float64]) -> "_Steps":
        last = float(np.ceil(2.0**_INPUT_BITS * highest.min()))
        exponents = np.floor(np.log2(last / highest)).astype(np.int64) - 1
        low, high, silence = np.zeros(len(highest)), np.full(len(highest), last), None
        if svr.chroma is not None:
            silence = Silence.of(svr.chroma, tuple(exponents.tolist()), int(last), _MOST)
            low[svr.chroma.chroma], end = silence.ends(int(last))
            high[svr.chroma.chroma] = max(end, last)
        return cls(last, exponents, silence, low, high)

    @property
    def farthest(self) -> NDArray[np.float64]:
        """The largest magnitude, `[F]`."""
        return np.maximum(-self.low, self.high)

    def off(self, rule: ChromaFromLuma | None) -> NDArray[np.float64]:
        """How far the middle of a step is from a feature that it stands for, at most, in steps, `[F]`."""
        off = np.full(len(self.low), 0.5)
        if rule is not None and self.silence is not None:
            off[rule.chroma] = self.silence.off(rule, tuple(self.exponents.tolist()), int(self.last))
        return off


def add_exact_svr(graph: Graph, svr: Svr, highest: NDArray[np.float64]) -> None:
    """Add an SVR from `features` to `score`.

    Args:
        highest: `[F]`, each feature's upper end. A feature is clipped to 0 below, and above to two to four times it.

    Raises:
        TeacherError: a sum of this SVR may exceed the integers that float64 holds exactly.
    """
    assert svr.clip is not None
    root, grid = np.sqrt(svr.gamma), _Steps.of(svr, highest)
    # z = slope * step + intercept, in units of 2^-_Z.
    slopes = np.ldexp(np.rint(np.ldexp(svr.slopes[1:] * root, _Z + _SLOPE_EXTRA - grid.exponents)), -_SLOPE_EXTRA)
    # Half a step because the feature is floored, half a unit because z is.
    intercepts = np.ldexp(svr.intercepts[1:] * root, _Z) + 0.5 * slopes + 0.5
    intercepts = np.ldexp(np.rint(np.ldexp(intercepts, _SLOPE_EXTRA)), -_SLOPE_EXTRA)
    exact_s = np.ldexp(svr.support_vectors * root, _Z)
    s, norms = np.rint(exact_s), np.rint(np.square(exact_s).sum(axis=1))
    more = np.rint(np.ldexp(exact_s - s, _MORE))
    ends = np.stack([np.floor(slopes * end + intercepts) for end in (grid.low, grid.high)])
    _exact("z", (np.abs(slopes) * grid.farthest + np.abs(intercepts)).max() * 2.0**_SLOPE_EXTRA)
    far = np.abs(ends).max(axis=0)
    largest = float(np.square(far).sum() + (2.0 * far * (np.abs(s) + 1.0)).sum(axis=1).max() + norms.max())
    _exact("distance", largest)

    features = graph.node("Cast", [INPUT], "features_f64", to=TensorProto.DOUBLE)
    x = graph.node("Mul", [features, _double(graph, "scales", np.ldexp(1.0, grid.exponents))], "scaled")
    x = graph.node("Floor", [_clip(graph, x, "scaled_clipped", 0.0, grid.last)], "steps")
    if grid.silence is not None:
        x = add_silence(graph, features, x, grid.silence, len(highest), np.float64)
    x = graph.node("Mul", [x, _double(graph, "slopes", slopes)], "sloped")
    z = graph.node("Floor", [graph.node("Add", [x, _double(graph, "intercepts", intercepts)], "exact_z")], "z")
    dot = graph.node(
        "Gemm",
        [z, _integers(graph, "twice_support_vectors", 2.0 * s.T), _double(graph, "minus_norms", -norms)],
        "dot_less_norms",
    )
    norm = graph.node("ReduceSumSquare", [z], "row_norm", axes=[1], keepdims=1)
    rest = graph.node("MatMul", [z, _integers(graph, "twice_rests", 2.0 * more.T)], "dot_rest")
    rest = graph.node("Floor", [_scaled(graph, rest, "short_dot_rest", -_MORE)], "dot_rest_steps")
    distance = graph.node("Sub", [graph.node("Sub", [norm, dot], "most_of_distance"), rest], "exact_distance")
    shift = 2 * _Z - _DISTANCE
    coarse = _COARSE + int(np.ceil(np.log2(largest / 2.0 ** (2 * _Z))))  # bits of the first digit
    end = 2.0 ** (_DISTANCE + coarse - _COARSE) - 1.0
    distance = _scaled(graph, distance, "short_distance", -shift)
    distance = graph.node("Floor", [_clip(graph, distance, "distance_clipped", 0.0, end)], "distance")

    first, rest = _digit(graph, distance, "coarse", _DISTANCE - _COARSE)
    second, rest = _digit(graph, rest, "fine", _DISTANCE - _FINE)
    unit = 2.0**_KERNEL
    tables = (
        np.rint(unit * np.exp(-np.arange(2**coarse) / 2.0**_COARSE)),
        np.rint(-unit * np.expm1(-np.arange(2 ** (_FINE - _COARSE)) / 2.0**_FINE)),
    )
    kernel, lack = (
        graph.node("Gather", [_integers(graph, f"{name}_table", table), index], f"{name}_value")
        for name, table, index in zip(("coarse", "fine"), tables, (first, second), strict=True)
    )
    kernel = _less_product(graph, kernel, lack, "kernel1", -_KERNEL)
    kernel = _less_product(graph, kernel, rest, "kernel2", -_DISTANCE)

    points = svr.coefficients / svr.slopes[0]
    high = np.rint(points * 2.0**_HIGH)
    low = np.rint((points - high / 2.0**_HIGH) * 2.0**_LOW)
    more_points = added(svr.transform)
    offset = (-svr.rho - svr.intercepts[0]) / svr.slopes[0] + (more_points or 0.0)
    offset = np.rint(offset * 2.0 ** (_HIGH + _KERNEL))
    for name, parts, more in (("high", high, abs(offset)), ("low", low, 0.0)):
        _exact(f"{name} part of the score", float(np.abs(parts).sum()) * unit + more + 2.0**_KERNEL)
    both = graph.node(
        "Gemm",
        [
            kernel,
            _integers(graph, "coefficients", np.stack([high, low], axis=1)),
            _double(graph, "offset", np.array([offset, 0.0])),
        ],
        "high_and_low",
    )
    same_unit = _double(graph, "same_unit", np.array([1.0, 2.0 ** (_HIGH - _LOW)]))
    both = graph.node("Floor", [graph.node("Mul", [both, same_unit], "high_and_short_low")], "parts")
    axes = graph.constant("columns", np.array([1], dtype=np.int64))
    y = graph.node("ReduceSum", [both, axes], "raw_score_steps", keepdims=1)
    if more_points is None:
        assert svr.transform is not None
        y = add_polynomial(graph, y, _HIGH + _KERNEL, svr.transform, svr.clip)
    else:
        y = _scaled(graph, y, "raw_score", -_HIGH - _KERNEL)
    graph.node("Cast", [_clip(graph, y, "score_f64", *svr.clip)], OUTPUT, to=TensorProto.FLOAT)


def _exact(what: str, steps: float) -> None:
    if steps > _MOST:
        raise TeacherError(f"no exact SVR: {what} reaches {steps:.4g} steps, but float64 holds integers to {_MOST:.4g}")


def _double(graph: Graph, name: str, value: NDArray[np.float64]) -> str:
    return graph.constant(name, np.asarray(value, dtype=np.float64))


def _integers(graph: Graph, name: str, value: NDArray[np.float64]) -> str:
    """Integers in half the bytes. An engine converts them to float64 when it loads the file."""
    stored = graph.constant(f"{name}_i32", value.astype(np.int32))
    return graph.node("Cast", [stored], name, to=TensorProto.DOUBLE)


def _scaled(graph: Graph, x: str, output: str, exponent: int) -> str:
    return graph.node("Mul", [x, _double(graph, f"{output}_scale", np.array(2.0**exponent))], output)


def _clip(graph: Graph, x: str, output: str, low: float, high: float) -> str:
    ends = [_double(graph, f"{output}_{name}", np.array(end)) for name, end in (("low", low), ("high", high))]
    return graph.node("Clip", [x, *ends], output)


def _digit(graph: Graph, x: str, name: str, bits: int) -> tuple[str, str]:
    """The digits above `bits` as an index, and the rest below."""
    whole = graph.node("Floor", [_scaled(graph, x, f"{name}_exact", -bits)], f"{name}_digit")
    rest = graph.node("Sub", [x, _scaled(graph, whole, f"{name}_part", bits)], f"{name}_rest")
    # The clip changes nothing. It lets a proof from the graph alone see that an index stays inside its table.
    rest = _clip(graph, rest, f"{name}_rest_clipped", 0.0, 2.0**bits - 1.0)
    return graph.node("Cast", [whole], f"{name}_index", to=TensorProto.INT64), rest


def _less_product(graph: Graph, x: str, factor: str, output: str, exponent: int) -> str:
    """`x - floor(x * factor * 2^exponent)`."""
    product = _scaled(graph, graph.node("Mul", [x, factor], f"{output}_product"), f"{output}_scaled", exponent)
    return graph.node("Sub", [x, graph.node("Floor", [product], f"{output}_less")], output)
