"""Shared by the commands: how they are declared, options, progress bars, tables."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyvmaf.app.cli.tasks import COMMANDS
from tinyvmaf.judge.options import declare_for_feed
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.terminal import say, shown

if TYPE_CHECKING:
    from rich.progress import Progress

Commands = Any
"""argparse's subparsers action, whose type it does not export."""


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    summary: str = "",
    description: str,
    examples: str,
    exit_status: str = "",
) -> argparse.ArgumentParser:
    """Add a command whose `run` takes the parsed arguments and returns the exit status.

    Args:
        summary: one line for the help of its group; for a command without a group it is in `tasks`.
        examples: command lines that work as they are, one a line; they are shown below the options.
        exit_status: what each status means, if there are others than 0 done, 1 could not be done, 2 wrong use.
    """
    lines = examples.strip().splitlines()
    epilog = "\n".join([f"example{'s' if len(lines) > 1 else ''}:", *(f"  {line}" for line in lines)])
    command = _add(commands, name, summary, description)
    command.epilog = f"{epilog}\n\nexit status: {exit_status}" if exit_status else epilog
    command.set_defaults(run=run)
    return command


def add_group(commands: Commands, name: str, *, description: str) -> Commands:
    """Add a command that only has commands of its own; gives what those are added to."""
    group = _add(commands, name, "", description)
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _add(commands: Commands, name: str, summary: str, description: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary or (COMMANDS[name].summary if name in COMMANDS else None),
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    return command


def add_ffmpeg_option(command: argparse.ArgumentParser) -> None:
    """Add --ffmpeg."""
    command.add_argument(
        "--ffmpeg",
        metavar="PATH",
        help="FFmpeg with the libvmaf filter (default: $TINYVMAF_FFMPEG, else imageio-ffmpeg's, else the one on $PATH)",
    )


def add_feed_options(command: argparse.ArgumentParser) -> None:
    """Add --feature-order, --input-mean, --input-std and --normalisation, which say how a file is fed."""
    declare_for_feed(command.add_argument)


def feed_of(arguments: argparse.Namespace) -> FeedOptions:
    """What they were given."""
    return FeedOptions.of(lambda name: getattr(arguments, name.replace("-", "_")))


def add_corpus_options(command: argparse.ArgumentParser) -> None:
    """Add --data-root and --assume-dims."""
    command.add_argument(
        "--data-root",
        type=Path,
        metavar="DIR",
        help="folder with ref/ and dis/ (default: $TINYVMAF_DATA_ROOT, else $VMAF_DATA_ROOT)",
    )
    command.add_argument(
        "--assume-dims",
        metavar="WxH[:FMT]",
        help="geometry of every raw file, such as 1920x1080 or 640x360:yuv420p10le",
    )


def positive_int(text: str) -> int:
    """argparse type: a whole number above 0."""
    with suppress(ValueError):  # argparse would name this function in its message
        if (value := int(text)) > 0:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")


def positive_float(text: str) -> float:
    """argparse type: a finite number above 0."""
    with suppress(ValueError):
        if 0 < (value := float(text)) < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")


def finite_float(text: str) -> float:
    """argparse type: a finite number."""
    with suppress(ValueError):
        if abs(value := float(text)) < float("inf"):
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number")


@contextmanager
def progress_bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, if that is a terminal; gives a function of (done, total)."""
    from rich.console import Console  # slow to import
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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


class PairsBar:
    """A progress bar on stderr, if that is a terminal, for pairs of which several are measured at a time."""

    def __init__(self, progress: "Progress | None", what: str, total: int) -> None:
        self._progress, self._started = progress, time.perf_counter()
        self._task = None if progress is None else progress.add_task(what, total=total, rate=0.0)

    def report(self, pairs: float, frames: int) -> None:
        """Show how many pairs are done, the running ones in part, and frames."""
        if self._progress is not None and self._task is not None:
            rate = frames / max(time.perf_counter() - self._started, 1e-9)
            self._progress.update(self._task, completed=pairs, rate=rate)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside this block, the bar is away, so that lines can be printed."""
        if self._progress is not None:
            self._progress.stop()
        yield
        if self._progress is not None:
            self._progress.start()


@contextmanager
def pairs_bar(what: str, total: int) -> Iterator[PairsBar]:
    """A `PairsBar` of `total` pairs."""
    if not sys.stderr.isatty():
        yield PairsBar(None, what, total)
        return
    from rich.console import Console  # slow to import
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:.0f} frames/s, left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        yield PairsBar(progress, what, total)


@contextmanager
def clip_bar(what: str) -> Iterator[Callable[[int, int, int], None]]:
    """As `progress_bar`, with a frame rate; gives a function of (clips done, total clips, frames done)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("clips, {task.fields[rate]:.0f} frames/s, left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task, started = progress.add_task(what, total=None, rate=0.0), time.perf_counter()

        def report(done: int, total: int, frames: int) -> None:
            rate = frames / max(time.perf_counter() - started, 1e-9)
            progress.update(task, completed=done, total=total, rate=rate)

        yield report


@contextmanager
def proof_bar(what: str) -> Iterator[Callable[[int, int, int], None]]:
    """As `progress_bar`, with a count; gives a function of (parts done, total parts, boxes looked at)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("parts, {task.fields[boxes]:,} boxes, left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=None, boxes=0)
        yield lambda done, total, boxes: progress.update(task, completed=done, total=total, boxes=boxes)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a plain table: numbers aligned right, words left."""
    rows = [[*map(shown, row)] for row in rows]
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    words = [any(not _is_number(row[i]) for row in rows) for i in range(len(header))]
    for line in lines:
        cells = [f"{c:<{w}}" if left else f"{c:>{w}}" for c, w, left in zip(line, widths, words, strict=True)]
        say("  ".join(cells).rstrip())


def _is_number(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True
