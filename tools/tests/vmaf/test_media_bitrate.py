"""The bitrate of a stream is its packets' bytes over the time for which they are shown, in every container."""

import re
import subprocess
from pathlib import Path

import pytest

from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.media import both, open_video

from ..fixture_types import Clip, Encode

FRAMES, RATE = 10, 30
X264 = ("-c:v", "libx264")
RAW = ("-c:v", "rawvideo")
HIDDEN = ("-lag-in-frames", "8", "-auto-alt-ref", "1", "-b:v", "200k")  # with packets that show no frame


def stream_bytes(path: Path, ffmpeg: FFmpeg) -> int:
    """The bytes of the packets of the first video stream, as FFmpeg sums them up itself."""
    command = [str(ffmpeg.path), "-v", "verbose", "-nostdin", "-i", str(path), "-map", "0:v:0", "-c", "copy"]
    done = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True)
    found = re.search(r"packets muxed \((\d+) bytes\)", done.stderr)
    assert found
    return int(found[1])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", X264),
        ("a.mkv", (*X264, "-bf", "3")),
        ("a.ts", X264),
        ("a.avi", ("-c:v", "mpeg4")),
        ("vp8.webm", ("-c:v", "libvpx", *HIDDEN)),
        ("sound.mp4", ("-filter_complex", "sine=d=0.3[a]", "-map", "0:v", "-map", "[a]", *X264)),
        ("late.mp4", (*X264, "-output_ts_offset", "37")),
    ],
)
def test_it_is_bytes_over_time(name: str, options: tuple[str, ...], encode: Encode, ffmpeg: FFmpeg) -> None:
    path = encode(name, *options, frames=FRAMES)
    expected = 8 * stream_bytes(path, ffmpeg) / (FRAMES / RATE)
    assert open_video(path, ffmpeg).timing.bitrate == pytest.approx(expected, rel=2e-3)  # ticks of 1 ms


def test_a_clip_of_one_frame_has_the_time_that_its_packet_says(encode: Encode, ffmpeg: FFmpeg) -> None:
    path = encode("one.mp4", *X264, frames=1)
    expected = 8 * stream_bytes(path, ffmpeg) * RATE
    assert open_video(path, ffmpeg).timing.bitrate == pytest.approx(expected)


def test_what_has_no_times_or_is_not_encoded_has_no_bitrate(clip: Clip, encode: Encode, ffmpeg: FFmpeg) -> None:
    """FFmpeg would assume a frame rate for an elementary stream."""
    raw = both(size="128x96", pix_fmt="yuv420p").reference.raw_geometry()
    videos = [open_video(encode(name, *how), ffmpeg) for name, how in (("a.h264", X264), ("a.y4m", ()), ("a.nut", RAW))]
    assert [one.timing.bitrate for one in (*videos, open_video(clip(), ffmpeg, raw_geometry=raw))] == [None] * 4
