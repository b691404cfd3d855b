"""What a run found becomes one verdict, whichever way it was found and in however many runs."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyvmaf.errors import TinyvmafError
from tinyvmaf.judge import results, verdict
from tinyvmaf.judge.bounds import Bound, load_bounds
from tinyvmaf.judge.outcomes import hold

BOUND: Bound = load_bounds().for_("contract.range_high")
FACTS: dict[str, Any] = {
    "started": "2026-11-21T10:00:00Z",
    "command": "pytest suites",
    "tinyvmaf": {"version": "1", "commit": None, "dirty": None},
    "environment": {"python": "3", "system": "Linux", "cpu": "x", "cores": 2, "packages": {}, "header": ["head"]},
    "models": [],
    "waivers": [],
}
MODEL: dict[str, Any] = {
    "id": "m",
    "verdict": "NONE",
    "path": "m.onnx",
    "sha256": None,
    "bytes": None,
    "tier": None,
    "teacher": None,
    "recipe": None,
    "kind": "regressor",
    "asked": ["contract", "golden", "backends", "loso", "latency"],
    "registered": True,
    "adaptor": [],
    "measured": {},
    "promised": {},
}
WAIVER = {"model": "m", "gate": BOUND.gate.name, "reason": "r", "owner": "o", "expires": "2999-01-01", "up_to": None}


def outcome(got: float = 50.0, *, waived: bool = False, model: str | None = "m") -> dict[str, Any]:
    found = hold(BOUND, "m", {"row": got}, reproduce="again")
    placed = found.placed(test="suites/contract/t.py::t", suite="contract", model=model, waived=waived)
    return placed.model_dump(mode="json")


def found(**lists: Any) -> dict[str, Any]:
    return results.empty(FACTS) | {"models": [MODEL]} | lists


def failure(model: str | None = "m") -> dict[str, Any]:
    return {"suite": "contract", "model": model, "test": "t", "gates": ["contract.x"], "text": "it failed"}


FINDING = results.finding("contract", "m", "t", "text")


@pytest.mark.parametrize(
    ("lists", "word"),
    [
        ({"outcomes": [outcome()]}, "PASS"),
        ({"outcomes": [outcome(), outcome(101.0)]}, "FAIL"),
        ({"outcomes": [outcome(float("nan"))]}, "FAIL"),
        ({"outcomes": [outcome(101.0, waived=True)]}, "PASS"),
        ({"outcomes": [outcome()], "failures": [failure()]}, "FAIL"),
        ({"outcomes": [outcome()], "failures": [failure(None)]}, "FAIL"),
        ({"outcomes": [outcome()], "could_not_run": [FINDING]}, "COULD NOT RUN"),
        ({"outcomes": [outcome(101.0)], "could_not_run": [FINDING]}, "FAIL"),
        ({"outcomes": [outcome()], "not_checked": [FINDING]}, "PASS"),
        ({}, "COULD NOT RUN"),
        ({"notes": [FINDING], "not_checked": [FINDING]}, "COULD NOT RUN"),
    ],
)
def test_the_rule(lists: dict[str, Any], word: str) -> None:
    whole = results.finish(found(**lists))
    assert (whole["verdict"], whole["exit_status"]) == (word, verdict.EXIT[word])
    assert word in whole["summary"]
    verdict.check(whole)


def test_strict_counts_what_was_not_checked() -> None:
    assert results.finish(found(outcomes=[outcome()], not_checked=[FINDING]), strict=True)["verdict"] == "COULD NOT RUN"


def test_a_run_that_was_stopped_has_no_verdict() -> None:
    whole = results.finish(found(outcomes=[outcome(101.0)]), stopped=True)
    assert (whole["verdict"], whole["models"][0]["verdict"]) == ("NONE", "NONE")
    assert whole["summary"].startswith("none, stopped after 1 outcomes")


def test_a_model_of_which_nothing_was_judged_keeps_a_run_from_passing() -> None:
    test = {"test": "t", "suite": "contract", "model": "n", "seconds": 0.0, "status": "not checked"}
    whole = results.finish(found(models=[MODEL, MODEL | {"id": "n"}], outcomes=[outcome()], tests=[test]))
    assert [model["verdict"] for model in whole["models"]] == ["PASS", "COULD NOT RUN"]
    assert whole["verdict"] == "COULD NOT RUN"
    assert [one["text"] for one in whole["could_not_run"]] == ["n: nothing was judged of it"]


def test_parts_that_judged_different_files_could_not_run() -> None:
    parts = [found(models=[MODEL | {"sha256": digest}], outcomes=[outcome()]) for digest in ("a" * 64, "b" * 64)]
    whole = results.finish(results.join(parts))
    assert whole["verdict"] == "COULD NOT RUN"
    assert whole["could_not_run"][0]["text"].startswith("m: its file changed between the suites: aaaa")


def test_a_model_is_judged_by_what_is_its_own() -> None:
    other = MODEL | {"id": "n"}
    whole = results.finish(
        found(models=[MODEL, other, MODEL | {"id": "o"}], outcomes=[outcome(), outcome(101.0, model="n")])
    )
    assert [model["verdict"] for model in whole["models"]] == ["PASS", "FAIL", "NONE"]  # nothing was asked of the last


@pytest.mark.parametrize(
    ("state", "suites", "selected", "after", "word"),
    [
        ("used", ["contract"], False, "used", "PASS"),
        ("unused", ["contract"], False, "unused", "FAIL"),
        ("unused", ["golden"], False, "not asked", "PASS"),
        ("unused", ["contract"], True, "not asked", "PASS"),
        ("expired", ["golden"], True, "expired", "FAIL"),
        ("not asked", ["contract"], False, "not asked", "PASS"),
    ],
)
def test_a_waiver_that_is_expired_or_of_no_use_fails(
    state: str, suites: list[str], selected: bool, after: str, word: str
) -> None:
    whole = results.finish(
        found(outcomes=[outcome()], suites=suites, waivers=[WAIVER | {"state": state}]), selected=selected
    )
    assert (whole["waivers"][0]["state"], whole["verdict"]) == (after, word)


def test_a_waiver_of_a_promise_is_asked_for_by_loso() -> None:
    promise = WAIVER | {"gate": "sidecar.frame_rmse", "state": "unused"}
    for suites, word in ((["golden"], "PASS"), (["loso"], "FAIL")):
        assert results.finish(found(outcomes=[outcome()], suites=suites, waivers=[promise]))["verdict"] == word


def test_runs_are_joined() -> None:
    one = found(outcomes=[outcome()], suites=["golden"], waivers=[WAIVER | {"state": "unused"}], not_checked=[FINDING])
    two = found(
        outcomes=[outcome(101.0, waived=True)],
        suites=["contract"],
        waivers=[WAIVER | {"state": "used"}],
        not_checked=[FINDING],
    )
    whole = results.finish(results.join([one, two]))
    assert (whole["verdict"], whole["suites"], whole["waivers"][0]["state"]) == ("PASS", ["golden", "contract"], "used")
    assert whole["counts"]["outcomes"] == 2
    assert len(whole["not_checked"]) == 1
    verdict.check(whole)


@given(st.permutations([{"outcomes": [outcome()]}, {"outcomes": [outcome(101.0)]}, {"could_not_run": [FINDING]}, {}]))
def test_the_order_of_runs_decides_nothing(parts: list[dict[str, Any]]) -> None:
    assert results.finish(results.join([found(**part) for part in parts]))["verdict"] == "FAIL"


def test_runs_of_other_models_are_not_joined() -> None:
    with pytest.raises(TinyvmafError, match="not of the same models"):
        results.join([found(), found(models=[])])
    with pytest.raises(TinyvmafError, match="no run"):
        results.join([])


def test_what_is_not_finite_is_null() -> None:
    row = outcome(float("inf"))["worst"][0]
    assert (row["value"], row["margin"], row["accepted"]) == (None, None, False)


def test_the_text_says_everything_once_and_the_verdict_last() -> None:
    twice = [results.finding("golden", "m", str(n), "two lines\nof it") for n in range(2)]
    lines = results.as_text(results.finish(found(outcomes=[outcome()], not_checked=twice, notes=twice)))
    assert lines == [
        "  two lines\nof it",
        "NOT CHECKED:",
        "  - two lines",
        "Largest score for any finite features: 50, must be at most 100 VMAF points",
        "VERDICT: PASS (1 outcomes on 1 values, 0 failed)",
    ]


def test_a_record_that_is_not_by_its_schema_is_not_written(tmp_path: Path) -> None:
    whole = results.finish(found(outcomes=[outcome()]))
    with pytest.raises(TinyvmafError, match=r"verdict.json: verdict is 'GREEN'"):
        verdict.write(tmp_path, whole | {"verdict": "GREEN"}, {})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TinyvmafError, match="--report DIR"):
        verdict.write(tmp_path / "file", results.finish(found(outcomes=[outcome()])), {})


def test_evidence_is_merged_table_by_table() -> None:
    into: dict[str, Any] = {"m": {"ulp": {"a": {"1": 0}}, "bound": 2}}
    results.merge(into, {"m": {"ulp": {"b": {"1": 3}}, "bound": 0}, "n": {}})
    assert into == {"m": {"ulp": {"a": {"1": 0}, "b": {"1": 3}}, "bound": 0}, "n": {}}


def test_a_model_that_a_suite_did_not_judge_could_not_be_passed() -> None:
    """Also by one suite alone: PASS beside a model that it never judged would be believed of that model."""
    test = {"test": "t", "suite": "golden", "model": "m", "seconds": 0.1, "status": "pass"}
    other = MODEL | {"id": "n", "asked": ["golden"]}
    record = found(models=[MODEL | {"asked": ["golden"]}, other], outcomes=[outcome()], tests=[test])
    whole = results.finish(record, suites=["golden"])
    assert whole["verdict"] == "COULD NOT RUN"
    assert [entry["text"] for entry in whole["could_not_run"]] == ["golden: nothing was judged of n"]
    assert results.finish(record, suites=["golden"], selected=True)["verdict"] == "PASS"


def test_the_suite_of_one_kind_is_missed_where_a_model_is_of_that_kind() -> None:
    test = {"test": "t", "suite": "golden", "model": "m", "seconds": 0.1, "status": "pass"}
    for asked, word in ((["golden"], "PASS"), (["golden", "harm"], "COULD NOT RUN")):
        record = found(models=[MODEL | {"asked": asked}], outcomes=[outcome()], tests=[test], suites=["golden"])
        whole = results.finish(record, suites=["golden", "harm"])
        assert whole["verdict"] == word
        texts = [one["text"] for one in whole["could_not_run"]]
        assert texts == ([] if word == "PASS" else ["harm: no test of it ran", "harm: nothing was judged of m"])
        assert ("harm" in whole["suites_left_out"]) is (word != "PASS")
