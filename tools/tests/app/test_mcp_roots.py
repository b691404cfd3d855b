"""Only files below the roots are read, for every form of path and even if it is exchanged meanwhile."""

import os
import sys
import threading
from pathlib import Path

import pytest

from tinyvmaf.app.mcp_server.roots import OutsideError, Roots
from tinyvmaf.errors import TinyvmafError

LIMIT = 100


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.yuv").write_bytes(b"inside")
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root-2" / "a.yuv").write_bytes(b"outside")
    return folder


@pytest.mark.parametrize("path", ["sub/a.yuv", "./sub//a.yuv", "sub/../sub/a.yuv", "link.yuv", "dir/a.yuv"])
def test_a_file_below_a_root_is_read_also_through_a_link(path: str, root: Path) -> None:
    (root / "link.yuv").symlink_to("sub/a.yuv")
    (root / "dir").symlink_to(root / "sub")
    roots = Roots([root])
    assert roots.read(path, LIMIT) == roots.read(str(root / path), LIMIT) == b"inside"
    assert roots.exists(path)
    with roots.opened(path) as opened:
        assert (opened.read_bytes(), opened.suffix) == (b"inside", ".yuv")
    assert not (sys.platform.startswith("linux") and opened.exists())


@pytest.mark.parametrize(
    "path",
    [
        "../root-2/a.yuv",
        "sub/../../root-2/a.yuv",
        "out.yuv",
        "out/a.yuv",
        "up/root-2/a.yuv",
        "loop",
        "/",
        "",
        "a\0b",
        "x" * 5000,
        "/etc/passwd",
        "../nothing",
    ],
)
def test_a_path_that_leads_out_is_refused_without_a_word_about_its_target(path: str, root: Path) -> None:
    outside = root.parent / "root-2"
    for name, to in {"out.yuv": outside / "a.yuv", "out": outside, "up": root.parent, "loop": root / "loop"}.items():
        (root / name).symlink_to(to)
    roots = Roots([root])
    for ask in (lambda: roots.read(path, LIMIT), lambda: roots.folder(path), lambda: roots.opened(path).__enter__()):
        with pytest.raises(OutsideError, match=r"is not below a root|is not a path") as raised:
            ask()
        assert "root-2/a.yuv" not in raised.value.message.replace(path, "")
    assert not roots.exists(path)


def test_several_roots_are_searched_in_turn(root: Path) -> None:
    other = root.parent / "root-2"
    roots = Roots([root, other, root])
    assert roots.folders == (root.resolve(), other.resolve())
    assert roots.read("a.yuv", LIMIT) == b"outside"
    assert roots.read("sub/a.yuv", LIMIT) == b"inside"
    with pytest.raises(TinyvmafError, match=r"'none\.yuv': No such file"):
        roots.read("none.yuv", LIMIT)


def test_without_a_root_no_file_is_read(root: Path) -> None:
    with pytest.raises(OutsideError, match="started without --root"):
        Roots([]).read(str(root / "sub" / "a.yuv"), LIMIT)


def test_a_root_that_is_not_a_folder_is_refused(root: Path) -> None:
    with pytest.raises(TinyvmafError, match=r"--root .*not a folder"):
        Roots([root / "sub" / "a.yuv"])


def test_a_file_above_the_limit_is_not_read(root: Path) -> None:
    os.mkfifo(root / "fifo.yuv")
    roots = Roots([root])
    for path, why in (("fifo.yuv", "not a regular file"), ("sub", "not a regular file")):
        with pytest.raises(TinyvmafError, match=why):
            roots.read(path, LIMIT)
    with pytest.raises(TinyvmafError, match="6 bytes or more"):
        roots.read("sub/a.yuv", 6)
    with pytest.raises(TinyvmafError, match="no such folder"):
        roots.folder("sub/a.yuv")


def test_without_proc_an_exchanged_file_is_detected(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyvmaf.app.mcp_server.roots._PROC", None)
    roots = Roots([root])
    assert roots.read("sub/a.yuv", LIMIT) == b"inside"
    with roots.opened("sub/a.yuv") as opened:
        assert opened == root.resolve() / "sub" / "a.yuv"
    reading = roots.opened("sub/a.yuv")
    opened = reading.__enter__()
    opened.unlink()
    opened.symlink_to(root.parent / "root-2" / "a.yuv")
    with pytest.raises(OutsideError, match="was exchanged while it was being opened"):
        reading.__exit__(None, None, None)


def test_a_path_exchanged_for_a_link_at_any_moment_never_leads_out(root: Path) -> None:
    """One thread swaps file and link at a path while another reads it."""
    place, file, link = root / "x.yuv", root / "file.tmp", root / "link.tmp"
    end = threading.Event()

    def exchange() -> None:
        while not end.is_set():
            file.write_bytes(b"inside")
            file.replace(place)
            link.symlink_to(root.parent / "root-2" / "a.yuv")
            link.replace(place)

    thread = threading.Thread(target=exchange)
    thread.start()
    read, refused, roots = 0, 0, Roots([root])
    try:
        while min(read, refused) < 50:
            try:
                with roots.opened("x.yuv") as opened:
                    assert opened.read_bytes() == b"inside"
                read += 1
            except TinyvmafError:
                refused += 1
    finally:
        end.set()
        thread.join()
