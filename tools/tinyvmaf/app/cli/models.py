"""`tinyvmaf export-teacher`, `models`, `register` and `verify`: the registry of models."""

import argparse
from pathlib import Path

from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option, print_table
from tinyvmaf.errors import TeacherError
from tinyvmaf.model import registry
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, load_built_in, load_json

_EXPORT = f"""\
Write a teacher's SVR as an ONNX model with sidecar and card, and register it as <teacher>_svr.

Opset 17, input `features` float32 [N, F], output `score` float32 [N, 1], float64 inside. The same teacher gives the
same bytes.

teachers: {", ".join(KNOWN)}"""
_REGISTER = """\
Add a candidate to the registry: MODEL.onnx, with its sidecar MODEL.json and its card MODEL.md beside it, as tinyvmaf
train writes them. From then on every gate judges it.

The model must keep the model contract and match its sidecar; otherwise nothing is written."""
_NEXT = """\
a new model needs a golden record and a baseline:
  tox -e golden -- --record
  tinyvmaf bench baseline --accept {id} --reason 'first version'"""


def add_commands(commands: Commands) -> None:
    """Add `export-teacher`, `models`, `register` and `verify`."""
    export = add_command(
        commands,
        "export-teacher",
        _export,
        summary="write a teacher's SVR as ONNX",
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
    add_command(
        commands,
        "models",
        _models,
        summary="list the registered models",
        description="List the registered models.",
        examples="tinyvmaf models",
    )
    verify = add_command(
        commands,
        "verify",
        _verify,
        summary="check registered models against their hashes",
        description="Check that model files and sidecars have the registered hashes and match each other.",
        examples="tinyvmaf verify\ntinyvmaf verify tinyvmaf_nano",
        exit_status="0 all as registered, 1 a model has faults or is unknown, 2 wrong use",
    )
    verify.add_argument("model", nargs="?", metavar="ID", help="model to check (default: all)")
    register = add_command(
        commands,
        "register",
        _register,
        summary="add a candidate to the registry",
        description=_REGISTER,
        examples="tinyvmaf register candidates/tinyvmaf_nano.onnx",
    )
    register.add_argument("model", type=Path, metavar="MODEL.onnx", help="the candidate")
    register.add_argument("--into", type=Path, metavar="DIR", help="registry to write to (default: model/)")


def _export(arguments: argparse.Namespace) -> int:
    from tinyvmaf.judge import kinds  # imported here: slow
    from tinyvmaf.train.export_teacher import export_teacher

    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    if arguments.teacher_json is not None:
        teacher = load_json(arguments.teacher_json)
    else:
        if arguments.teacher not in KNOWN:
            raise TeacherError(f"unknown teacher {arguments.teacher!r}", hint=f"known: {', '.join(KNOWN)}")
        teacher = load_built_in(ffmpeg, arguments.teacher)
    new = export_teacher(teacher, kinds.find("teacher"), arguments.out)
    print(f"{new.file}  {new.file.stat().st_size} bytes  sha256 {new.sha256}")
    print(_NEXT.format(id=new.id))
    return 0


def _models(arguments: argparse.Namespace) -> int:
    del arguments
    rows = []
    for subject in registry.subjects():
        sidecar = subject.sidecar
        words = [sidecar.kind, sidecar.tier, str(sidecar.bytes), sidecar.teacher.id, sidecar.exact.word]
        rows.append([subject.id, *words])
    print_table(["model", "kind", "tier", "bytes", "teacher", "exact"], rows)
    return 0


def _register(arguments: argparse.Namespace) -> int:
    from tinyvmaf.model.registration import register_candidate  # imported here: slow

    new = register_candidate(arguments.model, arguments.into)
    print(f"{new.file}  {new.file.stat().st_size} bytes  sha256 {new.sha256}")
    print(_NEXT.format(id=new.id))
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    chosen = [registry.find(arguments.model)] if arguments.model else registry.subjects()
    found = {subject.id: registry.faults(subject) for subject in chosen}
    for model_id, faults in found.items():
        print(f"{model_id}: {'as registered' if not faults else ''}".rstrip())
        for fault in faults:
            print(f"  {fault}")
    return int(any(found.values()))
