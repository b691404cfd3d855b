"""`tinyvmaf score`: score pairs with libvmaf, and with tiny models if asked."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tinyvmaf.app.cli.progress import pairs_bar, progress_bar
from tinyvmaf.app.cli.score.alone import is_alone, run_alone
from tinyvmaf.app.cli.score.models import asked_models, asked_teachers
from tinyvmaf.app.cli.score.pairs import WrongUseError, asked_pairs
from tinyvmaf.app.cli.score.show import SummaryTable, show_measured_by, show_pair
from tinyvmaf.app.cli.score.write import Result, as_csv, as_json, content_of
from tinyvmaf.app.cli.score.wrong_use import wrong_beside, wrong_pairs
from tinyvmaf.data.pairs import AskedPair, MeasuredPair, PairRun
from tinyvmaf.data.pairs.plan import cores
from tinyvmaf.data.store import default_folder, usable_store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.measure.scoring import pair_scores, scored_pair
from tinyvmaf.terminal import say, say_lines, shown_lines
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import LibvmafRequest
from tinyvmaf.vmaf.libvmaf.extractors import columns_named, require_features
from tinyvmaf.vmaf.teacher import Teacher

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject


def run(arguments: argparse.Namespace, find: Callable[[], FFmpeg]) -> int:
    """Score what the arguments ask for; returns the exit status.

    Args:
        find: gives the FFmpeg to use, or raises.
    """
    if is_alone(arguments):
        return run_alone(arguments, find)
    try:
        pairs = asked_pairs(arguments)
        wrong = wrong_pairs(arguments, pairs)
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
    if wrong := wrong_beside(pairs, models):
        say_lines(f"tinyvmaf score: {wrong}", file=sys.stderr)
        return 2
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
                result = _result(asked, measured, teachers, models, arguments, ffmpeg)
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
    ffmpeg: FFmpeg,
) -> Result:
    if measured.error is not None:
        raise measured.error
    assert measured.table is not None
    decoded = pair_scores(
        asked.distorted,
        [one for one in models if one.takes_pictures],
        ffmpeg,
        len(measured.table),
        reading=asked.options.distorted,
        allow_errors=asked.options.allow_errors,
        threads=arguments.threads or cores(),
    )
    pair = scored_pair(
        asked.reference,
        asked.distorted,
        measured.table,
        teachers,
        models=[one for one in models if not one.takes_pictures],
        decoded=decoded,
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
