"""Files of many kinds, really made and really scored: streams, damage, pictures, pipes, orders of samples."""

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinyvmaf.errors import MediaError, NotComparableError
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable, score_pair
from tinyvmaf.vmaf.media import Geometry, PairOptions, Video, both, damage, open_video, parse_size, pixel_format
from tinyvmaf.vmaf.media.geometry import RAW_FORMATS
from tinyvmaf.vmaf.media.matroska import wrong_checksums

SOURCE = "testsrc2=s=128x96:r=25:d=0.16,noise=alls=12:allf=t:all_seed=3"
Make = Callable[..., Path]


@pytest.fixture
def make(ffmpeg: FFmpeg, tmp_path: Path) -> Make:
    """Run FFmpeg in the test's folder; gives the file that it wrote, named last."""

    def run(*arguments: str) -> Path:
        command = [str(ffmpeg.path), "-y", "-v", "error", "-nostdin", *arguments]
        subprocess.run(command, check=True, timeout=60, cwd=tmp_path)
        return tmp_path / arguments[-1]

    return run


@pytest.fixture
def pair(make: Make) -> tuple[Path, Path]:
    source = make("-f", "lavfi", "-i", SOURCE, "-pix_fmt", "yuv420p", "-c:v", "ffv1", "src.mkv")
    return source, make("-i", "src.mkv", "-c:v", "libx264", "-crf", "35", "-threads", "1", "dis.mp4")


def mean(table: FrameTable) -> float:
    return table.pooled["vmaf_v0.6.1"]["mean"]


def test_covers_sound_and_other_streams_are_not_scored(pair: tuple[Path, Path], make: Make, ffmpeg: FFmpeg) -> None:
    right = mean(score_pair(*pair, ffmpeg=ffmpeg))
    make("-f", "lavfi", "-i", "testsrc2=s=128x96", "-frames:v", "1", "cover.png")
    more = make(
        *("-i", "cover.png", "-f", "lavfi", "-i", "sine=d=0.16", "-i", "dis.mp4", "-i", "src.mkv"),
        *("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-c:v", "copy", "-c:a", "aac", "-t", "0.16"),
        *("-disposition:v:0", "attached_pic", "-disposition:v:1", "default", "-disposition:v:2", "0", "more.mkv"),
    )
    table = score_pair(pair[0], more, ffmpeg=ffmpeg)
    assert mean(table) == right
    assert table.inputs is not None
    assert table.inputs.decided[0].endswith("(--stream N)")
    other = open_video(more, ffmpeg).stream + 1
    asked = score_pair(more, more, options=both(stream=other), ffmpeg=ffmpeg)
    assert mean(asked) > right


def test_a_file_without_video_says_what_it_has(make: Make, ffmpeg: FFmpeg) -> None:
    with pytest.raises(MediaError, match=r"sound\.m4a: it has no video, only 0 \(audio\)$"):
        open_video(make("-f", "lavfi", "-i", "sine=d=0.1", "sound.m4a"), ffmpeg)


