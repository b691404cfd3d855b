"""Score one pair: everything that is asked for in one libvmaf pass."""

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyvmaf.errors import LogError, MediaError, NotComparableError, TinyvmafError
from tinyvmaf.vmaf.features import CANONICAL_FEATURES, Feature
from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg, run, tail
from tinyvmaf.vmaf.libvmaf.log import FrameTable, parse_log
from tinyvmaf.vmaf.libvmaf.probe import probe_id, probe_json, take_probes
from tinyvmaf.vmaf.media import (
    Geometry,
    Video,
    count_by_decoding,
    decoded_frames,
    open_video,
    parse_size,
    pixel_format,
    require_comparable,
)

LOG_NAME = "log.json"
SCALERS = ("bicubic",)
_FEATURE = re.compile(r"[a-z0-9_]+(:[a-z0-9_]+=[A-Za-z0-9_.+-]+)*")
_MODEL_ID = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Model:
    """A VMAF model for libvmaf to run; its scores come back as the column `id`."""

    id: str
    json: bytes | None = None
    """The model's JSON, or None for the one that is built into libvmaf under this id."""
    features: tuple[Feature, ...] = ()
    """Its features, if they are wanted to 12 decimals."""


def score_pair(
    reference: Path,
    distorted: Path,
    *,
    size: str | None = None,
    pix_fmt: str | None = None,
    models: Sequence[Model] = (Model("vmaf_v0.6.1"),),
    features: Sequence[str] = (),
    may_be_null: Sequence[str] = (),
    scale: str | None = None,
    threads: int | None = None,
    timeout: float | None = None,
    ffmpeg: FFmpeg | None = None,
    on_open: Callable[[Video, Video], None] | None = None,
    on_frame: Callable[[int, int], None] | None = None,
) -> FrameTable:
    """Score a distorted video against its reference with the real libvmaf.

    Both inputs are read first; they are compared only if frame size, pixel format, bit depth and frame count are
    the same. Frame n is compared with frame n, whatever the timestamps say.

    Args:
        size: `WxH` of raw yuv inputs.
        pix_fmt: pixel format of raw yuv inputs.
        models: VMAF models to score with; may be empty.
        features: further libvmaf features, as `name` or `name:option=value`, such as `psnr` or `float_ssim`.
        may_be_null: beginnings of names of further features that may have no value, and are NaN then (`psnr_hvs` of
            identical planes is infinite); for any other a missing value is an error.
        scale: `bicubic` scales the distorted input to the reference's size; None refuses different sizes.
        threads: libvmaf's threads; None for one a core.
        timeout: seconds until FFmpeg is ended.
        ffmpeg: the FFmpeg to use; None finds one.
        on_open: called with reference and distorted video once they are known to be comparable, and before they are
            scored; what it raises ends the call.
        on_frame: called with the frames done and the frames in all.

    Returns:
        Canonical-6 and the models' features to 12 decimals; everything that libvmaf logs, to its 6; among that a
        column for each model.

    Raises:
        FFmpegNotFoundError, MediaError, NotComparableError, FFmpegError, LogError: never a wrong number instead.
    """
    _check_request(models, features, scale)
    ffmpeg = ffmpeg or find_ffmpeg()
    geometry = _raw_geometry(size, pix_fmt)
    ref = open_video(reference, ffmpeg, raw_geometry=geometry)
    dis = open_video(distorted, ffmpeg, raw_geometry=geometry)
    if ref.frames != dis.frames and not (ref.exact and dis.exact):
        # Packets are not always frames, so before a pair is refused for its length, the frames are counted.
        ref, dis = count_by_decoding(ref, ffmpeg), count_by_decoding(dis, ffmpeg)
    require_comparable(ref, dis, scaled=scale is not None)
    if on_open is not None:
        on_open(ref, dis)

    probed = tuple({f.name: f for f in (*CANONICAL_FEATURES, *(f for m in models for f in m.features))}.values())
    with tempfile.TemporaryDirectory(prefix="tinyvmaf-") as folder:
        probes = [Model(probe_id(i), probe_json(feature)) for i, feature in enumerate(probed)]
        arguments = _arguments(ref, dis, [*models, *probes], features, scale, threads, Path(folder))
        total = ref.frames
        report = None if on_frame is None else (lambda done: on_frame(min(done, total), total))
        stderr = run(ffmpeg, arguments, cwd=Path(folder), timeout=timeout, on_frame=report)
        log = Path(folder, LOG_NAME)
        if not log.is_file():
            raise LogError(
                f"libvmaf wrote no log for frames of {ref.geometry}{tail(stderr)}",
                hint="some features, such as cambi and speed_chroma, are not defined for small frames",
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
    return take_probes(table, probed)


def _check_request(models: Sequence[Model], features: Sequence[str], scale: str | None) -> None:
    for feature in features:
        if not _FEATURE.fullmatch(feature):
            raise TinyvmafError(f"{feature!r} is not a libvmaf feature", hint="write name or name:option=value")
    ids = [model.id for model in models]
    for name in ids:
        if not _MODEL_ID.fullmatch(name):
            raise TinyvmafError(f"{name!r} is not a model id")
    if len(set(ids)) != len(ids):
        raise TinyvmafError(f"a model is named twice: {', '.join(ids)}")
    if scale is not None and scale not in SCALERS:
        raise TinyvmafError(f"unknown scaler {scale!r}", hint=f"known: {', '.join(SCALERS)}")


def _raw_geometry(size: str | None, pix_fmt: str | None) -> Geometry | None:
    if size is None and pix_fmt is None:
        return None
    if size is None or pix_fmt is None:
        raise MediaError("raw yuv needs both its frame size and its pixel format", hint="--size WxH --pix-fmt FORMAT")
    width, height = parse_size(size)
    return Geometry(width, height, pixel_format(pix_fmt))


def _arguments(
    ref: Video,
    dis: Video,
    models: Sequence[Model],
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
        # A log in the folder FFmpeg runs in, and names that need no escaping beyond the colon.
        f"log_path={LOG_NAME}",
        "log_fmt=json",
        f"n_threads={threads or os.cpu_count() or 1}",
        f"model='{'|'.join(chosen)}'",
    ]
    if features:
        options.append("feature='{}'".format("|".join("name=" + name.replace(":", r"\:") for name in features)))
    scaler = f"scale={ref.geometry.width}:{ref.geometry.height}:flags={scale}," if scale else ""
    graph = f"[0:v:0]{scaler}{_plain(dis)}[dis];[1:v:0]{_plain(ref)}[ref];[dis][ref]libvmaf={':'.join(options)}"
    return [
        *dis.input_arguments(),
        *ref.input_arguments(),
        # What we did not ask for must not happen: without this FFmpeg inserts scalers and converters by itself.
        "-noauto_conversion_filters",
        *("-filter_complex", graph, "-f", "null", "-"),
    ]


def _plain(video: Video) -> str:
    """Filters that hand frames on as samples alone: no clock, no range, none of FFmpeg's names for full range."""
    # libvmaf's filter pairs frames by timestamp; this makes it frame n against frame n.
    clock = "settb=1/25,setpts=N"
    # It does not know the yuvj formats, so such frames are called by their plain name; full to full changes no sample.
    renamed = f"scale=in_range=full:out_range=full,format={video.geometry.pix_fmt.name}," if video.full_range else ""
    return f"{renamed}setparams=range=limited,{clock}"
