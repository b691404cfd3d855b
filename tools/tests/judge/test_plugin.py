"""What a run says of itself at its end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinyvmaf.judge.report_folder import begin

PASSES = "def test_a(judged_by_assertions):\n    pass\n"


def pytest_of(folder: Path, test: str, *options: str) -> tuple[int, str]:
    (folder / "suites").mkdir(exist_ok=True)
    (folder / "suites/test_it.py").write_text(test, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tinyvmaf.judge.plugin",
        "-p",
        "no:cacheprovider",
        "suites",
        *options,
    ]
    # Nothing here needs installed plugins, and their imports take longer than the rest.
    variables = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def test_a_run_that_was_stopped_has_no_verdict(tmp_path: Path) -> None:
    """By Ctrl-C, which pytest answers with exit status 2: what had passed by then is not the whole."""
    status, out = pytest_of(tmp_path, PASSES + "def test_b():\n    raise KeyboardInterrupt\n")
    assert status == 2, out
    assert "VERDICT: none, stopped after 1 outcomes on 1 values, 0 failed" in out
    assert "PASS" not in out


def test_a_suite_that_ends_the_run_gives_no_verdict(tmp_path: Path) -> None:
    """As golden does with --record: the status is its own, and nothing says PASS."""
    ends = "import pytest\n\n\ndef test_b():\n    pytest.exit('on purpose', returncode=1)\n"
    status, out = pytest_of(tmp_path, PASSES + ends)
    assert status == 1, out
    assert "VERDICT: none, stopped after 1 outcomes" in out


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--ignore=suites/other", "tests were left out (--ignore ["),
        ("-opython_functions=test_a", "settings that are not ours: "),
    ],
)
def test_what_an_option_leaves_out_is_said(option: str, said: str, tmp_path: Path) -> None:
    status, out = pytest_of(tmp_path, PASSES, option)
    assert status == 10, out
    assert said in out


def test_a_suite_that_cannot_be_collected_could_not_run(tmp_path: Path) -> None:
    """pytest calls that interrupted too."""
    status, out = pytest_of(tmp_path, "import no_such_module\n")
    assert status == 10, out
    assert "VERDICT: COULD NOT RUN (nothing was judged)" in out


def test_a_report_is_left_alone_by_what_is_no_run_of_suites(tmp_path: Path) -> None:
    """And the marker of a run that goes on beside it."""
    report = tmp_path / "report"
    report.mkdir()
    (report / "verdict.json").write_text("{}", encoding="utf-8")
    (report / "unfinished.txt").touch()
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--report', default='report')\n", encoding="utf-8"
    )
    pytest_of(tmp_path, PASSES, "--collect-only")
    assert (report / "unfinished.txt").exists()
    assert (report / "verdict.json").read_text(encoding="utf-8") == "{}"


def test_a_run_beside_another_gives_no_verdict_and_leaves_its_report(tmp_path: Path) -> None:
    report = tmp_path / "report"
    other = begin(report, "tinyvmaf gate")
    (report / "verdict.json").write_text("{}", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--report', default='report')\n", encoding="utf-8"
    )
    status, out = pytest_of(tmp_path, PASSES)
    assert status == 10, out
    assert "COULD NOT RUN: " in out
    assert "another run of suites writes its report there: 'tinyvmaf gate' (process " in out
    assert {path.name for path in report.iterdir()} == {".lock", "unfinished.txt", "verdict.json"}
    other.release()
    assert pytest_of(tmp_path, PASSES, "-k", "nothing")[0] == 5


def test_a_run_of_suites_without_a_test_leaves_no_report(tmp_path: Path) -> None:
    report = tmp_path / "report"
    report.mkdir()
    (report / "verdict.json").write_text('{"verdict": "PASS"}', encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--report', default='report')\n", encoding="utf-8"
    )
    status, out = pytest_of(tmp_path, PASSES, "-k", "nothing")
    assert status == 5, out
    assert [path.name for path in report.iterdir()] == [".lock"]
