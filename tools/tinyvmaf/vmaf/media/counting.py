"""How many frames FFmpeg decodes of a video."""

import re
from dataclasses import replace
from pathlib import Path

from tinyvmaf import scratch
from tinyvmaf.errors import FFmpegError, MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, run
from tinyvmaf.vmaf.media.probe import PROBE_TIMEOUT_S
from tinyvmaf.vmaf.media.symptoms import WAY_ON, sentence
from tinyvmaf.vmaf.media.video import Video


def count_by_decoding(video: Video, ffmpeg: FFmpeg, *, allow_errors: bool = False) -> Video:
    """The same video with the exact number of frames; a container is decoded for it.

    Raises:
        MediaError: the file cannot be decoded to its end.
    """
    if video.exact:
        return video
    arguments = [*video.input_arguments(allow_errors=allow_errors), "-map", f"0:{video.stream}", "-f", "null", "-"]
    with scratch.folder() as folder:
        try:
            stderr = run(ffmpeg, arguments, cwd=Path(folder), timeout=PROBE_TIMEOUT_S, stop_at_errors=not allow_errors)
        except FFmpegError as error:
            raise MediaError(f"{video.path}: {sentence(error, 'FFmpeg cannot read it')}", hint=WAY_ON) from error
    (frames,) = decoded_frames(stderr, [video], allow_errors=allow_errors)
    return replace(video, frames=frames, exact=True)


def decoded_frames(stderr: str, inputs: list[Video], *, allow_errors: bool = False) -> list[int]:
    """How many frames FFmpeg decoded of each input, from the summary that it prints at its end.

    Raises:
        MediaError: an input has no summary, or decoding errors that are not allowed.
    """
    counts = []
    for number, video in enumerate(inputs):
        summary = re.search(
            rf"Input stream #{number}:{video.stream} \(video\): .*?(\d+) frames decoded; (\d+) decode errors", stderr
        )
        if summary is None:
            raise MediaError(f"{video.path}: FFmpeg does not say how many frames it decoded")
        if int(summary[2]) and not allow_errors:
            raise MediaError(f"{video.path}: {summary[2]} decoding errors: the file is damaged", hint=WAY_ON)
        counts.append(int(summary[1]))
    return counts
