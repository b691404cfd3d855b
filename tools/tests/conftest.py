"""Fixtures of the unit tests: small real videos, and an FFmpeg of the motion epoch before."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

from tinyvmaf.vmaf.ffmpeg import FFmpeg, find_ffmpeg

from .fixture_types import Clip, Encode

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SIZE, WIDTH, HEIGHT = "128x96", 128, 96
# How long a case takes says how busy the machine is: under coverage, one took twice Hypothesis' deadline.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
OLD_ENV = "TINYVMAF_TESTS_OLD_FFMPEG"


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the garbage collector need not look through it again and again."""
    if sys.flags.optimize:
        raise pytest.UsageError("Python's -O or PYTHONOPTIMIZE switches assertions off: no test would mean anything")
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's: an empty store, no data root, no set."""
    monkeypatch.setenv("TINYVMAF_CACHE", str(tmp_path / "cache"))
    for name in ("TINYVMAF_DATA_ROOT", "VMAF_DATA_ROOT", "TINYVMAF_EXTERNAL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sigint_is_heeded() -> Iterator[None]:
    """SIGINT ends what the test starts, also where pytest itself was started with SIGINT ignored, as by nohup."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Write a raw yuv420p clip of moving noise; `noise` is the strength of a distortion."""

    def write(
        name: str = "clip.yuv",
        *,
        frames: int = 4,
        noise: float = 0.0,
        folder: Path = tmp_path,
        size: tuple[int, int] = (WIDTH, HEIGHT),
    ) -> Path:
        width, height = size
        base = np.random.default_rng(0).normal(128, 30, (height, width + frames))
        spoil = np.random.default_rng(1)
        data = []
        for t in range(frames):
            luma = base[:, t : t + width] + noise * spoil.normal(size=(height, width))
            data.append(luma.clip(0, 255).astype(np.uint8).tobytes() + bytes([128]) * (width * height // 2))
        path = folder / name
        path.write_bytes(b"".join(data))
        return path

    return write


@pytest.fixture
def encode(ffmpeg: FFmpeg, tmp_path: Path) -> Encode:
    """Encode FFmpeg's test picture into a file whose name decides the container."""

    def write(name: str, *options: str, frames: int = 10, size: str = SIZE, folder: Path = tmp_path) -> Path:
        path = folder / name
        source = f"testsrc2=size={size}:rate=30,format=yuv420p"
        command = [str(ffmpeg.path), "-y", "-v", "error", "-nostdin", "-f", "lavfi", "-i", source]
        subprocess.run([*command, "-frames:v", str(frames), *options, f"file:{path}"], check=True, timeout=60)
        return path

    return write


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A real browser. Playwright's event loop runs in this thread, and no other can: it ends with the module."""
    from .browser import started  # imported here: slow

    with started() as one:
        yield one


@pytest.fixture(scope="session")
def old_ffmpeg() -> FFmpeg:
    """A real FFmpeg whose libvmaf is of the epoch before the mirror fix, put there by `tox -e tests`."""
    path = os.environ.get(OLD_ENV)
    if not path:
        if os.environ.get("CI"):
            pytest.fail(f"{OLD_ENV} is not set: run the tests through tox")
        pytest.skip(f"{OLD_ENV} is not set: run the tests through tox")
    (executable,) = [p for p in Path(path, "imageio_ffmpeg", "binaries").iterdir() if p.name.startswith("ffmpeg-")]
    executable.chmod(0o755)
    return find_ffmpeg(executable)
