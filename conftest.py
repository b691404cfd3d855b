"""One page: options, header, fixtures. The verdict is in tinyvmaf.verdict."""

import os
from pathlib import Path

import pytest

# The checkout that is tested, not a copy that may be installed: set before anything of tinyvmaf looks for it.
os.environ.setdefault("TINYVMAF_HOME", str(Path(__file__).parent))

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.ffmpeg import FFmpeg, find_ffmpeg
from tinyvmaf.files import home
from tinyvmaf.gates import Gates, load_gates

pytest_plugins = ["tinyvmaf.verdict"]

_VARIABLES = ("TINYVMAF_HOME", "TINYVMAF_FFMPEG", "TINYVMAF_GOLDEN_ROOT", "TINYVMAF_DATA_ROOT", "VMAF_DATA_ROOT")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tinyvmaf")
    group.addoption(
        "--ffmpeg", metavar="PATH", help="FFmpeg with the libvmaf filter (else $TINYVMAF_FFMPEG, else found)"
    )
    group.addoption("--data-root", metavar="DIR", help="corpus on disk to judge instead of the embedded one")
    group.addoption("--assume-dims", metavar="WxH[:FMT]", help="geometry of the raw files under --data-root")
    group.addoption("--record", action="store_true", help="write golden records anew; such a run always fails")
    group.addoption("--fail-not-checked", action="store_true", help="fail where something could not be checked")


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = [f"tinyvmaf home: {home()}"]
    lines += [f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ]
    try:
        lines.append(str(find_ffmpeg(config.getoption("--ffmpeg"))))
    except TinyvmafError as error:
        lines.append(f"FFmpeg: {error.message}")
    return lines


@pytest.fixture(scope="session")
def ffmpeg(pytestconfig: pytest.Config) -> FFmpeg:
    """The FFmpeg in use."""
    return find_ffmpeg(pytestconfig.getoption("--ffmpeg"))


@pytest.fixture(scope="session")
def gates() -> Gates:
    """Every bound of gates.toml."""
    return load_gates()
