"""The steps of action.yml that are more than one line: action.py gate | show. Standard library only.

Inputs come as environment variables (INPUT_MODEL ...), never as text in a script. `gate` writes the outputs `status`,
`verdict` and `report`; `show` writes annotations, and the summary to the run's page.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_MOST: Final = 10
"""Annotations of one step that GitHub shows."""
_WORDS: Final = {0: "PASS", 1: "FAIL", 10: "COULD NOT RUN"}


def given(name: str) -> list[str]:
    """The lines of an input."""
    return [line.strip() for line in os.environ.get(f"INPUT_{name}", "").splitlines() if line.strip()]


def folder(name: str) -> Path:
    return Path(os.environ[name])


def _copies() -> Path:
    return folder("RUNNER_TEMP") / "tinyvmaf-models"


def sidecar_of(model: Path) -> Path:
    """Where the repository has the sidecar of a model that was judged, perhaps as a copy."""
    if model.is_relative_to(_copies()):
        return Path.cwd() / given("SIDECAR")[int(model.relative_to(_copies()).parts[0])]
    return model.with_suffix(".json")


def models() -> list[Path]:
    """The models to judge. A sidecar that lies elsewhere is laid beside a copy of its model."""
    found = [Path.cwd() / line for line in given("MODEL")]
    sidecars = [Path.cwd() / line for line in given("SIDECAR")]
    if not sidecars:
        return found
    if len(sidecars) != len(found):
        raise SystemExit(
            f"{len(found)} models and {len(sidecars)} sidecars: name one sidecar for each model, in their order"
        )
    made = []
    for number, (model, sidecar) in enumerate(zip(found, sidecars, strict=True)):
        place = _copies() / str(number)
        place.mkdir(parents=True)
        made.append(Path(shutil.copy(model, place)))
        shutil.copy(sidecar, made[-1].with_suffix(".json"))
    return made


def gate() -> int:
    """Run the gate in the project's folder; its status is an output, so that what follows can show why."""
    report = folder("RUNNER_TEMP") / "tinyvmaf-report"
    # -P: a folder called tinyvmaf in the project is not the package.
    command = [sys.executable, "-P", "-m", "tinyvmaf", "gate", "--report", str(report)]
    for model in models():
        command += ["--model", str(model)]
    for line in given("WAIVERS"):
        command += ["--waivers", str(Path.cwd() / line)]
    command += given("ARGUMENTS")
    project = Path.cwd() / os.environ.get("INPUT_PROJECT", ".")
    status = subprocess.run(command, cwd=project, check=False).returncode
    with folder("GITHUB_OUTPUT").open("a", encoding="utf-8") as out:
        out.write(f"status={status}\nverdict={_WORDS.get(status, 'NONE')}\nreport={report}\n")
    return 0


def escaped(text: str, *more: str) -> str:
    """A text as part of a workflow command, which ends at a line's end."""
    for sign in ("%", "\r", "\n", *more):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _line(path: Path, pattern: str) -> int | None:
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if re.search(pattern, line)), None)


def place(failure: dict[str, Any], verdict: dict[str, Any], project: Path) -> tuple[Path, int] | None:
    """File and line that a failure is about, in the repository: its bound, its test, or the model's sidecar or file."""
    table = re.search(r"^bound from: (\S+) \[(.+)\]$", failure["text"], re.MULTILINE)
    if table and (line := _line(project / table[1], rf"^\s*\[{re.escape(table[2])}\]")):
        return project / table[1], line
    path, _, test = (failure["test"] or "").partition("::")
    if path and (line := _line(project / path, rf"^def {re.escape(test.split('[')[0])}\(")):
        return project / path, line
    model = next((project / one["path"] for one in verdict["models"] if one["id"] == failure["model"]), None)
    if model is None:
        return None
    sidecar = sidecar_of(model)
    words = f"{test.split('[')[0]} {failure['text'].splitlines()[0]}".replace("_", " ")
    if sidecar.is_file():
        keys = re.findall(r'^\s*"(\w+)":', sidecar.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        key = next((key for key in keys if len(key) > 2 and re.search(rf"\b{key.replace('_', ' ')}\b", words)), None)
        return sidecar, (key and _line(sidecar, rf'^\s*"{key}":')) or 1
    return (model, 1) if model.is_file() else None


def annotations(verdict: dict[str, Any], project: Path, workspace: Path) -> Iterator[str]:
    """One workflow command for each failure, the first ten."""
    failures = [*verdict["failures"], *verdict["could_not_run"]]
    for failure in failures[:_MOST]:
        found = place({"test": None, "model": None, **failure}, verdict, project)
        where = ""
        if found is not None and found[0].resolve().is_relative_to(workspace.resolve()):
            file = found[0].resolve().relative_to(workspace.resolve()).as_posix()
            where = f"file={escaped(file, ',', ':')},line={found[1]},"
        title = escaped(f"tinyvmaf {failure.get('model') or failure.get('suite') or 'gate'}", ",", ":")
        yield f"::error {where}title={title}::{escaped(failure['text'])}"
    if len(failures) > _MOST:
        yield f"::notice::{len(failures) - _MOST} more failures are in the report"


def show() -> int:
    """Annotations at the lines that failures are about; the summary on the run's page."""
    report = Path(os.environ["REPORT"])
    if not (report / "verdict.json").is_file():
        print("::error title=tinyvmaf::tinyvmaf gate wrote no report; its own output above says why")
        return 0
    verdict = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    project = Path.cwd() / os.environ.get("INPUT_PROJECT", ".")
    print(*annotations(verdict, project, folder("GITHUB_WORKSPACE")), sep="\n")
    with folder("GITHUB_STEP_SUMMARY").open("a", encoding="utf-8") as out:
        out.write((report / "summary.md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit({"gate": gate, "show": show}[sys.argv[1]]())
