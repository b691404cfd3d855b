"""A copy of what a gate reads, to be broken, and a gate run on it in a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyvmaf.files import home

Gate = Callable[..., tuple[int, str]]
_UNWANTED = ("TINYVMAF_", "VMAF_", "PYTEST_")


@pytest.fixture(autouse=True)
def _judged(judged_by_assertions: None) -> None:
    """Each test here judges a gate; without this, a run of this suite alone would have judged nothing."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the parts of the checkout that the gates read."""
    folder = tmp_path / "copy"
    for name in ("suites", "fixtures", "model"):
        shutil.copytree(home() / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "gates.toml", "pyproject.toml"):
        shutil.copy(home() / name, folder)
    return folder


@pytest.fixture
def gate(copy: Path) -> Gate:
    """Run a suite in the copy with options and variables; gives its exit status and all that it printed."""

    def run(suite: str, *options: str, **variables: str) -> tuple[int, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_UNWANTED)}
        command = [sys.executable, "-m", "pytest", f"suites/{suite}", "-p", "no:cacheprovider", *options]
        done = subprocess.run(
            command,
            cwd=copy,
            env=kept | {"TINYVMAF_CACHE": str(copy / "cache")} | variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run
