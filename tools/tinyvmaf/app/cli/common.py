"""Shared by the commands: how they are declared, options, tables."""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tinyvmaf.app.cli.tasks import COMMANDS
from tinyvmaf.judge.options import declare_for_feed
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.terminal import say, shown

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
    command.add_argument("-q", "--quiet", action="store_true", help="no progress bar, and nothing on the way")
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


def add_json_option(command: argparse.ArgumentParser) -> None:
    """Add --json to a command that lists something."""
    command.add_argument("--json", action="store_true", help="print JSON instead of a table")


def print_listing(header: Sequence[str], rows: Sequence[Sequence[Any]], *, as_json: bool) -> None:
    """Print a table, or a JSON array with an object a row, whose keys are the words of the header.

    Args:
        rows: texts, numbers, booleans or lists of texts; None, NaN and infinities are empty cells, and null in JSON.
    """
    if as_json:
        names = [name.strip("/ ").lower().replace(" ", "_").replace("/", "_per_") for name in header]
        listed = [dict(zip(names, map(_known, row), strict=True)) for row in rows]
        print(json.dumps(listed, indent=2, allow_nan=False))
    elif rows:
        print_table(header, [[_cell(_known(value)) for value in row] for row in rows])


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else " ".join(value) if isinstance(value, (list, tuple)) else str(value)


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
