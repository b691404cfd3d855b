"""What is installed here, without importing it."""

import functools
import importlib.metadata
import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tinyvmaf import children

_SECONDS: Final = 10.0


def version(*distributions: str, module: str) -> str | None:
    """The version of an importable module; None if there is no such module.

    Args:
        distributions: packages that provide the module. Where several are installed, the one that lies where the module
            does gives the version, the first of them if that says nothing.
        module: name of a top-level module.

    Returns:
        The version with its local part, for example `2.13.0+cpu`; `unknown` if no package provides the module.
    """
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # ValueError: sys.modules has None for it, or a module without a spec
        return None
    if spec is None:
        return None
    found = []
    for name in distributions:
        try:
            found.append(_version(name))
        except importlib.metadata.PackageNotFoundError:
            continue
    beside = [number for number, folder in found if spec.origin and Path(spec.origin).is_relative_to(folder)]
    return (beside or [number for number, _ in found] or ["unknown"])[0]


@functools.cache  # asked for hundreds of times a run; a package that is missing is looked for again
def _version(distribution: str) -> tuple[str, Path]:
    """The version, and the folder into which the package was installed."""
    found = importlib.metadata.distribution(distribution)
    return found.version, Path(str(found.locate_file("")))


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
            [path, *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=True,
            process_group=children.group(),
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
