"""Plugins of pytest that are installed beside this project and are not of it, such as pytest-sugar."""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points
from typing import Final

KNOWN: Final = (
    *("pytest", "_pytest", "pluggy", "xdist", "pytest_benchmark", "pytest_cov", "syrupy", "anyio", "platformdirs"),
    *("hypothesis", "_hypothesis_pytestplugin", "tinyvmaf"),
)
"""Packages whose plugins change no result: those that this project installs."""


@cache
def installed() -> dict[str, str]:
    """The package of each such plugin that pytest loads by itself, by the name that `-p` takes."""
    found = {one.name: one.module.partition(".")[0] for one in entry_points(group="pytest11")}
    return {name: package for name, package in sorted(found.items()) if package not in KNOWN}


def left_out(names: Iterable[str]) -> list[str]:
    """Options of pytest that leave plugins out."""
    return [f"-pno:{name}" for name in names]
