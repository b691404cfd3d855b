"""`tinyvmaf extract`: features and teacher scores of a corpus."""

import argparse
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tinyvmaf.app.cli.common import (
    Commands,
    add_command,
    add_corpus_options,
    add_ffmpeg_option,
    positive_float,
    positive_int,
)
from tinyvmaf.app.cli.progress import clip_bar
from tinyvmaf.data import dataset
from tinyvmaf.data.corpus import Corpus, data_root, scan
from tinyvmaf.data.extract import FULL, Extraction, ExtractionRequest, extract, provenance_of
from tinyvmaf.data.store import Store, default_folder
from tinyvmaf.errors import TeacherError
from tinyvmaf.terminal import say, say_lines
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.vmaf.frame_features import FRAME_FEATURES
from tinyvmaf.vmaf.libvmaf.extractors import require_features
from tinyvmaf.vmaf.teacher import DEFAULT, KNOWN, PHONE, SHORT, own_teacher_ids, teacher_id

_DESCRIPTION = f"""\
Extract features and teacher scores of every clip of a corpus into a parquet file: one row per frame, with provenance.

libvmaf reads each clip once; one process runs per core. Clips that were measured before come from the store (see:
tinyvmaf store ls), unless the clip, the request or the FFmpeg build changed. So a stopped run continues where it
stopped. Clips that fail are listed at the end with the reason; the other clips are still written.

features, separated by commas: canonical ({", ".join(CANONICAL)}; and those that the teachers need; always extracted),
full (all features of this libvmaf), further libvmaf features ({", ".join(FULL)}),
features of decoded frames ({", ".join(FRAME_FEATURES)})
teachers: {", ".join(name for name in SHORT if SHORT[name] != PHONE)}; {", ".join(KNOWN)};
and those whose JSON is in the project's folder of teachers"""


def add_commands(commands: Commands) -> None:
    """Add `extract`."""
    command = add_command(
        commands,
        "extract",
        _run,
        description=_DESCRIPTION,
        examples="tinyvmaf extract --data-root ~/netflix --out netflix.parquet",
        exit_status="0 every clip is in the file, 1 a clip failed or the corpus has faults, 2 wrong use",
    )
    add_corpus_options(command)
    command.add_argument("--out", type=Path, required=True, metavar="F.parquet", help="file to write")
    command.add_argument(
        "--features",
        default="canonical",
        metavar="NAMES",
        help="features to extract: canonical (default), full, names",
    )
    command.add_argument(
        "--teacher",
        action="append",
        type=_teacher,
        metavar="NAME",
        help=f"teacher to score with; repeatable (default {DEFAULT})",
    )
    command.add_argument("--jobs", type=positive_int, metavar="N", help="clips at a time (default: one per core)")
    command.add_argument("--dask", metavar="ADDRESS", help="run on this Dask scheduler, such as tcp://host:8786")
    command.add_argument("--timeout", type=positive_float, metavar="S", help="time limit per clip, in seconds")
    add_ffmpeg_option(command)


def _teacher(text: str) -> str:
    """argparse type: a teacher whose scores a corpus can have."""
    if text in own_teacher_ids():
        return text
    try:
        if (found := teacher_id(text)) in KNOWN:
            return found
    except TeacherError as error:
        raise argparse.ArgumentTypeError(f"{error.message}; {error.hint}") from error
    raise argparse.ArgumentTypeError(f"{found} is only for tinyvmaf score: no corpus has its scores")


def _run(arguments: argparse.Namespace) -> int:
    ffmpeg = find_ffmpeg(arguments.ffmpeg)
    corpus = scan(data_root(arguments.data_root), assume=arguments.assume_dims)
    names = dict.fromkeys(name.strip() for name in arguments.features.split(","))
    everything = "full" in names
    named = tuple(dict.fromkeys([*(FULL if everything else ()), *(n for n in names if n not in ("canonical", "full"))]))
    teachers = tuple(dict.fromkeys(arguments.teacher or [DEFAULT]))
    require_features((name for name in named if name not in FRAME_FEATURES), ffmpeg)
    request = ExtractionRequest(teachers, named, everything, arguments.timeout)
    store = Store(default_folder())
    started = time.perf_counter()
    with ExitStack() as stack:
        more: dict[str, Any] = {}
        refused: dict[str, str] = {}
        jobs = arguments.jobs or os.cpu_count() or 1
        if arguments.dask:
            from tinyvmaf.data.extract.dask import dask_cluster

            cluster = stack.enter_context(dask_cluster(arguments.dask, ffmpeg.path))
            more, jobs = {"run": cluster.measure, "remote": True}, arguments.jobs or cluster.slots
            refused = cluster.refused
        report = stack.enter_context(clip_bar("extract"))
        result = extract(corpus, request, store, ffmpeg, jobs=jobs, on_clip=report, **more)
    for address, why in refused.items():
        say_lines(f"tinyvmaf: worker {address} gave no rows: {why}", file=sys.stderr)
    _finish(arguments, corpus, request, store, ffmpeg, result, time.perf_counter() - started)
    return int(bool(result.failures or any(fault.spoils for fault in corpus.faults)))


def _finish(
    arguments: argparse.Namespace,
    corpus: Corpus,
    request: ExtractionRequest,
    store: Store,
    ffmpeg: FFmpeg,
    result: Extraction,
    seconds: float,
) -> None:
    """Write the file and print what happened."""
    if result.table is not None:
        provenance = provenance_of(result, corpus, request, store, ffmpeg, features=arguments.features)
        dataset.write(arguments.out, result.table, provenance)
        clips = len(corpus.clips) - len(result.failures)
        say(
            f"{arguments.out}: {clips} clips, {result.table.num_rows} frames, {result.table.num_columns} columns; "
            f"{result.computed} clips measured, {clips - result.computed} from the store, {seconds:.2f} s"
        )
    for key in result.damaged:
        say(f"tinyvmaf: store entry {key[:16]} was damaged; measured again", file=sys.stderr)
    for fault in corpus.faults:
        say(f"tinyvmaf: {fault.path} {fault.text}", file=sys.stderr)
    for warning in result.warnings:
        say_lines(f"tinyvmaf: warning: {warning}", file=sys.stderr)
    for failure in result.failures:
        say_lines(f"tinyvmaf: {failure.clip} failed: {failure.reason}", file=sys.stderr)
    if result.table is None:
        say(f"tinyvmaf: every clip failed; {arguments.out} was not written", file=sys.stderr)
