"""A process that forks for each gate that is run in it; elsewhere a gate gets a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

LIMIT_S = 120
_OURS = ("TINYVMAF_", "VMAF_", "PYTEST_")
# What pytest asks for by another name: on a CI system it prints each failure twice, in tox its cache is elsewhere.
_PYTESTS_TOO = ("CI", "BUILD_NUMBER", "TOX_ENV_DIR")
_SERVER = Path(__file__).with_name("fork_server.py")
# As they are before any test: PyTorch, for one, sets variables when it compiles, and then no fork would do.
OTHERS = {name: value for name, value in os.environ.items() if not name.startswith(_OURS) and name not in _PYTESTS_TOO}
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


def run_gate(
    forks: Forks | None, suite: str, *options: str, copy: Path, variables: dict[str, str], allow: bool = True
) -> tuple[int, str]:
    """Exit status of a suite in a copy of the checkout, and all that it printed; in a fork if that will do.

    Args:
        allow: changed gates are meant, and a selection by -k: what they leave out is NOT CHECKED.
    """
    environment = OTHERS | {"TINYVMAF_CACHE": str(copy / "cache")} | variables
    uncached = [] if {"--lf", "--sw"}.intersection(options) else ["-p", "no:cacheprovider"]
    # pytest's own tracebacks parse the code around every failure: more work than most gates of a run.
    command = ["pytest", *([f"suites/{suite}"] if suite else []), *uncached, "--tb=native", *options]
    if allow:
        command += ["--allow", "gates,selection" if "-k" in options else "gates"]
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