def test_a_lost_packet_is_refused_or_listed(pair: tuple[Path, Path], make: Make, ffmpeg: FFmpeg) -> None:
    """Decoders conceal such an error: the frames are there, and wrong."""
    whole = make("-i", "src.mkv", "-c:v", "mpeg2video", "-q:v", "2", "-threads", "1", "whole.ts").read_bytes()
    broken = pair[0].with_name("broken.ts")
    packet = 188 * (len(whole) // 188 // 2)
    broken.write_bytes(whole[:packet] + whole[packet + 188 :])
    with pytest.raises(MediaError, match=r"broken\.ts.*(\n.*)*hint: --allow-errors"):
        score_pair(pair[0], broken, ffmpeg=ffmpeg)
    table = score_pair(pair[0], broken, options=PairOptions(allow_errors=True, sync="pts"), ffmpeg=ffmpeg)
    assert table.inputs is not None
    assert any("corrupt" in warning for warning in table.inputs.warnings)


def test_every_flipped_bit_of_a_matroska_part_is_seen(pair: tuple[Path, Path], make: Make, ffmpeg: FFmpeg) -> None:
    """The decoder sees most of them only as another picture."""
    good = make("-i", "dis.mp4", "-c", "copy", "good.mkv")
    data, bad = good.read_bytes(), good.with_name("bad.mkv")
    assert wrong_checksums(good) == []
    begin = data.index(b"\x1f\x43\xb6\x75")
    for at in np.linspace(begin + 20, data.rindex(b"\x1c\x53\xbb\x6b") - 1, 40, dtype=int):
        bad.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
        assert wrong_checksums(bad) == [begin]
    with pytest.raises(MediaError, match=r"bad\.mkv: the checksum of the part at byte .* is wrong|FFmpeg"):
        score_pair(pair[0], bad, ffmpeg=ffmpeg)


def test_errors_that_threads_hide_are_damage() -> None:
    """H.264 with threads counts no error for them, and prints no more than this."""
    lines = [
        "[h264 @ 0x55b49647e6c0] [info] concealing 12 DC, 12 AC, 12 MV errors in B frame",
        "[h264 @ 0x55b49647e6c0] [error] non-existing PPS 0 referenced",
        "[null @ 0x1] [error] Application provided invalid, non monotonically increasing dts to muxer in stream 0",
        "[Parsed_libvmaf_0 @ 0x1] [info] VMAF score: 99.0",
        "[mp2 @ 0x1] [error] Header missing",
        "[in#0/mpegts @ 0x1] [warning] Packet corrupt (stream = 0, dts = 126000).",
        "[in#0/mpegts @ 0x1] [warning] Packet corrupt (stream = 1, dts = 126000).",
        '[h264 @ 0x1] [warning] Failed to parse header of NALU (type 0): "Invalid data". Skipping NALU.',
        "[vist#0:1/h264 @ 0x1] [warning] DTS 601295421443, next:120000 st:1 invalid dropping",
    ]
    geometry = Geometry(128, 96, pixel_format("yuv420p"))
    inputs = [Video(Path("v.ts"), "container", geometry, 4, exact=False, decoders=("h264",), stream=1)]
    assert damage("\n".join(lines), inputs) == {
        "[h264] concealing 12 DC, 12 AC, 12 MV errors in B frame": {0},
        "[in#0/mpegts] Packet corrupt (stream = 1, dts = 126000).": {0},
        '[h264] Failed to parse header of NALU (type 0): "Invalid data". Skipping NALU.': {0},
        "[vist#0:1/h264] DTS 601295421443, next:120000 st:1 invalid dropping": {0},
    }


@pytest.mark.usefixtures("pair")
def test_a_video_that_is_turned_by_no_quarter_is_refused(make: Make, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """FFmpeg turns it, fills the corners with black, and warns."""
    make("-display_rotation", "30", "-i", "dis.mp4", "-c", "copy", "turned.mp4")
    with pytest.raises(MediaError, match=r"turned\.mp4: .*no quarter turn"):
        score_pair(tmp_path / "src.mkv", tmp_path / "turned.mp4", ffmpeg=ffmpeg)


@pytest.mark.usefixtures("pair")
def test_pictures_and_sequences(make: Make, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    (tmp_path / "10%d").mkdir()
    make("-i", "src.mkv", "-pix_fmt", "rgb24", "10%%d/p%03d.png")
    make("-i", "dis.mp4", "q%d.png")
    ref, dis = tmp_path / "10%d/p%03d.png", tmp_path / "q%d.png"
    with pytest.raises(NotComparableError, match="RGB"):
        score_pair(ref, dis, ffmpeg=ffmpeg)
    table = score_pair(ref, dis, options=both(matrix="bt709"), ffmpeg=ffmpeg)
    assert len(table) == 4
    assert mean(table) < 90
    alone = score_pair(tmp_path / "q1.png", tmp_path / "q1.png", options=both(matrix="bt709"), ffmpeg=ffmpeg)
    assert len(alone) == 1
    (tmp_path / "q3.png").unlink()
    with pytest.raises(MediaError, match="picture 3 is missing, between 1 and 4"):
        score_pair(ref, dis, ffmpeg=ffmpeg)
    with pytest.raises(MediaError, match="no such file"):  # only a person may name a pattern
        open_video(dis, ffmpeg)


def test_pictures_are_what_their_extension_says(make: Make, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", SOURCE)
    make(*source, "-f", "apng", "moving.png")
    assert open_video(tmp_path / "moving.png", ffmpeg).frames == 4
    make(*source, "-frames:v", "1", "still.jpg").rename(tmp_path / "still.png")
    with pytest.raises(MediaError, match=r"still\.png: it is not PNG, but JPEG"):
        open_video(tmp_path / "still.png", ffmpeg)
    make(*source, "q%02d.jpg")
    (tmp_path / "q02.jpg").write_bytes(b"")  # the disk was full
    with pytest.raises(MediaError, match=r"q02\.jpg: the file is empty"):
        score_pair(tmp_path / "q%02d.jpg", tmp_path / "q%02d.jpg", ffmpeg=ffmpeg)
    with pytest.raises(MediaError, match=r"no picture has such a name; q\d+\.jpg has 2 digits"):
        score_pair(tmp_path / "q%03d.jpg", tmp_path / "q%03d.jpg", ffmpeg=ffmpeg)


def test_a_pipe_gives_y4m_once(pair: tuple[Path, Path], make: Make, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    right = mean(score_pair(*pair, ffmpeg=ffmpeg))
    whole = make("-i", "src.mkv", "whole.y4m").read_bytes()
    pipe = tmp_path / "pipe.y4m"
    os.mkfifo(pipe)

    def through(content: bytes) -> FrameTable:
        writer = threading.Thread(target=pipe.write_bytes, args=(content,), daemon=True)
        writer.start()
        try:
            return score_pair(pipe, pair[1], ffmpeg=ffmpeg)
        finally:
            writer.join(5)

    assert mean(through(whole)) == right
    with pytest.raises(MediaError, match=r"pipe\.y4m: cut short in frame 3: 100 bytes are missing"):
        through(whole[:-100])
    with pytest.raises(NotComparableError, match="frame count 3 against 4"):
        through(whole[: -(128 * 96 * 3 // 2) - len("FRAME\n")])
    with pytest.raises(MediaError, match="a pipe must carry y4m"):
        through(b"no y4m\n")
    with pytest.raises(MediaError, match="only one input may be a pipe"):
        score_pair(pipe, Path("-"), ffmpeg=ffmpeg)
    with pytest.raises(MediaError, match="not a file"):  # only a person may name a pipe
        open_video(pipe, ffmpeg)


@pytest.mark.parametrize("name", ["nv12", "uyvy422", "p010le", "y210le", "p416le"])
def test_samples_in_another_order_are_the_same_samples(name: str, make: Make, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    planar = RAW_FORMATS[name].planar
    make("-f", "lavfi", "-i", SOURCE, "-pix_fmt", planar, "-frames:v", "1", "-f", "rawvideo", "planar.yuv")
    raw = ("-f", "rawvideo", "-video_size", "128x96", "-pixel_format")
    same = f"scale=in_range=full:out_range=full,format={name}"
    packed = make(*raw, planar, "-i", "planar.yuv", "-vf", same, "-f", "rawvideo", "packed.yuv")
    video = open_video(packed, ffmpeg, raw_geometry=Geometry(*parse_size("128x96"), pixel_format(name)))
    chain = ",".join(video.planar())
    make(*raw, name, "-i", "packed.yuv", "-vf", chain, "-f", "rawvideo", "back.yuv")
    assert (tmp_path / "back.yuv").read_bytes() == (tmp_path / "planar.yuv").read_bytes()


@pytest.mark.parametrize(("bits", "space"), [(8, "mono"), (10, "mono10")])
def test_gray_keeps_its_luma(bits: int, space: str, make: Make, ffmpeg: FFmpeg) -> None:
    """FFmpeg's scale filter changes the luma of deep gray that is tagged with a matrix."""
    pix_fmt = "yuv420p" if bits == 8 else "yuv420p10le"
    colour = make("-f", "lavfi", "-i", SOURCE, "-pix_fmt", pix_fmt, "-strict", "-1", "colour.y4m")
    gray = make("-i", "colour.y4m", "-vf", "extractplanes=y", "-strict", "-1", "gray.y4m")
    assert f" C{space}" in gray.read_bytes().split(b"\n", 1)[0].decode()
    tables = [score_pair(one, colour, options=PairOptions(chroma="420"), ffmpeg=ffmpeg) for one in (colour, gray)]
    np.testing.assert_array_equal(tables[0].column("vmaf_v0.6.1"), tables[1].column("vmaf_v0.6.1"))


def test_by_time_a_frame_is_shown_until_the_next_one_begins(make: Make, ffmpeg: FFmpeg) -> None:
    """The commonest use: a phone's film of varying rate against its encode of constant rate."""
    varying = ("-vf", "select='not(mod(n,3))+eq(n,1)',format=yuv420p", "-fps_mode", "vfr")
    source = make("-f", "lavfi", "-i", "testsrc2=s=128x96:r=30:d=0.4", *varying, "-c:v", "ffv1", "held.mkv")
    encode = make("-i", "held.mkv", "-vf", "fps=30", "-c:v", "libx264", "-crf", "30", "-threads", "1", "even.mp4")
    right = score_pair(make("-i", "held.mkv", "-vf", "fps=30", "-c:v", "ffv1", "even.mkv"), encode, ffmpeg=ffmpeg)
    by_time = score_pair(source, encode, options=PairOptions(sync="pts"), ffmpeg=ffmpeg)
    np.testing.assert_array_equal(by_time.column("vmaf_v0.6.1"), right.column("vmaf_v0.6.1"))
    # A reference that goes on after the encode, at twice the rate.
    double = make(*("-f", "lavfi", "-i", "testsrc2=s=128x96:r=50:d=0.4,format=yuv420p", "-c:v", "ffv1", "double.mkv"))
    half = make("-i", "double.mkv", "-vf", "fps=25", "-frames:v", "6", "-c:v", "libx264", "-crf", "30", "half.mp4")
    table = score_pair(double, half, options=PairOptions(sync="pts"), ffmpeg=ffmpeg)
    assert len(table) == 6
    assert table.inputs is not None
    assert table.inputs.warnings == (
        "14 of 20 reference frames have no partner: no distorted frame is shown with them",
    )
    short = make("-i", "double.mkv", "-frames:v", "4", "-c:v", "ffv1", "short.mkv")
    table = score_pair(short, double, options=PairOptions(sync="pts"), ffmpeg=ffmpeg)
    assert len(table) == 4
    assert table.inputs is not None
    assert table.inputs.distorted.frames == 20
    assert table.inputs.warnings == (
        "16 of 20 distorted frames have no partner: they are shown after the reference ended",
    )
