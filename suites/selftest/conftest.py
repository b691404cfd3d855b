"""A copy of what a gate reads, to be broken, and a gate run on it in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock

from tinyvmaf.files import home
from tinyvmaf.model.sidecar import read_sidecar

from .forks import Forks, run_gate
from .loso_copies import ID, ON_CLIPS, RECIPE, register, without_students

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
    """A copy of the parts of the checkout that the gates read, with two of its models: a student and its teacher."""
    folder = tmp_path / "copy"
    for name in ("suites", "fixtures", "model"):
        shutil.copytree(home() / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "gates.toml", "pyproject.toml"):
        shutil.copy(home() / name, folder)
    (folder / "suites/conftest.py").write_text(NO_PAGE, encoding="utf-8")
    keep_models(folder, "tinyvmaf_nano", "vmaf_v0.6.1_svr")
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


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the session, and for all its workers."""
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "loso"


@pytest.fixture(scope="session")
def trained(shared: Path) -> Path:
    """A folder with the recipe and what `tinyvmaf train` made of it."""
    folder = shared / "trained"
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / f"{ID}.toml"
    with FileLock(shared / "trained.lock"):
        if not recipe.is_file():
            recipe.write_text(RECIPE, encoding="utf-8")
            command = [sys.executable, "-m", "tinyvmaf", "train", "--recipe", str(recipe), "--out", str(folder)]
            variables = os.environ | {"TINYVMAF_CACHE": str(shared / "store")}
            subprocess.run(command, env=variables, check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture
def one_student(copy: Path, trained: Path) -> None:
    """The copy's only student, beside what is no student."""
    without_students(copy)
    short_search(copy)
    (copy / f"model/recipes/{ID}.toml").write_text(RECIPE, encoding="utf-8")
    (copy / "model/recipes/on_clips.toml").write_text(ON_CLIPS, encoding="utf-8")
    register(copy, (trained / f"{ID}.onnx").read_bytes(), read_sidecar(trained / f"{ID}.json").as_dict())


@pytest.fixture
def loso(gate: Gate, shared: Path) -> Gate:
    """The gate, with the session's store."""
    return partial(gate, "loso", TINYVMAF_CACHE=str(shared / "store"))
