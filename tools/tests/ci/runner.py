"""Runs the steps of a composite action as GitHub's runner does: from its own YAML, by bash, with files for outputs.

It knows what this project's action uses: inputs with defaults, `github.*`, outputs of steps, and simple conditions.
"""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .workflows import load

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_CONTEXT = re.compile(r"'[^']*'|[A-Za-z_][\w-]*(?:\.[\w-]+)+")


@dataclass
class Ran:
    """A step that ran, by its name or what it uses."""

    name: str
    status: int
    text: str


@dataclass
class Runner:
    """One job: a workspace, temporary folders, an event, and the outputs of steps so far."""

    action: Path
    workspace: Path
    temp: Path
    github: Mapping[str, Any]
    environment: Mapping[str, str]
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    artifacts: dict[str, Path] = field(default_factory=dict)

    def value(self, name: str, inputs: Mapping[str, str]) -> Any:
        """What a context such as `steps.gate.outputs.status` says; nothing is an empty text."""
        found: Any = {"inputs": inputs, "github": self.github}
        found["steps"] = {step: {"outputs": outputs} for step, outputs in self.outputs.items()}
        for key in name.split("."):
            found = found.get(key, "") if isinstance(found, Mapping) else ""
        return found

    def text(self, template: str, inputs: Mapping[str, str]) -> str:
        """A template with its expressions replaced."""
        return _EXPRESSION.sub(lambda found: str(self.value(found[1], inputs)), template)

    def holds(self, condition: str | None, inputs: Mapping[str, str], failed: bool) -> bool:
        """Whether a step runs; without a condition it does if nothing failed."""
        if condition is None:
            return not failed
        match = _EXPRESSION.fullmatch(condition)
        code = _CONTEXT.sub(
            lambda found: found[0] if found[0][0] == "'" else repr(self.value(found[0], inputs)),
            match[1] if match else condition,
        )
        code = code.replace("!cancelled()", "True").replace("&&", "and").replace("||", "or")
        return bool(eval(code, {"__builtins__": {}}))

    def run(self, given: Mapping[str, str], skip: Mapping[str, Mapping[str, str]]) -> int:
        """Run all steps, with these outputs in place of those in `skip`. Returns the status of the first that fails."""
        data = load("on: x\n" + (self.action / "action.yml").read_text(encoding="utf-8"))
        inputs = {name: str(one.get("default", "")) for name, one in data["inputs"].items()}
        assert given.keys() <= inputs.keys()
        inputs = {name: self.text(given.get(name, default), {}) for name, default in inputs.items()}
        status = 0
        for step in data["runs"]["steps"]:
            name = step.get("name") or step["uses"].split("@")[0]
            if not self.holds(step.get("if"), inputs, status != 0):
                continue
            if "uses" in step:
                done = self.use(step, inputs)
            elif step.get("id") in skip:
                self.outputs[step["id"]] = dict(skip[step["id"]])
                done = Ran(name, 0, "")
            else:
                done = self.bash(step, name, inputs)
            self.ran.append(done)
            status = status or done.status
        return status

    def use(self, step: dict[str, Any], inputs: Mapping[str, str]) -> Ran:
        """An action of others: the artifact's folder is kept, Python is here already."""
        name = step["uses"].split("@")[0]
        having = {key: self.text(str(value), inputs) for key, value in step.get("with", {}).items()}
        if name == "actions/upload-artifact":
            path = Path(having["path"])
            assert having["if-no-files-found"] == "error"
            self.artifacts[having["name"]] = path
            return Ran(name, 0 if path.is_dir() and any(path.iterdir()) else 1, "")
        assert name == "actions/setup-python"
        return Ran(name, 0, "")

    def bash(self, step: dict[str, Any], name: str, inputs: Mapping[str, str]) -> Ran:
        """A script, as the runner calls it: bash --noprofile --norc -eo pipefail FILE."""
        assert step["shell"] == "bash"
        files = {key: self.temp / key.lower() for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
        for file in files.values():
            file.touch()
        files["GITHUB_OUTPUT"].write_text("", encoding="utf-8")
        script = self.temp / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        environment = {
            **self.environment,
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_ACTION_PATH": str(self.action),
            **{key: str(path) for key, path in files.items()},
            **{key: self.text(str(value), inputs) for key, value in step.get("env", {}).items()},
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3000,
            check=False,
        )
        lines = files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
        self.outputs[step.get("id", name)] = dict(line.split("=", 1) for line in lines)
        return Ran(name, done.returncode, done.stdout)
