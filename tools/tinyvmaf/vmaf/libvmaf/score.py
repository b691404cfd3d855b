"""Scores one pair, or several encodes of one reference, in one pass of FFmpeg."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tinyvmaf import scratch
from tinyvmaf.errors import FFmpegError, LogError, MediaError, NotComparableError
from tinyvmaf.machine import no_room
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg, run, tail
from tinyvmaf.vmaf.libvmaf import banding, chroma
from tinyvmaf.vmaf.libvmaf.extractors import EXTRACTORS, nearest
from tinyvmaf.vmaf.libvmaf.graph import pair_graph
from tinyvmaf.vmaf.libvmaf.log import FrameTable, parse_log
from tinyvmaf.vmaf.libvmaf.probe import read_probes
from tinyvmaf.vmaf.libvmaf.request import INFINITE_WHERE_EQUAL, LibvmafRequest, VmafModel
from tinyvmaf.vmaf.media import (
    OpenedPair,
    PairOptions,
    Video,
    culprit,
    damage,
    decoded_frames,
    open_pair,
    require_unchanged,
    seen,
)
from tinyvmaf.vmaf.media.symptoms import WAY_ON, sentence
from tinyvmaf.vmaf.media.timing import late_frames, partner_warnings


def score_pair(
    reference: Path,
    distorted: Path,
    *,
    options: PairOptions = PairOptions(),  # noqa: B008 (frozen)
    models: Sequence[VmafModel] = (VmafModel("vmaf_v0.6.1"),),
    features: Sequence[str] = (),
    may_be_null: Sequence[str] = INFINITE_WHERE_EQUAL,
    threads: int | None = None,
    timeout: float | None = None,
    ffmpeg: FFmpeg | None = None,
    on_open: Callable[[Video, Video], None] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> FrameTable:
    """Score a distorted video against its reference with the real libvmaf.

    The inputs are compared only if frame size, pixel format, bit depth, range and frame count are equal. Frame n is
    compared with frame n; timestamps are ignored.

    Args:
        options: how the inputs are read and brought together.
        models, features, may_be_null: as in `LibvmafRequest`.
        threads: libvmaf's threads; None: one per core.
        timeout: seconds after which FFmpeg is killed.
        ffmpeg: the FFmpeg to use; None finds one.
        on_open: called with the reference and the distorted video before scoring, once they are known to be
            comparable; an exception ends the call.
        on_frame: called with the number of frames done and of all frames.

    Returns:
        canonical-6 and the models' features to 12 decimals; and every column of libvmaf's log to 6 decimals, with one
        for each model.

    Raises:
        FFmpegNotFoundError, MediaError, NotComparableError, FFmpegError, LogError: the pair cannot be scored.
    """
    request = LibvmafRequest(tuple(models), tuple(features), tuple(may_be_null))
    ffmpeg = ffmpeg or find_ffmpeg()
    pair = open_pair(reference, distorted, options, ffmpeg)
    if on_open is not None:
        on_open(pair.reference, pair.distorted)
    return score_opened([pair], request, ffmpeg, threads=threads, timeout=timeout, on_frame=on_frame)[0]


def score_opened(
    pairs: Sequence[OpenedPair],
    request: LibvmafRequest,
    ffmpeg: FFmpeg,
    *,
    threads: int | None = None,
    timeout: float | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> list[FrameTable]:
    """Score pairs that have one reference, which is decoded once.

    Args:
        pairs: their references are one video, read in one way.
        threads: libvmaf's threads for each pair; None: one per core.

    Raises:
        FFmpegError, LogError, NotComparableError: a pair cannot be scored, and so none is.
    """
    reference = pairs[0].reference
    if any(pair.reference.input_arguments() != reference.input_arguments() for pair in pairs):
        raise ValueError("pairs of several references")
    for pair in pairs:
        chroma.require_size(request, pair.form)
        banding.require_height(request, pair.form)
    asked = replace(request, features=chroma.with_witness(request))
    inputs = [*(pair.distorted for pair in pairs), reference]
    logs = [f"log{number}.json" for number in range(len(pairs))]
    with scratch.folder() as name:
        folder = Path(name)
        # Without this, FFmpeg inserts scalers and pixel format converters.
        errors = any(pair.options.allow_errors for pair in pairs)
        arguments = [word for video in inputs for word in video.input_arguments(allow_errors=errors)]
        arguments.append("-noauto_conversion_filters")
        for number, pair in enumerate(pairs):
            libvmaf = asked.filter_options(folder, logs[number], threads or os.cpu_count() or 1)
            arguments += ["-filter_complex", pair_graph(pair, (len(pairs), number), libvmaf, f"scored{number}")]
        for number in range(len(pairs)):
            arguments += ["-map", f"[scored{number}]", "-f", "null", "-"]
        total = max(video.frames for video in inputs)
        report = None if on_frame is None else (lambda done: on_frame(min(done, total), total))
        stderr = _run(ffmpeg, arguments, folder, timeout, report, pairs, inputs, errors)
        texts = [_read(folder / log, pair, stderr) for log, pair in zip(logs, pairs, strict=True)]
    *counts, expected = decoded_frames(stderr, inputs, allow_errors=errors)
    complaints = _complaints(stderr, inputs, allow_errors=errors)
    command = (str(ffmpeg.path), *arguments)
    tables = []
    for number, (pair, text, frames) in enumerate(zip(pairs, texts, counts, strict=True)):
        by_frame = pair.options.sync == "frames"
        if by_frame and frames != expected:
            raise NotComparableError(
                f"{reference.path} (reference) and {pair.distorted.path} (distorted) differ: "
                f"frame count {expected} against {frames}"
            )
        table = parse_log(text, frames=frames if by_frame else None, command=command, may_be_null=request.may_be_null)
        partners = len(pair.distorted.timing.times) - late_frames(pair.reference, pair.distorted)
        if not by_frame and len(table) > partners:
            raise LogError(
                f"{pair.distorted.path}: libvmaf compared {len(table)} frames, of which {partners} have a partner"
            )
        for model in request.models:
            table.column(model.id)
        warnings = [text for about, text in complaints if about & {number, len(pairs)}]
        if chroma.reads_chroma(request):
            warnings += pair.of_chroma
        warnings += chroma.silent(request, pair.form, table.columns)
        if asked != request:  # the columns stay those that were asked for
            table = chroma.without_witness(table)
        if not by_frame:
            warnings += partner_warnings(pair.reference, pair.distorted)
        # By timestamps, FFmpeg stops where nothing more is compared.
        seen_frames = (expected, frames) if by_frame else (pair.reference.frames, pair.distorted.frames)
        inputs_seen = seen(pair, seen_frames, tuple(warnings))
        tables.append(replace(read_probes(table, request.probed), inputs=inputs_seen))
    return tables


def _run(
    ffmpeg: FFmpeg,
    arguments: list[str],
    folder: Path,
    timeout: float | None,
    on_frame: Callable[[int], None] | None,
    pairs: Sequence[OpenedPair],
    inputs: Sequence[Video],
    allow_errors: bool,
) -> str:
    """FFmpeg's stderr, of a run in which no input changed.

    Raises:
        FFmpegError: FFmpeg failed: a sentence, then its last lines.
        MediaError: an input changes in the middle.
    """
    try:
        stderr = run(
            ffmpeg,
            arguments,
            cwd=folder,
            timeout=timeout,
            on_frame=on_frame,
            stop_at_errors=not allow_errors,
            feed=next((video.feed for video in inputs if video.feed is not None), None),
        )
    except FFmpegError as error:
        require_unchanged(error.stderr, pairs)
        if unknown := re.search(r"problem during vmaf_use_feature: (\S+)", error.stderr):
            name = unknown[1]
            if name in EXTRACTORS:
                raise FFmpegError(f"libvmaf does not take the options of feature {name!r}") from error
            raise FFmpegError(f"libvmaf has no feature {name!r}", hint=nearest(name)) from error
        path = culprit(error.stderr, pairs)
        what = "FFmpeg could not score the pair" if path is None else f"{path}: FFmpeg cannot read it"
        raised = FFmpegError(sentence(error, what), hint=error.hint if path is None else WAY_ON)
        raised.stderr = error.stderr
        raise raised from error
    require_unchanged(stderr, pairs)
    return stderr


def _complaints(stderr: str, inputs: Sequence[Video], *, allow_errors: bool) -> list[tuple[set[int], str]]:
    """What FFmpeg says is wrong with the inputs, and the numbers of the inputs that it may be about.

    Raises:
        MediaError: it says anything, and errors are not allowed.
    """
    found = []
    for line, about in damage(stderr, inputs).items():
        paths = " or ".join(dict.fromkeys(str(inputs[number].path) for number in sorted(about)))
        found.append((about, f"{paths}: FFmpeg finds an error: {line}"))
    if found and not allow_errors:
        raise MediaError("\n    ".join(text for _, text in found), hint=WAY_ON)
    return found


def _read(log: Path, pair: OpenedPair, stderr: str) -> str:
    if not log.is_file():
        try:
            with scratch.nameless():  # as FFmpeg's stderr was there beside it
                log.touch()
        except OSError as error:  # FFmpeg ends with status 0 then
            raise no_room(log.parent, error) from error
        raise LogError(
            f"libvmaf wrote no log for frames of {pair.reference.geometry}{tail(stderr)}",
            hint="some features, such as cambi and speed_chroma, need larger frames",
        )
    return log.read_text(errors="replace")
