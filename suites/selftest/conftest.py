"""A copy of what a gate reads, to be broken, and a gate run on it in a process of its own."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tinyvmaf.files import home

from .forks import Forks, run_gate

Gate = Callable[..., tuple[int, str]]
# A page has charts, which cost more than most gates of a run. Tests that look at it take `page`.
NO_PAGE = """\
from tinyvmaf.judge import report
report.page = lambda *_: ""
"""


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
    (folder / "suites/conftest.py").write_text(NO_PAGE, encoding="utf-8")
    return folder


def keep_models(copy: Path, *ids: str) -> None:
    """Leave only these models and their records in a copy: the more are registered, the longer each run of a gate."""
    registry = copy / "model/registry.json"
    content = json.loads(registry.read_text(encoding="utf-8"))
    content["models"] = [one for one in content["models"] if one["id"] in ids]
    registry.write_text(json.dumps(content), encoding="utf-8")
    for record in (copy / "fixtures/golden/records").iterdir():
        if record.stem not in ids:
            record.unlink()


def edit(path: Path, old: str, new: str) -> None:
    """Replace what a file has once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def also(path: Path, *lines: str) -> None:
    """Lines more at the end of a file of a copy."""
    path.write_text("\n".join([path.read_text(encoding="utf-8"), *lines, ""]), encoding="utf-8")


def short_search(copy: Path) -> None:
    """Have the gate of held-out sources search the domain from fewer rows: no break here hides in a corner of it."""
    also(
        copy / "suites/loso/conftest.py",
        "from tinyvmaf.measure.search import hunt as _hunt",
        "_hunt.__kwdefaults__.update(samples=10_000, starts=20, rounds=10, halvings=60)",
    )


@pytest.fixture
def page(copy: Path) -> Path:
    """Where the gate writes its page, which it does not elsewhere."""
    (copy / "suites/conftest.py").unlink()
    return copy / "report/index.html"


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
