"""What is installed here, found out without importing it."""

import functools
import importlib.metadata
import importlib.util
import shutil
import subprocess
from typing import Final

_SECONDS: Final = 10.0


def version(*distributions: str, module: str) -> str | None:
    """The version of what an import of a module would get, or None if there is no such module.

    Args:
        distributions: packages that bring the module, under one of which it may have been installed.
        module: name of a top-level module.

    Returns:
        The version, with its local part (as `2.13.0+cpu`); `unknown` for a module that no package brought.
    """
    try:
        if importlib.util.find_spec(module) is None:
            return None
    except (ImportError, ValueError):  # ValueError: it is in sys.modules as None, or has no spec
        return None
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown"


def nvidia_gpu() -> str:
    """The first NVIDIA GPU by the driver's own tool, as `NVIDIA H200, driver 570.1`; empty if there is none."""
    gpus = output_of("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    return gpus.splitlines()[0].replace(", ", ", driver ") if gpus else ""


def output_of(program: str, *arguments: str) -> str:
    """What a program on the PATH prints; empty if there is none, it fails or takes longer than ten seconds."""
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
