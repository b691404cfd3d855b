"""The committed page that scores feature rows, in a real browser, opened from its file."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from tinyvmaf.files import home, sha256
from tinyvmaf.model import registry
from tinyvmaf.model.engines import OnnxRuntimeCpu
from tinyvmaf.vmaf.domain import Domain
from tinyvmaf.vmaf.features import CANONICAL
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.teacher import load_teacher

from ..browser import CROWDED, DESKTOP, PHONE, TOO_WIDE, WIDTHS, background, colours, faults, opened
from ..model.test_wasm import adversarial

PAGE = home() / "docs/score-rows.html"
MODELS = json.loads(PAGE.read_text(encoding="utf-8").partition('id="data">')[2].partition("</script>")[0])
HOSTILE = "<img src=x onerror=alert(1)>"


def text_of(rows: NDArray[np.float32], names: list[str]) -> str:
    return "\n".join([",".join(names), *(",".join(map(repr, row)) for row in rows.tolist())])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser, PAGE, DESKTOP) as one:
        yield one


def test_every_student_of_the_page_gives_the_bits_of_onnx_runtime(page: Page, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    """Rows of the domain, 10,000 for the first student; then huge, negative and subnormal features, and -0."""
    for number, shown in enumerate(MODELS):
        model = registry.find(shown["id"])
        assert shown["sha256"] == sha256(model.data)
        domain = Domain(load_teacher(ffmpeg, model.teacher_id).features)
        rows = adversarial(domain.sample(1000 if number else 10_000, number))
        file = tmp_path / f"{model.id}.csv"
        file.write_text(text_of(rows, list(model.features)))
        page.select_option("#model", index=number)
        page.set_input_files("#file", file)
        page.wait_for_function("count => result?.scores.length === count", arg=len(rows))
        found = page.evaluate("() => [...new Uint32Array(result.scores.buffer)]")
        assert found == OnnxRuntimeCpu(model.data).run(rows).view(np.uint32).tolist(), model.id
        inside = page.evaluate("() => result.why.map(why => !why)")
        assert inside == domain.contains(rows.astype(np.float64)).tolist()
        expect(page.locator("#domain")).to_contain_text(f"nothing is promised of {model.id}")


def rows_of_a_clip() -> NDArray[np.float32]:
    """Scores that rise and fall, and a frame of a strobe."""
    t = np.linspace(0, 6, 400)
    rows = np.stack(
        [0.9 + 0.08 * np.sin(t), *(c + 0.1 * np.sin(t) for c in (0.5, 0.8, 0.85, 0.9)), 5 + 5 * np.sin(t)], 1
    )
    rows[40, 5] = 60.0
    return rows.astype(np.float32)


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESKTOP, "dark")])
def test_it_fits_and_can_be_read(browser: Browser, size: tuple[int, int], scheme: str) -> None:
    with opened(browser, PAGE, size, color_scheme=scheme) as page:
        page.fill("#text", text_of(rows_of_a_clip(), list(CANONICAL)))
        expect(page.locator("#result")).to_be_visible()
        width, inner = page.evaluate(WIDTHS)
        assert width <= inner == size[0]
        assert page.evaluate(TOO_WIDE) == []
        assert page.evaluate(CROWDED) == []
        assert faults(page) == []
        assert (max(background(page)) < 40) == (scheme == "dark")
        assert colours(page.locator("svg.chart").screenshot()) > 20
        expect(page.locator("#domain")).to_have_text(
            "1 of 400 rows are outside the domain, where nothing is promised of tinyvmaf_nano."
        )
        expect(page.locator("tr.far")).to_contain_text("motion2 60 is 30 too high")


def test_the_keyboard_is_enough_and_errors_are_told(page: Page) -> None:
    for focused in ("skip", "model", "text"):
        page.keyboard.press("Tab")
        assert page.evaluate("() => document.activeElement.id || document.activeElement.className") == focused
    page.keyboard.insert_text(f"{','.join(CANONICAL)}\n1,1,1,1,1,0\n1,1,1,1,{HOSTILE},0")
    expect(page.get_by_role("alert")).to_have_text(f'row 2, column vif_scale3: "{HOSTILE}" is not a number')
    expect(page.locator("#result")).to_be_hidden()
    page.locator("#text").press("ControlOrMeta+a")
    page.keyboard.insert_text(f"{','.join(CANONICAL)}\n1,1,1,1,1,0")
    expect(page.locator("#fault")).to_be_empty()
    expect(page.locator("#pooled")).to_contain_text("mean")


def test_a_log_of_libvmaf_is_dropped_and_its_scores_are_copied(page: Page) -> None:
    rows = [[0.9, 0.5, 0.8, 0.85, 0.9, 3.5], [0.8, 0.4, 0.7, 0.8, 0.85, 40.0]]
    names = [f"integer_{name}" for name in CANONICAL]
    frames = "".join(
        f'<frame frameNum="{n}" {" ".join(f"{k}={chr(34)}{v}{chr(34)}" for k, v in zip(names, row, strict=True))} />'
        for n, row in enumerate(rows)
    )
    page.evaluate(
        """text => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([text], "log.xml"));
          document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true }));
        }""",
        f'<VMAF version="3"><frames>{frames}</frames></VMAF>',
    )
    page.get_by_role("button", name="Copy all rows as JSON").click()
    found = json.loads(page.locator("#copied").input_value())
    model = registry.find("tinyvmaf_nano")
    expected = OnnxRuntimeCpu(model.data).run(np.array(rows)).tolist()
    assert (found["model"], found["sha256"], found["teacher"]) == (model.id, model.sha256, model.teacher_id)
    assert [row["score"] for row in found["rows"]] == expected
    assert [row["outside_domain"] for row in found["rows"]] == ["", "motion2 40 is 10 too high"]
    page.get_by_role("button", name="Copy all rows as CSV").click()
    header, *lines = page.locator("#copied").input_value().splitlines()
    assert header == f"row,{','.join(CANONICAL)},tinyvmaf_nano,outside_domain"
    assert [float(line.split(",")[7]) for line in lines] == expected


def test_a_file_that_cannot_be_read_is_told(page: Page, tmp_path: Path) -> None:
    """One that is gone, and one as large as a video."""
    gone, video = tmp_path / "gone.csv", tmp_path / "video.yuv"
    gone.write_text(f"{','.join(CANONICAL)}\n1,1,1,1,1,0")
    page.set_input_files("#file", gone)
    expect(page.locator("#result")).to_be_visible()
    gone.unlink()
    page.evaluate("() => take(document.getElementById('file').files[0])")
    expect(page.locator("#fault")).to_contain_text("gone.csv: ")
    expect(page.locator("#result")).to_be_hidden()
    with video.open("wb") as file:
        file.truncate(300_000_000)
    page.set_input_files("#file", video)
    expect(page.locator("#fault")).to_have_text("video.yuv: it has more than 200 MB, so it is no table of features")
