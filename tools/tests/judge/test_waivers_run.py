"""A waiver of a registered model is not for a file that takes its id."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tinyvmaf.files import home
from tinyvmaf.judge.verdict import EXIT, FAIL, PASS

CONFTEST = """
from pathlib import Path
from tinyvmaf.judge import selection
from tinyvmaf.model.subject import Subject

pytest_plugins = ["tinyvmaf.judge.plugin"]

def pytest_addoption(parser):
    parser.addoption("--report", default="report")

def pytest_configure(config):
    one = Subject({model!r}, Path("x.onnx"), registered={registered!r})
    config.stash[selection._SUBJECTS] = {{one.id: one}}
    config.pluginmanager.get_plugin("tinyvmaf-verdict").under_test([one])

def pytest_generate_tests(metafunc):
    metafunc.parametrize("model", [{model!r}])
"""
TESTS = """
from tinyvmaf.judge.bounds import load_bounds
from tinyvmaf.judge.outcomes import hold

def test_by_assertion(model, judged_by_assertions):
    assert model == ""

def test_by_outcome(model, judge):
    judge(hold(load_bounds().for_("contract.range_low"), model, {"row": -1.0}, reproduce="again"))
"""
WAIVER = '[[waiver]]\nmodel = "{}"\ngate = "{}"\nreason = "known"\nowner = "us"\nexpires = 2999-01-01\n'
REGISTRY = (home() / "model/registry.json").read_text(encoding="utf-8")
GATES = ("contract.by_assertion", "contract.range_low")


def run(folder: Path, model: str, *, registered: bool, registry: str = REGISTRY) -> tuple[int, dict[str, Any], str]:
    """Exit status, verdict.json and output of two tests that fail on a model, with a waiver for each."""
    suite = folder / "suites/contract"
    suite.mkdir(parents=True)
    (folder / "model").mkdir()
    for name, text in {
        "gates.toml": (home() / "gates.toml").read_text(encoding="utf-8"),
        "model/registry.json": registry,
        "pytest.ini": "[pytest]\n",
        "conftest.py": CONFTEST.format(model=model, registered=registered),
        "suites/contract/test_it.py": TESTS,
        "waivers.toml": "".join(WAIVER.format(model, gate) for gate in GATES),
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "suites/contract",
        "-q",
        "-p",
        "no:cacheprovider",
        "--allow=gates,settings",
    ]
    variables = os.environ | {"TINYVMAF_HOME": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False)
    verdict = json.loads((folder / "report/verdict.json").read_text(encoding="utf-8"))
    return done.returncode, verdict, done.stdout + done.stderr


@pytest.mark.parametrize(("model", "registered"), [("tinyvmaf_tiny", True), ("theirs", False)])
def test_a_waiver_is_for_the_model_that_it_names(model: str, registered: bool, tmp_path: Path) -> None:
    status, verdict, text = run(tmp_path, model, registered=registered)
    assert (status, verdict["verdict"], verdict["counts"]["waived"]) == (EXIT[PASS], PASS, 2), text
    assert {waiver["state"] for waiver in verdict["waivers"]} == {"used"}


@pytest.mark.parametrize(("model", "registry"), [("tinyvmaf_tiny", REGISTRY), ("theirs", "[")])
def test_a_file_that_has_or_may_have_the_id_of_a_registered_model_uses_none(
    model: str, registry: str, tmp_path: Path
) -> None:
    status, verdict, text = run(tmp_path, model, registered=False, registry=registry)
    assert (status, verdict["verdict"], verdict["counts"]["waived"]) == (EXIT[FAIL], FAIL, 0), text
    assert {gate for failure in verdict["failures"] for gate in failure["gates"]} == set(GATES)
    assert {waiver["state"] for waiver in verdict["waivers"]} == {"not asked"}
