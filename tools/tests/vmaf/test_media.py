"""A file's geometry is read or given, never guessed, and each fault of a file has its own message."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.errors import MediaError, NotComparableError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.media import (
    PIXEL_FORMATS,
    Geometry,
    Video,
    count_by_decoding,
    decoded_frames,
    open_video,
    parse_size,
    pixel_format,
    require_comparable,
)
from tinyvmaf.vmaf.media.video import Timing
from tinyvmaf.vmaf.media.y4m import open_y4m

from ..fixture_types import Encode

QCIF = Geometry(176, 144, PIXEL_FORMATS["yuv420p"])


def y4m(header: bytes = b"YUV4MPEG2 W16 H8 F25:1 C420jpeg\n", frames: int = 2, frame_bytes: int = 192) -> bytes:
    return header + (b"FRAME\n" + bytes(frame_bytes)) * frames


@pytest.mark.parametrize(
    ("size", "name", "expected"),
    [
        ((1920, 1080), "yuv420p", 3110400),
        ((576, 324), "yuv420p10le", 559872),
        ((5, 3), "yuv420p", 15 + 2 * 6),
        ((5, 3), "yuv422p", 15 + 2 * 9),
        ((5, 3), "yuv444p16le", 90),
    ],
)
def test_bytes_of_a_frame(size: tuple[int, int], name: str, expected: int) -> None:
    """Odd sides round chroma up, as FFmpeg does."""
    assert Geometry(*size, PIXEL_FORMATS[name]).frame_bytes == expected


@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    name=st.sampled_from(sorted(PIXEL_FORMATS)),
    frames=st.integers(1, 4),
    over=st.integers(0, 3),
)
def test_raw_is_a_whole_number_of_frames_or_refused(
    tmp_path_factory: pytest.TempPathFactory, width: int, height: int, name: str, frames: int, over: int
) -> None:
    geometry = Geometry(width, height, PIXEL_FORMATS[name])
    path = tmp_path_factory.getbasetemp() / "law.yuv"
    size = geometry.frame_bytes * frames + over
    path.write_bytes(bytes(size))
    whole = size % geometry.frame_bytes == 0
    try:
        assert open_video(path, None, raw_geometry=geometry).frames == size // geometry.frame_bytes  # type: ignore[arg-type]
        assert whole
    except MediaError as error:
        assert not whole
        assert "not a whole number of frames" in error.message  # noqa: PT017


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.yuv", None, "no such file"),
        ("empty.yuv", b"", "the file is empty"),
        ("empty.mp4", b"", "the file is empty"),
        ("short.yuv", bytes(100), "100 bytes are not a whole number of frames"),
        ("a.y4m", b"not y4m at all", "is not y4m"),
        ("b.y4m", b"YUV4MPEG2 W16 H8", "header is cut short"),
        ("c.y4m", y4m(b"YUV4MPEG2 W0 H8 C420\n"), "not a frame size"),
        ("d.y4m", y4m(b"YUV4MPEG2 W16 H8 C412\n"), "unknown y4m pixel format C412"),
        ("e.y4m", y4m(frames=0), "no frames"),
        ("f.y4m", y4m()[:-1], "cut short in frame 1: 1 bytes are missing"),
        ("g.y4m", y4m() + b"FRAMX\n", "no FRAME marker before frame 2"),
        ("h.mp4", b"\x00\x00\x00\x18ftypmp42 and no more", "FFmpeg cannot read it"),
        ("i.txt", b"words", "FFmpeg cannot read it"),
    ],
)
def test_each_fault_of_a_file_has_its_own_message(
    name: str, content: bytes | None, message: str, tmp_path: Path, ffmpeg: FFmpeg
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=message) as caught:
        open_video(path, ffmpeg, raw_geometry=QCIF)
    assert str(path) in caught.value.message


def test_a_folder_is_not_a_video(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    with pytest.raises(MediaError, match="not a file"):
        open_video(tmp_path, ffmpeg)


def test_raw_needs_a_geometry(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = tmp_path / "a.yuv"
    path.write_bytes(bytes(6))
    with pytest.raises(MediaError, match=r"no header\n  hint: .*--size"):
        open_video(path, ffmpeg)


def test_an_audio_file_has_no_video(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(
        b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00"
        b"\x02\x00\x10\x00data\x00\x00\x00\x00"
    )
    with pytest.raises(MediaError, match=r"a\.wav"):
        open_video(path, ffmpeg)


@pytest.mark.parametrize("text", ["", "1920", "0x10", "10x0", "-1x5", "1e3x5", "99999x9", "1920x1080p", "1920 x 1080"])
def test_a_malformed_size_is_refused(text: str) -> None:
    with pytest.raises(MediaError, match="not a frame size"):
        parse_size(text)


def test_an_unknown_pixel_format_names_the_known_ones() -> None:
    with pytest.raises(MediaError, match=r"'rgb24'\n  hint: raw files may have yuv420p, "):
        pixel_format("rgb24")


def test_y4m_is_counted_frame_by_frame(tmp_path: Path, ffmpeg: FFmpeg) -> None:
    """Frame headers differ in length, so the number of frames cannot be computed from the file's size."""
    path = tmp_path / "a.y4m"
    path.write_bytes(y4m(frames=2) + b"FRAME Ip\n" + bytes(192))
    video = open_video(path, ffmpeg)
    assert (video.frames, video.exact, str(video.geometry)) == (3, True, "16x8 yuv420p")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.webm", "a.y4m", "spaces and é.mp4"])
