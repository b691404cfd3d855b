"""`tinyvmaf gate`: what it passes to pytest, and what it makes of a run that gives no result."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.app.cli import main
from tinyvmaf.data.store import Store
from tinyvmaf.errors import TinyvmafError
from tinyvmaf.judge import foreign, gate_run, results, selftest_cache
from tinyvmaf.judge.verdict import FILES, VERDICT_FILE
from tinyvmaf.judge.verdict import SUITES as SUITES_OF_ALL

from ..judge.test_results import FACTS, MODEL, found, outcome

CONFTEST = """\
import pytest

pytest_plugins = ["tinyvmaf.judge.plugin"]


def pytest_addoption(parser):
    for name in ("--part", "--report", "--model", "--waivers"):
        parser.addoption(name)
    parser.addoption("--benchmark-quiet", action="store_true")
"""
ALLOW = ("--allow=gates,settings",)
"""The suites here are not those of the manifest."""
Gate = Callable[..., tuple[int, str, dict[str, Any] | None]]
PASSES = "def test_a(judged_by_assertions):\n    pass\n"
FAILS = "def test_b(judged_by_assertions):\n    assert 1 == 2, 'one is not two'\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose suites contain one trivial test each."""
    folder = tmp_path / "checkout"
    for suite in SUITES_OF_ALL:
        (folder / "suites" / suite).mkdir(parents=True)
        (folder / "suites" / suite / "conftest.py").touch()
        (folder / "suites" / suite / "test_it.py").write_text(PASSES, encoding="utf-8")
    (folder / "gates.toml").touch()
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    addopts = "--import-mode=importlib -p no:cacheprovider -p no:unraisableexception"
    (folder / "pytest.ini").write_text(f"[pytest]\naddopts = {addopts}\n", encoding="utf-8")
    monkeypatch.setenv("TINYVMAF_HOME", str(folder))
    # Nothing here needs installed plugins, and their imports take longer than the rest.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return folder


