"""Workflows run what can be run at home, let no code of others in, and give none of it rights."""

import re
from pathlib import Path

import pytest

from ci.lock import ROOT

from . import workflows

TEXTS = workflows.texts()
GATE = ROOT / ".github/workflows/gate.yml"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_a_workflow_lets_no_code_of_others_in(path: Path) -> None:
    assert not workflows.faults(TEXTS[path])


def test_an_action_stands_at_one_commit_everywhere() -> None:
    pinned: dict[str, set[str]] = {}
    for text in TEXTS.values():
        for action, commit in workflows.pins(text).items():
            pinned.setdefault("/".join(action.split("/")[:2]), set()).add(commit)
    assert {"actions/checkout", "actions/upload-artifact"} <= pinned.keys()
    assert all(len(commits) == 1 for commits in pinned.values()), pinned


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (r"@[0-9a-f]{40} # v6\.0\.2", "@v6", "not pinned to a commit"),
        (r"@([0-9a-f]{39})[0-9a-f] ", r"@\1 ", "not pinned to a commit"),
        (r"  pull_request:\n", "  pull_request_target:\n", "pull_request_target"),
        (r"permissions:\n  contents: read", "permissions:\n  contents: write", "may write"),
        (r"permissions:\n  contents: read", "permissions: write-all", "may write"),
        (r"permissions:\n  contents: read\n", "", "no permissions"),
        (r"    timeout-minutes: 15", "    permissions:\n      pull-requests: write", "may write"),
        (r"persist-credentials: false", "persist-credentials: true", "leaves the token"),
        (r"run: python -m tox -e golden", "run: echo ${{ github.head_ref }}", "text of others in a script"),
    ],
)
def test_each_fault_is_found(before: str, after: str, fault: str) -> None:
    broken, times = re.subn(before, after, TEXTS[GATE])
    assert times
    assert any(fault in found for found in workflows.faults(broken))


def test_the_one_workflow_that_may_write_runs_the_main_branch_only() -> None:
    writing = [path for path, text in TEXTS.items() if "pull-requests: write" in text]
    assert [path.name for path in writing] == ["comment.yml"]
    text = TEXTS[writing[0]]
    assert workflows.events(workflows.load(text)) == {"workflow_run"}
    assert [step["run"] for step in workflows.steps(workflows.load(text)) if "run" in step] == [
        'python3 -I tools/ci/comment.py "$RUNNER_TEMP/comment"'
    ]
    broken = text.replace("github.event.repository.default_branch", "github.event.workflow_run.head_sha")
    assert any("checks out what the other run judged" in found for found in workflows.faults(broken))


def test_the_comment_takes_what_the_gate_leaves() -> None:
    gate, comment = workflows.load(TEXTS[GATE]), workflows.load(TEXTS[GATE.with_name("comment.yml")])
    assert comment["on"]["workflow_run"]["workflows"] == [gate["name"]]
    left = {step["with"]["name"] for step in workflows.steps(gate) if "upload-artifact" in step.get("uses", "")}
    taken = {step["with"]["name"] for step in workflows.steps(comment) if "download-artifact" in step.get("uses", "")}
    assert taken == {"comment"} <= left


@pytest.mark.parametrize("path", [path for path in TEXTS if path.stem != "comment"], ids=lambda path: path.stem)
def test_workflows_run_what_tox_runs(path: Path) -> None:
    """What a merge waits for can be run at home: nothing but tox, and what shows or keeps its results."""
    data = workflows.load(TEXTS[path])
    known = set(re.findall(r"^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text(encoding="utf-8"), re.MULTILINE))
    shows = (
        "python -m pip install --require-hashes -r locks/tox.txt",
        "mkdir comment",
        "printf",
        'cp "$REPORT/',
        "mkdir dist",
        "gh release upload",
    )
    ran: list[str] = []
    for job in data["jobs"].values():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                if found := re.match(r'python -m tox (?:exec )?-e (?:(\w+)\b|"\$ENVIRONMENT")', line):
                    ran += [found[1]] if found[1] else job["strategy"]["matrix"]["environment"]
                else:
                    assert line.startswith(shows), line
    assert ran
    assert set(ran) <= known
