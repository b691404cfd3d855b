"""Luma of decoded frames: the samples as coded, for every kind of file, and a sentence where there are none."""

import io
import re
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.errors import MediaError
from tinyvmaf.vmaf.ffmpeg import FFmpeg, run
from tinyvmaf.vmaf.media import Reading, open_video
from tinyvmaf.vmaf.pictures import LumaFrame, luma_frames, pictures_of, read_luma

from ..fixture_types import Clip, Encode


def written(path: Path, frames: list[np.ndarray]) -> Path:
    """A raw 4:2:0 file of luma frames, its chroma grey."""
    grey = np.full(frames[0].size // 2, 128, frames[0].dtype).tobytes()
    path.write_bytes(b"".join(frame.tobytes() + grey for frame in frames))
    return path


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
def test_black_and_white_are_the_same_at_every_depth(bits: int) -> None:
    """Each picture is the float32 that is nearest to sample / (255 * 2^(bits - 8)), but no more than 1."""
    dtype: type[np.unsignedinteger] = np.uint8 if bits == 8 else np.uint16
    codes = np.unique([0, 1, 16 << (bits - 8), 235 << (bits - 8), 255 << (bits - 8), (1 << bits) - 1]).astype(dtype)
    found = pictures_of(codes.reshape(1, 1, -1), bits)
    assert found.dtype == np.float32
    assert found.shape == (1, 1, 1, len(codes))
    exact = [min(Fraction(1), Fraction(int(code), 255 << (bits - 8))) for code in codes]
    assert found.ravel().tolist() == [float(np.float32(float(value))) for value in exact]
    assert found.max() == 1.0


def test_one_frame_and_several_have_the_same_layout() -> None:
    samples = np.random.default_rng(0).integers(0, 256, (3, 64, 66)).astype(np.uint8)
    assert pictures_of(samples).shape == (3, 1, 64, 66)
    assert np.array_equal(pictures_of(samples[1]), pictures_of(samples)[1:2])


@pytest.mark.parametrize(
    ("samples", "bits", "says"),
    [
        (np.zeros((2, 2), np.float32), 8, "samples are float32 [2, 2]"),
        (np.zeros((1, 1, 2, 2), np.uint8), 8, "samples are uint8 [1, 1, 2, 2]"),
        (np.zeros((2, 2), np.uint16), 17, "17 bits per sample"),
        (np.full((2, 2), 1024, np.uint16), 10, "a sample is 1024, which has more than 10 bits"),
    ],
)
def test_what_is_no_luma_is_refused(samples: np.ndarray, bits: int, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        pictures_of(samples, bits)


@pytest.mark.parametrize(("pix_fmt", "dtype", "bits"), [("yuv420p", np.uint8, 8), ("yuv420p10le", np.uint16, 10)])
def test_samples_are_those_of_the_file(
    pix_fmt: str, dtype: type[np.unsignedinteger], bits: int, tmp_path: Path, ffmpeg: FFmpeg
) -> None:
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 1 << bits, (66, 70)).astype(dtype) for _ in range(5)]
    path, reading = written(tmp_path / "a.yuv", frames), Reading(size="70x66", pix_fmt=pix_fmt)
    found = list(read_luma(path, ffmpeg, reading=reading))
    assert [one.number for one in found] == [0, 1, 2, 3, 4]
    assert all(
        one.bits == bits and np.array_equal(one.samples, frame) for one, frame in zip(found, frames, strict=True)
    )
    some = list(read_luma(path, ffmpeg, reading=reading, frames=[4, 1]))
    assert [one.number for one in some] == [1, 4]
    assert np.array_equal(some[1].samples, frames[4])
    assert [one.number for one in read_luma(path, ffmpeg, reading=reading, every=3)] == [0, 3]
    assert np.array_equal(found[2].pictures(), pictures_of(frames[2], bits))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.y4m", "a.avi"])
