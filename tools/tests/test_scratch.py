"""Temporary folders and files: removed by their owner, else by the next run; and nothing of anybody else."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinyvmaf import files, scratch

OWNER = """
import sys, time
from pathlib import Path
from tinyvmaf import scratch
with scratch.folder() as here, scratch.folder(Path(sys.argv[1])) as there:
    (here / "deep").mkdir()
    (here / "deep" / "file").write_text("x")
    (there / "link").symlink_to(sys.argv[2])
    print(here, there, flush=True)
    time.sleep(60)
"""
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX")


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(scratch, "_swept", set[Path]())
    yield
    assert not list((tmp_path / "tmp").glob("tinyvmaf-*-????????")) or "keeps" in os.environ["PYTEST_CURRENT_TEST"]


def owner(tmp_path: Path) -> tuple["subprocess.Popen[str]", Path, Path]:
    """A process with a folder in TMPDIR and one beside an output, in which a link leads out."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), str(tmp_path / "precious")],
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    here, there = map(Path, process.stdout.readline().split())
    return process, here, there


def test_a_folder_is_private_and_goes_with_its_block() -> None:
    with scratch.folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").write_text("x", encoding="utf-8")
    assert not folder.exists()


def test_the_next_run_removes_what_a_killed_one_left_and_not_what_another_uses(tmp_path: Path) -> None:
    process, here, there = owner(tmp_path)
    with scratch.folder(), scratch.folder(tmp_path):
        assert here.exists()
        assert there.exists()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with scratch.folder(), scratch.folder(tmp_path):  # once in a process
        assert here.exists()
    scratch._swept.clear()
    with scratch.folder():
        assert not here.exists()
        assert there.exists()
    with scratch.folder(tmp_path):
        assert not there.exists()
    assert (tmp_path / "precious" / "file").exists()


def test_nothing_else_is_removed_and_links_are_not_followed_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp = tmp_path / "tmp"
    ours = f"{scratch._PREFIX}abcdefgh"
    with scratch.folder() as folder:
        machine = folder.name[:-8]
    assert ours.startswith(machine)
    others = ["tinyvmaf-abcdefgh", "tinyvmaf-00000000-abcdefgh", f"{ours}.txt", f"x{ours}", ours[:-1]]
    for name in others:
        (tmp / name).mkdir()
    (tmp_path / "away").mkdir(0o755)
    (tmp / f"{ours[:-1]}0").symlink_to(tmp_path / "away", target_is_directory=True)
    os.mkfifo(tmp / f"{ours[:-1]}1")
    (tmp / f"{ours[:-1]}2").mkdir()
    scratch._swept.clear()
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)  # as if all were somebody else's
    with scratch.folder():
        assert (tmp / f"{ours[:-1]}2").exists()
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp))
    monkeypatch.setattr(scratch, "_swept", set[Path]())
    with scratch.folder():
        left = {path.name for path in tmp.iterdir()}
        assert f"{ours[:-1]}2" not in left
        assert {*others, f"{ours[:-1]}0", f"{ours[:-1]}1"} <= left
    assert stat.S_IMODE((tmp_path / "away").stat().st_mode) == 0o755


def test_a_file_is_written_whole_or_not_at_all_and_its_rest_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "out" / "file.json"
    files.write_atomic(path, "before")
    code = f"""
import os, pathlib
from tinyvmaf import files
pathlib.Path.replace = lambda *_: os.kill(os.getpid(), {signal.SIGKILL:d})
files.write_atomic(pathlib.Path({str(path)!r}), "after")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert len(list(path.parent.iterdir())) == 2
    assert path.read_text(encoding="utf-8") == "before"
    scratch._swept.clear()
    files.write_atomic(path, "after")
    assert [one.name for one in path.parent.iterdir()] == ["file.json"]
    assert path.read_text(encoding="utf-8") == "after"


def test_what_another_process_swept_just_now_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the making of a folder and its lock."""
    made, swept = tempfile.mkdtemp, list[str]()

    def swept_at_once(suffix: str | None, prefix: str | None, folder: str | None) -> str:
        path = made(suffix, prefix, folder)
        if not swept:
            swept.append(path)
            Path(path).rmdir()
        return path

    monkeypatch.setattr(tempfile, "mkdtemp", swept_at_once)
    with scratch.folder() as folder:
        assert folder.is_dir()
        assert [str(folder)] != swept


def test_onnx_runtime_writes_no_files(tmp_path: Path) -> None:
    """Its telemetry puts some into $TMPDIR and $HOME as it is imported."""
    code = "from tinyvmaf.model.engines.onnxruntime_cpu import import_onnxruntime as found\nfound().InferenceSession"
    variables = {"TMPDIR": str(tmp_path / "tmp"), "HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    others = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    subprocess.run([sys.executable, "-c", code], env=others | variables, check=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
