"""What measured rows depend on beside video, request and FFmpeg: the code that measures, and the packages under it."""

import platform
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

import tinyvmaf
from tinyvmaf.files import sha256

_ROOMS: Final = ("vmaf/ffmpeg", "vmaf/libvmaf", "vmaf/media", "vmaf/teacher")
_FILES: Final = ("files.py", "validation.py", "vmaf/features.py", "vmaf/frame_features.py", "data/extract/job.py")


def measuring_modules() -> tuple[str, ...]:
    """Names of the modules that read video and measure it, sorted."""
    package = Path(tinyvmaf.__file__).parent
    files = [*(package / name for name in _FILES), *(file for room in _ROOMS for file in (package / room).glob("*.py"))]
    parts = [file.relative_to(package.parent).with_suffix("").parts for file in files]
    return tuple(sorted(".".join(part for part in one if part != "__init__") for one in parts))


def module_file(name: str) -> Path:
    """The file of one of `measuring_modules`."""
    path = Path(tinyvmaf.__file__).parent.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def packages() -> dict[str, str]:
    """Versions that can change numbers; FFmpeg computes the others."""
    return {"python": ".".join(platform.python_version_tuple()[:2]), "numpy": np.__version__}


@lru_cache(maxsize=1)
def measured_with() -> dict[str, Any]:
    """Fields of the key of measured rows: other code or other packages may give other numbers."""
    names = measuring_modules()
    code = sha256(b"\0".join(name.encode() + b"\0" + module_file(name).read_bytes() for name in names))
    return {"code": code, "packages": packages()}
