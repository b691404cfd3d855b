"""`tinyvmaf golden`: files and rows of the golden gate."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tinyvmaf import scratch
from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option, add_group
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.data.golden import GoldenFiles, freeze, load_files
from tinyvmaf.data.golden.fetch import DEFAULT_SOURCE, fetch
from tinyvmaf.data.golden.files import natural_root, write_pattern
from tinyvmaf.data.golden.rows import own_rows_path, rows_path
from tinyvmaf.errors import GoldenError
from tinyvmaf.project import project
from tinyvmaf.terminal import say, say_lines
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.teacher import load_teacher, own_teacher_ids

_FETCH = f"""\
Download (or copy) Netflix's natural golden files. Size and git blob id of each are checked on the way; a file with
other content is not kept. An interrupted download continues where it stopped.

Then tell the golden gate where they are: export TINYVMAF_GOLDEN_ROOT=DIR

default source: {DEFAULT_SOURCE}"""
_PATTERNS = "Write Netflix's synthetic golden clips, rebuilt bit for bit, as raw 1920x1080 yuv420p files (47 MB)."
_FREEZE = """\
Extract the feature rows of every golden pair whose files are here, and write them to fixtures/golden/rows.json.
With --teacher, those of a teacher of your own, beside its JSON: a model of it is then judged on them.

Refused if this libvmaf does not reproduce the published values. Every model's golden record is computed from these
rows: look at the diff before you commit it."""


def add_commands(commands: Commands) -> None:
    """Add `golden` with `fetch`, `patterns` and `freeze`."""
    inner = add_group(commands, "golden", description="Get or write the files of the golden gate.")
    fetcher = add_command(
        inner,
        "fetch",
        _run_fetch,
        summary="download the natural golden files",
        description=_FETCH,
        examples="tinyvmaf golden fetch --to golden",
    )
    fetcher.add_argument(
        "--from", dest="source", metavar="URL|DIR", default=DEFAULT_SOURCE, help="where to get them from"
    )
    fetcher.add_argument("--to", type=Path, metavar="DIR", required=True, help="folder to put them in")
    fetcher.add_argument("names", nargs="*", metavar="NAME", help="files to get (default: all)")
    patterns = add_command(
        inner,
        "patterns",
        _run_patterns,
        summary="write the synthetic golden clips",
        description=_PATTERNS,
        examples="tinyvmaf golden patterns --to golden",
    )
    patterns.add_argument("--to", type=Path, metavar="DIR", required=True, help="folder to put them in")
    freezer = add_command(
        inner,
        "freeze",
        _run_freeze,
        summary="write the frozen feature rows",
        description=_FREEZE,
        examples="tinyvmaf golden freeze",
    )
    freezer.add_argument(
        "--teacher",
        metavar="ID",
        help="the rows of this teacher of the project's own (default: every published one)",
    )
    add_ffmpeg_option(freezer)


def _run_fetch(arguments: argparse.Namespace) -> int:
    natural = {name: file for name, file in load_files().items() if file.kind == "natural"}
    if unknown := set(arguments.names) - set(natural):
        say(
            f"tinyvmaf golden fetch: unknown file {', '.join(sorted(unknown))}; known: {', '.join(natural)}",
            file=sys.stderr,
        )
        return 2
    faults = []
    for name in arguments.names or natural:
        file = natural[name]
        with progress_bar(name, "bytes") as report:
            try:
                new = fetch(file, arguments.source, arguments.to, on_bytes=partial(_report, report, file.bytes))
            except GoldenError as error:
                faults.append(error)
                say(f"{name}: failed", flush=True)
                continue
        say(f"{name}: {'fetched and verified' if new else 'already there, verified'}", flush=True)
    for fault in faults:
        say_lines(f"tinyvmaf: {fault}", file=sys.stderr)
    return int(bool(faults))


def _report(report: Callable[[int, int], None], total: int, done: int) -> None:
    report(done, total)


def _run_patterns(arguments: argparse.Namespace) -> int:
    for file in load_files().values():
        if file.kind == "pattern":
            say(write_pattern(file, arguments.to))
    return 0


def _run_freeze(arguments: argparse.Namespace) -> int:
    ffmpeg, own = find_ffmpeg(arguments.ffmpeg), None
    if arguments.teacher is not None:
        if arguments.teacher not in own_teacher_ids():
            raise GoldenError(
                f"{project().teachers} has no {arguments.teacher}.json",
                hint="put the JSON of your teacher there; the rows of published ones need no --teacher",
            )
        own = load_teacher(ffmpeg, arguments.teacher)
    with scratch.folder() as folder:
        written, left_out = freeze(GoldenFiles(Path(folder), natural_root()), ffmpeg, own=own)
    say(f"{rows_path() if own is None else own_rows_path(own.id)}: {', '.join(written)}")
    if left_out:
        say(f"left out, files missing: {', '.join(left_out)}")
    return 0