@pytest.fixture
def gate(checkout: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Status, output and verdict.json of a run, whose two runs of pytest are processes."""
    monkeypatch.chdir(checkout.parent)

    def run(*options: str) -> tuple[int, str, dict[str, Any] | None]:
        status = main(["gate", "--jobs", "1", *ALLOW, *options])
        file = checkout / "report" / VERDICT_FILE
        return status, "".join(capfd.readouterr()), json.loads(file.read_text()) if file.exists() else None

    return run


def test_two_runs_have_one_verdict(checkout: Path, gate: Gate) -> None:
    (checkout / "suites/latency/test_it.py").write_text(PASSES + FAILS, encoding="utf-8")
    status, out, verdict = gate()
    assert status == 1, out
    assert verdict is not None
    assert (verdict["verdict"], sorted(verdict["suites"])) == ("FAIL", sorted(SUITES_OF_ALL))
    judged = len(SUITES_OF_ALL) + 1
    assert out.splitlines()[-1] == f"VERDICT: FAIL ({judged} outcomes on {judged} values, 1 failed)"
    assert out.count("VERDICT") == 1
    assert "  - suites/latency/test_it.py::test_b" in out
    assert all((checkout / "report" / name).is_file() for name in FILES)


def test_a_quiet_run_says_its_verdict_and_what_failed(checkout: Path, gate: Gate) -> None:
    (checkout / "suites/latency/test_it.py").write_text(FAILS, encoding="utf-8")
    status, out, _ = gate("--quiet")
    assert status == 1
    assert "test session starts" not in out
    assert "one is not two" in out
    assert out.splitlines()[-1].startswith("VERDICT: FAIL")


def test_the_gates_own_tests_are_run_once_for_the_same_gates(checkout: Path, gate: Gate) -> None:
    """They run again if any file that they depend on changes, or with --fresh. A new model changes nothing."""

    def ran(*options: str) -> bool:
        status, out, verdict = gate(*options)
        assert verdict is not None, out
        assert (status, verdict["verdict"]) == (0, "PASS"), out
        assert ("selftest" in verdict["suites"]) != ("the gates' own tests were left out" in out), out
        return "selftest" in verdict["suites"]

    assert ran()
    (checkout / "model").mkdir()
    (checkout / "model/another.onnx").touch()
    assert not ran()
    assert ran("--fresh")
    with (checkout / "suites/corpus/test_it.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert ran()


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        (["pass", "not checked"], True),
        (["pass", "fail"], False),
        (["pass", "could not run"], False),
        (["not checked"], False),
        (["waived", "pass"], False),
        ([], False),
    ],
)
def test_only_a_run_that_passed_is_remembered(states: list[str], whole: bool, tmp_path: Path) -> None:
    store = Store(tmp_path)
    tests = [{"suite": "selftest", "status": state} for state in states] + [{"suite": "golden", "status": "fail"}]
    assert selftest_cache.remember(store, "0" * 64, tests) is whole
    assert (selftest_cache.when(store, "0" * 64) is not None) is whole


def test_suites_that_ran_no_test_could_not_run(checkout: Path, gate: Gate) -> None:
    """One is empty, and one was deleted."""
    (checkout / "suites/latency/test_it.py").write_text("", encoding="utf-8")
    shutil.rmtree(checkout / "suites/loso")
    status, out, verdict = gate()
    assert (status, verdict and verdict["verdict"]) == (10, "COULD NOT RUN"), out
    assert "latency: no test of it ran" in out
    assert "loso: no test of it ran" in out


def test_a_run_that_dies_is_no_pass(checkout: Path, gate: Gate) -> None:
    """The verdict of an earlier run is removed."""
    (checkout / "report").mkdir()
    (checkout / "report/verdict.json").write_text('{"verdict": "PASS"}', encoding="utf-8")
    killed = "import os, signal\n\n\ndef test_k():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    (checkout / "suites/latency/test_it.py").write_text(killed, encoding="utf-8")
    status, out, verdict = gate()
    assert (status, verdict and verdict["verdict"]) == (10, "COULD NOT RUN"), out
    assert "latency ended with status -9 and no result" in out
    (checkout / "suites/corpus/conftest.py").write_text("import os\n\nos._exit(3)\n", encoding="utf-8")
    status, out, verdict = gate()
    assert (status, verdict) == (10, None), out
    assert "ended with status 3: no run to give a verdict on" in out


def test_a_selection_says_what_it_left_out(gate: Gate) -> None:
    for options, expected in ((), (10, "COULD NOT RUN")), (("--allow=selection",), (0, "PASS")):
        status, out, verdict = gate("-k", "corpus", *options)
        assert (status, verdict and verdict["verdict"]) == expected, out
        assert "tests were left out (-k 'corpus')" in out


def test_a_selection_of_nothing_is_no_pass(gate: Gate) -> None:
    status, out, verdict = gate("-k", "nothing_is_called_so")
    assert (status, verdict) == (10, None), out


def test_ctrl_c_ends_it_without_a_verdict(checkout: Path) -> None:
    """Of the command as a process."""
    stopped = "def test_s(judged_by_assertions):\n    raise KeyboardInterrupt\n"
    (checkout / "suites/latency/test_it.py").write_text(stopped, encoding="utf-8")
    command = [sys.executable, "-m", "tinyvmaf", "gate", "--jobs", "1"]
    done = subprocess.run(command, cwd=checkout.parent, capture_output=True, text=True, timeout=100, check=False)
    verdict = json.loads((checkout / "report" / VERDICT_FILE).read_text(encoding="utf-8"))
    assert (done.returncode, verdict["verdict"]) == (130, "NONE"), done.stdout + done.stderr
    assert "VERDICT: none, stopped after" in done.stdout


def test_of_two_at_once_the_second_leaves_the_report_of_the_first(checkout: Path, gate: Gate) -> None:
    """Both would write one page: the second printed FAIL, and the path of a page that said PASS."""
    waits = f"""\
import pathlib, time

def test_it(judged_by_assertions, pytestconfig):
    assert pathlib.Path(pytestconfig.getoption("--report")) == pathlib.Path({str(checkout / "report")!r})
    pathlib.Path("waits").touch()
    deadline = time.monotonic() + 60
    while not pathlib.Path("go").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
"""
    (checkout / "suites/corpus/test_it.py").write_text(waits, encoding="utf-8")
    command = [sys.executable, "-m", "tinyvmaf", "gate", "--jobs", "1", *ALLOW]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not (checkout / "waits").exists():
        assert first.poll() is None
        time.sleep(0.02)
    status, out, verdict = gate()
    assert (status, verdict) == (10, None), out
    assert f"COULD NOT RUN: {checkout / 'report'}: another run of suites writes its report there: " in out
    assert f"gate --jobs 1 {ALLOW[0]}' (process {first.pid}, " in out
    (checkout / "go").touch()
    text, _ = first.communicate(timeout=60)
    assert first.returncode == 0, text
    assert json.loads((checkout / "report" / VERDICT_FILE).read_text(encoding="utf-8"))["verdict"] == "PASS"


def test_without_a_report_there_is_no_verdict(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And no traceback: its exit status 1 would say that the model failed."""

    def write(*_: object) -> None:
        raise OverflowError("int too large to convert to float")

    monkeypatch.setattr("tinyvmaf.app.cli.gate.report.write", write)
    assert main(["gate", "--jobs", "1"]) == 10
    assert "the report could not be written, so there is no verdict: OverflowError" in capsys.readouterr().err
    assert not (checkout / "report" / VERDICT_FILE).exists()


def test_a_wheel_alone_has_no_suites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gates.toml").touch()
    monkeypatch.setenv("TINYVMAF_HOME", str(tmp_path))
    assert main(["gate"]) == 10
    assert "has no suites" in capsys.readouterr().err


SUITES = ("contract", "corpus", "golden", "latency", "loso")


def ran(*pairs: tuple[str, str | None], status: str = "pass") -> list[dict[str, Any]]:
    return [{"test": "t", "suite": s, "model": m, "seconds": 0.0, "status": status} for s, m in pairs]


@pytest.mark.parametrize(
    ("tests", "missed"),
    [
        (ran(*((s, "m") for s in SUITES)), []),
        (ran(*((s, "m") for s in SUITES if s != "loso"), ("loso", None)), ["loso: nothing was judged of m"]),
        (ran(*((s, "m") for s in SUITES if s != "corpus")), ["corpus: no test of it ran"]),
        (
            ran(*((s, "m") for s in SUITES if s != "golden")) + ran(("golden", "m"), status="not checked"),
            ["golden: no test of it ran", "golden: nothing was judged of m"],
        ),
    ],
)
def test_a_model_that_a_suite_did_not_judge_is_missed(tests: list[dict[str, Any]], missed: list[str]) -> None:
    whole = found(tests=tests, models=[MODEL])
    assert [entry["text"] for entry in results._not_judged(whole, SUITES)] == missed


@pytest.mark.parametrize(
    ("tests", "missed"),
    [
        (ran(("external", "m"), ("external", None), status="not checked"), []),
        (ran(("external", None), status="not checked"), ["external: nothing was judged of m"]),
        ([], ["external: no test of it ran", "external: nothing was judged of m"]),
    ],
)
def test_external_without_a_set_has_answered(tests: list[dict[str, Any]], missed: list[str]) -> None:
    """It needs what no checkout has."""
    whole = found(tests=tests, models=[MODEL | {"asked": ["external"]}])
    assert [entry["text"] for entry in results._not_judged(whole, ["external"])] == missed


def test_a_suite_that_is_not_asked_of_a_model_is_not_missed() -> None:
    asked = [suite for suite in SUITES if suite != "loso"]
    whole = found(tests=ran(*((s, "m") for s in asked), ("loso", "n")), models=[MODEL | {"asked": asked}])
    assert results._not_judged(whole, SUITES) == []


def test_a_missing_part_could_not_run() -> None:
    lost = gate_run._nothing([{"record": found(outcomes=[outcome()])}], "latency", -9)
    whole = results.finish(results.join([found(outcomes=[outcome()]), lost["record"]]))
    assert whole["verdict"] == "COULD NOT RUN"
    assert FACTS["started"] == whole["started"]
    with pytest.raises(TinyvmafError, match="no run to give a verdict on"):
        gate_run._nothing([], "latency", 3)


def test_an_option_of_the_gate_is_not_dropped_behind_the_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    """pytest would take it, and the gate's own verdict would not be held to it."""
    assert main(["gate", "--", "--fail-not-checked"]) == 10
    assert "--fail-not-checked after --" in capsys.readouterr().err


def test_plugins_of_others_take_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "installed", lambda: {"sugar": "pytest_sugar"})
    (tmp_path / "suites/golden").mkdir(parents=True)
    (tmp_path / "suites/golden/conftest.py").touch()
    run = gate_run.GateRun(tmp_path, options=["-psugar"], jobs=1, command="")
    for _, arguments in run._runs():
        assert arguments[-2:] == ["-pno:sugar", "-psugar"]  # what is typed comes last, and counts


@pytest.mark.parametrize(("name", "why"), [("nope.onnx", "no such file"), (".", "not a regular file")])
def test_a_model_that_is_no_file_is_said_at_once(
    name: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    assert main(["gate", "--model", str(path), "--report", str(tmp_path / "report")]) == 10
    assert f"COULD NOT RUN: {path}: {why}" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()
