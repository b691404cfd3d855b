"""Builds what a release consists of, twice, and refuses bytes that differ: release.py [--out dist].

The folder gets the sdist, the wheel, a list of all that the wheel installs (CycloneDX), and SHA256SUMS. Times in the
archives are that of the commit: anybody who has it gets the same bytes. Status 1: stderr says in a sentence why.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


class UnfitError(Exception):
    """The tree cannot be released; the message is one sentence."""


def git(*arguments: str) -> str:
    """What git prints."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def build(tree: Path, out: Path, epoch: int, *targets: str) -> list[Path]:
    """Build a tree; returns the files."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    for target in targets:
        command += ["-t", target]
    subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
    return sorted(out.iterdir())


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def twice(tree: Path, epoch: int, folder: Path) -> list[Path]:
    """The sdist and the wheel. Raises UnfitError if a second build, or the wheel of the sdist, has other bytes."""
    made = build(tree, folder / "first", epoch)
    (sdist,) = (path for path in made if path.suffix == ".gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    for again in (build(tree, folder / "second", epoch), build(unpacked, folder / "third", epoch, "wheel")):
        found = {path.name: digest(path) for path in again}
        if different := [path.name for path in made if found.get(path.name, digest(path)) != digest(path)]:
            raise UnfitError(f"built again, other bytes: {', '.join(different)}")
    return made


def fits(version: str, changelog: str, tag: str) -> None:
    """Raise UnfitError unless the version heads the changelog, and the tag, if any, is that of the version."""
    first = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    if first is None or first[1] != version:
        raise UnfitError(f"CHANGELOG.md begins with {first[1] if first else 'nothing'}, not with {version}")
    if tag and tag != f"v{version}":
        raise UnfitError(f"the tag is {tag}, not v{version}")


def parts_list(wheel: Path, out: Path) -> None:
    """CycloneDX of an environment in which the wheel was installed, each dependency by its hash."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "bin/python")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "locks/pip.txt")], check=True)
        sys.path.insert(0, str(ROOT / "tools"))
        from ci.install import wanted

        subprocess.run([*pip, "-c", str(ROOT / "locks/all.txt"), *wanted([])], check=True)
        # By name: a wheel by its path would stand in the list with that path.
        named = f"tinyvmaf=={wheel.name.split('-')[1]}"
        subprocess.run([*pip, "--no-deps", "--no-index", "--find-links", str(wheel.parent), named], check=True)
        subprocess.run([*pip[:-3], "uninstall", "--yes", "--quiet", "pip", "setuptools"], check=False)
        program = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON"]
        subprocess.run([*program, "-o", str(out), str(python)], check=True)
    if "file:" in out.read_text(encoding="utf-8"):
        raise UnfitError(f"{out.name} names files of this machine")


def release(out: Path, *, parts: bool) -> list[Path]:
    """Build into an empty folder; raises UnfitError."""
    if out.exists() and any(out.iterdir()):
        raise UnfitError(f"{out} is not empty")
    if changed := git("status", "--porcelain"):
        raise UnfitError(f"the tree is not that of a commit: {changed.splitlines()[0].strip()}")
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "tools/tinyvmaf/__init__.py").read_text(), re.MULTILINE)
    if found is None:
        raise UnfitError("tools/tinyvmaf/__init__.py says no version")
    tag = os.environ.get("GITHUB_REF_NAME", "") if os.environ.get("GITHUB_REF_TYPE") == "tag" else ""
    fits(found[1], (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), tag)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        git("worktree", "add", "--detach", str(tree), "HEAD")
        try:
            made = twice(tree, int(git("log", "-1", "--format=%ct")), Path(folder))
        finally:
            git("worktree", "remove", "--force", str(tree))
        out.mkdir(parents=True, exist_ok=True)
        kept = [Path(shutil.copy(path, out)) for path in made]
    if parts:
        (wheel,) = (path for path in kept if path.suffix == ".whl")
        kept.append(out / f"tinyvmaf-{found[1]}.cdx.json")
        parts_list(wheel, kept[-1])
    sums = "".join(f"{digest(path)}  {path.name}\n" for path in kept)
    (out / "SHA256SUMS").write_text(sums, encoding="utf-8")
    return kept


def main() -> int:
    """Status 0 if everything lies in the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="an empty folder (default: dist)")
    parser.add_argument("--no-parts", action="store_true", help="make no CycloneDX list, which installs the wheel")
    arguments = parser.parse_args()
    try:
        for path in release(arguments.out, parts=not arguments.no_parts):
            print(digest(path), path)
    except UnfitError as unfit:
        print(f"no release: {unfit}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
