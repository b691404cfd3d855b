"""`tinyvmaf scoreboard`: the figures of many candidates side by side."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option, print_table
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.terminal import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinyvmaf.judge.scoreboard import Line

_DESCRIPTION: Final = """\
Measure every ONNX file of a folder and print one line for each. Nothing is judged: that is tinyvmaf gate.

bytes                of the file with its external data
RMSE, worst frame    in VMAF points from the teacher, on the embedded corpus
worst in the domain  the largest difference that a search of the teacher's domain finds
ULP, engines         the largest distance between engines here that run it, and how many do
batch                by how much the score of a row changes with its batch, in points
/ Identity           time of a call with one row, in times of an Identity model's
ns a row             at 4,096 rows

Each file is measured in a process of its own: one that crashes an engine, or hangs, gets a note, and the others go on.
How a model is fed is said by its sidecar: docs/candidates.md."""


def add_commands(commands: Commands) -> None:
    """Add `scoreboard`."""
    command = add_command(
        commands,
        "scoreboard",
        _scoreboard,
        description=_DESCRIPTION,
        examples="tinyvmaf scoreboard candidates\ntinyvmaf scoreboard candidates --out scoreboard.md",
        exit_status="0 every file was measured, 1 some file was not, or not all of it, 2 wrong use",
    )
    command.add_argument("folder", type=Path, metavar="DIR", help="folder of ONNX files with their sidecars")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--out", type=Path, metavar="FILE.md", help="also write the table as Markdown")
    add_ffmpeg_option(command)


def _scoreboard(arguments: argparse.Namespace) -> int:
    from tinyvmaf.files import write_atomic
    from tinyvmaf.judge.scoreboard import FIGURES, STEPS, candidates_in, measured_apart

    files = candidates_in(arguments.folder)
    found: list[Line] = []
    with progress_bar("scoreboard", "steps") as report:
        for number, path in enumerate(files):
            steps = list(STEPS)

            def begun(step: str, number: int = number, steps: list[str] = steps) -> None:
                report(number * len(STEPS) + steps.index(step), len(files) * len(STEPS))

            found.append(measured_apart(path, arguments.ffmpeg, begun))
    found.sort(key=lambda line: line.figures.get("rmse", float("inf")))
    headings = ["model", *(heading for heading, _ in FIGURES.values())]
    if arguments.json:
        print(json.dumps([line.as_dict() for line in found], indent=2))
    else:
        print_table(headings, [line.cells() for line in found])
        for line in found:
            for note in line.notes:
                say(f"{line.name}: {note}")
    if arguments.out:
        write_atomic(arguments.out, _markdown(headings, found).encode())
    return int(any(len(line.figures) < len(FIGURES) for line in found))


def _markdown(headings: "Sequence[str]", found: "Sequence[Line]") -> str:
    rows = [headings, ["---"] * len(headings), *(line.cells() for line in found)]
    table = "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)
    notes = "".join(f"- `{line.name}`: {note}\n" for line in found for note in line.notes)
    return table + ("\n" + notes if notes else "")
