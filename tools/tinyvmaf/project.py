"""The project: the folder whose models are judged. It may be this checkout, or a repository of somebody else.

`files.home()` is what tinyvmaf brings: suites, bounds, fixtures, models. An installed wheel writes nothing there.
A project is a folder with a `tinyvmaf.toml`, or with a table `[tool.tinyvmaf]` in its `pyproject.toml`. A checkout is
its own project.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from tinyvmaf.errors import ProjectError
from tinyvmaf.files import home, shipped_home
from tinyvmaf.validation import Items, Strict, parse, read_toml

FILE: Final = "tinyvmaf.toml"
PYPROJECT: Final = "pyproject.toml"
TABLE: Final = "tool.tinyvmaf"
_MARK: Final = b"tool.tinyvmaf"
_Name = Annotated[str, Field(pattern=r"\S")]


class ProjectFile(Strict):
    """What the table may say. Paths are relative to its file."""

    models: _Name = "model"
    """Folder of the registry, the models, their sidecars, cards and proofs."""
    recipes: _Name = "model/recipes"
    teachers: _Name = "model/teachers"
    """Folder of the JSON files of teachers that Netflix did not publish."""
    baselines: _Name = "model/baseline"
    records: _Name = "model/records"
    """Folder of the golden records."""
    waivers: _Name = "waivers.toml"
    corpora: Items[_Name] = ()
    """Files or folders of sets that others measured; the suite `external` judges them."""
    bounds: Mapping[str, Any] = Field(default_factory=dict)
    """Tables as in gates.toml; each holds in place of the one of tinyvmaf."""


@dataclass(frozen=True)
class Project:
    """A folder with models of its own."""

    root: Path
    """Reports, history and benchmarks are written below it."""
    file: Path | None
    """The file with its settings; None if there is none."""
    settings: ProjectFile
    own: bool = True
    """False where nobody made a project: then the models are those that tinyvmaf brings, which nobody may change."""

    def path(self, name: str) -> Path:
        """The path of a setting or of a file in it."""
        return self._base / Path(name).expanduser()

    @property
    def _base(self) -> Path:
        return self.root if self.own else home()

    @property
    def models(self) -> Path:
        """The folder of the registry."""
        return self.path(self.settings.models)

    @property
    def recipes(self) -> Path:
        """The folder of its recipes. Those that tinyvmaf brings are known too."""
        return self.path(self.settings.recipes)

    @property
    def teachers(self) -> Path:
        """The folder of the teachers' JSON files."""
        return self.path(self.settings.teachers)

    @property
    def baselines(self) -> Path:
        """The folder of the latency baselines."""
        return self.path(self.settings.baselines)

    @property
    def records(self) -> Path:
        """The folder of the golden records."""
        return self.path(self.settings.records)

    @property
    def waivers(self) -> Path:
        """The file of waivers, which need not be there."""
        return self.root / Path(self.settings.waivers).expanduser()

    @property
    def corpora(self) -> list[Path]:
        """Sets that others measured."""
        return [self.path(name) for name in self.settings.corpora]

    @property
    def is_home(self) -> bool:
        """Whether it is the checkout that tinyvmaf itself comes from."""
        return self.own and self.root.resolve() == home().resolve()

    @property
    def bounds_file(self) -> str:
        """Where its own bounds stand, for messages."""
        name = self.file.name if self.file is not None else FILE
        return f"{name} [{f'{TABLE}.' if name == PYPROJECT else ''}bounds]"


def project() -> Project:
    """The project in use.

    `$TINYVMAF_HOME`, if it is a checkout; else the nearest folder upward from the current one that has a table of ours;
    else the checkout that contains this package; else the current folder, with the models that tinyvmaf brings.

    Raises:
        ProjectError: a table is wrong; names the key.
        TinyvmafError: there is no home.
    """
    here = home()
    if os.environ.get("TINYVMAF_HOME") and not shipped_home(here):
        return _checkout(here)
    try:
        current = Path.cwd()
    except OSError:  # it was removed
        current = here
    for folder in (current, *current.parents):
        if (found := of_folder(folder)) is not None:
            return found
    if not shipped_home(here):
        return _checkout(here)
    return Project(current, None, _checkout(here).settings, own=False)


def writable() -> Project:
    """The project in use, to register or record something in it.

    Raises:
        ProjectError: there is none.
    """
    found = project()
    if not found.own:
        raise ProjectError(f"no project in {found.root} or above it", hint="tinyvmaf init makes one here")
    return found


def of_folder(folder: Path) -> Project | None:
    """The project of a folder; None if no file there has a table of ours.

    Raises:
        ProjectError: the table is wrong, or there are two.
    """
    own, shared = folder / FILE, folder / PYPROJECT
    tables = {path: table for path in (own, shared) if (table := _table(path)) is not None}
    if len(tables) > 1:
        raise ProjectError(f"{own} and [{TABLE}] in {shared}: two tables of one project", hint="remove one of them")
    for path, table in tables.items():
        where = str(path) if path == own else f"{path}: [{TABLE}]"
        return Project(folder, path, parse(ProjectFile, table, where, ProjectError))
    return None


def _checkout(folder: Path) -> Project:
    """A checkout, or a copy of parts of it without its table."""
    return of_folder(folder) or Project(folder, None, ProjectFile(records="fixtures/golden/records"))


def _table(path: Path) -> Mapping[str, Any] | None:
    """The table of a file; None if it has none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int, _size: int) -> Mapping[str, Any] | None:
    try:
        data = path.read_bytes()
        if path.name == PYPROJECT and _MARK not in data:  # of somebody else, whatever is wrong with it
            return None
        content = read_toml(data)
    except (OSError, ValueError) as error:
        raise ProjectError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if path.name == FILE:
        return content
    tool = content.get("tool")
    found = tool.get("tinyvmaf") if isinstance(tool, Mapping) else None
    if found is not None and not isinstance(found, Mapping):
        raise ProjectError(f"{path}: [{TABLE}] is not a table")
    return found
