"""Ways to run nothing, or not what was asked for: none may look like a pass.

Where a way is a suite's own, its gate's test has it; here are those that any suite has, on golden's models for they are
quick. docs/gates.md lists all.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyvmaf.data import dataset

from .conftest import Gate

FAIL, COULD_NOT_RUN, NO_TESTS = 1, 10, 5
MODEL, YARDSTICK = "tinyvmaf_nano", "vmaf_v0.6.1_svr"
SUITE = "golden"
TESTS = "suites/golden/test_models.py"
WAIVER = """\
[[waiver]]
model = "{model}"
gate = "golden.record"
reason = "none"
owner = "nobody"
expires = {expires}
"""
FUTURE, PAST = "2999-01-01", "2020-01-01"
Spoil = Callable[[Path], object]


@pytest.fixture(autouse=True)
def _few_models_and_a_green_report(copy: Path) -> None:
    """Two models, and the report of an earlier run, which passed."""
    (copy / "suites/golden/test_libvmaf.py").unlink()  # it is about no model, and takes longer
    (copy / "report").mkdir()
    (copy / "report/verdict.json").write_text('{"verdict": "PASS"}', encoding="utf-8")


def verdict(copy: Path) -> str | None:
    """What the report's verdict is; None if there is none."""
    path = copy / "report/verdict.json"
    return json.loads(path.read_text(encoding="utf-8"))["verdict"] if path.is_file() else None


def test_the_same_run_passes_where_nothing_is_wrong(copy: Path, gate: Gate) -> None:
    (copy / "report/verdict.json").unlink()
    status, text = gate(SUITE)
    assert (status, verdict(copy)) == (0, "PASS"), text


@pytest.mark.parametrize(
    "options",
    [
        ("-k", "nothing_of_that_name"),
        ("-m", "slow"),
        ("--deselect", f"suites/{SUITE}"),
        ("-o", "python_files=none_*.py", "-o", "python_functions=none_*"),
        ("-o", "python_functions=none_*"),
    ],
    ids=lambda options: f"{options[0]} {options[1]}",
)
def test_options_that_leave_no_test(options: tuple[str, ...], copy: Path, gate: Gate) -> None:
    status, text = gate(SUITE, *options)
    assert (status, verdict(copy)) == (NO_TESTS, None), text


def test_a_selection_in_the_environment_that_leaves_no_test(copy: Path, gate: Gate) -> None:
    status, text = gate(SUITE, PYTEST_ADDOPTS="-k nothing_of_that_name")
    assert (status, verdict(copy)) == (NO_TESTS, None), text


def test_a_selection_in_the_environment_is_said(copy: Path, gate: Gate) -> None:
    status, text = gate(SUITE, "--fail-not-checked", PYTEST_ADDOPTS="-k records_and")
    assert (status, verdict(copy)) == (COULD_NOT_RUN, "COULD NOT RUN"), text
    assert "PYTEST_ADDOPTS is '-k records_and'" in text


def test_models_that_are_left_out_are_named(copy: Path, gate: Gate) -> None:
    """The chosen one is judged as ever; a waiver of another is no fault. An id that is not registered is one."""
    waiver = WAIVER.format(model=YARDSTICK, expires=FUTURE)
    (copy / "waivers.toml").write_text(waiver, encoding="utf-8")
    status, text = gate(SUITE, "--models", MODEL)
    assert (status, verdict(copy)) == (0, "PASS"), text
    assert f"NOT CHECKED:\n  - registered models that --models leaves out: {YARDSTICK}" in text
    status, text = gate(SUITE, "--models", MODEL, "--fail-not-checked")
    assert (status, verdict(copy)) == (COULD_NOT_RUN, "COULD NOT RUN"), text
    status, text = gate(SUITE, "--models", f"{MODEL}o")
    assert status not in (0, NO_TESTS), text
    assert f"--models {MODEL}o: no such registered model; did you mean {MODEL}?" in text


