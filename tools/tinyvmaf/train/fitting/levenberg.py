"""Levenberg-Marquardt: tens of large steps instead of Adam's tens of thousands of small ones.

A student is small enough to solve the normal equations of its whole Jacobian: `(J'J + lambda diag J'J) d = -J'e`
(Levenberg 1944, Marquardt 1963). Every few steps, new rows are drawn from a pool, half of them by the size of their
error. Few rows a step make many steps cheap; the last steps take more. A search sometimes adds the rows with the
largest errors that it finds.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyvmaf.train.fitting.network import CENTRE, POINTS, error, initial, quadratic, quiet, squared_relu
from tinyvmaf.train.students import Architecture

Array = NDArray[np.float64]

Search = Callable[[Callable[[Array], Array]], tuple[Array, Array, float]]
"""Takes a student: a function from normalised rows, float64 `[N, F]`, to VMAF points. Returns normalised rows with
large errors, their target scores, and the largest error found, VMAF points."""

Activate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Takes the sums of a hidden layer, `[n, units]`; returns the activations and their derivatives."""

DRAW_EVERY: Final = 4
_TRIES: Final = 10
_LAMBDA: Final = (1e-1, 1e-9, 1e6)  # initial, least, and largest damping
# Marquardt damps a parameter by the length of its column. A parameter that hardly matters is hardly damped, and
# rounding errors drive it far away. So every column counts as at least about this share of the longest one.
_COUNTS_AS: Final = 1e-2
FOUND_TIMES: Final = 1  # copies of each row that a search found
_HARD: Final = 0.3  # share of the rows of a step that are drawn by the size of their error
_SETTLED: Final = 0.15  # how often a row is drawn uniformly if score and target are both clipped: it has no gradient
_LAST: Final = 4  # the last part of so many parts of the steps takes ...
_LAST_TIMES: Final = 2.5  # ... so many times the rows
_IN_CACHE: Final = 2048  # rows: ten times as fast as 200,000 at once, and the same to the last bit
_STRIPS: Final = 8  # of the normal equations: nearly half of the products are left out


