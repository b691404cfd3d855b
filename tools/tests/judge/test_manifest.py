"""The manifest of the gates is that of the gates here, and tells what is not."""

import ast
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tinyvmaf.files import home
from tinyvmaf.judge import doubts, manifest
from tinyvmaf.judge.asked import Asked
from tinyvmaf.judge.manifest import RENEW, Manifest, is_among
from tinyvmaf.model import registry
from tinyvmaf.model.subject import Subject


def test_it_is_current() -> None:
    """After a change of suites, gates.toml or settings: `RENEW`."""
    known = manifest.load()
    assert known.changed(home(), known.suites) == [], RENEW
    assert known.settings == manifest.settings(home() / "pyproject.toml"), RENEW


def test_it_has_every_test_of_every_file() -> None:
    found = set()
    for path in (home() / "suites").glob("*/test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        found |= {f"{path.relative_to(home()).as_posix()}::{name}" for name in names}
    assert {test.partition("[")[0] for test in manifest.load().tests} == found, RENEW


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the gates."""
    shutil.copytree(home() / "suites", tmp_path / "suites", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "gates.toml"):
        shutil.copy(home() / name, tmp_path)
    for name in manifest.load().files:
        if name.startswith("tools/"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(home() / name, tmp_path / name)
    return tmp_path


def test_git_writes_the_line_ends_that_were_registered(tmp_path: Path) -> None:
    """Also with `core.autocrlf`, as on Windows: sidecars have hashes of bytes."""
    shutil.copy(home() / ".gitattributes", tmp_path)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=60)
    command = ["git", "check-attr", "eol", "--", "model/tinyvmaf_nano.json"]
    told = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60).stdout
    assert told.endswith("eol: lf\n")


def test_changes_are_named(checkout: Path) -> None:
    known = manifest.load()
    assert known.changed(checkout, known.suites) == []
    (checkout / "suites/golden/test_models.py").unlink()
    (checkout / "suites/golden/helper.py").touch()
    (checkout / "gates.toml").write_bytes((checkout / "gates.toml").read_bytes().replace(b"\n", b"\r\n"))
    with (checkout / "suites/corpus/conftest.py").open("a", encoding="utf-8") as file:
        file.write("\n")
    assert known.changed(checkout, ["contract"]) == []
    changed = ["suites/golden/helper.py (new)", "suites/golden/test_models.py (gone)"]
    assert known.changed(checkout, ["golden"]) == changed
    assert known.changed(checkout, ["corpus", "golden"]) == ["suites/corpus/conftest.py (changed)", *changed]


def run_of(root: Path, *arguments: str, **options: Any) -> pytest.Config:
    """As much of pytest's configuration as is asked for."""
    given = {"recipe": None, "features": None, "engine": ["numpy"], "require_engine": None} | options
    config = SimpleNamespace(
        rootpath=root,
        args=list(arguments),
        invocation_params=SimpleNamespace(dir=root, args=arguments),
        option=SimpleNamespace(**given),
        getoption=lambda name: given[name.removeprefix("--").replace("-", "_")],
    )
    return cast(pytest.Config, config)


def test_tests_follow_from_models_and_engines() -> None:
    known = Manifest({}, {}, {"suites/backends/t.py::test_a[{model}-{engine}]": "", "suites/golden/t.py::test_b": ""})
    subjects = [one for one in registry.subjects() if one.id in ("tinyvmaf_nano", "tinyvmaf_tiny")]
    config = run_of(home(), "suites")
    assert known.expected(config, subjects, ["backends", "golden"]) == {
        "suites/backends/t.py::test_a[tinyvmaf_nano-numpy]": "tinyvmaf_nano",
        "suites/backends/t.py::test_a[tinyvmaf_tiny-numpy]": "tinyvmaf_tiny",
        "suites/golden/t.py::test_b": None,
    }
    assert list(known.expected(config, subjects, ["golden"])) == ["suites/golden/t.py::test_b"]


def test_a_test_is_not_taken_for_one_whose_name_begins_with_its() -> None:
    """Of one with `*` any parameters will do, or none."""
    ran = ["suites/selftest/t.py::test_a_file[x]", "suites/selftest/t.py::test_b"]
    asked = [f"suites/selftest/t.py::test_{name}*" for name in ("a", "a_file", "b", "c")]
    assert [is_among(one, ran) for one in asked] == [False, True, True, False]


@pytest.mark.parametrize(
    ("arguments", "suites", "chosen", "alone"),
    [
        (("suites",), ["corpus", "golden"], [], True),
        (("suites/golden", "tools/tests"), ["golden"], [], False),
        ((".",), ["corpus", "golden"], [], False),
        (("suites/golden/test_a.py::test_b[c]",), ["golden"], ["suites/golden/test_a.py::test_b[c]"], True),
        (("suites/golden/test_a.py", "suites/golden"), ["golden"], [], True),
        (("tools/tests",), [], [], False),
    ],
)
def test_what_was_asked_for(
    arguments: tuple[str, ...], suites: list[str], chosen: list[str], alone: bool, tmp_path: Path
) -> None:
    asked = Asked.of(run_of(tmp_path, *arguments))
    assert (asked.suites(["corpus", "golden"]), asked.chosen, asked.alone) == (suites, chosen, alone)
    assert bool(asked) == bool(suites)


def test_only_what_is_typed_is_allowed() -> None:
    assert doubts.allowed(["suites", "--allow", "home", "--allow=gates,plugins", "-k", "x"]) == {
        "home",
        "gates",
        "plugins",
    }
    with pytest.raises(pytest.UsageError, match="--allow all: no such word; known: gates, home"):
        doubts.allowed(["--allow", "all"])


def test_a_model_that_changes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"a")
    model = Subject("m", path, registered=True)
    before = doubts.digests([model])
    digest = before["m"][0]
    assert digest is not None
    assert list(doubts.of_models(before, [model], {"m": {digest}})) == []
    told = [f"m: {path} or its sidecar changed while it was judged"]
    assert [one.text for one in doubts.of_models(before, [model], {"m": {"0" * 64}})] == told  # and back again
    path.with_suffix(".json").touch()
    assert [one.text for one in doubts.of_models(before, [model], {})] == told