@pytest.mark.parametrize("option", ["--setup-only", "--setup-plan"])
def test_tests_that_are_set_up_and_not_run(option: str, copy: Path, gate: Gate) -> None:
    status, text = gate(SUITE, option)
    assert (status, verdict(copy)) == (COULD_NOT_RUN, "COULD NOT RUN"), text


def test_tests_that_are_only_listed_get_no_verdict(copy: Path, gate: Gate) -> None:
    (copy / "report/verdict.json").unlink()
    status, text = gate(SUITE, "--collect-only")
    assert (status, verdict(copy)) == (NO_TESTS, None), text
    assert "VERDICT" not in text
    assert "passed" not in text


@pytest.mark.parametrize(
    "option", ["--noconftest", "--rootdir=/", "-p=no:tinyvmaf.judge.plugin", "-p=no:tinyvmaf-verdict"]
)
def test_without_what_gives_the_verdict_no_test_can_pass(option: str, gate: Gate) -> None:
    status, text = gate(SUITE, option.replace("-p=", "-p"))
    assert status not in (0, NO_TESTS), text
    assert "VERDICT: PASS" not in text


def as_it_is(_: Path) -> None:
    """Nothing is done."""


def marked(copy: Path) -> None:
    path = copy / TESTS
    path.write_text(
        f"import pytest\npytestmark = pytest.mark.skip\n{path.read_text(encoding='utf-8')}", encoding="utf-8"
    )


def appended(text: str) -> Spoil:
    def spoil(copy: Path) -> None:
        path = copy / "suites/golden/conftest.py"
        path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{text}\n", encoding="utf-8")

    return spoil


HOOK = "def pytest_collection_modifyitems(items):\n    "
skipped_by_conftest = appended(f"{HOOK}for item in items:\n        item.add_marker(pytest.mark.skip)")
expected_to_fail = appended(f"{HOOK}for item in items:\n        item.add_marker(pytest.mark.xfail(run=False))")
dropped_by_conftest = appended(f"{HOOK}items.clear()")


def emptied(copy: Path) -> None:
    (copy / TESTS).write_text("", encoding="utf-8")


def removed(copy: Path) -> None:
    (copy / TESTS).unlink()


def bounds(old: str, new: str) -> Spoil:
    def spoil(copy: Path) -> None:
        text = (copy / "gates.toml").read_text(encoding="utf-8")
        assert old in text
        (copy / "gates.toml").write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


def waiver(model: str, expires: str, more: str = "") -> Spoil:
    text = WAIVER.format(model=model, expires=expires) + more
    return lambda copy: (copy / "waivers.toml").write_text(text, encoding="utf-8")


def no_record(copy: Path) -> None:
    (copy / f"fixtures/golden/records/{MODEL}.json").unlink()


def a_worker_dies(copy: Path) -> None:
    appended("@pytest.fixture(autouse=True)\ndef _dies():\n    import os\n    os._exit(0)")(copy)


