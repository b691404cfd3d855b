"""`tinyvmaf export-teacher`, `models`, `verify`, `adopt`, `register` and `unregister`: the registry of models."""

import argparse
import json
import shlex
from pathlib import Path

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_feed_options,
    add_ffmpeg_option,
    add_json_option,
    feed_of,
    print_listing,
)
from tinyvmaf.errors import RegistryError
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject
from tinyvmaf.terminal import say, say_lines
from tinyvmaf.vmaf.features import ORDER
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, load_json
from tinyvmaf.vmaf.teacher.names import load_named

_EXPORT = f"""\
Write a teacher's SVR as an ONNX model with sidecar and card, and register it as <teacher>_svr.

Opset 17, input `features` float32 [N, F], output `score` float32 [N, 1], float64 inside. The same teacher gives the
same bytes.

teachers: {", ".join(KNOWN)}"""
_ADOPT = """\
Make a file that can be registered from any ONNX regressor on libvmaf's features: ID.onnx, whose graph is the original
between nodes that feed it and shape its scores, with sidecar and card. Its scores are compared with the original's.

Features, order and normalisation come from the sidecar beside MODEL.onnx, or from the options: docs/candidates.md. Look
at card and sidecar (licence), then register the file."""
_REGISTER = """\
Add a model to the registry. From then on every gate judges it.

MODEL.onnx has its sidecar MODEL.json and its card MODEL.md beside it, as tinyvmaf train and adopt write them; any other
file is adopted. It must keep the model contract and match its sidecar; otherwise nothing is written. The recipe that it
was fitted by is copied to model/recipes. A model without a recipe is registered too: no source can be held out of it.

The gates also ask for a golden record and a latency baseline. --all makes both; else the output lists the commands. No
verdict is given: look at the change, commit it, and run tinyvmaf gate."""
_UNREGISTER = """\
Take a model back: out of the registry, with its file, sidecar and card, its golden record and its latency baseline. The
output says what was removed, and what is left."""


def add_commands(commands: Commands) -> None:
    """Add `export-teacher`, `models`, `register` and `verify`."""
    export = add_command(
        commands,
        "export-teacher",
        _export,
        description=_EXPORT,
        examples="tinyvmaf export-teacher vmaf_v0.6.1neg",
    )
    export.add_argument(
        "teacher", nargs="?", metavar="ID", default=DEFAULT, help=f"teacher to export (default {DEFAULT})"
    )
    export.add_argument(
        "--teacher-json", type=Path, metavar="FILE", help="the teacher's published JSON file, instead of ID"
    )
    export.add_argument("--out", type=Path, metavar="DIR", help="registry to write to (default: model/)")
    add_ffmpeg_option(export)
    listed = add_command(
        commands,
        "models",
        _models,
        description="List the registered models, or the models that are named.",
        examples="tinyvmaf models\ntinyvmaf models their.onnx",
    )
    listed.add_argument("models", nargs="*", metavar="MODEL", help="id of a registered model, or an ONNX file")
    add_json_option(listed)
    add_feed_options(listed)
    verify = add_command(
        commands,
        "verify",
        _verify,
        description="Check that models keep the model contract, that files have the registered hashes, and that files "
        "and sidecars match each other.",
        examples="tinyvmaf verify\ntinyvmaf verify tinyvmaf_nano\ntinyvmaf verify their.onnx",
        exit_status="0 no faults, 1 a model has faults or is unknown, 2 wrong use",
    )
    verify.add_argument(
        "models", nargs="*", metavar="MODEL", help="id of a registered model, or an ONNX file (default: all registered)"
    )
    verify.add_argument("--json", action="store_true", help="print a JSON array with an object a model")
    add_feed_options(verify)
    adopt = add_command(
        commands,
        "adopt",
        _adopt,
        description=_ADOPT,
        examples="tinyvmaf adopt their.onnx --out candidates\n"
        f"tinyvmaf adopt their.onnx --feature-order {ORDER} --out candidates",
    )
    adopt.add_argument("model", type=Path, metavar="MODEL.onnx", help="the file")
    adopt.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    add_feed_options(adopt)
    add_ffmpeg_option(adopt)
    register = add_command(
        commands,
        "register",
        _register,
        description=_REGISTER,
        examples="tinyvmaf register candidates/tinyvmaf_nano.onnx\ntinyvmaf register candidates/theirs.onnx --all",
    )
    register.add_argument("model", type=Path, metavar="MODEL.onnx", help="the model")
    register.add_argument("--recipe", type=Path, metavar="FILE", help="its recipe (default: the one beside the model)")
    where = register.add_mutually_exclusive_group()
    where.add_argument("--all", action="store_true", help="also make its golden record and its latency baseline")
    where.add_argument("--into", type=Path, metavar="DIR", help="registry to write to (default: model/)")
    add_feed_options(register)
    unregister = add_command(
        commands,
        "unregister",
        _unregister,
        description=_UNREGISTER,
        examples="tinyvmaf unregister tinyvmaf_nano",
    )
    unregister.add_argument("model", metavar="ID", help="id of the registered model")
    unregister.add_argument(
        "--from", type=Path, dest="folder", metavar="DIR", help="registry to take it out of (default: model/)"
    )