def test_containers_are_read(name: str, encode: Encode, ffmpeg: FFmpeg) -> None:
    video = count_by_decoding(open_video(encode(name), ffmpeg), ffmpeg)
    assert (video.frames, str(video.geometry)) == (10, "128x96 yuv420p")


DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"
profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="1" bandwidth="1"><BaseURL>{film}</BaseURL></Representation></AdaptationSet></Period></MPD>
"""
HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("name", "film", "content"),
    [
        ("dash.mp4", "film.mp4", DASH),
        ("hls.m3u8", "film.ts", HLS),
        ("concat.mp4", "film.mp4", "ffconcat version 1.0\nfile film.mp4"),
    ],
)
def test_a_playlist_is_refused(
    name: str, film: str, content: str, encode: Encode, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    """FFmpeg goes by content: it would read the film that a playlist lists, under any file name."""
    (tmp_path / name).write_text(content.format(film=encode(film)), encoding="utf-8")
    with pytest.raises(MediaError, match="FFmpeg cannot read it"):
        open_video(tmp_path / name, ffmpeg)


def test_a_file_whose_name_is_a_pattern_is_that_file(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """FFmpeg would read f1.ppm and f2.ppm."""
    for name, size in (("f%01d.ppm", 1), ("f1.ppm", 2), ("f2.ppm", 2)):
        (tmp_path / name).write_text(f"P3 {size} {size} 255{' 0 0 0' * size**2}")
    picture = open_video(tmp_path / "f%01d.ppm", ffmpeg)
    assert (picture.kind, picture.frames, picture.geometry.width) == ("picture", 1, 1)


def test_hidden_packets_are_not_frames(encode: Encode, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """VP8's alternate reference frames are packets without a visible frame."""
    log = str(tmp_path / "log")
    options = ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "10", "-passlogfile", log)
    encode("first.webm", *options, "-pass", "1", frames=18)
    video = open_video(encode("a.webm", *options, "-pass", "2", frames=18), ffmpeg)
    assert not video.exact
    assert video.frames > 18
    assert count_by_decoding(video, ffmpeg).frames == 18


def test_a_damaged_stream_is_refused(encode: Encode, ffmpeg: FFmpeg) -> None:
    path = encode("a.mkv", frames=30)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"a\.mkv: "):
        count_by_decoding(open_video(path, ffmpeg), ffmpeg)


def test_an_rgb_video_is_refused(encode: Encode, ffmpeg: FFmpeg) -> None:
    rgb = open_video(encode("a.mkv", "-pix_fmt", "bgr0", "-c:v", "ffv1"), ffmpeg)
    with pytest.raises(NotComparableError, match=r"a\.mkv: it is RGB \(bgr0\)(.|\n)*--matrix bt709"):
        require_comparable(rgb, rgb)


def video(geometry: Geometry, frames: int = 3) -> Video:
    return Video(Path("v"), "raw", geometry, frames, exact=True)


def test_every_difference_of_a_pair_is_named() -> None:
    other = Geometry(88, 72, PIXEL_FORMATS["yuv444p10le"])
    with pytest.raises(NotComparableError) as caught:
        require_comparable(video(QCIF), video(other, 4))
    for word in ("frame size", "chroma layout", "bit depth", "frame count 3 against 4", "--scale"):
        assert word in str(caught.value)


def test_scaling_allows_another_size_but_no_other_difference() -> None:
    require_comparable(video(QCIF), video(Geometry(88, 72, QCIF.pix_fmt)), scaled=True)
    with pytest.raises(NotComparableError, match="bit depth"):
        require_comparable(video(QCIF), video(Geometry(88, 72, PIXEL_FORMATS["yuv420p10le"])), scaled=True)


def test_missing_frame_counts_are_an_error() -> None:
    with pytest.raises(MediaError, match="does not say how many frames"):
        decoded_frames("", [video(QCIF)])


@pytest.mark.parametrize("rate", [f"1:{10**400}", f"{10**400}:1", "0:0", "1:0", "-25:1", "25", ":", "2147483648:1"])
def test_a_rate_that_is_none_is_not_stated(rate: str, tmp_path: Path) -> None:
    """The times of one frame in 10^400 seconds are no floats."""
    path = tmp_path / "odd.y4m"
    path.write_bytes(y4m(f"YUV4MPEG2 W16 H8 F{rate} C420jpeg\n".encode()))
    with path.open("rb") as file:
        video = open_y4m(path, file, path.stat().st_size)
    assert (video.frames, video.timing) == (2, Timing())
