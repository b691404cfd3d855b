"""The record as Markdown, short enough for a comment on a pull request."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tinyvmaf.judge.answer import answer, not_run, value_and_bound
from tinyvmaf.judge.failed import Cause, causes
from tinyvmaf.judge.report import digest
from tinyvmaf.measure.charts.words import clean, counted, duration, line, number

LIMIT: Final = 65_536
"""The characters that GitHub takes. Bytes are counted here: there are never fewer."""
_FOR_THE_LAST_SENTENCE: Final = 600
_LINES, _LETTERS = 24, 2_400
"""What is shown of a failure's text: the ten worst rows and what follows them."""
_SIGNS: Final = {"PASS": "✅", "FAIL": "❌", "COULD NOT RUN": "⚠️", "NONE": "⏹️"}
_SPECIAL: Final = re.compile(r"[\\`*_{}\[\]!|~$^]|^[-+=#]")
_NUMBERED: Final = re.compile(r"^(\d+)([.)])(?=\s|$)")
"""Markup anywhere, and markup at the start of a line."""
_LINKING: Final = re.compile(r"@|(?i:\bgh-)|#(?=\d)|://|(?i:\bwww\.)")
_UNLINKED: Final = "\u200b"


def summary(verdict: Mapping[str, Any]) -> str:
    """The record as Markdown for a comment, below GitHub's limit.

    Verdict, a table of models and suites, shortened failures, what could not run, what was not checked, waivers. A last
    sentence counts what was left out.

    Args:
        verdict: as in verdict.json.
    """
    paper = _Paper(LIMIT - _FOR_THE_LAST_SENTENCE)
    paper.always(_head(verdict))
    suites, rows = digest.suites(verdict), digest.matrix(verdict)
    if suites and rows:
        head = _row(["model", *(_text(name, 40) for name in suites)]) + _row(["---"] * (len(suites) + 1))
        paper.list(
            "", head, [_row([_text(m, 80), *(cell.words() for cell in c)]) for m, c in rows], "rows of the table"
        )
    paper.list("What failed", "", map(_failure, causes(verdict)), "failures")
    for title, kind in (("Could not run", "could_not_run"), ("Not checked", "not_checked")):
        grouped = digest.together(verdict[kind])
        paper.list(title, "", (_item(text, names) for text, names in grouped), f'texts under "{title}"')
    head = _row(["model", "gate", "state", "until", "owner", "reason"]) + _row(["---"] * 6)
    paper.list("Waivers", head, map(_waiver, verdict["waivers"]), "waivers")
    return paper.text()


class _Paper:
    """Markdown of a limited size: pieces are taken whole while there is room; the others are counted."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._pieces: list[str] = []
        self._left: list[str] = []

    def always(self, piece: str) -> None:
        self._room -= len(piece.encode())
        self._pieces.append(piece)

    def list(self, title: str, head: str, pieces: Iterable[str], what: str) -> None:
        """Take a heading and, in their order, as many pieces as there is room for."""
        waiting = list(pieces)
        if not waiting:
            return
        start = (f"\n### {title}\n\n" if title else "\n") + head
        taken = 0
        for piece in waiting:
            needed = len((piece if taken else start + piece).encode())
            if needed > self._room:
                break
            self.always(piece if taken else start + piece)
            taken += 1
        if taken < len(waiting):
            self._left.append(f"{len(waiting) - taken:,} of {len(waiting):,} {what}")

    def text(self) -> str:
        left = f"\n_Left out: {', '.join(self._left)}. index.html has them all._\n" if self._left else ""
        return "".join(self._pieces) + left


def _head(verdict: Mapping[str, Any]) -> str:
    word, counts = verdict["verdict"], verdict["counts"]
    version = verdict["tinyvmaf"]
    commit = f" at {_text(version['commit'][:12], 20)}" if version["commit"] else ""
    changed = ", with uncommitted changes" if version["dirty"] else ""
    numbers = ", ".join(
        counted(counts[key], *words) if isinstance(words, tuple) else f"{counts[key]:,} {words}"
        for key, words in (
            ("outcomes", ("outcome",)),
            ("values", ("value",)),
            ("failed", "failed"),
            ("waived", "waived"),
            ("could_not_run", "could not run"),
            ("not_checked", "not checked"),
        )
    )
    return (
        f"## {_SIGNS[word]} VERDICT: {word}\n\n"
        f"{_text(verdict['question'], 600)}\n\n{_text(_sentence(verdict), 900)}\n\n"
        f"{numbers}. tinyvmaf {_text(version['version'], 40)}{commit}{changed}, "
        f"{_text(verdict['started'], 40)}, {duration(verdict['seconds'])}.\n"
    )


def _sentence(verdict: Mapping[str, Any]) -> str:
    """The answer, and what was not run."""
    found = verdict.get("answer") or answer(verdict)
    return " ".join(filter(None, [found if found.endswith(".") else f"{found}.", not_run(verdict)]))


def _failure(cause: Cause) -> str:
    """What failed and by how much, and the text of its first test."""
    what = f"{', '.join(filter(None, (cause.suite, cause.model))) or 'the run'}: {cause.title}"
    figure = value_and_bound(cause.outcomes[0]) if cause.outcomes else cause.value
    told = "; ".join(filter(None, [figure, f"on {cause.on}" if cause.on else "", cause.detail]))
    text = cause.texts[0] if cause.texts else cause.title
    return (
        f"<details><summary><b>{_html(line(what))}</b>{'<br>' if told else ''}{_html(line(told))}</summary>\n\n"
        f"{_pre(text)}\n\n</details>\n\n"
    )


def _pre(text: str) -> str:
    """The first lines of a text as they are; GitHub finds no names and no Markdown inside `<pre>`."""
    lines = clean(text).splitlines()
    short = "\n".join(lines[:_LINES])[:_LETTERS]
    left = len(lines) - short.count("\n") - 1
    cut = f"\n... {counted(left, 'more line')}" if left > 0 else " ..." if len(short) < len("\n".join(lines)) else ""
    return f"<pre>\n{html.escape(short, quote=False)}{cut}\n</pre>"


def _item(text: str, names: Sequence[str]) -> str:
    shown = [*names[:6], *([f"{len(names) - 6} more"] if len(names) > 6 else [])]
    return f"- {_text('; '.join(shown), 300)}: {_text(text, 500)}\n"


def _waiver(waiver: Mapping[str, Any]) -> str:
    limit = "" if waiver["up_to"] is None else f" (up to {number(waiver['up_to'])})"
    cells = [_text(waiver[key], 80) for key in ("model", "gate", "state", "expires", "owner")]
    return _row([cells[0], cells[1] + limit, *cells[2:], _text(waiver["reason"], 300)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _text(text: object, most: int) -> str:
    """Any text as one line of Markdown that only shows it: no markup, no link, no mention."""
    plain = _SPECIAL.sub(r"\\\g<0>", _unlinked(line(text, most)))
    return html.escape(_NUMBERED.sub(r"\1\\\2", plain), quote=False)


def _html(text: str) -> str:
    """The same inside an HTML element, where GitHub still finds names and links."""
    return html.escape(_unlinked(text), quote=False)


def _unlinked(text: str) -> str:
    return _LINKING.sub(lambda found: found[0][0] + _UNLINKED + found[0][1:], text)
