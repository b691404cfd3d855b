"""Ways to drop, replace or skip tests, by options, files, variables or plugins: none of them ends in PASS.

docs/gates.md lists them; `WAYS` here are its rows.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from tinyvmaf.files import home

from .conftest import Gate
from .forks import Forks, run_gate

PASS, FAIL, COULD_NOT_RUN, NO_TESTS = 0, 1, 10, 5
MODELS = ("tinyvmaf_nano", "vmaf_v0.6.1_svr")
TESTS, CONFTEST = "suites/golden/test_models.py", "suites/golden/conftest.py"
LIBVMAF = "suites/golden/test_libvmaf.py"  # takes longest
FEW = ("-k", "nano and (flat or record)", "--allow", "selection")
"""A few tests of the suite, on purpose: such a run passes."""
Spoil = Callable[[Path], object]


def nothing(_: Path) -> None:
    """The files are as they were."""


def written(name: str, text: str) -> Spoil:
    def spoil(copy: Path) -> None:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text, encoding="utf-8")

    return spoil


def edited(name: str, old: str, new: str) -> Spoil:
    def spoil(copy: Path) -> None:
        text = (copy / name).read_text(encoding="utf-8")
        assert old in text
        (copy / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return spoil


def appended(name: str, text: str) -> Spoil:
    def spoil(copy: Path) -> None:
        with (copy / name).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{text}\n")

    return spoil


def both(*ways: Spoil) -> Spoil:
    def spoil(copy: Path) -> None:
        for way in ways:
            way(copy)

    return spoil


def another_home(copy: Path) -> None:
    """A checkout beside this one, whose models are others."""
    home = copy.with_name("another")
    home.mkdir()
    for name in ("model", "fixtures"):
        shutil.copytree(copy / name, home / name)
    shutil.copy(copy / "gates.toml", home)


def elsewhere(copy: Path) -> None:
    """The suite under another name."""
    (copy / "link").symlink_to(copy / "suites/golden")


def cache_of_failures(copy: Path) -> None:
    """What --lf takes: one test that failed before."""
    names = {f"{TESTS}::test_records_and_registry_name_the_same_models": True}
    written(".pytest_cache/v/cache/lastfailed", json.dumps(names))(copy)


BROKEN = edited(f"fixtures/golden/records/{MODELS[0]}.json", '"flat": [97.4', '"flat": [97.5')
"""The model's record is not of its scores: a run of it fails."""
SETTINGS = "[pytest]\naddopts = --import-mode=importlib\n"
DROPS = "def pytest_collection_modifyitems(items):\n    del items[1:]"
SKIPS = """\
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.skip)
"""
PATCHES = "import tinyvmaf.judge.outcomes as o\n\no.Outcome.failed = property(lambda self: False)"
SWALLOWS = """\
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    try:
        return (yield)
    except BaseException:
        return True
"""
PASSES = """\
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    report.outcome = "passed"
    return report
"""
CHANGES = f"""\
from pathlib import Path

def pytest_sessionfinish():
    with Path("model/{MODELS[0]}.onnx").open("ab") as file:
        file.write(b"x")
"""
IN_FRONT = """\
import importlib, sys

here = sys.path.pop(0)
del sys.modules["onnxruntime"]
importlib.import_module("onnxruntime")
sys.path.insert(0, here)
"""
STUB = "def test_golden_scores(judged_by_assertions):\n    pass\n"
FIRST = "def test_golden_scores("


class Way(NamedTuple):
    """A way, and what becomes of it."""

    what: str
    """For the table."""
    message: str
    """A part of what the verdict says."""
    options: tuple[str, ...] = FEW
    spoil: Spoil = nothing
    variables: Mapping[str, str] = MappingProxyType({})
    status: int = COULD_NOT_RUN
    verdict: bool = True


