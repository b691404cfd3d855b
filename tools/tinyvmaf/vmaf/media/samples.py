"""Looks at the samples of a video where its tags do not decide."""

import re
from pathlib import Path

from tinyvmaf import scratch
from tinyvmaf.errors import FFmpegError, MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, run
from tinyvmaf.vmaf.media.probe import PROBE_TIMEOUT_S
from tinyvmaf.vmaf.media.symptoms import sentence
from tinyvmaf.vmaf.media.video import Video


def levels(video: Video, ffmpeg: FFmpeg) -> tuple[int, int]:
    """The smallest and the largest luma sample of the first frame."""
    values = _measured(video, ffmpeg, "extractplanes=y,signalstats", ("-frames:v", "1"))
    return min(values["YMIN"]), max(values["YMAX"])


def opaque(video: Video, ffmpeg: FFmpeg) -> bool:
    """Whether the alpha of every sample of every frame is at its maximum, so that alpha may be left out."""
    unpacked = "format=rgba," if video.coded == "pal8" else ""
    # 8 bits of alpha decide; signalstats reads what alphaextract gives.
    values = _measured(video, ffmpeg, f"{unpacked}alphaextract,format=gray,signalstats", ())
    return min(values["YMIN"]) == 255


def _measured(video: Video, ffmpeg: FFmpeg, filters: str, options: tuple[str, ...]) -> dict[str, list[int]]:
    arguments = [*video.input_arguments(), "-map", f"0:{video.stream}"]
    arguments += ["-vf", f"{filters},metadata=print:file=levels.txt", *options, "-f", "null", "-"]
    with scratch.folder() as folder:
        try:
            run(ffmpeg, arguments, cwd=Path(folder), timeout=PROBE_TIMEOUT_S)
            text = Path(folder, "levels.txt").read_text()
        except FFmpegError as error:
            raise MediaError(f"{video.path}: {sentence(error, 'FFmpeg cannot read it')}") from error
    found: dict[str, list[int]] = {}
    for name, value in re.findall(r"signalstats\.(YMIN|YMAX)=(\d+)", text):
        found.setdefault(name, []).append(int(value))
    return found
