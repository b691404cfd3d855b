"""`tinyvmaf score` without a reference, and models that see the decoded picture beside those of features."""

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from tinyvmaf.files import sha256
from tinyvmaf.measure.scoring import NOTE
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.pictures import read_luma
from tinyvmaf.vmaf.teacher import DEFAULT

from ..fixture_types import Clip, Encode
from ..model.picture_models import BYTE, Net, exact_filter, exact_score, float_score
from .picture_sidecars import written
from .test_cli import RAW, run

Tell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def nr(tmp_path: Path) -> str:
    """A model that needs no reference."""
    return written(tmp_path / "nr.onnx", exact_score())


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Run `score`."""
    return lambda *words: run(capsys, "score", *map(str, words))


def by_hand(path: Path, data: bytes, ffmpeg: FFmpeg) -> list[float]:
    """Each frame alone, through the engine."""
    with OnnxRuntimeCpu(data) as session:
        return [float(session.run_pictures(frame.pictures())[0]) for frame in read_luma(path, ffmpeg)]


def test_a_video_alone_gets_the_scores_of_its_frames(encode: Encode, tell: Tell, nr: str, ffmpeg: FFmpeg) -> None:
    video = encode("v.mp4", "-crf", "45", size="192x160")
    status, out, err = tell(video, "--model", nr, "--json")
    assert (status, err) == (0, "")
    log = json.loads(out)
    expected = by_hand(video, exact_score(), ffmpeg)
    assert [frame["metrics"] for frame in log["frames"]] == [{"nr": score} for score in expected]
    assert len(set(expected)) > 1
    assert log["note"] == NOTE
    assert log["models"] == {"nr": {"id": "nr", "sha256": sha256(exact_score()), "fitted_to": DEFAULT}}
    assert log["pooled_metrics"]["nr"]["mean"] == pytest.approx(np.mean(expected))
    assert log["input"]["format"] == "192x160 yuv420p"
    assert '"vmaf"' not in out  # no reader may take the estimate for VMAF
    assert log["worst_frames"][0]["score"] == min(expected)


def test_tables_say_that_it_is_no_vmaf(encode: Encode, tell: Tell, nr: str) -> None:
    video = encode("v.mp4")
    status, out, err = tell(video, "--model", nr)
    assert (status, err) == (0, "")
    assert f"nr: {NOTE}" in out
    assert "worst frames by nr:" in out
    status, out, _ = tell(video, "--model", nr, "--frames")
    assert status == 0
    assert "00:00:00.033" in out


def test_several_videos_need_a_word(encode: Encode, tell: Tell, nr: str, tmp_path: Path) -> None:
    """One that cannot be scored costs the others nothing, and the status says it."""
    videos = [encode("a.mp4"), encode("b.mp4", "-crf", "45"), encode("small.mp4", size="48x32")]
    out_csv, out_json = tmp_path / "o.csv", tmp_path / "o.json"
    status, out, err = tell(*videos, "--no-reference", "--model", nr, "--out", out_csv, "--out", out_json)
    assert status == 1
    small = f"{videos[2]}: frames of 48x32 are too small: models of pictures take 64x64 and more"
    assert err == f"tinyvmaf: not scored: {small}\n"
    assert out.count("nr") >= 2
    rows = list(csv.DictReader(io.StringIO(out_csv.read_text())))
    assert [(row["reference"], row["distorted"], row["metric"]) for row in rows] == [
        ("", str(videos[0]), "nr"),
        ("", str(videos[1]), "nr"),
        ("", str(videos[2]), ""),
    ]
    assert (rows[0]["sha256"], rows[2]["error"]) == (sha256(exact_score()), small)
    assert rows[0]["mean"] != rows[1]["mean"]
    listed = json.loads(out_json.read_text())["videos"]
    assert [one["video"] for one in listed] == [*map(str, videos)]
    assert listed[2]["error"] == small


def test_columns_of_csv_are_those_of_pairs(encode: Encode, tell: Tell, nr: str) -> None:
    ref, dis = encode("r.mp4", "-crf", "1"), encode("d.mp4", "-crf", "45")
    for frames in ([], ["--frames"]):
        pair = tell(ref, dis, "--csv", *frames)[1].splitlines()[0].split(",")
        alone = tell(dis, "--model", nr, "--csv", *frames)[1].splitlines()[0].split(",")
        assert alone[:4] == pair[:4]
        if not frames:
            assert alone == pair


def test_a_pair_gets_both_in_one_call(encode: Encode, tell: Tell, nr: str, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """The model sees the distorted video alone, at its own size; libvmaf sees it scaled."""
    ref, dis = encode("r.mp4", "-crf", "1"), encode("d.mp4", "-crf", "45", size="80x72")
    asked = [ref, dis, "--scale", "bicubic", "--model", nr, "--model", "tinyvmaf_nano"]
    page = tmp_path / "page.html"
    status, out, err = tell(*asked, "--json", "--plot", page)
    assert status == 0
    log = json.loads(out)
    scores = [frame["score"] for frame in log["no_reference"]["models"][0]["frames"]]
    assert scores == by_hand(dis, exact_score(), ffmpeg)
    assert log["no_reference"]["note"] == NOTE
    assert log["tiny_model"]["id"] == "tinyvmaf_nano"
    assert [one["id"] for one in log["teachers"].values()] == [DEFAULT]
    assert log["summary"]["nr"]["mean"] == pytest.approx(np.mean(scores))
    assert NOTE in page.read_text()
    assert "points from" not in err  # an estimate is far off, and that is no warning
    status, out, _ = tell(*asked)
    assert f"nr: {NOTE}" in out
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(tell(*asked, "--csv")[1]))}
    assert rows["nr"]["sha256"] == sha256(exact_score())


def test_what_the_media_room_opens_is_scored(
    encode: Encode, clip: Clip, tell: Tell, nr: str, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    assert tell(clip("raw.yuv"), *RAW, "--model", nr)[0] == 0
    assert tell(encode("v.y4m"), "--model", nr)[0] == 0
    video = encode("v10.mkv", "-pix_fmt", "yuv420p10le")
    assert tell(video, "--model", nr)[0] == 0
    subprocess.run([ffmpeg.path, "-v", "error", "-i", video, tmp_path / "p%03d.png"], check=True, timeout=60)
    status, _, err = tell(tmp_path / "p%03d.png", "--model", nr)
    assert status == 1
    assert "it is RGB" in err
    assert "--matrix bt709" in err
    status, out, err = tell(tmp_path / "p%03d.png", "--model", nr, "--matrix", "bt709")
    assert (status, err) == (0, "")
    assert "10 frames" in out


def test_unusual_video_is_scored_with_a_warning(encode: Encode, tell: Tell, nr: str) -> None:
    full = encode("full.mkv", "-vf", "scale=out_range=full", "-color_range", "pc")
    status, _, err = tell(full, "--model", nr)
    assert status == 0
    assert f"tinyvmaf: warning: {full} is full range: a model without a reference sees its samples as they are" in err


def test_samples_of_8_bits_are_for_models_of_bytes(encode: Encode, tell: Tell, tmp_path: Path, ffmpeg: FFmpeg) -> None:
    model = written(tmp_path / "bytes.onnx", exact_score(BYTE))
    video = encode("v.mp4")
    log = json.loads(tell(video, "--model", model, "--json")[1])
    assert [frame["metrics"]["bytes"] for frame in log["frames"]] == by_hand(video, exact_score(), ffmpeg)
    status, _, err = tell(encode("v10.mkv", "-pix_fmt", "yuv420p10le"), "--model", model)
    assert status == 1
    assert "samples of 10 bits, and bytes takes those of 8 bits alone" in err


def test_two_models_and_the_least(encode: Encode, tell: Tell, nr: str, tmp_path: Path) -> None:
    other = written(tmp_path / "other.onnx", float_score())
    video = encode("v.mp4")
    status, out, err = tell(video, "--model", nr, "--model", other, "--fail-under", "100.5")
    assert status == 1
    assert "the mean of nr is" in err
    assert "below --fail-under 100.5" in err
    assert "nr, other: predicted from the decoded picture alone" in out


def test_a_score_that_is_not_finite_is_the_models_fault(encode: Encode, tell: Tell, tmp_path: Path) -> None:
    net = Net()
    mean = net.add("ReduceMean", "luma", axes=[2, 3], keepdims=0)
    net.add("Log", net.add("Sub", mean, net.constant(2.0)), out="score")
    video = encode("v.mp4")
    status, out, err = tell(video, "--model", written(tmp_path / "bad.onnx", net.model("score")))
    assert (status, out) == (1, "")
    assert f"bad gives nan for frame 0 of {video}" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["v.mp4", "--model", "tinyvmaf_nano"], "tinyvmaf_nano takes features, which are measured against a reference"),
        (["v.mp4", "--model", "FILTER"], "filter is a filter: it gives pictures, and no score"),
        (["v.mp4"], "without a reference, one video and --model with a model of kind no_reference"),
        (["v.mp4", "--no-reference"], "without a reference, name a model of kind no_reference: --model ID|PATH"),
        (["--no-reference", "--model", "NR"], "name what to score: VIDEO..."),
        (["v.mp4", "--model", "NR", "--teacher", "neg"], "--teacher is for pairs: leave it out, or name REF and DIS"),
        (["v.mp4", "--model", "NR", "--feature", "psnr"], "--feature is for pairs"),
        (["v.mp4", "--model", "NR", "--match", "*"], "--match is for pairs"),
        (["v.mp4", "--model", "NR", "--interval"], "--interval is for pairs"),
        (["v.mp4", "--model", "NR", "--plot", "x.html"], "--plot is for pairs"),
        (["v.mp4", "--model", "NR", "--scale", "bicubic"], "--scale is for pairs"),
        (["v.mp4", "--model", "NR", "--sync", "pts"], "--sync is for pairs"),
        (["v.mp4", "--model", "NR", "--range", "full"], "--range is for pairs: a model without a reference sees"),
        (["v.mp4", "--model", "NR", "--stream", "0,1"], "--stream takes one value where there is no reference"),
        (["v.mp4", "--model", "NR", "--size", "8x8"], "--size and --pix-fmt are for raw files"),
        (["v.yuv", "--model", "NR"], "v.yuv: raw files have no header"),
        (["v.mp4", "--model", "NR", "--out", "x.txt"], "--out x.txt: the ending says the format"),
        ([".", "--model", "NR"], ". is a folder: name its files, such as *.mp4"),
        (["-", "v.mp4", "--no-reference", "--model", "NR"], "a pipe can be read once: score it alone"),
        (["r.mp4", "-", "--model", "NR"], "nr reads - a second time, and a pipe can be read once"),
        (["r.mp4", "d.mp4", "--sync", "pts", "--model", "NR"], "leave --sync pts out, or score it alone"),
        (["r.mp4", "d.mp4", "--model", "FILTER"], "filter is a filter: it gives pictures, and no score"),
    ],
)
def test_wrong_use_has_a_sentence(arguments: list[str], message: str, tell: Tell, nr: str, tmp_path: Path) -> None:
    named = {"NR": nr, "FILTER": written(tmp_path / "filter.onnx", exact_filter(), "filter")}
    status, out, err = tell(*(named.get(word, word) for word in arguments))
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((8256, 64), "frames of 8256x64 are too large: models of pictures take at most 8192x4320, or that turned"),
        ((64, 8256), "frames of 64x8256 are too large"),
        ((4352, 2176), "frames of 4352x2176 are larger than the 3840x2160 on which nr was tried: it is not registered"),
        ((128, 62), "frames of 128x62 are too small: models of pictures take 64x64 and more"),
    ],
)
def test_frames_of_a_size_that_is_not_promised_are_refused(
    size: tuple[int, int], message: str, tell: Tell, nr: str, tmp_path: Path
) -> None:
    width, height = size
    (tmp_path / "v.yuv").write_bytes(bytes(width * height * 3 // 2))
    asked = ["--size", f"{width}x{height}", "--pix-fmt", "yuv420p", "--model", nr]
    status, out, err = tell(tmp_path / "v.yuv", *asked)
    assert (status, out) == (1, "")
    assert message in err


def test_a_stop_leaves_no_process(encode: Encode, nr: str) -> None:
    """Ctrl-C in the middle of a video: one line, and FFmpeg is gone."""
    video = encode("v.mp4", "-preset", "ultrafast", frames=3000)
    command = [sys.executable, "-m", "tinyvmaf", "score", str(video), "--model", nr]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    began = time.monotonic()
    found: list[psutil.Process] = []
    while not found and process.poll() is None and time.monotonic() - began < 60:
        found = [one for one in psutil.Process(process.pid).children(recursive=True) if "-f rawvideo" in line(one)]
    assert found
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "tinyvmaf: interrupted\n")
    while any(map(line, found)) and time.monotonic() - began < 60:  # one that was just being started ends a bit later
        time.sleep(0.1)
    assert not any(map(line, found))


def line(process: psutil.Process) -> str:
    """Its command line; empty if it has ended."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
