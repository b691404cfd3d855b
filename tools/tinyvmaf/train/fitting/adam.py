"""Adam on all folds and seeds at once, as one batch of independent members.

Each member draws rows with its own random generator and sums only over its own rows, so its result is the same as when
it is fitted alone. The members share the overhead of a step, which is nearly all of its time for such small networks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.adamw import adamw

from tinyvmaf.train.fitting.network import CENTRE, POINTS, error, forward, pooled, quiet
from tinyvmaf.train.recipes import Optimiser, Validation
from tinyvmaf.train.students import Architecture

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

_WARM_UP: Final = 30  # steps over which the learning rate rises
_BLOCK: Final = 32  # steps whose rows are drawn together


@dataclass(frozen=True)
class Member:
    """One network: a fold and a seed."""

    seed: int
    mean: Array
    std: Array
    train: Sequence[Indices]
    """The training rows in groups: one group in a fit per frame, one group per clip in a fit per clip."""
    validation: Sequence[Indices] = ()
    """The validation rows, in groups; validated frame by frame."""
    weight: float = 1.0
    """Factor of its rows' weights, so that their mean over its clips is 1."""


@dataclass(frozen=True)
class Task:
    """The architecture, rows, targets and members of a fit."""

    architecture: Architecture
    rows: Array
    """`[N, F]`, not normalised; members refer to rows by index."""
    targets: Array
    """`[N]`, VMAF points."""
    members: Sequence[Member]
    weights: Array | None = None
    """`[N]`, weights of the squared errors; None: all 1."""
    frames: int | None = None
    """Fit per clip: frames of a clip in one step. None: fit per frame."""
    temperature: float | None = None
    """Temperature of soft labels, VMAF points; None: no soft labels."""
    penalty: float = 0.0
    """Weight of the squared difference from the scores of `start`."""
    precision: torch.dtype = torch.float32


def adam(
    task: Task,
    start: Sequence[Tensor],
    optimiser: Optimiser,
    validation: Validation | None = None,
    progress: Callable[[int], None] = quiet,
) -> list[Tensor]:
    """Fit every member.

    Args:
        start: initial parameters, members first.
        progress: called with the number of steps done.

    Returns:
        The parameters, members first; with validation, those with each member's least validation error.
    """
    dtype = task.precision
    rows, targets = (torch.tensor(a, dtype=dtype) for a in (task.rows, (task.targets - CENTRE) / POINTS))
    weights = torch.tensor(task.weights if task.weights is not None else np.ones(len(rows)), dtype=dtype)
    mean, std = (
        torch.tensor(np.stack([getattr(m, name) for m in task.members])[:, None], dtype=dtype)
        for name in ("mean", "std")
    )
    scale = torch.tensor([m.weight for m in task.members], dtype=dtype)[:, None]
    parameters = [p.detach().clone().requires_grad_() for p in start]
    anchor = [p.detach().clone() for p in start]
    solver = _AdamW(parameters, optimiser.weight_decay)
    watch = _EarlyStop(task, validation, rows, targets, mean, std) if validation else None
    masks = _Dropout(task.architecture, [m.seed for m in task.members], dtype)
    for step, drawn in enumerate(_draws(task, optimiser)):
        x = (rows[drawn] - mean) / std
        raw = forward(task.architecture, parameters, x, masks.draw(x.shape[1]))
        loss = _loss(task, raw, targets[drawn], weights[drawn] * scale)
        if task.penalty:
            with torch.no_grad():
                was = forward(task.architecture, anchor, x)
            loss = loss + task.penalty * (raw[..., 0] - was[..., 0]).square().mean(dim=1)
        gradients = torch.autograd.grad(loss.sum(), parameters)  # members share nothing, so each gets its own
        solver.step(gradients, optimiser.learning_rate * _schedule(optimiser, step))
        progress(step + 1)
        if watch is not None and validation is not None and (step + 1) % validation.every == 0:
            watch.look(parameters)
            if watch.done:
                break
    return watch.best if watch is not None else [p.detach() for p in parameters]


