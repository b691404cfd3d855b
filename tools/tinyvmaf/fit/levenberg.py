"""Levenberg-Marquardt: tens of large steps where Adam takes tens of thousands of small ones.

A student is small enough for the normal equations of its whole Jacobian: `(J'J + lambda diag J'J) d = -J'e`
(Levenberg 1944, Marquardt 1963). Every few steps the rows are drawn anew from a pool, half of them where the student
is worst; now and then a search adds the rows that it finds worst of all.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tinyvmaf.fit.network import CENTRE, POINTS, error, forward, initial, quiet
from tinyvmaf.students import Architecture

Array = NDArray[np.float64]

Search = Callable[[Callable[[Array], Array]], tuple[Array, Array, float]]
"""Takes a student as a function of normalised rows, float64 `[N, F]`, to VMAF points; gives rows on which it is far
off, normalised, the scores they should get, and the largest difference found, VMAF points."""

_DRAW_EVERY: Final = 4
_TRIES: Final = 10
_LAMBDA: Final = (1e-1, 1e-9, 1e6)  # at first, the least, and where it gives up
_FOUND_TIMES: Final = 4  # how often a row that a search found counts


def levenberg_marquardt(
    architecture: Architecture,
    seed: int,
    pool: tuple[Array, Array],
    *,
    steps: int,
    batch: int,
    dtype: torch.dtype,
    search: Search | None = None,
    searches: int = 0,
    progress: Callable[[int], None] = quiet,
) -> list[Tensor]:
    """Fit one student.

    Args:
        pool: rows, float64 `[N, F]`, normalised; and the scores they should get, VMAF points, clipped as the
            teacher's.
        steps: Jacobians that are taken.
        batch: rows a step.
        search: asked now and then for rows on which the student is far off.
        searches: how often, evenly over the second half of the steps. Of the students that it was asked about, the
            one with the least largest difference is the result.
        progress: told the number of steps done.

    Returns:
        Parameters as `network.forward` takes them, one member.
    """
    rng = np.random.default_rng([seed, 1])
    rows, targets = (torch.tensor(part, dtype=dtype) for part in (pool[0], (pool[1] - CENTRE) / POINTS))
    found = torch.empty((0, rows.shape[1]), dtype=dtype), torch.empty(0, dtype=dtype)
    parameters = initial(architecture, rows.shape[1], [seed], dtype)
    batch = min(batch, len(rows))
    ask_at = {steps - 1 - steps * k // (2 * searches) for k in range(searches)} if search else set()
    best, least = parameters, math.inf
    damping = _LAMBDA[0]
    for step in range(steps):
        if step % _DRAW_EVERY == 0:
            off = error(_scores(architecture, parameters, rows), targets).abs().double().numpy()
            drawn = torch.from_numpy(_draw(rng, off if step else np.ones(len(off)), batch))
            x, y = torch.cat([rows[drawn], found[0]]), torch.cat([targets[drawn], found[1]])
        parameters, damping = _step(architecture, parameters, x, y, damping)
        if step in ask_at and search is not None:
            more, scores, largest = search(lambda z: _points(architecture, parameters, z))  # noqa: B023 - called at once
            if largest < least:
                best, least = parameters, largest
            z, t = torch.tensor(more, dtype=dtype), torch.tensor((scores - CENTRE) / POINTS, dtype=dtype)
            found = torch.cat([found[0], z.repeat(_FOUND_TIMES, 1)]), torch.cat([found[1], t.repeat(_FOUND_TIMES)])
            x, y = torch.cat([rows[drawn], found[0]]), torch.cat([targets[drawn], found[1]])
        progress(step + 1)
    return best if ask_at else parameters


def _step(
    architecture: Architecture, parameters: list[Tensor], x: Tensor, y: Tensor, damping: float
) -> tuple[list[Tensor], float]:
    """The parameters after one step that lowers the sum of squares (or none), and the next damping."""
    raw, jacobian = _jacobian(architecture, parameters, x)
    off = error(raw, y)
    # Where a score beyond the end of the scale is right, nothing pulls at it.
    jacobian *= ((y.abs() < 1.0) | (off != 0.0))[:, None]
    normal, pull = (jacobian.T @ jacobian).double(), (jacobian.T @ off).double()
    before = off.double().square().sum()
    diagonal = normal.diagonal()
    for _ in range(_TRIES):
        damped = normal + torch.diag(damping * (diagonal + 1e-6 * diagonal.max()))
        factor, failed = torch.linalg.cholesky_ex(damped)
        if not failed:
            moved = _moved(parameters, -torch.cholesky_solve(pull[:, None], factor)[:, 0])
            if error(_scores(architecture, moved, x), y).double().square().sum() < before:
                return moved, max(damping / 3.0, _LAMBDA[1])
        damping = min(damping * 4.0, _LAMBDA[2])
    return parameters, damping


def _draw(rng: np.random.Generator, off: Array, batch: int) -> NDArray[np.int64]:
    """Indices of rows: half by how far off they are, half evenly."""
    share = off + 0.1 * off.mean() + 1e-12
    # Gumbel's trick: the largest of log share + noise are a draw without replacement by share.
    keys = np.log(share) + rng.gumbel(size=len(off))
    hard = np.argpartition(-keys, batch // 2 - 1)[: batch // 2] if batch < len(off) else np.arange(0)
    return np.concatenate([hard, rng.choice(len(off), batch - len(hard), replace=False)])


def _scores(architecture: Architecture, parameters: list[Tensor], x: Tensor) -> Tensor:
    return forward(architecture, parameters, x[None])[0, :, 0]


def _points(architecture: Architecture, parameters: list[Tensor], z: Array) -> Array:
    raw = _scores(architecture, parameters, torch.tensor(z, dtype=parameters[0].dtype))
    return np.asarray(raw.double().numpy() * POINTS + CENTRE)


def _moved(parameters: list[Tensor], by: Tensor) -> list[Tensor]:
    parts = torch.split(by, [p.numel() for p in parameters])
    return [p + part.reshape(p.shape).to(p.dtype) for p, part in zip(parameters, parts, strict=True)]


def _jacobian(architecture: Architecture, parameters: list[Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Raw scores `[n]` and their derivatives by every parameter, `[n, P]`, in the parameters' order."""
    weights, biases = [p[0] for p in parameters[0::2]], [p[0] for p in parameters[1::2]]
    inputs, slopes = [x], []
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        value, slope = _activation(architecture.activation, torch.addmm(b, inputs[-1], w))
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


def _activation(name: str, z: Tensor) -> tuple[Tensor, Tensor]:
    """An activation and its derivative."""
    if name == "tanh":
        value = torch.tanh(z)
        return value, 1.0 - value.square()
    if name == "relu":
        return torch.relu(z), (z > 0).to(z.dtype)
    phi = 0.5 * (1.0 + torch.erf(z / math.sqrt(2.0)))
    return z * phi, phi + z * torch.exp(-0.5 * z.square()) / math.sqrt(2.0 * math.pi)
