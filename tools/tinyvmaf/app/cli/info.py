"""`tinyvmaf info`: the FFmpeg, libvmaf and teachers in use."""

import argparse

from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option, print_table
from tinyvmaf.errors import TeacherError
from tinyvmaf.files import home
from tinyvmaf.terminal import say
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.libvmaf import motion_epoch
from tinyvmaf.vmaf.teacher import KNOWN, load_built_in

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
    add_ffmpeg_option(command)


def _run(arguments: argparse.Namespace) -> int:
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    epoch, version = motion_epoch(ffmpeg)
    say(ffmpeg)
    say(f"libvmaf {version}, motion epoch {epoch}")
    say(f"models and fixtures: {home()}")
    say()
    rows = []
    for name, digest in KNOWN.items():
        try:
            teacher = load_built_in(ffmpeg, name)
            rows.append([name, digest[:12], str(len(teacher.svr.coefficients)), " ".join(teacher.feature_names)])
        except TeacherError:
            rows.append([name, digest[:12], "", "not in this libvmaf"])
    print_table(["teacher", "sha256", "SVs", "features"], rows)
    return 0
