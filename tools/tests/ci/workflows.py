"""What a workflow may not do, found in its YAML."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ci.lock import ROOT

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
_PINNED = re.compile(r"uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v[0-9]+(?:\.[0-9]+){2})")


def load(text: str) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads the key `on` as true."""
    data: dict[Any, Any] = yaml.safe_load(text)
    return {("on" if key is True else key): value for key, value in data.items()}


def events(data: dict[str, Any]) -> set[str]:
    on = data["on"]
    return {on} if isinstance(on, str) else set(on)


def steps(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The steps of a workflow's jobs, or of a composite action."""
    for job in data["jobs"].values() if "jobs" in data else [data["runs"]]:
        yield from job.get("steps", [])


def writes(permissions: Any) -> bool:
    if isinstance(permissions, str):
        return permissions != "read-all"
    return any(value == "write" for value in (permissions or {}).values())


def pins(text: str) -> dict[str, str]:
    """Commit of each action of others; the same action may stand at one commit only."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := _PINNED.search(line):
            found[match[1]] = match[2]
    return found


def faults(text: str) -> list[str]:
    """One sentence for each thing that would let somebody else's code in, or let it write."""
    data = load(text)
    found = [
        f"not pinned to a commit: {line.strip()}"
        for line in text.splitlines()
        if re.search(r"\buses:", line) and not _PINNED.search(line) and not re.search(r"uses: \./", line)
    ]
    found += [f"text of others in a script: {step['run']}" for step in steps(data) if "${{" in step.get("run", "")]
    if "jobs" not in data:
        return found
    if "pull_request_target" in events(data):
        found.append("pull_request_target runs with rights beside the code of a pull request")
    if "permissions" not in data:
        found.append("no permissions at the top: the default may write")
    parts = [data, *data["jobs"].values()]
    if events(data) & {"pull_request", "push"} and any(writes(part.get("permissions")) for part in parts):
        found.append("may write, and runs the code of a pull request or a branch")
    if "workflow_run" in events(data):
        for step in steps(data):
            if "actions/checkout" in step.get("uses", "") and "default_branch" not in step.get("with", {}).get(
                "ref", ""
            ):
                found.append("workflow_run checks out what the other run judged")
    for step in steps(data):
        if "actions/checkout" in step.get("uses", "") and step.get("with", {}).get("persist-credentials") is not False:
            found.append("checkout leaves the token in .git")
    return found


def texts() -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in FILES}
