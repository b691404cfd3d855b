"""The page in a real browser: no request, no error, and it fits a phone, a desktop and paper."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from tinyvmaf.judge.report import PAGE_FILE, write

from ..browser import CROWDED, DESKTOP, HIDING, PHONE, TOO_WIDE, WIDTHS, background, colours, faults, opened
from .report_samples import HOSTILE, MODELS, hostile, of_nothing, sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of several runs."""
    folder = tmp_path_factory.mktemp("report")
    write(folder / "failing", *sample(MODELS[:2], frames=24))
    write(folder / "passing", *sample(MODELS[:1], failing=False, frames=4))
    write(folder / "nothing", of_nothing(could_not_run="no FFmpeg\n  hint: install one"), {})
    write(folder / "hostile", *hostile("".join(reversed(HOSTILE))))
    return folder


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_it_fits_and_no_texts_of_a_chart_overlap(browser: Browser, folder: Path, size: tuple[int, int]) -> None:
    with opened(browser, folder / "failing" / PAGE_FILE, size) as page:
        width, inner = page.evaluate(WIDTHS)
        assert width <= inner == size[0]
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate(CROWDED) == []
        page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
        width, inner = page.evaluate(WIDTHS)
        assert width <= inner
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate(HIDING) == []
        charts = page.evaluate(
            "() => [...document.querySelectorAll('svg.chart')].map(c => c.getBoundingClientRect().toJSON())"
        )
        assert len(charts) == 2 * 7
        assert all(chart["width"] > 280 and chart["height"] > 100 for chart in charts)
        assert colours(page.screenshot()) > 50
        assert colours(page.locator("#model-0 svg.chart").nth(1).screenshot()) > 500  # dots
        assert colours(page.locator("#model-0-all svg.chart").nth(2).screenshot()) > 20  # bars


def test_in_dark_mode_the_ground_is_dark_and_text_is_light(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "failing" / PAGE_FILE, DESKTOP, color_scheme="dark") as page:
        assert max(background(page)) < 40
        fill = page.locator("svg.chart text").first.evaluate("e => getComputedStyle(e).fill")
        assert min(int(part) for part in re.findall(r"\d+", fill)[:3]) > 120
        assert colours(page.screenshot()) > 50


@pytest.mark.parametrize("name", ["failing", "passing", "nothing"])
def test_paper_is_white_and_has_the_answer_on_a_few_pages(browser: Browser, folder: Path, name: str) -> None:
    with opened(browser, folder / name / PAGE_FILE, (720, 1000), color_scheme="dark") as page:
        page.emulate_media(media="print")
        assert background(page) == [255, 255, 255]
        assert page.locator(".answer").is_visible()
        assert page.locator(".on-paper").is_visible()
        assert page.locator(".suite").count() == page.locator(".suite:not(:visible)").count()
        assert page.evaluate(CROWDED) == []
        width, inner = page.evaluate(WIDTHS)
        assert width <= inner
        paper = page.pdf(format="A4", print_background=True)
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", paper)) < 8
        shown = page.locator(".lead svg.chart:visible").count()
        assert shown == {"failing": 4, "passing": 2, "nothing": 0}[name]


@pytest.mark.parametrize(("name", "theme"), [("failing", "light"), ("passing", "dark"), ("nothing", "dark")])
def test_axe_finds_no_fault(browser: Browser, folder: Path, name: str, theme: Literal["light", "dark"]) -> None:
    with opened(browser, folder / name / PAGE_FILE, DESKTOP, color_scheme=theme) as page:
        assert faults(page) == []


def test_what_axe_would_find(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(
        "<title>a</title><main><h3 style='color: #ccc'>pale</h3></main>", encoding="utf-8"
    )
    with opened(browser, tmp_path / "bad.html", DESKTOP) as page:
        assert {one.partition(":")[0] for one in faults(page)} >= {"color-contrast", "html-has-lang"}


def test_keyboard_and_contents_lead_to_the_models(browser: Browser, folder: Path) -> None:
    with opened(browser, folder / "failing" / PAGE_FILE, DESKTOP) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.textContent") == "Skip to the models"
        page.get_by_role("navigation").get_by_role("link", name=MODELS[1]).evaluate("e => e.click()")
        assert 0 <= page.locator("#model-1").evaluate("e => e.getBoundingClientRect().top") < 60
        levels = page.evaluate("() => [...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1])")
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))


@pytest.mark.parametrize("name", ["passing", "nothing", "hostile"])
def test_every_kind_of_report_fits_a_phone(browser: Browser, folder: Path, name: str) -> None:
    with opened(browser, folder / name / PAGE_FILE, PHONE) as page:
        width, inner = page.evaluate(WIDTHS)
        assert width <= inner == PHONE[0]
        assert page.evaluate(TOO_WIDE) == []
        assert page.locator("h1").inner_text().strip() in ("PASS", "FAIL", "COULD NOT RUN")
        assert colours(page.screenshot()) > 10
