"""The action, step by step from its own YAML, and what it writes where."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from ci import action
from ci.lock import ROOT

from . import workflows
from .runner import Runner
from .test_comment import HEAD, MARK, REPOSITORY, FakeHub, hub

__all__ = ["hub"]
TEXT = (ROOT / "action.yml").read_text(encoding="utf-8")
HERE = {"install": {"python": sys.executable}}
"""The install takes minutes and a network: tox -e elsewhere runs it."""


def runner(tmp_path: Path, server: FakeHub, **event: Any) -> Runner:
    workspace, temp = tmp_path / "workspace", tmp_path / "temp"
    (workspace / "models").mkdir(parents=True)
    temp.mkdir()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "INPUT_", "COV_"))},
        "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}",
        "GITHUB_REPOSITORY": REPOSITORY,
    }
    return Runner(ROOT, workspace, temp, {"repository": REPOSITORY, "token": "t0ken", **event}, environment)


def pull_request(repository: str = REPOSITORY) -> dict[str, Any]:
    return {"event": {"pull_request": {"number": 7, "head": {"sha": HEAD, "repo": {"full_name": repository}}}}}


def test_the_action_lets_no_code_of_others_in() -> None:
    assert not workflows.faults(TEXT)
    assert workflows.pins(TEXT).items() <= {
        pin for text in workflows.texts().values() for pin in workflows.pins(text).items()
    }


@pytest.mark.slow
def test_a_model_elsewhere_is_judged(tmp_path: Path, hub: FakeHub) -> None:
    """The sidecar is wrong about the size. The model's name would be code, were it part of a script."""
    job = runner(tmp_path, hub, **pull_request())
    name = "models/$(touch pwned)`touch pwned`';touch pwned;'.onnx"
    shutil.copy(ROOT / "model/tinyvmaf_nano.onnx", job.workspace / name)
    sidecar = (ROOT / "model/tinyvmaf_nano.json").read_text(encoding="utf-8")
    wrong = sidecar.replace('"tier": "nano"', '"tier": "small"')
    assert wrong != sidecar
    (job.workspace / "claims.json").write_text(wrong, encoding="utf-8")
    given = {
        "model": name,
        "sidecar": "claims.json",
        "arguments": "-k\nsize_tier\n--allow\nselection\n--jobs\n1",
        "comment": "true",
        "name": "mine",
    }
    status = job.run(given, HERE)
    text = "\n".join(f"== {step.name}: {step.status}\n{step.text}" for step in job.ran)
    assert status == 1, text
    assert [step.name for step in job.ran if step.status] == ["Verdict"], text
    assert job.outputs["gate"]["verdict"] == "FAIL"
    assert not list(tmp_path.rglob("pwned"))
    report = job.artifacts["mine"]
    assert json.loads((report / "verdict.json").read_text(encoding="utf-8"))["verdict"] == "FAIL"
    assert (job.temp / "github_step_summary").read_text(encoding="utf-8") == (report / "summary.md").read_text(
        encoding="utf-8"
    )
    line = 1 + wrong[: wrong.index('"tier"')].count("\n")
    assert f"::error file=claims.json,line={line},title=tinyvmaf tinyvmaf_nano::" in text
    (comment,) = hub.comments
    assert comment["body"].startswith(MARK.replace("tinyvmaf -->", "mine -->"))
    assert "VERDICT: FAIL" in comment["body"]
    assert not [path for path in job.workspace.iterdir() if path.name not in {"models", "claims.json"}]


