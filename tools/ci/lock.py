"""Writes locks/: the pins of constraints.txt, each with the hashes of all files of that version, for every platform.

    tox -e lock            # after a pin changed
    tox -e lock -- --check # say whether locks/ still fits constraints.txt; asks no index

constraints.txt stays without hashes, because pip before 26 refuses `-c` with hashes (docs/decisions/0033-hashes.md).
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CONSTRAINTS: Final = ROOT / "constraints.txt"
ALL: Final = ROOT / "locks/all.txt"
BOOTSTRAP: Final = ROOT / "locks/tox.txt"
PIP: Final = ROOT / "locks/pip.txt"
ELSEWHERE: Final = ROOT / "locks/elsewhere.txt"
_HEADER: Final = "# Written by tox -e lock from constraints.txt. Do not edit.\n"
# What the unit tests install beside the pins: an FFmpeg of libvmaf's earlier motion epoch (tools/tests/old_libvmaf.py).
OLD_FFMPEG: Final = ROOT / "locks/old-ffmpeg.txt"
_OLD_FFMPEG_PIN: Final = "imageio-ffmpeg==0.6.0"


def normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Version of each pinned package, by its normal name; raises ValueError for a line that pins nothing."""
    found: dict[str, str] = {}
    for line in text.replace("\\\n", " ").splitlines():
        code = line.split("#")[0].split("--hash")[0].strip()
        if not code:
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9._!+-]+)", code)
        if match is None or normal(match[1]) in found:
            raise ValueError(f"not one pin of one package: {code}")
        found[normal(match[1])] = match[2]
    return found


def hashes(text: str) -> dict[str, list[str]]:
    """sha256 of each file that a package may be installed from, by its normal name."""
    found: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        code = line.split("#")[0].strip()
        if code:
            name = normal(re.split(r"[=\s]", code)[0])
            found[name] = [*found.get(name, []), *re.findall(r"--hash=sha256:([0-9a-f]{64})(?![0-9a-f])", code)]
    return found


def _uv(requirements: str, *options: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "in.txt"), Path(folder, "out.txt")
        source.write_text(requirements, encoding="utf-8")
        command = ["uv", "pip", "compile", "--universal", "--generate-hashes", "--python-version", "3.11"]
        command += ["--no-config", "--no-annotate", "--no-header", "--quiet", *options, "-o", str(out), str(source)]
        subprocess.run(command, check=True)
        return out.read_text(encoding="utf-8")


def _write(path: Path, version: dict[str, str], files: dict[str, list[str]]) -> None:
    lines = [
        f"{name}=={version[name]} \\\n    " + " \\\n    ".join(f"--hash=sha256:{one}" for one in files[name])
        for name in sorted(version)
    ]
    path.write_text(_HEADER + "\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def renew() -> None:
    """Ask the index for the hashes of all files of each pin, and write the locks."""
    text = CONSTRAINTS.read_text(encoding="utf-8")
    version = pins(text)
    files = hashes(_uv(text, "--no-deps"))
    for name, more in hashes(ELSEWHERE.read_text(encoding="utf-8")).items():
        files[name] = sorted({*files[name], *more})
    _write(ALL, version, files)
    # tox alone, for a job that wants hashes from its first install on. Markers do not matter: all of it is pure Python.
    bootstrap = pins(re.sub(r" ;[^\\\n]*", "", _uv("tox\n", "-c", str(CONSTRAINTS))))
    _write(BOOTSTRAP, bootstrap, files)
    _write(PIP, {"pip": version["pip"]}, files)
    _write(OLD_FFMPEG, pins(_OLD_FFMPEG_PIN), hashes(_uv(_OLD_FFMPEG_PIN, "--no-deps")))


def wrong() -> list[str]:
    """What does not fit between constraints.txt and the locks, one sentence each."""
    version = pins(CONSTRAINTS.read_text(encoding="utf-8"))
    found = []
    for path in (ALL, BOOTSTRAP, PIP):
        text = path.read_text(encoding="utf-8")
        locked = pins(text)
        found += [f"{path.name}: {name} has no hash" for name, files in hashes(text).items() if not files]
        found += [
            f"{path.name}: {name}=={one} is not what constraints.txt pins"
            for name, one in locked.items()
            if version.get(name) != one
        ]
        if path == ALL:
            found += [f"{path.name}: {name} is missing" for name in version if name not in locked]
    return found


def main() -> int:
    """Status 0 if the locks fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    if not parser.parse_args().check:
        renew()
    for sentence in (found := wrong()):
        print(f"{sentence}: run `tox -e lock`", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
