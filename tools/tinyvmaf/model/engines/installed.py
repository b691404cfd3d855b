"""What is installed here, without importing it."""

import functools
import importlib.metadata
import importlib.util
import shutil
import subprocess
from typing import Final

_SECONDS: Final = 10.0


def version(*distributions: str, module: str) -> str | None:
    """The version of an importable module; None if there is no such module.

    Args:
        distributions: packages that provide the module; the first installed one gives the version.
        module: name of a top-level module.

    Returns:
        The version with its local part, for example `2.13.0+cpu`; `unknown` if no package provides the module.
    """
    try:
        if importlib.util.find_spec(module) is None:
            return None
    except (ImportError, ValueError):  # ValueError: sys.modules has None for it, or a module without a spec
        return None
    for name in distributions:
        try:
            return _version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown"


# Asked for hundreds of times a run. A package that is missing is looked for again.
_version = functools.cache(importlib.metadata.version)


def nvidia_gpu() -> str:
    """The first NVIDIA GPU, from `nvidia-smi`: `NVIDIA H200, driver 570.1`. Empty if there is none."""
    gpus = output_of("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    return gpus.splitlines()[0].replace(", ", ", driver ") if gpus else ""


def output_of(program: str, *arguments: str) -> str:
    """The output of a program on the PATH; empty if it is missing, fails or takes more than ten seconds."""
    path = shutil.which(program)
    return "" if path is None else _output_of(path, *arguments)


@functools.cache
def _output_of(path: str, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