@pytest.mark.skipif("TINYVMAF_ELSEWHERE" not in os.environ, reason="TINYVMAF_ELSEWHERE is not set: tox -e elsewhere")
def test_the_action_installs_itself_and_judges(tmp_path: Path, hub: FakeHub) -> None:
    """All steps, from nothing, by the files whose hashes are locked; a run for a push has no pull request."""
    job = runner(tmp_path, hub)
    shutil.copy(ROOT / "model/tinyvmaf_nano.onnx", job.workspace / "models/mine.onnx")
    sidecar = (ROOT / "model/tinyvmaf_nano.json").read_text(encoding="utf-8")
    sidecar = sidecar.replace('"id": "tinyvmaf_nano"', '"id": "mine"')
    (job.workspace / "models/mine.json").write_text(sidecar, encoding="utf-8")
    given = {"model": "models/mine.onnx", "arguments": "-k\nkeeps_the_contract or finite\n--allow\nselection"}
    status = job.run(given, {})
    text = "\n".join(f"== {step.name}: {step.status}\n{step.text}" for step in job.ran)
    assert (status, job.outputs["gate"]["verdict"]) == (0, "PASS"), text
    assert job.outputs["install"]["python"].startswith(str(job.temp))
    assert not hub.comments


def failure(**changes: Any) -> dict[str, Any]:
    return {"suite": "loso", "model": None, "test": None, "text": "m: too far", "gates": [], **changes}


def verdict(*failures: dict[str, Any]) -> dict[str, Any]:
    return {"failures": list(failures), "could_not_run": [], "models": [{"id": "m", "path": "models/m.onnx"}]}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"text": "m: far\nbound from: gates.toml [loso.frame_max_error]"}, "file=gates.toml,line={bound},"),
        ({"text": "m: far\nbound from: /etc/passwd [root]"}, ""),
        (
            {"test": "suites/contract/test_contract.py::test_the_file_keeps_the_contract[m]"},
            "file=suites/contract/test_contract.py,line={test},",
        ),
        ({"test": "../../elsewhere.py::test_x"}, ""),
        ({}, ""),
    ],
)
def test_an_annotation_stands_where_the_failure_is(changes: dict[str, Any], where: str) -> None:
    def at(file: str, start: str) -> int:
        lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
        return next(number for number, line in enumerate(lines, 1) if line.startswith(start))

    where = where.format(
        bound=at("gates.toml", "[loso.frame_max_error]"),
        test=at("suites/contract/test_contract.py", "def test_the_file_keeps_the_contract("),
    )
    (line,) = action.annotations(verdict(failure(**changes)), ROOT, ROOT)
    assert line.startswith(f"::error {where}title=tinyvmaf loso::m: ")


def test_a_failure_cannot_say_other_commands() -> None:
    """A workflow command ends with its line; what is in a report may come from a file's name."""
    text = "a\n::set-output name=x::y\r%0A::stop-commands::z"
    (line,) = action.annotations(verdict(failure(text=text, suite="a,file=b::c")), ROOT, ROOT)
    assert "\n" not in line
    assert "\r" not in line
    assert line == "::error title=tinyvmaf a%2Cfile=b%3A%3Ac::a%0A::set-output name=x::y%0D%250A::stop-commands::z"


def test_ten_failures_are_annotated_and_the_others_counted() -> None:
    lines = list(action.annotations(verdict(*[failure()] * 12), ROOT, ROOT))
    assert len(lines) == 11
    assert lines[-1] == "::notice::2 more failures are in the report"


@pytest.mark.parametrize(
    ("head", "comment", "written"),
    [("fork/x", "true", False), (REPOSITORY, "true", True), (REPOSITORY, "false", False)],
)
def test_a_comment_is_asked_for_and_not_of_a_fork(
    head: str, comment: str, written: bool, tmp_path: Path, hub: FakeHub
) -> None:
    """A fork's token may not write; the run's page shows the verdict all the same."""
    job = runner(tmp_path, hub, **pull_request(head))
    job.outputs["gate"] = {"report": "r", "status": "0"}
    asked = {step.get("name"): step.get("if") for step in workflows.steps(workflows.load("on: x\n" + TEXT))}
    assert job.holds(asked["Comment on the pull request"], {"comment": comment}, failed=False) == written
    assert job.holds(asked["Show the verdict"], {"comment": comment}, failed=True)
