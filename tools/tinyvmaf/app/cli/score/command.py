"""`tinyvmaf score`: score pairs with libvmaf, and with a tiny model if asked."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_feed_options,
    add_ffmpeg_option,
    feed_of,
    finite_float,
    pairs_bar,
    positive_float,
    positive_int,
)
from tinyvmaf.app.cli.inputs import INPUT_OPTIONS, add_input_options
from tinyvmaf.app.cli.score.pairs import PAIRS_HELP, WrongUseError, asked_pairs
from tinyvmaf.app.cli.score.show import SummaryTable, show_measured_by, show_pair
from tinyvmaf.app.cli.score.write import FORMATS, Result, as_csv, as_json, content_of
from tinyvmaf.data.pairs import AskedPair, MeasuredPair, PairRun
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import TeacherError, TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.measure.scoring import scored_pair
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.libvmaf import LibvmafRequest
from tinyvmaf.vmaf.libvmaf.extractors import EXTRACTORS
from tinyvmaf.vmaf.media import is_raw
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, SHORT, Teacher, load_json, load_named, teacher_id

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject

_DESCRIPTION = f"""\
Score distorted videos against their references with the real libvmaf, frame n against frame n.

Videos that differ in frame size, pixel format, bit depth or frame count are refused. Raw files (.yuv, .raw) have no
header, so they need --size and --pix-fmt.

{PAIRS_HELP}

--pairs FILE.csv has a line for each pair, with columns `reference` and `distorted`, and a column for each input option
that differs between the pairs ({", ".join(INPUT_OPTIONS)}). Paths are relative to the folder of FILE.csv.

teachers: {", ".join(SHORT)}; {", ".join(KNOWN)}
features: {", ".join(EXTRACTORS)}

The output is a summary: mean, harmonic mean (libvmaf's, of score + 1), extremes, percentiles (linear between two
frames), standard deviation, worst frames. --frames shows each frame instead.

