"""FFmpeg is found in the documented order, refused with a reason, and never left running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tinyvmaf.errors import FFmpegError, FFmpegNotFoundError, MachineError
from tinyvmaf.vmaf.ffmpeg import ENV, FFmpeg, file_url, find_ffmpeg, run, stall, tail

from ..fixture_types import Clip

ENDLESS = ["-re", "-f", "lavfi", "-i", "testsrc2=size=64x64:rate=30", "-f", "null", "-"]


def running() -> list[psutil.Process]:
    """The FFmpegs that this process started; other tests may leave other children."""
    return [child for child in psutil.Process().children(recursive=True) if "ffmpeg" in child.name()]


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_imageio_ffmpeg_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV, raising=False)
    assert find_ffmpeg().origin == "imageio-ffmpeg"


def test_the_option_wins_over_the_variable_and_the_variable_over_imageio(
    ffmpeg: FFmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV, str(ffmpeg.path))
    assert find_ffmpeg().origin == ENV
    assert find_ffmpeg(ffmpeg.path).origin == "--ffmpeg"


def test_path_is_the_last_resort(ffmpeg: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV, raising=False)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "ffmpeg").symlink_to(ffmpeg.path)
    assert find_ffmpeg().origin == "PATH"


def test_a_build_without_the_filter_is_refused_with_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = script(tmp_path / "ffmpeg", "echo 'ffmpeg version 5.1.6 built with'; echo \"Unknown filter 'libvmaf'.\"")
    with pytest.raises(FFmpegNotFoundError, match=r"FFmpeg 5\.1\.6 at .*without the libvmaf filter"):
        find_ffmpeg(without)
    monkeypatch.setenv(ENV, str(without))
    with pytest.raises(FFmpegNotFoundError, match=f"{ENV}: .*without the libvmaf filter"):
        find_ffmpeg()  # a named FFmpeg is not silently replaced by another


def test_each_reason_is_given_when_none_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV, raising=False)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(script(tmp_path / "imageio", "exit 3")))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(FFmpegNotFoundError, match=r"imageio-ffmpeg: .*does not answer like FFmpeg.*PATH: none"):
        find_ffmpeg()


@pytest.mark.parametrize("content", ["", "no such thing"])
def test_what_is_not_an_executable_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ffmpeg"
    if content:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(FFmpegNotFoundError, match="not an executable file"):
        find_ffmpeg(path)


def test_the_last_lines_of_a_failure_are_shown(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    with pytest.raises(FFmpegError, match=r"exit status \d+; its last lines:(.|\n)*nowhere.mp4"):
        run(ffmpeg, ["-i", "nowhere.mp4", "-f", "null", "-"], cwd=tmp_path)


def test_a_run_past_its_time_limit_is_ended(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    with pytest.raises(FFmpegError, match=r"time limit of 0\.5 s"):
        run(ffmpeg, ENDLESS, cwd=tmp_path, timeout=0.5)
    assert not running()


def test_a_killed_ffmpeg_is_an_error(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    def kill(_: int) -> None:
        for child in running():
            child.kill()

    with pytest.raises(FFmpegError, match="killed by signal 9"):
        run(ffmpeg, ENDLESS, cwd=tmp_path, on_frame=kill)


def test_an_exception_in_on_frame_ends_ffmpeg(ffmpeg: FFmpeg, tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ffmpeg, ENDLESS, cwd=tmp_path, on_frame=interrupt)
    assert not running()


@pytest.mark.usefixtures("sigint_is_heeded")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_the_command_leaves_nothing_behind(
    number: signal.Signals, status: int, clip: Clip, tmp_path: Path
) -> None:
    """SIGINT and SIGTERM end FFmpeg and remove the temporary folder."""
    video, scratch = clip(frames=600), tmp_path / "scratch"
    scratch.mkdir()
    arguments = ["score", str(video), str(video), "--size", "128x96", "--pix-fmt", "yuv420p", "--threads", "1"]
    slow = [*arguments, "--feature", "cambi", "--feature", "psnr_hvs", "--feature", "float_ms_ssim"]
    command = subprocess.Popen(
        [sys.executable, "-m", "tinyvmaf", *slow],
        env=os.environ | {"TMPDIR": str(scratch)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 30
    while not any(scratch.rglob("model0.json")):  # it is there just before FFmpeg starts to score
        assert command.poll() is None, command.stderr
        assert time.monotonic() < deadline
        time.sleep(0.01)
    while not children and command.poll() is None:
        children = psutil.Process(command.pid).children()
    command.send_signal(number)
    command.communicate(timeout=30)
    assert command.returncode == status
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not list(scratch.iterdir())


def test_tail_prefers_warnings_and_errors() -> None:
    assert "built with" not in tail("[info] built with\n[error] No space left on device\n")
    assert "built with" in tail("[info] built with\n")
    assert tail("") == "; it printed nothing"
    assert tail("\n".join(f"line {i}" for i in range(99))).count("\n") == 12


def test_file_url_leaves_no_character_special() -> None:
    assert file_url(Path("/a/b:c%03d?.yuv")) == "file:/a/b:c%03d?.yuv"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process does")
def test_an_ffmpeg_that_stands_still_is_ended(ffmpeg: FFmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it waits for a pipe that nobody writes; one that works, and takes longer, is left alone."""
    monkeypatch.setattr(stall, "_EVERY_S", 0.05)
    monkeypatch.setattr(stall, "_LOOKS", 6)
    pipe = tmp_path / "pipe.y4m"
    os.mkfifo(pipe)
    with pytest.raises(MachineError, match="FFmpeg stood still without an error and was ended"):
        run(ffmpeg, ["-i", file_url(pipe), "-f", "null", "-"], cwd=tmp_path)
    assert not running()
    run(ffmpeg, ["-f", "lavfi", "-i", "testsrc2=size=1280x720:duration=12", "-f", "null", "-"], cwd=tmp_path)
