"""Each cause is said once: commands that can be pasted, reasons with a remedy, and failures of one kind."""

import json
import shlex
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tinyvmaf.judge import causes, reasons
from tinyvmaf.judge.failed import failed
from tinyvmaf.judge.options import OPTIONS
from tinyvmaf.judge.properties import COULD_NOT_RUN, MODEL, OUTCOME


def report(test: str, text: str = "it failed", **properties: str) -> pytest.TestReport:
    nodeid = f"suites/backends/test_backends.py::{test}"
    found = pytest.TestReport(nodeid, (nodeid, 1, test), {}, "failed", text, "call")
    found.user_properties = [(MODEL, "m"), *properties.items()]
    return found


def outcome(subject: str) -> str:
    worst = [{"label": "batch 1", "value": 3.0}, {"label": "batch 2", "value": 2.0}]
    shared = {"type": "limit", "status": "fail", "metric": "ULP", "failures": 2, "count": 9, "bound": "<= 1 ULP"}
    told = {"details": "the worst:\n  inputs: 0x1p+0", "reason": "a score is a score", "reproduce": "tox -e backends"}
    return json.dumps({"subject": subject, "worst": worst, **shared, **told})


def test_a_cause_is_shown_once_with_row_bound_reason_and_command() -> None:
    agrees = [report(f"test_agrees[m-{name}]", **{OUTCOME: outcome(f"m on {name}")}) for name in ("numpy", "openvino")]
    batch = report("test_a_score_does_not_depend_on_its_batch[m-numpy]", **{OUTCOME: outcome("m on numpy")})
    stats: dict[str, list[Any]] = {"failed": [*agrees, batch]}
    causes.collapse(stats)
    assert stats["failed"] == [batch], "the test that tells most"
    assert stats["for the same reason"] == agrees
    assert batch.longreprtext.splitlines() == [
        "m on numpy: ULP: 2 of 9 values outside <= 1 ULP",
        "  the worst: batch 1: 3.0",
        "  inputs: 0x1p+0",
        "why this bound: a score is a score",
        "again: tox -e backends",
        "for the same reason: agrees (2); the report has each",
    ]


def test_refusals_that_differ_by_engine_are_one_and_what_is_about_no_model_stays() -> None:
    refused = [report(f"test_agrees[m-{name}]", f"m on {name}: no float16") for name in ("numpy", "torch-eager")]
    setup = report("test_agrees[m-openvino]", "x", **{COULD_NOT_RUN: "m on openvino: no float16"})
    other = report("test_other[m-numpy]", "something else")
    collected = pytest.CollectReport("suites/backends", "failed", "x", None)
    stats: dict[str, list[Any]] = {"failed": [*refused, other], "error": [setup, collected], "passed": [other]}
    causes.collapse(stats)
    assert stats["failed"] == [refused[0], other]
    assert stats["error"] == [collected]
    assert stats["for the same reason"] == [refused[1], setup]
    assert refused[0].longreprtext.startswith("m on numpy: no float16")


def test_a_reason_is_said_once_with_its_remedy() -> None:
    seen: dict[tuple[str | None, str], str] = {}
    why = "it is not known how it is fed\n  hint: --feature-order"
    tests = [("contract", "a"), ("contract", "b"), ("loso", "c")]
    entries = [
        {"suite": suite, "model": "m", "test": test, "text": f"{test}: {reasons.as_first(seen, 'm', test, why)}"}
        for suite, test in tests
    ]
    assert [entry["text"] for entry in entries][1:] == ["b: as a", "c: as a"]
    alone = {"suite": None, "model": None, "test": None, "text": "no report: disk full"}
    assert reasons.once([*entries, alone, alone]) == [
        "m: it is not known how it is fed (2 tests of contract, 1 tests of loso)\n  hint: --feature-order",
        "no report: disk full",
    ]


def test_what_failed_is_a_line_for_each_cause() -> None:
    """With the furthest value, the engines, what explains it, and how often each test failed."""

    def entry(test: str, text: str = "", model: str | None = "m") -> dict[str, Any]:
        return {"suite": "backends", "model": model, "test": test, "text": text}

    def measured(test: str, engine: str, worst: float | None, details: str = "the worst: bits") -> dict[str, Any]:
        shared = {"type": "limit", "status": "fail", "metric": "ULP", "bound": "<= 2 ULP", "value": 2.0}
        return shared | {"test": test, "subject": f"m on {engine}", "worst_value": worst, "details": details}

    names = ["a.py::test_batch[m-numpy]", "a.py::test_batch[m-openvino]", "a.py::test_agrees[m-numpy]"]
    refused = ["a.py::test_agrees[m-torch-eager]", "a.py::test_batch[m-torch-cuda]"]
    alone = ["a.py::test_it", "a.py::test_none"]
    record = {
        "outcomes": [
            measured(names[0], "numpy", 5.0),
            measured(names[1], "openvino", None, "int8 spans the batch\nmore"),
            measured(names[2], "numpy", 7.0) | {"status": "waived"},
            {"test": alone[0], "type": "assertion", "status": "fail", "metric": "it", "details": ""},
        ],
        "failures": [
            *(entry(name) for name in names[:2]),
            entry(refused[0], "m on torch-eager: no Split"),
            entry(refused[1], "m on torch-cuda: no Split"),
            entry(alone[0], "def test_it():\n>   assert 1 == 2\nE   AssertionError: one is not two\n", None),
            entry(alone[1], f"as {alone[0]}", None),
            {"suite": None, "model": "m", "test": None, "text": "a waiver that nothing needed"},
        ],
    }
    assert failed(record) == [
        "backends: m: ULP: not finite, must be <= 2 ULP; on numpy, openvino; int8 spans the batch; batch (2)",
        "backends: m on an engine: no Split; agrees, batch",
        "backends: AssertionError: one is not two; it, none",
    ]
    assert failed({"outcomes": [], "failures": [entry(alone[0], "E   no", None)]}) == [f"{alone[0]}: no"]


@pytest.mark.parametrize("command", ["tox -e loso -- -k 'm and plcc'", "pytest 'suites/a.py::test[m]'"])
def test_a_command_carries_model_and_options_and_can_be_pasted(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "it's a model.onnx"
    monkeypatch.setattr(causes, "subjects_of", lambda _: {"m": Mock(registered=False, path=path), "r": Mock()})
    given = dict.fromkeys(one.name.replace("-", "_") for one in OPTIONS if one.metavar is not None)
    config = Mock(option=Mock(**given, record=False, refit=False, fail_not_checked=True))
    assert causes.repeated(command, config, "r") == command
    config.option.feature_order, config.option.engine, config.option.refit = "vif, adm", ["numpy"], True
    words = shlex.split(causes.repeated(command, config, "m"))
    more = [f"--model={path}", "--feature-order=vif, adm", "--engine=numpy", "--refit"]
    assert sorted(words) == sorted([*shlex.split(command), *more])
    assert "--report" not in " ".join(words)
