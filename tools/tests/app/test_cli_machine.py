"""What a machine lacks is one sentence with what to do: no traceback, no blame on an input, nothing half-written."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tinyvmaf import scratch
from tinyvmaf.app.cli import main
from tinyvmaf.errors import MachineError
from tinyvmaf.files import home, write_atomic
from tinyvmaf.machine import require_room

from ..effort import THOROUGH
from ..fixture_types import Clip, Encode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and folders of Linux")
NOWHERE = "/proc/nowhere"
"""Nobody, not even root, can make it."""


@pytest.fixture
def place(tmp_path: Path, clip: Clip, encode: Encode, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a corpus, a pair, the spec of a ladder and a golden file; the current folder."""
    for folder, name, noise in (("ref", "A_25fps", 0), ("dis", "A_1_90_100", 5)):
        (tmp_path / "root" / folder).mkdir(parents=True)
        clip(f"{name}.yuv", folder=tmp_path / "root" / folder, noise=noise)
    for path in tmp_path.rglob("*.yuv"):
        os.utime(path, (time.time() - 100,) * 2)
    encode("r.mkv", frames=3)
    encode("d.mkv", "-crf", "40", frames=3)
    (tmp_path / "ladder.toml").write_text(
        'geometry = "128x96:yuv420p"\nframes = 2\n'
        '[[codecs]]\nname = "libx264"\npreset = "veryfast"\nquality = 1\n'
        '[[sources]]\nname = "Pan"\nfps = 25\ngenerator = "testsrc2=size=128x96:rate=25"\nfilter = "format=yuv420p"\n'
        "rungs = [[48, 100]]\n",
        encoding="utf-8",
    )
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMANDS = {
    "score": "score r.mkv d.mkv --out {out}/s.json",
    "extract": "extract --data-root root --assume-dims 128x96 --out {out}/x.parquet",
    "ladder": "corpus build --spec ladder.toml --out {out}/ladder",
    "patterns": "golden patterns --to {out}/g",
    "train": "train --recipe linear --folds none --out {out}/c",
    "export": "export-teacher --out {out}/t",
    "certify": "certify {model}",
    "store": "store verify",
}


@contextmanager
def limit(which: int, value: int) -> Iterator[None]:
    before = resource.getrlimit(which)
    resource.setrlimit(which, (value, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(which, before)


@contextmanager
def nothing(patch: pytest.MonkeyPatch) -> Iterator[None]:
    del patch
    yield


def variables(**values: str) -> Callable[[pytest.MonkeyPatch], object]:
    """A condition: variables that are set; `""` removes one."""

    @contextmanager
    def condition(patch: pytest.MonkeyPatch) -> Iterator[None]:
        for name, value in values.items():
            patch.setenv(name, value) if value else patch.delenv(name, raising=False)
        yield

    return condition


def limited(which: int, value: int) -> Callable[[pytest.MonkeyPatch], object]:
    return lambda _: limit(which, value)


@contextmanager
def umask(patch: pytest.MonkeyPatch) -> Iterator[None]:
    del patch
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


XDG = {f"XDG_{name}": NOWHERE for name in ("CACHE_HOME", "CONFIG_HOME", "DATA_HOME", "STATE_HOME", "RUNTIME_DIR")}
CONDITIONS = {
    "out nowhere": nothing,
    "store nowhere": variables(TINYVMAF_CACHE=NOWHERE),
    "home nowhere": variables(TINYVMAF_CACHE="", HOME=NOWHERE, XDG_CACHE_HOME=""),
    "xdg nowhere": variables(TINYVMAF_CACHE="", **XDG),
    "temporary nowhere": variables(TMPDIR=NOWHERE),
    "no room": limited(resource.RLIMIT_FSIZE, 2048),
    "no room at all": limited(resource.RLIMIT_FSIZE, 0),
    "few files": limited(resource.RLIMIT_NOFILE, 64),
    "umask": umask,
}
SAMPLE = [
    ("score", "out nowhere"),
    ("score", "no room"),
    ("extract", "store nowhere"),
    ("ladder", "out nowhere"),
    ("ladder", "umask"),
    ("patterns", "no room"),
    ("store", "xdg nowhere"),
]
SAID = {
    ("score", "out nowhere"): "--out /proc/nowhere/s.json: no such folder",
    ("extract", "store nowhere"): "the store /proc/nowhere cannot be written",
    ("extract", "home nowhere"): "the store /proc/nowhere/.cache/tinyvmaf cannot be written",
    ("extract", "no room"): "digests.sqlite cannot be",
    ("ladder", "out nowhere"): "/proc/nowhere",
}
"""What an answer has; every other cell may also succeed."""


@pytest.mark.fuzz
@pytest.mark.parametrize(("name", "condition"), [(a, b) for a in COMMANDS for b in CONDITIONS] if THOROUGH else SAMPLE)
def test_what_a_machine_lacks_is_one_sentence(
    name: str, condition: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(NOWHERE) if condition == "out nowhere" else place / "out"
    words = COMMANDS[name].format(out=out, model=home() / "model/tinyvmaf_nano.onnx").split()
    with pytest.MonkeyPatch.context() as patch, CONDITIONS[condition](patch):  # type: ignore[attr-defined]
        status = main(words)
    shown = capsys.readouterr()
    if expected := SAID.get((name, condition)):
        assert status in (1, 2)
        assert expected in shown.err
    assert status in (0, 1, 2)
    if status:
        assert shown.err.startswith(("tinyvmaf: ", f"tinyvmaf {words[0]}: "))
        assert "hint: " in shown.err or "nowhere" in shown.err
        assert not any(f"tinyvmaf: {media}" in shown.err for media in ("r.mkv", "d.mkv", "A_1_90_100", "root"))
    files = [path for path in (place / "out").rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.startswith(".tinyvmaf")]
    if condition == "umask":
        assert files or name in ("certify", "store")
        assert {path.stat().st_mode & 0o777 for path in files} <= {0o600}


@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("redirection", "status"),
    [(">&-", 1), ("2>&-", 0), ("<&-", 0), ("<&- >&- 2>&-", 1), (">/dev/full", 1), ("2>/dev/full", 0)][
        :: 1 if THOROUGH else 3
    ],
)
def test_streams_may_be_closed_or_full(redirection: str, status: int, tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m tinyvmaf store ls {redirection}"
    environment = os.environ | {"TINYVMAF_CACHE": str(tmp_path)}
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, check=False, timeout=60)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("room", [0, 100, 4096 + 100])
def test_a_file_of_temporary_files_that_is_cut_off_shows(room: int) -> None:
    """FFmpeg does not say so when its messages do not fit."""
    with scratch.nameless() as file:
        file.write(bytes(room))
        file.flush()
        with limit(resource.RLIMIT_FSIZE, room + 50), pytest.raises(MachineError, match="File too large") as caught:
            require_room(file.fileno())
        assert caught.value.hint == "raise ulimit -f"
        require_room(file.fileno())


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_what_the_umask_leaves_and_another_keeps_its_permissions(mask: int, tmp_path: Path) -> None:
    path = tmp_path / "f"
    before = os.umask(mask)
    try:
        write_atomic(path, "new")
        assert path.stat().st_mode & 0o777 == 0o666 & ~mask
        path.chmod(0o640)
        write_atomic(path, "again")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_text(encoding="utf-8") == "again"