def _export(arguments: argparse.Namespace) -> int:
    from tinyvmaf.judge import kinds  # imported here: slow
    from tinyvmaf.train.export_teacher import export_teacher

    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    if arguments.teacher_json is not None:
        teacher = load_json(arguments.teacher_json)
    else:
        teacher = load_named(ffmpeg, arguments.teacher)
    new = export_teacher(teacher, kinds.find("teacher"), arguments.out)
    _print(new)
    _print_missing(new, arguments.out)
    return 0


def _models(arguments: argparse.Namespace) -> int:
    from tinyvmaf.judge.opened import read_whole

    named = [read_whole(name, feed_of(arguments)) for name in dict.fromkeys(arguments.models)]
    rows = []
    for subject in named or registry.subjects():
        sidecar = subject.sidecar
        rows.append([subject.id, sidecar.kind, sidecar.tier, sidecar.bytes, sidecar.teacher.id, sidecar.exact.word])
    print_listing(["model", "kind", "tier", "bytes", "teacher", "exact"], rows, as_json=arguments.json)
    return 0


def _register(arguments: argparse.Namespace) -> int:
    from tinyvmaf.judge import registering  # imported here: slow
    from tinyvmaf.judge.opened import found

    with found(_file(arguments.model), feed_of(arguments)) as subject:
        new, done = registering.register_candidate(subject, arguments.into, arguments.recipe, complete=arguments.all)
        _print(new, subject)
    for sentence in done:
        say(sentence)
    _print_missing(new, arguments.into)
    return 0


def _adopt(arguments: argparse.Namespace) -> int:
    from tinyvmaf.judge import registering  # imported here: slow
    from tinyvmaf.judge.opened import found

    with found(_file(arguments.model), feed_of(arguments), arguments.ffmpeg) as subject:
        new = registering.adopt_into(subject, arguments.out)
        _print(new, subject)
    say(f"next: {shlex.join(['tinyvmaf', 'register', str(new.file), '--all'])}")
    return 0


def _unregister(arguments: argparse.Namespace) -> int:
    from tinyvmaf.judge.registering import unregister  # imported here: slow

    gone, left = unregister(arguments.model, arguments.folder)
    say(f"{arguments.model} is no longer registered")
    for path in gone:
        say(f"  removed: {path}")
    for sentence in left:
        say(f"  left: {sentence}")
    return 0


def _file(path: Path) -> str:
    """A path, which `tinyvmaf.judge.opened` does not take for an id."""
    if not path.exists():
        raise RegistryError(f"{path}: no such file", hint=None if path.suffix else "name an ONNX file, not an id")
    return str(path.absolute()) if path.suffix != ".onnx" else str(path)


def _print(new: Subject, adopted: Subject | None = None) -> None:
    say(f"{new.file}  {new.file.stat().st_size} bytes  sha256 {new.sha256}")
    for sentence in adopted.adopted.sentences if adopted is not None and adopted.adopted else ():
        say(f"  {sentence}")


def _print_missing(new: Subject, folder: Path | None) -> None:
    from tinyvmaf.judge.registering import missing

    lacks = list(missing(new)) if folder is None else []
    for what, command in lacks:
        say(f"missing: {what}")
        say(f"  {command}")
    say("next: look at the change, commit it; tinyvmaf gate" if not lacks else "the gates ask for what is missing")


def _verify(arguments: argparse.Namespace) -> int:
    from tinyvmaf.judge.opened import faults, found

    verified = []
    for name in arguments.models or [one.id for one in registry.subjects()]:
        with found(name, feed_of(arguments)) as subject:
            listed = faults(subject)
            good = "as registered" if subject.registered else "keeps the contract"
            verified.append({"model": subject.id, "registered": subject.registered, "faults": [*map(str, listed)]})
            if not arguments.json:
                say(f"{subject.id}: {'' if listed else good}".rstrip())
                for fault in listed:
                    say_lines(f"  {fault}")
    if arguments.json:
        print(json.dumps(verified, indent=2))
    return int(any(one["faults"] for one in verified))