def test_containers_give_what_ffmpeg_decodes(name: str, encode: Encode, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    codec = () if name.endswith("y4m") else ("-c:v", "libx264", "-pix_fmt", "yuv420p")
    path = encode(name, *codec, frames=4)
    run(ffmpeg, ["-i", f"file:{path}", "-pix_fmt", "yuv420p", "-f", "rawvideo", "plain.yuv"], cwd=tmp_path)
    plain = np.fromfile(tmp_path / "plain.yuv", np.uint8).reshape(4, -1)[:, : 128 * 96]
    assert np.array_equal(np.stack([one.samples.ravel() for one in read_luma(path, ffmpeg)]), plain)


def test_pictures_and_sequences_are_videos(encode: Encode, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    encode("shot%03d.jpg", "-q:v", "2", frames=3)
    (one,) = read_luma(tmp_path / "shot002.jpg", ffmpeg)
    three = list(read_luma(tmp_path / "shot%03d.jpg", ffmpeg))
    assert len(three) == 3
    assert np.array_equal(one.samples, three[1].samples)


def test_rgb_becomes_luma_of_limited_range_by_the_matrix_that_is_named(encode: Encode, ffmpeg: FFmpeg) -> None:
    path = encode("a.png", frames=1)
    with pytest.raises(MediaError, match=r"it is RGB \(rgb24\), and a model takes luma\n.*--matrix bt709"):
        read_luma(path, ffmpeg)
    found = [next(read_luma(path, ffmpeg, reading=Reading(matrix=name))).samples for name in ("bt601", "bt709")]
    assert not np.array_equal(found[0], found[1])
    assert all(samples.min() >= 16 and samples.max() <= 235 for samples in found)


def test_alpha_is_refused(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    graph = "testsrc2=size=64x64,format=rgba,colorchannelmixer=aa=0.5"
    run(ffmpeg, ["-f", "lavfi", "-i", graph, "-frames:v", "1", "half.png"], cwd=tmp_path)
    with pytest.raises(MediaError, match="alpha channel"):
        read_luma(tmp_path / "half.png", ffmpeg, reading=Reading(matrix="bt709"))


def test_a_pipe_is_read_once(encode: Encode, ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch) -> None:
    with encode("a.y4m", frames=3).open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        video = open_video(Path("-"), ffmpeg, typed=True)
        assert len(list(luma_frames(video, ffmpeg))) == 3
        with pytest.raises(MediaError, match="a pipe can be read only once"):
            list(luma_frames(video, ffmpeg))


def test_a_frame_that_is_not_there_is_named(encode: Encode, ffmpeg: FFmpeg) -> None:
    path = encode("a.mp4", frames=4)
    with pytest.raises(MediaError, match=r"a\.mp4: it has 4 frames, and no frame 7"):
        list(read_luma(path, ffmpeg, frames=[1, 7, 9]))


@pytest.mark.parametrize("asked", [{"every": 0}, {"frames": []}, {"frames": [-1]}, {"frames": [1], "every": 2}])
def test_numbers_of_frames_that_cannot_be_are_refused(asked: dict[str, object], encode: Encode, ffmpeg: FFmpeg) -> None:
    read: Callable[..., object] = read_luma
    with pytest.raises(ValueError, match="give numbers from 0 up"):
        read(encode("a.mp4", frames=2), ffmpeg, **asked)


def test_a_damaged_file_is_refused_unless_errors_are_allowed(encode: Encode, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    data = bytearray(
        encode("a.h264", "-c:v", "libx264", "-bsf:v", "filter_units=remove_types=6", frames=30).read_bytes()
    )
    for at in range(len(data) // 2, len(data) // 2 + 400):
        data[at] ^= 0x55
    path = tmp_path / "bad.h264"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"bad\.h264: "):
        list(read_luma(path, ffmpeg))
    assert list(read_luma(path, ffmpeg, allow_errors=True))


def test_frames_that_change_in_size_are_refused(encode: Encode, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    codec = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
    small, wide = encode("a.h264", *codec), encode("b.h264", *codec, size="160x96")
    path = tmp_path / "both.h264"
    path.write_bytes(small.read_bytes() + wide.read_bytes())
    with pytest.raises(MediaError, match=r"its frames change in the middle, from w:128 h:96 .* to w:160 h:96"):
        list(read_luma(path, ffmpeg))


def test_frames_come_one_by_one_and_ffmpeg_ends_after_the_last(clip: Clip, ffmpeg: FFmpeg) -> None:
    """Of 2000 frames, two are read: memory and time are those of two."""
    path = clip(frames=2000)
    frames = read_luma(path, ffmpeg, reading=Reading(size="128x96", pix_fmt="yuv420p"), frames=[0, 1])
    first = next(frames)
    assert isinstance(first, LumaFrame)
    assert [one.number for one in frames] == [1]
