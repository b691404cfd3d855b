"""Students in torch: M networks, each with its own parameters, evaluated as one batch.

A member is one network, and the first axis of every tensor is the member: weights `[M, in, out]`, biases `[M, 1, out]`,
rows `[M, n, F]`. Raw outputs are in units of `POINTS` around `CENTRE`, so that a fresh network starts mid-scale.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyvmaf.train.students import Architecture

CENTRE: Final = 50.0
POINTS: Final = 50.0
# The last bits of a sum depend on the number of threads. One thread gives the same bits everywhere. It is also safer on
# a busy machine, where two threads took up to 12 times as long.
THREADS: Final = 1


def quadratic(z: Tensor) -> Tensor:
    """`z (2 - |z|)` within [-1, 1], constant outside."""
    c = z.clamp(-1.0, 1.0)
    return c * (2.0 - c.abs())


def squared_relu(z: Tensor) -> Tensor:
    """`max(z, 0)^2`."""
    return torch.relu(z).square()


_ACTIVATIONS: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "relu": torch.relu,
    "gelu": torch.nn.functional.gelu,
    "tanh": torch.tanh,
    "quadratic": quadratic,
    "squared_relu": squared_relu,
}


def quiet(*steps: int) -> None:
    """Ignore progress."""
    del steps


# glibc's numbers for `mallopt`, and what they are set to.
_MALLOPT: Final = ((-4, 0), (-1, 2**30))  # M_MMAP_MAX, M_TRIM_THRESHOLD


def keep_memory() -> None:
    """Have this process reuse the memory of large tensors: a third of a fit was the kernel handing out new pages."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        for number, value in _MALLOPT:
            mallopt(number, value)


@contextmanager
def reproducible() -> Iterator[None]:
    """Fixed threads and deterministic kernels while fitting; restores the previous settings."""
    threads, deterministic = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    keep_memory()
    torch.set_num_threads(THREADS)
    torch.set_deterministic_debug_mode("error")  # `use_deterministic_algorithms` imports the compiler, for 2 s
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(deterministic)


def initial(architecture: Architecture, features: int, seeds: Sequence[int], dtype: torch.dtype) -> list[Tensor]:
    """Fresh parameters, one member per seed: weights `[M, in, out]`, biases `[M, 1, out]`.

    He initialisation for ReLU and GELU, Glorot for tanh, and half of Glorot for squared ReLU and for the quadratic
    sigmoid, which is twice as steep as tanh. A member's parameters depend only on its seed.
    """
    gain = {"tanh": 1.0, "quadratic": 0.25, "squared_relu": 0.25}.get(architecture.activation, 2.0)
    members = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 0])
        numbers = []
        for shape in architecture.shapes(features):
            if len(shape) == 2:
                numbers.append(rng.normal(0.0, np.sqrt(gain / shape[0]), shape))
            else:  # Biases are not zero, so that the kinks of the units do not meet in one point.
                numbers.append(rng.normal(0.0, 0.3, (1, *shape)))
        numbers[-1][:] = 0.0
        members.append(numbers)
    return [torch.tensor(np.stack(layer), dtype=dtype) for layer in zip(*members, strict=True)]


def forward(
    architecture: Architecture, parameters: Sequence[Tensor], x: Tensor, masks: Sequence[Tensor] | None = None
) -> Tensor:
    """Raw outputs.

    Args:
        x: `[M, n, F]`, normalised.
        masks: dropout masks, one `[M, n, width]` per hidden layer, divided by the share of units kept.

    Returns:
        `[M, n, 1]`, or `[M, n, 2]` for a per-clip student.
    """
    activation = _ACTIVATIONS[architecture.activation]
    for layer in range(len(architecture.hidden)):
        x = activation(torch.baddbmm(parameters[2 * layer + 1], x, parameters[2 * layer]))
        if masks is not None:
            x = x * masks[layer]
    return torch.baddbmm(parameters[-1], x, parameters[-2])


def pooled(architecture: Architecture, raw: Tensor, frames: int) -> Tensor:
    """Raw outputs of clips: the mean, or the attention-weighted mean, over their frames.

    Args:
        raw: `[M, clips * frames, 1 or 2]`.

    Returns:
        `[M, clips]`.
    """
    grouped = raw.reshape(len(raw), -1, frames, raw.shape[2])
    if architecture.per_clip:
        return torch.sum(torch.softmax(grouped[..., 1], dim=2) * grouped[..., 0], dim=2)
    return torch.mean(grouped[..., 0], dim=2)


def error(raw: Tensor, target: Tensor) -> Tensor:
    """Raw outputs minus targets, given that scores are clipped to [-1, 1] in these units.

    If the target is at an end of the scale, an output beyond that end has error 0.
    """
    off = raw - target
    off = torch.where(target >= 1.0, off.clamp(max=0.0), off)
    return torch.where(target <= -1.0, off.clamp(min=0.0), off)


def numbers_of(parameters: Sequence[Tensor], member: int) -> tuple[NDArray[np.float64], ...]:
    """A member's parameters with the shapes of `Architecture.shapes`, the last layer in VMAF points."""
    out = [p[member].detach().double().numpy().copy() for p in parameters]
    out[1::2] = [bias[0] for bias in out[1::2]]
    # Only the score is in points; the second column, the attention weight, has no unit.
    out[-2][:, 0] *= POINTS
    out[-1][0] = out[-1][0] * POINTS + CENTRE
    return tuple(out)
