"""`tinyvmaf score`: score pairs with libvmaf, and with tiny models if asked."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinyvmaf.app.cli.common import feed_of
from tinyvmaf.app.cli.progress import pairs_bar, progress_bar
from tinyvmaf.app.cli.score.models import asked_models, asked_teachers
from tinyvmaf.app.cli.score.options import FORMATS
from tinyvmaf.app.cli.score.pairs import WrongUseError, asked_pairs
from tinyvmaf.app.cli.score.show import SummaryTable, show_measured_by, show_pair
from tinyvmaf.app.cli.score.write import Result, as_csv, as_json, content_of
from tinyvmaf.data.pairs import AskedPair, MeasuredPair, PairRun
from tinyvmaf.data.store import default_folder, usable_store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.measure.scoring import scored_pair
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.terminal import say, say_lines, shown_lines
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import LibvmafRequest
from tinyvmaf.vmaf.libvmaf.extractors import columns_named, require_features
from tinyvmaf.vmaf.media import is_raw
from tinyvmaf.vmaf.media.pipes import is_pipe
from tinyvmaf.vmaf.teacher import Teacher, teacher_id

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject


def _wrong_use(arguments: argparse.Namespace, pairs: Sequence[AskedPair]) -> str | None:
    raw = [pair for pair in pairs if is_raw(pair.reference) or is_raw(pair.distorted)]
    if (arguments.size or arguments.pix_fmt) and not raw:
        return "--size and --pix-fmt are for raw files; leave them out"
    for pair in raw:
        sides = zip((pair.reference, pair.distorted), pair.options.readings, strict=True)
        for path, reading in sides:
            if is_raw(path) and not (reading.size and reading.pix_fmt):
                return f"{path}: raw files have no header: give both --size WxH and --pix-fmt FORMAT"
    if len(pairs) > 1 and any(is_pipe(path) for pair in pairs for path in (pair.reference, pair.distorted)):
        return "a pipe can be read once: score one pair, or name files"
    if arguments.teacher_sha256 and not arguments.teacher_json:
        return "--teacher-sha256 needs --teacher-json FILE"
    if feed_of(arguments) and not arguments.model:
        return f"{FeedOptions.listed()} need --model PATH"
    for path in arguments.out:
        if path.suffix.lower() not in FORMATS:
            return f"--out {path}: the ending says the format: {' or '.join(FORMATS)}"
        if not path.absolute().parent.is_dir() or path.is_dir():
            return f"--out {path}: {'a folder' if path.is_dir() else 'no such folder'}"
    if clash := _replaced(arguments, pairs):
        return clash
    try:
        for name in arguments.teacher:
            teacher_id(name)
        if arguments.plot is not None:
            from tinyvmaf.measure.score_page import known_plot

            known_plot(arguments.plot)
    except TinyvmafError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return None


def _replaced(arguments: argparse.Namespace, pairs: Sequence[AskedPair]) -> str | None:
    """Why an output must not be written: it would replace an input, or another output."""
    given = [path for pair in pairs for path in (pair.reference, pair.distorted)]
    given += [*filter(None, [arguments.pairs]), *arguments.teacher_json, *map(Path, arguments.model)]
    outputs = [("--out", path) for path in arguments.out] + [("--plot", arguments.plot)] * (arguments.plot is not None)
    for number, (option, path) in enumerate(outputs):
        if any(_same(path, one) for one in given):
            return f"{option} {path}: it is an input, which would be replaced"
        if any(_same(path, other) for _, other in outputs[:number]):
            return f"{option} {path}: named twice"
    return None


def _same(path: Path, other: Path) -> bool:
    """Whether both are one file, or the first is a picture of the numbered sequence that the second names."""
    if path.exists() and other.exists():
        return path.samefile(other)
    pattern = re.sub(r"%0?\d*d", r"\\d+", re.escape(str(other.absolute())))
    return re.fullmatch(pattern, str(path.absolute())) is not None


def run(arguments: argparse.Namespace, find: Callable[[], FFmpeg]) -> int:
    """Score what the arguments ask for; returns the exit status.

    Args:
        find: gives the FFmpeg to use, or raises.
    """
    try:
        pairs = asked_pairs(arguments)
        wrong = _wrong_use(arguments, pairs)
    except WrongUseError as error:
        wrong = error.message
    if wrong:
        say_lines(f"tinyvmaf score: {wrong}", file=sys.stderr)
        return 2
    ffmpeg = find()
    try:
        require_features(arguments.feature, ffmpeg)
    except TinyvmafError as error:
        say_lines(f"tinyvmaf score: {error}", file=sys.stderr)
        return 2
    models = asked_models(arguments)
    teachers = asked_teachers(arguments, models, ffmpeg)
    results = _score(arguments, pairs, teachers, models, ffmpeg)
    for path in arguments.out:
        # A path may have bytes that are no UTF-8: they stay as they are.
        content = content_of(path, results, ffmpeg, frames=arguments.frames)
        write_atomic(path, content.encode("utf-8", "surrogateescape"))
    if arguments.json or arguments.csv:
        text = as_json(results, ffmpeg) if arguments.json else as_csv(results, frames=arguments.frames)
        print(shown_lines(text) if sys.stdout.isatty() else text, end="")
    scored = [result for result in results if result.pair is not None]
    if arguments.plot is not None and scored:
        from tinyvmaf.measure.score_page import write_plot

        pairs_drawn = [result.pair for result in scored if result.pair is not None]
        how = [result.asked.options for result in scored]
        missing = [_why_not(one) for one in results if one.pair is None]
        with progress_bar(f"pictures for {arguments.plot.name}", "encodes") as report:
            write_plot(arguments.plot, pairs_drawn, options=how, ffmpeg=ffmpeg, not_scored=missing, on_progress=report)
    failed = any(result.pair is None for result in results)
    return int(_too_low(results, arguments.fail_under) or failed)


def _score(
    arguments: argparse.Namespace,
    pairs: Sequence[AskedPair],
    teachers: Sequence[Teacher],
    models: "Sequence[Subject]",
    ffmpeg: FFmpeg,
) -> list[Result]:
    """Score the pairs, and show each as soon as it is scored."""
    features = tuple(dict.fromkeys(arguments.feature))
    # What is infinite of a feature that was asked for (psnr_hvs of equal planes) costs no pair its scores.
    may_be_null = tuple(column for name in features for column in columns_named(name))
    # One filter with all of them: libvmaf computes a feature once that several take.
    request = LibvmafRequest(tuple(one.model() for one in teachers if not one.bootstrap), features, may_be_null)
    found = dict[int, Result]()
    store, why_not = usable_store(default_folder())
    if why_not:
        say_lines(f"tinyvmaf: warning: what is measured is not kept: {why_not}", file=sys.stderr)
    table = None if len(pairs) == 1 else SummaryTable([str(pair.distorted) for pair in pairs])
    with pairs_bar(pairs[0].distorted.name if len(pairs) == 1 else f"{len(pairs)} pairs", len(pairs)) as bar:
        run = PairRun(
            request,
            ffmpeg,
            store=store,
            jobs=arguments.jobs,
            threads=arguments.threads,
            timeout=arguments.timeout,
            on_progress=bar.report,
        )
        for measured in run.measure(pairs):
            asked = pairs[measured.number]
            try:
                result = _result(asked, measured, teachers, models, arguments)
            except (TinyvmafError, OSError) as error:
                if len(pairs) == 1:
                    raise
                result = Result(asked, None, str(error))
            with bar.paused():
                if result.pair is None:
                    say_lines(f"tinyvmaf: not scored: {_why_not(result)}", file=sys.stderr)
                elif not (arguments.json or arguments.csv):
                    if not any(one.pair for one in found.values()):
                        show_measured_by(result.pair, ffmpeg)
                    if table is None or arguments.frames:
                        show_pair(result.pair, frames=arguments.frames)
                    else:
                        table.add(measured.number, result.pair)
                for warning in [] if result.pair is None else result.pair.warnings:
                    where = "" if len(pairs) == 1 else f"{asked.distorted}: "
                    say_lines(f"tinyvmaf: warning: {where}{warning}", file=sys.stderr)
            found[measured.number] = result
    return [found[number] for number in range(len(pairs))]


def _result(
    asked: AskedPair,
    measured: MeasuredPair,
    teachers: Sequence[Teacher],
    models: "Sequence[Subject]",
    arguments: argparse.Namespace,
) -> Result:
    if measured.error is not None:
        raise measured.error
    assert measured.table is not None
    pair = scored_pair(
        asked.reference,
        asked.distorted,
        measured.table,
        teachers,
        models=models,
        features=arguments.feature,
        stored=measured.stored,
        interval=arguments.interval,
    )
    return Result(asked, pair)


def _why_not(result: Result) -> str:
    """Why a pair was not scored, with the name of its distorted video."""
    name = str(result.asked.distorted)
    return result.error if name in result.error else f"{name}: {result.error}"


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
            say(
                f"tinyvmaf: {pair.distorted}: the mean of {teacher} is {mean:.6f}, {least - mean:.6g} below "
                f"--fail-under {least!r}",
                file=sys.stderr,
            )
    return found
