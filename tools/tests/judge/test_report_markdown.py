"""The comment on a pull request: its content, its size, and that a stranger's text is never Markdown."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyvmaf.judge import results
from tinyvmaf.judge.failed import causes
from tinyvmaf.judge.report import summary
from tinyvmaf.judge.report.markdown import LIMIT

from .report_samples import HOSTILE, MODELS, hostile, of_nothing, sample


def rows(text: str) -> list[list[str]]:
    """The cells of all tables."""
    lines = (line for line in text.splitlines() if line.startswith("|"))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_verdict_question_table_failures_and_what_was_not_checked() -> None:
    run, _ = sample(frames=2)
    text = summary(run)
    assert text.startswith("## ❌ VERDICT: FAIL\n")
    assert text.splitlines()[2] == run["question"]
    table = {row[0].replace("\\", ""): row[1:] for row in rows(text)[:6]}
    assert table["model"] == ["golden", "corpus", "loso", "backends", "contract", "latency", "selftest"]
    assert table["tinyvmaf_nano"] == ["✓ pass", "–", "✗ fail", "✗ fail", "✓ pass", "✓ pass", "–"]
    assert table["tinyvmaf_tiny"][5] == "≈ waived"
    assert table["tinyvmaf_exact"][3] == "✓ pass, 1 not checked"
    titles = ["### What failed", "### Not checked", "### Waivers"]
    assert [text.index(title) for title in titles] == sorted(text.index(title) for title in titles)
    assert text.count("<details>") == text.count("</details>") == len(causes(run))
    assert "RMSE" not in text
    assert "1 of 4 models fails. tinyvmaf\\_nano: worst frame" in text
    assert "waits for the next runtime" in text


@pytest.mark.parametrize(
    ("run", "head"),
    [
        (sample(MODELS[:1], failing=False, frames=2)[0], "✅ VERDICT: PASS"),
        (of_nothing(could_not_run="no\nFFmpeg"), "⚠️ VERDICT: COULD NOT RUN"),
        (of_nothing(stopped=True), "⏹️ VERDICT: NONE"),
        (of_nothing(failure="outside of tests"), "❌ VERDICT: FAIL"),
    ],
)
def test_every_verdict_has_its_head(run: dict[str, object], head: str) -> None:
    assert summary(run).startswith(f"## {head}\n")


def test_a_long_failure_is_shortened_and_says_so() -> None:
    run = of_nothing(failure="\n".join(f"line {n}" for n in range(100)))
    text = summary(run)
    assert "line 23\n... 76 more lines\n</pre>" in text
    assert "line 24" not in text


@pytest.mark.parametrize("letter", ["x", "🎬", "|", "\n"])
def test_it_is_never_too_long_and_counts_what_it_left_out(letter: str) -> None:
    run, _ = sample(MODELS[:2], frames=2)
    run["failures"] = [
        results.finding("loso", f"m{n}", None, f"{n} " + letter * 3000) | {"gates": []} for n in range(400)
    ]
    run["not_checked"] = [results.finding("loso", None, None, f"{n} {letter * 500}") for n in range(400)]
    text = summary(run)
    assert len(text.encode()) < LIMIT
    last = text.rstrip().splitlines()[-1]
    found = re.search(r"Left out: ([\d,]+) of 400 failures, ([\d,]+) of 400 texts", last)
    assert found is not None
    assert int(found[1]) + text.count("<details>") == 400


def test_many_models_are_cut_too() -> None:
    run, _ = sample(MODELS[:1], frames=2)
    run["models"] = [run["models"][0] | {"id": f"{n}_{'long' * 30}"} for n in range(2000)]
    text = summary(run)
    assert len(text.encode()) < LIMIT
    assert re.search(r"of 2,00\d rows of the table", text)


def outside_of_pre(text: str) -> str:
    """What GitHub takes for Markdown or looks for names in."""
    return re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)


def _is_harmless(text: str) -> None:
    tags = set(re.findall(r"<(/?\w+)", text))
    assert tags <= {"details", "/details", "summary", "/summary", "b", "/b", "br", "pre", "/pre"}
    assert "<!--" not in text
    seen = outside_of_pre(text)
    assert not re.search(r"@\w", seen)
    assert not re.search(r"#\d", seen)
    assert "://" not in seen
    assert not re.search(r"(?<!\\)(\\\\)*[`*\[\]]", re.sub(r"<summary>.*</summary>", "", seen))
    headings = [line for line in seen.splitlines() if line.startswith("#")]
    assert len(headings) == 5
    widths: dict[int, int] = {}
    for row in rows(seen):
        widths[len(row)] = widths.get(len(row), 0) + 1
    assert set(widths) <= {9, 6}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_and_do_nothing(text: str) -> None:
    _is_harmless(summary(hostile(text)[0]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.characters(), st.sampled_from(list("|`*_@#<>&[]()\n\\~!-+:")))).map("".join))
def test_any_text_is_escaped(text: str) -> None:
    run = BASE
    run["models"][0]["id"] = text
    run["failures"] = [results.finding(SUITE, text, text, text) | {"gates": [text]}]
    run["not_checked"] = [results.finding(SUITE, text, None, text)]
    run["could_not_run"] = [results.finding(SUITE, text, None, text)]
    run["suites"] = [SUITE, *(f"suite {n}" for n in range(6)), text]
    run["waivers"] = [
        dict.fromkeys(("model", "gate", "reason", "owner", "expires"), text) | {"up_to": 1.0, "state": "unused"}
    ]
    _is_harmless(summary(run))


SUITE = "a suite that no text is"  # two columns of one name would be one
BASE = sample(MODELS[:1], frames=1)[0] | {"tests": [], "outcomes": []}
