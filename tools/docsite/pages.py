"""The pages of the site: Markdown files of the repository, each at one place of the site, and links between them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Final

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home

FRONT: Final = "docs/README.md"
"""The first page of the site, and of the folder on GitHub. Its links are the navigation."""
_GLOBS: Final = ("docs/**/*.md", "suites/*/README.md", "model/*.md", "fixtures/*/README.md", "*.md")
_ORPHAN: Final = "---\norphan: true\n---\n"  # links lead to it, not the navigation
_PICTURES: Final = (".png", ".svg")
_LINK: Final = re.compile(r"(?<!\\)(!?\[(?:[^\[\]]|!?\[[^\[\]]*\]\([^()\s]*\))*\])\(([^()\s]+)\)")
_CODE: Final = re.compile(r"^(`{3,}).*?^\1|^(?:    [^\n]*\n)+|`[^`\n]*\]\([^`\n]*`", re.DOTALL | re.MULTILINE)
_LANGUAGES: Final = {".py": "python", ".toml": "toml", ".json": "json", ".yml": "yaml", ".svg": "xml"}


def sources() -> list[str]:
    """The pages of the repository, as paths in it. README.md is the page of the repository, not one of the site."""
    found = {path.relative_to(home()).as_posix() for glob in _GLOBS for path in home().glob(glob)}
    return sorted(found - {"README.md"})


def place(source: str) -> str:
    """Where a page lies in the site, without an ending: `docs/gates.md` is `gates`."""
    if source in (FRONT, "README.md"):
        return "index"
    path = PurePosixPath(source)
    path = path.parent if path.name == "README.md" else path.with_suffix("")
    return path.as_posix().removeprefix("docs/").lower()


@dataclass
class Site:
    """What is written before Sphinx runs."""

    pages: dict[str, str] = field(default_factory=dict)
    """Text of each page, by its place."""
    pictures: dict[str, Path] = field(default_factory=dict)
    """Files that pages show, by their place, with an ending."""
    as_they_are: dict[str, Path] = field(default_factory=dict)
    """Files of the built site that nobody renders, by their place: pages that were made elsewhere."""
    shown: set[str] = field(default_factory=set)
    """Files of the repository that links lead to; each gets a page that shows it."""

    def add(self, source: str) -> None:
        """Add a page of the repository; its links lead to pages of the site.

        Raises:
            TinyvmafError: a link leads nowhere.
        """
        text = (home() / source).read_text(encoding="utf-8").replace("```sh-session", "```console")
        self.pages[place(source)] = outside_code(
            text, lambda part: _LINK.sub(lambda link: self._link(source, link[1], link[2]), part)
        )

    def _link(self, source: str, text: str, target: str) -> str:
        text = _LINK.sub(lambda link: self._link(source, link[1], link[2]), text)  # a picture that is a link
        if "://" in target or target.startswith(("#", "mailto:")):
            return f"{text}({target})"
        path, _, anchor = target.partition("#")
        path = normpath(f"{PurePosixPath(source).parent}/{path}")
        found = self._target(path)
        if found is None:
            raise TinyvmafError(f"{source}: no such file: {target}")
        there = f"{relpath(found, PurePosixPath(place(source)).parent)}{'#' * bool(anchor)}{anchor}"
        return f'<a href="{there}">{text[1:-1]}</a>' if found in self.as_they_are else f"{text}({there})"

    def _target(self, path: str) -> str | None:
        """The place in the site of a path of the repository."""
        here = home() / path
        if path in {"README.md", *sources()}:
            return f"{place(path)}.md"
        if path in FOLDERS or f"{path}/README.md" in sources():
            return f"{place(path + '/README.md')}.md"
        if not here.exists():
            return None
        if here.suffix in _PICTURES:
            self.pictures[path.removeprefix("docs/")] = here
            return path.removeprefix("docs/")
        if here.suffix == ".html":
            self.as_they_are[path.removeprefix("docs/")] = here
            return path.removeprefix("docs/")
        self.shown.add(path)
        return f"files/{path}.md"

    def show_files(self) -> None:
        """Add a page for each file or folder of the repository that a link leads to."""
        for path in sorted(self.shown):
            if (home() / path).is_dir():
                self._show_folder(path)
        for path in sorted(self.shown):
            if (home() / path).is_dir():
                continue
            language = _LANGUAGES.get(PurePosixPath(path).suffix, "text")
            text = (home() / path).read_text(encoding="utf-8").rstrip()
            self.pages[f"files/{path}"] = f"{_ORPHAN}# `{path}`\n\n{fenced(text, language)}"

    def _show_folder(self, path: str) -> None:
        files = sorted(one.name for one in (home() / path).iterdir() if one.is_file())
        self.shown |= {f"{path}/{name}" for name in files}
        lines = [f"- [`{name}`](/files/{path}/{name}.md)" for name in files]
        self.pages[f"files/{path}"] = "\n".join([f"{_ORPHAN}# `{path}`", "", *lines, ""])


FOLDERS: Final[Mapping[str, str]] = {
    "docs/decisions": "Decisions",
    "model": "Models",
    "suites": "Suites",
}
"""Folders whose pages one page lists; a link to the folder leads there."""


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change what of a page is not code."""
    parts, end = list[str](), 0
    for code in _CODE.finditer(text):
        parts += [change(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, change(text[end:])])


def title(source: str) -> str:
    """The first heading of a page of the repository."""
    found = re.search(r"^# (.+)$", (home() / source).read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise TinyvmafError(f"{source}: no heading; its first line must be `# Title`")
    return found[1]


def fenced(text: str, language: str) -> str:
    """A block of code, whatever fences it contains."""
    longest = max((len(found) for found in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"
