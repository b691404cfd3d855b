"""`tinyvmaf score --plot page.html` for real, and its page in a real browser."""

import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tinyvmaf.vmaf.ffmpeg import FFmpeg

from ..browser import CROWDED, DESKTOP, PHONE, TOO_WIDE, WIDTHS, background, opened
from .test_cli import run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

S = "testsrc2=s=320x180:r=25:d=0.48,noise=alls=12:allf=t:all_seed=3"
FRAMES, ENCODES = 12, 2


@pytest.fixture
def clips(ffmpeg: FFmpeg, tmp_path: Path) -> list[str]:
    """A reference and two encodes of it."""
    start = [
        str(ffmpeg.path),
        "-v",
        "error",
        "-nostdin",
        "-f",
        "lavfi",
        "-i",
        S,
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "libx264",
    ]
    made = []
    for name, *how in (("src.mp4", "-qp", "0"), ("x264_30.mp4", "-crf", "30"), ("x264_44.mp4", "-crf", "44")):
        subprocess.run(
            [*start, "-c:v", "libx264", *how, "-preset", "ultrafast", str(tmp_path / name)], check=True, timeout=60
        )
        made.append(str(tmp_path / name))
    return made


def shown_values(page: "Page") -> list[float]:
    """What the legend says of the frame at the slider: of each encode its score, and the ends of its interval."""
    texts = page.locator("section[data-block='1'] .values b").all_inner_texts()
    return [float(number) for text in texts for number in re.findall(r"[\d.]+", text)]


def fits(page: "Page", width: int) -> None:
    assert page.evaluate(WIDTHS) == [width, width]
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(CROWDED) == []


def cursor_follows(svg: "Locator", page: "Page", expected: list[list[float]]) -> None:
    """Over the dot of a worst frame, the cursor stands at the dot, and the scores are those of the frame."""
    for dot in svg.locator("circle").all()[::3]:  # one of each encode
        (frame,) = re.findall(r"frame (\d+),", dot.locator("title").text_content() or "")
        dot.hover()
        assert shown_values(page) == pytest.approx(expected[int(frame)], abs=6e-4)
        cursor = svg.locator("line.cursor").get_attribute("x1") or ""
        assert float(cursor) == pytest.approx(float(dot.get_attribute("cx") or ""), abs=0.2)


def test_the_page_of_two_encodes_in_a_browser(
    clips: list[str], browser: "Browser", capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It fits a desktop and a phone, shows a frame's scores by keyboard and pointer, and pictures in full size."""
    out, path = tmp_path / "scores.json", tmp_path / "page.html"
    status, _, err = run(capsys, "score", *clips, "--interval", "--plot", str(path), "--out", str(out))
    assert (status, err) == (0, "")
    logs: list[dict[str, Any]] = json.loads(out.read_text())["pairs"]
    names = ("vmaf_b_v0.6.3", "vmaf_b_v0.6.3_ci_p95_lo", "vmaf_b_v0.6.3_ci_p95_hi")
    expected = [[log["frames"][n]["metrics"][name] for log in logs for name in names] for n in range(FRAMES)]
    assert all(low < high for _, low, high in (row[:3] for row in expected))

    with opened(browser, path, DESKTOP) as page:
        assert page.title() == "2 encodes of src.mp4"
        fits(page, DESKTOP[0])
        assert [head.strip() for head in page.locator("h2").all_inner_texts()] == ["vmaf_v0.6.1", names[0], "Made with"]
        levels = page.evaluate("() => [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
        assert all(b - a <= 1 for a, b in pairwise([0, *levels]))
        table = page.get_by_role("table", name=f"scores of all frames by {names[0]}")
        mean = logs[1]["pooled_metrics"][names[0]]["mean"]
        assert f"{mean:.3f}" in table.locator("tr").nth(2).inner_text()
        slider = page.get_by_role("slider", name=f"frame of {names[0]}")
        slider.focus()
        page.keyboard.press("End")
        assert shown_values(page) == pytest.approx(expected[-1], abs=6e-4)
        page.keyboard.press("ArrowLeft")
        assert shown_values(page) == pytest.approx(expected[-2], abs=6e-4)
        assert "frame 10, 00:00:00.400" in page.locator("output").nth(1).inner_text()
        svg = page.locator("section[data-block='1'] .wide-only svg")
        svg.hover(position={"x": 5, "y": 80})
        assert shown_values(page) == pytest.approx(expected[0], abs=6e-4)
        cursor_follows(svg, page, expected)

        pictures = page.locator(".three img")
        assert pictures.count() == ENCODES * 3 * 3
        sizes = pictures.evaluate_all("all => all.map(one => [one.naturalWidth, one.naturalHeight])")
        assert sizes == [[320, 180]] * pictures.count()
        page.locator(".three button").first.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        assert dialog.is_visible()
        which = dialog.locator(".which")
        worst = logs[0]["worst_frames"][0]["frameNum"]
        assert which.inner_text().startswith(f"reference, frame {worst}, ")
        page.keyboard.press("ArrowRight")
        assert which.inner_text().startswith("encode, ")
        page.keyboard.press("Escape")
        assert not dialog.is_visible()

    with opened(browser, path, PHONE, color_scheme="dark") as page:
        page.evaluate("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
        fits(page, PHONE[0])
        cursor_follows(page.locator("section[data-block='1'] .narrow-only svg"), page, expected)
        assert max(background(page)) < 40
        page.locator(".three button").last.click()
        box = page.get_by_role("dialog").bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE[0]


@pytest.mark.parametrize("name", ["plot.pdf", "nowhere/plot.html"])
def test_a_plot_that_cannot_be_is_refused_before_the_score(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    status, out, err = run(capsys, "score", "no.mp4", "nor.mp4", "--plot", str(tmp_path / name))
    assert (status, out) == (2, "")
    assert name in err
    assert "no.mp4" not in err
