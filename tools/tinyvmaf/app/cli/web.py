"""`tinyvmaf web`: a page that scores feature rows in a browser."""

import argparse
from pathlib import Path
from typing import Final

from tinyvmaf.app.cli.common import Commands, add_command, add_feed_options, add_ffmpeg_option, feed_of
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_named
from tinyvmaf.terminal import say
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

_DESCRIPTION: Final = """\
Write a page that scores feature rows in a browser: one file, without network, which can be opened from disk or put on
any server. It takes CSV, and libvmaf's logs in JSON, CSV and XML.

Each student is a WebAssembly module of a few kilobytes, written from its ONNX file. Only students that are proven exact
can be in it: they give the bits of ONNX Runtime (see: tinyvmaf certify)."""


def add_commands(commands: Commands) -> None:
    """Add `web`."""
    command = add_command(
        commands,
        "web",
        _run,
        description=_DESCRIPTION,
        examples="tinyvmaf web --out scores.html\ntinyvmaf web --model mine.onnx --model tinyvmaf_nano --out mine.html",
    )
    command.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="ID|PATH",
        help="student of the page: id of a registered model, or .onnx file; repeatable (default: every registered one "
        "that can be in it, the smallest first)",
    )
    command.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="file to write")
    add_feed_options(command)
    add_ffmpeg_option(command)


def _run(arguments: argparse.Namespace) -> int:
    # Imported here: slow.
    from tinyvmaf.judge.opened import path_of, read_whole
    from tinyvmaf.measure.browser_page import browser_page, can_be_shown
    from tinyvmaf.measure.scoring import own_teacher, with_their_teachers
    from tinyvmaf.model import registry

    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    names = [*dict.fromkeys(arguments.model)]
    if names:
        feed = feed_of(arguments)
        models = [read_whole(name, feed if path_of(name) else None, arguments.ffmpeg) for name in names]
    else:
        models = [one for one in registry.subjects() if can_be_shown(one)]
        models.sort(key=lambda one: len(one.data))
    if not models:
        raise TinyvmafError(
            "no registered model is proven exact", hint="name a student of yours with --model FILE.onnx"
        )
    teachers = with_their_teachers(models, [], ffmpeg, hint="put its model file into model/teachers of the project")
    page = browser_page([(one, teacher) for one in models if (teacher := own_teacher(one, teachers)) is not None])
    write_named(arguments.out, page, "--out")
    say(f"{arguments.out}: {', '.join(one.id for one in models)}; {len(page.encode()):,} bytes")
    return 0
