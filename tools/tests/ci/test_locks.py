"""All that tox and CI install is pinned, and each file of it has a hash."""

import configparser
import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from ci import lock

TOX = configparser.ConfigParser(interpolation=None)
TOX.read_string((lock.ROOT / "tox.ini").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((lock.ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def locked(path: Path = lock.ALL) -> dict[str, str]:
    return lock.pins(path.read_text(encoding="utf-8"))


def test_the_locks_are_those_of_the_constraints() -> None:
    assert not lock.wrong()
    assert locked() == lock.pins(lock.CONSTRAINTS.read_text(encoding="utf-8"))
    assert locked(lock.OLD_FFMPEG) == {"imageio-ffmpeg": "0.6.0"}
    for path in (lock.ALL, lock.BOOTSTRAP, lock.PIP, lock.OLD_FFMPEG):
        files = lock.hashes(path.read_text(encoding="utf-8"))
        assert files.keys() == locked(path).keys()
        assert all(files.values()), path


def test_a_lock_that_does_not_fit_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = lock.ALL.read_text(encoding="utf-8")
    damaged = re.sub(r"^zict==\S+", "zict==0.1", text.replace("    --hash", "    #", 1), flags=re.MULTILINE)
    damaged = re.sub(r"^toolz==.*\n(?:    .*\n)+", "", damaged, flags=re.MULTILINE)
    monkeypatch.setattr(lock, "ALL", tmp_path / "all.txt")
    lock.ALL.write_text(damaged, encoding="utf-8")
    found = "\n".join(lock.wrong())
    assert "zict==0.1 is not what constraints.txt pins" in found
    assert "toolz is missing" in found
    assert "has no hash" in found


def test_builds_of_torch_without_cuda_have_hashes_too() -> None:
    files = lock.hashes(lock.ALL.read_text(encoding="utf-8"))["torch"]
    elsewhere = lock.hashes(lock.ELSEWHERE.read_text(encoding="utf-8"))
    assert elsewhere.keys() == {"torch"}
    assert set(elsewhere["torch"]) < set(files)


def requirements() -> set[str]:
    """Each package that a project table or tox.ini names, as indexes compare names."""
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    wanted += PROJECT["build-system"]["requires"]
    for section in TOX.sections():
        for key in ("deps", "requires"):
            wanted += [line for line in TOX[section].get(key, "").splitlines() if line]
    return {lock.normal(re.split(r"[>=<\[;~ ]", name)[0]) for name in wanted}


def test_nothing_that_is_asked_for_is_outside_the_lock() -> None:
    assert {"tox", "hatchling", "editables"} <= locked().keys()
    assert requirements() <= locked().keys()


def test_each_environment_installs_by_the_lock() -> None:
    """An environment that set its own installer, constraints or index would leave it."""
    for name in ("testenv", "testenv:.pkg", "testenv:.pkg_external"):
        assert TOX[name]["constraints"] in {"{tox_root}{/}locks{/}all.txt", "{[testenv]constraints}"}
    for name in TOX.sections():
        assert "install_command" not in TOX[name]
        assert name.startswith("testenv:.pkg") or name == "testenv" or "constraints" not in TOX[name]
        assert not [
            line for line in TOX[name].get("set_env", "").splitlines() if line.startswith(("PIP_C", "PIP_I", "UV_"))
        ]
        for line in TOX[name].get("commands", "").splitlines():
            assert " pip install" not in line


@pytest.mark.skipif("TOX_ENV_NAME" not in os.environ, reason="only an environment that tox made is made by the lock")
def test_nothing_that_is_installed_is_outside_the_lock() -> None:
    here = {lock.normal(one.metadata["Name"]): one.version.split("+")[0] for one in importlib.metadata.distributions()}
    del here["tinyvmaf"]
    assert not {f"{name}=={version}" for name, version in here.items() if locked().get(name) != version}


def wheel(folder: Path) -> Path:
    """A real wheel of a package with nothing in it."""
    path = folder / "nothing_in_it-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        info = "nothing_in_it-1.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: nothing-in-it\nVersion: 1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.mark.skipif(
    int(importlib.metadata.version("pip").split(".")[0]) < 26, reason="pip before 26 takes no hashes from constraints"
)
@pytest.mark.parametrize("case", ["its hash", "another hash", "not locked"])
def test_pip_takes_a_file_by_its_hash_only(case: str, tmp_path: Path) -> None:
    """The install that tox makes: names without versions, and the lock as constraints."""
    digest = hashlib.sha256(wheel(tmp_path).read_bytes()).hexdigest()
    digest = digest if case == "its hash" else digest[::-1]
    name = "something-else" if case == "not locked" else "nothing-in-it"
    constraints = tmp_path / "lock.txt"
    constraints.write_text(f"{name}==1 \\\n    --hash=sha256:{digest}\n", encoding="utf-8")
    command = [sys.executable, "-I", "-m", "pip", "install", "--no-index", "--find-links", str(tmp_path), "--quiet"]
    command += ["--target", str(tmp_path / "there"), "-c", str(constraints), "nothing-in-it"]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 0) == (case == "its hash"), done.stderr
    if case != "its hash":
        assert "hash" in done.stderr.lower()
