"""What a run says of its machine and of its commit."""

import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tinyvmaf.measure import environment


def test_a_machine_has_the_id_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    known = environment.machine()
    monkeypatch.setattr(os, "cpu_count", lambda: known.cores + 1)
    assert environment.machine().id != known.id
    monkeypatch.setattr(os, "cpu_count", lambda: known.cores)
    assert environment.machine().id == known.id
    monkeypatch.setattr(environment, "_cpu", lambda: "another")
    assert environment.machine().id != known.id


def test_the_processor_is_named_by_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel\t\t: 17\nmodel name\t: A: B\nmodel name\t: C\n", encoding="utf-8")
    assert environment._name_in(cpuinfo) == "A: B"
    cpuinfo.write_text("processor\t: 0\nCPU part\t: 0xd0c\n", encoding="utf-8")
    assert environment._name_in(cpuinfo) == ""
    assert environment._name_in(tmp_path / "none") == ""
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(environment, "output_of", lambda *command: " ".join(command))
    assert environment.machine().cpu == "sysctl -n machdep.cpu.brand_string"
    monkeypatch.setattr(platform, "system", lambda: "")
    for name in ("processor", "machine"):
        monkeypatch.setattr(platform, name, lambda: "")
    assert (environment.machine().cpu, environment.machine().os) == ("unknown", "unknown")


def git(folder: Path, *arguments: str) -> str:
    """Run git with a user and without the caller's settings."""
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, that home is."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "gates.toml").touch()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    monkeypatch.setenv("TINYVMAF_HOME", str(folder))
    return folder


def test_the_commit_is_that_of_the_checkout(checkout: Path) -> None:
    sha = git(checkout, "rev-parse", "HEAD")
    assert environment.commit() == (sha, False)
    (checkout / "untracked").touch()
    assert environment.commit() == (sha, False)
    (checkout / "gates.toml").write_text("changed", encoding="utf-8")
    assert environment.commit() == (sha, True)


def test_the_commit_is_not_that_of_a_hook(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert environment.commit() == (
        (checkout / ".git" / "refs" / "heads" / "main").read_text(encoding="utf-8").strip(),
        False,
    )


def test_a_folder_inside_of_a_repository_has_no_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the package is installed within another project's checkout."""
    (checkout / "inner").mkdir()
    (checkout / "inner" / "gates.toml").touch()
    monkeypatch.setenv("TINYVMAF_HOME", str(checkout / "inner"))
    assert environment.commit() == (None, None)


@pytest.mark.parametrize("way", ["no repository", "no commit", "no git", "slow git"])
def test_a_commit_that_is_not_known_is_none(way: str, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "no repository":
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(checkout.parent))
    if way in ("no repository", "no commit"):
        shutil.rmtree(checkout / ".git")
    if way == "no commit":
        git(checkout, "init", "-q")
    if way == "no git":
        monkeypatch.setenv("PATH", str(checkout))
    if way == "slow git":
        slow = checkout / "git"
        slow.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
        slow.chmod(0o755)
        monkeypatch.setenv("PATH", f"{checkout}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(environment, "_SECONDS", 0.2)
    started = time.monotonic()
    assert environment.commit() == (None, None)
    assert time.monotonic() - started < 30


def test_processors_of_one_name_that_can_do_more_are_another_machine(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    names = []
    for flags in ("fpu sse avx avx2 fma", "fpu avx2 sse fma avx nopl", "fpu sse avx avx2 avx512f fma"):
        cpuinfo.write_text(f"processor : 0\nmodel name : One Name\nflags : {flags}\n\nprocessor : 1\nflags : none\n")
        names.append(environment._instructions(cpuinfo))
    assert names[0] == names[1] == ["avx", "avx2", "fma", "sse"]
    assert names[2] != names[0]
    assert environment._instructions(tmp_path / "none") == []


def test_the_id_counts_what_the_processor_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    known = environment.machine()
    monkeypatch.setattr(environment, "_instructions", lambda: ["avx1024"])
    assert environment.machine().id != known.id
