"""A picture for the README, of a report's answer and first model: `python tools/plots/report.py [PAGE.html] [OUT.png]`.

Needs Playwright (extra `tests`) and a Chromium: $TINYVMAF_CHROMIUM, or one on the path.
"""

import os
import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tinyvmaf.files import home

WIDTH, HEIGHT = 1280, 1610  # pixels
COLOURS = 96  # enough for a page of text, and a small file


def main(page: Path, out: Path) -> None:
    chromium = os.environ.get("TINYVMAF_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("no Chromium: set TINYVMAF_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": WIDTH, "height": 1000})
        shown.goto(page.resolve().as_uri())
        picture = shown.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT})
        browser.close()
    whole = Image.open(BytesIO(picture)).convert("RGB")
    out.parent.mkdir(parents=True, exist_ok=True)
    whole.quantize(COLOURS).save(out, optimize=True)


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    main(*(given + [home() / "report" / "index.html", home() / "docs" / "images" / "report.png"][len(given) :]))
