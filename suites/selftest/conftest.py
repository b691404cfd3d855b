"""A copy of what a gate reads, to be broken, and a gate run on it in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tinyvmaf.files import home

Gate = Callable[..., tuple[int, str]]
LIMIT_S = 120
_OURS = ("TINYVMAF_", "VMAF_", "PYTEST_")
_SERVER = Path(__file__).with_name("fork_server.py")


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


# As they are before any test: PyTorch, for one, sets variables when it compiles, and then no fork would do.
OTHERS = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
"""The variables here, except those that tell a gate or pytest what to do."""


class Forks:
    """A process that has imported what gates do, so that one starts in it at once: `fork_server.py`."""

    def __init__(self) -> None:
        """Start it. It imports while others go on."""
        self._variables = OTHERS
        self._process = subprocess.Popen(
            [sys.executable, _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # The backends gate sets this for PyTorch, which reads it when it is imported; here that is once for all.
            env={"OMP_WAIT_POLICY": "PASSIVE"} | self._variables,
            start_new_session=True,  # Ctrl-C is for pytest, which then ends this one
        )

    def close(self) -> None:
        """End it, and what still runs in it."""
        with self._process:
            pass

    def fit(self, environment: dict[str, str]) -> bool:
        """Whether a fork will do: only what the package asks for as it runs differs, nothing that is read at start."""
        return all(name.startswith(_OURS) for name, _ in environment.items() ^ self._variables.items())

    def run(
        self, module: str, *arguments: str, cwd: Path, environment: dict[str, str], out: Path, limit: float = LIMIT_S
    ) -> tuple[int, str]:
        """Status of `python -m module arguments`, and all that it printed; `out` is what files for that are called.

        Raises:
            subprocess.TimeoutExpired: it took longer than so many seconds, and was killed.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        printed = [str(out.with_suffix(f".{name}")) for name in ("stdout", "stderr")]
        asked = {
            "module": module,
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": environment,
            "stdout": printed[0],
            "stderr": printed[1],
            "limit": limit,
        }
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{_SERVER.name} ended, status {self._process.wait()}; it says why on stderr")
        text = "".join(Path(path).read_text(encoding="utf-8") for path in printed)
        if (status := json.loads(answer)) is None:
            raise subprocess.TimeoutExpired([module, *arguments], limit, text)
        return status, text


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks | None]:
    """Forks of one process, on Linux: elsewhere there are none, or libraries do not survive one."""
    if not sys.platform.startswith("linux"):
        yield None
        return
    started = Forks()
    yield started
    started.close()


@pytest.fixture
def gate(copy: Path, forks: Forks | None) -> Gate:
    """Run a suite in the copy with options and variables; gives its exit status and all that it printed."""

    def run(suite: str, *options: str, **variables: str) -> tuple[int, str]:
        environment = OTHERS | {"TINYVMAF_CACHE": str(copy / "cache")} | variables
        command = ["pytest", f"suites/{suite}", "-p", "no:cacheprovider", *options]
        if forks is not None and forks.fit(environment):
            return forks.run(*command, cwd=copy, environment=environment, out=copy.with_name("gate"))
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run
