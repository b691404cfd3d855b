"""Files that FFmpeg opens: containers, pictures, sequences of pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.media.geometry import Geometry, frame_format
from tinyvmaf.vmaf.media.options import Reading
from tinyvmaf.vmaf.media.pictures import Opener
from tinyvmaf.vmaf.media.probe import probe
from tinyvmaf.vmaf.media.ranges import RANGES
from tinyvmaf.vmaf.media.samples import levels, opaque
from tinyvmaf.vmaf.media.video import WHITELIST, Timing, Video

# With a thread for each slice, these conceal damage without a word, and differently in each run.
_SILENT: Final = frozenset({"mpeg1video", "mpeg2video"})
_ONE_SLICE: Final = ("-thread_type", "frame")
CONTAINER = Opener("container", WHITELIST)


def open_with(opener: Opener, path: Path, ffmpeg: FFmpeg, reading: Reading, *, allow_errors: bool = False) -> Video:
    """Open a file with FFmpeg.

    Raises:
        MediaError: FFmpeg cannot read it, it has no video, or one of an unknown pixel format.
    """
    demuxer = opener.options if allow_errors else (*opener.options, *opener.strict)
    found = probe(path, ffmpeg, demuxer, reading.stream, url=opener.url, strict=not allow_errors)
    if opener.pictures and found.packets != opener.pictures:
        raise MediaError(f"{path}: FFmpeg reads {found.packets} of {opener.pictures} pictures")
    pix_fmt = frame_format(found.coded)
    if pix_fmt is None:
        raise MediaError(f"{path}: unknown pixel format {found.coded!r}", hint=_convert(path))
    turn = ""
    if found.direction is not None:
        # 4:2:2 that is turned by 90 degrees has no layout of its own: chroma is brought to 4:4:4, luma stays.
        turned = frame_format(pix_fmt.planar.replace("422", "444"))
        assert turned is not None
        turn, pix_fmt = f"scale=in_range=full:out_range=full,format={turned.name},transpose={found.direction}", turned
    video = Video(
        path,
        opener.kind,
        Geometry(found.width, found.height, pix_fmt),
        found.packets,
        exact=False,
        packets=found.packets,
        decoders=found.stream.decoders,
        full_range=found.full_range,
        colour=found.colour,
        stream=found.stream.index,
        interlaced=found.interlaced,
        sample_aspect=found.sample_aspect,
        coded=found.coded,
        turn=turn,
        film_grain=found.film_grain,
        input_options=(
            *(("-export_side_data", "film_grain") if found.film_grain and reading.film_grain == "off" else ()),
            *(_ONE_SLICE if _SILENT.intersection(found.stream.decoders) else ()),
        ),
        demuxer=opener.options,
        strict=opener.strict,
        url=opener.url,
        timing=found.timing if opener.timed else Timing(),
        chosen=tuple(filter(None, [found.choice, _grain(path, found.film_grain, reading)])),
    )
    if found.hidden_alpha:
        return replace(video, geometry=replace(video.geometry, pix_fmt=replace(pix_fmt, alpha=True)))
    if pix_fmt.alpha and opaque(video, ffmpeg):
        video = replace(
            video,
            geometry=replace(video.geometry, pix_fmt=replace(pix_fmt, alpha=False)),
            chosen=(*video.chosen, f"alpha of {path} is opaque in every frame: left out"),
        )
    stated = (found.container_range, found.full_range)
    if None not in stated and stated[0] != stated[1]:
        low, high = levels(video, ffmpeg)
        warning = (
            f"{path}: {RANGES[stated[0]]} range says the container, {RANGES[stated[1]]} the decoder: taken as "
            f"{RANGES[stated[0]]}; luma of the first frame is {low} to {high} (--range says which it is)"
        )
        return replace(video, full_range=stated[0], warnings=() if reading.range else (warning,))
    return video


def _grain(path: Path, present: bool, reading: Reading) -> str:
    if not present:
        return ""
    state = "left out" if reading.film_grain == "off" else "added by the decoder"
    return f"film grain of {path} is {state} (--film-grain on|off)"


def _convert(path: Path) -> str:
    return f"convert it without loss: ffmpeg -i {path} -pix_fmt yuv420p -c:v ffv1 converted.mkv"
