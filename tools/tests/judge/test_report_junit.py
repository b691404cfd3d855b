"""JUnit: every test has its case, and a CI is green only if the verdict is PASS."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyvmaf.judge import results
from tinyvmaf.judge.outcomes import fields
from tinyvmaf.judge.report import junit

from .report_samples import HOSTILE, MODELS, SUITES, hostile, of_nothing, sample

TAGS = {"testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "skipped", "system-out"}


def parsed(run: dict[str, Any]) -> ET.Element:
    return ET.fromstring(junit(run).encode())


def test_a_suite_for_each_suite_and_a_case_for_each_test() -> None:
    run, _ = sample(frames=2)
    root = parsed(run)
    assert [suite.get("name") for suite in root] == list(SUITES)
    cases = {case.get("name"): case for case in root.iter("testcase")}
    for test in run["tests"]:
        model = f".{test['model']}" if test["model"] else ""
        assert cases[test["test"]].get("classname") == test["suite"] + model
        assert cases[test["test"]].get("time") == "0.214"


def test_each_status_is_the_element_that_ci_reads() -> None:
    run, _ = sample(frames=2)
    root = parsed(run)
    bad = {failure["test"]: failure["text"] for failure in run["failures"]}
    found = {case.get("name"): case for case in root.iter("testcase")}
    assert bad
    for name, text in bad.items():
        failure = found[name].find("failure")
        assert failure is not None
        assert failure.text == text
    waived = [test["test"] for test in run["tests"] if test["status"] == "waived"]
    assert [len(found[name].findall("system-out")) for name in waived] == [1]
    assert (found[waived[0]].findtext("system-out") or "").startswith("WAIVED")
    # What was not checked outside of a test is a case of its own.
    assert len(root.findall(".//skipped")) == len(MODELS)
    for suite in (root, *root):
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"), ("tests", "testcase")):
            assert int(suite.get(name) or -1) == len(suite.findall(f".//{tag}"))


def test_a_test_that_did_not_check_everything_passes_and_names_the_rest() -> None:
    run, _ = sample(MODELS[:1], failing=False, frames=2)
    test = run["tests"][0]["test"]
    run["not_checked"] = [results.finding("loso", MODELS[0], test, "engine x")]
    (case,) = [case for case in parsed(run).iter("testcase") if case.get("name") == test]
    assert case.findtext("system-out") == "NOT CHECKED: engine x"
    assert case.find("skipped") is None


@pytest.mark.parametrize(
    ("run", "failures", "errors"),
    [
        (sample(failing=False, frames=2)[0], False, False),
        (sample(frames=2)[0], True, False),
        (of_nothing(), False, True),
        (of_nothing(could_not_run="no FFmpeg"), False, True),
        (of_nothing(failure="a waiver is expired"), True, False),
        (of_nothing(stopped=True), False, True),
        (sample(frames=2)[0] | {"failures": []}, True, False),
        (sample(failing=False, frames=2)[0] | {"verdict": "COULD NOT RUN"}, False, True),
        (sample(frames=2)[0] | {"verdict": "FAIL", "tests": [], "failures": []}, True, False),
        (sample(failing=False, frames=2)[0] | {"verdict": "NONE", "tests": []}, False, True),
    ],
)
def test_only_pass_is_green(run: dict[str, Any], failures: bool, errors: bool) -> None:
    root = parsed(run)
    assert (int(root.get("failures") or 0) > 0) == failures
    assert (int(root.get("errors") or 0) > 0) == errors
    assert (root.get("failures") == root.get("errors") == "0") == (run["verdict"] == "PASS")


def test_what_could_not_be_collected_is_a_case_under_its_own_name() -> None:
    run = of_nothing()
    run["could_not_run"] = [results.finding("loso", None, "suites/loso/test_loso.py", "SyntaxError\nthere")]
    (case,) = parsed(run).iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("loso", "suites/loso/test_loso.py")
    error = case.find("error")
    assert error is not None
    assert error.get("message") == "SyntaxError"


def test_every_field_of_an_outcome_is_a_property_of_its_test() -> None:
    run, _ = sample(MODELS[:1], frames=2)
    cases = {case.get("name"): case for case in parsed(run).iter("testcase")}
    for outcome in run["outcomes"]:
        shown = [(one.get("name"), one.get("value")) for one in cases[outcome["test"]].iter("property")]
        assert [(f"outcome 1: {title}", text) for title, text in fields(outcome, every=True)] == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_text(text: str) -> None:
    tags = {element.tag for element in parsed(hostile(text)[0]).iter()}
    assert tags <= TAGS


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.characters(), st.sampled_from(["]]>", "<", "&", '"', "\x00", "\ud800"]))).map("".join))
def test_any_text_is_well_formed(text: str) -> None:
    run = of_nothing(failure=text)
    run["tests"] = [{"test": text, "suite": text, "model": text, "seconds": 0.1, "status": "fail"}]
    root = parsed(run)
    assert int(root.get("failures") or 0) == 2
    assert {element.tag for element in root.iter()} == {"testsuites", "testsuite", "testcase", "failure"}
