"""Command lines of `tinyvmaf score` that ask for nothing that can be done: each has a sentence, and status 2."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tinyvmaf.app.cli.common import feed_of
from tinyvmaf.app.cli.score.options import FORMATS
from tinyvmaf.data.pairs import AskedPair
from tinyvmaf.errors import ModelError, TinyvmafError
from tinyvmaf.measure.scoring import require_scores
from tinyvmaf.model.third_party import FeedOptions
from tinyvmaf.vmaf.media import Reading, is_raw
from tinyvmaf.vmaf.media.pipes import is_pipe
from tinyvmaf.vmaf.teacher import teacher_id

if TYPE_CHECKING:
    from tinyvmaf.model.subject import Subject

_OF_PAIRS: Final = (
    *("pairs", "match", "teacher", "teacher_json", "teacher_sha256", "feature", "plot", "interval", "jobs"),
    *("scale", "depth", "chroma", "colour", "sync"),
)
"""Options that mean nothing without a reference."""


def wrong_pairs(arguments: argparse.Namespace, pairs: Sequence[AskedPair]) -> str | None:
    """What is wrong with a command line that names these pairs; None: nothing."""
    inputs = [path for pair in pairs for path in (pair.reference, pair.distorted)]
    sides = [
        side for pair in pairs for side in zip((pair.reference, pair.distorted), pair.options.readings, strict=True)
    ]
    if wrong := _wrong_geometry(arguments, sides):
        return wrong
    if len(pairs) > 1 and any(is_pipe(path) for path in inputs):
        return "a pipe can be read once: score one pair, or name files"
    if arguments.teacher_sha256 and not arguments.teacher_json:
        return "--teacher-sha256 needs --teacher-json FILE"
    if feed_of(arguments) and not arguments.model:
        return f"{FeedOptions.listed()} need --model PATH"
    if wrong := _wrong_outputs(arguments, [*inputs, *filter(None, [arguments.pairs]), *arguments.teacher_json]):
        return wrong
    try:
        for name in arguments.teacher:
            teacher_id(name)
        if arguments.plot is not None:
            from tinyvmaf.measure.score_page import known_plot

            known_plot(arguments.plot)
    except TinyvmafError as error:
        return f"{error.message}; {error.hint}" if error.hint else error.message
    return None


def wrong_alone(arguments: argparse.Namespace, reading: Reading) -> str | None:
    """What is wrong with a command line that names videos without a reference; None: nothing.

    Args:
        reading: how each of them is read.
    """
    if not arguments.videos:
        return "name what to score: VIDEO..."
    if not arguments.model:
        return "without a reference, name a model of kind no_reference: --model ID|PATH"
    for name in _OF_PAIRS:
        if getattr(arguments, name):
            return f"--{name.replace('_', '-')} is for pairs: leave it out, or name REF and DIS"
    if arguments.range:
        return "--range is for pairs: a model without a reference sees the samples as they are; leave it out"
    for name in ("size", "pix_fmt", "stream", "matrix", "film_grain"):
        if "," in (getattr(arguments, name) or ""):
            return f"--{name.replace('_', '-')} takes one value where there is no reference"
    for video in arguments.videos:
        if video.is_dir():
            return f"{video} is a folder: name its files, such as {video / '*.mp4'}"
    if len(arguments.videos) > 1 and any(map(is_pipe, arguments.videos)):
        return "a pipe can be read once: score it alone, or name files"
    return _wrong_geometry(arguments, [(video, reading) for video in arguments.videos]) or _wrong_outputs(
        arguments, arguments.videos
    )


def wrong_models(models: "Sequence[Subject]") -> str | None:
    """Why one of the models cannot score; None: all can."""
    try:
        require_scores(models)
    except ModelError as error:
        return str(error)
    return None


def wrong_beside(pairs: Sequence[AskedPair], models: "Sequence[Subject]") -> str | None:
    """Why these models cannot be scored beside the teachers of pairs; None: they can."""
    if wrong := wrong_models(models):
        return wrong
    for model in [one.id for one in models if one.takes_pictures]:
        for pair in pairs:
            dis = pair.distorted
            if is_pipe(dis):
                return f"{model} reads {dis} a second time, and a pipe can be read once: name a file"
            if pair.options.sync == "pts":
                return f"{model} scores the frames of {dis} as they are: leave --sync pts out, or score it alone"
    return None


def _wrong_geometry(arguments: argparse.Namespace, sides: Sequence[tuple[Path, Reading]]) -> str | None:
    raw = [(path, reading) for path, reading in sides if is_raw(path)]
    if (arguments.size or arguments.pix_fmt) and not raw:
        return "--size and --pix-fmt are for raw files; leave them out"
    for path, reading in raw:
        if not (reading.size and reading.pix_fmt):
            return f"{path}: raw files have no header: give both --size WxH and --pix-fmt FORMAT"
    return None


def _wrong_outputs(arguments: argparse.Namespace, inputs: Sequence[Path]) -> str | None:
    """Why an output cannot be written, or would replace an input or another output."""
    for path in arguments.out:
        if path.suffix.lower() not in FORMATS:
            return f"--out {path}: the ending says the format: {' or '.join(FORMATS)}"
        if not path.absolute().parent.is_dir() or path.is_dir():
            return f"--out {path}: {'a folder' if path.is_dir() else 'no such folder'}"
    given = [*inputs, *map(Path, arguments.model)]
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
