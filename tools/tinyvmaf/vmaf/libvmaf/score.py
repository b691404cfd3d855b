"""Scores one pair with any number of models and features in one libvmaf pass."""

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tinyvmaf.errors import LogError, NotComparableError, TinyvmafError
from tinyvmaf.vmaf.features import CANONICAL_FEATURES, Feature
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg, run, tail
from tinyvmaf.vmaf.libvmaf.log import FrameTable, parse_log
from tinyvmaf.vmaf.libvmaf.probe import probe_id, probe_json, read_probes
from tinyvmaf.vmaf.media import (
    InputSeen,
    PairOptions,
    PairSeen,
    Video,
    count_by_decoding,
    decoded_frames,
    open_video,
    require_comparable,
)
from tinyvmaf.vmaf.media.options import SCALERS

LOG_NAME = "log.json"
_FEATURE = re.compile(r"[a-z0-9_]+(:[a-z0-9_]+=[A-Za-z0-9_.+-]+)*")
_MODEL_ID = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class VmafModel:
    """A VMAF model for libvmaf to run; its scores become the column `id`."""

    id: str
    json: bytes | None = None
    """The model's JSON; None: the model of this id that is built into libvmaf."""
    features: tuple[Feature, ...] = ()
    """The features of the model that the table must have to 12 decimals."""


def score_pair(
    reference: Path,
    distorted: Path,
    *,
    options: PairOptions = PairOptions(),  # noqa: B008 (frozen)
    models: Sequence[VmafModel] = (VmafModel("vmaf_v0.6.1"),),
    features: Sequence[str] = (),
    may_be_null: Sequence[str] = (),
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
        models: VMAF models to score with; may be empty.
        features: more libvmaf features, as `name` or `name:option=value`, such as `psnr` or `float_ssim`.
        may_be_null: prefixes of the columns that may have no value, which becomes NaN (`psnr_hvs` of equal planes is
            infinite); in all other columns a missing value is an error.
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
    _check_request(models, features, options)
    ffmpeg = ffmpeg or find_ffmpeg()
    ref = open_video(reference, ffmpeg, raw_geometry=options.reference.raw_geometry())
    dis = open_video(distorted, ffmpeg, raw_geometry=options.distorted.raw_geometry())
    if ref.frames != dis.frames and not (ref.exact and dis.exact):
        # Packets are not always frames: count the frames before refusing the pair.
        ref, dis = count_by_decoding(ref, ffmpeg), count_by_decoding(dis, ffmpeg)
    require_comparable(ref, dis, scaled=options.scale is not None)
    if on_open is not None:
        on_open(ref, dis)

    probed = tuple({f.name: f for f in (*CANONICAL_FEATURES, *(f for m in models for f in m.features))}.values())
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-") as folder:
        probes = [VmafModel(probe_id(i), probe_json(feature)) for i, feature in enumerate(probed)]
        arguments = _arguments(ref, dis, [*models, *probes], features, options.scale, threads, Path(folder))
        total = ref.frames
        report = None if on_frame is None else (lambda done: on_frame(min(done, total), total))
        stderr = run(ffmpeg, arguments, cwd=Path(folder), timeout=timeout, on_frame=report)
        log = Path(folder, LOG_NAME)
        if not log.is_file():
            raise LogError(
                f"libvmaf wrote no log for frames of {ref.geometry}{tail(stderr)}",
                hint="some features, such as cambi and speed_chroma, need larger frames",
            )
        text = log.read_text(errors="replace")
    counts = decoded_frames(stderr, [dis, ref])
    if counts[0] != counts[1]:
        raise NotComparableError(
            f"{reference} (reference) and {distorted} (distorted) differ: frame count {counts[1]} against {counts[0]}"
        )
    command = (str(ffmpeg.path), *arguments)
    table = parse_log(text, frames=counts[1], command=command, may_be_null=may_be_null)
    for model in models:
        table.column(model.id)
    return replace(read_probes(table, probed), inputs=PairSeen(_seen(ref), _seen(dis)))


def _check_request(models: Sequence[VmafModel], features: Sequence[str], options: PairOptions) -> None:
    for feature in features:
        if not _FEATURE.fullmatch(feature):
            raise TinyvmafError(f"{feature!r} is not a libvmaf feature", hint="write name or name:option=value")
    ids = [model.id for model in models]
    for name in ids:
        if not _MODEL_ID.fullmatch(name):
            raise TinyvmafError(f"{name!r} is not a model id")
    if len(set(ids)) != len(ids):
        raise TinyvmafError(f"a model is named twice: {', '.join(ids)}")
    if options.scale is not None and options.scale not in SCALERS:
        raise TinyvmafError(f"unknown scaler {options.scale!r}", hint=f"known: {', '.join(SCALERS)}")


def _seen(video: Video) -> InputSeen:
    words = {True: "full", False: "limited", None: "unstated"}
    return InputSeen(str(video.path), str(video.geometry), video.frames, words[video.full_range])


def _arguments(
    ref: Video,
    dis: Video,
    models: Sequence[VmafModel],
    features: Sequence[str],
    scale: str | None,
    threads: int | None,
    folder: Path,
) -> list[str]:
    chosen = []
    for number, model in enumerate(models):
        if model.json is None:
            source = f"version={model.id}"
        else:
            source = f"path=model{number}.json"
            Path(folder, f"model{number}.json").write_bytes(model.json)
        chosen.append(rf"{source}\:name={model.id}")
    options = [
        # File names relative to FFmpeg's working folder need no escaping.
        f"log_path={LOG_NAME}",
        "log_fmt=json",
        f"n_threads={threads or os.cpu_count() or 1}",
        f"model='{'|'.join(chosen)}'",
    ]
    if features:
        options.append("feature='{}'".format("|".join("name=" + name.replace(":", r"\:") for name in features)))
    scaler = f"scale={ref.geometry.width}:{ref.geometry.height}:flags={scale}," if scale else ""
    graph = (
        f"[0:v:0]{scaler}{_normalised(dis)}[dis];[1:v:0]{_normalised(ref)}[ref];[dis][ref]libvmaf={':'.join(options)}"
    )
    return [
        *dis.input_arguments(),
        *ref.input_arguments(),
        # Without this, FFmpeg inserts scalers and pixel format converters.
        "-noauto_conversion_filters",
        *("-filter_complex", graph, "-f", "null", "-"),
    ]


def _normalised(video: Video) -> str:
    """Filters that pass samples on unchanged, but normalise timestamps, range and the names of full-range formats."""
    # libvmaf's filter pairs frames by timestamp; this pairs frame n with frame n.
    clock = "settb=1/25,setpts=N"
    # The filter does not know the yuvj formats, so they get their yuv names. Full to full range changes no sample.
    renamed = f"scale=in_range=full:out_range=full,format={video.geometry.pix_fmt.name}," if video.full_range else ""
    return f"{renamed}setparams=range=limited,{clock}"