class _AdamW:
    """`torch.optim.AdamW`, to the last bit. That class imports PyTorch's compiler for its first step, for 1.6 s."""

    def __init__(self, parameters: list[Tensor], weight_decay: float) -> None:
        self._parameters, self._decay = parameters, weight_decay
        self._means, self._squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        self._steps = [torch.zeros(()) for _ in parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        """Change the parameters in place."""
        adamw(
            self._parameters,
            list(gradients),
            self._means,
            self._squares,
            [],
            self._steps,
            foreach=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=self._decay,
            eps=1e-8,
            maximize=False,
        )


def _schedule(optimiser: Optimiser, step: int) -> float:
    rise = min(1.0, (step + 1) / _WARM_UP)
    if optimiser.schedule == "constant":
        return rise
    return rise * 0.5 * (1.0 + cos(pi * step / optimiser.steps))


def _draws(task: Task, optimiser: Optimiser) -> Iterator[Tensor]:
    """The rows of each step, `[M, n]`; in a fit per clip, the frames of a clip are adjacent."""
    generators = [np.random.default_rng([member.seed, 1]) for member in task.members]
    for first in range(0, optimiser.steps, _BLOCK):
        count = min(_BLOCK, optimiser.steps - first)
        block = np.stack(
            [
                _draw(rng, member.train, count, optimiser.batch, task.frames)
                for rng, member in zip(generators, task.members, strict=True)
            ]
        )
        for step in range(count):
            yield torch.from_numpy(block[:, step])


def _draw(rng: np.random.Generator, groups: Sequence[Indices], steps: int, batch: int, frames: int | None) -> Indices:
    """One member's rows for some steps, `[steps, n]`."""
    if frames is None:
        return groups[0].take(rng.integers(len(groups[0]), size=(steps, batch)))
    lengths = np.array([len(group) for group in groups])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    chosen = rng.integers(len(groups), size=(steps, batch))
    within = (rng.random((steps, batch, frames)) * lengths[chosen][..., None]).astype(np.int64)
    rows: Indices = np.concatenate(groups).take(starts[chosen][..., None] + within)
    return rows.reshape(steps, -1)


def _loss(task: Task, raw: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The loss of each member, `[M]`."""
    if task.frames is None:
        scores = raw[..., 0]
    else:
        scores = pooled(task.architecture, raw, task.frames)
        targets, weights = (t.reshape(len(t), -1, task.frames).mean(dim=2) for t in (targets, weights))
    if task.temperature is not None:
        scale = POINTS / task.temperature
        entropy = torch.nn.functional.binary_cross_entropy_with_logits
        return (weights * entropy(scores * scale, torch.sigmoid(targets * scale), reduction="none")).mean(dim=1)
    return (weights * error(scores, targets).square()).mean(dim=1)


class _Dropout:
    """Dropout masks, drawn with each member's own generator."""

    def __init__(self, architecture: Architecture, seeds: Sequence[int], dtype: torch.dtype) -> None:
        self._keep, self._widths, self._dtype = 1.0 - architecture.dropout, architecture.hidden, dtype
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def draw(self, rows: int) -> list[Tensor] | None:
        """One mask `[M, rows, width]` per hidden layer, or None without dropout."""
        if self._keep == 1.0:
            return None
        return [
            torch.stack([torch.rand((rows, w), generator=g, dtype=self._dtype) for g in self._generators])
            .lt(self._keep)
            .to(self._dtype)
            / self._keep
            for w in self._widths
        ]


class _EarlyStop:
    """Early stopping: keeps the parameters with each member's least validation error."""

    def __init__(self, task: Task, rule: Validation, rows: Tensor, targets: Tensor, mean: Tensor, std: Tensor) -> None:
        self._task, self._patience = task, rule.patience
        self._mean, self._std = mean, std
        groups = [np.concatenate(member.validation) for member in task.members]
        longest = max(map(len, groups))
        index = torch.from_numpy(np.stack([np.resize(group, longest) for group in groups]))
        real = np.stack([np.arange(longest) < len(group) for group in groups])
        self._x, self._y = (rows[index] - mean) / std, targets[index]
        self._weight = torch.tensor(real / real.sum(axis=1, keepdims=True), dtype=rows.dtype)
        self._least = torch.full((len(groups),), torch.inf, dtype=rows.dtype)
        self._waited = torch.zeros(len(groups), dtype=torch.int64)
        self.best: list[Tensor] = []

    @property
    def done(self) -> bool:
        """Whether every member has run out of patience."""
        return bool((self._waited >= self._patience).all())

    @torch.no_grad()
    def look(self, parameters: Sequence[Tensor]) -> None:
        """Compute the validation errors, and keep better parameters."""
        raw = forward(self._task.architecture, parameters, self._x)[..., 0]
        now = (self._weight * error(raw, self._y).square()).sum(dim=1)
        better = (now < self._least) & (self._waited < self._patience)
        self._least = torch.where(better, now, self._least)
        self._waited = torch.where(better, 0, self._waited + 1)
        pick = better[:, None, None]
        old = self.best or [p.detach() for p in parameters]
        self.best = [torch.where(pick, p, q) for p, q in zip(parameters, old, strict=True)]
