"""Fits the network of a recipe: stages that see photographs alone are shared by all folds."""

import copy
import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tinyvmaf.data.pictures import SourceArrays
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.train.pictures.examples import PictureExamples, draw
from tinyvmaf.train.pictures.network import PictureNetwork
from tinyvmaf.train.pictures.recipe import PictureRecipe, Stage

Groups = Mapping[str, Mapping[str, SourceArrays]]
"""Sources by name, by group: `photographs`, `soft`, `natural`, `generated`."""
Progress = Callable[[int, int], None]
_KNEE = 8.0  # VMAF points: smaller errors count squared, larger ones by their size
_WARM_UP = 50  # steps in which the learning rate rises


def loss(scores: Tensor, examples: PictureExamples, order: float) -> Tensor:
    """Mean error of the scores, and `order` times that of the differences between clips of a source."""
    truth, sources = examples.scores, examples.sources
    same = (sources[:, None] == sources[None]) & ~torch.eye(len(sources), dtype=torch.bool)
    given, wanted = (one[:, None] - one[None] for one in (scores, truth))
    errors = functional.smooth_l1_loss(scores, truth, beta=_KNEE)
    return (errors + order * functional.smooth_l1_loss(given[same], wanted[same], beta=_KNEE)) / _KNEE


def fit_shared(recipe: PictureRecipe, groups: Groups, progress: Progress | None = None) -> PictureNetwork:
    """The network after the stages that every fold shares, which come first."""
    _one_thread()
    network = PictureNetwork(recipe.widths, recipe.seed)
    shared = [stage for stage in recipe.stages if stage.shared]
    if shared != list(recipe.stages[: len(shared)]):
        raise TinyvmafError(f"recipe {recipe.id}: stages that see photographs alone come first")
    network.even_out(draw(groups, recipe.stages[0], np.random.default_rng([recipe.seed, 99])).pictures)
    for number, stage in enumerate(shared):
        _fit(network, recipe, number, stage, groups, progress)
    return network


def fit_rest(
    shared: PictureNetwork, recipe: PictureRecipe, groups: Groups, progress: Progress | None = None
) -> PictureNetwork:
    """The network after all stages, beginning with a copy of the shared one; it ends on its grid."""
    _one_thread()
    network = copy.deepcopy(shared)
    for number, stage in enumerate(recipe.stages):
        if not stage.shared:
            _fit(network, recipe, number, stage, groups, progress)
    if not network.rounded:
        network.put_on_grid()
    return network


def _one_thread() -> None:
    # The same sums in the same order on every run, and no waiting for each other on a busy machine.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


def _fit(
    network: PictureNetwork, recipe: PictureRecipe, number: int, stage: Stage, groups: Groups, progress: Progress | None
) -> None:
    if stage.grid and not network.rounded:
        network.put_on_grid()
    rng = np.random.default_rng([recipe.seed, number])
    optimiser = torch.optim.AdamW(network.parameters(), lr=stage.learning_rate, weight_decay=1e-4)
    for step in range(stage.steps):
        rate = stage.learning_rate * min(1.0, (step + 1) / _WARM_UP)
        for group in optimiser.param_groups:
            group["lr"] = rate * (1.0 + math.cos(math.pi * step / stage.steps)) / 2.0
        examples = draw(groups, stage, rng)
        error = loss(network(examples.pictures), examples, recipe.order)
        optimiser.zero_grad()
        error.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        if progress is not None:
            progress(step + 1, stage.steps)
