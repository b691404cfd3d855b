"""Build the site: python -m docsite [FOLDER]. Needs the extra `docs`. Any warning is an error."""

import argparse
import re
import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home

from . import api, bounds, commands, schemas
from .navigation import folder_page, sections, toctree
from .pages import FOLDERS, Site, sources

_LOADS: Final = re.compile(
    r"""<(?:script|link|img|iframe|source|video|audio|object|embed)\b[^>]*\b(?:src|href|srcset|data)\s*=\s*"""
    r"""["']?(?:https?:)?//[^>]*>|(?:url\(|@import)\s*["']?(?:https?:)?//[^)\s]*""",
    re.IGNORECASE,
)


def prepared() -> Site:
    """Every page of the site as Sphinx reads it.

    Raises:
        TinyvmafError: a page is not in the navigation, or a link leads nowhere.
    """
    site = Site()
    for source in sources():
        site.add(source)
    site.pages["index"] += "\n" + "\n".join(toctree(section.places, section.title) for section in sections())
    for folder in FOLDERS:
        site.pages[folder.removeprefix("docs/")] = folder_page(folder)
    site.pages |= {
        "reference/cli": commands.page(),
        "reference/gates": bounds.page(),
        "reference/schemas": schemas.page(),
        **api.pages(),
    }
    site.show_files()
    return site


def write(site: Site, folder: Path) -> None:
    """Write the pages in place of all that the folder holds."""
    shutil.rmtree(folder, ignore_errors=True)
    for place, text in site.pages.items():
        path = folder / f"{place}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, file in site.pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)


def main(words: list[str] | None = None) -> int:
    """Build."""
    parser = argparse.ArgumentParser("docsite", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=home() / "build" / "docs", help="(default: build/docs)")
    folder = parser.parse_args(words).folder
    sphinx = import_module("sphinx.cmd.build").main  # of the extra `docs`

    try:
        site = prepared()
        write(site, folder / "pages")
    except TinyvmafError as error:
        print(f"docsite: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(folder / "html", ignore_errors=True)
    conf = str(Path(__file__).parent)
    status: int = sphinx(
        [
            "-b",
            "html",
            "-W",
            "--keep-going",
            "-E",
            "-q",
            "-c",
            conf,
            "-d",
            str(folder / "trees"),
            str(folder / "pages"),
            str(folder / "html"),
        ]
    )
    for name, file in site.as_they_are.items():
        shutil.copyfile(file, folder / "html" / name)
    if found := foreign(folder / "html"):
        print("\n".join(f"docsite: loaded from another host: {one}" for one in found), file=sys.stderr)
        return 1
    if not status:
        print(f"docsite: {folder / 'html' / 'index.html'}")
    return status


def foreign(folder: Path) -> list[str]:
    """What built pages load from another host: scripts, styles, fonts, pictures. A link for a reader loads nothing."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".css", ".js"):
            text = path.read_text(encoding="utf-8")
            found += [f"{path.relative_to(folder).as_posix()}: {one[0]}" for one in _LOADS.finditer(text)]
    return found


if __name__ == "__main__":
    sys.exit(main())
