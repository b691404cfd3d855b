"""Pictures are those of the frames that were scored: the right frame of both inputs, in the right colours."""

import io
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tinyvmaf.errors import FFmpegError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf.pictures import GAIN, FramePictures, frame_pictures
from tinyvmaf.vmaf.media import PairOptions, Reading, open_pair
from tinyvmaf.vmaf.media.options import pair_options_of

from ..fixture_types import Encode

WIDTH, HEIGHT = 128, 96
LOSSLESS = ("-c:v", "libx264", "-qp", "0", "-preset", "ultrafast", "-bf", "0")
OPTIONS = PairOptions()
NEAR = 6.0  # codes: what JPEG loses in the mean of a block


def pixels(jpeg: bytes) -> NDArray[np.float64]:
    """Red, green and blue, `[H, W, 3]`."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), dtype=np.float64)


def decoded(path: Path, ffmpeg: FFmpeg, matrix: str = "bt601", levels: str = "limited") -> NDArray[np.float64]:
    """All frames as RGB, `[T, H, W, 3]`, as FFmpeg alone gives them."""
    convert = f"scale=in_color_matrix={matrix}:in_range={levels}:flags=accurate_rnd+full_chroma_int,format=rgb24"
    command = [str(ffmpeg.path), "-v", "error", "-nostdin", "-i", str(path), "-vf", convert, "-f", "rawvideo", "-"]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, HEIGHT, WIDTH, 3).astype(np.float64)


def pictures(
    reference: Path, distorted: Path, frames: list[int], ffmpeg: FFmpeg, options: PairOptions = OPTIONS
) -> list[FramePictures]:
    return frame_pictures(open_pair(reference, distorted, options, ffmpeg), frames, ffmpeg)


def off(picture: bytes, expected: NDArray[np.float64]) -> float:
    """The mean distance, in codes."""
    return float(np.abs(pixels(picture) - expected).mean())


@pytest.mark.parametrize(
    "distorted", [("d.mp4", "-c:v", "libx264", "-crf", "45", "-bf", "3"), ("d.webm", "-c:v", "libvpx", "-b:v", "90k")]
)
def test_frame_n_is_frame_n(distorted: tuple[str, ...], encode: Encode, ffmpeg: FFmpeg) -> None:
    """Also with B frames, hidden frames and an order that is not that of the clip."""
    ref, dis = encode("r.mp4", *LOSSLESS), encode(*distorted)
    found = pictures(ref, dis, [7, 0, 9], ffmpeg)
    assert [one.frame for one in found] == [7, 0, 9]
    for path, sides in ((ref, [one.reference for one in found]), (dis, [one.distorted for one in found])):
        frames = decoded(path, ffmpeg)
        distances = [[off(side, frame) for frame in frames] for side in sides]
        assert [int(np.argmin(row)) for row in distances] == [7, 0, 9]
        assert max(min(row) for row in distances) < NEAR


def test_the_difference_is_that_of_luma_and_brighter(encode: Encode, ffmpeg: FFmpeg) -> None:
    ref = encode("r.mp4", *LOSSLESS)
    dis = encode("d.mp4", "-vf", "lutyuv=y=val+6", *LOSSLESS)
    (one,) = pictures(ref, dis, [4], ffmpeg)
    assert pixels(one.difference).mean() == pytest.approx(6 * GAIN, abs=2.0)
    (same,) = pictures(ref, ref, [4], ffmpeg)
    assert pixels(same.difference).max() == 0.0


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p", "yuv444p12le"])
def test_every_format_has_its_colours(pix_fmt: str, encode: Encode, ffmpeg: FFmpeg) -> None:
    video = encode("v.mkv", "-pix_fmt", pix_fmt, "-c:v", "ffv1", frames=3)
    (one,) = pictures(video, video, [2], ffmpeg)
    assert off(one.reference, decoded(video, ffmpeg)[2]) < NEAR
    assert pixels(one.difference).max() == 0.0


def test_tags_of_matrix_and_range_are_followed(encode: Encode, ffmpeg: FFmpeg) -> None:
    tags = ("-vf", "setparams=colorspace=bt709:range=pc", "-color_range", "pc", "-colorspace", "bt709")
    video = encode("v.mkv", *tags, "-c:v", "ffv1", frames=3)
    (one,) = pictures(video, video, [1], ffmpeg)
    right = off(one.distorted, decoded(video, ffmpeg, "bt709", "full")[1])
    assert right < NEAR
    assert right < 0.7 * off(one.distorted, decoded(video, ffmpeg, "bt601", "full")[1])
    assert right < 0.7 * off(one.distorted, decoded(video, ffmpeg, "bt709", "limited")[1])


@pytest.mark.parametrize("matrix", ["bt709", "bt2020"])
def test_rgb_comes_back_as_it_was(matrix: str, encode: Encode, ffmpeg: FFmpeg) -> None:
    video = encode("v.mkv", "-vf", "gblur=sigma=4,format=gbrp", "-c:v", "ffv1", frames=2)
    (one,) = pictures(video, video, [1], ffmpeg, pair_options_of({"matrix": matrix}))
    assert off(one.reference, decoded(video, ffmpeg)[1]) < 4.0  # by another matrix: 7 and more


def test_by_timestamps_the_partner_is_the_one_that_was_scored(encode: Encode, ffmpeg: FFmpeg) -> None:
    """Every second frame of the distorted video was dropped: its frame 3 is the reference's frame 6."""
    ref = encode("r.mkv", *LOSSLESS)
    dis = encode("d.mkv", "-vf", "select='not(mod(n,2))'", "-fps_mode", "passthrough", *LOSSLESS, frames=5)
    (one,) = pictures(ref, dis, [3], ffmpeg, PairOptions(sync="pts"))
    assert off(one.distorted, decoded(ref, ffmpeg)[6]) < NEAR
    assert off(one.reference, decoded(ref, ffmpeg)[6]) < NEAR
    assert pixels(one.difference).max() == 0.0


def test_raw_and_a_larger_reference_are_read_as_for_the_score(encode: Encode, ffmpeg: FFmpeg) -> None:
    ref = encode("r.yuv", "-f", "rawvideo")
    dis = encode("d.mp4", *LOSSLESS, size="64x48")
    reading = Reading(size="128x96", pix_fmt="yuv420p")
    (one,) = pictures(ref, dis, [5], ffmpeg, PairOptions(reference=reading, scale="bicubic"))
    assert pixels(one.reference).shape == pixels(one.distorted).shape == (HEIGHT, WIDTH, 3)


def test_a_wide_picture_is_scaled_down(encode: Encode, ffmpeg: FFmpeg) -> None:
    video = encode("v.mp4", *LOSSLESS, frames=1, size="2560x128")
    (one,) = pictures(video, video, [0], ffmpeg)
    assert pixels(one.reference).shape == pixels(one.difference).shape == (64, 1280, 3)


def test_a_frame_that_is_not_there_is_an_error(encode: Encode, ffmpeg: FFmpeg) -> None:
    video = encode("v.mp4", *LOSSLESS, frames=3)
    assert pictures(video, video, [], ffmpeg) == []
    with pytest.raises(FFmpegError, match="decodes no frame 3"):
        pictures(video, video, [2, 3], ffmpeg)
