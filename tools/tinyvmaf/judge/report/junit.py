"""The record as JUnit XML, for a CI that reads nothing else: it is green there only if the verdict is PASS."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree as ET

from tinyvmaf.judge.outcomes import fields
from tinyvmaf.judge.report.digest import findings
from tinyvmaf.judge.report.words import SENTENCES
from tinyvmaf.judge.verdict import COULD_NOT_RUN, FAIL, PASS
from tinyvmaf.measure.charts.words import clean, first_line

_INVALID: Final = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS: Final = {"fail": "failure", "could not run": "error", "not checked": "skipped", "waived": "system-out"}
_OUTSIDE: Final = "outside of any test"
_NO_SUITE: Final = "run"


def junit(verdict: Mapping[str, Any]) -> str:
    """The record as a JUnit document: a testsuite for each suite, a testcase for each test.

    What was found outside of any test is a testcase of its own. FAIL has at least one failure, COULD NOT RUN and NONE
    have at least one error. The fields of outcomes are properties of their test.

    Args:
        verdict: as in verdict.json.
    """
    texts: dict[tuple[str | None, str], list[str]] = {}
    for status, entry in findings(verdict):
        texts.setdefault((entry["test"], status), []).append(entry["text"])
    outcomes: dict[str, list[Mapping[str, Any]]] = {}
    for found in verdict["outcomes"]:
        outcomes.setdefault(found["test"], []).append(found)
    suites: dict[str, list[ET.Element]] = {name: [] for name in verdict["suites"]}
    known = set()
    for test in verdict["tests"]:
        known.add(test["test"])
        case = _case(test["suite"], test["model"], test["test"], test["seconds"])
        _add_properties(case, outcomes.get(test["test"], ()))
        _add_status(case, test["status"], "\n\n".join(texts.get((test["test"], test["status"]), ())))
        if test["status"] == "pass" and (unchecked := texts.get((test["test"], "not checked"))):
            ET.SubElement(case, "system-out").text = _valid("\n".join(f"NOT CHECKED: {text}" for text in unchecked))
        suites.setdefault(test["suite"], []).append(case)
    for status, entry in findings(verdict):
        if entry["test"] not in known:
            suite = entry["suite"] or _NO_SUITE
            name = entry["test"] or f"{_OUTSIDE}: {first_line(entry['text'], 120)}"
            case = _case(suite, entry["model"], name, 0.0)
            _add_status(case, status, entry["text"])
            suites.setdefault(suite, []).append(case)
    _never_green(verdict, suites)
    return _document(verdict, suites)


def _add_properties(case: ET.Element, outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Every field of every outcome, but for its rows."""
    if outcomes:
        properties = ET.SubElement(case, "properties")
        for n, found in enumerate(outcomes, 1):
            for title, text in fields(found, every=True):
                ET.SubElement(properties, "property", name=f"outcome {n}: {title}", value=_valid(text))


def _never_green(verdict: Mapping[str, Any], suites: dict[str, list[ET.Element]]) -> None:
    """Give a verdict that is not PASS a testcase of its own, unless there is one."""
    word = verdict["verdict"]
    needed = "failure" if word == FAIL else "error"
    if word == PASS or any(case.find(needed) is not None for cases in suites.values() for case in cases):
        return
    case = _case(_NO_SUITE, None, "verdict", 0.0)
    text = f"VERDICT: {word} ({verdict['summary']}). {SENTENCES[word]}"
    _add_status(case, "fail" if word == FAIL else COULD_NOT_RUN.lower(), text)
    suites.setdefault(_NO_SUITE, []).append(case)


def _case(suite: str, model: str | None, name: str, seconds: float) -> ET.Element:
    classname = suite if model is None else f"{suite}.{model}"
    return ET.Element("testcase", classname=_valid(classname), name=_valid(name), time=f"{seconds:.3f}")


def _add_status(case: ET.Element, status: str, text: str) -> None:
    if status not in _TAGS:
        return
    if status == "waived":
        text = f"WAIVED: outside a bound that a waiver lifts for now. {text}".rstrip()
    element = ET.SubElement(case, _TAGS[status])
    if status != "waived":
        element.set("message", _valid(first_line(text or status)))
    element.text = _valid(text or status)


def _document(verdict: Mapping[str, Any], suites: Mapping[str, list[ET.Element]]) -> str:
    root = ET.Element("testsuites", name="tinyvmaf")
    for name, cases in suites.items():
        suite = ET.SubElement(root, "testsuite", name=_valid(name), timestamp=_valid(verdict["started"]))
        suite.extend(cases)
        _count(suite, sum(float(case.get("time", 0)) for case in cases))
    _count(root, verdict["seconds"])
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _count(element: ET.Element, seconds: float) -> None:
    for name, path in (("tests", ""), ("failures", "/failure"), ("errors", "/error"), ("skipped", "/skipped")):
        element.set(name, str(len(element.findall(f".//testcase{path}"))))
    element.set("time", f"{seconds:.3f}")


def _valid(text: str) -> str:
    return _INVALID.sub("", clean(text))