@pytest.mark.parametrize(
    ("spoil", "options", "status", "message"),
    [
        (marked, (), COULD_NOT_RUN, "skipped without an account"),
        (skipped_by_conftest, (), COULD_NOT_RUN, "skipped without an account"),
        (expected_to_fail, (), COULD_NOT_RUN, "skipped without an account"),
        (dropped_by_conftest, (), NO_TESTS, ""),
        (emptied, (), NO_TESTS, ""),
        (
            bounds("[golden.record]", "[golden.recrod]"),
            (),
            COULD_NOT_RUN,
            "no gate golden.recrod; did you mean golden.record?",
        ),
        (bounds("value = 4", "value = nan"), (), COULD_NOT_RUN, "[golden.published]: value nan is outside"),
        (bounds("value = 3.0", "value = -3.0"), (), COULD_NOT_RUN, "[golden.near]: value -3 is outside"),
        (bounds("value = 0.97", 'value = 0.97\ndirection = "any"'), (), COULD_NOT_RUN, "unknown key 'direction'"),
        (no_record, ("-x",), COULD_NOT_RUN, "has no record"),
        (a_worker_dies, ("-n", "1", "--max-worker-restart", "0"), FAIL, "crashed"),
        (waiver(MODEL, PAST), (), FAIL, "its last day has passed"),
        (waiver(MODEL, FUTURE), (), FAIL, "nothing needed it: take it out"),
        (waiver(f"{MODEL}s", FUTURE), (), FAIL, f"no model {MODEL}s was judged; did you mean {MODEL}?"),
        (waiver(MODEL, '"2999-01-01"'), (), COULD_NOT_RUN, "it must be a date without quotes"),
        (waiver(MODEL, FUTURE, "upto = 3\n"), (), COULD_NOT_RUN, "waiver 1: unknown key upto"),
        (waiver(MODEL, FUTURE, WAIVER.format(model=MODEL, expires=FUTURE)), (), COULD_NOT_RUN, "two waivers of"),
        (waiver(MODEL, FUTURE, "not TOML"), (), COULD_NOT_RUN, "waivers.toml: Expected"),
        (as_it_is, ("--waivers", "none.toml"), COULD_NOT_RUN, "none.toml: No such file"),
        (removed, (), NO_TESTS, ""),
    ],
)
def test_a_suite_in_which_nothing_is_judged(
    spoil: Spoil, options: tuple[str, ...], status: int, message: str, copy: Path, gate: Gate
) -> None:
    spoil(copy)
    got, text = gate(SUITE, *options)
    assert (got, verdict(copy) == "PASS") == (status, False), text
    assert message in text, text
    assert "VERDICT: PASS" not in text


def test_a_record_of_scores_that_the_model_does_not_promise(copy: Path, gate: Gate) -> None:
    path = copy / f"fixtures/golden/records/{MODEL}.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"flat": [97.4', '"flat": [98.4'), encoding="utf-8")
    status, text = gate(SUITE, "-k", "within_the_models_own")
    assert status == FAIL, text
    assert f"{MODEL} on flat, as recorded: largest difference from the teacher" in text


def test_a_report_that_cannot_be_written(copy: Path, gate: Gate) -> None:
    shutil.rmtree(copy / "report")
    (copy / "report").write_text("", encoding="utf-8")
    status, text = gate(SUITE)
    assert status != 0, text
    assert "VERDICT: PASS" not in text


def test_a_run_that_is_killed_says_that_the_report_is_older(copy: Path, gate: Gate) -> None:
    appended(
        f"@pytest.fixture(autouse=True)\ndef _dies():\n    import os\n    os.kill(os.getpid(), {signal.SIGKILL:d})"
    )(copy)
    status, text = gate(SUITE)
    assert status != 0, text
    assert (copy / "report/unfinished.txt").is_file(), text


def test_models_that_are_no_files(copy: Path, gate: Gate) -> None:
    """Missing, a folder, a pipe: of each it is said, and none is judged."""
    (copy / "folder.onnx").mkdir()
    os.mkfifo(copy / "pipe.onnx")
    names = ("missing", "folder", "pipe")
    status, text = gate("contract", *(f"--model={copy / name}.onnx" for name in names))
    assert (status, verdict(copy)) == (COULD_NOT_RUN, "COULD NOT RUN"), text
    assert "missing.onnx: no such file" in text
    for name in ("folder", "pipe"):
        assert f"{name}.onnx: not a regular file" in text
    assert "nothing was judged" in text


@pytest.mark.parametrize(("data", "why"), [(b"", "the file is empty"), (b"hello", "it is not an ONNX file")])
def test_a_file_that_is_no_model_fails(data: bytes, why: str, copy: Path, gate: Gate) -> None:
    (copy / "theirs.onnx").write_bytes(data)
    status, text = gate("contract", f"--model={copy}/theirs.onnx")
    assert (status, verdict(copy)) == (FAIL, "FAIL"), text
    assert f"theirs.onnx: {why}" in text


