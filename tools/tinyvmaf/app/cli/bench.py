"""`tinyvmaf bench`: how fast a model is, the baseline, and the history."""

import argparse
from pathlib import Path
from typing import Final

from tinyvmaf.app.cli import history
from tinyvmaf.app.cli.common import Commands, add_command, add_ffmpeg_option, print_table, progress_bar
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256

_BENCH: Final = """\
How fast a model is. Times are taken side by side in one process, in turns, and compared as ratios: to an Identity model
(the cost of a session call), to the teacher's SVR as ONNX, and to the baseline, the model of the same id that a new one
may not be slower than. The gate that judges them is a suite: tox -e latency."""
_RUN: Final = """\
Time a model as the gate does, and print a table; nothing is judged. A ratio is the median over 21 passes, with a 99 %
interval; a time is that of a row. Let the machine do nothing else."""
_BASELINE: Final = """\
List the baseline: for each model the file that a new one of the same id may not be slower than, and why it was
accepted. --accept makes registered models, as they are now, the baseline; commit what it writes in model/baseline."""


def add_commands(commands: Commands) -> None:
    """Add `bench` with `run`, `baseline`, `history` and `plot`."""
    summary = "how fast a model is, its baseline and its history"
    group: argparse.ArgumentParser = commands.add_parser(
        "bench",
        help=summary,
        description=_BENCH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    inner = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    run = add_command(inner, "run", _run, summary="time a model and print a table", description=_RUN)
    run.add_argument("model", metavar="MODEL", help="a registered id, or an ONNX file with its sidecar beside it")
    run.add_argument("--baseline", type=Path, metavar="PATH", help="compare with this file, not the stored one")
    add_ffmpeg_option(run)
    baseline = add_command(
        inner, "baseline", _baseline, summary="list the baseline, or move it on purpose", description=_BASELINE
    )
    baseline.add_argument("--accept", action="append", metavar="ID", help="a registered model; again for more, or all")
    baseline.add_argument("--reason", default="", metavar="TEXT", help="why; goes into the list")
    history.add_commands(inner)


def _run(arguments: argparse.Namespace) -> int:
    # ONNX and its runtime take longer to import than everything else here.
    from tinyvmaf.judge.opponents import opponents_of
    from tinyvmaf.measure import latency
    from tinyvmaf.model import registry
    from tinyvmaf.model.subject import Subject
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

    path = Path(arguments.model)
    if path.suffix != ".onnx":
        path = registry.find(arguments.model).onnx
    subject = Subject.at(path)
    against = opponents_of(subject, find_ffmpeg(arguments.ffmpeg), arguments.baseline)
    counted = latency.cost(subject.data)
    found = latency.footprint(path, len(against.teacher.features))
    table = []
    with progress_bar(subject.id, "batch sizes") as report:
        for done, batch in enumerate(latency.BATCHES):
            race = latency.race_of(subject.data, against, batch)
            race.run(latency.PASSES)
            report(done + 1, len(latency.BATCHES))
            others = (latency.FLOOR, latency.TEACHER, latency.BASELINE)
            ratios = [str(race.ratio(latency.MODEL, to)) if to in race.times else "no baseline" for to in others]
            table.append([str(batch), f"{race.median(latency.MODEL):.1f}", *ratios])
    memory = "" if found.peak_kib is None else f", {found.peak_kib:,} KiB at most"
    print(f"{subject.id}  sha256 {sha256(subject.data)}")
    print(f"{counted.bytes:,} bytes, {counted.nodes} nodes run, {counted.multiply_adds:,} multiply-adds a row")
    print(f"a session in {found.creation_ms:.2f} ms, {found.creation_floor:.1f} times Identity's{memory}")
    print(f"{latency.SETTINGS}\n")
    print_table(["batch", "ns/row", "/ Identity", "/ teacher", "/ baseline"], table)
    return 0


def _baseline(arguments: argparse.Namespace) -> int:
    from tinyvmaf.measure import latency
    from tinyvmaf.model import registry

    registered = {entry.id: entry.sha256 for entry in registry.entries()}
    if arguments.accept:
        ids = list(registered) if "all" in arguments.accept else list(dict.fromkeys(arguments.accept))
        for one in latency.accept(ids, arguments.reason):
            print(f"{one.id}: sha256 {one.sha256} is the baseline")
        return 0
    if arguments.reason:
        raise TinyvmafError("--reason goes with --accept")
    known = latency.baselines()
    rows = [
        [
            name,
            known[name].accepted if name in known else "",
            "no baseline" if name not in known else "the same" if known[name].sha256 == digest else "another file",
            known[name].reason if name in known else f"tinyvmaf bench baseline --accept {name} --reason '...'",
        ]
        for name, digest in registered.items()
    ]
    print_table(["model", "accepted", "registered", "reason"], rows)
    return 0
