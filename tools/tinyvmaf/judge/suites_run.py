"""How suites are started: those of a checkout from its top, those that a wheel brings from the user's own folder."""

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from tinyvmaf import children
from tinyvmaf.errors import CouldNotRunError
from tinyvmaf.files import home, shipped_home
from tinyvmaf.project import project

PYARGS: Final = "tinyvmaf.suites"
"""What `pytest --pyargs` takes for all suites; `tinyvmaf.suites.golden` for one."""
_OF_TINYVMAF: Final = {"corpus": ("scikit-learn", "scikit-video"), "mcp": ("mcp",)}
"""Suites that judge what tinyvmaf brings and no model of a project, and the packages that they need."""
_TOX: Final = re.compile(r"tox -e ([a-z]+)(?: -- )?")


def arguments(suites: Iterable[str]) -> list[str]:
    """The suites for pytest's command line, with the settings that they need; pytest must start in `folder()`."""
    here = home()
    if project().is_home:
        return [f"suites/{name}" for name in suites]
    return [f"-c={here / 'pyproject.toml'}", "-pno:cacheprovider", *(str(here / "suites" / name) for name in suites)]


def folder() -> Path:
    """Where pytest starts."""
    here = project()
    return home() if here.is_home else here.root


def environment() -> dict[str, str]:
    """Variables for pytest: a project's folder is no place to import from, and into a wheel nothing is written."""
    more = {} if project().is_home else {"PYTHONSAFEPATH": "1"}
    return dict(os.environ) | more | ({"PYTHONDONTWRITEBYTECODE": "1"} if shipped_home(home()) else {})


def command(text: str) -> str:
    """A command that starts a suite in a checkout by tox, as it is typed here."""
    return text if project().is_home else _TOX.sub(rf"pytest --pyargs {PYARGS}.\1 ", text).rstrip()


def lacking(suite: str) -> list[str]:
    """Packages without which a suite cannot run, that judges no model of a project."""
    return [name for name in _OF_TINYVMAF.get(suite, ()) if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        return bool(distribution(name))
    except PackageNotFoundError:
        return False


def by_name(names: Sequence[str], words: Sequence[str]) -> int:
    """Run suites that are named as `tinyvmaf.suites.golden`, also `tinyvmaf.suites.golden.test_models::test_x`.

    Args:
        words: the rest of pytest's command line.

    Returns:
        pytest's exit status.

    Raises:
        CouldNotRunError: there is no such suite.
    """
    here = home()
    command = [f"-c={here / 'pyproject.toml'}", *(_path(here / "suites", name) for name in names), *words]
    process = subprocess.Popen(children.python("pytest", "-pno:cacheprovider", *command), env=environment())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # pytest gets the signal itself
            continue


def _path(suites: Path, name: str) -> str:
    module, colons, test = name.partition("::")
    path = suites.joinpath(*module.split(".")[2:])
    path = path if path.is_dir() else path.with_suffix(".py")
    if not path.exists():
        known = sorted(one.parent.name for one in suites.glob("*/conftest.py"))
        raise CouldNotRunError(f"no suite {name}", hint=f"known: {', '.join(f'{PYARGS}.{one}' for one in known)}")
    return f"{path}{colons}{test}"
