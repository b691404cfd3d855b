"""The environment of a run: machine, versions of libraries, commit, and variables."""

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from tinyvmaf import __version__, children
from tinyvmaf.files import home, sha256
from tinyvmaf.model.engines.installed import output_of, version

AT_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
"""Format of a time in UTC, for `strftime`."""

_SECONDS: Final = 10.0
# Git sets these in hooks, where they would override the folder.
_HOOK_VARIABLES: Final = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"}
)
_ID_DIGITS: Final = 12
_OF_NUMBERS: Final = ("sse", "ssse", "avx", "fma", "f16c", "amx", "asimd", "sve", "sme", "bf16", "i8mm")
_Word = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Machine:
    """The machine of a run."""

    id: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    """12 hex digits of a hash of the other fields, and of what the processor can do."""
    cpu: _Word
    cores: Annotated[int, Field(ge=1, le=10**18)]
    """Logical cores."""
    os: _Word
    """System and architecture, such as `Linux x86_64`."""


@dataclass(frozen=True)
class Versions:
    """Versions of the software that can change a model's latency."""

    tinyvmaf: _Word
    python: _Word
    onnxruntime: _Word
    numpy: _Word


def now() -> str:
    """The time now, as `AT_FORMAT`."""
    return datetime.now(UTC).strftime(AT_FORMAT)


def machine() -> Machine:
    """This machine, identified by hardware and system, without its name or user.

    Machines with the same processor, cores and system have the same id, such as a pool of equal CI runners. Hosts give
    processors of several generations one name, and libraries add in another order where there are wider instructions:
    so these count, too.
    """
    cpu, cores, system = _cpu(), os.cpu_count() or 1, f"{platform.system()} {platform.machine()}".strip() or "unknown"
    told = json.dumps([cpu, _instructions(), cores, system])
    return Machine(sha256(told.encode())[:_ID_DIGITS], cpu, cores, system)


def versions() -> Versions:
    """The installed versions; `unknown` where there is none."""
    onnxruntime = version("onnxruntime", "onnxruntime-gpu", module="onnxruntime")
    numpy = version("numpy", module="numpy")
    return Versions(__version__, platform.python_version(), onnxruntime or "unknown", numpy or "unknown")


def commit() -> tuple[str | None, bool | None]:
    """The commit of the checkout `files.home()`, and whether tracked files differ from it, as `git describe --dirty`.

    (None, None) if there is no git, no repository or no commit, if git takes longer than ten seconds, or if home is not
    the top folder of its repository, which then belongs to another project.

    Raises:
        TinyvmafError: there is no home.
    """
    folder = home()
    try:
        if not Path(_git(folder, "rev-parse", "--show-toplevel")).samefile(folder):
            return None, None
        sha = _git(folder, "rev-parse", "HEAD")
        return sha, bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def _git(folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _HOOK_VARIABLES}
    done = subprocess.run(
        ["git", "--no-optional-locks", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=_SECONDS,
        check=True,
        process_group=children.group(),
    )
    return done.stdout.rstrip("\n")


def _cpu() -> str:
    """The processor's name as the system reports it."""
    if platform.system() == "Linux":
        found = _name_in(Path("/proc/cpuinfo"))
    elif platform.system() == "Darwin":
        found = output_of("sysctl", "-n", "machdep.cpu.brand_string")
    else:
        found = ""
    return found or platform.processor() or platform.machine() or "unknown"


def _instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> list[str]:
    """The families of instructions for numbers that the first processor has, sorted; empty where Linux says nothing."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = next((line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))), "")
    return sorted(word for word in set(found.split()) if word.startswith(_OF_NUMBERS))


def _name_in(cpuinfo: Path) -> str:
    """The first `model name`; empty if there is none, as on ARM."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "")


@contextmanager
def with_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for what is started inside; then they are as before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
