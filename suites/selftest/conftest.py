"""A copy of what a gate reads, to be broken, and a gate run on it in a process of its own."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tinyvmaf.files import home

from .forks import Forks, run_gate

Gate = Callable[..., tuple[int, str]]


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


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks | None]:
    """Forks of one process, on Linux: elsewhere there are none, or libraries do not survive one."""
    if not sys.platform.startswith("linux"):
        yield None
        return
    with closing(Forks()) as started:
        yield started


@pytest.fixture
def gate(copy: Path, forks: Forks | None) -> Gate:
    """Run a suite in the copy with options and variables; gives its exit status and all that it printed."""

    def run(suite: str, *options: str, **variables: str) -> tuple[int, str]:
        return run_gate(forks, suite, *options, copy=copy, variables=variables)

    return run
