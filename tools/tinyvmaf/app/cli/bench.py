"""`tinyvmaf bench`: latency of a model, its baseline and its history."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tinyvmaf.app.cli import history
from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_feed_options,
    add_ffmpeg_option,
    add_group,
    add_json_option,
    feed_of,
    print_listing,
    print_table,
)
from tinyvmaf.app.cli.progress import progress_bar
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import sha256
from tinyvmaf.terminal import say

if TYPE_CHECKING:
    from tinyvmaf.measure.latency import Ratio
    from tinyvmaf.model.subject import Subject

_BENCH: Final = """\
Measure the latency of a model, and manage its baseline and history.

Latency is a ratio of times that are measured interleaved in one process: model / Identity model (the cost of a session
call), model / teacher's SVR as ONNX, and model / baseline (the accepted version of the same model, which a new version
may not be slower than). To judge a model against the bounds, run: tox -e latency"""
_RUN: Final = """\
Time a model as the latency gate does and print a table. Nothing is judged.

Times are in ns a row. A ratio is the median over 21 passes, with a 99 % interval. Run nothing else on the machine."""
_KEYS: Final = ("batch", "ns_per_row", "to_identity", "to_teacher", "to_baseline")
_BASELINE: Final = """\
List the baselines: for each registered model the accepted version, which a new version may not be slower than.

--accept makes the registered version the baseline. Commit the change in model/baseline/."""


def add_commands(commands: Commands) -> None:
    """Add `bench` with `run`, `baseline`, `history` and `plot`."""
    inner = add_group(commands, "bench", description=_BENCH)
    run = add_command(
        inner,
        "run",
        _run,
        summary="time a model and print a table",
        description=_RUN,
        examples="tinyvmaf bench run tinyvmaf_nano\ntinyvmaf bench run their.onnx",
    )
    run.add_argument("model", metavar="MODEL", help="id of a registered model, or an ONNX file")
    add_feed_options(run)
    run.add_argument(
        "--baseline", type=Path, metavar="PATH", help="compare with this ONNX file (default: the stored baseline)"
    )
    run.add_argument("--json", action="store_true", help="print a JSON object")
    add_ffmpeg_option(run)
    baseline = add_command(
        inner,
        "baseline",
        _baseline,
        summary="list the baselines, or accept new ones",
        description=_BASELINE,
        examples="tinyvmaf bench baseline\ntinyvmaf bench baseline --accept tinyvmaf_nano --reason 'fewer nodes'",
    )
    baseline.add_argument(
        "--accept", action="append", metavar="ID", help="id of a registered model, or all; repeatable"
    )
    add_json_option(baseline)
    baseline.add_argument("--reason", default="", metavar="TEXT", help="why it is accepted; needed by --accept")
    history.add_commands(inner)


def _run(arguments: argparse.Namespace) -> int:
    # Imported here: ONNX and its runtime are slow to import.
    from tinyvmaf.judge.opened import opened

    with opened(arguments.model, feed_of(arguments), arguments.ffmpeg) as subject:
        _time(subject, arguments)
    return 0


def _time(subject: "Subject", arguments: argparse.Namespace) -> None:
    from tinyvmaf.judge.opponents import opponents_of
    from tinyvmaf.measure import latency
    from tinyvmaf.vmaf.ffmpeg import find_ffmpeg

    against = opponents_of(subject, find_ffmpeg(arguments.ffmpeg), arguments.baseline)
    counted = latency.cost(subject.data)
    found = latency.footprint(subject.file, len(against.teacher.features))
    table: list[list[Any]] = []
    with progress_bar(subject.id, "batch sizes") as report:
        for done, batch in enumerate(latency.BATCHES):
            race = latency.race_of(subject.data, against, batch)
            race.run(latency.PASSES)
            report(done + 1, len(latency.BATCHES))
            others = (latency.FLOOR, latency.TEACHER, latency.BASELINE)
            ratios = [race.ratio(latency.MODEL, to) if to in race.times else None for to in others]
            table.append([batch, round(race.median(latency.MODEL), 1), *ratios])
    if arguments.json:
        rows = [dict(zip(_KEYS, [*row[:2], *map(_as_dict, row[2:])], strict=True)) for row in table]
        about = {"model": subject.id, "sha256": sha256(subject.data), "bytes": counted.bytes, "nodes": counted.nodes}
        about |= {"multiply_adds": counted.multiply_adds, "session_ms": found.creation_ms}
        print(json.dumps(about | {"peak_kib": found.peak_kib, "batches": rows}, indent=2))
        return
    memory = "" if found.peak_kib is None else f", peak memory {found.peak_kib:,} KiB"
    say(f"{subject.id}  sha256 {sha256(subject.data)}")
    say(f"{counted.bytes:,} bytes, {counted.nodes} nodes run, {counted.multiply_adds:,} multiply-adds a row")
    say(f"a session starts in {found.creation_ms:.2f} ms, {found.creation_floor:.1f} times Identity's{memory}")
    say(f"{latency.SETTINGS}")
    say()
    cells = [[str(batch), str(time), *(str(one or "no baseline") for one in ratios)] for batch, time, *ratios in table]
    print_table(["batch", "ns/row", "/ Identity", "/ teacher", "/ baseline"], cells)


def _as_dict(ratio: "Ratio | None") -> dict[str, float] | None:
    return None if ratio is None else {"ratio": ratio.value, "lowest": ratio.low, "highest": ratio.high}


def _baseline(arguments: argparse.Namespace) -> int:
    from tinyvmaf.measure import latency
    from tinyvmaf.model import registry

    registered = {one.id: one.sha256 for one in registry.subjects()}
    if arguments.accept:
        ids = list(registered) if "all" in arguments.accept else list(dict.fromkeys(arguments.accept))
        for one in latency.accept(ids, arguments.reason):
            say(f"{one.id}: sha256 {one.sha256} is now the baseline")
        return 0
    if arguments.reason:
        raise TinyvmafError("--reason needs --accept ID")
    known = latency.baselines()
    rows = [
        [
            name,
            known[name].accepted if name in known else None,
            "no baseline" if name not in known else "same file" if known[name].sha256 == digest else "another file",
            known[name].reason if name in known else f"tinyvmaf bench baseline --accept {name} --reason '...'",
        ]
        for name, digest in registered.items()
    ]
    print_listing(["model", "accepted", "registered", "reason"], rows, as_json=arguments.json)
    return 0
