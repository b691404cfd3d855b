"""`tinyvmaf refit`: fit the recipes of registered models anew, and compare what they give with what is recorded."""

import argparse
import sys
import time

from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.errors import RegistryError, TinyvmafError
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.terminal import say, say_lines

_DESCRIPTION = """\
Fit the recipes of registered models anew, from nothing, and compare each file with the registered one, byte for byte.

With --record the result goes to model/refits/ID.json. The loso gate then believes it and fits nothing, as long as the
model, recipe, seed, teacher, the code that fits and its libraries are as they were. Recipes that see clips have no
record: the gate fits their folds.

A fit may give other bytes on another kind of machine. The output says so. It is an error only on the machine of the
record and on the one that made the model."""
_EXIT_STATUS = "0 each fit gives what it should, 1 one gives another file, 2 one cannot be fitted, or wrong use"


def add_commands(commands: Commands) -> None:
    """Add `refit`."""
    command = add_command(
        commands,
        "refit",
        _run,
        description=_DESCRIPTION,
        examples="tinyvmaf refit\ntinyvmaf refit tinyvmaf_nano --record",
        exit_status=_EXIT_STATUS,
    )
    command.add_argument(
        "models",
        nargs="*",
        metavar="ID",
        help="a registered model (default: all whose recipes see no clip)",
    )
    command.add_argument(
        "--record", action="store_true", help="record what the recipe gives; the loso gate believes it"
    )
    add_ffmpeg_option(command)


def _run(arguments: argparse.Namespace) -> int:
    status = 0
    named = [registry.find(name) for name in dict.fromkeys(arguments.models)]
    for subject in named or [one for one in registry.subjects() if _fitted_once(one)]:
        try:
            status = max(status, _refit(subject, arguments))
        except TinyvmafError as error:
            say_lines(f"tinyvmaf refit: {error}", file=sys.stderr)
            status = 2
    return status


def _fitted_once(subject: Subject) -> bool:
    """Whether one fit serves every fold. Of a recipe that is not here, the fit says so."""
    from tinyvmaf.train.recipes import read_recipe, recipe_ids

    training = subject.training
    return training is not None and (training.recipe not in recipe_ids() or not read_recipe(training.recipe).sees_clips)


def _refit(subject: Subject, arguments: argparse.Namespace) -> int:
    from tinyvmaf.data.store import Store, default_folder  # imported here: slow
    from tinyvmaf.files import sha256
    from tinyvmaf.measure import environment
    from tinyvmaf.model.refit_records import again, read_refit, refit_files
    from tinyvmaf.train import refits
    from tinyvmaf.train.folds import fold_models
    from tinyvmaf.train.recipes import read_recipe
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
    from tinyvmaf.vmaf.teacher import load_teacher

    training = subject.training
    if training is None:
        raise RegistryError(f"{subject.id} was not fitted by a recipe: there is nothing to refit")
    recipe = read_recipe(training.recipe)
    request = refits.request_of(subject, recipe, load_teacher(find_ffmpeg(arguments.ffmpeg), recipe.teacher))
    here, started = environment.machine().id, time.monotonic()
    refits.record_of(subject, request, b"", here)  # or an error, before the fit
    with progress_bar(f"fitting {recipe.id}", "steps") as progress:
        (fitted,) = fold_models(request, Store(default_folder()), fresh=True, progress=progress)
    took = f"{time.monotonic() - started:.0f} s"
    made = refits.record_of(subject, request, fitted.data, here)
    before = None if arguments.record else read_refit(subject.id, subject.path.parent)
    expected = {subject.sha256: "the registered file"}
    if before is not None and before.sha256 == subject.sha256:
        expected[before.fitted_sha256] = "the recorded file" if not before.same else "the registered file"
    given = expected.get(sha256(fitted.data))
    wrong = given is None and here in (training.machine, before and before.machine)
    if given is not None:
        say(f"{subject.id}: its recipe gives {given} again, byte for byte; {took}")
    elif wrong:
        say(f"{subject.id}: its recipe gives another file, on the machine ({here}) that fitted it before; {took}")
        say("  train and register anew" if here == training.machine else f"  {again(subject.id)}")
    else:
        say(f"{subject.id}: its recipe gives another file on this machine ({here}); {took}")
    if arguments.record and not wrong:
        refits.write(subject, made, fitted.data)
        say(f"  recorded: {refit_files(subject.id, subject.path.parent)[0]}; commit it")
    elif not wrong and (why := refits.recorded(subject, recipe, request.teacher).why_not):
        say(f"  {why.removeprefix(f'{subject.id}: ')}")
    return int(wrong)
