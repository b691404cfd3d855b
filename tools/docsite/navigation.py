"""The navigation: the sections of docs/README.md, and in each the pages that it links to, in that order."""

import re
from posixpath import normpath
from typing import Final, NamedTuple

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home

from .pages import FOLDERS, FRONT, place, sources, title

GENERATED: Final = {
    "Reference": ("reference/cli", "reference/gates", "reference/python", "reference/schemas"),
}
"""Pages that are made from the code, by the section in which they come first."""
_BULLET: Final = re.compile(r"^- \[[^\]]+\]\(([^()#\s]+)\)", re.MULTILINE)


class Section(NamedTuple):
    """A part of the navigation."""

    title: str
    places: list[str]


def sections() -> list[Section]:
    """The navigation.

    Raises:
        TinyvmafError: a page is in it twice, or not at all.
    """
    text = (home() / FRONT).read_text(encoding="utf-8")
    found = []
    for part in text.split("\n## ")[1:]:
        name = part.partition("\n")[0].strip()
        found.append(Section(name, [*GENERATED.get(name, ()), *(_place(target) for target in _BULLET.findall(part))]))
    listed = ["index", *(one for section in found for one in section.places)]
    listed += [one for folder in FOLDERS for one in inside(folder)]
    if twice := sorted({one for one in listed if listed.count(one) > 1}):
        raise TinyvmafError(f"{FRONT} links twice to {', '.join(twice)}: take one of the lines out")
    pages = {place(source) for source in sources()}
    if lost := sorted(pages - set(listed)):
        raise TinyvmafError(f"{FRONT} does not link to {', '.join(lost)}: add a line `- [title](page.md)` to a section")
    if absent := sorted(name for name in GENERATED if name not in {section.title for section in found}):
        raise TinyvmafError(f"{FRONT} has no section {', '.join(absent)}")
    return found


def _place(target: str) -> str:
    path = normpath(f"docs/{target}")
    return place(path if path.endswith(".md") else f"{path}/README.md")


def inside(folder: str) -> list[str]:
    """The pages that the page of a folder lists."""
    return [place(source) for source in sources() if source.startswith(f"{folder}/")]


def folder_page(folder: str) -> str:
    """The page that lists the pages of a folder."""
    pages = [source for source in sources() if source.startswith(f"{folder}/")]
    lines = [f"- [{_numbered(source)}](/{place(source)}.md)" for source in pages]
    return "\n".join([f"# {FOLDERS[folder]}", "", *lines, "", toctree(inside(folder))])


def _numbered(source: str) -> str:
    """The title of a page; that of a record begins with its number."""
    number = re.match(r"\d{4}", source.rpartition("/")[2])
    return title(source) if number is None else f"{number[0]}: {title(source).removeprefix(f'{number[0]}: ')}"


def toctree(places: list[str], caption: str = "") -> str:
    """The directive that puts pages into the navigation."""
    options = [":hidden:", ":titlesonly:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["```{toctree}", *options, "", *(f"/{one}" for one in places), "```", ""])