def levenberg_marquardt(
    architecture: Architecture,
    seed: int,
    pool: tuple[Array, Array],
    *,
    steps: int,
    batch: int,
    dtype: torch.dtype,
    decay: Sequence[float] = (),
    search: Search | None = None,
    searches: int = 0,
    progress: Callable[[int], None] = quiet,
) -> list[Tensor]:
    """Fit one student.

    Args:
        pool: normalised rows, float64 `[N, F]`, and their target scores, VMAF points, clipped to the teacher's range.
        steps: number of Jacobians.
        batch: rows per step; `last_batch` of it at the end.
        decay: weight decay of each layer, added to the mean squared error; empty: none. Smaller weights amplify less of
            a grid's rounding.
        search: finds rows with large errors.
        searches: number of searches, evenly over the second half of the steps. The result is the searched student with
            the least largest error of those of the last steps, which take more rows.
        progress: called with the number of steps done.

    Returns:
        Parameters as `network.forward` takes them, one member.
    """
    rng = np.random.default_rng([seed, 1])
    rows, targets = (torch.tensor(part, dtype=dtype) for part in (pool[0], (pool[1] - CENTRE) / POINTS))
    found = torch.empty((0, rows.shape[1]), dtype=dtype), torch.empty(0, dtype=dtype)
    parameters = initial(architecture, rows.shape[1], [seed], dtype)
    activate = _activation(architecture.activation)
    weight = decay_of(parameters, decay) if decay else None
    last = steps - max(steps // _LAST, 1)  # from here on steps take more rows, and a student may be the result
    ask_at = {steps - 1 - steps * k // (2 * searches) for k in range(searches)} if search else set()
    best, least = parameters, math.inf
    damping = _LAMBDA[0]
    for step in range(steps):
        if step % DRAW_EVERY == 0:
            count = min(batch if step < last else last_batch(batch), len(rows))
            drawn = draw(rng, activate, parameters, rows, targets, count, first=step == 0)
            x, y = torch.cat([rows[drawn], found[0]]), torch.cat([targets[drawn], found[1]])
        parameters, damping = one_step(activate, parameters, x, y, damping, decay=weight, counts_as=_COUNTS_AS)
        if step in ask_at and search is not None:
            more, scores, largest = search(lambda z: in_points(activate, parameters, z))  # noqa: B023 - called at once
            if largest < least and step >= last:
                best, least = parameters, largest
            z, t = torch.tensor(more, dtype=dtype), torch.tensor((scores - CENTRE) / POINTS, dtype=dtype)
            found = torch.cat([found[0], z.repeat(FOUND_TIMES, 1)]), torch.cat([found[1], t.repeat(FOUND_TIMES)])
            x, y = torch.cat([rows[drawn], found[0]]), torch.cat([targets[drawn], found[1]])
        progress(step + 1)
    return best if ask_at else parameters


def last_batch(batch: int) -> int:
    """Rows per step at the end of a fit with this batch: noise of the rows that were drawn no longer helps."""
    return int(_LAST_TIMES * batch)


def decay_of(parameters: list[Tensor], decay: Sequence[float]) -> Tensor:
    """The decay of each parameter, `[P]`, from the decay of each layer; 0 for biases."""
    of_layers = [value for layer in decay for value in (layer, 0.0)]
    return torch.cat([torch.full((p.numel(),), d).double() for p, d in zip(parameters, of_layers, strict=True)])


def one_step(
    activate: Activate,
    parameters: list[Tensor],
    x: Tensor,
    y: Tensor,
    damping: float,
    *,
    decay: Tensor | None = None,
    free: Tensor | None = None,
    counts_as: float = 0.0,
    dtype: torch.dtype | None = None,
) -> tuple[list[Tensor], float]:
    """The parameters after one step, unchanged if no step lowers the sum of squares; and the next damping.

    Args:
        free: indices of the parameters that may change; None: all.
        counts_as: least length of a Jacobian column for the damping, as a share of the longest one; useful only if all
            parameters have the same scale.
        dtype: of the product `J'J`, which is most of the work; None: that of the parameters.
    """
    off, jacobian = residuals(activate, parameters, x, y, free)
    normal, pull, size = equations(jacobian, off, dtype)
    before = off.double().square().sum()
    at = flat(parameters)
    if decay is not None:
        weight = decay * len(x) if free is None else (decay * len(x))[free]
        held = at if free is None else at[free]
        normal, pull = normal + torch.diag(weight / size.square()), pull + weight * held / size
        before = before + (weight * held.square()).sum()
    held_by = torch.diag(1.0 + (counts_as * size.max() / size).square())
    for _ in range(_TRIES):
        factor, failed = torch.linalg.cholesky_ex(normal + damping * held_by)
        if not failed:
            by = -torch.cholesky_solve(pull[:, None], factor)[:, 0] / size
            there = at.clone()
            if free is None:
                there += by
            else:
                there[free] += by
            moved = like(parameters, there)
            after = error(scores(activate, moved, x), y).double().square().sum()
            if decay is not None:
                held = there if free is None else there[free]
                after = after + (weight * held.square()).sum()
            if after < before:
                return moved, max(damping / 3.0, _LAMBDA[1])
        damping = min(damping * 4.0, _LAMBDA[2])
    return parameters, damping


def gram(jacobian: Tensor) -> Tensor:
    """`J'J`. In float32 only one half is computed, and mirrored: with MKL that changes no bit.

    In float64 MKL's product is not symmetric to the last bit. It stays as it is, so that fits come out the same.
    """
    if jacobian.dtype != torch.float32:
        return jacobian.T @ jacobian
    width = jacobian.shape[1]
    out = jacobian.new_empty(width, width)
    edges = [width * k // _STRIPS // 16 * 16 for k in range(_STRIPS)] + [width]
    for start, end in itertools.pairwise(edges):
        out[start:end, start:] = jacobian[:, start:end].T @ jacobian[:, start:]
        out[end:, start:end] = out[start:end, end:].T
    return out


def residuals(
    activate: Activate, parameters: list[Tensor], x: Tensor, y: Tensor, free: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The error of each row that has a gradient, `[n]`, and the Jacobian, `[n, P]`.

    A score beyond the end of the scale, where the target is that end, has neither error nor gradient: on the domain of
    VMAF's teachers that is a third of the rows.
    """
    raw = scores(activate, parameters, x)
    counts = (y.abs() < 1.0) | (error(raw, y) != 0.0)
    raw, jacobian = _jacobian(activate, parameters, x[counts])
    return error(raw, y[counts]), jacobian if free is None else jacobian[:, free]


def equations(jacobian: Tensor, off: Tensor, dtype: torch.dtype | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """The normal equations `J'J`, `[P, P]`, and `J'e`, `[P]`, for columns of length 1; and their lengths, `[P]`.

    All are float64. Columns of length 1 make the damping independent of a parameter's scale (Marquardt).
    """
    normal = gram(jacobian.to(dtype or jacobian.dtype)).double()
    size = normal.diagonal().sqrt() + 1e-30
    pull = (jacobian.T @ off.to(jacobian.dtype)).double()
    return normal / size / size[:, None], pull / size, size


def draw(
    rng: np.random.Generator,
    activate: Activate,
    parameters: list[Tensor],
    rows: Tensor,
    targets: Tensor,
    batch: int,
    *,
    first: bool = False,
) -> Tensor:
    """Indices of rows, some drawn by the size of their error, the others uniformly; the first time, all uniformly.

    Rows with no gradient, because score and target are both clipped, are among the others less often.
    """
    off = error(scores(activate, parameters, rows), targets)
    settled = ((targets.abs() >= 1.0) & (off == 0.0)).numpy()
    return torch.from_numpy(_draw(rng, np.ones(len(off)) if first else off.abs().double().numpy(), settled, batch))


def _draw(rng: np.random.Generator, off: Array, settled: NDArray[np.bool_], batch: int) -> NDArray[np.int64]:
    """Indices of rows, `_HARD` of them drawn by `off`, the size of their error."""
    if batch >= len(off):
        return np.arange(len(off))
    share = off + 0.1 * off.mean() + 1e-12
    # Gumbel trick: the largest values of log share + noise are a draw without replacement by share.
    hard = max(int(_HARD * batch), 1)
    by_error = np.argpartition(-(np.log(share) + rng.gumbel(size=len(off))), hard - 1)[:hard]
    often = np.where(settled, np.log(_SETTLED), 0.0) + rng.gumbel(size=len(off))
    return np.concatenate([by_error, np.argpartition(-often, batch - hard - 1)[: batch - hard]])


def scores(activate: Activate, parameters: list[Tensor], x: Tensor) -> Tensor:
    """Raw scores `[n]`."""
    done = []
    for part in torch.split(x, _IN_CACHE):
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            part = activate(torch.addmm(b[0], part, w[0]))[0]
        done.append(torch.addmm(parameters[-1][0], part, parameters[-2][0])[:, 0])
    return torch.cat(done)


def in_points(activate: Activate, parameters: list[Tensor], z: Array) -> Array:
    """Scores of network inputs in VMAF points, not clipped."""
    raw = scores(activate, parameters, torch.tensor(z, dtype=parameters[0].dtype))
    return np.asarray(raw.double().numpy() * POINTS + CENTRE)


def flat(parameters: list[Tensor]) -> Tensor:
    """All parameters as one vector, float64."""
    return torch.cat([p.flatten() for p in parameters]).double()


def like(parameters: list[Tensor], numbers: Tensor) -> list[Tensor]:
    """A vector of parameters, split into the shapes and dtype of `parameters`."""
    parts = torch.split(numbers, [p.numel() for p in parameters])
    return [part.reshape(p.shape).to(p.dtype) for p, part in zip(parameters, parts, strict=True)]


def _jacobian(activate: Activate, parameters: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Raw scores `[n]` and their derivatives by each parameter, `[n, P]`."""
    weights, biases = [p[0] for p in parameters[0::2]], [p[0] for p in parameters[1::2]]
    inputs, slopes = [x], []
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        value, slope = activate(torch.addmm(b, inputs[-1], w))
        inputs.append(value)
        slopes.append(slope)
    raw = torch.addmm(biases[-1], inputs[-1], weights[-1])[:, 0]
    parts = [torch.ones(len(x), 1, dtype=x.dtype), inputs[-1]]
    back = weights[-1][:, 0].expand(len(x), -1)
    for layer in range(len(weights) - 2, -1, -1):
        back = back * slopes[layer]
        parts += [back, (inputs[layer][:, :, None] * back[:, None, :]).flatten(1)]
        back = back @ weights[layer].T
    return raw, torch.cat(parts[::-1], dim=1)


def _activation(name: str) -> Activate:
    """An activation with its derivative."""
    known = {"tanh": _tanh, "relu": _relu, "gelu": _gelu, "quadratic": _quadratic, "squared_relu": _squared_relu}
    return known[name]


def _tanh(z: Tensor) -> tuple[Tensor, Tensor]:
    value = torch.tanh(z)
    return value, 1.0 - value.square()


def _relu(z: Tensor) -> tuple[Tensor, Tensor]:
    return torch.relu(z), (z > 0).to(z.dtype)


def _gelu(z: Tensor) -> tuple[Tensor, Tensor]:
    phi = 0.5 * (1.0 + torch.erf(z / math.sqrt(2.0)))
    return z * phi, phi + z * torch.exp(-0.5 * z.square()) / math.sqrt(2.0 * math.pi)


def _quadratic(z: Tensor) -> tuple[Tensor, Tensor]:
    return quadratic(z), 2.0 - 2.0 * z.abs().clamp(max=1.0)


def _squared_relu(z: Tensor) -> tuple[Tensor, Tensor]:
    return squared_relu(z), 2.0 * torch.relu(z)
