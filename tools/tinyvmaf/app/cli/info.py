"""`tinyvmaf info`: the FFmpeg, libvmaf and teachers in use."""

import argparse
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tinyvmaf import __version__
from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option, print_table
from tinyvmaf.errors import TeacherError
from tinyvmaf.files import home
from tinyvmaf.terminal import say
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.libvmaf import motion_epoch
from tinyvmaf.vmaf.teacher import KNOWN, Teacher, load_built_in

_DESCRIPTION = """\
Show which FFmpeg and libvmaf are in use, and which published teachers this libvmaf contains.

The motion epoch says which motion feature it computes: before spring 2026, or with the mirror fix. Golden values depend
on it."""


def add_commands(commands: Commands) -> None:
    """Add `info`."""
    command = add_command(
        commands,
        "info",
        _run,
        description=_DESCRIPTION,
        examples="tinyvmaf info",
    )
    command.add_argument("--json", action="store_true", help="print a JSON object")
    add_ffmpeg_option(command)


def _run(arguments: argparse.Namespace) -> int:
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    teachers: dict[str, Teacher] = {}
    for name in KNOWN:
        with suppress(TeacherError):
            teachers[name] = load_built_in(ffmpeg, name)
    if arguments.json:
        print(json.dumps(_as_dict(ffmpeg, teachers), indent=2))
        return 0
    epoch, version = motion_epoch(ffmpeg)
    say(ffmpeg)
    say(f"libvmaf {version}, motion epoch {epoch}")
    say(f"models and fixtures: {home()}")
    say()
    rows = []
    for name, digest in KNOWN.items():
        if teacher := teachers.get(name):
            rows.append([name, digest[:12], str(len(teacher.svr.coefficients)), " ".join(teacher.feature_names)])
        else:
            rows.append([name, digest[:12], "", "not in this libvmaf"])
    print_table(["teacher", "sha256", "SVs", "features"], rows)
    return 0


def _as_dict(ffmpeg: FFmpeg, teachers: Mapping[str, Teacher]) -> dict[str, Any]:
    epoch, version = motion_epoch(ffmpeg)
    return {
        "tinyvmaf": __version__,
        "ffmpeg": {"path": str(ffmpeg.path), "version": ffmpeg.version},
        "libvmaf": version,
        "motion_epoch": epoch,
        "home": str(home()),
        "teachers": [
            {
                "id": name,
                "sha256": digest,
                "in_this_libvmaf": name in teachers,
                "support_vectors": len(teacher.svr.coefficients) if (teacher := teachers.get(name)) else None,
                "features": list(teacher.feature_names) if teacher else None,
            }
            for name, digest in KNOWN.items()
        ],
    }
