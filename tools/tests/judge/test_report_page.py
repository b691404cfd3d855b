"""The page: its parts and their order, its gaps, and that a stranger's text is never markup."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.judge import outcomes
from tinyvmaf.judge.outcomes import Limit, fields
from tinyvmaf.judge.report import JUNIT_FILE, PAGE_FILE, SUMMARY_FILE, junit, page, write
from tinyvmaf.judge.verdict import check
from tinyvmaf.measure.charts import SOURCES as SOURCE_COLOURS
from tinyvmaf.measure.charts import axes
from tinyvmaf.measure.charts.words import clean, line, number, one_minus

from .report_samples import HOSTILE, MODELS, SOURCES, hostile, of_nothing, sample

VOID = {"meta", "br", "path", "line", "rect", "circle", "hr"}


class Parsed(HTMLParser):
    """The elements of a page, its texts, and tags that do not match."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID or tag in {"path", "line", "rect", "circle"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All text that is shown, with single spaces."""
        return " ".join("\n".join(self.texts).split())


@pytest.fixture(scope="module")
def failing() -> Parsed:
    return Parsed(page(*sample(frames=6)))


def test_the_verdict_comes_first_then_what_failed(failing: Parsed) -> None:
    parts = [
        "Do these 4 models pass backends, contract, corpus, golden, latency, loso, selftest?",
        "FAIL",
        "1 of 4 models fails. tinyvmaf_nano: worst frame",
        "Not checked: 4 (backends 4).",
        "Suite by suite",
        "Each bound",
        "What failed",
        "What was not checked",
        "Waivers 1",
        "Against the teacher",
        "Every outcome",
        "Of no single model",
        "The run",
    ]
    text = failing.text.partition("Skip to the models")[2]
    places = [text.index(one, text.index("Suite by suite") if n > 4 else 0) for n, one in enumerate(parts)]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (sample(failing=False, frames=2)[0], "All 4 models: worst frame"),
        (sample(frames=2)[0], "1 of 4 models fails. tinyvmaf_nano: worst frame"),
        (of_nothing(could_not_run="no FFmpeg"), "No FFmpeg."),
        (of_nothing(stopped=True), "The run was stopped before its end, so there is no verdict."),
    ],
    ids=lambda value: value["verdict"] if isinstance(value, dict) else "",
)
def test_every_verdict_is_worded(run: dict[str, Any], sentence: str) -> None:
    source = page(run, {})
    assert sentence in Parsed(source).text
    assert re.search(rf"<h1>.*<span>{run['verdict']}</span></h1>", source)


def test_the_page_needs_nothing_else_and_links_lead_somewhere(failing: Parsed) -> None:
    assert not failing.unbalanced
    assert not failing.open
    assert not failing.tags & {"script", "img", "link", "iframe", "object", "form", "base", "use", "image"}
    assert not [name for name in failing.attributes if name.startswith("on") or name == "style"]
    assert {f"#{one}" for one in failing.ids} >= set(failing.links)
    assert len(set(failing.ids)) == len(failing.ids)
    source = page(*sample(frames=2))
    assert "url(" not in source
    assert "@import" not in source


def test_a_failure_is_shown_whole_and_its_outcome_is_open() -> None:
    run, evidence = sample(MODELS[:2], frames=2)
    source = page(run, evidence)
    text = Parsed(source).text
    for failure in run["failures"]:
        assert " ".join(failure["text"].split()) in text
    assert source.count('<details open class="outcome fail">') == sum(o["status"] == "fail" for o in run["outcomes"])
    assert '<details open class="outcome pass">' not in source


def test_every_outcome_shows_its_rows_and_every_field() -> None:
    run, _ = sample(MODELS[:1], frames=2)
    text = Parsed(page(run, {})).text
    for outcome in run["outcomes"]:
        assert outcome["gate"] in text
        for title, value in fields(outcome):
            assert f"{title} {value}" in text
        for row in outcome["worst"]:
            assert row["label"] in text


class Heavy(Limit):
    weight: float = Field(default=2.5, title="weight")


def test_a_new_field_of_an_outcome_shows_on_the_page_and_in_junit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outcomes.TYPES, "limit", Heavy)
    run, _ = sample(MODELS[:1], frames=2)
    run["outcomes"] = [one | {"weight": 2.5} if one["type"] == "limit" else one for one in run["outcomes"]]
    assert "weight 2.5" in Parsed(page(run, {})).text
    assert 'outcome 1: weight" value="2.5"' in junit(run)


def test_outcomes_of_a_model_that_the_record_does_not_list_are_shown_too() -> None:
    run, _ = sample(MODELS[:1], frames=2)
    run["outcomes"][0]["model"] = "someone else"
    run["outcomes"][0]["subject"] = "a lost subject"
    assert "a lost subject" in Parsed(page(run, {})).text