LEFT_OUT = "tests did not run"
WAYS = {
    # options
    "k": Way("`-k`", LEFT_OUT, ("-k", "not libvmaf")),
    "m": Way("`-m`", LEFT_OUT, ("-m", "parametrize", "-k", "not libvmaf")),
    "deselect": Way("`--deselect` of a file", LEFT_OUT, ("--deselect", LIBVMAF)),
    "deselect_one": Way(
        "`--deselect` of one test", LEFT_OUT, ("--deselect", LIBVMAF, "--deselect", f"{TESTS}::test_x")
    ),
    "ignore": Way("`--ignore`", LEFT_OUT, (f"--ignore={LIBVMAF}",)),
    "ignore_glob": Way("`--ignore-glob`", LEFT_OUT, ("--ignore-glob=*libvmaf*",)),
    "last_failed": Way("`--lf`", LEFT_OUT, ("--lf",), cache_of_failures),
    "stepwise": Way("`--sw`", LEFT_OUT, ("--sw", f"--ignore={LIBVMAF}")),
    "file": Way("arguments that name a file of a suite", LEFT_OUT, ("ONLY", TESTS)),
    "node": Way(
        "arguments that name a test", LEFT_OUT, ("ONLY", f"{TESTS}::test_records_and_registry_name_the_same_models")
    ),
    "arguments_from_a_file": Way(
        "arguments from a file (`@FILE`)", LEFT_OUT, ("ONLY", "@args"), written("args", f"{TESTS}\n-k\nflat\n")
    ),
    "pyargs": Way("`--pyargs`", LEFT_OUT, ("ONLY", "--pyargs", "suites.golden.test_models")),
    "maxfail": Way("`-x`", "VERDICT: FAIL", ("-x", f"--ignore={LIBVMAF}"), BROKEN, status=FAIL),
    "c": Way(
        "`-c` of another file",
        "pytest's settings are those of",
        ("-c", "other.ini", *FEW),
        written("other.ini", SETTINGS),
    ),
    "o_functions": Way("`-o python_functions=`", "-o python_functions=", ("-o", "python_functions=test_f*")),
    "o_files": Way("`-o python_files=`", "-o python_files=", ("-o", "python_files=test_models.py")),
    "o_xfail": Way("`-o xfail_strict=false`", "-o xfail_strict=", ("-o", "xfail_strict=false", *FEW)),
    "w": Way("`-W ignore`", "-W ignore", ("-W", "ignore", *FEW)),
    "no_warnings": Way("`-p no:warnings`", "-p no:warnings", ("-p", "no:warnings", *FEW)),
    "no_skipping": Way(
        "`-p no:skipping`", "Unknown config option: xfail_strict", ("-p", "no:skipping", *FEW), status=4
    ),
    "import_mode": Way("`--import-mode`", "ImportPathMismatchError", ("--import-mode=append", *FEW), status=4),
    "collect_only": Way("`--collect-only`", " tests collected", ("--collect-only",), status=NO_TESTS),
    "fixtures": Way("`--fixtures`", "fixtures defined from", ("--fixtures",), status=PASS),
    "setup_plan": Way("`--setup-plan`", LEFT_OUT, ("--setup-plan",)),
    "setup_only": Way("`--setup-only`", LEFT_OUT, ("--setup-only", f"--ignore={LIBVMAF}")),
    "confcutdir": Way(
        "`--confcutdir`",
        "no option named '--record'",
        ("--confcutdir=suites/golden", f"--ignore={LIBVMAF}"),
        status=FAIL,
        verdict=False,
    ),
    "no_conftest": Way(
        "`--noconftest`",
        "fixture 'frozen' not found",
        ("--noconftest", f"--ignore={LIBVMAF}"),
        status=FAIL,
        verdict=False,
    ),
    "rootdir": Way("`--rootdir`", "the root of this run is", ("--rootdir=..", *FEW), status=4),
    "no_verdict": Way(
        "`-p no:tinyvmaf-verdict`", "the verdict was switched off", ("-p", "no:tinyvmaf-verdict"), status=4
    ),
    "unknown_word": Way("`--allow` of an unknown word", "no such word", ("--allow", "all"), status=4),
    # files
    "pytest_ini": Way("a `pytest.ini`", "pytest's settings are those of", spoil=written("pytest.ini", SETTINGS)),
    "hidden_ini": Way("a `.pytest.ini`", "pytest's settings are those of", spoil=written(".pytest.ini", SETTINGS)),
    "pyproject": Way(
        "settings in `pyproject.toml` edited",
        "pytest's settings are those of",
        spoil=edited("pyproject.toml", 'filterwarnings = ["error", ', "filterwarnings = ["),
    ),
    "conftest_above": Way(
        "a new `conftest.py`", "suites/conftest.py (new)", spoil=written("suites/conftest.py", "X = 1")
    ),
    "conftest_drops": Way(
        "a `conftest.py` that drops tests", f"{CONFTEST} (changed)", ("--allow", "selection"), appended(CONFTEST, DROPS)
    ),
    "conftest_patches": Way(
        "a `conftest.py` that patches", f"{CONFTEST} (changed)", spoil=both(BROKEN, appended(CONFTEST, PATCHES))
    ),
    "root_conftest": Way(
        "the top `conftest.py` edited", "conftest.py (changed)", spoil=appended("conftest.py", "X = 1")
    ),
    "bound": Way(
        "a bound in `gates.toml` widened",
        "gates.toml (changed)",
        spoil=edited("gates.toml", "value = 0.97", "value = 0.5"),
    ),
    "one_test_removed": Way(
        "one test removed from a file", f"{TESTS} (changed)", spoil=edited(TESTS, FIRST, "def golden_scores(")
    ),
    "file_replaced": Way(
        "a file of tests replaced", f"{TESTS} (changed)", ("-k", "golden_scores"), written(TESTS, STUB)
    ),
    "file_removed": Way("a file of tests removed", f"{LIBVMAF} (gone)", spoil=lambda copy: (copy / LIBVMAF).unlink()),
    "marked_skip": Way(
        "`pytest.mark.skip` added", f"{TESTS} (changed)", spoil=edited(TESTS, FIRST, f"@pytest.mark.skip\n{FIRST}")
    ),
    "marked_xfail": Way(
        "`pytest.mark.xfail` added",
        f"{TESTS} (changed)",
        spoil=edited(TESTS, FIRST, f"@pytest.mark.xfail(strict=False)\n{FIRST}"),
    ),
    "module_in_front": Way(
        "a module in front of a package, which takes its own traces away",
        "module onnxruntime",
        spoil=written("onnxruntime.py", IN_FRONT),
    ),
    "another_name": Way(
        "a suite under another name",
        "link/test_libvmaf.py ",
        ("ONLY", "link/test_libvmaf.py", "-k", "flat"),
        elsewhere,
        status=NO_TESTS,
    ),
    # variables
    "addopts": Way("`PYTEST_ADDOPTS=-k`", "PYTEST_ADDOPTS is", (), variables={"PYTEST_ADDOPTS": "-k flat"}),
    "addopts_allow": Way(
        "`--allow` in `PYTEST_ADDOPTS`",
        "PYTEST_ADDOPTS is",
        (),
        variables={"PYTEST_ADDOPTS": "-k flat --allow selection"},
    ),
    "optimise": Way(
        "`PYTHONOPTIMIZE`, `python -O`",
        "switches assertions off",
        (*FEW, "--allow", "settings"),
        variables={"PYTHONOPTIMIZE": "1"},
    ),
    "home": Way(
        "`TINYVMAF_HOME` of another checkout",
        "TINYVMAF_HOME is",
        spoil=another_home,
        variables={"TINYVMAF_HOME": "../another"},
    ),
    "sitecustomize": Way(
        "a `sitecustomize`",
        "sitecustomize (",
        spoil=written("site/sitecustomize.py", "X = 1"),
        variables={"PYTHONPATH": "site"},
    ),
    # plugins
    "plugin": Way("`-p` of a plugin", "plugin evil", ("-p", "evil", *FEW), written("evil.py", "X = 1")),
    "plugin_variable": Way(
        "`PYTEST_PLUGINS`", "plugin evil", spoil=written("evil.py", "X = 1"), variables={"PYTEST_PLUGINS": "evil"}
    ),
    "plugin_drops": Way(
        "a plugin that drops tests", "plugin evil", ("-p", "evil", "--allow", "selection"), written("evil.py", DROPS)
    ),
    "plugin_skips": Way(
        "a plugin that skips a test", "skipped without an account", ("-p", "evil", *FEW), written("evil.py", SKIPS)
    ),
    "plugin_patches": Way(
        "a plugin that patches", "plugin evil", ("-p", "evil", *FEW), both(BROKEN, written("evil.py", PATCHES))
    ),
    "plugin_swallows": Way(
        "a plugin that swallows failures",
        "plugin evil",
        ("-p", "evil", *FEW),
        both(BROKEN, written("evil.py", SWALLOWS)),
        status=FAIL,
    ),
    "plugin_passes": Way(
        "a plugin that reports failures as passed",
        "plugin evil",
        ("-p", "evil", *FEW),
        both(BROKEN, written("evil.py", PASSES)),
        status=FAIL,
    ),
    "model_changes": Way(
        "a model that changes during the run",
        "changed while it was judged",
        ("-p", "evil", *FEW),
        written("evil.py", CHANGES),
    ),
}


