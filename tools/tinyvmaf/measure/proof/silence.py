"""Reads a graph that selects by whether chroma is silent: once for each answer, as a network without the selection."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto

from tinyvmaf.measure.proof.boxes import ProvableNetwork
from tinyvmaf.measure.proof.curves import Piecewise
from tinyvmaf.measure.proof.layers import Activation, is_identity
from tinyvmaf.measure.proof.pieces import IDENTITY, NoProofError
from tinyvmaf.measure.proof.polynomials import Floats
from tinyvmaf.measure.proof.reading import _Reader
from tinyvmaf.measure.proof.sums import Sums

# A chroma feature above 0 and below this is in no domain (docs/proof.md, "What it assumes").
_SILENT: Final = 2.0**-100


@dataclass(frozen=True)
class SomeFloors(Activation):
    """The identity; some units are floored: half of what a floor takes away is in their bias."""

    floors: tuple[bool, ...] = ()

    def rounding(self, low: Floats, high: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Half a unit, where there is a floor."""
        error = np.zeros(low.shape) + 0.5 * np.array(self.floors)[:, None]
        return error, np.zeros(np.broadcast_shapes(low.shape, high.shape), dtype=np.bool_)


def read_slice(model: onnx.ModelProto, chroma: int, silent: bool, columns: list[int]) -> ProvableNetwork:
    """The network that a graph is on silent rows, or on all others.

    Args:
        chroma: the column of the model's input that says so.
        columns: of the slice's features in the model's input.

    Raises:
        NoProofError: see `read_network`, or a selection by something else.
    """
    network = _SliceReader(model, chroma, silent).network()
    if silent and network.steps is not None:  # 0 is no middle of a step
        first = network.layers[0]
        bias = first.bias + 0.5 * first.weights[:, chroma] / network.steps[chroma]
        network = replace(network, layers=(replace(first, bias=bias), *network.layers[1:]))
    return ProvableNetwork(network.with_columns(columns))


class _SliceReader(_Reader):
    def __init__(self, model: onnx.ModelProto, chroma: int, silent: bool) -> None:
        super().__init__(model)
        self._chroma, self._silent = chroma, silent
        self._tested: dict[str, list[int]] = {}
        """Of each condition, which feature each of its columns compares with 0. It is no number: `_values` lacks it."""

    def _follow(self, node: NodeProto) -> None:
        if node.op_type in {"Less", "Equal"} and not node.domain and node.input[0] in self._values:
            self._tested[node.output[0]] = self._compared(node)
        else:
            super()._follow(node)

    def _compared(self, node: NodeProto) -> list[int]:
        sums = self._value(node.input[0])
        alone = ((sums.weights == 0.0) | (sums.weights == 1.0)).all() and (sums.weights.sum(axis=1) == 1.0).all()
        if sums.depth or not alone or sums.bias.any() or not is_identity(list(sums.stages)):
            raise NoProofError(f"{node.op_type} of something else than features")
        least = self._row(node.input[1])
        if not ((least == 0.0) if node.op_type == "Equal" else (least > 0.0) & (least <= _SILENT)).all():
            raise NoProofError(f"{node.op_type} does not ask whether features are 0")
        found: list[int] = sums.weights.argmax(axis=1).tolist()
        return found

    def _where(self, node: NodeProto) -> Sums:
        tested = self._tested[node.input[0]]
        (yes, in_yes), (no, in_no) = (self._bare(self._sums(name)) for name in node.input[1:])
        if len({len(yes.bias), len(no.bias), len(tested)} - {1}) > 1 or len(yes.bias) != len(no.bias):
            raise NoProofError("Where of different widths")
        same = (yes.weights == no.weights).all(axis=1) & (yes.bias == no.bias) & ~in_yes & ~in_no
        if any(feature != self._chroma and not same[column] for column, feature in enumerate(tested)):
            raise NoProofError("a selection by another feature than chroma")
        chosen, floored = (yes, in_yes) if self._silent else (no, in_no)
        if not floored.any():
            return chosen
        activation = SomeFloors(Piecewise((0.0, 1.0, 0.0), ()), floors=tuple(floored.tolist()))
        return self._new_layer(replace(chosen, bias=chosen.bias - 0.5 * floored), activation)

    def _sums(self, name: str) -> Sums:
        if name in self._values:
            return self._value(name)
        row = self._row(name)
        zero = np.zeros((len(row), next(iter(self._values.values())).weights.shape[1]))
        return Sums(0, zero, row, zero, np.abs(row), 0)

    def _bare(self, sums: Sums) -> tuple[Sums, NDArray[np.bool_]]:
        """Sums of features without the floor behind them, and which are no whole numbers before it."""
        if sums.depth:
            raise NoProofError("a selection of something else than features")
        if is_identity(list(sums.stages)):
            return sums, np.zeros(len(sums.bias), dtype=np.bool_)
        if self._steps is None or sums.stages != (IDENTITY, IDENTITY) or (np.frexp(self._steps)[0] != 0.5).any():
            raise NoProofError("a floor of something else than whole steps of features")
        weights = sums.weights / self._steps
        at_zero = sums.bias + 0.5 * weights.sum(axis=1)  # features are the middles of their steps
        floored = (weights % 1.0 != 0.0).any(axis=1) | (at_zero % 1.0 != 0.0)
        return replace(sums, stages=(IDENTITY,)), floored

    def _mul(self, node: NodeProto) -> Sums:
        """A column times a row has many columns."""
        value, row = node.input if node.input[0] in self._values else reversed(node.input)
        if row in self._constants and len(self._value(value).bias) == 1 < self._row(row).size:
            return self._affine(self._value(value), self._row(row)[:, None], np.zeros(1))
        return super()._mul(node)
