"""Small pieces that stand in several places of the page."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from tinyvmaf.judge.outcomes import columns, fields
from tinyvmaf.judge.report.markup import Markup, join, tag
from tinyvmaf.judge.report.words import MARKS, clean, counted, duration, line, number, sentence_of

_KINDS: Final[Mapping[str, str]] = {
    "pass": "pass",
    "PASS": "pass",
    "fail": "fail",
    "FAIL": "fail",
    "regressed": "fail",
    "expired": "fail",
    "waived": "waived",
    "used": "waived",
    "could not run": "unsure",
    "COULD NOT RUN": "unsure",
    "unresolved": "unsure",
    "unused": "unsure",
}
"""The colours of words; any other is grey."""
_LONG: Final = 40
"""Letters of a text in a table that is prose, and needs room."""


def kind(word: str) -> str:
    """The class of a status or a verdict."""
    return _KINDS.get(word, "grey")


def badge(word: str, text: str | None = None) -> Markup:
    """A status or a verdict: sign, word and colour."""
    sign = MARKS.get(word.lower(), "")
    shown = join([tag("span", sign, aria_hidden="true") if sign else None, " " if sign else None, text or word])
    return tag("span", shown, class_=f"badge {kind(word)}")


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, label: str, numbers: int = 99) -> Markup:
    """A table in a box of its own, which scrolls where the table is wider than the screen.

    Args:
        label: what the table is of, for a screen reader.
        numbers: from which column on there are numbers, which stand right.
    """

    def cell(n: int, content: object) -> Markup:
        long = isinstance(content, str) and not isinstance(content, Markup) and len(content) > _LONG
        return tag("td", content, class_="n" if n >= numbers else "long" if long else None)

    top = tag(
        "thead",
        tag("tr", join(tag("th", h, scope="col", class_="n" if n >= numbers else None) for n, h in enumerate(head))),
    )
    body = tag("tbody", *(tag("tr", *(cell(n, content) for n, content in enumerate(row))) for row in rows))
    return tag(
        "div", tag("table", top, body, aria_label=label), class_="wide", tabindex="0", role="region", aria_label=label
    )


def fold(summary: object, *content: object, open_: bool = False, class_: str | None = None) -> Markup:
    """Something that opens on a click."""
    return tag(
        "details", tag("summary", summary), tag("div", *content, class_="inside"), open=open_ or None, class_=class_
    )


def pre(text: object) -> Markup:
    """A text as it is. Lines that are indented are rows of a table, which scroll where others wrap."""
    groups = groupby(clean(text).splitlines(keepends=True), key=lambda one: one.startswith("  "))
    # A newline right behind <pre> would be dropped; this one is.
    return tag(
        "pre", "\n", *(tag("span", "".join(g), class_="rows" if rows else None) for rows, g in groups), tabindex="0"
    )


def facts(pairs: Iterable[tuple[str, object]]) -> Markup:
    """Names and what they stand for; those that stand for nothing are left out."""
    shown = [(name, value) for name, value in pairs if value is not None and value != ""]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in shown), class_="facts")


def code(text: object) -> Markup:
    """A name or a command."""
    return tag("code", text)


def absent(what: str) -> Markup:
    """What stands where there is nothing to show."""
    return tag("p", f"{what}: not measured in this run.", class_="absent")


def figure(title: str, about: object, *content: object) -> Markup:
    """A picture with its title and what it shows."""
    caption = tag("figcaption", tag("h5", title), tag("p", about) if about else None)
    return tag("figure", caption, *content)


def tests_list(tests: Sequence[Mapping[str, Any]]) -> Markup:
    """Tests with what became of them."""
    return tag("ul", *(_test(test) for test in tests), class_="tests")


def _test(test: Mapping[str, Any]) -> Markup:
    name = tag("span", line(sentence_of(test["test"], test["model"])), title=line(test["test"], 400), class_="grow")
    return tag("li", badge(test["status"]), " ", name, " ", tag("small", duration(test["seconds"])))


def outcome(found: Mapping[str, Any], worst: int) -> Markup:
    """What a gate found: a line, and below it the worst rows, why the bound is what it is, and how to see it again."""
    measured = ""
    if found["type"] == "limit":
        measured = f"worst {number(found['worst_value'])}, "
    elif found["type"] == "comparison":
        measured = f"at most {number(found['max_difference'], 3)} off, "
    counts = counted(found["count"], "value")
    if found["failures"]:
        counts = f"{found['failures']:,} of {counts} outside"
    head = join(
        [
            badge(found["status"]),
            tag(
                "span", tag("b", line(found["gate"], 90)), " ", tag("span", line(found["subject"], 120)), class_="grow"
            ),
            tag("span", f"{measured}bound {line(found['bound'], 60)}", class_="what"),
            tag("small", counts),
        ],
        " ",
    )
    titles, cells = columns(found)
    shown = cells[:worst]
    rest = (
        f"the worst {len(shown)} of {counted(found['count'], 'value')}"
        if shown and found["count"] > len(shown)
        else None
    )
    rows = [[line(cell, 300) for cell in row] for row in shown]
    body = [
        tag("p", clean(found["metric"]), f" ({found['direction']} {number(found['value'])} {clean(found['unit'])})"),
        table(tuple(titles), rows, label="worst values", numbers=2) if rows else None,
        tag("p", tag("small", rest)) if rest else None,
        facts((title, pre(text) if title == "details" else clean(text)) for title, text in fields(found)),
    ]
    failed = found["status"] == "fail"
    return fold(head, *body, open_=failed, class_=f"outcome {kind(found['status'])}")
