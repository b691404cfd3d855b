"""What a page of scores shows: which encodes belong together, their numbers, and why a number is missing."""

import base64
import hashlib
import json
import os
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from PIL import Image

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.measure.score_page import known_plot, write_plot
from tinyvmaf.measure.score_page.blocks import blocks_of, short_names, shortened
from tinyvmaf.measure.score_page.drawing import thinned
from tinyvmaf.measure.score_page.page import Shots, page
from tinyvmaf.measure.scoring import ScoredPair, TinyScores
from tinyvmaf.vmaf.ffmpeg import FFmpeg
from tinyvmaf.vmaf.libvmaf import FrameTable
from tinyvmaf.vmaf.media import PairOptions
from tinyvmaf.vmaf.teacher import Bagging, load_built_in

TEACHER = "vmaf_v0.6.1"
HOSTILE = "<img src=x onerror=alert(1)>\u202e\udcff</script>&#x41; $x$ 100.mp4"


@pytest.fixture
def scored(ffmpeg: FFmpeg, tmp_path: Path) -> Any:
    teacher = load_built_in(ffmpeg, TEACHER)

    def make(name: str, values: ArrayLike, reference: str = "r.mp4", **more: Any) -> ScoredPair:
        scores = np.asarray(values, dtype=np.float64)
        table = FrameTable("86da14d", {TEACHER: scores}, {})
        known = {"fps": Fraction(25), **more}
        return ScoredPair(tmp_path / reference, tmp_path / name, table, (teacher,), {TEACHER: scores}, **known)

    return make


@pytest.fixture
def ladders(scored: Any) -> list[ScoredPair]:
    """Two encoders with four rungs each; the second needs twice the bitrate."""
    means = (40.0, 60.0, 75.0, 85.0)
    return [
        scored(f"{encoder}_{rung}k.mp4", np.linspace(mean - 5, mean + 5, 8), bitrate=1000.0 * rung * factor)
        for encoder, factor in (("x264", 1), ("x265", 2))
        for rung, mean in zip((100, 200, 400, 800), means, strict=True)
    ]


