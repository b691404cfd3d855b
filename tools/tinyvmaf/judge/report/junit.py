"""The record as JUnit XML, for a CI that reads nothing else: it is green there only if the verdict is PASS."""

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from tinyvmaf.judge.report.words import SENTENCES, clean, first_line
from tinyvmaf.judge.verdict import COULD_NOT_RUN, FAIL, PASS

_INVALID: Final = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS: Final = {"fail": "failure", "could not run": "error", "not checked": "skipped", "waived": "system-out"}
_OUTSIDE: Final = "outside of any test"
_NO_SUITE: Final = "run"


def junit(verdict: Mapping[str, Any]) -> str:
    """The record as a JUnit document: a testsuite for each suite, a testcase for each test.

    What was found outside of any test is a testcase of its own. FAIL has a failure at least, COULD NOT RUN and NONE an
    error at least.

    Args:
        verdict: a record by `tinyvmaf.judge.results.SCHEMA`.
    """
    said: dict[tuple[str | None, str], list[str]] = {}
    for kind, status in (("failures", "fail"), ("could_not_run", "could not run"), ("not_checked", "not checked")):
        for entry in verdict[kind]:
            said.setdefault((entry["test"], status), []).append(entry["text"])
    suites: dict[str, list[ET.Element]] = {name: [] for name in verdict["suites"]}
    known = set()
    for test in verdict["tests"]:
        known.add(test["test"])
        case = _case(test["suite"], test["model"], test["test"], test["seconds"])
        _say(case, test["status"], "\n\n".join(said.get((test["test"], test["status"]), ())))
        if test["status"] == "pass" and (unseen := said.get((test["test"], "not checked"))):
            ET.SubElement(case, "system-out").text = _valid("\n".join(f"NOT CHECKED: {text}" for text in unseen))
        suites.setdefault(test["suite"], []).append(case)
    for kind, status in (("failures", "fail"), ("could_not_run", "could not run"), ("not_checked", "not checked")):
        for entry in verdict[kind]:
            if entry["test"] not in known:
                suite = entry["suite"] or _NO_SUITE
                name = entry["test"] or f"{_OUTSIDE}: {first_line(entry['text'], 120)}"
                case = _case(suite, entry["model"], name, 0.0)
                _say(case, status, entry["text"])
                suites.setdefault(suite, []).append(case)
    _never_green(verdict, suites)
    return _document(verdict, suites)


def _never_green(verdict: Mapping[str, Any], suites: dict[str, list[ET.Element]]) -> None:
    """Give a verdict that is not PASS a testcase that says so, unless one does already."""
    word = verdict["verdict"]
    needed = "failure" if word == FAIL else "error"
    if word == PASS or any(case.find(needed) is not None for cases in suites.values() for case in cases):
        return
    case = _case(_NO_SUITE, None, "verdict", 0.0)
    text = f"VERDICT: {word} ({verdict['summary']}). {SENTENCES[word]}"
    _say(case, "fail" if word == FAIL else COULD_NOT_RUN.lower(), text)
    suites.setdefault(_NO_SUITE, []).append(case)


def _case(suite: str, model: str | None, name: str, seconds: float) -> ET.Element:
    classname = suite if model is None else f"{suite}.{model}"
    return ET.Element("testcase", classname=_valid(classname), name=_valid(name), time=f"{seconds:.3f}")


def _say(case: ET.Element, status: str, text: str) -> None:
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
