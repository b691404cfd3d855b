"""`tinyvmaf train` for recipes of models that take pictures."""

import argparse
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure import environment
from tinyvmaf.terminal import say
from tinyvmaf.train.pictures import PictureRecipe, picture_recipe_ids, read_picture_recipe
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

if TYPE_CHECKING:
    from tinyvmaf.measure.no_reference import HeldOutReport

_CORPUS = "photographs of Debian packages, sharp and soft, and the natural sources of the embedded ladder corpus"


def asks_pictures(recipes: Sequence[str]) -> bool:
    """Whether recipes of models that take pictures are asked for.

    Raises:
        TinyvmafError: beside others.
    """
    mine = [name for name in recipes if name in picture_recipe_ids()]
    if mine and len(mine) < len(recipes):
        raise TinyvmafError(f"{', '.join(mine)}: it takes pictures", hint="train it in a command of its own")
    return bool(mine)


def train_pictures(arguments: argparse.Namespace) -> int:
    """Fit each recipe, with each natural source held out and with none, and write the candidates."""
    for name in arguments.recipe:
        _train(read_picture_recipe(name), arguments)
    return 0


def _train(recipe: PictureRecipe, arguments: argparse.Namespace) -> None:
    from tinyvmaf.data.pictures import picture_digest
    from tinyvmaf.judge.kinds import find  # imported here: slow
    from tinyvmaf.measure.no_reference import scored_by, summarised
    from tinyvmaf.model.engines.onnxruntime_cpu import ENGINE
    from tinyvmaf.train.packaging import Origin
    from tinyvmaf.train.pictures.fitting import fit_shared
    from tinyvmaf.train.pictures.folds import fold_model, held_out_sources, training_pictures
    from tinyvmaf.train.pictures.packaged import write_no_reference
    from tinyvmaf.vmaf.teacher import load_teacher

    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    teacher = load_teacher(ffmpeg, recipe.teacher)
    groups = training_pictures(Store(default_folder()), ffmpeg)
    with progress_bar(f"fitting {recipe.id}", "steps") as progress:
        shared = fit_shared(recipe, groups, progress)
    made = {}
    for source in ("", *held_out_sources(groups)):
        with progress_bar(f"without {source}" if source else "on all sources", "steps") as progress:
            made[source] = fold_model(shared, recipe, groups, teacher, source, progress)
    data = made.pop("")
    report = summarised([scored_by(ENGINE, fold, name, groups["natural"][name]) for name, fold in made.items()])
    commit, changed = environment.commit()
    command = shlex.join(["tinyvmaf", "train", "--recipe", recipe.id, "--out", "DIR"])
    machine = environment.machine().id
    origin = Origin(_CORPUS, picture_digest(groups), command, f"{commit}-dirty" if changed else commit, machine)
    written = write_no_reference(
        data, made, recipe, teacher, report.measured(), origin, kind=find(recipe.kind), folder=arguments.out
    )
    say(f"{written.file}  {len(data)} bytes  sha256 {written.sha256}")
    _say(report)


def _say(report: "HeldOutReport") -> None:
    say(f"held-out clips: PLCC {report.plcc:.4f}, SROCC {report.srocc:.4f}, RMSE {report.rmse:.2f} VMAF points")
    for name, srocc in report.within.items():
        rmse, bias = report.rmse_within[name], report.bias_within[name]
        say(f"{name}: SROCC {srocc:.4f}, RMSE {rmse:.2f}, mean error {bias:+.2f}")
