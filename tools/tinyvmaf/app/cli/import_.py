"""`tinyvmaf import`: logs of libvmaf, and opinions, become a set that other commands take."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option, positive_int, print_table
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import file_sha256
from tinyvmaf.terminal import say, say_lines

_IMPORT = """\
Read logs of libvmaf that someone else wrote, and write their frames into one Parquet file, which train, gate and
corpus check take as --features or by name. No video is needed.

LOG is a file, a folder (with all below it), or a zip or tar archive: JSON, XML and CSV of any libvmaf, of Netflix's
Python runner and of ffmpeg-quality-metrics, each perhaps compressed (gz, bz2, xz, zst). --mos FILE gives what viewers
thought: a CSV file with a column for the clip (clip, video_name, ...), mos, and where known ci, or std and n, and test.

The teacher of each score is found: the one that gives the scores again from the features, within what the log's
decimals allow. Clips, sources and tests come from the names, by a table of the layouts of public sets. A set of your
own is one entry in a file for --layouts:

    [[layout]]
    name = "mine"
    path = 'test_(?P<test>\\d+)/(?P<clip>[^/]+)\\.json'
    clip = '(?P<source>.+)_q\\d+'

A log that is damaged, or cut off, is named and left out, and the others are imported. Logs that were read are kept in
the store, so a stopped import continues."""
_EXAMPLES = """\
tinyvmaf import AVT-VQDB-UHD-1/test_1 --mos AVT-VQDB-UHD-1/test_1/mos_ci.csv --out uhd1.parquet
tinyvmaf import logs.zip --layouts mine.toml --layout mine --out mine.parquet
tinyvmaf import vmaf.json --out one.parquet"""
_STATUS = "0 all logs are in the file, 1 a log was left out or nothing was written (stderr says why), 2 wrong use"


def add_commands(commands: Commands) -> None:
    """Add `import`."""
    command = add_command(
        commands,
        "import",
        _import,
        description=_IMPORT,
        examples=_EXAMPLES,
        exit_status=_STATUS,
    )
    command.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="file, folder or archive of logs")
    command.add_argument("--out", type=Path, required=True, metavar="F.parquet", help="file to write")
    command.add_argument(
        "--mos",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="opinions of the clips, a CSV file; repeatable",
    )
    command.add_argument(
        "--scale", type=_ends, metavar="W,B", help="opinions that stand for the worst and the best quality, such as 1,5"
    )
    command.add_argument("--name", metavar="NAME", help="the set's name (default: that of --out)")
    command.add_argument("--layout", metavar="NAME", help="how the set names its clips (default: the first that fits)")
    command.add_argument("--layouts", type=Path, metavar="F.toml", help="layouts of your own, tried first")
    command.add_argument("--partial", action="store_true", help="keep the frames of logs that are cut off")
    command.add_argument("--jobs", type=positive_int, metavar="N", help="processes (default: one per core)")
    command.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_ffmpeg_option(command)


def _import(arguments: argparse.Namespace) -> int:
    from tinyvmaf.data import imported  # imported here: slow
    from tinyvmaf.data.store import Store, default_folder
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
    from tinyvmaf.vmaf.teacher import load_built_in

    if arguments.out.suffix != ".parquet":
        raise TinyvmafError(f"{arguments.out}: the file to write must end with .parquet")
    layouts = imported.pick(imported.read_layouts(arguments.layouts), arguments.layout)
    tables = [imported.read_clip_table(path) for path in arguments.mos]
    listed = imported.ClipTable(
        tuple(row for table in tables for row in table.rows), next((t.mos_column for t in tables if t.mos_column), None)
    )
    without = [str(path) for path, table in zip(arguments.mos, tables, strict=True) if table.mos_column is None]
    if without:
        raise TinyvmafError(f"{', '.join(without)}: no column of opinions", hint="name it mos")
    for path, table in zip(arguments.mos, tables, strict=True):
        if all(row.mos is None for row in table.rows):
            raise TinyvmafError(f"{path}: no opinions")
    opinions = [path.resolve() for path in arguments.mos]
    logs = [log for log in imported.find_logs(arguments.logs) if log.path.resolve() not in opinions]
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    with progress_bar("import", "logs") as report:
        made = imported.import_logs(
            logs,
            arguments.name or arguments.out.stem,
            store=Store(default_folder()),
            layouts=layouts,
            teacher_of=lambda teacher_id: load_built_in(ffmpeg, teacher_id),
            listed=listed,
            files=[{"name": path.name, "sha256": file_sha256(path)} for path in arguments.mos],
            scale=arguments.scale,
            partial=arguments.partial,
            command=_command(arguments),
            jobs=arguments.jobs,
            progress=report,
        )
    try:
        imported.write_imported(arguments.out, made.found.data.table, made.found.data.provenance)
    except OSError as error:
        raise TinyvmafError(f"{arguments.out}: {error.strerror}") from error
    if arguments.json:
        print(json.dumps(_as_dict(made, arguments.out), indent=2))
    else:
        _print(made, arguments.out)
    for left in made.damaged:
        say_lines(f"left out: {left.name} {left.why}", file=sys.stderr)
    return int(bool(made.damaged))


def _command(arguments: argparse.Namespace) -> list[str]:
    """The command without its output, so that the same logs give the same bytes."""
    command = ["tinyvmaf", "import", *map(str, arguments.logs)]
    for path in arguments.mos:
        command += ["--mos", str(path)]
    if arguments.scale:
        command += ["--scale", ",".join(f"{end:g}" for end in arguments.scale)]
    for option in ("layout", "layouts"):
        if (value := getattr(arguments, option)) is not None:
            command += [f"--{option}", str(value)]
    return command + ["--partial"] * arguments.partial


def _print(made: Any, out: Path) -> None:
    print_set(made.found, str(out))
    left_out = {f"{left.name} {left.why}" for left in made.damaged}
    for note in made.found.notes:
        if note not in left_out:
            say(f"note  {note}")
    if made.ignored:
        say(f"note  {len(made.ignored)} files are no logs, such as {made.ignored[0]}")
    if made.remembered:
        say(f"note  {made.remembered} logs had been read before")


def print_set(found: Any, where: str) -> None:
    """Print what a set has: counts, scores with their teachers."""
    table = found.data.table
    clips, sources = (len(table[name].unique()) for name in ("clip", "source"))
    say(f"{where}: {table.num_rows} frames of {clips} clips of {sources} sources")
    if found.opinions:
        worst, best = found.scale
        say(f"{len(found.opinions)} opinions, from {worst:g} (worst) to {best:g} (best)")
    rows = []
    for score in found.scores:
        share = "" if score.share is None else f"{score.share:.2f}"
        apart = "" if score.worst is None else f"{score.worst:.2g}"
        teacher = score.teacher or (f"unknown, nearest {score.nearest}" if score.nearest else "unknown")
        digits = found.decimals[score.column]
        rows.append([score.published, teacher, score.how, "" if digits is None else str(digits), apart, share])
    if rows:
        say()
        print_table(["score", "teacher", "how", "decimals", "largest difference", "of allowed"], rows)
        say()


def _as_dict(made: Any, out: Path) -> dict[str, Any]:
    table = made.found.data.table
    return {
        "out": str(out),
        "set": made.found.name,
        "frames": table.num_rows,
        "clips": len(table["clip"].unique()),
        "sources": sorted(table["source"].unique().to_pylist()),
        "opinions": len(made.found.opinions),
        "scale": made.found.scale,
        "scores": [asdict(score) for score in made.found.scores],
        "decimals": dict(made.found.decimals),
        "notes": list(made.found.notes),
        "left_out": [asdict(left) for left in made.damaged],
        "ignored": list(made.ignored),
        "remembered": made.remembered,
    }


def _ends(text: str) -> tuple[float, float]:
    """argparse type: two different finite numbers, with a comma between them."""
    worst, best = map(float, text.split(","))
    if not (abs(worst) < float("inf") and abs(best) < float("inf") and worst != best):
        raise argparse.ArgumentTypeError(f"{text} is not two different numbers")
    return worst, best
