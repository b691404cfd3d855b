"""Writes a network on its grid as ONNX: no operation rounds, whatever the engine.

Every sum is of integers times one power of two, below 2^24 steps. Divisions are of integers, digit by digit: the floor
of an engine's quotient may be off by one, and its remainder says so.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tinyvmaf.model.contract import OPSET, OUTPUT
from tinyvmaf.model.contract.luma import LUMA
from tinyvmaf.model.writer.graph import BATCH, IR_VERSION, Graph
from tinyvmaf.train.pictures.network import (
    HIDDEN_TOP,
    LAST_TOP,
    LEAST_WEIGHT,
    MEAN_STEPS,
    RATIO_STEPS,
    TOP,
    WEIGHING_STEPS,
    PictureNetwork,
)

_AREA: Final = (2, 3)
_MOST_MEAN: Final = LAST_TOP * MEAN_STEPS


def no_reference_model(network: PictureNetwork, model_id: str, metadata: Mapping[str, str] | None = None) -> bytes:
    """A network as ONNX: `luma` float32 `[N, 1, H, W]` to `score` float32 `[N, 1]`, N, H and W symbolic.

    Returns:
        The file's bytes, the same for the same network.

    Raises:
        ValueError: the network is not on its grid, or a sum could reach 2^24 steps.
    """
    if not network.rounded:
        raise ValueError("the network is not on its grid")
    graph = _NoReference(network)
    graph.add()
    return graph.file(model_id, metadata or {})


class _NoReference(Graph):
    """The nodes of the network."""

    def __init__(self, network: PictureNetwork) -> None:
        super().__init__()
        self._network = network
        self._known: dict[float, str] = {}

    def add(self) -> None:
        self.constant("area", np.array(_AREA, np.int64))
        scaled = self.node("Mul", [LUMA, self._number(256)], "scaled")
        x = self._clip(self.node("Floor", [scaled], "scaled_floor"), "picture_levels", 256)
        quarter = self.node("AveragePool", [x], "quarter", kernel_shape=[4, 4], strides=[4, 4])
        fine, coarse = self._filtered("fine", x, 256), self._filtered("coarse", quarter, 256, inside=16)
        second = self._layer("second", fine, TOP, strides=[2, 2])
        third = self._layer("third", second, TOP, strides=[2, 2])
        mixed = self.node("Concat", [third, coarse], "mixed", axis=1)
        features, weights = self._layer("last", mixed, TOP, LAST_TOP), self._layer("weight", mixed, TOP, LAST_TOP)
        row = self.node("Flatten", [self._pooled(features, weights)], "row", axis=1)
        hidden = self.node("Floor", [self._dense("hidden", row, _MOST_MEAN)], "hidden_floor")
        hidden = self._clip(hidden, "hidden", HIDDEN_TOP)
        self._clip(self._dense("score", hidden, HIDDEN_TOP), OUTPUT, 100)

    def _pooled(self, features: str, weights: str) -> str:
        """Means, weighted means and weights, `[N, 3 * last, 1, 1]`, in steps; as `PictureNetwork.pooled`."""
        products = self.node("Mul", [features, weights], "weighted")
        products = self.node("Mul", [products, self._number(1 / 128)], "weighted_scaled")
        products = self.node("Floor", [products], "products")
        sums = [self._sum(one, f"{one}_total") for one in (features, products, weights)]
        # Floors of integers change nothing: they keep engines from merging the sums with the division.
        total = self.node("Floor", [self.node("Concat", sums, "sums", axis=1)], "whole_sums")
        one = self._slice(weights, "one_map", 0, 1)
        one = self.node("Mul", [one, self._number(0)], "zeros")
        count = self._sum(self.node("Add", [one, self._number(1)], "ones"), "cells_sum")
        count = self._clip(self.node("Floor", [count], "cells_whole"), "cells", 2.0**18, 1)
        steps = self._quotient(total, count, (16, 16), "means", LAST_TOP * WEIGHING_STEPS)
        last = self._network.weights["last"].shape[0]
        mean, product, weight = (self._slice(steps, f"means{i}", i * last, (i + 1) * last) for i in range(3))
        divisor = self.node("Add", [weight, self._number(LEAST_WEIGHT)], "weights_more")
        divisor = self.node("Floor", [divisor], "weights_floor")
        divisor = self._clip(divisor, "weights_whole", LAST_TOP * WEIGHING_STEPS + LEAST_WEIGHT, LEAST_WEIGHT)
        product = self.node("Mul", [product, self._number(RATIO_STEPS / 8)], "products_scaled")
        product = self.node("Floor", [product], "products_whole")
        ratio = self._quotient(product, divisor, (8,), "ratio", _MOST_MEAN)
        shorter = self._number(MEAN_STEPS / WEIGHING_STEPS)
        short = [
            self.node("Floor", [self.node("Mul", [one, shorter], f"{one}_scaled")], f"{one}_short")
            for one in (mean, weight)
        ]
        return self.node("Concat", [short[0], ratio, short[1]], "pooled", axis=1)

    def _quotient(self, a: str, b: str, digits: Sequence[int], name: str, most: float) -> str:
        """floor(a / b * the product of the digits), from 0 to `most`; a and b are integers, a from 0, b from 1."""
        quotient, rest = self._digit(a, b, f"{name}_0")
        # Digits are below their base anyway; the clips say so to a proof that knows each value alone.
        quotient = self._clip(quotient, f"{name}_0_whole", most / math.prod(digits))
        for number, digit in enumerate(digits, 1):
            scale = self._number(digit)
            rest = self.node("Mul", [rest, scale], f"{name}_{number}_shifted_rest")
            rest = self.node("Floor", [rest], f"{name}_{number}_dividend")
            next_digit, rest = self._digit(rest, b, f"{name}_{number}")
            next_digit = self._clip(next_digit, f"{name}_{number}_fits", digit - 1)
            quotient = self.node("Mul", [quotient, scale], f"{name}_{number}_shifted")
            quotient = self.node("Add", [quotient, next_digit], f"{name}_{number}_quotient")
        return self._clip(quotient, name, most)

    def _digit(self, a: str, b: str, name: str) -> tuple[str, str]:
        """Quotient and remainder of integers, whichever way the engine rounds its division."""
        q = self.node("Floor", [self.node("Div", [a, b], f"{name}_div")], f"{name}_floor")
        r = self.node("Sub", [a, self.node("Mul", [q, b], f"{name}_back")], f"{name}_rest")
        up = self.node("GreaterOrEqual", [r, b], f"{name}_low")
        down = self.node("Less", [r, self._number(0)], f"{name}_high")
        up, down = (self.node("Cast", [one], f"{one}_by", to=TensorProto.FLOAT) for one in (up, down))
        q = self.node("Sub", [self.node("Add", [q, up], f"{name}_up"), down], f"{name}_digit")
        return q, self.node("Sub", [a, self.node("Mul", [q, b], f"{name}_product")], f"{name}_remainder")

    def _filtered(self, name: str, x: str, most: float, inside: int = 1) -> str:
        x = self.node("Abs", [self._conv(name, x, most, inside, strides=[4, 4])], f"{name}_abs")
        return self._clip(self.node("Floor", [x], f"{name}_floor"), name, TOP)

    def _layer(self, name: str, x: str, most: float, top: float = TOP, strides: Sequence[int] = (1, 1)) -> str:
        x = self.node("Floor", [self._conv(name, x, most, strides=strides)], f"{name}_floor")
        return self._clip(x, name, top)

    def _conv(self, name: str, x: str, most: float, inside: int = 1, strides: Sequence[int] = (1, 1)) -> str:
        """A convolution of values up to `most`, in steps of `1 / inside`."""
        weights, bias = self._numbers(name, most, inside)
        names = [self.constant(f"{name}_weights", weights)]
        if name in self._network.biases:
            names.append(self.constant(f"{name}_bias", bias))
        kernel = list(weights.shape[2:])
        return self.node("Conv", [x, *names], f"{name}_sum", kernel_shape=kernel, strides=list(strides))

    def _dense(self, name: str, x: str, most: float) -> str:
        """A layer on rows `[N, in]` of values up to `most`."""
        weights, bias = self._numbers(name, most)
        names = self.constant(f"{name}_weights", weights[:, :, 0, 0].T), self.constant(f"{name}_bias", bias)
        return self.node("Gemm", [x, *names], f"{name}_sum")

    def _numbers(self, name: str, most: float, inside: int = 1) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights and bias of a layer, whose sums stay below 2^24 steps."""
        with torch.no_grad():
            w, b = self._network.real(name)
            scale = torch.exp2(self._network.steps[name]).double().numpy()
        weights = w.double().numpy()
        bias = np.zeros(len(weights)) if b is None else b.double().numpy()
        steps = (np.abs(weights).sum((1, 2, 3)) * most + np.abs(bias)) * scale * inside
        if steps.max() >= 2**24:
            raise ValueError(f"layer {name}: a sum may reach {steps.max():.0f} steps, which is not below 2^24")
        return weights.astype(np.float32), bias.astype(np.float32)

    def _sum(self, x: str, output: str) -> str:
        return self.node("ReduceSum", [x, "area"], output, keepdims=1)

    def _slice(self, x: str, output: str, start: int, stop: int) -> str:
        ends = [
            self.constant(f"{output}_{what}", np.array([value], np.int64))
            for what, value in (("from", start), ("to", stop), ("axis", 1))
        ]
        return self.node("Slice", [x, *ends], output)

    def _clip(self, x: str, output: str, top: float, least: float = 0) -> str:
        ends = self._number(least), self._number(top)
        return self.node("Clip", [x, *ends], output)

    def _number(self, value: float) -> str:
        """A constant; the same one wherever it is needed, since each takes room in the file."""
        if value not in self._known:
            self._known[value] = self.constant(f"number_{value:g}", np.asarray(value, np.float32))
        return self._known[value]

    def file(self, name: str, metadata: Mapping[str, str]) -> bytes:
        """The file's bytes."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(LUMA, TensorProto.FLOAT, [BATCH, 1, "H", "W"])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [BATCH, 1])],
            self.constants,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="tinyvmaf",
        )
        helper.set_model_props(model, dict(sorted(metadata.items())))
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))