@pytest.fixture(autouse=True)
def _few_models_and_a_green_report(copy: Path) -> None:
    """Two models, the gates as they are, and the report of an earlier run, which passed."""
    (copy / "suites/conftest.py").unlink(missing_ok=True)
    written("report/verdict.json", '{"verdict": "PASS"}')(copy)


@pytest.fixture
def run(copy: Path, forks: Forks | None) -> Gate:
    """Run the suite in the copy; `ONLY` in front of the options: what they name in place of the suite."""

    def gate(suite: str, *options: str, **variables: str) -> tuple[int, str]:
        if options[:1] == ("ONLY",):
            suite, options = "", options[1:]
        return run_gate(forks, suite, *options, copy=copy, variables=variables, allow=False)

    return gate


def test_the_same_runs_pass_where_nothing_is_wrong(copy: Path, run: Gate) -> None:
    for options in ((), FEW):
        status, text = run("golden", *options)
        assert status == PASS, text
        assert "VERDICT: PASS" in text
    assert json.loads((copy / "report/verdict.json").read_text(encoding="utf-8"))["question"].startswith("Do these")


@pytest.mark.parametrize("name", WAYS)
def test_no_way_ends_in_pass(name: str, copy: Path, run: Gate) -> None:
    way = WAYS[name]
    way.spoil(copy)
    status, text = run("golden", *way.options, **way.variables)
    assert status == way.status, text
    assert way.message in text, text
    assert "VERDICT: PASS" not in text
    report = copy / "report/verdict.json"
    older = (copy / "report/unfinished.txt").is_file() or (status and "VERDICT" not in text)
    assert older or not report.is_file() or json.loads(report.read_text(encoding="utf-8"))["verdict"] != "PASS"


def table() -> list[str]:
    """The rows of docs/gates.md."""
    ends = {COULD_NOT_RUN: "COULD NOT RUN", FAIL: "FAIL", PASS: "status 0 as of `--help`, no verdict and no report"}
    return [
        f"| {way.what} | {(way.verdict and ends.get(way.status)) or f'status {way.status}, no verdict'} |"
        for way in WAYS.values()
    ]


def test_each_way_is_listed() -> None:
    text = (home() / "docs/gates.md").read_text(encoding="utf-8")
    assert [row for row in table() if row not in text.splitlines()] == []


if __name__ == "__main__":
    print("\n".join(table()))
