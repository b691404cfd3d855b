"""`tinyvmaf score`: score one pair with libvmaf, and with a tiny model if asked."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_feed_options,
    add_ffmpeg_option,
    feed_of,
    positive_float,
    positive_int,
    print_table,
    progress_bar,
)
from tinyvmaf.app.cli.inputs import add_input_options, pair_options
from tinyvmaf.measure.scoring import TinyScores, pooled, teacher_scores, tiny_scores
from tinyvmaf.model.subject import Subject
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, score_pair
from tinyvmaf.vmaf.media import is_raw
from tinyvmaf.vmaf.pooling import pool
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, Teacher, load_built_in, load_json

_DESCRIPTION = f"""\
Score a distorted video against its reference with the real libvmaf, frame n against frame n.

Videos that differ in frame size, pixel format, bit depth or frame count are refused. Raw files (.yuv, .raw) have no
header, so they need --size and --pix-fmt.

teachers: {", ".join(KNOWN)}

--json prints the layout of libvmaf's log: frames[].metrics and pooled_metrics. The score of the first teacher is called
`vmaf`, as in libvmaf's log; scores of further teachers are called by their ids. --model adds a block `tiny_model`.
Frames outside the domain, where nothing is promised of a model, are counted in a warning, and in that block."""
_EXAMPLES = """\
tinyvmaf score ref.mp4 dis.mp4
tinyvmaf score ref.mp4 dis.mp4 --model tinyvmaf_nano
tinyvmaf score ref.mp4 dis.mp4 --model their.onnx --feature-order adm2,motion2,vif_scale0
tinyvmaf score ref.yuv dis.yuv --size 1920x1080 --pix-fmt yuv420p --json > vmaf.json"""


def add_commands(commands: Commands) -> None:
    """Add `score`."""
    command = add_command(
        commands,
        "score",
        _run,
        summary="score a distorted video against its reference",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    command.add_argument("reference", type=Path, metavar="REF", help="the reference (pristine) video")
    command.add_argument("distorted", type=Path, metavar="DIS", help="the distorted video, to be scored")
    command.add_argument(
        "--teacher", action="append", metavar="ID", help=f"teacher to score with; repeatable (default {DEFAULT})"
    )
    command.add_argument("--teacher-json", type=Path, metavar="FILE", help="teacher from a VMAF model's JSON file")
    command.add_argument(
        "--teacher-sha256",
        metavar="HEX",
        help="expected sha256 of --teacher-json, needed if Netflix did not publish the file",
    )
    command.add_argument(
        "--feature",
        action="append",
        default=[],
        metavar="NAME",
        help="further libvmaf feature: psnr, float_ssim, ciede, cambi, ...; options as name:key=value; repeatable",
    )
    command.add_argument(
        "--model", metavar="ID|PATH", help="tiny model to score with: id of a registered model, or .onnx file"
    )
    add_feed_options(command)
    add_input_options(command)
    command.add_argument("--threads", type=positive_int, metavar="N", help="threads of libvmaf (default: one per core)")
    command.add_argument("--timeout", type=positive_float, metavar="S", help="time limit, in seconds")
    command.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_ffmpeg_option(command)


def _wrong_use(arguments: argparse.Namespace) -> str | None:
    raw = is_raw(arguments.reference) or is_raw(arguments.distorted)
    if (arguments.size or arguments.pix_fmt) and not raw:
        return "--size and --pix-fmt are for raw files; leave them out"
    if raw and not (arguments.size and arguments.pix_fmt):
        return "raw files have no header: give both --size WxH and --pix-fmt FORMAT"
    if arguments.teacher_sha256 and not arguments.teacher_json:
        return "--teacher-sha256 needs --teacher-json FILE"
    for name in arguments.teacher or []:
        if name not in KNOWN:
            return f"unknown teacher {name!r}; known: {', '.join(KNOWN)}"
    if feed_of(arguments) and not arguments.model:
        return f"{FeedOptions.listed()} need --model PATH"
    return None


def _run(arguments: argparse.Namespace) -> int:
    if wrong := _wrong_use(arguments):
        print(f"tinyvmaf score: {wrong}", file=sys.stderr)
        return 2
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    model = _model(arguments)
    teachers = _teachers(arguments, ffmpeg)
    with progress_bar(arguments.distorted.name, "frames") as report:
        table = score_pair(
            arguments.reference,
            arguments.distorted,
            options=pair_options(arguments),
            models=[teacher.model() for teacher in teachers if not teacher.bootstrap],
            features=arguments.feature,
            threads=arguments.threads,
            timeout=arguments.timeout,
            ffmpeg=ffmpeg,
            on_frame=report,
        )
    scores = {teacher.id: teacher_scores(teacher, table) for teacher in teachers}
    tiny = None if model is None else tiny_scores(model, table, teachers)
    if arguments.json:
        json.dump(_log(table, teachers, scores, tiny, ffmpeg), sys.stdout, indent=2)
        print()
    else:
        _print(table, scores, tiny, ffmpeg)
    seen = [] if table.inputs is None else table.inputs.warnings
    for warning in [*seen, *([] if tiny is None else tiny.warnings)]:
        print(f"tinyvmaf: warning: {warning}", file=sys.stderr)
    return 0


def _model(arguments: argparse.Namespace) -> Subject | None:
    if arguments.model is None:
        return None
    from tinyvmaf.judge.opened import read_whole  # imported here: slow

    return read_whole(arguments.model, feed_of(arguments), arguments.ffmpeg)


def _teachers(arguments: argparse.Namespace, ffmpeg: FFmpeg) -> list[Teacher]:
    teachers = [load_built_in(ffmpeg, name) for name in dict.fromkeys(arguments.teacher or [])]
    if arguments.teacher_json is not None:
        teachers.append(load_json(arguments.teacher_json, expected_sha256=arguments.teacher_sha256))
    return teachers or [load_built_in(ffmpeg, DEFAULT)]


def _log(
    table: FrameTable,
    teachers: list[Teacher],
    scores: dict[str, NDArray[np.float64]],
    tiny: TinyScores | None,
    ffmpeg: FFmpeg,
) -> dict[str, Any]:
    """The layout of libvmaf's log; the first teacher's score is called `vmaf`, as programs expect."""
    names = {teacher.id: "vmaf" if i == 0 else teacher.id for i, teacher in enumerate(teachers)}
    columns = {name: values for name, values in table.columns.items() if name not in names}
    columns |= {names[teacher_id]: values for teacher_id, values in scores.items()}
    shown = {name: teacher_id for teacher_id, name in names.items()}
    pools = {name: pooled(shown.get(name, name), values, table) for name, values in columns.items()}
    log: dict[str, Any] = {
        "version": table.version,
        "ffmpeg": ffmpeg.version,
        "inputs": None if table.inputs is None else table.inputs.record(),
        "teachers": {names[teacher.id]: {"id": teacher.id, "sha256": teacher.sha256} for teacher in teachers},
        "frames": [
            {"frameNum": frame, "metrics": {name: float(values[frame]) for name, values in columns.items()}}
            for frame in range(len(table))
        ],
        "pooled_metrics": pools,
        "aggregate_metrics": {},
    }
    if tiny is not None:
        log["tiny_model"] = {
            "id": tiny.id,
            "sha256": tiny.sha256,
            "feature_order": tiny.features,
            "frames": [
                {"frameNum": frame, "score": float(score), "outside_domain": float(away)}
                for frame, (score, away) in enumerate(zip(tiny.scores, tiny.outside, strict=True))
            ],
            "outside_domain": {
                "frames": int((tiny.outside > 0.0).sum()),
                "largest_distance": float(tiny.outside.max()),
                "furthest": tiny.furthest,
            },
            "pooled": pool(tiny.scores),
        }
    return log


def _print(table: FrameTable, scores: dict[str, NDArray[np.float64]], tiny: TinyScores | None, ffmpeg: FFmpeg) -> None:
    print(f"{ffmpeg}\nlibvmaf {table.version}, {len(table)} frames")
    print("\n".join([] if table.inputs is None else table.inputs.lines()), end="\n\n")
    shown = dict(scores)
    if tiny is not None:
        shown[tiny.id] = tiny.scores
    features = table.features(CANONICAL)
    header = ["frame", *CANONICAL, *shown]
    rows = [
        [str(frame), *(f"{value:.6f}" for value in (*features[frame], *(v[frame] for v in shown.values())))]
        for frame in range(len(table))
    ]
    print_table(header, rows)
    print()
    pools = {name: pool(values) for name, values in shown.items()}
    figures = {name: (p["mean"], p["harmonic_mean"], p["min"], p["max"]) for name, p in pools.items()}
    header = ["clip", "mean", "harmonic_mean", "min", "max"]
    print_table(header, [[name, *(f"{value:.6f}" for value in values)] for name, values in figures.items()])
