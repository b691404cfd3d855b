"""The page: one file that needs nothing else, the verdict first."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tinyvmaf.judge.answer import answer, not_run
from tinyvmaf.judge.failed import causes
from tinyvmaf.judge.report import digest
from tinyvmaf.judge.report.model import ModelView, view
from tinyvmaf.judge.report.rendering import render
from tinyvmaf.judge.report.suites import SuiteBlock
from tinyvmaf.measure.charts import INK, SOURCES
from tinyvmaf.measure.charts.words import DASH

_MANY_MODELS: Final = 6
"""With more, the sections of models that pass are closed."""
_MANY_OUTCOMES: Final = 1_000
_WORST, _WORST_OF_MANY = 10, 3
_LISTED: Final = 12
_SIGNS: Final = {
    "PASS": "M5 12.5l4.5 4.5L19 7.5",
    "FAIL": "M7 7l10 10M17 7L7 17",
    "COULD NOT RUN": "M12 5.5v8M12 18v.1",
    "NONE": "M6.5 12h11",
}
"""Drawn, because fonts do not agree on them."""
_CALM: Final = {
    "failures": "nothing failed",
    "could_not_run": "everything could run",
    "not_checked": "nothing was left unchecked",
    "waivers": "no waiver is in force",
}


def page(verdict: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    """The whole report as one HTML file: no script, no network, no other file.

    Args:
        verdict: as in verdict.json.
        evidence: what the charts are drawn from, by model; anything may be missing, and the page says so.

    Raises:
        TinyvmafError: matplotlib is not installed.
    """
    suites, matrix = digest.suites(verdict), digest.matrix(verdict)
    calm = ", ".join(text for key, text in _CALM.items() if not verdict[key])
    sections, folded = _sections(verdict, evidence, suites), len(verdict["models"]) > _MANY_MODELS
    return render(
        "index.html",
        verdict=verdict,
        sentence=verdict.get("answer") or answer(verdict),
        left=not_run(verdict),
        tiles=digest.tiles(verdict),
        causes=causes(verdict),
        unchecked=digest.unchecked(verdict),
        sign=_SIGNS[verdict["verdict"]],
        calm=f"{calm[:1].upper()}{calm[1:]}." if calm else "",
        sections=sections,
        led=[one for one in sections if _tells(one) and (not folded or one.model["verdict"] != "PASS")],
        others=_others(verdict, suites),
        suites=suites,
        matrix=matrix,
        matrix_head=["model", *suites],
        folded=folded,
        worst=_WORST if len(verdict["outcomes"]) <= _MANY_OUTCOMES else _WORST_OF_MANY,
        listed=_LISTED,
        dash=DASH,
        ink=INK,
        colours=SOURCES,
    )


def _tells(one: ModelView) -> bool:
    """Whether anything was found of a model."""
    return bool(one.lead.title or one.baseline or one.model["verdict"] == "FAIL")


def _sections(verdict: Mapping[str, Any], evidence: Mapping[str, Any], suites: Sequence[str]) -> list[ModelView]:
    """A section for each model; what the record has on a model is found once for all."""
    outcomes, tests = _by_model(verdict, "outcomes"), _by_model(verdict, "tests")
    seen = evidence.get("models") or {}
    return [
        view(n, model, outcomes.get(model["id"], []), tests.get(model["id"], []), suites, seen.get(model["id"]) or {})
        for n, model in enumerate(verdict["models"])
    ]


def _others(verdict: Mapping[str, Any], suites: Sequence[str]) -> list[SuiteBlock]:
    """What is about no single model, or about one that the record does not list, so that nothing is lost."""
    outcomes, tests = (_by_model(verdict, name).get(None, []) for name in ("outcomes", "tests"))
    return SuiteBlock.each(outcomes, tests, suites)


def _by_model(verdict: Mapping[str, Any], name: str) -> dict[str | None, list[Mapping[str, Any]]]:
    ids = {model["id"] for model in verdict["models"]}
    found: dict[str | None, list[Mapping[str, Any]]] = {}
    for entry in verdict[name]:
        found.setdefault(entry["model"] if entry["model"] in ids else None, []).append(entry)
    return found
