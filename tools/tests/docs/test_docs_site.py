"""The documentation site, as far as it can be told without its builder: `tox -e docs` builds it."""

import argparse
import itertools
import os
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from docsite import api, bounds, commands, schemas
from docsite.__main__ import foreign, prepared
from docsite.navigation import GENERATED, sections
from docsite.pages import FRONT, Site, place, sources
from docsite.text import cell
from tinyvmaf.app.cli import parser
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.files import home
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.gates import GATES

if TYPE_CHECKING:  # slow to import
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def site() -> Site:
    return prepared()


def links(site: Site, name: str) -> set[str]:
    """The pages that a page links to."""
    found = set()
    for target in re.findall(r"\]\(([^()\s#]+)\.md(?:#[^()\s]*)?\)|^(/\S+)$", site.pages[name], re.MULTILINE):
        path = "".join(target)
        found.add(path[1:] if path.startswith("/") else str(Path("/", name).parent.joinpath(path).resolve())[1:])
    return found


def test_the_navigation_lists_every_page_once() -> None:
    listed = [one for section in sections() for one in section.places]
    assert len(listed) == len(set(listed))
    assert {"tutorials/score", "gates", "glossary", "reference/cli"} <= set(listed)
    assert {one for names in GENERATED.values() for one in names} <= set(listed)


def test_a_page_that_is_not_in_the_navigation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docsite.navigation.sources", lambda: [*sources(), "docs/lost.md"])
    with pytest.raises(TinyvmafError, match=r"does not link to lost: add a line"):
        sections()


def test_every_page_can_be_reached_from_the_first(site: Site) -> None:
    reached, new = set[str](), {"index"}
    while new:
        reached |= new
        new = {other for name in new for other in links(site, name)} - reached
    assert reached == set(site.pages)
    assert {place(source) for source in sources()} <= reached


def test_a_link_that_leads_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / FRONT).write_text("# A\n\n`[no](link.md)` but [this](lost.md#there) is one\n", encoding="utf-8")
    monkeypatch.setattr("docsite.pages.home", lambda: tmp_path)
    with pytest.raises(TinyvmafError, match=r"docs/README\.md: no such file: lost\.md#there"):
        Site().add(FRONT)


def test_every_gate_and_bound_is_in_the_reference() -> None:
    page = bounds.page()
    for gate in GATES.values():
        assert f"### {gate.name}\n" in page
    for bound in (one for of in load_bounds(home() / "gates.toml")._bounds.values() for one in of):
        table = bound.table.partition("[")[2].removesuffix("]").replace('"', "")
        (row,) = [line for line in page.splitlines() if line.startswith(f"- `{table}`:")]
        assert cell(bound.gate.words(bound.value)) in row
        assert cell(bound.reason) in row


def test_every_command_and_option_is_in_the_reference() -> None:
    page = commands.page()
    for name, one in commands.below(parser()):
        part = page.split(f"### {name}\n")[1].split("\n### ")[0]
        for action in one._actions:
            if action.help != argparse.SUPPRESS:
                listed = [line for line in part.splitlines() if line.startswith("````{option}")]
                assert all(any(option in line for line in listed) for option in action.option_strings or [""])


def test_what_every_room_offers_is_in_the_reference() -> None:
    pages = api.pages()
    count = 0
    for wing in api.WINGS:
        for room, path in api.rooms(wing).items():
            for name, *_ in api.offered(path):
                assert f"### `{name}`" in pages[f"reference/python/{wing}"].split(f"\n`{room}`\n")[1]
                count += 1
    assert count > 300


@pytest.mark.parametrize("room", ["vmaf.libvmaf", "vmaf.media", "model.engines", "train.recipes", "judge.bounds"])
def test_what_can_be_imported_from_a_room_is_offered(room: str) -> None:
    """Classes and functions that Python itself finds; those of other rooms are told there."""
    module = import_module(f"tinyvmaf.{room}")
    found = {
        name
        for name, one in vars(module).items()
        if name in getattr(module, "__all__", vars(module))
        and not name.startswith("_")
        and getattr(one, "__module__", "").startswith(module.__name__)
    }
    offered = {name for name, *_ in api.offered(Path(str(module.__file__)))}
    assert found
    assert found <= offered


def test_every_schema_is_in_the_reference() -> None:
    page = schemas.page()
    for name, (_, schema) in schemas.schemas().items():
        assert f"## {name}\n" in page
        for field in schema["properties"]:
            assert f"| `{field}` |" in page


@pytest.mark.parametrize(
    "text",
    [
        '<script async src="https://cdn.example/x.js"></script>',
        "<link rel=stylesheet href=//fonts.example/x.css>",
        "<style>@import 'http://x.example/a.css'</style>",
        "<p style=\"background: url('https://x.example/a.png')\">",
    ],
)
def test_a_page_that_loads_from_another_host_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    good = '<a href="https://example.org">x</a><script src="../x.js"></script><img src="x.png">'
    (tmp_path / "a" / "good.html").write_text(good, encoding="utf-8")
    assert foreign(tmp_path) == []
    (tmp_path / "a" / "bad.html").write_text(good + text, encoding="utf-8")
    (found,) = foreign(tmp_path)
    assert found.startswith("a/bad.html: ")


@pytest.mark.skipif(not os.environ.get("TINYVMAF_DOCS"), reason="tox -e docs builds the site")
def test_built_pages_fit_and_are_quiet(browser: "Browser") -> None:
    """At two widths, light and dark: nothing sticks out, nothing is logged, and no other host is asked."""
    from tests.browser import DESKTOP, PHONE, WIDTHS

    folder, found = home() / "build" / "docs" / "html", list[str]()
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for (width, height), scheme in itertools.product((DESKTOP, PHONE), schemes):
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
        page.on("request", lambda one: found.append(one.url) if not one.url.startswith(("file:", "data:")) else None)
        page.on("console", lambda one: found.append(one.text))
        for name in ("index", "tutorials/gate", "gates", *(one for names in GENERATED.values() for one in names)):
            page.goto((folder / f"{name}.html").as_uri())
            wide, inner = page.evaluate(WIDTHS)
            assert wide <= inner, name
        page.close()
    assert found == []


def test_the_reference_needs_no_builder() -> None:
    assert "sphinx" not in sys.modules
