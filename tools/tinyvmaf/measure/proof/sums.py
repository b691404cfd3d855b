"""What a tensor of a graph is, while the graph is read: sums of a layer's outputs, and what was done to them since."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyvmaf.measure.proof.pieces import IDENTITY, NoProofError, Pieces
from tinyvmaf.measure.proof.polynomials import Floats


@dataclass(frozen=True)
class Sums:
    """`weights x + bias` of the outputs of layer number `depth`, then `stages`: an activation, not complete yet."""

    depth: int
    weights: Floats
    bias: Floats
    weight_sizes: Floats
    """Of weights and biases the sum of |terms| that they were added up from: rounding is relative to these."""
    bias_sizes: Floats
    operations: int
    """How many operations follow each other."""
    stages: tuple[Pieces, ...] = (IDENTITY,)

    def __post_init__(self) -> None:
        if self.bias.shape != (len(self.weights),):
            raise NoProofError("a constant has another shape than the sums that it is added to")

    @property
    def now(self) -> Pieces:
        """What was done since the last floor."""
        return self.stages[-1]

    def then(self, pieces: Pieces) -> "Sums":
        """With this in place of `now`."""
        return replace(self, stages=(*self.stages[:-1], pieces))


def outputs(depth: int, width: int) -> Sums:
    """The outputs of a layer, or the features, as they are."""
    return Sums(depth, np.eye(width), np.zeros(width), np.eye(width), np.zeros(width), 0)


def each(change: Callable[[list[Floats]], Floats], *parts: Sums) -> Sums:
    """Sums whose arrays are made from those of others."""
    return replace(
        parts[0],
        weights=change([part.weights for part in parts]),
        bias=change([part.bias for part in parts]),
        weight_sizes=change([part.weight_sizes for part in parts]),
        bias_sizes=change([part.bias_sizes for part in parts]),
        operations=max(part.operations for part in parts),
    )


def same_sums(a: Sums, b: Sums) -> bool:
    if a.depth != b.depth or a.stages[:-1] != b.stages[:-1]:
        return False
    return np.array_equal(a.weights, b.weights) and np.array_equal(a.bias, b.bias)


def is_each_feature(sums: Sums) -> bool:
    """Whether these are the features, each times a factor."""
    factors = np.diag(sums.weights)
    return np.array_equal(sums.weights, np.diag(factors)) and bool((factors > 0).all()) and not sums.bias.any()