def test_each_chart_has_its_points() -> None:
    run, evidence = sample(MODELS[:1])
    source = page(run, evidence)
    charts = re.findall(r'<svg[^>]*role="img" aria-label="([^"]*)"', source)
    assert len(charts) == 7
    assert charts[0].startswith("How much of its bound each of ")
    assert "6,912 frames" in charts[2]
    clouds = re.findall(r'<path d="([^"]*)"[^>]*stroke="var\(--s(\d)\)"[^>]*><title>([^<]*)</title>', source)
    assert [(int(n), name) for _, n, name in clouds] == [*enumerate(SOURCES)] * 2
    # Those on one pixel are drawn once: on the diagonal there are many.
    assert 4000 < sum(path.count("h0") for path, _, _ in clouds[:9]) <= 6912
    worst = max(
        zip(*(evidence["models"][MODELS[0]]["frames"][k] for k in ("got", "expected", "clip")), strict=True),
        key=lambda row: abs(row[0] - row[1]),
    )[2]
    assert f"{evidence['models'][MODELS[0]]['frames']['clips'][worst]}, source" in source


def test_the_bound_is_drawn_or_named_as_outside_of_the_chart() -> None:
    run, evidence = sample(MODELS[:2], frames=6)
    text = Parsed(page(run, evidence)).text
    assert "The bound is ±0.3, by sidecar.frame_max_error." in text
    for outcome in run["outcomes"]:
        if outcome["gate"] == "sidecar.frame_max_error":
            outcome["value"] = 60.0
    text = Parsed(page(run, evidence)).text
    assert re.search(r"The bound, ±3 by loso.frame_max_error, is outside of this chart: \d+ times the largest", text)


def test_each_part_says_if_it_was_not_measured() -> None:
    run, _ = sample(MODELS[:1], frames=2)
    run["tests"] = [test for test in run["tests"] if test["suite"] != "contract"]
    for evidence in ({}, {"schema": 1, "models": {}}, {"schema": 1, "models": {MODELS[0]: {}}}):
        text = Parsed(page(run, evidence)).text
        for part in ("Scores of frames", "Distance between engines", "Latency", "Golden clips", "Certificate"):
            assert f"{part}: not measured in this run." in text
        assert "The contract: not measured in this run." in text
    assert "<svg class=" not in page(run, {}).replace('class="chart"', "")


def test_nothing_judged_is_a_page_too() -> None:
    for run in (of_nothing(), of_nothing(could_not_run="x"), of_nothing(failure="y"), of_nothing(stopped=True)):
        parsed = Parsed(page(run | {"suites": []}, {}))
        assert not parsed.unbalanced
        assert "No model was named." in parsed.text
        assert "No suite has judged anything." in parsed.text


def _gaps(seen: dict[str, Any]) -> dict[str, Any]:
    """Evidence without any number that may be missing."""
    seen["frames"]["got"] = [None] * len(seen["frames"]["got"])
    seen["sources"] = {name: dict.fromkeys(figures, None) for name, figures in seen["sources"].items()}
    seen["latency"] = {"1": {"ns_a_row": None, "ratios": {"floor": None, "teacher": {"value": None}}}, "16": {}}
    seen["history"] = [{"at": None, "commit": None, "floor": None, "teacher": None, "baseline": None}]
    seen["golden"] = {"a": {"frames": None, "teacher_mean": None, "recorded": None}}
    seen["certificate"] = {"certified": False, "exact_in_float64": False, "accumulator_bits": None, "text": ""}
    return seen | {"ulp": {"torch": {"1": None}, "numpy": {}}, "ulp_bound": None, "whole_path": None}


def test_null_numbers_are_dashes() -> None:
    run, evidence = sample(MODELS[:1], frames=2)
    evidence["models"][MODELS[0]] = _gaps(evidence["models"][MODELS[0]])
    for outcome in run["outcomes"]:
        outcome["value"] = None
        for key in ("max_difference", "worst_value"):
            outcome |= {key: None} if key in outcome else {}
        for row in outcome.get("worst", ()):
            row |= dict.fromkeys(row.keys() - {"label", "accepted"}, None)
    run["models"][0] |= dict.fromkeys(("sha256", "bytes", "tier", "teacher", "recipe"), None)
    run["tinyvmaf"] |= {"commit": None, "dirty": None}
    check(run)
    text = Parsed(page(run, evidence)).text
    assert "nan" not in text.lower().replace("nano", "")
    assert "None" not in text
    assert "Not proven: operations of this model may round." in text


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_are_drawn(rows: int) -> None:
    run, evidence = sample(MODELS[:1], frames=1)
    frames = evidence["models"][MODELS[0]]["frames"]
    for name in ("source", "clip", "frame", "expected", "got"):
        frames[name] = frames[name][:1] * rows
    evidence["models"][MODELS[0]]["history"] = evidence["models"][MODELS[0]]["history"][:rows]
    source = page(run, evidence)
    assert ("Scores of frames: not measured" in source) == (rows == 0)
    assert "inf" not in re.sub(r"[a-z]*inf[a-z]+", "", source.lower())