def test_a_home_without_anything(copy: Path, tmp_path: Path, gate: Gate) -> None:
    """What is judged is the checkout's, wherever TINYVMAF_HOME leads: where that is nowhere, nothing runs."""
    (tmp_path / "nowhere").mkdir()
    (copy / "report/verdict.json").unlink()
    status, text = gate(SUITE, TINYVMAF_HOME=str(tmp_path / "nowhere"))
    assert status not in (0, NO_TESTS), text
    assert "no gates.toml in" in text
    assert verdict(copy) is None


def test_a_corpus_without_rows(copy: Path, gate: Gate) -> None:
    path = copy / "fixtures/corpus/features.parquet"
    data = dataset.read(path)
    dataset.write(path, data.table.slice(0, 0), data.provenance)
    status, text = gate("corpus", "suites/loso", "-k", "not sample and not reextracted and not domain")
    assert status in (FAIL, COULD_NOT_RUN), text
    assert verdict(copy) in ("FAIL", "COULD NOT RUN")
    assert not re.search(r"[1-9]\d* outcomes", text), text


def test_a_data_root_without_clips(copy: Path, tmp_path: Path, gate: Gate) -> None:
    (tmp_path / "root").mkdir()
    status, text = gate("corpus", "suites/loso", "--data-root", str(tmp_path / "root"))
    assert status == COULD_NOT_RUN, text
    assert verdict(copy) == "COULD NOT RUN"


STUB = """\
import pytest

@pytest.mark.usefixtures("judged_by_assertions")
def test_nothing(model):
    assert model
"""
ENDS = """\
import os

def test_the_process_ends(model):
    os._exit(0)
"""


@pytest.fixture
def joined(copy: Path, page: Path, others: dict[str, str]) -> Gate:
    """`tinyvmaf gate` on the copy, whose suites all have one test that passes at once."""
    del page  # it is drawn
    for suite in (copy / "suites").iterdir():
        shutil.rmtree(suite)
        suite.mkdir()
        (suite / "conftest.py").write_text("", encoding="utf-8")
        (suite / f"test_{suite.name}.py").write_text(STUB, encoding="utf-8")

    def run(*options: str, **variables: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "tinyvmaf", "gate", "--jobs", "1", "--allow", "gates", *options]
        done = subprocess.run(
            command,
            cwd=copy,
            env=others | {"TINYVMAF_HOME": str(copy), "TINYVMAF_CACHE": str(copy / "cache")} | variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def others() -> dict[str, str]:
    """The variables here, but for those that tell a gate or pytest what to do."""
    ours = ("TINYVMAF_", "VMAF_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def test_the_joined_verdict_misses_suites_and_a_run_that_ended(copy: Path, joined: Gate) -> None:
    """A suite that is gone, one without a test, and a pytest that ends with status 0 before it has said anything."""
    shutil.rmtree(copy / "suites/corpus")
    (copy / "suites/loso/test_loso.py").write_text("", encoding="utf-8")
    (copy / "suites/latency/test_latency.py").write_text(ENDS, encoding="utf-8")
    status, text = joined("--", "--durations=3")  # what pytest is told more excuses nothing
    assert (status, verdict(copy)) == (COULD_NOT_RUN, "COULD NOT RUN"), text
    for message in (
        "corpus: no test of it ran",
        f"loso: nothing was judged of {MODEL}",
        f"latency: nothing was judged of {YARDSTICK}",
    ):
        assert message in text
    assert "golden: nothing" not in text


def test_the_joined_verdict_is_not_given_on_a_list_of_tests(copy: Path, joined: Gate) -> None:
    status, text = joined("--", "--collect-only")
    assert (status, verdict(copy)) == (COULD_NOT_RUN, None), text
    assert "no run to give a verdict on" in text


def test_the_joined_verdict_is_on_what_was_typed(copy: Path, joined: Gate) -> None:
    """What the environment would add, a list instead of a run or a selection, is left out."""
    status, text = joined(PYTEST_ADDOPTS="--collect-only -k nothing")
    assert (status, verdict(copy)) == (0, "PASS"), text
    assert "left out" not in text
