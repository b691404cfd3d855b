"""Installs tinyvmaf from this checkout into the running Python, each dependency by its hash: install.py [EXTRA ...].

What tox does for its environments, for an action or a container that has no use for tox. Standard library only.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def wanted(extras: list[str]) -> list[str]:
    """What the package and these extras need; raises KeyError for an extra that is none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]


def main(extras: list[str]) -> int:
    """Exit status of the first pip that fails, or 0."""
    try:
        names = wanted(extras)
    except KeyError as missing:
        print(f"tinyvmaf has no extra {missing}", file=sys.stderr)
        return 2
    # Constraints of the user would join the lock, and say nothing of hashes.
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    pip = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in (
        ["--require-hashes", "-r", str(ROOT / "locks/pip.txt")],  # older ones take no hashes from constraints
        ["-c", str(ROOT / "locks/all.txt"), "hatchling", *names],
        ["--no-deps", "--no-build-isolation", str(ROOT)],
    ):
        if status := subprocess.run([*pip, *command], env=environment, check=False).returncode:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main([name for argument in sys.argv[1:] for name in re.split(r"[,\s]+", argument) if name]))
