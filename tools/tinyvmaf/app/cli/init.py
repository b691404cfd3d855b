"""`tinyvmaf init`: make the current folder a project."""

import argparse
import os
from pathlib import Path
from typing import Final

from tinyvmaf import __version__
from tinyvmaf.app.cli.common import Commands, add_command, add_feed_options, add_ffmpeg_option, feed_of
from tinyvmaf.errors import ProjectError
from tinyvmaf.files import all_or_nothing, write_atomic
from tinyvmaf.project import FILE, of_folder
from tinyvmaf.terminal import say
from tinyvmaf.vmaf.features import ORDER

CI_FILE: Final = Path(".github", "workflows", "tinyvmaf.yml")
_TEMPLATES: Final = Path(__file__).with_name("templates")
_DESCRIPTION = f"""\
Make the current folder a project: write {FILE}, which says where its models are, and {CI_FILE.as_posix()}, which
runs the gate on each pull request; and register a first model, with its golden record and its latency baseline.

The model is that of --model, else the only .onnx file of the folder. Without one, none is registered. How it is fed is
read from the sidecar beside it, or from options: docs/candidates.md. Nothing is asked, and no file is overwritten."""
_EXAMPLES = f"""\
tinyvmaf init
tinyvmaf init --model mine.onnx --feature-order {ORDER}"""


def add_commands(commands: Commands) -> None:
    """Add `init`."""
    command = add_command(
        commands,
        "init",
        _init,
        summary="make the current folder a project",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    command.add_argument("--model", type=Path, metavar="MODEL.onnx", help="the first model")
    add_feed_options(command)
    add_ffmpeg_option(command)


def _init(arguments: argparse.Namespace) -> int:
    folder = Path.cwd()
    if (there := of_folder(folder)) is not None:
        raise ProjectError(f"{there.file} makes this folder a project already", hint="tinyvmaf register adds a model")
    if os.environ.get("TINYVMAF_HOME"):
        raise ProjectError("TINYVMAF_HOME is set, so that the project is another folder", hint="unset TINYVMAF_HOME")
    model = arguments.model or _only_model(folder)
    workflow = (_TEMPLATES / CI_FILE.name).read_text(encoding="utf-8").replace("VERSION", __version__)
    files = {folder / FILE: (_TEMPLATES / FILE).read_text(encoding="utf-8"), folder / CI_FILE: workflow}
    written = {path: text for path, text in files.items() if not path.exists()}
    with all_or_nothing(written):
        write_atomic(folder / FILE, written[folder / FILE])  # the project into which the model is registered
        done = _register(model, arguments) if model is not None else []
        for path, text in written.items():
            write_atomic(path, text)
    for path in files:
        say(f"{path.relative_to(folder)}: {'written' if path in written else 'is there, and stays as it is'}")
    for sentence in done:
        say(sentence)
    if model is None:
        say("no .onnx file is here: tinyvmaf register MODEL.onnx --all adds one")
    say("next: tinyvmaf gate")
    return 0


def _only_model(folder: Path) -> Path | None:
    """The .onnx file of a folder; None if it has none."""
    found = sorted(path for path in folder.glob("*.onnx") if path.is_file())
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:5])
        raise ProjectError(f"{len(found)} models are here: {names}", hint="name the first one: --model MODEL.onnx")
    return found[0] if found else None


def _register(path: Path, arguments: argparse.Namespace) -> list[str]:
    """Register a model; gives what was written, in sentences."""
    from tinyvmaf.judge import registering  # imported here: slow
    from tinyvmaf.judge.opened import found

    with found(str(path.absolute()), feed_of(arguments), arguments.ffmpeg) as subject:
        new, done = registering.register_candidate(subject, complete=True)
    how = subject.adopted.sentences if subject.adopted else ()
    return [f"{new.file}: {new.id} is registered", *(f"  {sentence}" for sentence in how), *done]
