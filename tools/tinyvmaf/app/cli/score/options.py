"""The options of `tinyvmaf score`. What runs it is imported only then: it takes a third of a second."""

import argparse
import textwrap
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_feed_options,
    add_ffmpeg_option,
    finite_float,
    positive_float,
    positive_int,
)
from tinyvmaf.app.cli.inputs import INPUT_OPTIONS, add_input_options
from tinyvmaf.model.contract.luma import SMALLEST
from tinyvmaf.vmaf.features import ORDER
from tinyvmaf.vmaf.ffmpeg import find_ffmpeg
from tinyvmaf.vmaf.libvmaf.extractors import EXTRACTORS
from tinyvmaf.vmaf.teacher import BOOTSTRAP, DEFAULT, KNOWN, SHORT

FORMATS = (".json", ".csv")
"""The endings of files that `--out` writes."""
_WIDTH = 120


def _listed(what: str, names: Iterable[str]) -> str:
    return textwrap.fill(f"{what}: {', '.join(names)}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False)


_PAIRS = """\
Several pairs: name several DIS of one REF; or give a table with --pairs; or give a folder as DIS, with --match:
  tinyvmaf score ref.mp4 encodes --match '*.mp4'          every file of the folder that matches
  tinyvmaf score masters encodes --match '{ref}_*.mp4'    {ref} is the name of each file of masters, without its ending
Encodes of one reference are scored together, so the reference is decoded once. What is finished is kept in the store
(see: tinyvmaf store ls), so a stopped run continues where it stopped."""
_DESCRIPTION = f"""\
Score distorted videos against their references with the real libvmaf, frame n against frame n; or score videos
without a reference, by models that see the decoded picture alone.

Videos that differ in frame size, pixel format, bit depth, range, colour or frame count are refused; an option brings
them together where that has one right answer. Raw files (.yuv, .raw) have no header: they need --size and --pix-fmt.

{_PAIRS}

--pairs FILE.csv has a line for each pair, with columns `reference` and `distorted`, and a column for each input option
that differs between the pairs. Paths are relative to the folder of FILE.csv.
{_listed("input options", INPUT_OPTIONS)}

{_listed("teachers", (*SHORT, *KNOWN))}
{_listed("features", EXTRACTORS)}

Without a reference: one VIDEO and --model with a model of kind no_reference; or several, with --no-reference. The score
is predicted from the decoded picture alone: an estimate, not VMAF (docs/no-reference.md says what it may be used for).
Every frame is seen at its own size, {SMALLEST}x{SMALLEST} and more, with its samples as they were decoded. Beside a
reference, such a model sees DIS alone, in the same way: it is not scaled.

The output is a summary: mean, harmonic mean (libvmaf's, of score + 1), extremes, percentiles (linear between two
frames), standard deviation, worst frames. --frames shows each frame instead.

--json prints the layout of libvmaf's log: frames[].metrics and pooled_metrics; for several pairs, a list of them under
`pairs`. The score of the first teacher is called `vmaf`, as in libvmaf's log; scores of further teachers are called by
their ids. --model adds a block `tiny_model`; several add a list of such blocks, `tiny_models`. Frames outside the
domain, where nothing is promised of a model, are counted in a warning, and in that block."""
_EXAMPLES = f"""\
tinyvmaf score ref.mp4 dis.mp4
tinyvmaf score ref.mp4 360p.mp4 720p.mp4 1080p.mp4 --feature psnr --out scores.csv
tinyvmaf score masters encodes --match '{{ref}}_*.mp4' --teacher neg --out scores.json
tinyvmaf score ref.mp4 x264_*.mp4 x265_*.mp4 --plot scores.html
tinyvmaf score --pairs pairs.csv --fail-under 90
tinyvmaf score ref.mp4 dis.mp4 --model tinyvmaf_nano --model tinyvmaf_tiny
tinyvmaf score dis.mp4 --model nr.onnx
tinyvmaf score *.mp4 --no-reference --model nr.onnx --out estimates.csv
tinyvmaf score ref.mp4 dis.mp4 --model their.onnx --feature-order {ORDER}
tinyvmaf score ref.yuv dis.yuv --size 1920x1080 --pix-fmt yuv420p --json > vmaf.json"""


def _named(text: str) -> Path:
    """The path; an empty name, such as that of an unset variable, would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name: is a variable of the shell unset?")
    return Path(text)


def add_commands(commands: Commands) -> None:
    """Add `score`."""
    command = add_command(
        commands,
        "score",
        _run,
        description=_DESCRIPTION,
        examples=_EXAMPLES,
        exit_status="0 every pair was scored, 1 one was not or is below --fail-under (stderr says which), 2 wrong use",
    )
    command.add_argument(
        "videos",
        type=_named,
        nargs="*",
        metavar="REF DIS",
        help="the reference (pristine) video, then the distorted ones that are scored against it; or one video alone",
    )
    command.add_argument(
        "--no-reference",
        action="store_true",
        help="score each video by itself, with models of kind no_reference; one video alone needs no such word",
    )
    command.add_argument("--pairs", type=Path, metavar="FILE.csv", help="a table of pairs, instead of REF and DIS")
    command.add_argument("--match", metavar="PATTERN", help="which files of the folder DIS: * ? [abc] {ref}")
    command.add_argument(
        "--teacher",
        action="append",
        default=[],
        metavar="NAME",
        help=f"teacher to score with; repeatable (default: those of --model, else {DEFAULT})",
    )
    command.add_argument(
        "--teacher-json",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="teacher from a VMAF model's JSON file; repeatable",
    )
    command.add_argument(
        "--teacher-sha256",
        action="append",
        default=[],
        metavar="HEX",
        help="expected sha256 of a --teacher-json, needed if neither Netflix nor a --model names it; repeatable",
    )
    command.add_argument(
        "--feature",
        action="append",
        default=[],
        metavar="NAME",
        help="further libvmaf feature: psnr, float_ssim, ciede, cambi, ...; options as name:key=value; repeatable",
    )
    command.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="ID|PATH",
        help="tiny model to score with, beside its teacher: id of a registered model, or .onnx file; repeatable. "
        "Models of kind no_reference need no REF",
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
        "--plot",
        type=Path,
        metavar="FILE",
        help="also draw scores over time, histograms, quality over bitrate with BD-rate: .png, .svg, or .html, a page "
        "that has the worst frames as pictures too",
    )
    output.add_argument(
        "--interval",
        action="store_true",
        help=f"also score with {BOOTSTRAP}, and give the 95 %% interval of its models",
    )
    output.add_argument(
        "--fail-under",
        type=finite_float,
        metavar="N",
        help="exit with status 1 if the mean score of a pair by the first teacher is below N; without a reference, by "
        "the first model",
    )
    command.add_argument("--jobs", type=positive_int, metavar="N", help="processes at a time (default: one per core)")
    command.add_argument(
        "--threads", type=positive_int, metavar="N", help="threads of libvmaf for a pair, or of a model of pictures"
    )
    command.add_argument("--timeout", type=positive_float, metavar="S", help="time limit for a pair, in seconds")
    add_ffmpeg_option(command)


def _run(arguments: argparse.Namespace) -> int:
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(find_ffmpeg, arguments.ffmpeg)  # meanwhile, the rest is imported
        from tinyvmaf.app.cli.score.command import run

        return run(arguments, found.result)