def test_frames_that_got_no_score_are_counted() -> None:
    run, evidence = sample(MODELS[:1], frames=1)
    evidence["models"][MODELS[0]]["frames"]["got"][5:8] = [None, float("nan"), float("inf")]
    text = Parsed(page(run, evidence)).text
    assert "141 frames of" in text
    assert "3 frames without a finite score cannot be shown." in text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_and_do_nothing(text: str, failing: Parsed) -> None:
    parsed = Parsed(page(*hostile(text)))
    assert not parsed.unbalanced
    assert parsed.tags <= failing.tags
    assert parsed.attributes <= failing.attributes
    assert line(text, 60).rstrip("…") in parsed.text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", parsed.text)


PIECES = st.one_of(st.characters(), st.sampled_from(["<", ">", "&", '"', "'", "]]>", "<!--", "</", "&lt;", "\x1b[1m"]))


@settings(max_examples=8, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_escaped(text: str) -> None:
    parsed = Parsed(page(*hostile(text)))
    assert not parsed.unbalanced
    assert "script" not in parsed.tags
    assert parsed.tags <= ALLOWED
    assert line(text, 60).rstrip("…") in parsed.text


HTML = """html head title style body a header div p h1 h2 h3 h4 h5 span small svg g text figure figcaption dl dt dd nav
ul li main section details summary table thead tbody tr th td pre code b i footer"""
ALLOWED = VOID | set(HTML.split())


def test_the_page_of_few_models_is_small_and_that_of_forty_is_folded() -> None:
    run, evidence = sample(MODELS[:2])
    assert len(page(run, evidence).encode()) < 1_000_000
    names = [f"model {n}" for n in range(40)]
    evidence["models"] = dict.fromkeys(names[:2], evidence["models"][MODELS[0]])
    run["models"] = [run["models"][n == 7] | {"id": name} for n, name in enumerate(names)]
    run["outcomes"] = [one | {"model": name} for name in names for one in run["outcomes"] if one["model"] == MODELS[0]]
    source = page(run, evidence)
    # All closed but the one that failed.
    assert source.count('<details class="whole">') == 39
    assert source.count('<details open class="whole">') == 1


def test_files_are_written_whole_into_a_folder_that_is_made(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b", *hostile(HOSTILE[3]))
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == [PAGE_FILE, JUNIT_FILE, SUMMARY_FILE]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(TinyvmafError, match="file/report: "):
        write(tmp_path / "file" / "report", of_nothing(), {})


def test_the_samples_are_by_the_schema() -> None:
    for run in (sample(frames=2)[0], hostile("x")[0], of_nothing(stopped=True)):
        check(run)


def _luminance(colour: str) -> float:
    wide = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = (int(wide[i : i + 2], 16) / 255 for i in (0, 2, 4))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_are_read_by_everybody(theme: int) -> None:
    css = page(of_nothing(), {}).partition("<style>")[2].split(":root {")[theme + 1].partition("}")[0]
    colours = dict(re.findall(r"--([\w-]+):\s*(#\w+)", css))
    for name in ("text", "mute", "accent", "bound"):
        assert _contrast(colours[name], colours["surface"]) >= 4.4, name
    for kind in ("pass", "fail", "unsure", "waived", "grey"):
        assert _contrast(colours[kind], colours[f"{kind}-bg"]) >= 4.5, kind
        assert _contrast(colours["mute"], colours[f"{kind}-bg"]) >= 4.5, kind
    for level in range(6):
        assert _contrast(colours[f"h{level}"], colours[f"h{level}t"]) >= 4.5, level
    sources = [colours[f"s{n}"] for n in range(len(SOURCE_COLOURS))]
    assert all(_contrast(one, colours["surface"]) >= 3 for one in sources)
    assert len(set(sources)) == len(SOURCE_COLOURS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (None, "–"),
        (float("nan"), "–"),
        (True, "–"),
        (62763, "62,763"),
        (-1.5, "−1.5"),
        (0.1200, "0.12"),
        (1e-7, "1.000e−07"),
        (1234.5678, "1,235"),
        (-0.0, "0"),
        (99.99999, "100"),
        (2e6, "2.000e+06"),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_a_correlation_near_1_shows_what_it_lacks() -> None:
    assert one_minus(0.9999998) == "1 − 2.0e−07"
    assert one_minus(0.93) == "0.93"
    assert one_minus(1.0) == "1"


def test_ticks_are_round_and_inside() -> None:
    for low, high in ((0.0, 100.0), (-0.0731, 0.0731), (1.78, 2.01), (1e-9, 3e-9), (-5.0, 12345.0)):
        _, panel = axes.plot("x", "y")
        panel.set_ylim(low, high)
        labels = panel.yaxis.get_ticklabels()
        words = [label.get_text() for label in labels]
        seen = [label.get_position()[1] for label in labels if low <= label.get_position()[1] <= high]
        assert 3 <= len(seen) <= 7
        assert len(set(words)) == len(words)
    panel.set(xscale="log", xlim=(1, 28))
    axes.ticks(panel, "x", 4, logarithmic=True)
    labels = panel.xaxis.get_ticklabels()
    assert [one.get_text() for one in labels if 1 <= one.get_position()[0] <= 28] == ["1", "2", "5", "10", "20"]


def test_a_terminals_colours_go_and_control_characters_are_seen() -> None:
    assert clean("\x1b[31mred\x1b[0m \x00 \r\n\x7f") == "red ␀ \n␡"