def data_of(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_encodes_of_one_reference_are_one_block_for_each_score(scored: Any) -> None:
    one, other, alone = scored("a/1.mp4", [1.0, 2.0]), scored("b/1.mp4", [3.0]), scored("c.mp4", [5.0], "s.mp4")
    blocks = blocks_of([one, alone, other])
    assert [(b.reference.name, b.score, [e.name for e in b.encodes]) for b in blocks] == [
        ("r.mp4", TEACHER, ["a/1.mp4", "b/1.mp4"]),
        ("s.mp4", TEACHER, ["c.mp4"]),
    ]


def test_a_file_that_is_named_twice_has_a_number() -> None:
    assert short_names([Path("x/a.mp4"), Path("x/a.mp4"), Path("x/y/b.mp4")]) == ["a.mp4 (1)", "a.mp4 (2)", "y/b.mp4"]


def test_the_worst_frames_are_those_with_the_lowest_scores(scored: Any) -> None:
    values = np.random.default_rng(0).uniform(20, 100, 400)
    (block,) = blocks_of([scored("d.mp4", values)])
    assert [values[n] for n in block.encodes[0].worst] == sorted(values)[:3]


def test_twice_the_bitrate_is_100_percent(ladders: list[ScoredPair]) -> None:
    (block,) = blocks_of(ladders)
    anchor, (row,) = block.bd_rates()
    assert (anchor, row.name, row.text) == ("x264_*k.mp4", "x265_*k.mp4", "+100.00 %")
    assert row.about == "over scores 40.00 to 85.00, 100 % of both curves' range"


@pytest.mark.parametrize(
    ("means", "why"),
    [
        ((40.0, 60.0, 75.0), "x265_*k.mp4 has 3 points; BD-rate needs 4"),
        ((40.0, 60.0, 59.0, 85.0), "x265_*k.mp4 does not rise: 400 kbit/s scores 59.0000, 200 kbit/s 60.0000"),
        ((5.0, 10.0, 15.0, 20.0), "they have no quality in common"),
    ],
)
def test_without_bd_rate_the_page_says_why(means: tuple[float, ...], why: str, ladders: Any, scored: Any) -> None:
    test = [
        scored(f"x265_{rung}k.mp4", [mean], bitrate=1000.0 * rung)
        for rung, mean in zip((100, 200, 400, 800), means, strict=False)
    ]
    blocks = blocks_of([*ladders[:4], *test])
    _, (row,) = blocks[0].bd_rates()
    assert row.text == "no number"
    assert why in row.about
    if len(means) < 4:  # one page is enough
        text = page(blocks, [], {})
        assert "no number" in text
        assert why in text


def test_little_in_common_is_said(ladders: list[ScoredPair], scored: Any) -> None:
    means = (5.0, 10.0, 20.0, 50.0)
    test = [scored(f"x265_{n}k.mp4", [mean], bitrate=1000.0 * n) for n, mean in enumerate(means, start=1)]
    _, (row,) = blocks_of([*ladders[:4], *test])[0].bd_rates()
    assert row.about == "over scores 40.00 to 50.00, 12 % of both curves' range: little, so this number says little"


@pytest.mark.parametrize("bitrates", [(None, None), (1000.0, None)])
def test_without_two_bitrates_there_is_no_curve(bitrates: tuple[float | None, ...], scored: Any) -> None:
    (block,) = blocks_of([scored(f"{n}.mp4", [50.0 + n], bitrate=rate) for n, rate in enumerate(bitrates)])
    assert block.curves() == []
    assert "Quality over bitrate" not in page([block], [], {})


@given(st.lists(st.floats(0, 100), min_size=1, max_size=400), st.integers(1, 60))
def test_thinning_keeps_ends_and_extremes(values: list[float], columns: int) -> None:
    series = np.array(values)
    at = thinned(series, series, columns)
    assert (np.diff(at) > 0).all()
    assert len(at) <= 4 * columns
    assert at[0] == 0
    assert at[-1] == len(series) - 1
    assert (series[at].min(), series[at].max()) == (series.min(), series.max())


def test_every_score_has_its_block_and_its_own_numbers(scored: Any, ladders: list[ScoredPair]) -> None:
    values = np.array([50.0, 60.0])
    pair = scored("a.mp4", values)
    both = replace(pair, scores={**pair.scores, "neg": values - 5})
    blocks = blocks_of([both, replace(both, distorted=ladders[0].distorted)])
    assert [block.score for block in blocks] == [TEACHER, "neg"]
    shots = [Shots(one, (), f"No pictures of {one.name}") for one in blocks[0].encodes]
    text = page(blocks, shots, {})
    assert [view["values"][0] for view in data_of(text)] == [[50.0, 60.0], [45.0, 55.0]]
    assert text.count("No pictures of a.mp4") == 1


def test_warnings_come_first_in_a_page_and_below_the_charts_of_a_file(
    scored: Any, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    tiny = TinyScores("theirs", "", [], np.array([50.0]), np.array([2.0]), "motion2 0.3 above 0.2", {})
    pairs = [replace(scored("a.mp4", [50.0]), tiny=(tiny,))]
    text = page(blocks_of(pairs), [], {})
    warning = "a.mp4: 1 of 1 frames are outside the domain"
    assert text.index(warning) < text.index("Score over time")
    assert text.count(warning) == 1
    write_plot(tmp_path / "a.svg", pairs, options=[PairOptions()], ffmpeg=ffmpeg)
    assert f"Warning: {warning}" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_names_of_files_are_only_text(scored: Any) -> None:
    text = page(blocks_of([scored(HOSTILE, [50.0, 60.0], "<b>.mp4"), scored("b.mp4", [1.0])]), [], {"a": "<i>"})
    assert text.encode()  # a name that is no UTF-8
    assert "<img src=x" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "\u202e" not in text
    assert text.count("</script>") == 2
    assert "<i>" not in text


def test_the_page_asks_for_nothing_and_runs_only_its_own_script(ladders: list[ScoredPair]) -> None:
    text = page(blocks_of(ladders), [], {})
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    allowed = re.search(r"script-src 'sha256-([^']+)'", text)
    assert allowed
    assert base64.b64decode(allowed[1]) == hashlib.sha256(script.encode()).digest()
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", text)
    assert set(re.findall(r"https?://[^\s\"']+", text)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in text


def test_the_page_has_every_score(scored: Any) -> None:
    low, high = np.array([80.0, 90.0]), np.array([92.0, 99.0])
    bagging = Bagging((low + high) / 2, high - low, low, high)
    pair = scored("a.mp4", [85.12345, 95.0], intervals={TEACHER: bagging})
    text = page(blocks_of([pair, scored("b.mp4", [70.0])]), [], {})
    (data,) = data_of(text)
    assert data["values"] == [[85.123, 95.0], [70.0]]
    assert (data["low"], data["high"]) == ([[80.0, 90.0], None], [[92.0, 99.0], None])
    assert (data["unit"], data["fps"]) == (0.04, 25.0)
    assert "85.000 to 95.500" in text
    assert "95 % interval" in text


def test_without_a_frame_rate_the_axis_counts_frames(scored: Any) -> None:
    text = page(blocks_of([scored("a.mp4", [50.0, 60.0], fps=None)]), [], {})
    assert ">frame</text>" in text
    assert "time, s" not in text


def test_a_long_clip_has_minutes_and_a_page_that_is_not_much_larger(scored: Any) -> None:
    values = np.random.default_rng(0).uniform(60, 100, 50_000)
    text = page(blocks_of([scored("a.mp4", values)]), [], {})
    assert "time, min" in text
    assert len(text) < 50_000 * 10


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_file_has_the_charts_and_the_table(suffix: str, ladders: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = tmp_path / f"plot{suffix}"
    write_plot(path, ladders, options=[PairOptions()] * 8, ffmpeg=ffmpeg)
    if suffix == ".png":
        with Image.open(path) as image:
            assert image.width == 1500
            assert image.height > 1000
        return
    before = path.read_bytes()
    write_plot(path, ladders, options=[PairOptions()] * 8, ffmpeg=ffmpeg)
    assert path.read_bytes() == before  # the same numbers give the same bytes


def test_inputs_that_are_gone_leave_a_page_without_pictures(scored: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_plot(path, [scored("gone.mp4", [50.0])], options=[PairOptions()], ffmpeg=ffmpeg)
    text = path.read_text(encoding="utf-8")
    assert re.search(r"No pictures: [^<]*r\.mp4: no such file", text)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_pipe_is_not_read_again_for_pictures(scored: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.mp4")
    path = tmp_path / "page.html"
    write_plot(path, [scored("d.mp4", [50.0])], options=[PairOptions()], ffmpeg=ffmpeg)
    assert "r.mp4 is a pipe, which can be read only once" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.pdf", r"cannot draw \.pdf"),
        ("a", "without suffix"),
        ("no/a.html", "no such folder"),
        (".html", "without suffix"),
    ],
)
def test_a_file_that_cannot_be_drawn_is_refused_before_anything_is_scored(
    name: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(TinyvmafError, match=message):
        known_plot(tmp_path / name)


def test_a_folder_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    (folder := tmp_path / "a.html").mkdir()
    with pytest.raises(TinyvmafError, match=r"a\.html: a folder"):
        known_plot(folder)


def test_any_name_can_be_drawn_in_a_file(scored: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    pairs = [scored(f"{HOSTILE}--\x07{n}漢字.mp4", [50.0 + n], bitrate=1000.0 + n) for n in range(2)]
    write_plot(path, pairs, options=[PairOptions()] * 2, ffmpeg=ffmpeg)
    assert ET.fromstring(path.read_bytes()).tag.endswith("svg")


@pytest.mark.parametrize(
    ("most", "short"), [(99, "x264_slow_crf23.mp4"), (19, "x264_slow_crf23.mp4"), (9, "x264….mp4")]
)
def test_a_long_name_keeps_its_end(most: int, short: str) -> None:
    assert shortened("x264_slow_crf23.mp4", most) == short


def test_what_was_not_scored_is_said(scored: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    for name, start in (("a.svg", "Not scored"), ("a.html", "not scored")):
        missing = ["b.mp4: no such file"]
        write_plot(
            tmp_path / name, [scored("a.mp4", [50.0])], options=[PairOptions()], ffmpeg=ffmpeg, not_scored=missing
        )
        assert f"{start}: b.mp4: no such file" in (tmp_path / name).read_text(encoding="utf-8")


def test_a_picture_that_would_be_too_high_is_refused(scored: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    pairs = [scored(f"{n}.mp4", [50.0], f"r{n}.mp4") for n in range(40)]
    with pytest.raises(TinyvmafError, match=r"a\.png: 40 charts one below the other are too high"):
        write_plot(tmp_path / "a.png", pairs, options=[PairOptions()] * 40, ffmpeg=ffmpeg)
