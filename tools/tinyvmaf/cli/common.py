"""What several commands share: options, progress and error style."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Commands = Any
"""argparse's subparsers action, whose type it does not export."""


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], *, summary: str, description: str
) -> argparse.ArgumentParser:
    """Add a command whose `run` takes the parsed arguments and returns the exit status."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.set_defaults(run=run)
    return command


def add_ffmpeg_option(command: argparse.ArgumentParser) -> None:
    """--ffmpeg."""
    command.add_argument(
        "--ffmpeg",
        metavar="PATH",
        help="FFmpeg with the libvmaf filter; else $TINYVMAF_FFMPEG, else the one of imageio-ffmpeg, else PATH's",
    )


@contextmanager
def progress_bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if that is a terminal; gives a function that takes what is done and the total."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a plain table: columns of numbers to the right, columns of words to the left."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    words = [any(not _is_number(row[i]) for row in rows) for i in range(len(header))]
    for line in lines:
        cells = [f"{c:<{w}}" if left else f"{c:>{w}}" for c, w, left in zip(line, widths, words, strict=True)]
        print("  ".join(cells).rstrip())


def _is_number(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True
