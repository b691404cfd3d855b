"""The page: one file that needs nothing else, the verdict first."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tinyvmaf.judge.report import digest
from tinyvmaf.judge.report.markup import Markup, join, tag
from tinyvmaf.judge.report.model import anchor, by_suite, key_figures, section
from tinyvmaf.judge.report.pieces import badge, code, facts, fold, kind, pre, table
from tinyvmaf.judge.report.style import CSS
from tinyvmaf.judge.report.words import (
    DASH,
    MARKS,
    SENTENCES,
    clean,
    counted,
    duration,
    first_line,
    line,
    number,
    test_name,
)

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_MANY_MODELS: Final = 6
"""With more, the sections of models that pass are closed, and dots are drawn on a coarser grid."""
_MANY_OUTCOMES: Final = 1_000
_WORST, _WORST_OF_MANY = 10, 3
_OPEN_FAILURES: Final = 12
_LISTED: Final = 12
_SIGNS: Final = {
    "PASS": "M5 12.5l4.5 4.5L19 7.5",
    "FAIL": "M7 7l10 10M17 7L7 17",
    "COULD NOT RUN": "M12 5.5v8M12 18v.1",
    "NONE": "M6.5 12h11",
}
"""Drawn, for fonts do not agree on them."""


def page(verdict: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    """The whole report as one HTML file: no script, no network, no other file.

    Args:
        verdict: a record by `tinyvmaf.judge.results.SCHEMA`.
        evidence: what the pictures are drawn from, by model; anything may be missing, and the page says so.
    """
    title = f"{verdict['verdict']}: tinyvmaf, {counted(len(verdict['models']), 'model')}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(CSS)),
    )
    body = tag(
        "body",
        tag("a", "Skip to the models", href="#models", class_="skip"),
        _hero(verdict),
        tag("div", _contents(verdict), tag("main", *_main(verdict, evidence)), class_="layout"),
        tag(
            "footer",
            "tinyvmaf ",
            clean(verdict["tinyvmaf"]["version"]),
            ". The same as data: verdict.json, evidence.json.",
        ),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _hero(verdict: Mapping[str, Any]) -> Markup:
    word, counts = verdict["verdict"], verdict["counts"]
    sign = tag("svg", tag("path", d=_SIGNS[word]), viewBox="0 0 24 24", aria_hidden="true")
    n = len(verdict["models"])
    tiles = [
        ("outcomes", counts["outcomes"], ""),
        ("values", counts["values"], ""),
        ("failed", counts["failed"], "fail"),
        ("could not run", counts["could_not_run"], "unsure"),
        ("not checked", counts["not_checked"], ""),
        ("waived", counts["waived"], "waived"),
    ]
    shown = (
        tag("div", tag("dt", name), tag("dd", f"{count:,}"), class_=f"tile {colour if count else ''}".strip())
        for name, count, colour in tiles
    )
    version, built = verdict["tinyvmaf"], ""
    if version["commit"]:
        built = (
            f" at {clean(version['commit'])[:12]}{', with changes that are not committed' if version['dirty'] else ''}"
        )
    run = f"{clean(verdict['started'])}, {duration(verdict['seconds'])}, tinyvmaf {clean(version['version'])}{built}"
    return tag(
        "header",
        tag(
            "div",
            tag("p", clean(verdict["question"]) if n else "No model was named.", class_="question"),
            tag("h1", tag("span", sign, class_="sign"), " ", tag("span", word)),
            tag("p", SENTENCES[word], class_="answer"),
            tag("dl", *shown, class_="tiles"),
            tag("p", run, class_="run"),
            class_="inner",
        ),
        class_=f"hero {kind(word)}",
    )


def _contents(verdict: Mapping[str, Any]) -> Markup:
    links = [
        (anchor_, title)
        for anchor_, title, there in (
            ("failed", "What failed", verdict["failures"]),
            ("could-not-run", "Could not run", verdict["could_not_run"]),
            ("not-checked", "Not checked", verdict["not_checked"]),
            ("waivers", "Waivers", verdict["waivers"]),
            ("models", "Models", True),
        )
        if there
    ]
    entries = [tag("li", tag("a", title, href=f"#{to}")) for to, title in links]
    entries += [
        tag("li", tag("a", _dot(model["verdict"]), " ", line(model["id"], 48), href=f"#{anchor(n)}"), class_="sub")
        for n, model in enumerate(verdict["models"])
    ]
    entries.append(tag("li", tag("a", "The run", href="#run")))
    return tag("nav", tag("ul", *entries), aria_label="Contents")


def _dot(verdict: str) -> Markup:
    return tag("i", class_=kind(verdict), role="img", aria_label=verdict, title=verdict)


def _main(verdict: Mapping[str, Any], evidence: Mapping[str, Any]) -> list[Markup]:
    models, seen = verdict["models"], evidence.get("models") or {}
    ids = {model["id"] for model in models}
    many = len(models) > _MANY_MODELS
    suites = digest.suites(verdict)
    worst = _WORST if len(verdict["outcomes"]) <= _MANY_OUTCOMES else _WORST_OF_MANY
    outcomes, tests = _by_model(verdict["outcomes"], ids), _by_model(verdict["tests"], ids)
    parts = [*_first(verdict), _models(verdict, outcomes, seen)]
    parts += [
        section(
            n,
            model,
            outcomes.get(model["id"], []),
            tests.get(model["id"], []),
            suites,
            seen.get(model["id"]) or {},
            grid=1 if many else 2,
            worst=worst,
            folded=many,
        )
        for n, model in enumerate(models)
    ]
    if None in outcomes or None in tests:
        content = by_suite(outcomes.get(None, []), tests.get(None, []), suites, worst)
        about = tag("p", "The corpus, this libvmaf, this machine: what was judged beside the models.", class_="about")
        parts.append(
            tag("section", tag("header", tag("h3", "Of no single model")), about, content, class_="model", id="others")
        )
    return [*parts, _run(verdict)]


def _by_model(entries: Sequence[Mapping[str, Any]], ids: set[str]) -> dict[str | None, list[Mapping[str, Any]]]:
    """Entries by their model; None also for a model that the record does not list, so that none is lost."""
    found: dict[str | None, list[Mapping[str, Any]]] = {}
    for entry in entries:
        found.setdefault(entry["model"] if entry["model"] in ids else None, []).append(entry)
    return found


def _first(verdict: Mapping[str, Any]) -> list[Markup]:
    """What has to be known before anything else."""
    parts = []
    failures = verdict["failures"]
    if failures:
        cards = [_failure(failure, open_=n < _OPEN_FAILURES) for n, failure in enumerate(failures)]
        parts.append(_card("failed", "What failed", len(failures), *cards, colour="fail"))
    for to, title, key, colour in (
        ("could-not-run", "What could not run", "could_not_run", "unsure"),
        ("not-checked", "What was not checked", "not_checked", None),
    ):
        if verdict[key]:
            parts.append(_card(to, title, len(verdict[key]), _said(verdict[key]), colour=colour))
    if verdict["waivers"]:
        parts.append(
            _card("waivers", "Waivers", len(verdict["waivers"]), _waivers(verdict["waivers"]), colour="waived")
        )
    nothing = [
        text
        for key, text in (
            ("failures", "nothing failed"),
            ("could_not_run", "everything could run"),
            ("not_checked", "nothing was left unchecked"),
            ("waivers", "no waiver is in force"),
        )
        if not verdict[key]
    ]
    if nothing:
        text = ", ".join(nothing)
        parts.append(tag("p", f"{text[0].upper()}{text[1:]}.", class_="calm"))
    return parts


def _card(to: str, title: str, count: int, *content: object, colour: str | None) -> Markup:
    head = tag("h2", title, " ", tag("small", f"{count:,}"))
    return tag("section", head, *content, id=to, class_=f"card {colour or 'grey'}")


def _failure(failure: Mapping[str, Any], *, open_: bool) -> Markup:
    name = line(test_name(failure["test"]), 160) if failure["test"] else "outside of any test"
    head = join(
        [
            tag("b", line(digest.who(failure), 160)),
            tag("span", name, class_="grow", title=line(failure["test"], 400) if failure["test"] else None),
            *(tag("span", line(gate, 80), class_="chip") for gate in failure["gates"]),
            tag("span", first_line(failure["text"], 240), class_="first"),
        ],
        " ",
    )
    return fold(head, pre(failure["text"]), open_=open_, class_="said")


def _said(entries: Sequence[Mapping[str, Any]]) -> Markup:
    items = [_item(text, names) for text, names in digest.together(entries)]
    first = tag("ul", *items[:_LISTED], class_="items")
    if len(items) <= _LISTED:
        return first
    return join(
        [first, fold(f"{len(items) - _LISTED:,} more", tag("ul", *items[_LISTED:], class_="items"), class_="quiet")]
    )


def _item(text: str, names: Sequence[str]) -> Markup:
    lines = clean(text).strip().splitlines() or ["(no text)"]
    shown = [*names[:_LISTED], *([f"{len(names) - _LISTED} more"] if len(names) > _LISTED else [])]
    chips = tag("span", *(tag("span", line(name, 80), class_="chip") for name in shown), class_="chips")
    rest = "\n".join(lines[1:])
    return tag("li", tag("span", lines[0]), " ", chips, pre(rest) if rest.strip() else None)


def _waivers(waivers: Sequence[Mapping[str, Any]]) -> Markup:
    rows = (
        (
            line(w["model"], 80),
            code(line(w["gate"], 80)),
            badge(w["state"]),
            line(w["expires"], 40),
            number(w["up_to"]) if w["up_to"] is not None else "any value",
            line(w["owner"], 80),
            line(w["reason"], 600),
        )
        for w in waivers
    )
    return table(("model", "gate", "state", "until", "up to", "owner", "reason"), rows, label="waivers")


def _models(
    verdict: Mapping[str, Any],
    outcomes: Mapping[str | None, Sequence[Mapping[str, Any]]],
    seen: Mapping[str, Mapping[str, Any]],
) -> Markup:
    rows = (
        (
            tag("a", line(m["id"], 80), href=f"#{anchor(n)}"),
            badge(m["verdict"]),
            line(m["tier"] or DASH, 30),
            number(m["bytes"]),
            *key_figures(outcomes.get(m["id"], ()), seen.get(m["id"]) or {}),
        )
        for n, m in enumerate(verdict["models"])
    )
    head = (
        "model",
        "verdict",
        "tier",
        "bytes",
        "RMSE of a frame",
        "largest error",
        "most ULP",
        "call / Identity",
        "outcomes",
    )
    about = "Errors in VMAF points, as this run measured them; a dash where it did not."
    if verdict["models"]:
        parts = [table(head, rows, label="models", numbers=3), tag("p", tag("small", about))]
    else:
        parts = [tag("p", "No model was named.", class_="absent")]
    suites, matrix = digest.suites(verdict), digest.matrix(verdict)
    if suites and matrix:
        cells = ((line(model, 80), *(_cell(cell) for cell in row)) for model, row in matrix)
        table_of_suites = table(("model", *(line(s, 40) for s in suites)), cells, label="suites by model")
        parts += [tag("h3", "Suite by suite"), table_of_suites]
    else:
        parts.append(tag("p", "No suite has said anything.", class_="absent"))
    return tag("section", tag("h2", "Models"), *parts, id="models", class_="card plain")


def _cell(cell: digest.Cell) -> Markup:
    if cell.status == DASH:
        return tag("span", DASH, class_="mute")
    more = f"{cell.not_checked} not checked" if cell.not_checked and cell.status == "pass" else None
    sign = tag("span", MARKS[cell.status], aria_hidden="true")
    return tag(
        "span", sign, " ", cell.status, tag("small", more) if more else None, class_=f"state {kind(cell.status)}"
    )


def _run(verdict: Mapping[str, Any]) -> Markup:
    place, version = verdict["environment"], verdict["tinyvmaf"]
    packages = ((line(name, 80), line(v, 80)) for name, v in sorted(place["packages"].items()))
    notes = digest.together(verdict["notes"])
    return tag(
        "section",
        tag("h2", "The run"),
        facts(
            (
                ("command", code(clean(verdict["command"]))),
                ("verdict", clean(verdict["summary"])),
                ("started", clean(verdict["started"])),
                ("took", duration(verdict["seconds"])),
                ("exit status", str(verdict["exit_status"])),
                ("tinyvmaf", clean(version["version"])),
                ("commit", code(clean(version["commit"] or "unknown"))),
                ("Python", clean(place["python"])),
                ("system", clean(place["system"])),
                ("processor", f"{clean(place['cpu'])}, {counted(place['cores'], 'core')}"),
            )
        ),
        pre("\n".join(place["header"])) if place["header"] else None,
        fold(
            counted(len(place["packages"]), "package"),
            table(("package", "version"), packages, label="packages"),
            class_="quiet",
        )
        if place["packages"]
        else None,
        tag("h3", "Notes") if notes else None,
        tag("ul", *(_item(text, names) for text, names in notes), class_="items") if notes else None,
        id="run",
        class_="card plain",
    )