--json prints the layout of libvmaf's log: frames[].metrics and pooled_metrics; for several pairs, a list of them under
`pairs`. The score of the first teacher is called `vmaf`, as in libvmaf's log; scores of further teachers are called by
their ids. --model adds a block `tiny_model`. Frames outside the domain, where nothing is promised of a model, are
counted in a warning, and in that block."""
_EXAMPLES = """\
tinyvmaf score ref.mp4 dis.mp4
tinyvmaf score ref.mp4 360p.mp4 720p.mp4 1080p.mp4 --feature psnr --out scores.csv
tinyvmaf score masters encodes --match '{ref}_*.mp4' --teacher neg --out scores.json
tinyvmaf score --pairs pairs.csv --fail-under 90
tinyvmaf score ref.mp4 dis.mp4 --model tinyvmaf_nano
tinyvmaf score ref.mp4 dis.mp4 --model their.onnx --feature-order adm2,motion2,vif_scale0
tinyvmaf score ref.yuv dis.yuv --size 1920x1080 --pix-fmt yuv420p --json > vmaf.json"""


def add_commands(commands: Commands) -> None:
    """Add `score`."""
    command = add_command(
        commands,
        "score",
        _run,
        summary="score distorted videos against their references",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
        exit_status="0 every pair was scored, 1 one was not or is below --fail-under (stderr says which), 2 wrong use",
    )
    command.add_argument(
        "videos",
        type=Path,
        nargs="*",
        metavar="REF DIS",
        help="the reference (pristine) video, then the distorted ones that are scored against it",
    )
    command.add_argument("--pairs", type=Path, metavar="FILE.csv", help="a table of pairs, instead of REF and DIS")
    command.add_argument("--match", metavar="PATTERN", help="which files of the folder DIS: * ? [abc] {ref}")
    command.add_argument(
        "--teacher",
        action="append",
        default=[],
        metavar="NAME",
        help=f"teacher to score with; repeatable (default {DEFAULT})",
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
    output = command.add_argument_group("output")
    output.add_argument("--frames", action="store_true", help="a line for each frame instead of the summary")
    way = output.add_mutually_exclusive_group()
    way.add_argument("--json", action="store_true", help="print JSON instead of tables")
    way.add_argument("--csv", action="store_true", help="print CSV instead of tables; with --frames, of each frame")
    output.add_argument(
        "--out",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help=f"also write this file: {' or '.join(FORMATS)}, whole or not at all; repeatable",
    )
    output.add_argument(
        "--fail-under",
        type=finite_float,
        metavar="N",
        help="exit with status 1 if the mean score of a pair by the first teacher is below N",
    )
    command.add_argument("--jobs", type=positive_int, metavar="N", help="processes at a time (default: one per core)")
    command.add_argument("--threads", type=positive_int, metavar="N", help="threads of libvmaf for a pair")
    command.add_argument("--timeout", type=positive_float, metavar="S", help="time limit for a pair, in seconds")
    add_ffmpeg_option(command)


def _wrong_use(arguments: argparse.Namespace, pairs: Sequence[AskedPair]) -> str | None:
    raw = [pair for pair in pairs if is_raw(pair.reference) or is_raw(pair.distorted)]
    if (arguments.size or arguments.pix_fmt) and not raw:
        return "--size and --pix-fmt are for raw files; leave them out"
    for pair in raw:
        sides = zip((pair.reference, pair.distorted), pair.options.readings, strict=True)
        if any(is_raw(path) and not (reading.size and reading.pix_fmt) for path, reading in sides):
            return "raw files have no header: give both --size WxH and --pix-fmt FORMAT"
    if arguments.teacher_sha256 and not arguments.teacher_json:
        return "--teacher-sha256 needs --teacher-json FILE"
    if feed_of(arguments) and not arguments.model:
        return f"{FeedOptions.listed()} need --model PATH"
    for path in arguments.out:
        if path.suffix.lower() not in FORMATS:
            return f"--out {path}: the ending says the format: {' or '.join(FORMATS)}"
        if not path.absolute().parent.is_dir() or path.is_dir():
            return f"--out {path}: {'a folder' if path.is_dir() else 'no such folder'}"
    for name in arguments.teacher:
        try:
            teacher_id(name)
        except TeacherError as error:
            return f"{error.message}; {error.hint}"
    return None


def _run(arguments: argparse.Namespace) -> int:
    try:
        pairs = asked_pairs(arguments)
        wrong = _wrong_use(arguments, pairs)
    except WrongUseError as error:
        wrong = error.message
    if wrong:
        print(f"tinyvmaf score: {wrong}", file=sys.stderr)
        return 2
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    model = _model(arguments)
    teachers = _teachers(arguments, ffmpeg)
    results = _score(arguments, pairs, teachers, model, ffmpeg)
    for path in arguments.out:
        write_atomic(path, content_of(path, results, ffmpeg, frames=arguments.frames))
    if arguments.json or arguments.csv:
        print(as_json(results, ffmpeg) if arguments.json else as_csv(results, frames=arguments.frames), end="")
    failed = any(result.pair is None for result in results)
    return int(_too_low(results, arguments.fail_under) or failed)


def _score(
    arguments: argparse.Namespace,
    pairs: Sequence[AskedPair],
    teachers: Sequence[Teacher],
    model: "Subject | None",
    ffmpeg: FFmpeg,
) -> list[Result]:
    """Score the pairs, and show each as soon as it is scored."""
    request = LibvmafRequest(
        tuple(teacher.model() for teacher in teachers if not teacher.bootstrap), tuple(arguments.feature)
    )
    found = dict[int, Result]()
    table = None if len(pairs) == 1 else SummaryTable([str(pair.distorted) for pair in pairs])
    with pairs_bar(pairs[0].distorted.name if len(pairs) == 1 else f"{len(pairs)} pairs", len(pairs)) as bar:
        run = PairRun(
            request,
            ffmpeg,
            store=Store(default_folder()),
            jobs=arguments.jobs,
            threads=arguments.threads,
            timeout=arguments.timeout,
            on_progress=bar.report,
        )
        for measured in run.measure(pairs):
            asked = pairs[measured.number]
            result = _result(asked, measured, teachers, model, arguments.feature)
            if result.pair is None and len(pairs) == 1:
                assert measured.error is not None
                raise measured.error
            with bar.paused():
                if result.pair is None:
                    where = "" if str(asked.distorted) in result.error else f"{asked.distorted}: "
                    print(f"tinyvmaf: not scored: {where}{result.error}", file=sys.stderr)
                elif not (arguments.json or arguments.csv):
                    if not any(one.pair for one in found.values()):
                        show_measured_by(result.pair, ffmpeg)
                    if table is None or arguments.frames:
                        show_pair(result.pair, frames=arguments.frames)
                    else:
                        table.add(measured.number, result.pair)
                for warning in [] if result.pair is None else result.pair.warnings:
                    where = "" if len(pairs) == 1 else f"{asked.distorted}: "
                    print(f"tinyvmaf: warning: {where}{warning}", file=sys.stderr)
            found[measured.number] = result
    return [found[number] for number in range(len(pairs))]


def _result(
    asked: AskedPair,
    measured: MeasuredPair,
    teachers: Sequence[Teacher],
    model: "Subject | None",
    features: Sequence[str],
) -> Result:
    if measured.table is None:
        return Result(asked, None, str(measured.error))
    pair = scored_pair(
        asked.reference,
        asked.distorted,
        measured.table,
        teachers,
        model=model,
        features=features,
        stored=measured.stored,
    )
    return Result(asked, pair)


def _too_low(results: Sequence[Result], least: float | None) -> bool:
    """Print which pairs are below `--fail-under`, and by how much."""
    found = False
    for pair in [result.pair for result in results if least is not None and result.pair is not None]:
        assert least is not None
        teacher = pair.teachers[0].id
        mean = pair.summary()[teacher].mean
        assert mean is not None  # scores are finite
        if mean < least:
            found = True
            print(
                f"tinyvmaf: {pair.distorted}: the mean of {teacher} is {mean:.6f}, {least - mean:.6f} below "
                f"--fail-under {least:g}",
                file=sys.stderr,
            )
    return found


def _model(arguments: argparse.Namespace) -> "Subject | None":
    if arguments.model is None:
        return None
    from tinyvmaf.judge.opened import read_whole  # imported here: slow

    return read_whole(arguments.model, feed_of(arguments), arguments.ffmpeg)


def _teachers(arguments: argparse.Namespace, ffmpeg: FFmpeg) -> list[Teacher]:
    teachers = [load_named(ffmpeg, name) for name in dict.fromkeys(map(teacher_id, arguments.teacher))]
    if arguments.teacher_json is not None:
        teachers.append(load_json(arguments.teacher_json, expected_sha256=arguments.teacher_sha256))
    if twice := {one.id for one in teachers if sum(one.id == other.id for other in teachers) > 1}:
        raise TinyvmafError(f"teacher {twice.pop()} was asked for twice")
    return teachers or [load_named(ffmpeg, DEFAULT)]
