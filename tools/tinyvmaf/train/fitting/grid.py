"""Quantise a fitted student to a grid, with training in the loop.

The forward pass floors like the ONNX graph; the backward pass ignores the floor (straight-through estimator: Bengio et
al. 2013). Then the parameters are rounded to their grids, layer by layer and in groups. Each rounding adjusts all free
parameters to the least sum of squares, to second order (optimal brain surgeon: Hassibi and Stork 1993; for
quantisation: Frantar and Alistarh 2022). Levenberg-Marquardt steps on the free parameters follow.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from tinyvmaf.train.fitting.levenberg import Activate, draw, equations, flat, in_points, like, one_step, residuals
from tinyvmaf.train.fitting.network import CENTRE, POINTS, quiet, squared_relu
from tinyvmaf.train.students import Activation, Grid, GridStudent, Layer, Student
from tinyvmaf.train.students.grid import ends
from tinyvmaf.vmaf.teacher.silence import Silence

Array = NDArray[np.float64]
Search = Callable[[Callable[[Array], Array]], tuple[Array, Array]]
"""Takes a student: a function from rows `[N, F]` to VMAF points. Returns rows with large errors, and their target
scores."""

_TUNE: Final = 8  # steps before the first rounding
_GROUPS: Final = 4  # groups in which the parameters of a layer are rounded
_STEPS_A_GROUP: Final = 4
_DAMPING: Final = 1e-2  # the least: parameters that matter little must not grow, because they add to the sums
_RIDGE: Final = 1e-3  # columns have length 1
_CANDIDATES: Final = 40_000  # rows drawn from the pool, of which the hardest are chosen
_ROOM: Final = 0.9  # share of the accumulator used when a grid is chosen: parameters still change after that
_COARSER: Final = 3  # how often a layer is rounded anew, to a coarser grid
_FEW_STEPS: Final = 16.0  # of the largest weight of a column: with fewer, no coarser grid is tried
_LEVELS: Final = 0.5  # share of the levels used where sums are not clipped: leaves one bit


def steps_of(grid: Grid, layers: int) -> int:
    """The number of Levenberg-Marquardt steps of `on_grid`, for a progress bar."""
    return _TUNE + layers * _GROUPS * _STEPS_A_GROUP if _coarse(grid) else 0


def _coarse(grid: Grid) -> bool:
    """Whether rounding needs compensation. With 53 bits it needs none, and steps without a search can only harm."""
    return grid.accumulator_bits == 24


def on_grid(
    student: Student,
    grid: Grid,
    highest: ArrayLike,
    pool: tuple[Array, Array],
    *,
    seed: int,
    batch: int,
    search: Search | None = None,
    progress: Callable[[int], None] = quiet,
) -> GridStudent:
    """Quantise a student to a grid.

    Args:
        student: has an activation of `students.ON_GRID`.
        highest: `[F]`, the maximum of each feature, after the chroma correction.
        pool: rows after the chroma correction, float64 `[N, F]`; and their target scores, VMAF points, clipped.
        batch: rows per step.
        search: finds more rows, after tuning. With 53 bits there is neither: the result is the student as it was.
        progress: called with the number of steps done.

    Raises:
        StudentError: the grid has too few bits for this student's sums.
    """
    fit = _Fit(student, grid, highest, pool, np.random.default_rng([seed, 2]), batch, progress)
    if _coarse(grid):
        fit.tune(_TUNE)
        if search is not None:
            fit.add(*search(fit.points))
    for layer in range(len(fit.parameters) // 2):
        fit.round_layer(layer)
    return fit.result()


class _Fit:
    """A fit whose parameters are in steps of the grid's integers; those of the last layer are in units of `network`."""

    def __init__(
        self,
        student: Student,
        grid: Grid,
        highest: ArrayLike,
        pool: tuple[Array, Array],
        rng: np.random.Generator,
        batch: int,
        progress: Callable[[int], None],
    ) -> None:
        self.student, self.grid, self.rng, self.batch, self._progress = student, grid, rng, batch, progress
        self.exponents, self.high = grid.exponents(highest)
        rule = student.chroma
        self.silence = None if rule is None else Silence.of(rule, self.exponents, self.high, grid.most)
        self.ends = ends(len(student.features), self.high, self.silence)
        self.activate = _levels(student.architecture.activation, grid)
        self.parameters = self._scaled(student)
        self.rows, self.targets = self._steps(pool[0]), torch.tensor((pool[1] - CENTRE) / POINTS)
        self.found = self.rows[:0], self.targets[:0]
        self.grids: list[NDArray[np.int64]] = []
        self.done = torch.zeros(sum(p.numel() for p in self.parameters), dtype=torch.bool)
        self.taken = 0

    def _scaled(self, student: Student) -> list[Tensor]:
        m = float(self.grid.level)
        parameters: list[Tensor] = []
        layers = student.layers()
        steps = np.ldexp(1.0, np.array(self.exponents))  # steps per unit of each input of this layer
        for number, (w, b) in enumerate(layers):
            w = w / steps[:, None]
            # Flooring subtracts half a step on average, here from the inputs, below from the level.
            if number == 0 or self.grid.shift:
                b = b + 0.5 * w.sum(axis=0)
            if number == len(layers) - 1:
                w, b = w / POINTS, (b - CENTRE) / POINTS
            elif student.architecture.activation == "quadratic":
                w, b = w * m, b * m + 0.5
                steps = np.full(len(b), float(self.grid.value))
            else:
                # Scale each unit by c to fill the levels; its square grows by c^2, which the next layer divides out.
                fill = _LEVELS * m / self._reach(number, w, b)
                w, b = w * fill, b * fill + 0.5
                steps = np.square(fill)
            parameters += [torch.tensor(w)[None], torch.tensor(b)[None, None]]
        return parameters

    def _reach(self, layer: int, w: Array, b: Array) -> Array:
        """The largest magnitude of any partial sum of a layer, `[out]`; never 0."""
        value = float(self.grid.value)
        least = -value if self.student.architecture.activation == "quadratic" else 0.0
        low, high = self.ends if layer == 0 else (np.full(len(w), least), np.full(len(w), value))
        parts = np.stack([low[:, None] * w, high[:, None] * w])
        up = np.maximum(parts.max(axis=0), 0.0).sum(axis=0) + np.maximum(b, 0.0)
        down = np.maximum(-parts.min(axis=0), 0.0).sum(axis=0) + np.maximum(-b, 0.0)
        return np.asarray(np.maximum(np.maximum(up, down), 1e-30))

    def _steps(self, rows: Array) -> Tensor:
        x = np.ldexp(np.asarray(rows, dtype=np.float32).astype(np.float64), np.array(self.exponents))
        return torch.tensor(np.floor(np.clip(x, *self.ends)))

    def points(self, rows: Array) -> Array:
        """The scores of the student as it is now, VMAF points."""
        return np.clip(in_points(self.activate, self.parameters, self._steps(rows).numpy()), *self.student.clip)

    def add(self, rows: Array, scores: Array) -> None:
        """Add rows that every later step uses."""
        x, y = self._steps(rows), torch.tensor((scores - CENTRE) / POINTS)
        self.found = torch.cat([self.found[0], x]), torch.cat([self.found[1], y])

    def drawn(self) -> tuple[Tensor, Tensor]:
        some = torch.from_numpy(self.rng.permutation(len(self.rows))[:_CANDIDATES])
        rows, targets = self.rows[some], self.targets[some]
        chosen = draw(self.rng, self.activate, self.parameters, rows, targets, min(self.batch, len(rows)))
        return torch.cat([rows[chosen], self.found[0]]), torch.cat([targets[chosen], self.found[1]])

    def tune(self, steps: int) -> None:
        """Levenberg-Marquardt steps of the parameters that are still free."""
        free, damping = torch.where(~self.done)[0], _DAMPING
        for step in range(steps if len(free) else 0):
            if step % 2 == 0:
                x, y = self.drawn()
            self.parameters, damping = one_step(
                self.activate, self.parameters, x, y, damping, free=free, dtype=torch.float32
            )
            damping = max(damping, _DAMPING)
        self.taken += steps
        self._progress(self.taken)

    def round_layer(self, layer: int) -> None:
        """Choose a layer's grid, and round its parameters to it: coarser where compensation made sums too large."""
        before, taken = (self.parameters, self.done.clone()), self.taken
        grid = self._grid_of(layer)
        for _ in range(_COARSER):
            self._round_to(layer, grid)
            excess = np.ldexp(self._sums_of(layer), grid) / self.grid.most
            if (excess <= 1.0).all() or (self._steps_of(layer, grid)[excess > 1.0] < _FEW_STEPS).any():
                break  # it fits, or it never will: weights of fewer steps make a useless student
            grid = grid - np.maximum(np.ceil(np.log2(excess)), 0.0).astype(np.int64)
            self.parameters, self.done, self.taken = before[0], before[1].clone(), taken
        else:
            self._round_to(layer, grid)
        self.grids.append(grid)

    def _round_to(self, layer: int, grid: NDArray[np.int64]) -> None:
        sizes = [p.numel() for p in self.parameters]
        first, after = sum(sizes[: 2 * layer]), sum(sizes[: 2 * layer + 2])
        unit = self._unit(layer)
        fine = np.ldexp(unit, -grid)
        steps = torch.ones(len(self.done), dtype=torch.float64)
        weights = np.broadcast_to(fine, self.parameters[2 * layer].shape[1:]).ravel()
        steps[first:after] = torch.tensor(np.concatenate([weights, fine]))
        groups = np.array_split(first + self.rng.permutation(after - first), _GROUPS if _coarse(self.grid) else 1)
        for group in groups:
            self._round(group, steps, compensate=_coarse(self.grid))
            if _coarse(self.grid):
                self.tune(_STEPS_A_GROUP)

    def _unit(self, layer: int) -> float:
        """The size of the integer 1 in the parameters of a layer."""
        return 1.0 / POINTS if layer == len(self.parameters) // 2 - 1 else 1.0

    def _grid_of(self, layer: int) -> NDArray[np.int64]:
        """For each column, the finest power of two whose sums fit the accumulator with some room."""
        return np.asarray(np.floor(np.log2(_ROOM * self.grid.most / self._sums_of(layer))), dtype=np.int64)

    def _sums_of(self, layer: int) -> Array:
        """The largest magnitude of any partial sum of a layer as it is now, `[out]`."""
        w, b = (
            p.reshape(-1, p.shape[-1]).numpy() / self._unit(layer) for p in self.parameters[2 * layer : 2 * layer + 2]
        )
        return self._reach(layer, w, b[0] + self._centre(layer))

    def _steps_of(self, layer: int, grid: NDArray[np.int64]) -> Array:
        """The largest weight of each column, in steps, `[out]`."""
        w = self.parameters[2 * layer].reshape(-1, self.parameters[2 * layer].shape[-1]).numpy() / self._unit(layer)
        return np.asarray(np.ldexp(np.abs(w).max(axis=0), grid))

    def _centre(self, layer: int) -> float:
        """The offset of a bias: raw scores are relative to `CENTRE`."""
        return CENTRE if layer == len(self.parameters) // 2 - 1 else 0.0

    def _round(self, group: NDArray[np.int64], steps: Tensor, *, compensate: bool) -> None:
        """Round a group of parameters."""
        numbers = flat(self.parameters)
        if not compensate:
            chosen = torch.from_numpy(group)
            numbers[chosen] = torch.round(numbers[chosen] / steps[chosen]) * steps[chosen]
        else:
            numbers = self._rounded(numbers, group, steps)
        self.done[torch.from_numpy(group)] = True
        self.parameters = like(self.parameters, numbers)

    def _rounded(self, numbers: Tensor, group: NDArray[np.int64], steps: Tensor) -> Tensor:
        """Round a group, the cheapest parameter first, and adjust the free ones after each."""
        free = torch.where(~self.done)[0]
        off, jacobian = residuals(self.activate, self.parameters, *self.drawn(), free)
        normal, _, size = equations(jacobian, off, torch.float32)
        inverse = torch.linalg.inv(normal + _RIDGE * torch.eye(len(free), dtype=torch.float64))
        at, step = numbers[free] * size, steps[free] * size
        left = torch.from_numpy(np.searchsorted(free.numpy(), np.sort(group)))
        while len(left):
            off = torch.round(at[left] / step[left]) * step[left] - at[left]
            cheapest = int(torch.argmin(off.square() / inverse[left, left]))
            i = int(left[cheapest])
            column = inverse[:, i].clone()
            goal = torch.round(at[i] / step[i])
            at += column / column[i] * off[cheapest]
            at[i] = goal * step[i]
            inverse.addr_(column, column / column[i], alpha=-1.0)
            inverse[i, i] = 1.0  # not used again; avoids a division by 0
            left = torch.cat([left[:cheapest], left[cheapest + 1 :]])
            # Exactly 0: rounded parameters no longer change.
            inverse[i, :i] = inverse[i, i + 1 :] = inverse[:i, i] = inverse[i + 1 :, i] = 0.0
        numbers = numbers.clone()
        numbers[free] = at / size
        chosen = torch.from_numpy(group)
        numbers[chosen] = torch.round(numbers[chosen] / steps[chosen]) * steps[chosen]
        return numbers

    def result(self) -> GridStudent:
        """The student as integers."""
        layers = []
        for number, steps in enumerate(self.grids):
            w, b = (
                p.reshape(-1, p.shape[-1]).numpy() / self._unit(number)
                for p in self.parameters[2 * number : 2 * number + 2]
            )
            scale = np.ldexp(1.0, steps)
            integers = [np.rint(part * scale).astype(np.int64) for part in (w, (b + self._centre(number))[0])]
            layers.append(Layer(integers[0], integers[1], steps))
        student = self.student
        return GridStudent(
            student.architecture,
            student.features,
            self.grid,
            self.exponents,
            self.high,
            tuple(layers),
            student.clip,
            self.silence,
        )


def _levels(activation: Activation, grid: Grid) -> Activate:
    """The activation on integers, and its derivative without the floor."""
    m, shift = float(grid.level), math.ldexp(1.0, -grid.shift)

    def square(z: Tensor) -> tuple[Tensor, Tensor]:
        return squared_relu(torch.floor(z)), 2.0 * torch.relu(z)

    def sigmoid(z: Tensor) -> tuple[Tensor, Tensor]:
        inside = z.clamp(-m, m)
        p = torch.floor(inside)
        slope = torch.where(z.abs() < m, (2.0 * m - 2.0 * inside.abs()) * shift, torch.zeros_like(z))
        return torch.floor(p * (2.0 * m - p.abs()) * shift), slope

    return square if activation == "squared_relu" else sigmoid
