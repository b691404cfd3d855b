"""`tinyvmaf score` without a reference: videos, each by itself, by models that see decoded pictures alone."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinyvmaf.app.cli.inputs import pair_options
from tinyvmaf.app.cli.progress import clip_bar
from tinyvmaf.app.cli.score.alone_written import ResultAlone, alone_csv, alone_json
from tinyvmaf.app.cli.score.models import asked_models
from tinyvmaf.app.cli.score.show import SummaryTable, show_video, show_video_measured_by
from tinyvmaf.app.cli.score.wrong_use import wrong_alone, wrong_models
from tinyvmaf.data.pairs.plan import cores
from tinyvmaf.errors import MachineError, TinyvmafError
from tinyvmaf.files import write_atomic
from tinyvmaf.measure.scoring import score_video
from tinyvmaf.model import registry
from tinyvmaf.terminal import say, say_lines, shown_lines
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.media import PairOptions

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject


def is_alone(arguments: argparse.Namespace) -> bool:
    """Whether the command line names no reference: by --no-reference, or by one video and a model."""
    one = len(arguments.videos) == 1 and arguments.pairs is None
    return bool(arguments.no_reference or (one and arguments.model))


def run_alone(arguments: argparse.Namespace, find: Callable[[], FFmpeg]) -> int:
    """Score each video by itself; returns the exit status.

    Args:
        find: gives the FFmpeg to use, or raises.
    """
    try:
        options = pair_options(arguments)
    except TinyvmafError as error:
        return _refuse(str(error))
    if wrong := wrong_alone(arguments, options.distorted):
        return _refuse(wrong)
    models = asked_models(arguments)
    if wrong := wrong_models(models):
        return _refuse(wrong)
    if rows := [one.id for one in models if not one.takes_pictures]:
        return _refuse(_needs_reference(rows[0], arguments.videos[0]))
    ffmpeg = find()
    results = _score(arguments, models, options, ffmpeg)
    for path in arguments.out:
        as_json = path.suffix.lower() == ".json"
        content = alone_json(results, ffmpeg) if as_json else alone_csv(results, frames=arguments.frames)
        write_atomic(path, content.encode("utf-8", "surrogateescape"))
    if arguments.json or arguments.csv:
        text = alone_json(results, ffmpeg) if arguments.json else alone_csv(results, frames=arguments.frames)
        print(shown_lines(text) if sys.stdout.isatty() else text, end="")
    failed = any(result.scored is None for result in results)
    return int(_too_low(results, arguments.fail_under) or failed)


def _refuse(wrong: str) -> int:
    say_lines(f"tinyvmaf score: {wrong}", file=sys.stderr)
    return 2


def _needs_reference(model: str, video: Path) -> str:
    try:
        known = [one.id for one in registry.subjects() if one.takes_pictures and one.outputs == ("score",)]
    except TinyvmafError:
        known = []
    instead = f"without one, there is {', '.join(known)}" if known else "no registered model scores without one"
    return f"{model} takes features, which are measured against a reference: name REF {video}; {instead}"


def _score(
    arguments: argparse.Namespace, models: "Sequence[Subject]", options: PairOptions, ffmpeg: FFmpeg
) -> list[ResultAlone]:
    """Score the videos, and show each as soon as it is scored."""
    found, videos = list[ResultAlone](), arguments.videos
    quiet, table = arguments.json or arguments.csv, None
    if len(videos) > 1 and not arguments.frames:
        table = SummaryTable([*map(str, videos)])
    for number, path in enumerate(videos):
        try:
            with clip_bar(path.name) as report:
                scored = score_video(
                    path,
                    models,
                    ffmpeg,
                    reading=options.distorted,
                    allow_errors=options.allow_errors,
                    threads=arguments.threads or cores(),
                    timeout=arguments.timeout,
                    on_frame=lambda done, total: report(done, total, done),
                )
        except MachineError:
            raise
        except (TinyvmafError, OSError) as error:
            if len(videos) == 1:
                raise
            text = str(error)
            found.append(ResultAlone(path, None, text))
            name = "" if str(path) in text else f"{path}: "
            say_lines(f"tinyvmaf: not scored: {name}{text}", file=sys.stderr)
            continue
        if not quiet:
            if not any(one.scored for one in found):
                show_video_measured_by(scored, ffmpeg)
            if table is None:
                show_video(scored, frames=arguments.frames)
            else:
                table.add_alone(number, scored)
        for warning in scored.warnings:
            say_lines(f"tinyvmaf: warning: {warning}", file=sys.stderr)
        found.append(ResultAlone(path, scored))
    return found


def _too_low(results: Sequence[ResultAlone], least: float | None) -> bool:
    """Print which videos are below `--fail-under`, and by how much."""
    found = False
    for scored in [one.scored for one in results if least is not None and one.scored is not None]:
        assert least is not None
        model = scored.models[0].id
        mean = float(scored.models[0].scores.mean())
        if mean < least:
            found = True
            say(
                f"tinyvmaf: {scored.path}: the mean of {model} is {mean:.6f}, {least - mean:.6g} below "
                f"--fail-under {least!r}",
                file=sys.stderr,
            )
    return found
