"""A real browser: pages are opened from their files, and may log nothing and request nothing else.

Chromium is not installed by pip: `$TINYVMAF_CHROMIUM`, or one that is on the PATH.
"""

import io
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PHONE, DESKTOP = (360, 800), (1280, 900)

# Texts of a chart that overlap, or that leave the chart, by more than a pixel.
CROWDED = """() => [...document.querySelectorAll('svg.chart')].flatMap(chart => {
  const whole = chart.getBoundingClientRect();
  const texts = [...chart.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  const found = [];
  texts.forEach(([text, a], i) => {
    if (a.left < whole.left - 1 || a.right > whole.right + 1) found.push(text + ' sticks out of ' + chart.ariaLabel);
    texts.slice(i + 1).forEach(([other, b]) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 3) found.push(text + ' on ' + other + ' in ' + chart.ariaLabel);
    });
  });
  return found;
})"""
# Boxes that hide a part of what they hold beyond an edge.
HIDING = """() => [...document.querySelectorAll('.wide, pre, pre *, nav, .card, .model, td, dd, figure, summary')]
  .filter(e => e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
  .map(e => e.tagName + '.' + e.className + ': ' + e.textContent.trim().slice(0, 60))"""
WIDTHS = "() => [document.scrollingElement.scrollWidth, innerWidth]"
# Elements that are wider than the page and in no box that scrolls.
TOO_WIDE = """() => [...document.querySelectorAll('main *')].filter(e => !e.closest('.wide, pre, svg, nav') &&
  e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + '.' + e.className)"""


def find_chromium() -> str | None:
    """The browser to use, if there is one."""
    named = os.environ.get("TINYVMAF_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def started() -> Iterator[Browser]:
    """The browser; a test that needs one is skipped where there is none."""
    path = find_chromium()
    if path is None:
        why = f"no Chromium: install one (apt install chromium) or set TINYVMAF_CHROMIUM; looked for {', '.join(NAMES)}"
        if os.environ.get("TINYVMAF_REQUIRE_CHROMIUM"):
            pytest.fail(why)
        pytest.skip(why)
    # Its sandbox refuses to be started by root, as in containers.
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*root, "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, size: tuple[int, int], **how: Any) -> Iterator[Page]:
    """A page, opened from its file; it must log nothing and request nothing else."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **how)
    page = context.new_page()
    errors: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: None if request.url.startswith("data:") else requested.append(request.url))
    address = path.as_uri()
    page.goto(address)
    yield page
    context.close()
    assert errors == []
    assert requested == [address]


def faults(page: Page) -> list[str]:
    """What axe-core finds wrong: contrast, labels, headings, regions."""
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


def colours(picture: bytes) -> int:
    """How many different colours a screenshot has."""
    found = Image.open(io.BytesIO(picture)).convert("RGB").getcolors(1 << 24)
    return len(found or ())


def background(page: Page) -> list[int]:
    """Red, green and blue of the page's ground."""
    colour: str = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in re.findall(r"\d+", colour)[:3]]
